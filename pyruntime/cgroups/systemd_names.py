"""`linux.cgroupsPath` for systemd, `slice:prefix:name`: the unit's name, its slice, and its cgroup. systemd.slice(5). Pure."""

from __future__ import annotations

from pyruntime.errors import SpecError

POINTER = "/linux/cgroupsPath"

LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@")
LONGEST = 255
ROOT_SLICE = "-.slice"
DEFAULT_PREFIX = "pyruntime"


def names(cgroups_path: str, container_id: str, *, user: bool) -> tuple[str, str]:
    """The slice and the scope of the container."""
    parent = "user.slice" if user else "system.slice"
    if not cgroups_path:
        return parent, scope(DEFAULT_PREFIX, escape(container_id))
    parts = cgroups_path.split(":")
    if len(parts) != 3 or "/" in cgroups_path:
        raise SpecError(
            POINTER,
            f'with systemd it has the form "slice:prefix:name", not {cgroups_path!r}',
            hint="leave --systemd-cgroup out, or the property",
        )
    slice, prefix, name = parts
    if not name:
        raise SpecError(POINTER, f"{cgroups_path!r} has no name after the second colon")
    if name.endswith(".slice"):
        raise SpecError(POINTER, f"{name!r} would be a slice, which holds no processes itself")
    return _slice(slice) if slice else parent, scope(prefix, name)


def scope(prefix: str, name: str) -> str:
    """The name of the unit; SpecError if there can be none with it."""
    unit = f"{prefix}-{name}.scope" if prefix else f"{name}.scope"
    if not LETTERS.issuperset(unit) or len(unit) > LONGEST:
        raise SpecError(POINTER, f"{unit!r} cannot be the name of a unit of systemd")
    return unit


def escape(text: str) -> str:
    """*text* with what a unit's name may not have as `\\xNN`, as systemd-escape(1) does it."""
    return "".join([c if c in LETTERS and c != "\\" else f"\\x{ord(c):02x}" for c in text])


def _slice(name: str) -> str:
    """The slice's name, if it is one."""
    if name in ("-", ROOT_SLICE):
        return ROOT_SLICE
    stem = name.removesuffix(".slice")
    if (
        stem == name
        or not stem
        or "" in stem.split("-")
        or not LETTERS.issuperset(stem)
        or "@" in stem
    ):
        raise SpecError(
            POINTER,
            f"{name!r} is not the name of a slice",
            hint="it ends in .slice, and a dash stands between two names: a.slice, a-b.slice",
        )
    return name


def slice_path(name: str) -> str:
    """The slice's cgroup below its manager's: "/a.slice/a-b.slice" for a-b.slice, "" for the root slice."""
    if name == ROOT_SLICE:
        return ""
    parts = name.removesuffix(".slice").split("-")
    return "".join([f"/{'-'.join(parts[: count + 1])}.slice" for count in range(len(parts))])
