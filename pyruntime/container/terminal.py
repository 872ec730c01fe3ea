"""The other end of a container's terminal, joined with our own standard input and output."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from typing import Any

    from pyruntime.container.create import Options


class Terminal:
    """A socket that the executor sends the terminal to, then the terminal."""

    __slots__ = ("_listener", "_saved", "fd", "path")

    def __init__(self) -> None:
        import _socket

        self.path = f"{_private_directory()}/console"
        self._saved: list[Any] | None = None
        self.fd = -1
        kind = _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC
        self._listener: _socket.socket = _socket.socket(_socket.AF_UNIX, kind)
        self._listener.bind(self.path)
        self._listener.listen(1)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def receive(self) -> None:
        """Take the descriptor that was sent; our own terminal becomes a mere wire."""
        import _socket

        fd, _ = self._listener._accept()  # type: ignore[attr-defined]
        connection = _socket.socket(fileno=fd)
        try:
            _, ancillary, _, _ = connection.recvmsg(
                64, _socket.CMSG_SPACE(4), _socket.MSG_CMSG_CLOEXEC
            )
        finally:
            connection.close()
        for level, kind, data in ancillary:
            if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                self.fd = int.from_bytes(data[:4], sys.byteorder)
        self._make_raw()
        self.resize()

    def _make_raw(self) -> None:
        """cfmakeraw(3): every key is the container's business, Ctrl-C too."""
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
        size = own_size()
        if size is not None and self.fd >= 0:
            import termios

            termios.tcsetwinsize(self.fd, size)

    def close(self) -> None:
        """Give our own terminal back as it was."""
        if self._saved is not None:
            import termios

            termios.tcsetattr(0, termios.TCSADRAIN, self._saved)
            self._saved = None
        self._listener.close()
        if os.path.lexists(self.path):
            os.unlink(self.path)
            os.rmdir(os.path.dirname(self.path))
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def for_foreground(options: Options) -> Terminal:
    """A terminal for a container in the foreground, of the size of ours."""
    terminal = Terminal()
    options.console_socket = terminal.path
    options.console_size = own_size()
    return terminal


def own_size() -> tuple[int, int] | None:
    """Rows and columns of the terminal on our standard input, if there is one."""
    import termios

    try:
        return termios.tcgetwinsize(0)
    except (termios.error, OSError):
        return None


def _private_directory() -> str:
    """A new directory that only we can enter, where we may write."""
    from time import monotonic_ns

    for parent in ("/run", os.environ.get("XDG_RUNTIME_DIR") or "/tmp", "/tmp"):
        path = f"{parent}/.pyruntime-{os.getpid()}-{monotonic_ns()}"
        try:
            os.mkdir(path, 0o700)
        except OSError:
            continue
        return path
    raise FileNotFoundError(2, "no directory for a socket", "/tmp")
