"""In which cgroups of the container an exec process starts: its own, those of --cgroup, or init's."""

from __future__ import annotations

import os

from pyruntime.cgroups import cgroup_of, files
from pyruntime.errors import Error, UsageError, WrongState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.container.init_proc import InitProc
    from pyruntime.facts import Facts

EVERY = "*"


def parse(values: list[str]) -> dict[str, str]:
    """`PATH` and `CONTROLLER,...:PATH` as hierarchy's controller (or EVERY) to path."""
    found: dict[str, str] = {}
    for value in values:
        names, colon, path = value.partition(":")
        # The name of a cgroup may have a colon in it.
        if not colon or value.startswith("/"):
            names, path = EVERY, value
        for name in names.split(","):
            if not name:
                raise UsageError(f"--cgroup: {value!r} has an empty controller")
            if name in found:
                what = "all controllers" if name == EVERY else name
                raise UsageError(f"--cgroup: there are two paths for {what}")
            found[name] = path
    return found


def directories(
    paths: dict[str, str], asked: dict[str, str], proc: InitProc, facts: Facts
) -> dict[str, str]:
    """The directory in each hierarchy. *paths*: the container's own, as in its record."""
    left = dict.fromkeys(asked)
    found = {}
    for key, own in paths.items():
        names = [name for name in (*key.split(","), EVERY) if name in asked]
        for name in names:
            left.pop(name, None)
        found[key] = _below(own, asked[names[0]]) if names else own
    left.pop(EVERY, None)
    if left:
        raise Error(f"--cgroup: the container has no cgroup of its own for {', '.join(left)}")
    if "" in paths and EVERY not in asked:
        found[""] = _without_inner(paths[""], proc, facts)
    return found


def _below(path: str, sub_cgroup: str) -> str:
    """A cgroup of the container's own, never above it."""
    found = os.path.normpath(f"{path}/{sub_cgroup}")
    if found != path and not found.startswith(path + "/"):
        raise Error(f"--cgroup: {sub_cgroup} is not a sub cgroup path")
    if not os.path.isdir(found):
        raise Error(f"--cgroup: {found}: no such cgroup")
    return found


def _without_inner(own: str, proc: InitProc, facts: Facts) -> str:
    """Init's cgroup, if the container hands controllers down from its own: that one takes no process then. cgroups(7)."""
    if not files.read_if_there(own, "cgroup.subtree_control") or facts.cgroup.unified is None:
        return own
    _, found, path = proc.read("cgroup").rpartition("0::")
    path = path.split("\n", 1)[0]
    root = facts.cgroup.unified.root.rstrip("/")
    if not found or not path.startswith(root + "/"):
        return own
    directory = facts.cgroup.unified.mountpoint + path[len(root) :]
    return directory if directory.startswith(own + "/") else own


def refuse_frozen(driver: str, own: dict[str, str], places: dict[str, str]) -> None:
    """Who joins a frozen cgroup of v1 hangs and cannot be killed. Whether all of the container is paused was asked before."""
    if places != own and cgroup_of(driver, places).is_frozen():
        if cgroup_of(driver, own).is_frozen():
            return  # --ignore-paused
        raise WrongState("cannot exec in a frozen cgroup of the container")
