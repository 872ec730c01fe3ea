"""Files and directories of the cgroup file systems: each call with an error that says what was called."""

from __future__ import annotations

import errno
import os
import time

from pyruntime.cgroups import walk
from pyruntime.cgroups.walk import GONE as GONE
from pyruntime.errors import Error, KernelError

REMOVE_SECONDS = 30.0
"""As long as cgroups go away, removing goes on beyond its deadline, up to here."""


def read(directory: str, file: str, at: int | None = None) -> str:
    """The content of a file, without the newline at its end. *at*: a descriptor of the directory, whose name may be too long."""
    path = f"{directory}/{file}"
    try:
        fd = os.open(path if at is None else file, os.O_RDONLY | os.O_CLOEXEC, dir_fd=at)
    except OSError as error:
        raise failed(f"open({path})", error) from None
    try:
        parts = []
        while part := os.read(fd, 65536):
            parts.append(part)
    except OSError as error:
        raise failed(f"read({path})", error) from None
    finally:
        os.close(fd)
    return b"".join(parts).decode("utf-8", "surrogateescape").rstrip("\n")


def read_if_there(directory: str, file: str, at: int | None = None) -> str:
    """The content of a file, "" if there is none (any more)."""
    try:
        return read(directory, file, at)
    except KernelError as error:
        if error.errno in GONE:
            return ""
        raise


def write(directory: str, file: str, value: str, at: int | None = None) -> None:
    """Write *value* in one call: the kernel takes each call as a whole value. An empty one would never reach the file."""
    path = f"{directory}/{file}"
    try:
        fd = os.open(path if at is None else file, os.O_WRONLY | os.O_CLOEXEC, dir_fd=at)
    except OSError as error:
        raise failed(f"open({path}, O_WRONLY)", error, file) from None
    try:
        os.write(fd, value.encode("utf-8", "surrogateescape") or b"\n")
    except OSError as error:
        shown = value if len(value) < 80 else value[:77] + "..."
        raise failed(f'write({path}, "{shown}")', error, file) from None
    finally:
        os.close(fd)


def failed(call: str, error: OSError, file: str = "") -> KernelError:
    """The error for *call*, with a hint where the kernel's word is known to mislead."""
    number = error.errno or 0
    if not file and number in GONE:
        return KernelError(call, number)
    from pyruntime.cgroups.hints import hint_for

    return KernelError(call, number, hint=hint_for(file, number))


def make(directory: str, made: list[str]) -> None:
    """mkdir -p below a mount point; the new directories are added to *made*, outermost first."""
    for _ in range(10):
        try:
            os.mkdir(directory, 0o755)
            made += [directory] * (directory not in made)
            return
        except FileExistsError:
            return
        except FileNotFoundError:
            # Nearly always the parent is there. It may vanish again: the last container of an engine
            # takes it away while the next one comes.
            parent = os.path.dirname(directory)
            if parent != "/":
                make(parent, made)
        except OSError as error:
            raise failed(f"mkdir({directory}, 0755)", error) from None
    raise KernelError(f"mkdir({directory}, 0755)", errno.ENOENT)


def processes(directory: str, at: int | None = None) -> list[int]:
    """The processes in *directory* itself."""
    try:
        text = read_if_there(directory, "cgroup.procs", at)
    except KernelError as error:
        # A threaded cgroup of v2 has no list of processes, only of threads.
        if error.errno != errno.EOPNOTSUPP:
            raise
        text = read_if_there(directory, "cgroup.threads", at)
    return [int(pid) for pid in text.split()]


def processes_below(directory: str) -> list[int]:
    """The processes in *directory* and in all below it."""
    return [pid for at in walk.walk(directory) for pid in processes(directory, at)]


def mountpoints() -> list[str]:
    """Where cgroup file systems are mounted."""
    lines = read("/proc/self", "mountinfo").split("\n")
    # One with a space in its name (\040) is not recognised: then nothing there is removed.
    return [line.split(" ")[4] for line in lines if " - cgroup" in line]


def remove(directory: str, deadline: float, mounts: list[str]) -> None:
    """rmdir *directory* with all below it, until the monotonic time *deadline*, and as long as it gets on. None is fine."""
    if not _is_cgroup(directory, mounts):
        return
    pause, last = 0.0005, time.monotonic() + REMOVE_SECONDS
    while True:
        removed, busy = walk.remove(directory)
        if not busy:
            return
        # Busy: a process has not ended yet, or a new cgroup has appeared.
        now = time.monotonic()
        if now > deadline and (not removed or now > last):
            raise KernelError(f"rmdir({directory})", errno.EBUSY, hint=_who(directory))
        time.sleep(pause)
        pause = min(pause * 2, 0.05)


def _who(directory: str) -> str:
    pids = [str(pid) for pid in processes_below(directory)]
    return f"it still has the processes {' '.join(pids[:10])}" if pids else ""


def _is_cgroup(directory: str, mounts: list[str]) -> bool:
    """Whether it exists; an error if it is not below one of *mounts*. The path comes from a file: trust nothing."""
    tops = [top for top in mounts if directory.startswith(top + "/")]
    if not tops or os.path.normpath(directory) != directory:
        raise Error(f"{directory} is not below a mount point of cgroups: it is not removed")
    try:
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in GONE:
            return False
        raise failed(f"open({directory}, O_DIRECTORY|O_NOFOLLOW)", error) from None
    try:
        # Something else may be mounted over a part of the hierarchy.
        same = os.fstat(fd).st_dev == os.stat(max(tops, key=len)).st_dev
    finally:
        os.close(fd)
    if not same:
        raise Error(f"{directory} is of another file system than its cgroup mount: not removed")
    return True
