"""Collect `Facts`: a few small reads of /proc and /sys, nothing is changed and nothing is tried.

What must be tried (which system calls this kernel has) comes from the executor's probe, as *features*.
"""

from __future__ import annotations

import os

from pyruntime.facts import CgroupFacts, Facts, Hierarchy
from pyruntime.host.mounts import Mount, cgroup_mounts, resctrl_mount

CGROUP_ROOT = "/sys/fs/cgroup"

# PROC_USER_INIT_INO of the kernel's include/linux/proc_ns.h. An identity uid_map proves nothing: a
# user namespace may map every id to itself.
INITIAL_USER_NAMESPACE = 0xEFFFFFFD

LAST_CAPABILITY = 40
"""CAP_CHECKPOINT_RESTORE, for when /proc/sys cannot be read."""


def collect(features: frozenset[str], landlock: int = 0) -> Facts:
    """What is true of this host, for this process, now."""
    name = os.uname()
    mountinfo = read("/proc/self/mountinfo")
    return Facts(
        kernel=kernel_version(name.release),
        architecture=name.machine,
        features=features,
        cgroup=cgroups(mountinfo),
        euid=os.geteuid(),
        egid=os.getegid(),
        in_user_namespace=in_user_namespace(),
        last_capability=last_capability(),
        capabilities=capabilities(read("/proc/self/status")),
        landlock=landlock,
        resctrl=resctrl_mount(mountinfo),
    )


def look_for_lsms(facts: Facts) -> None:
    """Add which security modules can label a process: asked only for a configuration that has labels."""
    if read("/sys/module/apparmor/parameters/enabled").startswith("Y"):
        # Before 5.8 there is one file for whichever module has it.
        own = os.path.exists("/proc/self/attr/apparmor/exec")
        facts.apparmor = "attr/apparmor/exec" if own else "attr/exec"
    facts.selinux = os.path.exists("/sys/fs/selinux/enforce")


def kernel_version(release: str) -> tuple[int, int]:
    """(6, 18) of "6.18.44-generic"; what is not a number counts as 0."""
    major, _, rest = release.partition(".")
    minor = rest.partition(".")[0].partition("-")[0].partition("+")[0]
    return (int(major) if major.isdecimal() else 0, int(minor) if minor.isdecimal() else 0)


def in_user_namespace() -> bool:
    """Whether this process is in another user namespace than the initial one."""
    try:
        return os.stat("/proc/self/ns/user").st_ino != INITIAL_USER_NAMESPACE
    except OSError:  # a kernel without user namespaces
        return False


def last_capability() -> int:
    """The highest capability that this kernel knows."""
    text = read("/proc/sys/kernel/cap_last_cap").strip()
    return int(text) if text.isdecimal() else LAST_CAPABILITY


def capabilities(status: str) -> int:
    """The permitted set in a text like /proc/self/status; all, if it does not say."""
    _, found, rest = status.partition("CapPrm:")
    return int(rest.split(maxsplit=1)[0], 16) if found else -1


def cgroups(mountinfo: str) -> CgroupFacts:
    """The cgroup layout of this host, with the controllers of the cgroup2 mount."""
    facts = layout(mountinfo, read("/proc/self/cgroup"))
    if facts.unified is not None:
        controllers = read(facts.unified.mountpoint + "/cgroup.controllers")
        facts.unified.controllers = tuple(controllers.split())
    return facts


def layout(mountinfo: str, own_cgroup: str) -> CgroupFacts:
    """The layout that the texts of /proc/self/mountinfo and /proc/self/cgroup describe. Pure."""
    mounts = cgroup_mounts(mountinfo)
    own: dict[str, str] = {}
    v1: list[Hierarchy] = []
    #  9:name=systemd:/    4:cpu,cpuacct:/docker/1f3a    0::/init.scope
    for line in own_cgroup.split("\n"):
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if not path:
            continue
        controllers = tuple(names.split(","))
        own.update(dict.fromkeys(controllers, path))
        mount = _mount_of(mounts, controllers[0]) if number != "0" else None
        if mount is not None:
            v1.append(Hierarchy(controllers, mount.mountpoint, mount.root))
    unified = _unified(mounts)
    if unified is not None and (not v1 or unified.mountpoint == CGROUP_ROOT):
        return CgroupFacts("v2", unified=unified, own=own)
    if not v1:
        return CgroupFacts("none", own=own)
    if unified is not None and unified.mountpoint.startswith(CGROUP_ROOT + "/"):
        return CgroupFacts("hybrid", v1=tuple(v1), unified=unified, own=own)
    # A cgroup2 mount elsewhere is somebody's experiment, not the host's layout.
    return CgroupFacts("v1", v1=tuple(v1), own=own)


def _mount_of(mounts: list[Mount], controller: str) -> Mount | None:
    return _preferred([m for m in mounts if m.fstype == "cgroup" and controller in m.options])


def _unified(mounts: list[Mount]) -> Hierarchy | None:
    mount = _preferred([m for m in mounts if m.fstype == "cgroup2"])
    if mount is None:
        return None
    return Hierarchy((), mount.mountpoint, mount.root)


def _preferred(mounts: list[Mount]) -> Mount | None:
    # One hierarchy may be mounted many times: an engine binds parts of it for its containers.
    for mount in mounts:
        if (mount.mountpoint + "/").startswith(CGROUP_ROOT + "/"):
            return mount
    return mounts[0] if mounts else None


def read(path: str) -> str:
    """The whole of a small file, "" if there is none or it may not be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        parts = []
        # A seq_file gives about a page per read, however large the buffer.
        while part := os.read(fd, 65536):
            parts.append(part)
    except OSError:
        return ""
    finally:
        os.close(fd)
    return b"".join(parts).decode("utf-8", "surrogateescape")
