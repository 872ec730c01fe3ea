"""Init as the runtime knows it: pid, start time, boot. A pid alone is nobody: it is given again.

The kernel's answer is taken through a pidfd: opened first, then compared, so that the comparison is about the
process that the descriptor holds. pidfd_open(2), 5.3; proc(5), /proc/PID/stat.
"""

from __future__ import annotations

import _signal
import errno
import os

from pyruntime.container import interrupts
from pyruntime.errors import KernelError

BOOT_ID = "/proc/sys/kernel/random/boot_id"

# The only answers that mean "there is no such process". EINVAL (ENOENT since 6.16): the number is a thread's.
GONE = (errno.ESRCH, errno.ENOENT, errno.EINVAL)

PF_FORKNOEXEC = 0x40  # from fork until an execve has succeeded; a zombie keeps it
PF_SIGNALED = 0x400  # killed by a signal
SIGKILL = 9


class Init:
    """The container's first process: which one it is, for as long as this host runs."""

    __slots__ = ("boot_id", "pid", "start_time")

    def __init__(self, pid: int, start_time: int, boot_id: str) -> None:
        self.pid = pid
        self.start_time = start_time
        """Clock ticks since boot."""
        self.boot_id = boot_id

    def is_alive(self) -> bool:
        """Whether it runs still; a zombie does not. KernelError when the kernel cannot be asked: that is no answer."""
        return self.flags() is not None

    def flags(self) -> int | None:
        """Its PF_ flags, None when it is gone: no such process, another start time, another boot, a zombie."""
        fields = _stat_fields(self.pid)
        if fields is None or int(fields[19]) != self.start_time or fields[0] in b"ZX":
            return None
        return int(fields[6]) if read_boot_id() == self.boot_id else None

    def has_executed(self) -> bool:
        """Whether it is alive and an execve of its own has succeeded."""
        flags = self.flags()
        return flags is not None and not flags & PF_FORKNOEXEC

    def open(self) -> int | None:
        """A pidfd, which the caller closes; None when the process is gone, KernelError when that cannot be known."""
        try:
            fd = os.pidfd_open(self.pid)
        except OSError as error:
            if error.errno in GONE:
                return None
            raise KernelError(f"pidfd_open({self.pid})", error.errno or 0) from None
        try:
            if self.is_alive():
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
        return None

    def signal(self, number: int) -> bool:
        """Send a signal; False when there is nobody to get it."""
        fd = self.open()
        if fd is None:
            return False
        try:
            _signal.pidfd_send_signal(fd, number)
        except ProcessLookupError:
            return False
        except OSError as error:
            raise KernelError(
                f"pidfd_send_signal({self.pid}, {number})", error.errno or 0
            ) from None
        finally:
            os.close(fd)
        return True

    def status_without_execve(self) -> int | None:
        """The wait status of one that ends, or has ended, before an execve; None if there was one, if it failed and init has
        said so itself (plan/not_executed.py), or if nobody is left to ask: its parent may have waited for it."""
        found = _stat_fields(self.pid)
        if found is None or int(found[19]) != self.start_time or not int(found[6]) & PF_FORKNOEXEC:
            return None
        from pyruntime.plan import not_executed

        status = int(found[49]) or self._hidden_status(int(found[6]))
        if os.WIFEXITED(status) and (not status or os.WEXITSTATUS(status) in not_executed.STATUSES):
            return None
        return status

    def _hidden_status(self, flags: int) -> int:
        """The wait status where /proc shows 0 to whoever may not trace it; 0 if it cannot be known: then it was no signal."""
        try:
            ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            return SIGKILL if flags & PF_SIGNALED else 0  # which signal is not told either
        assert ended is not None
        return ended.si_status << 8 if ended.si_code == os.CLD_EXITED else ended.si_status

    def wait(self, timeout_s: float) -> bool:
        """Wait until it has ended; False if it has not by then."""
        fd = self.open()
        if fd is None:
            return True
        try:
            return interrupts.wait(fd, timeout_s)
        finally:
            os.close(fd)


def init_of(pid: int) -> Init | None:
    """The process that has this pid now."""
    found = read_stat(pid)
    return None if found is None else Init(pid, found[1], read_boot_id())


def read_stat(pid: int) -> tuple[str, int] | None:
    """State and start time of a process, None if there is none."""
    fields = _stat_fields(pid)
    return None if fields is None else (fields[0].decode(), int(fields[19]))


def _stat_fields(pid: int) -> list[bytes] | None:
    """Fields 3 and up of /proc/PID/stat."""
    path = f"/proc/{pid}/stat"
    try:
        fd = os.open(path, os.O_RDONLY)
        try:
            text = os.read(fd, 4096)
        finally:
            os.close(fd)
    except (FileNotFoundError, ProcessLookupError):
        return None
    except OSError as error:
        raise KernelError(f"read({path})", error.errno or 0) from None
    # The name, in parentheses, may hold anything: what follows its last one is fields 3 and up.
    return text[text.rindex(b")") + 2 :].split()


def read_boot_id() -> str:
    """This boot of this host."""
    try:
        fd = os.open(BOOT_ID, os.O_RDONLY)
        try:
            return os.read(fd, 64).decode().strip()
        finally:
            os.close(fd)
    except OSError as error:
        raise KernelError(f"read({BOOT_ID})", error.errno or 0) from None
