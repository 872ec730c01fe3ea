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
    steps = [Step(HOST, ops.make_cgroups(*placement.paths.values()), ORIGIN)]
    for index, write in enumerate(placement.writes):
        op = ops.write_cgroup(write.directory, write.file, write.value, index)
        steps.append(Step(HOST, op, write.origin))
    if placement.writes:
        steps.append(Step(HOST, ops.settle_cgroups(), "linux.resources"))
    if placement.owner is not None:
        op = ops.give_cgroup(placement.paths[""], placement.owner)
        steps.append(Step(HOST, op, ORIGIN))
    return steps


def open_all(request: Request, facts: Facts) -> list[Step]:
    """Open what init will join, while the runtime's cgroup file system is in reach."""
    placement = request.placement
    if placement is None or placement.driver == "none":
        return []
    steps = []
    for number, directory in enumerate(placement.join):
        if _is_unified(placement.driver, facts):
            slot = request.slots.new("cgroup")
            steps.append(Step(ENTRY, ops.open(slot, directory, PATH_FLAGS), ORIGIN))
            if placement.device_program is not None:
                op = ops.device_filter(slot, placement.device_program)
                steps.append(Step(ENTRY, op, "linux.resources.devices"))
        else:
            slot = request.slots.new(f"cgroup {number}")
            path = f"{directory}/{_members_file(placement.driver, directory, facts)}"
            steps.append(Step(ENTRY, ops.open(slot, path, os.O_WRONLY), ORIGIN))
    return steps


def join(request: Request, facts: Facts) -> list[Step]:
    """Init names itself; on v2 it was cloned into its cgroup."""
    placement = request.placement
    if placement is None or placement.driver == "none":
        return []
    slots = [request.slots.of(f"cgroup {number}") for number in range(len(placement.join))]
    return [Step(INSIDE, ops.join_cgroup(slot), ORIGIN) for slot in slots if slot is not None]


def _is_unified(driver: str, facts: Facts) -> bool:
    return driver == "v2" and {"clone3", "pidfd_setns"} <= facts.features


def _members_file(driver: str, directory: str, facts: Facts) -> str:
    """`tasks` of v1 takes a single task without the global lock; v2 and the unified part of hybrid lack it."""
    unified = facts.cgroup.unified
    inside = unified is not None and directory.startswith(unified.mountpoint + "/")
    return "cgroup.procs" if driver == "v2" or inside else "tasks"
