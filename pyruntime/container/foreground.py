"""Staying with a process: signals go to it, its terminal is joined with ours, its status becomes ours."""

from __future__ import annotations

import _signal
import errno
import os
import select

from pyruntime.linux.signals import SIGCHLD, SIGURG, SIGWINCH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.container.terminal import Terminal

# Synchronous ones are about ourselves; KILL and STOP cannot be had; 32 and 33 are libc's.
FORWARDED = frozenset(
    {*range(1, 32), *range(34, 65)} - {SIGCHLD, SIGURG, 4, 5, 7, 8, 9, 11, 19, 31}
)


def hold_signals() -> None:
    """From before the program begins: what comes until it can be passed on waits."""
    _signal.pthread_sigmask(_signal.SIG_BLOCK, [*FORWARDED, SIGCHLD])


def wait_for_end(pid: int, terminal: Terminal | None) -> int:
    """Wait until the child *pid* has ended; its exit status, or 128 plus the signal that ended it."""
    if terminal is not None:
        terminal.receive()
        return _copy(pid, terminal)
    # Blocked and taken one by one: none gets lost between a look and a wait.
    hold_signals()
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return exit_status(status)
        number = _signal.sigwaitinfo([*FORWARDED, SIGCHLD]).si_signo
        if number != SIGCHLD:
            _forward(pid, number)


def _forward(pid: int, number: int) -> None:
    """Pass a signal on; the pid is our child's, not yet waited for."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def exit_status(status: int) -> int:
    """As a shell tells it."""
    if os.WIFSIGNALED(status):
        return 128 + os.WTERMSIG(status)
    return os.WEXITSTATUS(status)


def _catch_signals() -> int:
    """Have every signal written, as a byte, into a pipe whose reading end this gives."""
    read_fd, write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    _signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
    for number in FORWARDED:
        _signal.signal(number, lambda *_: None)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, FORWARDED)
    return read_fd


def _copy(pid: int, terminal: Terminal) -> int:
    """Copy both ways; what the terminal still holds when the process has ended is copied first."""
    signals_fd, pid_fd = _catch_signals(), os.pidfd_open(pid)
    poll = select.poll()
    for fd in (terminal.fd, 0, signals_fd, pid_fd):
        poll.register(fd, select.POLLIN)
    while True:
        ready = {fd for fd, _ in poll.poll()}
        if signals_fd in ready:
            _take_signals(signals_fd, pid, terminal)
        if 0 in ready and not _pass(0, terminal.fd):
            poll.unregister(0)
        if terminal.fd in ready:
            if not _pass(terminal.fd, 1):
                poll.unregister(terminal.fd)
        elif pid_fd in ready:
            return exit_status(os.waitpid(pid, 0)[1])


def _take_signals(fd: int, pid: int, terminal: Terminal) -> None:
    for number in os.read(fd, 64):
        if number == SIGWINCH:
            terminal.resize()
        else:
            _forward(pid, number)


def _pass(source: int, target: int) -> bool:
    """Copy what is there; False at the end."""
    try:
        data = os.read(source, 65536)
        view = memoryview(data)
        while view:
            view = view[os.write(target, view) :]
    except OSError as error:
        # EIO: nobody has the terminal open any more, or it is not our turn to read ours.
        if error.errno in (errno.EIO, errno.EPIPE, errno.EBADF):
            return False
        raise
    return bool(data)
