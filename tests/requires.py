"""The one place that knows skip conditions. Each is a mark; its reason is the line that expected-skips.txt lists."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from conformance import suite
from support import cgroups, ids


def _need(name: str, met: bool) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not met, reason=f"requires {name}")


def _effective_capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _kernel_version() -> tuple[int, int]:
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int("".join(c for c in minor if c.isdigit()))


KERNEL = _kernel_version()

root = _need("root", os.geteuid() == 0)
user_namespaces = _need("user namespaces", os.path.exists("/proc/self/ns/user"))
time_namespaces = _need("time namespaces", os.path.exists("/proc/self/ns/time"))
cgroup_namespaces = _need("cgroup namespaces", os.path.exists("/proc/self/ns/cgroup"))
cgroup_v1 = _need("cgroup v1", bool(cgroups.HIERARCHIES) and not cgroups.UNIFIED)
systemd = _need("systemd", os.path.isdir("/run/systemd/system"))
cgroup_v2 = _need("cgroup v2", cgroups.UNIFIED)
cgroup2 = _need("a cgroup2 mount", "" in cgroups.HIERARCHIES)
no_resctrl = _need("no resctrl", " - resctrl " not in Path("/proc/self/mountinfo").read_text())
fuse = _need("FUSE", os.path.exists("/dev/fuse"))
_apparmor = Path("/sys/module/apparmor/parameters/enabled")
APPARMOR = _apparmor.exists() and _apparmor.read_text().startswith("Y")
SELINUX = os.path.exists("/sys/fs/selinux/enforce")
apparmor = _need("AppArmor", APPARMOR)
no_apparmor = _need("no AppArmor", not APPARMOR)
no_selinux = _need("no SELinux", not SELINUX)
no_cap_sys_resource = _need("no CAP_SYS_RESOURCE", not _effective_capabilities() & 1 << 24)
cap_sys_resource = _need("CAP_SYS_RESOURCE", bool(_effective_capabilities() & 1 << 24))
two_processors = _need("two processors", (os.cpu_count() or 1) > 1)
numa = _need("NUMA", os.path.exists("/proc/self/numa_maps"))
block_device = _need("a block device", bool(list(Path("/sys/block").glob("*/dev"))))
_REAL_TIME = (cgroups.HIERARCHIES.get("cpu", Path("/")) / "cpu.rt_runtime_us").exists()
real_time_groups = _need("real-time groups of cgroups", _REAL_TIME)


def _has_security_attributes() -> bool:
    import tempfile

    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
        try:
            os.setxattr(file.name, "security.selinux", b"a:b:c:s0")
        except OSError:
            return False
        return True


security_attributes = _need("security attributes on tmpfs", _has_security_attributes())


def _landlock_version() -> int:
    """landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION), which has one number everywhere."""
    import ctypes

    return int(ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1))


LANDLOCK = max(_landlock_version(), 0)


def landlock(version: int) -> pytest.MarkDecorator:
    return _need(f"Landlock {version}", version <= LANDLOCK)


as_user = _need("an ordinary user", not ids.PRIVILEGED)


def as_root(why: str) -> pytest.MarkDecorator:
    """The test itself does what only root may, in words that the list of an ordinary user's skips repeats."""
    return _need(f"root: {why}", ids.PRIVILEGED)


def kernel(major: int, minor: int) -> pytest.MarkDecorator:
    return _need(f"Linux {major}.{minor}", (major, minor) <= KERNEL)


def controller(name: str) -> pytest.MarkDecorator:
    return _need(f"cgroup controller {name}", cgroups.has_controller(name))


def program(name: str) -> pytest.MarkDecorator:
    return _need(f"program {name}", shutil.which(name) is not None)


def _go() -> bool:
    """Go, or what it has built: the OCI validation programs."""
    try:
        suite.find_go()
    except suite.Unavailable:
        return suite.cache_directory().is_dir()
    return True


go = _need("program go", _go())
