"""`Write`: one value for one file of a cgroup, and the small conversions that the tables of files use. Pure."""

from __future__ import annotations

from pyruntime.errors import SpecError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Conversion = Callable[[Any], str | None]
    Row = tuple[str, str, Conversion]
    Section = tuple[str, str, Callable[[Any], list["Write"]]]


class Write:
    """*value* for *file* of *directory*, because of *origin* (`linux.resources.pids.limit`)."""

    __slots__ = ("directory", "file", "instead", "optional", "origin", "usage", "value")

    def __init__(
        self,
        file: str,
        value: str,
        origin: str,
        *,
        directory: str = "",
        optional: bool = False,
        instead: Write | None = None,
        usage: str = "",
    ) -> None:
        self.directory = directory
        self.file = file
        self.value = value
        self.origin = origin
        self.optional = optional
        """Whether a missing file, or one that takes no value any more, is no error: the kernel then does what is asked, or never will."""
        self.instead = instead
        """What to write if *file* is missing: the same thing under another name."""
        self.usage = usage
        """The file with what is in use, which *value* may not be less than."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Write):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        mark = "?" if self.optional or self.instead else ""
        return f"<{self.origin}: {self.directory}/{self.file}{mark} = {self.value!r}>"


def rows(section: str, values: dict[str, Any], table: tuple[Row, ...]) -> list[Write]:
    """The writes for those properties of *values* that *table* (property, file, conversion) names, in its order."""
    found = []
    for name, file, convert in table:
        value = values.get(name)
        if value is None:
            continue
        try:
            text = convert(value)
        except ValueError as error:
            raise wrong(f"{section}/{name}", str(error)) from None
        if text is not None:
            found.append(Write(file, text, origin(section, name)))
    return found


def origin(section: str, name: str) -> str:
    """The place in config.json of a property of `linux.resources`, as people write it."""
    return f"linux.resources.{section}.{name}"


def wrong(place: str, message: str) -> SpecError:
    """config.json is wrong at *place*, a pointer below /linux/resources."""
    return SpecError(f"/linux/resources/{place}", message)


# Conversions: a property's value to the text of the file, None if there is nothing to write.


def always(value: int) -> str:
    """Every value counts, 0 too."""
    return str(value)


def text(value: str) -> str | None:
    """A string; an empty one means unset."""
    return value or None


def nonzero(value: int) -> str | None:
    """A number of which 0 means unset: engines write 0 for what their user did not give."""
    return str(value) if value else None


def limit_v1(value: int) -> str | None:
    """A limit of cgroup v1: -1 is unlimited, 0 unset."""
    if value < -1:
        raise ValueError(f"{value} is neither a number of bytes nor -1 (unlimited)")
    return nonzero(value)


def limit_v2(value: int) -> str | None:
    """A limit of cgroup v2: -1 is unlimited, 0 unset."""
    return "max" if value == -1 else limit_v1(value)


def pids(value: int) -> str:
    """pids.limit: negative is unlimited, and 0 a limit, for which 1 has the same effect: nothing can be forked.

    With 0 the kernel would refuse the container's first process, if it is cloned into the cgroup.
    """
    return "max" if value < 0 else str(max(value, 1))


SWAPPINESS_UNSET = 2**64 - 1
"""uint64(-1): engines that are written in Go say "not set" so."""


def check_swap(limit: int, swap: int) -> None:
    """`memory.swap` counts memory and swap, so that it makes sense only beside a memory limit."""
    if swap > 0 and limit <= 0:
        raise wrong("memory/swap", "unable to set swap limit without memory limit")
    if 0 < swap < limit:
        raise wrong("memory/swap", "memory+swap limit should be >= memory limit")


def idle(value: int) -> str:
    """cpu.idle."""
    if value not in (0, 1):
        raise ValueError(f"{value} is neither 0 nor 1")
    return str(value)


def blkio_weight(value: int) -> str | None:
    """A weight of block IO, 10 to 1000; 0 is unset. cgroup-v1/blkio-controller.rst."""
    if value and not 10 <= value <= 1000:
        raise ValueError(f"{value} is not between 10 and 1000")
    return nonzero(value)


def device(value: dict[str, Any]) -> str:
    """The "major:minor" of an entry."""
    return f"{value['major']}:{value['minor']}"


def huge_page_size(value: str, place: str) -> str:
    """*value* if it is a name such as 2MB: it becomes part of a file's name, so nothing else is let through."""
    if not (value[:-2].isascii() and value[:-2].isdecimal() and value[-2:] in ("KB", "MB", "GB")):
        raise wrong(place, f"{value!r} is not a huge page size such as 64KB, 2MB or 1GB")
    return value


def rdma(values: dict[str, Any]) -> list[Write]:
    """rdma.max: the same file in both versions."""
    found = []
    for name, limits in values.items():
        if not name or any(c.isspace() for c in name):
            raise wrong("rdma", f"{name!r} is not the name of a device")
        parts = [name]
        if limits.get("hcaHandles") is not None:
            parts.append(f"hca_handle={limits['hcaHandles']}")
        if limits.get("hcaObjects") is not None:
            parts.append(f"hca_object={limits['hcaObjects']}")
        if len(parts) == 1:
            raise wrong(f"rdma/{name}", "neither hcaHandles nor hcaObjects is given")
        found.append(Write("rdma.max", " ".join(parts), origin("rdma", name)))
    return found
