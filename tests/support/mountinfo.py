"""/proc/PID/mountinfo as values. proc_pid_mountinfo(5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Mount:
    mount_id: int
    parent_id: int
    root: str
    at: str
    options: frozenset[str]
    propagation: frozenset[str]
    """The kinds without their peer group numbers: "shared", "master", "unbindable"; nothing is private."""
    fstype: str
    source: str
    data: frozenset[str]
    """The options of the superblock."""


def parse(lines: Iterable[str]) -> list[Mount]:
    return [_mount(line) for line in lines if " - " in line]


def _mount(line: str) -> Mount:
    left, right = line.rstrip("\n").split(" - ", 1)
    mount_id, parent_id, _device, root, at, options, *optional = left.split()
    fstype, source, data = [*right.split(" "), "", ""][:3]
    kinds = frozenset(field.split(":")[0] for field in optional)
    return Mount(int(mount_id), int(parent_id), _unescape(root), _unescape(at), frozenset(options.split(",")), kinds,
                 fstype, _unescape(source), frozenset(data.split(",")))  # fmt: skip


def _unescape(text: str) -> str:
    return (
        text.replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\012", "\n")
        .replace("\\134", "\\")
    )


def of_process(pid: int | str = "self") -> list[Mount]:
    with open(f"/proc/{pid}/mountinfo", encoding="utf-8") as file:
        return parse(file)


def topmost(mounts: Iterable[Mount], at: str) -> Mount:
    """The mount that a path lookup of *at* ends on."""
    return [mount for mount in mounts if mount.at == at][-1]
