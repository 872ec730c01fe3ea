"""update: change the limits of a container."""

from __future__ import annotations

import os

from pyruntime.container import interrupts, store
from pyruntime.container.update import update
from pyruntime.errors import UsageError
from pyruntime.spec import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyruntime.cli.parse import Call

UNITS = {"b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40, "p": 2**50}


def number(text: str) -> int:
    """A decimal number, perhaps below 0."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()):
        raise ValueError("is not a number")
    return int(text)


def size(text: str) -> int:
    """Bytes: 512m, 1g, 1.5GiB, 4096, or -1 for no limit. The units are powers of 1024."""
    if text == "-1":
        return -1
    unit = text.lower().removesuffix("b").removesuffix("i")
    factor = UNITS.get(unit[-1:], 1)
    digits = unit[:-1] if unit[-1:] in UNITS else unit
    whole, dot, part = digits.partition(".")
    if not (f"{whole}{part}".isascii() and whole.isdecimal() and (part.isdecimal() or not dot)):
        raise ValueError("is not a size, such as 512m or -1")
    return int(whole) * factor + (int(part) * factor // 10 ** len(part) if part else 0)


#   option: section and property of linux.resources, from the option's text
OPTIONS: dict[str, tuple[str, str, Callable[[str], Any]]] = {
    "blkio_weight": ("blockIO", "weight", number),
    "cpu_period": ("cpu", "period", number),
    "cpu_quota": ("cpu", "quota", number),
    "cpu_burst": ("cpu", "burst", number),
    "cpu_share": ("cpu", "shares", number),
    "cpu_rt_period": ("cpu", "realtimePeriod", number),
    "cpu_rt_runtime": ("cpu", "realtimeRuntime", number),
    "cpu_idle": ("cpu", "idle", number),
    "cpuset_cpus": ("cpu", "cpus", str),
    "cpuset_mems": ("cpu", "mems", str),
    "memory": ("memory", "limit", size),
    "memory_reservation": ("memory", "reservation", size),
    "memory_swap": ("memory", "swap", size),
    "pids_limit": ("pids", "limit", number),
}
WITHOUT_EFFECT = ("kernel_memory", "kernel_memory_tcp")


def run(call: Call) -> int:
    """Change them."""
    asked = _asked(call)
    interrupts.hold()
    with store.find(call.globals["root"], call.arguments[0], lock=True) as container:
        update(container, asked, call.warn)
    return 0


def _asked(call: Call) -> object:
    """The object that --resources names, or one of the other options."""
    asked: dict[str, dict[str, Any]] = {}
    for option, (section, name, convert) in OPTIONS.items():
        text = call.options[option]
        if not text:
            continue
        try:
            asked.setdefault(section, {})[name] = convert(text)
        except ValueError as error:
            raise UsageError(f"--{option.replace('_', '-')}: {text!r} {error}") from None
    ignored = [option for option in WITHOUT_EFFECT if call.options[option]]
    for option in ignored:
        call.warn(f"--{option.replace('_', '-')}: kernels have no such limit any more: no effect")
    path = call.options["resources"]
    if path and asked:
        raise UsageError("--resources: the other limits have to be in the file too")
    if path:
        return _standard_input() if path == "-" else load.load(path, pipe=True)
    if not asked and not ignored:
        raise UsageError("update: no limit is given")
    return asked


def _standard_input() -> object:
    parts = []
    while part := os.read(0, 1 << 16):
        parts.append(part)
    return load.decode(b"".join(parts), name="standard input")
