"""The other end of a container's terminal, joined with our own standard input and output; our own terminal meanwhile."""

from __future__ import annotations

import os
import sys

from pyruntime.errors import Error, said

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from typing import Any

    from pyruntime.container.create import Options


class Own:
    """The terminal that we were called on: as runc has it that of stderr, stdout, stdin, else the controlling one."""

    __slots__ = ("_raw", "_saved", "fd")

    def __init__(self) -> None:
        self._saved: list[Any] | None = None
        self._raw: list[Any] | None = None
        for fd in (2, 1, 0):
            if os.isatty(fd):
                self.fd = fd
                return
        try:
            self.fd = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            raise Error(
                "/process/terminal: the standard files are no terminal, and there is no other: "
                + said(error),
                hint='set "terminal": false, or take the terminal with --console-socket',
            ) from None

    def size(self) -> tuple[int, int] | None:
        """Rows and columns."""
        import termios

        try:
            return termios.tcgetwinsize(self.fd)
        except (termios.error, OSError):
            return None

    def make_raw(self) -> None:
        """cfmakeraw(3): every key is the container's business, Ctrl-C too. In the background, SIGTTOU stops us here."""
        import termios

        if self._saved is not None:
            return
        try:
            saved = termios.tcgetattr(self.fd)
            mode = termios.tcgetattr(self.fd)
            mode[0] &= ~(
                termios.BRKINT | termios.ICRNL | termios.INPCK | termios.ISTRIP | termios.IXON
            )
            mode[1] &= ~termios.OPOST
            mode[2] = mode[2] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
            mode[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
            mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self.fd, termios.TCSANOW, mode)
            self._saved, self._raw = saved, termios.tcgetattr(self.fd)
        except termios.error:
            return  # it has gone, or we are a job that no shell will ever bring back

    def in_foreground(self) -> bool:
        """Whether the keys are for us."""
        try:
            return os.tcgetpgrp(self.fd) == os.getpgrp()
        except OSError:
            return True  # it is not that of our session: no shell shares it out

    def restore(self) -> None:
        """As it was; unless somebody has set it otherwise meanwhile, as a shell does that stopped us."""
        import _signal
        import termios

        if self._saved is None:
            return
        saved, self._saved = self._saved, None
        # Blocked, it is no reason to stop, nor for the call to fail.
        before = _signal.pthread_sigmask(_signal.SIG_BLOCK, [_signal.SIGTTOU])
        try:
            if termios.tcgetattr(self.fd) == self._raw:
                termios.tcsetattr(self.fd, termios.TCSANOW, saved)
        except termios.error:
            return  # it has gone
        finally:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, before)


class Terminal:
    """A socket whose other end the executor adopts and sends the terminal through, then the terminal.

    No path: nothing is left when we are killed.
    """

    __slots__ = ("_socket", "fd", "given_fd", "own")

    def __init__(self) -> None:
        import _socket

        self.own = Own()
        self.fd = -1
        kind = _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC
        self._socket: _socket.socket
        self._socket, given = _socket.socketpair(_socket.AF_UNIX, kind)
        self.given_fd = given.detach()

    def receive(self, *, wait: bool = True) -> bool:
        """Take the descriptor that was sent; False if whoever should have done so has ended."""
        import _socket

        self.close_given()
        flags = _socket.MSG_CMSG_CLOEXEC | (0 if wait else _socket.MSG_DONTWAIT)
        try:
            _, ancillary, _, _ = self._socket.recvmsg(64, _socket.CMSG_SPACE(4), flags)
        except OSError:  # nothing has come; or ECONNRESET, and nothing will
            return False
        for level, kind, data in ancillary:
            if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                self.fd = int.from_bytes(data[:4], sys.byteorder)
        if self.fd >= 0:
            self.resize()
        return self.fd >= 0

    def end_of_input(self) -> bytes:
        """The character that means it (VEOF)."""
        import termios

        character: bytes = termios.tcgetattr(self.fd)[6][termios.VEOF]
        return character

    def resize(self) -> None:
        """Give it the size of ours."""
        size = self.own.size()
        if size is not None and self.fd >= 0:
            import termios

            termios.tcsetwinsize(self.fd, size)

    def close_given(self) -> None:
        """The executor has it: our copy would hide its end."""
        if self.given_fd >= 0:
            os.close(self.given_fd)
            self.given_fd = -1

    def close(self) -> None:
        """Give our own terminal back as it was."""
        self.own.restore()
        if self.own.fd > 2:
            os.close(self.own.fd)
            self.own.fd = -1
        self.close_given()
        self._socket.close()
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def for_foreground(options: Options) -> Terminal:
    """A terminal for a container in the foreground, of the size of ours."""
    terminal = Terminal()
    options.console_fd = terminal.given_fd
    options.console_size = terminal.own.size()
    return terminal
