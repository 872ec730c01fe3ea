"""What the `linux` part of config.json must satisfy beyond its structure. The form is that of rules.py."""

from __future__ import annotations

from pyruntime.spec.places import is_cpu_list, is_root, key, mapping_faults, namespaces
from pyruntime.spec.sysctl import sysctls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pyruntime.spec.places import Fault, Rule

# MINORBITS is 20 in the kernel, which leaves 12 bits of its 32 for the major number.
LARGEST_MAJOR = 2**12 - 1
LARGEST_MINOR = 2**20 - 1

# IFNAMSIZ with its NUL is 16.
LONGEST_INTERFACE = 15

# uint64(-1): engines that are written in Go say "not set" so.
SWAPPINESS_UNSET = 2**64 - 1

# The upper bits of st_mode.
FILE_TYPES = {"c": 0o02, "u": 0o02, "b": 0o06, "p": 0o01}

CLOCKS = ("monotonic", "boottime")


def namespace_list(
    value: list[dict[str, Any]], at: str, _config: dict[str, Any]
) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for index, entry in enumerate(value):
        kind = entry["type"]
        if kind in first:
            yield f"{at}/{index}/type", f"must not repeat {kind} of {at}/{first[kind]}"
        first.setdefault(kind, index)
        path = entry.get("path", "")
        if path and not path.startswith("/"):
            yield f"{at}/{index}/path", f'must be absolute, not "{path}"'


def id_mappings(value: list[dict[str, int]], at: str, config: dict[str, Any]) -> Iterator[Fault]:
    if value and "user" not in namespaces(config):
        yield at, "needs a user namespace in /linux/namespaces"
    yield from mapping_faults(value, at)


def time_offsets(value: dict[str, Any], at: str, config: dict[str, Any]) -> Iterator[Fault]:
    if value and namespaces(config).get("time") != "":
        yield at, "needs a new time namespace (without a path) in /linux/namespaces"
    for clock in value:
        if clock not in CLOCKS:
            yield f"{at}/{key(clock)}", f"must be {' or '.join(CLOCKS)}"


def devices(value: list[dict[str, Any]], at: str, _config: dict[str, Any]) -> Iterator[Fault]:
    for index, device in enumerate(value):
        if not device["path"].startswith("/"):
            yield f"{at}/{index}/path", f'must be absolute, not "{device["path"]}"'
        # Engines that take the mode from stat(2) leave the type in it; it must be the one that is asked for.
        kind = device.get("fileMode", 0) >> 12
        if kind not in (0, FILE_TYPES[device["type"]]):
            yield (
                f"{at}/{index}/fileMode",
                f"must not have the type of another file ({kind << 12:#o})",
            )
        if device["type"] == "p":
            continue
        for name, largest in (("major", LARGEST_MAJOR), ("minor", LARGEST_MINOR)):
            if name not in device:
                yield f"{at}/{index}", f'must have "{name}" because its type is {device["type"]}'
            elif not 0 <= device[name] <= largest:
                yield f"{at}/{index}/{name}", f"must be from 0 to {largest}, not {device[name]}"


def net_devices(value: dict[str, Any], at: str, config: dict[str, Any]) -> Iterator[Fault]:
    if value and "network" not in namespaces(config):
        yield at, "needs a network namespace in /linux/namespaces"
    first: dict[str, str] = {}
    for name, device in value.items():
        pointer, new = f"{at}/{key(name)}", device.get("name") or name
        if not is_interface(name) or "%" in name:
            yield pointer, "must be named as a network interface can be"
        # The specification: "%d" at the end is a template, and the kernel finds the number.
        elif not is_interface(new) or "%" in new.removesuffix("%d"):
            yield f"{pointer}/name", f'must be a name for a network interface, not "{new}"'
        elif new in first and "%" not in new:
            yield pointer, f'must not become "{new}" as {at}/{key(first[new])} does'
        first.setdefault(new, name)


def is_interface(name: str) -> bool:
    """Whether the kernel takes *name* (dev_valid_name): 1 to 15 bytes, no slash, colon or white space."""
    if name in ("", ".", "..") or len(name.encode()) > LONGEST_INTERFACE:
        return False
    return not any(c in "/:" or c.isspace() for c in name)


def container_paths(value: list[str], at: str, config: dict[str, Any]) -> Iterator[Fault]:
    if value and "mount" not in namespaces(config):
        yield (
            at,
            "needs a mount namespace in /linux/namespaces: without one the host's would change",
        )
    for index, path in enumerate(value):
        if not path.startswith("/"):
            yield f"{at}/{index}", f'must be absolute, not "{path}"'


def masked_paths(value: list[str], at: str, config: dict[str, Any]) -> Iterator[Fault]:
    yield from container_paths(value, at, config)
    for index, path in enumerate(value):
        if is_root(path):
            yield f"{at}/{index}", "is the container's root, which cannot be hidden"


def intel_rdt(value: dict[str, Any], at: str, _config: dict[str, Any]) -> Iterator[Fault]:
    closid = value.get("closID", "")
    # "/" is the default class; any other is the name of one directory in resctrl.
    if closid in (".", "..") or ("/" in closid and closid != "/"):
        yield f"{at}/closID", f'must be "/" or a single name, not "{closid}"'
    for name in ("l3CacheSchema", "memBwSchema"):
        if "\n" in value.get(name, ""):
            yield f"{at}/{name}", "must be one line"
    bandwidth = value.get("memBwSchema", "")
    if bandwidth and not bandwidth.startswith("MB:"):
        yield f"{at}/memBwSchema", "must begin with MB:"
    for index, line in enumerate(value.get("schemata", ())):
        if "\n" in line:
            yield f"{at}/schemata/{index}", "must be one line"


# set_mempolicy(2): the modes that take no node, and those that take at least one.
WITHOUT_NODES = ("MPOL_DEFAULT", "MPOL_LOCAL")
WITH_NODES = ("MPOL_BIND", "MPOL_INTERLEAVE", "MPOL_WEIGHTED_INTERLEAVE", "MPOL_PREFERRED_MANY")


def memory_policy(value: dict[str, Any], at: str, _config: dict[str, Any]) -> Iterator[Fault]:
    mode, nodes, flags = value["mode"], value.get("nodes", ""), value.get("flags", ())
    if not is_cpu_list(nodes):
        yield f"{at}/nodes", f'must be a list of memory nodes such as 0-3,7, not "{nodes}"'
    if nodes and mode in WITHOUT_NODES:
        yield f"{at}/nodes", f"must be empty for {mode}"
    if not nodes and mode in WITH_NODES:
        yield at, f'must have "nodes" because its mode is {mode}'
    if "MPOL_F_RELATIVE_NODES" in flags and "MPOL_F_STATIC_NODES" in flags:
        yield f"{at}/flags", "must not have both MPOL_F_RELATIVE_NODES and MPOL_F_STATIC_NODES"


def personality(value: dict[str, Any], at: str, _config: dict[str, Any]) -> Iterator[Fault]:
    if value.get("flags"):
        yield f"{at}/flags", "must be empty: the specification defines no flag"


# The specification: where the action takes no errno, the runtime must fail. SECCOMP_RET_DATA has 16 bits, so 65536 would be
# 0, and the call would seem to have succeeded; an errno above MAX_ERRNO the kernel replaces.
LARGEST_ERRNO = {"SCMP_ACT_ERRNO": 4095, "SCMP_ACT_TRACE": 65535}


def _errno(holder: dict[str, Any], name: str, action: str, at: str) -> Iterator[Fault]:
    if name not in holder:
        return
    largest = LARGEST_ERRNO.get(action)
    if largest is None:
        yield f"{at}/{name}", f"is not possible with {action}"
    elif holder[name] > largest:
        yield f"{at}/{name}", f"must be at most {largest} with {action}"


def seccomp(value: dict[str, Any], at: str, _config: dict[str, Any]) -> Iterator[Fault]:
    yield from _errno(value, "defaultErrnoRet", value["defaultAction"], at)
    notifies = value["defaultAction"] == "SCMP_ACT_NOTIFY"
    for index, rule in enumerate(value.get("syscalls", ())):
        yield from _errno(rule, "errnoRet", rule["action"], f"{at}/syscalls/{index}")
        notifies = notifies or rule["action"] == "SCMP_ACT_NOTIFY"
    if notifies and not value.get("listenerPath"):
        yield at, 'must have "listenerPath" because it uses SCMP_ACT_NOTIFY'


def device_rules(value: list[dict[str, Any]], at: str, _config: dict[str, Any]) -> Iterator[Fault]:
    for index, rule in enumerate(value):
        if rule.get("access", "").strip("rwm"):
            pointer = f"{at}/{index}/access"
            yield pointer, f'must be made of the letters r, w and m, not "{rule["access"]}"'


def memory(value: dict[str, Any], at: str, _config: dict[str, Any]) -> Iterator[Fault]:
    if 100 < value.get("swappiness", 0) != SWAPPINESS_UNSET:
        yield f"{at}/swappiness", f"must be from 0 to 100, not {value['swappiness']}"


def cpu(value: dict[str, Any], at: str, _config: dict[str, Any]) -> Iterator[Fault]:
    if 0 < value.get("quota", 0) < value.get("burst", 0):
        yield f"{at}/burst", f"must not be above quota ({value['quota']})"
    # tg_rt_schedulable refuses it.
    if 0 < value.get("realtimePeriod", 0) < value.get("realtimeRuntime", 0):
        yield (
            f"{at}/realtimeRuntime",
            f"must not be above realtimePeriod ({value['realtimePeriod']})",
        )


def hugepage_limits(
    value: list[dict[str, Any]], at: str, _config: dict[str, Any]
) -> Iterator[Fault]:
    for index, limit in enumerate(value):
        size = limit["pageSize"]
        number = size[:-2]
        if not (size[-2:] in ("KB", "MB", "GB") and number.isascii() and number.isdecimal()):
            yield f"{at}/{index}/pageSize", f'must be like 64KB, 2MB or 1GB, not "{size}"'


def unified(value: dict[str, str], at: str, _config: dict[str, Any]) -> Iterator[Fault]:
    for name in value:
        if "/" in name or name in ("", ".", ".."):
            yield f"{at}/{key(name)}", "must be the name of a file in the cgroup, not a path"


LINUX: dict[str, Rule] = {
    "namespaces": namespace_list,
    "uidMappings": id_mappings,
    "gidMappings": id_mappings,
    "timeOffsets": time_offsets,
    "devices": devices,
    "netDevices": net_devices,
    "intelRdt": intel_rdt,
    "memoryPolicy": memory_policy,
    "sysctl": sysctls,
    "seccomp": seccomp,
    "maskedPaths": masked_paths,
    "readonlyPaths": container_paths,
    "personality": personality,
}

RESOURCES: dict[str, Rule] = {
    "devices": device_rules,
    "memory": memory,
    "cpu": cpu,
    "hugepageLimits": hugepage_limits,
    "unified": unified,
}
