"""What is odd in config.json but no fault: (JSON pointer, message), in the form of rules.py."""

from __future__ import annotations

from pyruntime.spec.rules import version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pyruntime.spec.places import Fault

# The newest minor version of the specification that these rules follow.
NEWEST = (1, 3)

CAPABILITIES = frozenset(
    {
        "CAP_CHOWN",
        "CAP_DAC_OVERRIDE",
        "CAP_DAC_READ_SEARCH",
        "CAP_FOWNER",
        "CAP_FSETID",
        "CAP_KILL",
        "CAP_SETGID",
        "CAP_SETUID",
        "CAP_SETPCAP",
        "CAP_LINUX_IMMUTABLE",
        "CAP_NET_BIND_SERVICE",
        "CAP_NET_BROADCAST",
        "CAP_NET_ADMIN",
        "CAP_NET_RAW",
        "CAP_IPC_LOCK",
        "CAP_IPC_OWNER",
        "CAP_SYS_MODULE",
        "CAP_SYS_RAWIO",
        "CAP_SYS_CHROOT",
        "CAP_SYS_PTRACE",
        "CAP_SYS_PACCT",
        "CAP_SYS_ADMIN",
        "CAP_SYS_BOOT",
        "CAP_SYS_NICE",
        "CAP_SYS_RESOURCE",
        "CAP_SYS_TIME",
        "CAP_SYS_TTY_CONFIG",
        "CAP_MKNOD",
        "CAP_LEASE",
        "CAP_AUDIT_WRITE",
        "CAP_AUDIT_CONTROL",
        "CAP_SETFCAP",
        "CAP_MAC_OVERRIDE",
        "CAP_MAC_ADMIN",
        "CAP_SYSLOG",
        "CAP_WAKE_ALARM",
        "CAP_BLOCK_SUSPEND",
        "CAP_AUDIT_READ",
        "CAP_PERFMON",
        "CAP_BPF",
        "CAP_CHECKPOINT_RESTORE",
    }
)

SETS = ("bounding", "effective", "inheritable", "permitted", "ambient")


def warnings(config: dict[str, Any]) -> Iterator[Fault]:
    """What a person should hear about *config*, which has no fault."""
    parts = version(config["ociVersion"])
    if parts and parts[:2] > NEWEST:
        yield (
            "/ociVersion",
            f"{config['ociVersion']} is newer than {NEWEST[0]}.{NEWEST[1]}, known here",
        )
    for index, mount in enumerate(config.get("mounts", ())):
        if not mount["destination"].startswith("/"):
            yield f"/mounts/{index}/destination", "is relative, which is deprecated: taken from /"
    process = config.get("process", {})
    for index, entry in enumerate(process.get("env", ())):
        # POSIX has none without "="; runc refuses them, crun passes them on.
        if entry.find("=") < 1:
            yield f"/process/env/{index}", "is not NAME=VALUE: passed on as it is"
    scheduler = process.get("scheduler", {})
    if scheduler.get("nice") and scheduler["policy"] not in ("SCHED_OTHER", "SCHED_BATCH"):
        # The kernel takes it and does nothing with it: sched(7).
        yield "/process/scheduler/nice", f"has no effect with {scheduler['policy']}"
    rdt = config.get("linux", {}).get("intelRdt", {})
    if rdt.get("l3CacheSchema") and not rdt["l3CacheSchema"].startswith("L3"):
        # L3CODE: and L3DATA: stand for L3: where the two have masks of their own.
        yield "/linux/intelRdt/l3CacheSchema", "does not begin with L3:"
    yield from _unknown_capabilities(process.get("capabilities", {}))


def _unknown_capabilities(sets: dict[str, list[str]]) -> Iterator[Fault]:
    told: set[str] = set()
    for name in SETS:
        for index, capability in enumerate(sets.get(name, ())):
            if capability not in CAPABILITIES and capability not in told:
                told.add(capability)
                pointer = f"/process/capabilities/{name}/{index}"
                yield pointer, f'"{capability}" is no capability known here: left out'
