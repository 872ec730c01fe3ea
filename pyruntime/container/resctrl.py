"""The ops of linux.intelRdt: directories and files of resctrl. Documentation/filesystems/resctrl.rst.

What is made is decided under the file system's lock, and written down before it is made (with the number 0) and after it
(with its own, see own_cgroups.py): only that goes with the container.
"""

from __future__ import annotations

import errno
import os

from pyruntime.container import own_cgroups
from pyruntime.container.locks import wait_for_lock
from pyruntime.errors import Error, KernelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.container.launch import Launch
    from pyruntime.container.record import Record

# The resources whose values are numbers; all others are masks, which are written in hexadecimal.
DECIMAL = ("MB", "SMBA")


class Lock:
    """An exclusive flock(2) on resctrl, until it is closed or this process ends."""

    def __init__(self, mountpoint: str) -> None:
        self.fd = os.open(mountpoint, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def take(self) -> None:
        """Wait for it, not for ever."""
        wait_for_lock(self.fd, what="resctrl")

    def close(self) -> None:
        """A second time does nothing."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def lock_resctrl(launch: Launch, mountpoint: str) -> None:
    """Nobody else who keeps to the rule changes classes meanwhile."""
    lock = Lock(mountpoint)
    launch.holds.append(lock)
    lock.take()


def unlock_resctrl(launch: Launch) -> None:
    """What was locked is as it was wanted."""
    for one in launch.holds:
        if isinstance(one, Lock):
            one.close()


def make_resctrl(launch: Launch, group: str, *wanted: str) -> None:
    """mkdir(2); one that is there already must have the wanted lines."""
    try:
        _make(launch, group)
    except FileExistsError:
        _must_have(group, wanted)
        return
    launch.on_failure(lambda: undo_make(group))


def find_resctrl(_launch: Launch, group: str) -> None:
    """It must be there."""
    if not os.path.isdir(group):
        raise Error(
            f"{group}: no such class of service",
            hint="a closID without a schema names one that somebody has prepared",
        )


def write_schemata(_launch: Launch, group: str, line: str) -> None:
    """One line of one resource."""
    _write(f"{group}/schemata", line + "\n")


def make_monitoring(launch: Launch, group: str) -> None:
    """mkdir(2), of a directory that is the container's alone."""
    try:
        _make(launch, group)
    except FileExistsError:
        raise KernelError(f"mkdir({group})", errno.EEXIST) from None
    launch.on_failure(lambda: remove([group]))


def _make(launch: Launch, group: str) -> None:
    """mkdir(2), and who made it is known at every moment."""
    record = launch.record
    if record is None or group not in record.made_resctrl:
        _mkdir(group)
        return
    if os.path.lexists(group):
        raise FileExistsError
    record.inodes[group] = 0
    launch.container.write_record(record)
    try:
        _mkdir(group)
    except (Error, FileExistsError):
        del record.inodes[group]
        launch.container.write_record(record)
        raise
    own_cgroups.note(record, [group])
    launch.container.write_record(record)


def join_resctrl(launch: Launch, group: str) -> None:
    """The process that was cloned."""
    _write(f"{group}/tasks", str(launch.pid))


def remove_made(record: Record) -> None:
    """What was made for the container and is still that; where a create was killed in between, what has no tasks."""
    made = [group for group in record.made_resctrl if group in record.inodes]
    if not any(map(os.path.isdir, made)):
        return
    lock = Lock(_top(made[-1]))
    try:
        lock.take()
        for group in made:
            if record.inodes[group] == 0:
                undo_make(group)
            elif not own_cgroups.is_foreign(record, group):
                remove([group])
    finally:
        lock.close()


def _top(group: str) -> str:
    """Where resctrl is mounted: nowhere below that is there an "info"."""
    while group != "/" and not os.path.isdir(f"{group}/info"):
        group = os.path.dirname(group)
    return group


def remove(groups: list[str]) -> None:
    """rmdir(2); what has gone, or whose file system has, is gone."""
    for group in groups:
        try:
            os.rmdir(group)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise KernelError(f"rmdir({group})", error.errno or 0) from None


def undo_make(group: str) -> None:
    """A class may be shared: another container may have come meanwhile, and removing it would not stop the kernel."""
    if not _read(f"{group}/tasks").strip():
        remove([group])


def _must_have(group: str, wanted: tuple[str, ...]) -> None:
    text = _read(f"{group}/schemata") if wanted else ""
    for line in wanted:
        if not has_line(text, line, _granularity(group, line)):
            raise Error(
                f"{group} is there already and has another schema than {line}",
                hint=f"it has {' '.join(text.split())}",
            )


def _granularity(group: str, line: str) -> int:
    """Of the bandwidths that the kernel knows: it rounds up."""
    name = line.partition(":")[0].strip()
    for top in (os.path.dirname(group), group):
        text = _read(f"{top}/info/{name}/bandwidth_gran").strip()
        if text.isdecimal():
            return max(int(text), 1)
    return 1


def has_line(schemata: str, wanted: str, granularity: int = 1) -> bool:
    """Whether the file's text gives each domain of *wanted* this value, however it is written."""
    name, _, domains = wanted.partition(":")
    for line in schemata.splitlines():
        found, _, values = line.partition(":")
        if found.strip() == name.strip():
            there = _values(name.strip(), values)
            return all(
                there.get(key) in (value, _rounded(value, granularity))
                for key, value in _values(name.strip(), domains).items()
            )
    return False


def _rounded(value: int | str, granularity: int) -> int | str:
    return value if isinstance(value, str) else -(-value // granularity) * granularity


def _values(name: str, text: str) -> dict[str, int | str]:
    """Domain to value, of "0=ff;1=f0"."""
    found: dict[str, int | str] = {}
    for part in text.split(";"):
        domain, equals, value = part.partition("=")
        if not part.strip():
            continue
        try:
            number = int(value.strip(), 10 if name in DECIMAL else 16)
        except ValueError:
            found[domain.strip()] = equals + value.strip()
        else:
            found[domain.strip()] = number
    return found


def _mkdir(path: str) -> None:
    try:
        os.mkdir(path, 0o755)
    except FileExistsError:
        raise
    except OSError as error:
        raise KernelError(f"mkdir({path})", error.errno or 0, hint=_why(path, error)) from None


def _write(path: str, text: str) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.write(fd, text.encode("utf-8", "surrogateescape"))
        finally:
            os.close(fd)
    except OSError as error:
        call = f"write({path}, {text.rstrip()!r})"
        raise KernelError(call, error.errno or 0, hint=_why(path, error)) from None


def _why(path: str, error: OSError) -> str:
    """The kernel's own words, in info/last_cmd_status at the top of the file system."""
    directory = path
    while (directory := os.path.dirname(directory)) not in ("", "/"):
        if words := _read(f"{directory}/info/last_cmd_status").strip():
            return f'the kernel says "{words}"' if words != "ok" else ""
    if error.errno == errno.ENOSPC:
        return "all classes of service, or all monitoring groups, of this processor are taken"
    return ""


def _read(path: str) -> str:
    """ "" if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""
