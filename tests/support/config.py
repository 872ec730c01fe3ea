"""The config.json that tests start from: what `runc spec` writes, without a terminal and with a writable root."""

from __future__ import annotations

from typing import Any

from support import ids

Config = dict[str, Any]

CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
MASKED = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/timer_list",
    "/sys/firmware",
    "/proc/scsi",
]
READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def mount(destination: str, kind: str, source: str, *options: str) -> Config:
    return {"destination": destination, "type": kind, "source": source, "options": list(options)}


def bind(source: object, destination: str, *options: str) -> Config:
    kind = () if {"bind", "rbind"} & set(options) else ("bind",)
    return mount(destination, "none", str(source), *kind, *options)


def default_mounts() -> list[Config]:
    return [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        mount(
            "/dev/pts",
            "devpts",
            "devpts",
            "nosuid",
            "noexec",
            "newinstance",
            "ptmxmode=0666",
            "mode=0620",
            "gid=5",
        ),
        mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
        mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
        mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"),
    ]


def default_config() -> Config:
    """For a caller without privileges, in a user namespace with all ids that the caller may use."""
    config = _privileged_config()
    if not ids.PRIVILEGED:
        config["linux"]["namespaces"].append({"type": "user"})
        config["linux"].update(uidMappings=ids.maps("uid"), gidMappings=ids.maps("gid"))
        config["linux"]["resources"] = {}  # Restricting devices takes root.
    return config


def _privileged_config() -> Config:
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": ["/bin/true"],
            "env": ["PATH=/usr/bin:/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": {
                name: list(CAPABILITIES)
                for name in ("bounding", "effective", "permitted", "ambient", "inheritable")
            },
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": False},
        "hostname": "container",
        "mounts": default_mounts(),
        "linux": {
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")],
            "maskedPaths": list(MASKED),
            "readonlyPaths": list(READONLY),
        },
    }


def namespace(config: Config, kind: str) -> Config | None:
    return next((entry for entry in config["linux"]["namespaces"] if entry["type"] == kind), None)


def drop_namespace(config: Config, *kinds: str) -> None:
    config["linux"]["namespaces"] = [
        e for e in config["linux"]["namespaces"] if e["type"] not in kinds
    ]


def drop_mount(config: Config, *destinations: str) -> None:
    config["mounts"] = [m for m in config["mounts"] if m["destination"] not in destinations]


def add_user_namespace(config: Config, *, host_id: int = 100000, size: int = 65536) -> None:
    """A user namespace in which 0 is *host_id*; an ordinary user's containers have one with other ids."""
    if namespace(config, "user"):
        return
    config["linux"]["namespaces"].append({"type": "user"})
    for maps in ("uidMappings", "gidMappings"):
        config["linux"][maps] = [{"containerID": 0, "hostID": host_id, "size": size}]


def join_owner(config: Config, pid: int) -> None:
    """Join *pid*'s user namespace too: an ordinary user can join another one only together with that which owns it."""
    if entry := None if ids.PRIVILEGED else namespace(config, "user"):
        entry["path"] = f"/proc/{pid}/ns/user"
        del config["linux"]["uidMappings"], config["linux"]["gidMappings"]


def on_host(config: Config, inside: int) -> int:
    """What user or group *inside* the container is on the host."""
    for entry in config["linux"].get("uidMappings", ()):
        offset = inside - entry["containerID"]
        if 0 <= offset < entry["size"]:
            return int(entry["hostID"] + offset)
    return inside


def all_capabilities(config: Config) -> None:
    """Every capability of the tests' own bounding set, for a test that needs a strong process."""
    names = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "MKNOD", "NET_ADMIN", "SETGID", "SETUID", "SETPCAP", "SYS_ADMIN", "SYS_CHROOT",
             "KILL", "SYS_PTRACE", "NET_RAW", "SYSLOG"]  # fmt: skip
    config["process"]["capabilities"] = {
        kind: [f"CAP_{name}" for name in names]
        for kind in ("bounding", "effective", "permitted", "inheritable", "ambient")
    }
