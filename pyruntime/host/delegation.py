"""Which cgroups the runtime may make and join: what somebody with more powers has delegated to it. cgroups(7)."""

from __future__ import annotations

import os

from pyruntime.host.facts import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.facts import CgroupFacts, Hierarchy


def look_around(facts: CgroupFacts) -> None:
    """Whether a cgroup of cgroup2 can be made beside the runtime's own, or only below it."""
    if facts.unified is None:
        return
    own = own_directory(facts.unified, facts.own.get("", "/"))
    beside = os.path.dirname(own) if own != facts.unified.mountpoint else own
    facts.below_own = not _writable(beside) and _writable(own)


def look_at(facts: CgroupFacts, paths: dict[str, str]) -> None:
    """Find the *paths* (hierarchy to directory) that cannot be made or joined, and the controllers that are to be had."""
    for key, directory in paths.items():
        above = existing(directory)
        reason = _closed(above, made=above == directory)
        if key == "" and facts.unified is not None:
            reason = reason or _no_way(facts.unified, facts.own.get("", "/"), directory)
            if facts.layout == "v2" and not reason:
                facts.unified.controllers = tuple(read(f"{above}/cgroup.controllers").split())
        if reason:
            facts.closed[key] = reason


def own_directory(hierarchy: Hierarchy, path: str) -> str:
    """The runtime's own cgroup as a directory; the mount point, if it is not below that."""
    root = hierarchy.root.rstrip("/")
    if path.startswith(root + "/") and path != "/":
        return hierarchy.mountpoint + path[len(root) :]
    return hierarchy.mountpoint


def existing(directory: str) -> str:
    """*directory*, or the first one above it that there is."""
    while not os.path.isdir(directory) and directory != "/":
        directory = os.path.dirname(directory)
    return directory


def _closed(directory: str, *, made: bool) -> str:
    """Why nothing can be made in *directory*, or joined if it is the container's."""
    if not _writable(directory):
        return f"{directory} is not writable for the runtime"
    members = f"{directory}/cgroup.procs"
    if made and not os.access(members, os.W_OK):
        return f"{members} is not writable for the runtime"
    return ""


def _no_way(hierarchy: Hierarchy, own: str, directory: str) -> str:
    """Who moves a process has to have power over all that is between the old and the new cgroup."""
    common = os.path.commonpath([own_directory(hierarchy, own), directory])
    members = f"{common}/cgroup.procs"
    if os.access(members, os.W_OK):
        return ""
    return f"the runtime is outside of what is delegated to it: {members} is not writable"


def _writable(directory: str) -> bool:
    return os.access(directory, os.W_OK | os.X_OK)
