"""Waiting with a deadline: on a descriptor where there is one, else by looking again every few milliseconds."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE_S = 20.0


def wait_until(look: Callable[[], T], what: str, *, deadline_s: float = DEADLINE_S) -> T:
    """Look until the answer is true, and return it."""
    end = time.monotonic() + deadline_s
    while not (seen := look()):
        if time.monotonic() > end:
            raise TimeoutError(f"after {deadline_s} s: not yet {what}; last seen: {seen!r}")
        time.sleep(0.004)
    return seen


def wait_for_exit(pid: int, *, deadline_s: float = DEADLINE_S) -> int | None:
    """Wait until *pid* has ended; its exit status as a shell shows it, if it was a child of ours."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return reap(pid)
    try:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        if not poll.poll(deadline_s * 1000):
            raise TimeoutError(f"process {pid} still runs after {deadline_s} s")
    finally:
        os.close(fd)
    return reap(pid)


def reap(pid: int) -> int | None:
    """Collect the zombie *pid*; None if it is not one, or not ours."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    if not found:
        return None
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code
