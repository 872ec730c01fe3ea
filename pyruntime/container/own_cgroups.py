"""Whether what stands where a container's cgroups were made is still the container's.

A name alone is nobody: a cgroup without processes can be removed, and made again for somebody else. The file systems of
cgroups and of resctrl (kernfs) number their directories, and give no number twice in one boot; the record has the
numbers of what create made or found. What has another is never frozen, killed, limited, joined or removed.
"""

from __future__ import annotations

import errno
import os

from pyruntime.cgroups import cgroup_of
from pyruntime.container.process import read_boot_id
from pyruntime.errors import Error, KernelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyruntime.cgroups.base import Cgroup
    from pyruntime.container.record import Record

NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENODEV)


def note(record: Record, paths: Iterable[str]) -> None:
    """Put down what is at *paths* now."""
    record.boot = read_boot_id()
    for path in paths:
        number = _number(path)
        if number:
            record.inodes[path] = number


def cgroup_for(record: Record) -> Cgroup:
    """The container's cgroups, as far as they are there and its own."""
    paths = {key: path for key, path in record.cgroup_paths.items() if not is_foreign(record, path)}
    return cgroup_of(record.cgroup_driver, paths)


def made_by(record: Record) -> list[str]:
    """What was made for the container and may be removed with it, outermost first."""
    return [path for path in record.made_cgroups if not is_foreign(record, path)]


def check(record: Record, what: str) -> None:
    """Refuse to do *what* where somebody else's cgroup has the name of one of ours."""
    for path in record.cgroup_paths.values():
        if is_foreign(record, path):
            raise Error(
                f"cannot {what}: {path} is not the cgroup that the container was given",
                hint="that one was removed, and another of the same name was made since",
            )


def is_foreign(record: Record, path: str) -> bool:
    """Whether somebody else's is there. Nothing is nobody's."""
    if not record.inodes:
        return False  # its creation was cut short: whoever removes it has to be careful
    number = _number(path)
    return bool(number) and (number != record.inodes.get(path) or record.boot != read_boot_id())


def _number(path: str) -> int:
    """The number of the directory, 0 if there is none."""
    try:
        return os.stat(path, follow_symlinks=False).st_ino
    except OSError as error:
        if error.errno in NOTHING_THERE:
            return 0
        raise KernelError(f"stat({path})", error.errno or 0) from None
