"""Where this machine's cgroup hierarchies are, as far as the tests look into them or clean up after themselves."""

from __future__ import annotations

import os
from pathlib import Path

from support import mountinfo
from support.wait import wait_until


def hierarchies() -> dict[str, Path]:
    """Controller (or "" for cgroup2, "name=X" for a named one) to mount point, below /sys/fs/cgroup."""
    found: dict[str, Path] = {}
    for mount in mountinfo.of_process():
        if not mount.at.startswith("/sys/fs/cgroup"):
            continue
        if mount.fstype == "cgroup2":
            found[""] = Path(mount.at)
        elif mount.fstype == "cgroup":
            for name in mount.data - {"rw", "ro", "none", "xattr", "clone_children", "noprefix"}:
                if not name.startswith("release_agent="):
                    found[name] = Path(mount.at)
    return found


HIERARCHIES = hierarchies()
UNIFIED = HIERARCHIES.get("") == Path("/sys/fs/cgroup")


def has_controller(name: str) -> bool:
    if UNIFIED:
        return name in (HIERARCHIES[""] / "cgroup.controllers").read_text().split()
    return name in HIERARCHIES


def directory(controller: str, path: str) -> Path:
    """The directory of cgroup *path* in *controller*'s hierarchy."""
    return HIERARCHIES["" if UNIFIED else controller] / path.lstrip("/")


def directories(path: str) -> list[Path]:
    """The directories of cgroup *path*, one per hierarchy, that exist."""
    candidates = {root / path.lstrip("/") for root in HIERARCHIES.values()}
    return sorted(each for each in candidates if each.is_dir())


def below(path: str) -> list[Path]:
    """All cgroups below *path* in every hierarchy, innermost first; *path* itself is not among them."""
    return [
        Path(parent)
        for top in directories(path)
        for parent, _, _ in os.walk(top, topdown=False)
        if Path(parent) != top
    ]


def named(end: str) -> list[Path]:
    """Every cgroup of every hierarchy whose path ends in *end*. Others may go away meanwhile, which os.walk bears."""
    return [
        Path(parent)
        for top in set(HIERARCHIES.values())
        for parent, _, _ in os.walk(top)
        if parent.endswith(f"/{end}")
    ]


def processes(path: str) -> set[int]:
    """Every process in *path* or below, in any hierarchy."""
    found: set[int] = set()
    for group in [*below(path), *directories(path)]:
        try:
            found.update(int(line) for line in (group / "cgroup.procs").read_text().split())
        except OSError:
            continue  # It went away.
    return found


def of_process(pid: int) -> dict[str, str]:
    """Controller to cgroup, from /proc/PID/cgroup."""
    found = {}
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            found[name] = path
    return found


def thaw_all(path: str) -> None:
    """A frozen process does not die: thaw whatever a failed test left."""
    for group in below(path):
        for name, text in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
            if (group / name).exists():
                (group / name).write_text(text)


def remove_all(path: str) -> None:
    """Remove *path* and everything below. Its processes have been killed before."""
    for group in [*below(path), *directories(path)]:
        wait_until(lambda group=group: _removed(group), f"removed: {group}", deadline_s=5)  # type: ignore[misc]


def remove_tree(top: Path) -> None:
    """Remove one cgroup with those in it."""
    for parent, _, _ in os.walk(top, topdown=False):
        os.rmdir(parent)


def _removed(group: Path) -> bool:
    try:
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False  # EBUSY: a process is still ending.
    return True
