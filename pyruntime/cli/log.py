"""The only place that writes errors: one line on stderr for people, one in the `--log` file for engines.

stderr of create, run and exec is the container's too, and ends in its log: with `--log` warnings go there alone.
"""

from __future__ import annotations

import os

from pyruntime.errors import UsageError, reason, said

LINE = {
    "json": '{{"level":"{level}","msg":{message},"time":"{time}"}}\n',
    "text": 'time="{time}" level={level} msg={message}\n',
}


class Log:
    """Where messages of one call go."""

    __slots__ = ("_fd", "debug", "form", "path")

    def __init__(self, path: str = "", form: str = "text", *, debug: bool = False) -> None:
        # stderr has it in any case: engines pass /dev/stderr when they want only one of the two.
        self.path = "" if path == "/dev/stderr" else path
        self.form = form
        self.debug = debug
        self._fd = -1

    def open(self) -> None:
        """Make the file, before anything else is done."""
        if not self.path or self._fd >= 0:
            return
        # A fifo that nobody reads is an error, not a reason to wait.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
        try:
            self._fd = os.open(self.path, flags, 0o644)
            os.set_blocking(self._fd, True)
        except (OSError, ValueError) as error:
            path, self.path = self.path, ""
            text = reason(error.errno or 0) if isinstance(error, OSError) else str(error)
            raise UsageError(f"--log {path}: {text}") from None

    def error(self, message: str) -> None:
        """*message* is the whole line without the program's name."""
        write_stderr(f"pyruntime: {message}\n")
        self._to_file("error", message)

    def warning(self, message: str) -> None:
        if self.path:
            self._to_file("warning", message)
        else:
            write_stderr(f"pyruntime: warning: {message}\n")

    def tell(self, message: str) -> None:
        """With --debug: what is done."""
        if not self.debug:
            return
        if self.path:
            self._to_file("debug", message)
        else:
            write_stderr(self._line("debug", message))

    def _line(self, level: str, message: str) -> str:
        return LINE[self.form].format(level=level, message=quoted(message), time=now())

    def _to_file(self, level: str, message: str) -> None:
        if not self.path:
            return
        try:
            self.open()
            os.write(self._fd, self._line(level, message).encode())
        except OSError as error:
            write_stderr(f"pyruntime: warning: --log {self.path}: {said(error)}\n")


def quoted(text: str) -> str:
    """*text* as a JSON string in ASCII, which is a quoted string of Go's text logs as well."""
    from _json import encode_basestring_ascii

    return encode_basestring_ascii(text)


def now() -> str:
    """The time in UTC as RFC 3339 has it."""
    import time

    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def write_stderr(text: str) -> None:
    """Best effort: when nobody can hear it there is nobody left to tell."""
    try:
        os.write(2, text.encode("utf-8", "backslashreplace"))
    except OSError:
        pass
