"""Staying with a process: signals go to it, its terminal is joined with ours, its status becomes ours.

All signals are blocked and taken one by one with sigtimedwait(2)'s family, so none gets lost between a look and a wait.
"""

from __future__ import annotations

import os
import select

import _signal

from pyruntime.linux.signals import SIGCHLD, SIGURG, SIGWINCH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.container.create import Options

# Synchronous ones are about ourselves; KILL and STOP cannot be had; 32 and 33 are libc's.
FORWARDED = frozenset(
    {*range(1, 32), *range(34, 65)} - {SIGCHLD, SIGURG, 4, 5, 7, 8, 9, 11, 19, 31}
)


class Terminal:
    """The other end of a container's terminal, joined with our own standard input and output."""

    def __init__(self, path: str) -> None:
        import _socket

        self._path = path
        self._listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
        self._listener.bind(path)
        self._listener.listen(1)
        self.fd = -1
        self._saved: list[object] | None = None

    @classmethod
    def for_bundle(cls, options: Options) -> Terminal | None:
        """A terminal that the executor can send its end to, if the bundle asks for one."""
        from pyruntime.spec import load

        spec = load.load(f"{options.bundle}/config.json")
        process = spec.get("process")
        if not isinstance(process, dict) or process.get("terminal") is not True:
            return None
        terminal = cls.at_temporary_path()
        options.console_socket = terminal.path
        return terminal

    @classmethod
    def at_temporary_path(cls) -> Terminal:
        """A listening socket in a directory that only we can enter."""
        from time import monotonic_ns

        directory = f"/run/.pyruntime-{os.getpid()}-{monotonic_ns()}"
        if not os.access("/run", os.W_OK):
            directory = f"/tmp/.pyruntime-{os.getpid()}-{monotonic_ns()}"
        os.mkdir(directory, 0o700)
        return cls(f"{directory}/console")

    @property
    def path(self) -> str:
        """Where to connect to."""
        return self._path

    def receive(self) -> None:
        """Take the descriptor that the executor has sent."""
        import _socket

        fd, _ = self._listener._accept()
        connection = _socket.socket(fileno=fd)
        _, ancillary, _, _ = connection.recvmsg(64, _socket.CMSG_SPACE(4))
        connection.close()
        import sys

        for level, kind, data in ancillary:
            if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                self.fd = int.from_bytes(data[:4], sys.byteorder)
                os.set_inheritable(self.fd, False)
        if self.fd >= 0:
            self._raw()
            self.resize()

    def _raw(self) -> None:
        import termios

        if not os.isatty(0):
            return
        self._saved = termios.tcgetattr(0)
        mode = termios.tcgetattr(0)
        mode[0] &= ~(termios.BRKINT | termios.ICRNL | termios.INPCK | termios.ISTRIP | termios.IXON)
        mode[1] &= ~termios.OPOST
        mode[2] = mode[2] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
        mode[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        termios.tcsetattr(0, termios.TCSAFLUSH, mode)

    def resize(self) -> None:
        """Give it the size of ours."""
        import fcntl
        import termios

        if self.fd >= 0 and os.isatty(0):
            size = fcntl.ioctl(0, termios.TIOCGWINSZ, b"\0" * 8)
            fcntl.ioctl(self.fd, termios.TIOCSWINSZ, size)

    def close(self) -> None:
        """Give our own terminal back as it was."""
        if self._saved is not None:
            import termios

            termios.tcsetattr(0, termios.TCSADRAIN, self._saved)
            self._saved = None
        self._listener.close()
        for remove, path in ((os.unlink, self._path), (os.rmdir, os.path.dirname(self._path))):
            try:
                remove(path)
            except FileNotFoundError:
                pass
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def wait_for_end(pid: int, terminal: Terminal | None) -> int:
    """Wait until the child *pid* has ended; its exit status, or 128 plus the signal that ended it."""
    _signal.pthread_sigmask(_signal.SIG_BLOCK, [*FORWARDED, SIGCHLD])
    if terminal is None:
        return _wait(pid)
    terminal.receive()
    return _copy(pid, terminal)


def _wait(pid: int) -> int:
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return exit_status(status)
        info = _signal.sigwaitinfo([*FORWARDED, SIGCHLD])
        if info.si_signo != SIGCHLD:
            forward(pid, info.si_signo)


def forward(pid: int, number: int) -> None:
    """Pass a signal on; the pid is our child's, not yet waited for."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def exit_status(status: int) -> int:
    """As a shell tells it."""
    if os.WIFSIGNALED(status):
        return 128 + os.WTERMSIG(status)
    return os.WEXITSTATUS(status)


def _copy(pid: int, terminal: Terminal) -> int:
    """Copy both ways until the terminal has nothing more and the process has ended."""
    ended = None
    poll = select.poll()
    poll.register(terminal.fd, select.POLLIN)
    poll.register(0, select.POLLIN)
    while True:
        events = dict(poll.poll(50 if ended is None else 0))
        if terminal.fd in events:
            data = _read(terminal.fd)
            _write(1, data)
            if not data:
                # No process has the other end open any more: all output has been read.
                return _wait(pid) if ended is None else ended
        elif ended is not None:
            return ended
        if 0 in events:
            data = _read(0)
            if data:
                _write(terminal.fd, data)
            else:
                poll.unregister(0)
        ended = _look(pid, terminal) if ended is None else ended


def _look(pid: int, terminal: Terminal) -> int | None:
    """Take the signals that have come; the exit status if the process has ended."""
    while (info := _signal.sigtimedwait([*FORWARDED, SIGCHLD], 0)) is not None:
        if info.si_signo == SIGWINCH:
            terminal.resize()
        elif info.si_signo != SIGCHLD:
            forward(pid, info.si_signo)
    found, status = os.waitpid(pid, os.WNOHANG)
    return exit_status(status) if found else None


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except OSError:
        return b""  # EIO: the last process that had the terminal open has closed it


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except OSError:
            return
