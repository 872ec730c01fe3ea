"""Both ends of a terminal: the receiver of a console socket, and a pty of the test's own."""

from __future__ import annotations

import array
import fcntl
import os
import select
import socket
import struct
import termios
import time
from pathlib import Path
from types import TracebackType

from support.wait import DEADLINE_S


class Terminal:
    """The controlling side of a pty."""

    def __init__(self, fd: int, name: str = "") -> None:
        self.fd = fd
        self.name = name
        self.text = ""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self.fd)

    def send(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def read_until(self, text: str) -> str:
        """Read until *text* has come; everything so far."""
        end = time.monotonic() + DEADLINE_S
        while text not in self.text:
            readable, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            if not readable:
                raise TimeoutError(f"no {text!r} on the terminal, but {self.text!r}")
            if not self._read():
                raise EOFError(f"no {text!r} on the terminal, but {self.text!r}")
        return self.text

    def read_all(self) -> str:
        """Read until the other side is closed."""
        while self._read():
            pass
        return self.text

    def _read(self) -> bool:
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # EIO: nobody has the other side open.
            return False
        self.text += data.decode()
        return bool(data)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def size(self) -> tuple[int, int]:
        rows, columns, _, _ = struct.unpack(
            "HHHH", fcntl.ioctl(self.fd, termios.TIOCGWINSZ, b"\0" * 8)
        )
        return rows, columns


class ConsoleSocket:
    """The socket that `--console-socket` names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(DEADLINE_S)
        self.socket.bind(str(path))
        self.socket.listen(1)

    def __enter__(self) -> ConsoleSocket:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()
        self.path.unlink(missing_ok=True)

    def receive(self) -> Terminal:
        """The terminal that the runtime sends: one message with one descriptor, then the end."""
        connection, _ = self.socket.accept()
        with connection:
            fds = array.array("i")
            data, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4 * 8))
            for level, kind, payload in ancillary:
                assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
                fds.frombytes(payload)
            assert len(fds) == 1, (data, fds)
            assert connection.recv(1) == b""
        return Terminal(fds[0], data.decode())


def open_pty() -> tuple[Terminal, int]:
    """A terminal of the test's own, and the descriptor that a command gets as its standard files."""
    control, line = os.openpty()
    return Terminal(control), line
