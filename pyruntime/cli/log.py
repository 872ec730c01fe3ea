"""The only place that writes errors: one line on stderr for people, one in the `--log` file for engines.

The file exists only if something was logged: podman takes its existence as failure, and requires that
it holds exactly one JSON object. So warnings go there only with `--debug`.
"""

from __future__ import annotations

import os

from pyruntime.errors import said

LINE = {
    "json": '{{"level":"{level}","msg":{message},"time":"{time}"}}\n',
    "text": 'time="{time}" level={level} msg={message}\n',
}


class Log:
    """Where messages of one call go."""

    __slots__ = ("debug", "form", "path")

    def __init__(self, path: str = "", form: str = "text", *, debug: bool = False) -> None:
        self.path = path
        self.form = form
        self.debug = debug

    def error(self, message: str) -> None:
        """*message* is the whole line without the program's name."""
        write_stderr(f"pyruntime: {message}\n")
        self._to_file("error", message)

    def warning(self, message: str) -> None:
        write_stderr(f"pyruntime: warning: {message}\n")
        if self.debug:
            self._to_file("warning", message)

    def _to_file(self, level: str, message: str) -> None:
        # stderr has had it: engines pass /dev/stderr when they want only one of the two.
        if self.path in ("", "/dev/stderr"):
            return
        line = LINE[self.form].format(level=level, message=quoted(message), time=now())
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            fd = os.open(self.path, flags, 0o644)
            try:
                os.write(fd, line.encode())
            finally:
                os.close(fd)
        except (OSError, ValueError) as error:
            write_stderr(
                f"pyruntime: warning: --log {said(error) if isinstance(error, OSError) else error}\n"
            )


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
