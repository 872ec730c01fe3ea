"""The files of cgroup v1 for each property of `linux.resources`. Pure tables; cgroups(7), cgroup-v1/*.rst of the kernel."""

from __future__ import annotations

from pyruntime.cgroups.write import (
    SWAPPINESS_UNSET,
    Write,
    always,
    blkio_weight,
    check_swap,
    device,
    huge_page_size,
    idle,
    limit_v1,
    nonzero,
    origin,
    pids,
    rdma,
    rows,
    text,
    wrong,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyruntime.cgroups.write import Section


def _swappiness(value: int) -> str | None:
    if value == SWAPPINESS_UNSET:
        return None
    if not 0 <= value <= 100:
        raise ValueError(f"{value} is not between 0 and 100")
    return str(value)


def _if_true(value: bool) -> str | None:
    return "1" if value else None


PIDS = (("limit", "pids.max", pids),)

MEMORY = (
    # The memory limit comes before that of memory and swap, which may never be the smaller one: in
    # a new cgroup both are unlimited.
    ("limit", "memory.limit_in_bytes", limit_v1),
    ("swap", "memory.memsw.limit_in_bytes", limit_v1),
    ("reservation", "memory.soft_limit_in_bytes", limit_v1),
    # Without effect since 5.16 (`resources` warns of it); kernelTCP has never ceased to work.
    ("kernel", "memory.kmem.limit_in_bytes", limit_v1),
    ("kernelTCP", "memory.kmem.tcp.limit_in_bytes", limit_v1),
    ("swappiness", "memory.swappiness", _swappiness),
    ("disableOOMKiller", "memory.oom_control", _if_true),
    # Always on since 5.11; writing 0 is an error there.
    ("useHierarchy", "memory.use_hierarchy", _if_true),
)

CPU = (
    # cpu.shares of an idle cgroup is refused, so idle goes first (it may be 0, to end it).
    ("idle", "cpu.idle", idle),
    ("shares", "cpu.shares", nonzero),
    ("period", "cpu.cfs_period_us", nonzero),
    ("quota", "cpu.cfs_quota_us", nonzero),
    # Not larger than the quota: after it.
    ("burst", "cpu.cfs_burst_us", always),
    ("realtimePeriod", "cpu.rt_period_us", nonzero),
    ("realtimeRuntime", "cpu.rt_runtime_us", nonzero),
)

CPUSET = (
    ("cpus", "cpuset.cpus", text),
    ("mems", "cpuset.mems", text),
)

# property, file
THROTTLE = (
    ("throttleReadBpsDevice", "blkio.throttle.read_bps_device"),
    ("throttleWriteBpsDevice", "blkio.throttle.write_bps_device"),
    ("throttleReadIOPSDevice", "blkio.throttle.read_iops_device"),
    ("throttleWriteIOPSDevice", "blkio.throttle.write_iops_device"),
)

# property, file of the CFQ scheduler (before 5.0), file of the BFQ scheduler
WEIGHTS = (
    ("weight", "blkio.weight", "blkio.bfq.weight"),
    ("leafWeight", "blkio.leaf_weight", ""),
)


def pids_limit(values: dict[str, Any]) -> list[Write]:
    """`pids`."""
    return rows("pids", values, PIDS)


def memory(values: dict[str, Any]) -> list[Write]:
    """`memory`. `checkBeforeUpdate` is what the kernel does here: it refuses a limit below the usage (EBUSY)."""
    limit, swap = values.get("limit") or 0, values.get("swap") or 0
    found = rows("memory", values, MEMORY)
    check_swap(limit, swap)
    if limit == -1 and swap == 0:
        # Unlimited memory means unlimited swap, else an old memory+swap limit would stand in its way.
        swap_file = "memory.memsw.limit_in_bytes"
        found.insert(1, Write(swap_file, "-1", origin("memory", "limit")))
    for write in found:
        # Without swap accounting the file is missing, and swap is unlimited.
        write.optional |= write.file == "memory.memsw.limit_in_bytes" and write.value == "-1"
        write.optional |= write.file in ("memory.use_hierarchy", "memory.kmem.limit_in_bytes")
    return found


def cpu(values: dict[str, Any]) -> list[Write]:
    """`cpu`, the controller of the same name."""
    if values.get("idle") == 1:
        values = {name: value for name, value in values.items() if name != "shares"}
    return rows("cpu", values, CPU)


def cpuset(values: dict[str, Any]) -> list[Write]:
    """`cpu.cpus` and `cpu.mems`."""
    return rows("cpu", values, CPUSET)


def block_io(values: dict[str, Any]) -> list[Write]:
    """`blockIO`."""
    found = []
    for name, file, bfq in WEIGHTS:
        found += _with_bfq(rows("blockIO", values, ((name, file, blkio_weight),)), bfq)
    for index, entry in enumerate(values.get("weightDevice") or ()):
        place = f"blockIO/weightDevice/{index}"
        if not entry.get("weight") and not entry.get("leafWeight"):
            raise wrong(place, "neither weight nor leafWeight is given")
        for name, file, bfq in WEIGHTS:
            # blkio.weight_device, blkio.bfq.weight_device
            one = rows(place, entry, ((name, file + "_device", blkio_weight),))
            for write in one:
                write.value = f"{device(entry)} {write.value}"
                write.origin = origin("blockIO", f"weightDevice[{index}].{name}")
            found += _with_bfq(one, bfq and bfq + "_device")
    for name, file in THROTTLE:
        for index, entry in enumerate(values.get(name) or ()):
            value = f"{device(entry)} {entry['rate']}"
            found.append(Write(file, value, origin("blockIO", f"{name}[{index}]")))
    return found


def _with_bfq(writes: list[Write], file: str) -> list[Write]:
    for write in writes:
        if file:
            write.instead = Write(file, write.value, write.origin)
    return writes


def hugetlb(values: list[dict[str, Any]]) -> list[Write]:
    """`hugepageLimits`: at fault, and at reservation where the kernel can (5.7)."""
    found = []
    for index, entry in enumerate(values):
        size = huge_page_size(entry["pageSize"], f"hugepageLimits/{index}/pageSize")
        because, value = f"linux.resources.hugepageLimits[{index}]", str(entry["limit"])
        found.append(Write(f"hugetlb.{size}.limit_in_bytes", value, because))
        found.append(Write(f"hugetlb.{size}.rsvd.limit_in_bytes", value, because, optional=True))
    return found


def net_cls(values: dict[str, Any]) -> list[Write]:
    """`network.classID`."""
    return rows("network", values, (("classID", "net_cls.classid", nonzero),))


def net_prio(values: dict[str, Any]) -> list[Write]:
    """`network.priorities`."""
    found = []
    for index, entry in enumerate(values.get("priorities") or ()):
        value = f"{entry['name']} {entry['priority']}"
        place = origin("network", f"priorities[{index}]")
        found.append(Write("net_prio.ifpriomap", value, place))
    return found


# section of linux.resources, controller, its function
SECTIONS: tuple[Section, ...] = (
    ("pids", "pids", pids_limit),
    ("memory", "memory", memory),
    ("blockIO", "blkio", block_io),
    ("cpu", "cpu", cpu),
    ("cpu", "cpuset", cpuset),
    ("hugepageLimits", "hugetlb", hugetlb),
    ("rdma", "rdma", rdma),
    ("network", "net_cls", net_cls),
    ("network", "net_prio", net_prio),
)
