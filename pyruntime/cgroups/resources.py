"""`linux.resources` to writes, in the order in which they are made. Pure.

What each property becomes is in the tables of `resources_v1` and `resources_v2`; here is only which of
them applies, which is a question per controller: on a hybrid host some are in v1, some in v2.
"""

from __future__ import annotations

from pyruntime.cgroups.write import Write, origin, wrong
from pyruntime.errors import Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyruntime.facts import CgroupFacts

# v1's name of a controller to v2's, where they differ.
V2_NAMES = {"blkio": "io"}

# A controller of v2 to the section of linux.resources that is about it, where their names differ.
V2_SECTIONS = {"io": "blockIO", "cpuset": "cpu", "hugetlb": "hugepageLimits"}


# The first part of a v2 file's name, if it is not a controller's.
CORE = ("cgroup", "irq")

# Files of v2 that do something instead of setting something: to the runtime, or to what it is about to start.
NOT_SETTINGS = {
    "cgroup.procs": "moves a process, which the runtime does itself",
    "cgroup.threads": "moves a thread, which the runtime does itself",
    "cgroup.kill": "ends what is about to be started",
    "cgroup.freeze": "would keep what is about to be started from starting: pause does it",
}


class Where:
    """The directories of one container's cgroup, by controller."""

    __slots__ = ("unified", "v1", "v2")

    def __init__(self, facts: CgroupFacts, paths: dict[str, str]) -> None:
        self.v1: dict[str, str] = {}
        for key, directory in paths.items():
            if key:
                self.v1.update(dict.fromkeys(key.split(","), directory))
        self.unified = paths.get("")
        """The directory in the cgroup2 mount, None if there is none."""
        self.v2: dict[str, str] = {}
        if self.unified is not None and facts.unified is not None:
            self.v2 = dict.fromkeys(facts.unified.controllers, self.unified)

    def in_v2(self, controller: str) -> bool:
        """Whether *controller* is a matter of the cgroup2 mount, be it only because nothing else is there."""
        if V2_NAMES.get(controller, controller) in self.v2:
            return True
        return self.unified is not None and not self.v1


def writes(resources: dict[str, Any], where: Where) -> list[Write]:
    """Everything but the device rules; each in the directory of its controller."""
    found: list[Write] = []
    if where.v1:
        found += _from_v1(resources, where)
    # Beside v1 the cgroup2 mount mostly has no controller that matters: then its table is not even loaded.
    asked = any(resources.get(V2_SECTIONS.get(name, name)) for name in where.v2)
    if asked or (where.unified is not None and not where.v1):
        found += _from_v2(resources, where)
    if not where.v1 and where.unified is None:
        # v1's table names the property that nothing can be done about.
        found += _from_v1(resources, where)
    return found + _unified(resources.get("unified") or {}, where)


def warnings(resources: dict[str, Any]) -> list[str]:
    """What is asked for and ignored."""
    if ((resources.get("memory") or {}).get("kernel") or 0) <= 0:
        return []
    text = "kernels since 5.16 have no limit of kernel memory, and ignore it"
    return [f"{origin('memory', 'kernel')}: {text}"]


def _from_v1(resources: dict[str, Any], where: Where) -> list[Write]:
    from pyruntime.cgroups.resources_v1 import SECTIONS

    found: list[Write] = []
    for section, controller, function in SECTIONS:
        values = resources.get(section)
        if values and not where.in_v2(controller):
            found += _placed(function(values), controller, where.v1.get(controller))
    return found


def _from_v2(resources: dict[str, Any], where: Where) -> list[Write]:
    from pyruntime.cgroups.resources_v2 import SECTIONS

    found: list[Write] = []
    for section, controller, function in SECTIONS:
        values = resources.get(section)
        if values and where.in_v2(controller):
            found += _placed(function(values), controller, where.v2.get(controller))
    return found


def _placed(found: list[Write], controller: str, directory: str | None) -> list[Write]:
    for write in found:
        if directory is None:
            raise missing(write.origin, controller)
        write.directory = directory
        if write.instead is not None:
            write.instead.directory = directory
    return found


def _unified(values: dict[str, Any], where: Where) -> list[Write]:
    """`unified`: files of v2 by name, also such as this runtime has never heard of."""
    found: list[Write] = []
    for name, value in values.items():
        place = "linux.resources.unified"
        if not name or "/" in name or name in (".", "..") or "\0" in name:
            raise wrong("unified", f"{name!r} is not the name of a file of a cgroup")
        if where.unified is None:
            hint = "use the properties of linux.resources instead, they work with both versions"
            raise Unsupported(f"{place}: {name} needs cgroup v2, this host has v1", hint=hint)
        if name in NOT_SETTINGS:
            raise wrong("unified", f"{name} {NOT_SETTINGS[name]}")
        controller = name.partition(".")[0]
        if controller not in (*CORE, *where.v2):
            raise missing(f'{place}["{name}"]', controller)
        # Files such as io.max take one line per write.
        for line in value.split("\n") if value else [""]:
            if line or not value:
                because = f'{place}["{name}"]'
                found.append(Write(name, line, because, directory=where.unified))
    return found


def missing(place: str, controller: str) -> Unsupported:
    """*place* of config.json asks for something of *controller*, which this host does not have."""
    return Unsupported(
        f"{place}: the cgroup controller {controller} is not available on this host",
        hint="see /proc/cgroups and the mounts below /sys/fs/cgroup",
    )
