"""The container's cgroups: made and filled by the host side, joined by init itself. cgroups(7)."""

from __future__ import annotations

import os

from pyruntime.plan import ops
from pyruntime.plan.step import ENTRY, HOST, INSIDE, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.facts import Facts
    from pyruntime.plan.request import Request

ORIGIN = "linux.cgroupsPath"
PATH_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW


def make(request: Request) -> list[Step]:
    """Directories, then limits: init never runs without them."""
    placement = request.placement
    if placement is None or placement.driver == "none":
        return []
    steps = []
    unit = placement.unit
    if unit is not None:
        # The executor goes there first, and clones init into it: no process of the container was ever elsewhere.
        steps.append(Step(HOST, ops.start_unit(unit.name, *map(str, unit.properties)), ORIGIN))
    steps.append(Step(HOST, ops.make_cgroups(*placement.paths.values()), ORIGIN))
    for index, write in enumerate(placement.writes):
        if write.usage:
            op = ops.check_usage(write.directory, write.usage, write.value, index)
            steps.append(Step(HOST, op, f"{write.origin}, checkBeforeUpdate"))
    for index, write in enumerate(placement.writes):
        op = ops.write_cgroup(write.directory, write.file, write.value, index)
        steps.append(Step(HOST, op, write.origin))
    if placement.writes:
        steps.append(Step(HOST, ops.settle_cgroups(), "linux.resources"))
    if placement.owner is not None:
        op = ops.give_cgroup(placement.paths[""], placement.owner)
        steps.append(Step(HOST, op, ORIGIN))
    return steps


def settle_unit(request: Request) -> list[Step]:
    """What the unit gets when the executor has left it."""
    unit = request.placement.unit if request.placement is not None else None
    if unit is None or not unit.late:
        return []
    return [Step(HOST, ops.set_unit(unit.name, *map(str, unit.late)), unit.late[0].origin)]


def open_all(request: Request, facts: Facts, *, joins_namespace: bool) -> list[Step]:
    """Open what init will join, while the runtime's cgroup file system is in reach.

    *joins_namespace*: a cgroup namespace is joined before the clone. With nsdelegate nobody can be cloned into a
    cgroup from there, but what was opened before can be written.
    """
    placement = request.placement
    if placement is None or placement.driver == "none":
        return []
    clones = can_clone_into(facts) and not placement.existing and not joins_namespace
    steps = []
    for number, directory in enumerate(placement.join):
        unified = directory == placement.paths.get("")
        if unified and clones:
            slot = request.slots.new("cgroup")
            steps.append(Step(ENTRY, ops.open_cgroup(slot, directory, PATH_FLAGS), ORIGIN))
        else:
            slot = request.slots.new(f"cgroup {number}")
            path = members_file(directory, unified=unified)
            steps.append(Step(ENTRY, ops.open_cgroup(slot, path, os.O_WRONLY), ORIGIN))
    return steps + _device_filter(request)


def _device_filter(request: Request) -> list[Step]:
    placement = request.placement
    if placement is None or placement.device_program is None:
        return []
    slot = request.slots.new("device filter")
    origin = "linux.resources.devices"
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    return [
        Step(ENTRY, ops.open_cgroup(slot, placement.paths[""], flags), origin),
        Step(ENTRY, ops.device_filter(slot, placement.device_program), origin),
    ]


def join(request: Request) -> list[Step]:
    """Init names itself where it was not cloned into its cgroup."""
    placement = request.placement
    if placement is None or placement.driver == "none":
        return []
    slots = [request.slots.of(f"cgroup {number}") for number in range(len(placement.join))]
    return [Step(INSIDE, ops.join_cgroup(slot), ORIGIN) for slot in slots if slot is not None]


def can_clone_into(facts: Facts) -> bool:
    """CLONE_INTO_CGROUP, 5.7: the other way, a write to cgroup.procs, waits for a grace period of all processors.

    Not for a cgroup that was there before: since kernels count the writes to cgroup.kill (6.14, and 6.1 and others
    of that time), a process that is cloned into a cgroup with another count than its parent's is killed.
    """
    return {"clone3", "pidfd_setns"} <= facts.features


def members_file(directory: str, *, unified: bool) -> str:
    """`tasks` of v1 takes a single task without the global lock; cgroup2 has no such file."""
    return f"{directory}/cgroup.procs" if unified else f"{directory}/tasks"
