"""When and where the process runs. config.md, "Linux Process"; config-linux.md, "Personality", "Memory policy"."""

from __future__ import annotations

from pyruntime.errors import SpecError
from pyruntime.plan import ops
from pyruntime.plan.step import INSIDE, Op, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyruntime.spec.types import Process, Spec

# <linux/sched.h>
POLICIES = {
    "SCHED_OTHER": 0,
    "SCHED_FIFO": 1,
    "SCHED_RR": 2,
    "SCHED_BATCH": 3,
    "SCHED_ISO": 4,
    "SCHED_IDLE": 5,
    "SCHED_DEADLINE": 6,
}
SCHEDULER_FLAGS = {
    "SCHED_FLAG_RESET_ON_FORK": 0x01,
    "SCHED_FLAG_RECLAIM": 0x02,
    "SCHED_FLAG_DL_OVERRUN": 0x04,
    "SCHED_FLAG_KEEP_POLICY": 0x08,
    "SCHED_FLAG_KEEP_PARAMS": 0x10,
    "SCHED_FLAG_UTIL_CLAMP_MIN": 0x20,
    "SCHED_FLAG_UTIL_CLAMP_MAX": 0x40,
}
# <linux/ioprio.h>: the class is in the bits from 13 on.
IO_CLASSES = {"IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3}
# <linux/personality.h>
DOMAINS = {"LINUX": 0, "LINUX32": 8}
# <linux/mempolicy.h>
MEMORY_MODES = {
    "MPOL_DEFAULT": 0,
    "MPOL_PREFERRED": 1,
    "MPOL_BIND": 2,
    "MPOL_INTERLEAVE": 3,
    "MPOL_LOCAL": 4,
    "MPOL_PREFERRED_MANY": 5,
    "MPOL_WEIGHTED_INTERLEAVE": 6,
}
MEMORY_FLAGS = {
    "MPOL_F_STATIC_NODES": 1 << 15,
    "MPOL_F_RELATIVE_NODES": 1 << 14,
    "MPOL_F_NUMA_BALANCING": 1 << 13,
}
LARGEST_NUMBER = 8191


def all_of(process: Process, spec: Spec) -> list[Step]:
    """With the privileges of root, so before the user's."""
    linux: Any = spec.get("linux") or {}
    found = []
    if scheduler := process.get("scheduler"):
        found.append((_scheduler(scheduler), "process.scheduler"))
    if priority := process.get("ioPriority"):
        value = IO_CLASSES[priority["class"]] << 13 | priority.get("priority", 0)
        found.append((ops.io_priority(value), "process.ioPriority"))
    if personality := linux.get("personality"):
        found.append((ops.personality(DOMAINS[personality["domain"]]), "linux.personality"))
    if policy := linux.get("memoryPolicy"):
        found.append((_memory_policy(policy), "linux.memoryPolicy"))
    return [Step(INSIDE, op, origin) for op, origin in found]


def _scheduler(scheduler: Any) -> Op:
    flags = sum(SCHEDULER_FLAGS[name] for name in set(scheduler.get("flags") or ()))
    return ops.scheduler(
        POLICIES[scheduler["policy"]],
        flags,
        *[scheduler.get(name, 0) for name in ("nice", "priority", "runtime", "deadline", "period")],
    )


def _memory_policy(policy: Any) -> Op:
    mode = MEMORY_MODES[policy["mode"]]
    for name in set(policy.get("flags") or ()):
        mode |= MEMORY_FLAGS[name]
    return ops.memory_policy(mode, numbers(policy.get("nodes") or "", "/linux/memoryPolicy/nodes"))


def any_cpu(process: Process | None = None) -> list[Step]:
    """In its cgroup the program may use all of the cpuset, not what the caller was bound to; unless *process*, which is
    executed in a container, has an affinity of its own."""
    if process is not None and process.get("execCPUAffinity"):
        return []
    return [Step(INSIDE, ops.any_cpu(), "linux.resources.cpu.cpus")]


def affinity(process: Process, when: str, side: str) -> list[Step]:
    """execCPUAffinity: for an exec process only; *when* "initial" or "final"."""
    affinities: Any = process.get("execCPUAffinity") or {}
    if not affinities.get(when):
        return []
    origin = f"process.execCPUAffinity.{when}"
    cpus = numbers(affinities[when], "/" + origin.replace(".", "/"))
    return [Step(side, ops.cpu_affinity(cpus), origin)]


def numbers(text: str, pointer: str) -> list[int]:
    """The list form of cpuset(7): "0-3,7"."""
    found: list[int] = []
    for part in text.replace(" ", "").split(",") if text.strip() else ():
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise SpecError(pointer, f"{text!r} is not a list such as 0-3,7")
        begin, end = int(first), int(last or first)
        if begin > end or end > LARGEST_NUMBER:
            raise SpecError(pointer, f"{part!r} is not a range of numbers up to {LARGEST_NUMBER}")
        found += range(begin, end + 1)
    return found
