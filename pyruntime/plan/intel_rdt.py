"""linux.intelRdt: the class of service, and the monitoring group, that the container's processes are in.

config-linux.md, "IntelRdt"; Documentation/filesystems/resctrl.rst of the kernel. A class is a directory at the top of
resctrl, a monitoring group one in its mon_groups.
"""

from __future__ import annotations

from pyruntime.errors import Unsupported
from pyruntime.plan import resctrl_ops
from pyruntime.plan.step import HOST, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.facts import Facts
    from pyruntime.spec.types import IntelRdt, Spec

ORIGIN = "linux.intelRdt"


class Groups:
    """The directories of one container."""

    __slots__ = ("control", "monitoring", "mountpoint", "owned", "rdt")

    def __init__(self, rdt: IntelRdt, id: str, mountpoint: str) -> None:
        closid = rdt.get("closID") or ""
        self.rdt = rdt
        self.mountpoint = mountpoint
        self.owned = not closid
        """Whether the class is the container's own, to be removed with it."""
        self.control = mountpoint if closid == "/" else f"{mountpoint}/{closid or id}"
        self.monitoring = f"{self.control}/mon_groups/{id}" if rdt.get("enableMonitoring") else ""

    @property
    def joined(self) -> list[str]:
        """In this order: a monitoring group takes only members of its class."""
        return [self.control, self.monitoring] if self.monitoring else [self.control]

    @property
    def removed(self) -> list[str]:
        """What goes with the container if it came with it, innermost first."""
        found = [self.monitoring] if self.monitoring else []
        return [*found, self.control] if self.owned else found


def groups_of(spec: Spec, id: str, facts: Facts) -> Groups | None:
    """The container's, if it asks for any; Unsupported if there is no resctrl."""
    rdt = spec.get("linux", {}).get("intelRdt")
    if rdt is None:
        return None
    if not facts.resctrl:
        raise Unsupported(
            "/linux/intelRdt: no resctrl file system is mounted",
            hint="mount -t resctrl resctrl /sys/fs/resctrl, where the processor and the kernel have it",
        )
    return Groups(rdt, id, facts.resctrl)


def make(groups: Groups) -> list[Step]:
    """The directories and what is written into them, before there is a process."""
    rdt = groups.rdt
    lines = [(name, rdt[name]) for name in ("l3CacheSchema", "memBwSchema") if rdt.get(name)]
    # What is there already must be as these two say; of `schemata` the specification asks no comparison.
    wanted = [line for _, line in lines]
    lines += [(f"schemata[{i}]", line) for i, line in enumerate(rdt.get("schemata") or ()) if line]
    # Whoever finds a class that is there already finds it as its maker wanted it. resctrl.rst, "Resctrl FS Locking".
    steps = [Step(HOST, resctrl_ops.lock_resctrl(groups.mountpoint), ORIGIN)]
    if lines or groups.owned:
        steps.append(Step(HOST, resctrl_ops.make_resctrl(groups.control, wanted), ORIGIN))
    else:
        steps.append(Step(HOST, resctrl_ops.find_resctrl(groups.control), f"{ORIGIN}.closID"))
    for name, line in lines:
        steps.append(
            Step(HOST, resctrl_ops.write_schemata(groups.control, line), f"{ORIGIN}.{name}")
        )
    steps.append(Step(HOST, resctrl_ops.unlock_resctrl(), ORIGIN))
    if groups.monitoring:
        op = resctrl_ops.make_monitoring(groups.monitoring)
        steps.append(Step(HOST, op, f"{ORIGIN}.enableMonitoring"))
    return steps


def join(directories: list[str]) -> list[Step]:
    """Put the process that was cloned, and whatever it will fork, into them."""
    return [Step(HOST, resctrl_ops.join_resctrl(directory), ORIGIN) for directory in directories]
