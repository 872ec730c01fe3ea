"""Annotations `org.systemd.property.NAME: VALUE`: more properties for the container's unit. Pure."""

from __future__ import annotations

from pyruntime.cgroups import gvariant
from pyruntime.cgroups.systemd_properties import Property
from pyruntime.errors import SpecError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PREFIX = "org.systemd.property."
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

# Ours, and no matter of safety: an annotation may say otherwise.
REPLACEABLE = (
    "Description",
    "DefaultDependencies",
    "CPUAccounting",
    "MemoryAccounting",
    "IOAccounting",
    "BlockIOAccounting",
    "TasksAccounting",
)
OURS = {
    "PIDs": "the runtime puts the container's process there",
    "Slice": "linux.cgroupsPath says it",
    "Delegate": "the container's cgroup is always delegated",
    "DevicePolicy": "linux.resources.devices says it",
    "DeviceAllow": "linux.resources.devices says it",
}


def add(properties: list[Property], annotations: dict[str, str]) -> list[Property]:
    """*properties* with what the annotations say besides, or instead."""
    found = {one.name: one for one in properties}
    for key, text in annotations.items():
        if not key.startswith(PREFIX):
            continue
        one = _property(key, text)
        earlier = found.get(one.name)
        if one.name in OURS:
            raise _wrong(key, f"cannot be set: {OURS[one.name]}")
        if earlier is not None and one.name not in REPLACEABLE:
            raise _wrong(key, f"contradicts {earlier.origin}")
        found[one.name] = one
    return list(found.values())


def _property(key: str, text: str) -> Property:
    name = key.removeprefix(PREFIX)
    if len(name) < 3 or not LETTERS.issuperset(name):
        raise _wrong(key, "is not the name of a property: three letters or more, and nothing else")
    try:
        signature, value = gvariant.parse(text)
        # A time in seconds, as unit files have it: on the bus it is microseconds under another name.
        if name.endswith("Sec") and not name.endswith("USec") and name[-4].islower():
            name, signature, value = f"{name[:-3]}USec", "t", _microseconds(value, signature)
            text = str(value)
    except ValueError as error:
        raise _wrong(key, f"{text!r} is not a GVariant text: {error}") from None
    return Property(name, signature, value, f"annotations {key}", text=text)


def _microseconds(value: Any, signature: str) -> int:
    if signature not in "nqiuxtd" or value < 0:
        raise ValueError("seconds are a number, not less than 0")
    found = int(value * 1_000_000)
    if found >= 2**64:
        raise ValueError("so many seconds are too many")
    return found


def _wrong(key: str, message: str) -> SpecError:
    return SpecError("/annotations/" + key.replace("~", "~0").replace("/", "~1"), message)
