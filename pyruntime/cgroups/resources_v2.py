"""The files of cgroup v2 for each property of `linux.resources`. Pure tables; cgroup-v2.rst of the kernel."""

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
    limit_v2,
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


def _impossible(value: object) -> None:
    # Specification, section Unified: if the conversion is not possible the runtime MUST generate an error.
    if value:
        raise ValueError("cgroup v2 has nothing like it")


def _swappiness(value: int) -> None:
    if value == SWAPPINESS_UNSET:
        return
    # 0 is a wish here, not an absence.
    raise ValueError(f"cgroup v2 has nothing like it ({value})")


def _unlimited(value: int) -> None:
    # -1 is what v2 does: kernel memory has no limit apart from memory.max.
    if value != -1:
        _impossible(value)


def cpu_weight(shares: int) -> str | None:
    """cpu.weight (1 to 10000) for cpu.shares (2 to 262144): 2 is 1, 1024 is 100, 262144 is 10000.

    The exponent is a quadratic in log2(shares) through these three points, so that the default of v1
    becomes the default of v2. Until 2025 the conversion was linear, and 1024 became 39.
    """
    if shares <= 0:
        return None
    if shares <= 2:
        return "1"
    if shares >= 262144:
        return "10000"
    log = _log2(shares)
    return str(-int(-(10 ** ((log * log + 125 * log) / 612 - 7 / 34)) // 1))


def _log2(number: int) -> float:
    # `math` may be a shared library to load; 44 bits are enough for every value there is (tested against it).
    whole = number.bit_length() - 1
    rest, log, bit = number / (1 << whole), float(whole), 0.5
    for _ in range(44):
        rest *= rest
        if rest >= 2:
            rest /= 2
            log += bit
        bit /= 2
    return log


PIDS = (("limit", "pids.max", pids),)

MEMORY = (
    ("limit", "memory.max", limit_v2),
    ("reservation", "memory.low", limit_v2),
    ("swappiness", "", _swappiness),
    ("disableOOMKiller", "", _impossible),
    ("kernel", "", _unlimited),
    ("kernelTCP", "", _unlimited),
)

CPU = (
    # cpu.weight of an idle cgroup is refused, so idle goes first (it may be 0, to end it).
    ("idle", "cpu.idle", idle),
    ("shares", "cpu.weight", cpu_weight),
    ("realtimePeriod", "", _impossible),
    ("realtimeRuntime", "", _impossible),
)

# Not larger than the quota: after it.
BURST = (("burst", "cpu.max.burst", always),)

CPUSET = (
    ("cpus", "cpuset.cpus", text),
    ("mems", "cpuset.mems", text),
)

# property, key of io.max
THROTTLE = (
    ("throttleReadBpsDevice", "rbps"),
    ("throttleWriteBpsDevice", "wbps"),
    ("throttleReadIOPSDevice", "riops"),
    ("throttleWriteIOPSDevice", "wiops"),
)


def pids_limit(values: dict[str, Any]) -> list[Write]:
    """`pids`."""
    return rows("pids", values, PIDS)


def memory(values: dict[str, Any]) -> list[Write]:
    """`memory`. v1's kernel refuses a limit below the usage; v2's would take it and kill: `checkBeforeUpdate` asks first."""
    limit, swap = values.get("limit") or 0, values.get("swap") or 0
    found = rows("memory", values, MEMORY)
    for write in found:
        if write.file == "memory.max" and values.get("checkBeforeUpdate"):
            write.usage = "memory.current"
    amount = swap_alone(limit, swap)
    if amount is not None:
        place = origin("memory", "swap" if swap else "limit")
        # Without swap accounting the file is missing, and the container has no swap, or all of it.
        found.insert(0, Write("memory.swap.max", amount, place, optional=amount in ("0", "max")))
    return found


def swap_alone(limit: int, swap: int) -> str | None:
    """memory.swap.max for `memory.limit` and `memory.swap`, which counts memory *and* swap."""
    if swap < -1:
        raise wrong("memory/swap", f"{swap} is neither a number of bytes nor -1 (unlimited)")
    if swap == -1 or (swap == 0 and limit == -1):
        # Unlimited memory means unlimited swap, as in v1.
        return "max"
    if swap == 0:
        return None
    check_swap(limit, swap)
    return str(swap - limit)


def cpu(values: dict[str, Any]) -> list[Write]:
    """`cpu`, the controller of the same name."""
    if values.get("idle") == 1:
        values = {name: value for name, value in values.items() if name != "shares"}
    return rows("cpu", values, CPU) + _cpu_max(values) + rows("cpu", values, BURST)


def _cpu_max(values: dict[str, Any]) -> list[Write]:
    quota, period = values.get("quota") or 0, values.get("period") or 0
    if not quota and not period:
        return []
    value = str(quota) if quota > 0 else "max"
    if period:
        value += f" {period}"
    return [Write("cpu.max", value, origin("cpu", "quota" if quota else "period"))]


def cpuset(values: dict[str, Any]) -> list[Write]:
    """`cpu.cpus` and `cpu.mems`."""
    return rows("cpu", values, CPUSET)


def block_io(values: dict[str, Any]) -> list[Write]:
    """`blockIO`. The BFQ scheduler's weight has v1's range; io.weight has 1 to 10000."""
    rows("blockIO", values, (("leafWeight", "", _impossible),))
    found = []
    for write in rows("blockIO", values, (("weight", "io.bfq.weight", blkio_weight),)):
        write.instead = Write("io.weight", io_weight(int(write.value)), write.origin)
        found.append(write)
    for index, entry in enumerate(values.get("weightDevice") or ()):
        place = f"blockIO/weightDevice/{index}"
        rows(place, entry, (("leafWeight", "", _impossible),))
        if not entry.get("weight"):
            raise wrong(place, "weight is not given")
        for write in rows(place, entry, (("weight", "io.bfq.weight", blkio_weight),)):
            write.origin = origin("blockIO", f"weightDevice[{index}]")
            other = f"{device(entry)} {io_weight(int(write.value))}"
            write.value = f"{device(entry)} {write.value}"
            write.instead = Write("io.weight", other, write.origin)
            found.append(write)
    for name, key in THROTTLE:
        for index, entry in enumerate(values.get(name) or ()):
            # 0 lifts the limit in v1; v2 calls that "max" and refuses 0.
            value = f"{device(entry)} {key}={entry['rate'] or 'max'}"
            found.append(Write("io.max", value, origin("blockIO", f"{name}[{index}]")))
    return found


def io_weight(weight: int) -> str:
    """io.weight (1 to 10000) for a weight of v1 (10 to 1000)."""
    return str(1 + (weight - 10) * 9999 // 990)


def hugetlb(values: list[dict[str, Any]]) -> list[Write]:
    """`hugepageLimits`: at fault, and at reservation where the kernel can (5.7)."""
    found = []
    for index, entry in enumerate(values):
        size = huge_page_size(entry["pageSize"], f"hugepageLimits/{index}/pageSize")
        because, value = f"linux.resources.hugepageLimits[{index}]", str(entry["limit"])
        found.append(Write(f"hugetlb.{size}.max", value, because))
        found.append(Write(f"hugetlb.{size}.rsvd.max", value, because, optional=True))
    return found


def network(values: dict[str, Any]) -> list[Write]:
    """`network`: there is nothing to convert it to."""
    table = (("classID", "", _impossible), ("priorities", "", _impossible))
    return rows("network", values, table)


# section of linux.resources, controller, its function
SECTIONS: tuple[Section, ...] = (
    ("pids", "pids", pids_limit),
    ("memory", "memory", memory),
    ("blockIO", "io", block_io),
    ("cpu", "cpu", cpu),
    ("cpu", "cpuset", cpuset),
    ("hugepageLimits", "hugetlb", hugetlb),
    ("rdma", "rdma", rdma),
    ("network", "", network),
)
