"""Hosts that plans are made for, each as one value."""

from __future__ import annotations

from typing import Any

from pyruntime.facts import FEATURES, CgroupFacts, Facts, Hierarchy

V2 = CgroupFacts(
    "v2",
    unified=Hierarchy(("cpuset", "cpu", "io", "memory", "hugetlb", "pids"), "/sys/fs/cgroup"),
    own={"": "/system.slice/engine.service"},
)
V1 = CgroupFacts(
    "v1",
    v1=(
        Hierarchy(("cpu", "cpuacct"), "/sys/fs/cgroup/cpu,cpuacct"),
        Hierarchy(("cpuset",), "/sys/fs/cgroup/cpuset"),
        Hierarchy(("memory",), "/sys/fs/cgroup/memory"),
        Hierarchy(("devices",), "/sys/fs/cgroup/devices"),
        Hierarchy(("freezer",), "/sys/fs/cgroup/freezer"),
        Hierarchy(("pids",), "/sys/fs/cgroup/pids"),
        Hierarchy(("name=systemd",), "/sys/fs/cgroup/systemd"),
    ),
    own=dict.fromkeys(("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "pids"), "/"),
)
HYBRID = CgroupFacts(
    "hybrid",
    v1=V1.v1,
    unified=Hierarchy((), "/sys/fs/cgroup/unified"),
    own={**V1.own, "": "/"},
)
NONE = CgroupFacts("none")

# What this machine's kernel may lack: every controller that the specification has properties for.
EVERY_V1 = CgroupFacts(
    "v1",
    v1=(
        *V1.v1,
        *(Hierarchy((name,), f"/sys/fs/cgroup/{name}") for name in ("blkio", "hugetlb", "rdma")),
        Hierarchy(("net_cls", "net_prio"), "/sys/fs/cgroup/net_cls,net_prio"),
    ),
    own=V1.own,
)
EVERY_V2 = CgroupFacts(
    "v2",
    unified=Hierarchy(
        ("cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"), "/sys/fs/cgroup"
    ),
    own=V2.own,
)


DELEGATED = CgroupFacts("v2", unified=V2.unified, own={"": "/user.slice/user-1000/session"})
NOT_DELEGATED = CgroupFacts("v2", unified=V2.unified, own={"": "/user.slice/session"})
NOT_DELEGATED.closed = {"": "/sys/fs/cgroup/user.slice is not writable for the runtime"}


def host(
    cgroup: CgroupFacts = V2,
    without: tuple[str, ...] = (),
    euid: int = 0,
    foreign: frozenset[str] = frozenset(),
    in_user_namespace: bool = False,
    **more: Any,
) -> Facts:
    """A host of today, less the features in *without*."""
    facts = Facts(
        kernel=(6, 12),
        architecture="x86_64",
        features=frozenset(FEATURES) - frozenset(without),
        cgroup=cgroup,
        euid=euid,
        egid=euid,
        last_capability=40,
        capabilities=0 if euid else -1,
        **more,
    )
    facts.foreign = foreign
    facts.in_user_namespace = in_user_namespace
    facts.id_helpers = {"uid_map": "/usr/bin/newuidmap", "gid_map": "/usr/bin/newgidmap"}
    return facts


HOSTS = {
    "v2": host(),
    "v1": host(V1),
    "hybrid": host(HYBRID),
    "every controller of v1": host(EVERY_V1),
    "every controller of v2": host(EVERY_V2),
    "no cgroups": host(NONE),
    "with resctrl": host(resctrl="/sys/fs/resctrl"),
    "before 5.12": host(without=("mount_setattr",)),
    "before 5.2": host(V1, without=FEATURES),
    "apparmor": host(apparmor="attr/apparmor/exec"),
    "apparmor before 5.8": host(apparmor="attr/exec"),
    "selinux": host(selinux=True),
    "selinux with cgroup v1": host(V1, selinux=True),
    "selinux before 5.2": host(V1, without=FEATURES, selinux=True),
    **{f"landlock {version}": host(landlock=version) for version in range(8)},
    "unprivileged": host(NOT_DELEGATED, euid=1000),
    "unprivileged, delegated": host(DELEGATED, euid=1000),
    "unprivileged, namespaces of the host": host(
        NOT_DELEGATED, euid=1000, foreign=frozenset(("network", "pid", "ipc"))
    ),
    "in a user namespace": host(DELEGATED, in_user_namespace=True),
    "in a user namespace, network of the host": host(
        NOT_DELEGATED, in_user_namespace=True, foreign=frozenset(("network",))
    ),
}
