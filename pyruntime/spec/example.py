"""The config.json that `spec` writes: a shell in a busybox root file system, with little power.

It asks for what `runc spec` asks for, which people edit and tests start from.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

CAPABILITIES = ("CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE")

#   destination      type      source     options
MOUNTS = (
    ("/proc", "proc", "proc", ()),
    ("/dev", "tmpfs", "tmpfs", ("nosuid", "strictatime", "mode=755", "size=65536k")),
    (
        "/dev/pts",
        "devpts",
        "devpts",
        ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
    ),
    ("/dev/shm", "tmpfs", "shm", ("nosuid", "noexec", "nodev", "mode=1777", "size=65536k")),
    ("/dev/mqueue", "mqueue", "mqueue", ("nosuid", "noexec", "nodev")),
    ("/sys", "sysfs", "sysfs", ("nosuid", "noexec", "nodev", "ro")),
    ("/sys/fs/cgroup", "cgroup", "cgroup", ("nosuid", "noexec", "nodev", "relatime", "ro")),
)

# Without a network namespace of one's own sysfs can't be mounted, but the host's can be shown.
ROOTLESS_SYS = ("/sys", "none", "/sys", ("rbind", "nosuid", "noexec", "nodev", "ro"))

NAMESPACES = ("pid", "network", "ipc", "uts", "mount", "cgroup")
ROOTLESS_NAMESPACES = ("pid", "ipc", "uts", "mount", "cgroup", "user")

MASKED_PATHS = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)

READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


def config(*, rootless: bool = False, uid: int = 0, gid: int = 0) -> dict[str, Any]:
    """An example; with *rootless* for an unprivileged user, whom *uid* and *gid* say."""
    return {
        "ociVersion": "1.3.0",
        "process": _process(),
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "pyruntime",
        "mounts": [_mount(*mount, rootless=rootless) for mount in MOUNTS],
        "linux": _linux_for_user(uid, gid) if rootless else _linux(),
    }


def _process() -> dict[str, Any]:
    sets = ("bounding", "effective", "permitted")
    return {
        "terminal": True,
        "user": {"uid": 0, "gid": 0},
        "args": ["sh"],
        "env": [f"PATH={PATH}", "TERM=xterm"],
        "cwd": "/",
        "capabilities": {name: list(CAPABILITIES) for name in sets},
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
        "noNewPrivileges": True,
    }


def _mount(
    destination: str, kind: str, source: str, options: tuple[str, ...], *, rootless: bool
) -> dict[str, Any]:
    if rootless and destination == "/sys":
        destination, kind, source, options = ROOTLESS_SYS
    # Group 5 (tty) is not in the map of a single user.
    kept = [option for option in options if not (rootless and option == "gid=5")]
    mount: dict[str, Any] = {"destination": destination, "type": kind, "source": source}
    return mount | {"options": kept} if kept else mount


def _linux() -> dict[str, Any]:
    return {
        "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        "namespaces": [{"type": kind} for kind in NAMESPACES],
        "maskedPaths": list(MASKED_PATHS),
        "readonlyPaths": list(READONLY_PATHS),
    }


def _linux_for_user(uid: int, gid: int) -> dict[str, Any]:
    return {
        "uidMappings": [{"containerID": 0, "hostID": uid, "size": 1}],
        "gidMappings": [{"containerID": 0, "hostID": gid, "size": 1}],
        "namespaces": [{"type": kind} for kind in ROOTLESS_NAMESPACES],
        "maskedPaths": list(MASKED_PATHS),
        "readonlyPaths": list(READONLY_PATHS),
    }
