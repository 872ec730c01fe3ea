"""Hosts with different cgroup layouts, as facts."""

from __future__ import annotations

import pytest

from pyruntime.facts import CgroupFacts, Facts, Hierarchy

CGROUP = "/sys/fs/cgroup"
ALL_V2 = ("cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc")


def facts(cgroup: CgroupFacts, euid: int = 0, architecture: str = "x86_64") -> Facts:
    return Facts(
        kernel=(6, 1), architecture=architecture, features=frozenset(), cgroup=cgroup, euid=euid
    )


def hierarchy(*controllers: str, root: str = "/") -> Hierarchy:
    name = ",".join(controllers).removeprefix("name=")
    return Hierarchy(controllers, f"{CGROUP}/{name}", root)


def v1_hierarchies(root: str = "/") -> tuple[Hierarchy, ...]:
    names = ("memory", "cpuset", "devices", "freezer", "pids", "blkio", "hugetlb", "rdma")
    together = (("cpu", "cpuacct"), ("net_cls", "net_prio"), ("name=systemd",))
    return tuple(hierarchy(*each, root=root) for each in (*((name,) for name in names), *together))


@pytest.fixture
def v1() -> Facts:
    own = {"memory": "/user.slice", "cpu": "/user.slice", "cpuacct": "/user.slice"}
    return facts(CgroupFacts("v1", v1=v1_hierarchies(), own=own))


@pytest.fixture
def v2() -> Facts:
    own = {"": "/system.slice/containerd.service"}
    return facts(CgroupFacts("v2", unified=Hierarchy(ALL_V2, CGROUP), own=own))


@pytest.fixture
def hybrid() -> Facts:
    """v1 without hugetlb, which is in the cgroup2 mount."""
    first = tuple(each for each in v1_hierarchies() if each.controllers != ("hugetlb",))
    unified = Hierarchy(("hugetlb",), f"{CGROUP}/unified")
    own = {"memory": "/work/6c81", "": "/"}
    return facts(CgroupFacts("hybrid", v1=first, unified=unified, own=own))


@pytest.fixture
def named_only() -> Facts:
    """systemd's hybrid layout on a kernel with cgroup_no_v1=all: only name=systemd is v1."""
    unified = Hierarchy(ALL_V2, f"{CGROUP}/unified")
    return facts(
        CgroupFacts("hybrid", v1=(hierarchy("name=systemd"),), unified=unified, own={"": "/"})
    )


@pytest.fixture
def bare() -> Facts:
    """No cgroup file system at all."""
    return facts(CgroupFacts("none"))


@pytest.fixture
def rootless() -> Facts:
    cgroup = CgroupFacts("v2", unified=Hierarchy(ALL_V2, CGROUP), own={"": "/user.slice"})
    return facts(cgroup, euid=1000)
