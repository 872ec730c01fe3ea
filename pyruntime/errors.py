"""The exception tree, and the one-line form of every error.

    Error                 exit status 1, one line, never a traceback
    ├── UsageError        the command line is wrong
    ├── SpecError         config.json is wrong: carries a pointer (`/mounts/3/options`)
    ├── NotFound · AlreadyExists · WrongState      about one container id
    ├── Unsupported       this host lacks what the spec asks (kernel, cgroup layout, LSM)
    ├── KernelError       a call failed: the call with its arguments, and errno
    └── HookError         a hook failed: its kind, index, path, exit status

A class exists only because some caller acts on it. A sentence is read from left to right: what was
asked, where in config.json, what was done, what the kernel said. Lower case, no full stop.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


class Error(Exception):
    """Something that a person can act on; `str()` is the whole line without the program's name."""

    exit_status = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.context: list[str] = []
        """What was being done, innermost first; `during` adds to it."""
        self.notes: list[str] = []
        """What else went wrong while undoing."""

    def __str__(self) -> str:
        line = ": ".join([*reversed(self.context), self.message])
        for note in self.notes:
            line += f" (also: {note})"
        if self.hint:
            line += f"; hint: {self.hint}"
        # One line is a promise: what came out of a file may hold anything.
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


class UsageError(Error):
    """The command line is wrong."""


class SpecError(Error):
    """config.json is wrong; *pointer* is a JSON pointer (RFC 6901) to the place, "" for the whole."""

    def __init__(self, pointer: str, message: str, *, hint: str = "") -> None:
        super().__init__(f"{pointer}: {message}" if pointer else message, hint=hint)
        self.pointer = pointer


class NotFound(Error):
    """No container has this id."""


class AlreadyExists(Error):
    """The id is in use."""


class WrongState(Error):
    """The container's status does not allow the action."""


class Unsupported(Error):
    """This host lacks what the configuration asks for."""


def reason(errno: int) -> str:
    """What *errno* means, as Go's runtimes write it: strerror(3) without its capital letter, but "RFS ..." stays.

    Contract: dockerd's exit statuses 126 and 127 depend on "no such file or directory", "permission denied"
    and "exec format error".
    """
    text = os.strerror(errno)
    return text[0].lower() + text[1:] if text[1:2].islower() else text


def said(error: OSError) -> str:
    """One of Python's errors in our form: the file, if there is one, and the reason."""
    place = f"{error.filename}: " if error.filename is not None else ""
    return place + (reason(error.errno) if error.errno else error.strerror or str(error))


class KernelError(Error):
    """A system call failed. *call* is the call as written in C, with its arguments decoded."""

    def __init__(self, call: str, errno: int, *, hint: str = "") -> None:
        super().__init__(f"{call}: {reason(errno)}" if errno else call, hint=hint)
        self.call = call
        self.errno = errno


class HookError(Error):
    """A hook failed, could not be run, or took too long."""


class Interrupted(BaseException):
    """A signal asked us to end; what was made is undone on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.notes: list[str] = []
        """As those of `Error`."""

    def __str__(self) -> str:
        from signal import Signals

        return f"interrupted by {Signals(self.number).name}{notes_of(self)}"

    @property
    def exit_status(self) -> int:
        """As a shell tells it."""
        return 128 + self.number


def note(error: BaseException, text: str) -> None:
    """Add what else went wrong to *error*, of whatever kind it is."""
    if isinstance(error, (Error, Interrupted)):
        error.notes.append(text)
    else:
        error.add_note(text)


def notes_of(error: BaseException) -> str:
    """The notes of an error of another kind than `Error`, whose own text has them."""
    found = error.notes if isinstance(error, Interrupted) else getattr(error, "__notes__", ())
    return "".join([f" (also: {each})" for each in found])


class during:
    """Put *what* in front of an `Error` that passes through."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Whoever was nearer may have said it already.
        if isinstance(error, Error) and error.context[-1:] != [self.what]:
            error.context.append(self.what)
