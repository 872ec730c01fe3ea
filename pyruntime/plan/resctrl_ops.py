"""The ops of resctrl (container/resctrl.py). They are apart from `ops` because few configurations need them."""

from __future__ import annotations

from pyruntime.plan.step import Op


def lock_resctrl(mountpoint: str) -> Op:
    """flock(2) of the file system, as resctrl.rst has it for whoever changes classes."""
    return Op("lock_resctrl", mountpoint)


def unlock_resctrl() -> Op:
    """The end of lock_resctrl."""
    return Op("unlock_resctrl")


def make_resctrl(group: str, wanted: list[str]) -> Op:
    """mkdir(2) of a class of service; if it is there already, it must have the lines *wanted* in its schemata."""
    return Op("make_resctrl", group, *wanted)


def find_resctrl(group: str) -> Op:
    """A class of service that must be there."""
    return Op("find_resctrl", group)


def write_schemata(group: str, line: str) -> Op:
    """Write a line to the class's schemata."""
    return Op("write_schemata", group, line)


def make_monitoring(group: str) -> Op:
    """mkdir(2) of a monitoring group that must not be there."""
    return Op("make_monitoring", group)


def join_resctrl(group: str) -> Op:
    """Write the pid of the process that was cloned to the group's `tasks`."""
    return Op("join_resctrl", group)
