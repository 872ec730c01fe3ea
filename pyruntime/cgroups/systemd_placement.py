"""The placement of a container whose cgroup systemd makes: a scope, with the paths that it will have. Pure."""

from __future__ import annotations

from pyruntime.cgroups import devices, resources, systemd_annotations, systemd_names
from pyruntime.cgroups.placement import Placement, add_devices, owner_of
from pyruntime.cgroups.systemd_properties import Property, basic, from_rules, from_writes
from pyruntime.errors import Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyruntime.cgroups.write import Write
    from pyruntime.facts import Facts


class ManagerFacts:
    """The instance of systemd that makes the scope."""

    __slots__ = ("control_group", "user", "version")

    def __init__(self, version: int, control_group: str, *, user: bool) -> None:
        self.version = version
        self.control_group = control_group
        """Its own part of the hierarchy: "" for the system's, /user.slice/.../user@1000.service for a user's."""
        self.user = user


class Unit:
    """The scope to be started."""

    __slots__ = ("late", "name", "properties", "user")

    def __init__(self, name: str, properties: list[Property], *, user: bool) -> None:
        self.name = name
        self.properties = properties
        self.late: list[Property] = []
        """To be set when the container's process is there: the scope begins with another one in it."""
        self.user = user
        """Whether it is one of the user's own instance of systemd."""


def placement(
    spec: dict[str, Any], container_id: str, facts: Facts, manager: ManagerFacts
) -> Placement:
    """The cgroups of the container that *spec* describes."""
    linux = spec.get("linux") or {}
    asked = linux.get("resources") or {}
    unified = facts.cgroup.layout == "v2"
    if manager.user and not unified:
        raise Unsupported(
            "--systemd-cgroup: a user's own systemd cannot limit anything with cgroup v1",
            hint="boot with cgroup v2 (systemd.unified_cgroup_hierarchy=1)",
        )
    path = linux.get("cgroupsPath") or ""
    slice, scope = systemd_names.names(path, container_id, user=manager.user)
    placed = Placement("v2" if unified else "v1", paths(slice, scope, facts, manager))
    where = resources.Where(facts.cgroup, placed.paths)
    placed.warnings = resources.warnings(asked)
    properties = basic(container_id, slice, unified=unified)
    entries = asked.get("devices") or []
    add_devices(placed, entries, where, facts)
    properties += _device_properties(entries, facts, manager.version)
    writes = resources.writes(asked, where)
    placed.writes += writes
    late = _make_room(writes)
    properties += from_writes(writes, manager.version, unified=unified)
    properties = systemd_annotations.add(properties, spec.get("annotations") or {})
    placed.unit = Unit(scope, properties, user=manager.user)
    placed.unit.late = late
    placed.owner = _owner(spec, facts) if unified else None
    return placed


def paths(slice: str, scope: str, facts: Facts, manager: ManagerFacts) -> dict[str, str]:
    """Hierarchy to directory. In hierarchies that systemd leaves alone the directory has the same path."""
    inner = f"{manager.control_group}{systemd_names.slice_path(slice)}/{scope}"
    found = {}
    for hierarchy in facts.cgroup.v1:
        found[",".join(hierarchy.controllers)] = hierarchy.mountpoint + inner
    if facts.cgroup.unified is not None:
        found[""] = facts.cgroup.unified.mountpoint + inner
    return found


def _make_room(writes: list[Write]) -> list[Property]:
    """A limit of one process has to wait: the one that clones the container's is in the scope, too."""
    late = []
    for write in writes:
        if write.file == "pids.max" and write.value == "1":
            write.value = "2"
            late.append(Property("TasksMax", "t", 1, write.origin))
    return late


def _owner(spec: dict[str, Any], facts: Facts) -> int | None:
    owner = owner_of(spec)
    # A user's scope is the user's already, and can be given to nobody else.
    return None if facts.euid != 0 and owner != facts.euid else owner


def _device_properties(entries: list[dict[str, Any]], facts: Facts, version: int) -> list[Property]:
    """Our own rules do it; systemd is told, so that it shows them, and on v1 does not lift them.

    What it cannot express it is not told: its own program would allow less than the configuration does.
    """
    if facts.rootless:
        return []
    try:
        lines = devices.lines(devices.rules(entries))
    except Unsupported:  # v1 has no words for them, so systemd has none
        return []
    return from_rules(lines, version) or []
