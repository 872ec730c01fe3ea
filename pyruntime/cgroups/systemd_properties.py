"""Properties of a unit of systemd: those of every container's scope, and those that say what the cgroup's files say. Pure.

A limit is written to the cgroup, exactly, and told to systemd as well: what it is not told it would take back when it
next writes the cgroup's files (`systemctl daemon-reload`, `set-property`). The table goes from file to property, so
whatever leads to a write, `unified` too, is in step. systemd.resource-control(5), org.freedesktop.systemd1(5).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from pyruntime.cgroups.write import Write

INFINITY = 2**64 - 1
PERIOD_US = 100_000
"""The kernel's default period."""
PERCENT_US = 10_000
"""systemd keeps a quota as whole percents of a processor: of a second, ten milliseconds."""


class Property:
    """One property: *value* of the D-Bus type *signature*, because of *origin*."""

    __slots__ = ("name", "origin", "signature", "text", "value")

    def __init__(
        self, name: str, signature: str, value: Any, origin: str = "", *, text: str = ""
    ) -> None:
        self.name = name
        self.signature = signature
        self.value = value
        self.origin = origin
        self.text = text
        """The value for people, if it says nothing as it is."""

    def __str__(self) -> str:
        if self.text:
            return f"{self.name}={self.text}"
        return f"{self.name}={_shown(self.value, self.signature)}"

    def __repr__(self) -> str:
        return f"<{self}>"


def _shown(value: Any, signature: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "[" + ", ".join([_shown(one, signature[1:]) for one in value]) + "]"
    if isinstance(value, tuple):
        return " ".join([_shown(one, "") for one in value])
    return "infinity" if value == INFINITY else str(value)


def basic(id: str, slice: str, *, unified: bool) -> list[Property]:
    """Those of every scope. Which process it begins with (PIDs) is known only when it is started."""
    io = "IOAccounting" if unified else "BlockIOAccounting"
    accounting = ("CPUAccounting", "MemoryAccounting", io, "TasksAccounting")
    return [
        Property("Description", "s", f"pyruntime container {id}"),
        Property("Slice", "s", slice),
        # What is below the scope's cgroup is the container's, and systemd leaves it alone.
        Property("Delegate", "b", True),
        # Without: a container does not keep the system from starting or shutting down.
        Property("DefaultDependencies", "b", False),
        *[Property(name, "b", True) for name in accounting],
    ]


def number(value: str) -> int:
    """A number of a file."""
    return INFINITY if value in ("max", "-1") else int(value)


def bits(value: str) -> list[int]:
    """`0-2,7` as the bytes of a bit mask, the lowest first; "" as none, which is all that the parent has."""
    found = 0
    for part in value.split(",") if value.strip() else ():
        first, dash, last = part.strip().partition("-")
        for one in range(int(first), int(last if dash else first) + 1):
            found |= 1 << one
    return list(found.to_bytes((found.bit_length() + 7) // 8, "little"))


def _policy(value: str) -> str:
    return "kill" if value.strip() == "1" else "continue"


Row = tuple[str, str, "Callable[[str], Any]", int]

# file: property, its signature, from the file's text, the first version of systemd that has it
FILES: dict[str, Row] = {
    "memory.max": ("MemoryMax", "t", number, 231),
    "memory.high": ("MemoryHigh", "t", number, 231),
    "memory.low": ("MemoryLow", "t", number, 231),
    "memory.min": ("MemoryMin", "t", number, 240),
    "memory.swap.max": ("MemorySwapMax", "t", number, 232),
    "memory.zswap.max": ("MemoryZSwapMax", "t", number, 253),
    "memory.oom.group": ("OOMPolicy", "s", _policy, 253),
    "cpu.weight": ("CPUWeight", "t", number, 232),
    "pids.max": ("TasksMax", "t", number, 227),
    "cpuset.cpus": ("AllowedCPUs", "ay", bits, 244),
    "cpuset.mems": ("AllowedMemoryNodes", "ay", bits, 244),
    "io.weight": ("IOWeight", "t", number, 230),
    # v1
    "memory.limit_in_bytes": ("MemoryLimit", "t", number, 0),
    "cpu.shares": ("CPUShares", "t", number, 0),
    "blkio.weight": ("BlockIOWeight", "t", number, 0),
}

# In v1 cpusets are no controller of systemd's, and of the CPU it keeps what the cgroup's version has.
NOT_IN_V1 = ("cpuset.cpus", "cpuset.mems")

# file, or file and key: property of the type a(st)
DEVICES = {
    "io.weight": "IODeviceWeight",
    "io.max rbps": "IOReadBandwidthMax",
    "io.max wbps": "IOWriteBandwidthMax",
    "io.max riops": "IOReadIOPSMax",
    "io.max wiops": "IOWriteIOPSMax",
    "blkio.weight_device": "BlockIODeviceWeight",
    "blkio.throttle.read_bps_device": "BlockIOReadBandwidth",
    "blkio.throttle.write_bps_device": "BlockIOWriteBandwidth",
}


def from_writes(writes: Iterable[Write], version: int, *, unified: bool) -> list[Property]:
    """What systemd has to know of *writes*; files that it has no property for are left out."""
    found: dict[str, Property] = {}
    quota = _Quota()
    for write in writes:
        one = write.instead if write.file == "io.bfq.weight" and write.instead else write
        if quota.take(one) or (not unified and one.file in NOT_IN_V1):
            continue
        if one.file == "cpu.idle" and one.value == "1" and version >= 252:
            found["CPUWeight"] = Property("CPUWeight", "t", 0, one.origin, text="idle")
        elif " " in one.value:
            _add_device(found, one)
        elif (row := FILES.get(one.file)) is not None and version >= row[3]:
            name, signature, convert, _ = row
            text = one.value if signature == "ay" else ""
            try:
                value = convert(one.value)
            except ValueError:
                continue  # the kernel's word on it is the better one: the write fails
            found[name] = Property(name, signature, value, one.origin, text=text)
    return [*found.values(), *quota.properties(version)]


class _Quota:
    """cpu.max of v2, or cpu.cfs_quota_us and cpu.cfs_period_us of v1: two files, or one with two values."""

    def __init__(self) -> None:
        self.quota = ""
        self.period = PERIOD_US
        self.origin = ""

    def take(self, write: Write) -> bool:
        """Whether *write* is about the quota."""
        if write.file == "cpu.max":
            self.quota, _, period = write.value.partition(" ")
            self.period = int(period) if period.isdecimal() else PERIOD_US
        elif write.file == "cpu.cfs_quota_us":
            self.quota = "max" if write.value.startswith("-") else write.value
        elif write.file == "cpu.cfs_period_us":
            self.period = int(write.value)
            self.quota = self.quota or "max"
        else:
            return False
        self.origin = write.origin
        return True

    def properties(self, version: int) -> list[Property]:
        """None if nobody wrote one."""
        if not self.quota or not self.period:
            return []
        per_second = INFINITY
        if self.quota.isdecimal():
            exact = int(self.quota) * 1_000_000
            # Rounded up: the file has the exact value, and systemd's own would be less than asked.
            per_second = -(-exact // (self.period * PERCENT_US)) * PERCENT_US
        found = [Property("CPUQuotaPerSecUSec", "t", per_second, self.origin)]
        if version >= 242:
            found.append(Property("CPUQuotaPeriodUSec", "t", self.period, self.origin))
        return found


def _add_device(found: dict[str, Property], write: Write) -> None:
    device, *settings = write.value.split()
    for setting in settings:
        key, equals, value = setting.partition("=")
        name = DEVICES.get(f"{write.file} {key}" if equals else write.file)
        value = value if equals else setting
        if name is None or device == "default" or not (value.isdecimal() or value == "max"):
            continue
        one = found.setdefault(name, Property(name, "a(st)", [], write.origin))
        one.value.append((f"/dev/block/{device}", number(value)))


def from_rules(lines: list[tuple[str, str, str]], version: int) -> list[Property] | None:
    """DevicePolicy and DeviceAllow for the rules as v1 has them (devices.lines); None if they cannot be said so."""
    if lines[0][0] == "devices.allow":
        # Everything but the exceptions: systemd knows nothing, or a list of what is allowed.
        return [] if len(lines) == 1 else None
    allowed = []
    for _, line, _ in lines[1:]:
        kind, numbers, access = line.split()
        name = _device(kind, numbers, version)
        if name is None:
            return None
        allowed.append((name, access))
    origin = "linux.resources.devices"
    return [
        Property("DevicePolicy", "s", "strict", origin),
        Property("DeviceAllow", "a(ss)", allowed, origin),
    ]


def _device(kind: str, numbers: str, version: int) -> str | None:
    long = "char" if kind == "c" else "block"
    major, _, minor = numbers.partition(":")
    if minor != "*":
        return None if major == "*" else f"/dev/{long}/{numbers}"
    # The number of a driver instead of its name, since 240.
    return f"{long}-{major}" if major == "*" or version >= 240 else None
