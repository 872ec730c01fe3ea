"""Signals that ask a command to end. A command that changes something feels them where it waits, and nowhere else.

So no signal comes between a thing that is made and the word of it, nor into the undoing: what `Interrupted` passes
through is whole. Waiting takes nothing: who is interrupted has not read what had just come.
"""

from __future__ import annotations

import _signal
import select
import time

from pyruntime.errors import Interrupted

# SIGHUP, SIGINT, SIGQUIT, SIGTERM
INTERRUPTING = (1, 2, 3, 15)

LONGEST_S = 1_000_000.0

_held = False
_waiting = False
_mask: set[int] = set()
"""What was blocked before `hold`; as the caller wants it while we wait."""


def hold() -> None:
    """From here on something is changed."""
    global _held, _mask
    _mask = set(_signal.pthread_sigmask(_signal.SIG_BLOCK, INTERRUPTING))
    for number in INTERRUPTING:
        # Whoever had us ignore one (nohup) meant it.
        if _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, _interrupt)
    _held = True


def over() -> None:
    """The signals are somebody else's now, the program's: they stay blocked."""
    global _held
    _held = False


def _interrupt(number: int, _frame: object) -> None:
    global _waiting
    if _waiting:  # else it came together with one that has been felt
        _waiting = False
        _signal.pthread_sigmask(_signal.SIG_BLOCK, INTERRUPTING)
        raise Interrupted(number)


class waiting:
    """While this lasts we may be interrupted. Nothing may be taken or made in it."""

    def __enter__(self) -> None:
        global _waiting
        if _held:
            _waiting = True
            _signal.pthread_sigmask(_signal.SIG_SETMASK, _mask)

    def __exit__(self, *_error: object) -> None:
        global _waiting
        if _held:
            # In this order: what comes before the call is felt in it.
            _signal.pthread_sigmask(_signal.SIG_BLOCK, INTERRUPTING)
            _waiting = False


def wait(fd: int, timeout_s: float | None = None) -> bool:
    """Wait until *fd* has something to say (a pidfd: until its process has ended); False if that takes longer."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    end = None if timeout_s is None else time.monotonic() + timeout_s
    return bool(wait_for_any(poll, end))


def wait_for_any(poll: select.poll, end: float | None) -> list[tuple[int, int]]:
    """What *poll* finds until *end* of time.monotonic(); nothing if that is over. poll(2) takes no more than 24 days at once."""
    while True:
        left_s = None if end is None else max(0.0, end - time.monotonic())
        with waiting():
            found = poll.poll(None if left_s is None else min(left_s, LONGEST_S) * 1000)
        if found or (left_s is not None and left_s <= LONGEST_S):
            return found
