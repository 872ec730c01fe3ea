"""The wait for a container's lock: it has an end, and whoever holds the lock a name.

Who holds it the kernel says (/proc/locks). Only another command of this runtime may be ended: the holder is kept by a
pidfd, asked for once more, and has to run the same interpreter or program as we do.
"""

from __future__ import annotations

import _signal
import fcntl
import os
import time

from pyruntime.container.interrupts import waiting
from pyruntime.errors import Error, KernelError

PATIENCE_S = 10.0
PATIENCE_OF_FORCE_S = 2.0
PAUSE_S = 0.005
SIGKILL = 9


def wait_for_lock(fd: int, *, what: str = "the container", end_holder: bool = False) -> None:
    """flock(2) of *fd*, which is *what*, exclusively; after a while an error that names the holder, or (*end_holder*) the holder's end."""
    patience = PATIENCE_OF_FORCE_S if end_holder else PATIENCE_S
    deadline = time.monotonic() + patience
    while not _try(fd):
        if time.monotonic() > deadline:
            holder = _holder(fd)
            if holder and not (end_holder and _is_ours(holder)):
                raise Error(f"{what} is locked by process {holder} ({_doing(holder)})")
            if not holder and time.monotonic() > deadline + PATIENCE_S:
                raise Error(f"{what} is locked by a process that cannot be seen from here")
            if holder:
                _end(holder, fd)
                end_holder = False
                deadline = time.monotonic() + PATIENCE_S
        with waiting():
            time.sleep(PAUSE_S)


def _try(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(fd: int) -> int:
    """Who has locked the file *fd*; 0 when nobody can be seen. proc(5), /proc/locks."""
    found = os.fstat(fd)
    file = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    #  1: FLOCK  ADVISORY  WRITE 4711 00:19:1234 0 EOF      1: -> FLOCK ... for one who waits
    for line in _read("/proc/locks").splitlines():
        fields = line.split()
        if len(fields) > 5 and fields[1] == "FLOCK" and fields[5] == file and fields[4].isdecimal():
            return int(fields[4])
    return 0


def _is_ours(pid: int) -> bool:
    """Whether the process runs what we run; who cannot be looked at does not."""
    try:
        there, here = os.stat(f"/proc/{pid}/exe"), os.stat("/proc/self/exe")
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def _doing(pid: int) -> str:
    words = _read(f"/proc/{pid}/cmdline").split("\0")
    return " ".join(words[-8:]).strip()[-200:] or "of which nothing is known"


def _end(holder: int, fd: int) -> None:
    """End the holder, and before that its children: the hook that it waits for has a session of its own."""
    try:
        pidfd = os.pidfd_open(holder)
    except ProcessLookupError:
        return
    except OSError as error:
        raise KernelError(f"pidfd_open({holder})", error.errno or 0) from None
    try:
        if _holder(fd) != holder or holder == os.getpid():
            return
        # It must not start anything any more while its children are looked for.
        _signal.pidfd_send_signal(pidfd, _signal.SIGSTOP)
        for child in _read(f"/proc/{holder}/task/{holder}/children").split():
            _end_session(int(child), holder)
        _signal.pidfd_send_signal(pidfd, SIGKILL)
    except ProcessLookupError:
        return
    except OSError as error:
        raise KernelError(f"pidfd_send_signal({holder})", error.errno or 0) from None
    finally:
        os.close(pidfd)


def _end_session(pid: int, parent: int) -> None:
    """A child that leads a session, with all that is in it; the child of a stopped parent keeps its pid."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    # state ppid pgrp session
    if len(fields) < 4 or int(fields[1]) != parent:
        return
    if int(fields[3]) == pid:
        os.killpg(pid, SIGKILL)
    else:
        os.kill(pid, SIGKILL)


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(1 << 20).decode("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
