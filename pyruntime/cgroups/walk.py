"""Over a cgroup and all below it, whatever a container has made there: any depth, any number, any names.

A container that may write its cgroup decides how deep the tree is: a path may be longer than PATH_MAX takes, the
depth more than Python can recurse or descriptors may be open. So one descriptor goes down by name and up by "..":
a cgroup cannot be moved to another parent, and one that was removed still knows its own. What vanishes meanwhile is
passed over, and a tree that grows faster than it is walked ends at a deadline.
"""

from __future__ import annotations

import errno
import os
import time

from pyruntime.errors import Error, KernelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

GONE = (errno.ENOENT, errno.ENODEV)
"""A cgroup that is removed while it is read: the directory is missing, or its files no longer answer."""

WALK_SECONDS = 20.0
"""10,000 cgroups take less than one second."""

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def walk(directory: str) -> Iterator[int]:
    """A descriptor of *directory* and of each cgroup below it, a parent before its children; none if it does not exist.

    Each is closed when the next is asked for.
    """
    fd = _open(directory)
    if fd is None:
        return
    deadline = time.monotonic() + WALK_SECONDS
    levels: list[list[str]] = []
    try:
        yield fd
        names = _children(fd, directory)
        while True:
            _in_time(deadline, directory)
            if names:
                below = _open(names.pop(), fd)
                if below is None:
                    continue
                fd = _instead_of(fd, below)
                levels.append(names)
                yield fd
                names = _children(fd, directory)
            elif levels:
                fd = _instead_of(fd, _up(fd, directory))
                names = levels.pop()
            else:
                return
    finally:
        os.close(fd)


def remove(directory: str) -> tuple[int, bool]:
    """rmdir(2) of *directory* and all below it, deepest first: how many, and whether something was busy."""
    fd = _open(directory)
    if fd is None:
        return 0, False
    deadline = time.monotonic() + WALK_SECONDS
    removed, busy = 0, False
    levels: list[tuple[str, list[str]]] = []
    try:
        names = _children(fd, directory)
        while True:
            _in_time(deadline, directory)
            if names:
                name = names.pop()
                if _rmdir(name, fd, directory):
                    removed += 1
                elif (below := _open(name, fd)) is not None:
                    fd = _instead_of(fd, below)
                    levels.append((name, names))
                    names = _children(fd, directory)
            elif levels:
                fd = _instead_of(fd, _up(fd, directory))
                name, names = levels.pop()
                gone = _rmdir(name, fd, directory)
                removed, busy = removed + gone, busy or not gone
            else:
                break
    finally:
        os.close(fd)
    gone = _rmdir(directory, None, directory)
    return removed + gone, busy or not gone


def _open(name: str, above: int | None = None) -> int | None:
    try:
        return os.open(name, DIRECTORY, dir_fd=above)
    except OSError as error:
        if error.errno in GONE:
            return None
        raise KernelError(f"open({_short(name)}, O_DIRECTORY)", error.errno or 0) from None


def _up(fd: int, directory: str) -> int:
    try:
        return os.open("..", DIRECTORY, dir_fd=fd)
    except OSError as error:
        raise KernelError(f"open(.., O_DIRECTORY) below {directory}", error.errno or 0) from None


def _instead_of(old: int, new: int) -> int:
    os.close(old)
    return new


def _children(fd: int, directory: str) -> list[str]:
    try:
        # Two links of its own, and one from each directory in it: mostly nothing is to be listed.
        if os.fstat(fd).st_nlink <= 2:
            return []
        with os.scandir(fd) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError as error:
        if error.errno in GONE:
            return []
        raise KernelError(f"getdents64 below {directory}", error.errno or 0) from None


def _rmdir(name: str, above: int | None, directory: str) -> bool:
    """Whether it is gone; not if it is busy: a process has not ended yet, or it has cgroups in it."""
    try:
        os.rmdir(name, dir_fd=above)
    except OSError as error:
        if error.errno in (errno.EBUSY, errno.ENOTEMPTY):
            return False
        if error.errno not in GONE:
            raise KernelError(f"rmdir({_short(name)}) in {directory}", error.errno or 0) from None
    return True


def _in_time(deadline: float, directory: str) -> None:
    if time.monotonic() > deadline:
        raise Error(
            f"{directory}: its cgroups were not all seen within {WALK_SECONDS:.0f} seconds",
            hint="a process of the container may be making them faster than they are read",
        )


def _short(name: str) -> str:
    return name if len(name) < 300 else name[:297] + "..."
