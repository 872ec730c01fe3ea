"""Staying with a process: signals go to it, its terminal is joined with ours, its status becomes ours."""

from __future__ import annotations

import _signal
import os

from pyruntime.container import interrupts
from pyruntime.errors import said
from pyruntime.linux.signals import SIGCHLD, SIGURG, SIGWINCH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyruntime.container.create import Options
    from pyruntime.container.relay import Relay
    from pyruntime.container.terminal import Terminal

# Synchronous ones are about ourselves; KILL and STOP cannot be had; 32 and 33 are libc's.
FORWARDED = frozenset(
    {*range(1, 32), *range(34, 65)} - {SIGCHLD, SIGURG, 4, 5, 7, 8, 9, 11, 19, 31}
)

# What a shell does with a job that has the terminal is about us, not about the container.
SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU = 18, 20, 21, 22


def hold_signals() -> None:
    """From before the program begins: what comes until it can be passed on waits."""
    interrupts.over()
    _signal.pthread_sigmask(_signal.SIG_BLOCK, [*FORWARDED, SIGCHLD])


def wait_for_end(pid: int, attendant: Attendant | None) -> int:
    """Wait until the child *pid* has ended; its exit status, or 128 plus the signal that ended it."""
    if attendant is not None and attendant.relay is not None:
        return attendant.wait_for_end(pid)
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
    """Have every signal written, as a byte, into a pipe whose reading end this gives.

    SIGTTIN and SIGTTOU do what they do to any job: stop it.
    """
    read_fd, write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    _signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
    for number in FORWARDED - {SIGTTIN, SIGTTOU}:
        _signal.signal(number, lambda *_: None)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, FORWARDED)
    return read_fd


class Attendant:
    """Stays with a program on a terminal: bytes both ways, signals, the state of our own terminal."""

    __slots__ = ("_signals_fd", "_terminal", "_warn", "relay")

    def __init__(self, terminal: Terminal, warn: Callable[[str], None]) -> None:
        self._terminal = terminal
        self._warn = warn
        self._signals_fd = -1
        self.relay: Relay | None = None

    def begin(self, pid: int, end_fd: int) -> None:
        """Take the terminal and attend to it until *end_fd* is readable: the program runs, or failed to."""
        if not self._terminal.receive():
            return  # it has ended before; *end_fd* tells why
        relay = self.relay = _relay(self._terminal)
        relay.before_input = self._before_input
        self._signals_fd = _catch_signals()
        self._terminal.own.make_raw()
        self._until(relay, pid, end_fd)

    def wait_for_end(self, pid: int) -> int:
        """Attend until the program has ended and all that it has written is shown."""
        relay = self.relay
        assert relay is not None
        pid_fd = os.pidfd_open(pid)
        try:
            self._until(relay, pid, pid_fd)
        finally:
            os.close(pid_fd)
        status = os.waitpid(pid, 0)[1]
        relay.drain(self._signals_fd)
        return exit_status(status)

    def _until(self, relay: Relay, pid: int, end_fd: int) -> None:
        while True:
            ready = relay.until((end_fd, self._signals_fd))
            if self._signals_fd in ready:
                self._take_signals(pid)
            if end_fd in ready:
                return

    def _take_signals(self, pid: int) -> None:
        for number in os.read(self._signals_fd, 64):
            if number == SIGWINCH:
                self._terminal.resize()
            elif number == SIGTSTP:
                self._stop()
            elif number == SIGCONT:
                self._continue()
            else:
                _forward(pid, number)

    def _stop(self) -> None:
        """As a job: the terminal is given back first."""
        self._terminal.own.restore()
        _signal.signal(SIGTSTP, _signal.SIG_DFL)
        os.kill(os.getpid(), SIGTSTP)
        _signal.signal(SIGTSTP, lambda *_: None)
        self._continue()

    def _continue(self) -> None:
        own = self._terminal.own
        if own.in_foreground():
            # A shell that stopped us may have set it otherwise: what is now is what to give back.
            own.restore()
            own.make_raw()
            self._terminal.resize()

    def _before_input(self) -> None:
        """Brought to the foreground without a signal, as a shell does with a job that never stopped."""
        if self._terminal.own.in_foreground():
            self._terminal.own.make_raw()

    def close(self) -> None:
        """Show what is left, as of a hook that failed; give the terminal back."""
        if self.relay is None and self._terminal.receive(wait=False):
            self.relay = _relay(self._terminal)
        if self.relay is not None:
            self.relay.drain(self._signals_fd)
            if self.relay.lost is not None:
                self._warn(
                    f"standard output: {said(self.relay.lost)}: output of the program is lost"
                )
            self.relay.close()
            self.relay = None
        self._terminal.close()


def _relay(terminal: Terminal) -> Relay:
    from pyruntime.container.relay import Relay

    return Relay(terminal.fd, terminal.end_of_input())


def attendant_for(options: Options) -> Attendant:
    """Who stays with a program on a terminal, which *options* then give to the container."""
    from pyruntime.container.terminal import for_foreground

    attendant = Attendant(for_foreground(options), options.warn)
    options.attend = attendant.begin
    return attendant
