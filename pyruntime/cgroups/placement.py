"""Where a container's cgroups are and what is written there, as one value. Pure; `v1` and `v2` do it."""

from __future__ import annotations

import os

from pyruntime.cgroups import devices, resources
from pyruntime.cgroups.write import Write
from pyruntime.errors import SpecError, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyruntime.cgroups.systemd_placement import Unit
    from pyruntime.facts import Facts, Hierarchy

POINTER = "/linux/cgroupsPath"

BIG_ENDIAN = ("s390x", "ppc64")


class Placement:
    """Everything that `create` needs to know of the container's cgroups."""

    __slots__ = (
        "around",
        "device_program",
        "driver",
        "existing",
        "join",
        "owner",
        "paths",
        "unit",
        "warnings",
        "writes",
    )

    def __init__(self, driver: str, paths: dict[str, str]) -> None:
        self.driver = driver
        """"v1" (hybrid too), "v2", or "none"."""
        self.paths = paths
        """Hierarchy (its controllers with commas, or "" for cgroup2) to the container's directory in it."""
        self.writes: list[Write] = []
        """To be made before the container's first process joins, in this order."""
        self.device_program: bytes | None = None
        """For the directory `paths[""]`: instructions of a BPF_PROG_TYPE_CGROUP_DEVICE program."""
        self.join = list(paths.values())
        """The directories that the first process joins, in this order."""
        self.existing = False
        """Whether the directory `paths[""]` was there before: the caller looks, a placement touches nothing."""
        self.owner: int | None = None
        """The user id who is given the directory `paths[""]`, if anybody."""
        self.around = ""
        """The runtime's own directory in the cgroup2 mount, where the container is if it has none of its own."""
        self.unit: Unit | None = None
        """What systemd makes the directories for, if it does."""
        self.warnings: list[str] = []


def placement(spec: dict[str, Any], container_id: str, facts: Facts) -> Placement:
    """The cgroups of the container that *spec* describes."""
    linux = spec.get("linux") or {}
    asked = linux.get("resources") or {}
    if facts.cgroup.layout == "none":
        return _nowhere(asked, facts, "no cgroup is mounted")
    path = linux.get("cgroupsPath") or ""
    driver = "v2" if facts.cgroup.layout == "v2" else "v1"
    paths = place(path, container_id, facts)
    closed = facts.cgroup.closed
    if closed and closed.keys() >= paths.keys():
        return _nowhere(asked, facts, next(iter(closed.values())))
    placed = Placement(driver, {key: paths[key] for key in paths if key not in closed})
    where = resources.Where(facts.cgroup, placed.paths)
    placed.warnings = resources.warnings(asked)
    add_devices(placed, asked.get("devices") or [], where, facts)
    placed.writes += _writes(asked, where, next(iter(closed.values()), ""))
    placed.owner = owner_of(spec) if driver == "v2" else None
    if facts.euid != 0 and placed.owner is not None:
        if placed.owner != facts.euid:
            text = f"the container's user ({placed.owner}) is not given it: that takes root"
            placed.warnings.append(f"linux.cgroupsPath: {text}")
        placed.owner = None  # whoever makes a cgroup owns it
    return placed


def place(cgroups_path: str, container_id: str, facts: Facts) -> dict[str, str]:
    """Hierarchy to directory, for `linux.cgroupsPath` ("" if absent); the same every time.

    An absolute path counts from the mount point. A relative one counts from the runtime's own cgroup, on
    cgroup2 from the parent of that: a cgroup with processes in it cannot have children with controllers.
    (Unless the runtime may make cgroups only below its own.)
    """
    inner = _inner(cgroups_path, container_id)
    absolute = cgroups_path.startswith("/")
    paths = {}
    for hierarchy in facts.cgroup.v1:
        own = "" if absolute else _own(hierarchy, hierarchy.controllers[0], facts)
        paths[",".join(hierarchy.controllers)] = hierarchy.mountpoint + own + inner
    if facts.cgroup.unified is not None:
        hierarchy = facts.cgroup.unified
        own = "" if absolute else _own(hierarchy, "", facts)
        if not facts.cgroup.below_own:
            own = os.path.dirname(own).rstrip("/")
        paths[""] = hierarchy.mountpoint + own + inner
    return paths


def _inner(cgroups_path: str, container_id: str) -> str:
    if "\0" in cgroups_path or "\n" in cgroups_path:
        # The kernel refuses a newline in the name of a cgroup: /proc/PID/cgroup has one per line.
        raise SpecError(POINTER, f"{cgroups_path!r} is not a path of a cgroup")
    if ".." in cgroups_path.split("/"):
        raise SpecError(POINTER, f"{cgroups_path!r} must not have .. in it")
    inner = os.path.normpath("/" + (cgroups_path or container_id).lstrip("/"))
    if inner == "/":
        raise SpecError(POINTER, f"{cgroups_path!r} leaves no cgroup of the container's own")
    return inner


def _own(hierarchy: Hierarchy, controller: str, facts: Facts) -> str:
    """The runtime's own cgroup below the mount point: "" or "/a/b"."""
    own = os.path.normpath("/" + facts.cgroup.own.get(controller, "/").lstrip("/"))
    root = hierarchy.root.rstrip("/")
    if own == root or own == "/":
        return ""
    if own.startswith(root + "/"):
        return own[len(root) :]
    # The mount shows another part of the hierarchy than the one we are in (a bind mount, or a mount
    # from before a cgroup namespace: its root is then "/.."): its top is all that is known.
    return ""


def _nowhere(asked: dict[str, Any], facts: Facts, why: str) -> Placement:
    """No cgroups: fine as long as nothing is asked of them."""
    _writes(asked, resources.Where(facts.cgroup, {}), f"{why}, so the container has no cgroup")
    if asked.get("devices") and not facts.rootless:
        raise Unsupported(f"linux.resources.devices: {why}", hint="mount cgroup2")
    placed = Placement("none", {})
    if facts.cgroup.unified is not None:
        placed.around = facts.cgroup.unified.mountpoint + _own(facts.cgroup.unified, "", facts)
    placed.warnings.append(f"the container gets no cgroup of its own: {why}")
    if asked.get("devices"):
        placed.warnings.append(NO_DEVICE_RULES)
    return placed


# Such a container can make no device node, and opens what is bound into it as its user may anyway.
NO_DEVICE_RULES = (
    "linux.resources.devices: rules take the host's root: the modes of the devices decide"
)


def _writes(asked: dict[str, Any], where: resources.Where, why: str) -> list[Write]:
    """Nothing that is asked is left out; *why* some of the hierarchies are missing, if they are."""
    try:
        return resources.writes(asked, where)
    except Unsupported as error:
        if not why:
            raise
        raise Unsupported(error.message, hint=why) from None


def add_devices(
    placed: Placement, entries: list[dict[str, Any]], where: resources.Where, facts: Facts
) -> None:
    """Always: without rules in the configuration the default rules are all there is."""
    if facts.rootless:
        if entries:
            placed.warnings.append(NO_DEVICE_RULES)
        return
    given = devices.rules(entries)
    directory = where.v1.get("devices")
    if directory is not None:
        for file, line, origin in devices.lines(given):
            placed.writes.append(Write(file, line, origin, directory=directory))
    elif where.unified is not None:
        placed.device_program = devices.program(given, _byte_order(facts))
    else:
        raise resources.missing("linux.resources.devices", "devices")


def reuse(placed: Placement, facts: Facts) -> None:
    """The directory `paths[""]` was there before; its last container may have left a program there."""
    placed.existing = True
    rules_are_programs = placed.driver == "v2" and not facts.rootless
    if rules_are_programs and placed.device_program is None:
        placed.device_program = devices.everything(_byte_order(facts))


def _byte_order(facts: Facts) -> str:
    return "big" if facts.architecture in BIG_ENDIAN else "little"


def owner_of(spec: dict[str, Any]) -> int | None:
    """Specification, section Cgroup ownership: the container's user, if it can write its cgroup2 mount."""
    linux = spec.get("linux") or {}
    kinds = {n["type"]: n.get("path") for n in linux.get("namespaces") or []}
    if "cgroup" not in kinds or kinds["cgroup"]:
        return None
    mounts = [m for m in spec.get("mounts") or [] if m.get("destination") == "/sys/fs/cgroup"]
    if not any(
        m.get("source") == "cgroup" and "ro" not in (m.get("options") or ()) for m in mounts
    ):
        return None
    user = ((spec.get("process") or {}).get("user") or {}).get("uid") or 0
    if "user" not in kinds:
        return user or None
    for entry in linux.get("uidMappings") or []:
        first: int = entry["containerID"]
        if first <= user < first + entry["size"]:
            return int(entry["hostID"]) + user - first
    return None
