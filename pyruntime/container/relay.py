"""Our standard input and output joined with a container's terminal: one loop, in which nothing blocks.

A program that does not read must not stop its output, nor a reader of ours that does not read the signals.
O_NONBLOCK belongs to an open file, which others have too: our ends are opened anew, or written in small pieces after poll.
"""

from __future__ import annotations

import errno
import os
import select
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# As much is read ahead of whoever writes.
AHEAD = 65536

# After poll(2) a pipe or a socket takes a page without blocking, a terminal 128 bytes.
SMALL_PIECE = {True: 128, False: 4096}

# The terminal of a program that has closed it may be opened again.
CLOSED_MS = 200

IN, OUT = select.POLLIN, select.POLLOUT


class Relay:
    """Two streams: what is typed, and what is shown."""

    __slots__ = (
        "_closed",
        "_control",
        "_end_of_input",
        "_input",
        "_input_fd",
        "_last",
        "_output",
        "_output_fd",
        "_piece",
        "before_input",
        "lost",
    )

    def __init__(self, control: int, end_of_input: bytes) -> None:
        self._control = control
        os.set_blocking(control, False)  # it was made for us, nobody else has it
        self._end_of_input = end_of_input
        self._input = b""
        self._output = b""
        self._last = b"\n"
        self._input_fd = _reopened(0, os.O_RDONLY)
        self._output_fd = _reopened(1, os.O_WRONLY)
        self._piece = AHEAD if self._output_fd > 2 else SMALL_PIECE[os.isatty(1)]
        self._closed = False
        self.before_input: Callable[[], None] = _nothing
        """Called before our terminal is read."""
        self.lost: OSError | None = None
        """Why output was thrown away, unless nobody wanted it."""

    def close(self) -> None:
        """Let go of the ends that were opened anew."""
        for fd in (self._input_fd, self._output_fd):
            if fd > 2:
                os.close(fd)
        self._input_fd = self._output_fd = -1

    def until(self, ends: tuple[int, ...]) -> set[int]:
        """Copy until one of the descriptors *ends* is readable; those that are."""
        while True:
            poll = select.poll()
            for fd in ends:
                poll.register(fd, IN)
            for fd, events in self._wanted().items():
                poll.register(fd, events)
            ready = {fd for fd, _ in poll.poll(CLOSED_MS if self._closed else None)}
            self._closed = self._closed and bool(ready)
            self._move(ready)
            if found := ready.intersection(ends):
                return found

    def drain(self, stop: int = -1) -> None:
        """The program has ended: show what the terminal still holds, unless *stop* becomes readable."""
        while True:
            before = len(self._output)
            if before < AHEAD:
                self._read_control()
            if not self._output:
                return
            if len(self._output) > before:
                self._write_output()
                continue
            poll = select.poll()
            poll.register(self._output_fd, OUT)
            if stop >= 0:
                poll.register(stop, IN)
            ready = {fd for fd, _ in poll.poll()}
            if stop in ready:
                return
            self._write_output()

    def _wanted(self) -> dict[int, int]:
        wanted = {}
        if self._input_fd >= 0 and len(self._input) < AHEAD:
            wanted[self._input_fd] = IN
        control = (IN if len(self._output) < AHEAD else 0) | (OUT if self._input else 0)
        # Without an event to ask for, poll would still tell of a hang-up, for ever.
        if control and not self._closed:
            wanted[self._control] = control
        if self._output and self._output_fd >= 0:
            wanted[self._output_fd] = OUT
        return wanted

    def _move(self, ready: set[int]) -> None:
        if self._input_fd in ready:
            self._read_input()
        if self._control in ready:
            self._read_control()
        if self._input:
            self._write_control()
        if self._output:
            self._write_output()

    def _read_input(self) -> None:
        self.before_input()
        try:
            data = os.read(self._input_fd, AHEAD)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # EIO: our terminal has gone, or a job without a shell may not read it
        if data:
            self._input += data
            self._last = data[-1:]
            return
        # The rest of a line is delivered by the first, the end of input by the second.
        self._input += self._end_of_input * (1 if self._last in b"\r\n" else 2)
        if self._input_fd > 2:
            os.close(self._input_fd)
        self._input_fd = -1

    def _write_control(self) -> None:
        try:
            self._input = self._input[os.write(self._control, self._input) :]
        except BlockingIOError:
            return
        except OSError:
            self._input = b""  # EIO: nobody will read it

    def _read_control(self) -> None:
        if len(self._output) >= AHEAD:
            return
        try:
            self._output += os.read(self._control, AHEAD)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self._closed = True  # nobody has the terminal open

    def _write_output(self) -> None:
        if self._output_fd < 0:
            self._output = b""
            return
        if self._output_fd <= 2 and not _writable(self._output_fd):
            return
        try:
            written = os.write(self._output_fd, self._output[: self._piece])
            self._output = self._output[written:]
        except BlockingIOError:
            return
        except OSError as error:
            # The program is not to be stopped by it: as if its terminal were read by nobody in particular.
            self._output = b""
            if error.errno not in (errno.EPIPE, errno.EIO):
                self.lost = error
            if self._output_fd > 2:
                os.close(self._output_fd)
            self._output_fd = -1


def _nothing() -> None:
    pass


def _writable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, OUT)
    return bool(poll.poll(0))


def _reopened(fd: int, flags: int) -> int:
    """*fd* as an open file of our own that never blocks; itself where that cannot be (a socket) or is not needed (a file)."""
    try:
        mode = os.fstat(fd).st_mode
        if stat.S_ISCHR(mode) or stat.S_ISFIFO(mode):
            more = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            return os.open(f"/proc/self/fd/{fd}", flags | more)
    except OSError:
        pass
    return fd
