"""`start`: one byte into the start fifo, then wait until init has become its program, or has died. csrc/sync.c.

Init holds the fifo for reading and writing, close-on-exec, so that its end is felt at once when execve has happened. But
the fifo is only an alarm clock: others may hold it too, and then it does not ring. What counts is init itself: its pidfd
says whether it has ended, and PF_FORKNOEXEC whether there was an execve. If it died, what is in the fifo may say why.
"""

from __future__ import annotations

import os
import select
import sys
import time

from pyruntime.container.interrupts import waiting
from pyruntime.errors import Error, KernelError, WrongState, reason
from pyruntime.plan.step import INSIDE, Op, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.cgroups.base import Cgroup
    from pyruntime.container.process import Init
    from pyruntime.container.store import Container

GO = b"\n"
INTERVAL_MS = 50
LIMIT_S = 10.0  # besides what its hooks may take


def release(container: Container, init: Init, cgroup: Cgroup) -> None:
    """Let init go on; the error of the step that failed, if one does, or of its death.

    An execve that fails is no error of ours: the container has said so itself, and has ended as a shell would.
    """
    path = f"{container.path}/start.fifo"
    try:
        read_fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        raise KernelError(f"open({path})", error.errno or 0) from None
    try:
        write_fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            os.write(write_fd, GO)
        finally:
            os.close(write_fd)
        if not _wait(init, read_fd, _limit_s(container)):
            raise Error(
                f"container init (pid {init.pid}) has not executed its program in time",
                hint="delete --force ends it",
            )
        try:
            left = os.read(read_fd, 4096)
        except BlockingIOError:
            left = b""  # Somebody else holds it.
    finally:
        os.close(read_fd)
    if init.has_executed():
        return  # Whatever is in the fifo: it may be the byte of a second `start` after one that was killed.
    if left == GO:
        raise WrongState("container not running: init ended before it was started")
    if left:
        init.wait(10)
        raise _failure(container, left)
    status = init.status_without_execve()
    if status is not None:
        init.wait(10)
        raise _death(container, status, cgroup)


def _wait(init: Init, fifo_fd: int, limit_s: float | None) -> bool:
    """Wait until init has executed its program or ended; False when it has done neither by then.

    The end of all writers of the fifo only wakes us sooner: whoever else has got hold of it must not keep us waiting.
    """
    pidfd = init.open()
    if pidfd is None:
        return True
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.register(fifo_fd, 0)  # No event is asked for, so the byte itself does not wake us.
        end = None if limit_s is None else time.monotonic() + limit_s
        while True:
            with waiting():
                events = poll.poll(INTERVAL_MS)
            found = dict(events)
            if pidfd in found or init.has_executed():
                return True
            if fifo_fd in found:
                poll.unregister(fifo_fd)
            if end is not None and time.monotonic() > end:
                return False
    finally:
        os.close(pidfd)


def _limit_s(container: Container) -> float | None:
    """How long init may take: its startContainer hooks have their own limits, or none."""
    steps = [step.op for _, step in _steps(container)]
    waits = [op.name for op in steps].index("wait_start")
    limits = [op.args[1] for op in steps[waits:] if op.name == "hook"]
    if 0 in limits:
        return None
    return LIMIT_S + sum(int(each) for each in limits)


def _failure(container: Container, record: bytes) -> Error:
    from pyruntime.container import report

    _, index, value, call = (
        int.from_bytes(record[i : i + 4], sys.byteorder, signed=True) for i in range(0, 16, 4)
    )
    for number, step in _steps(container):
        if number == index:
            return report.failure(step, value, call)
    return Error(f"step {index} failed: {reason(value)}")


def _death(container: Container, status: int, cgroup: Cgroup) -> Error:
    from pyruntime.container import report

    _, last = _steps(container)[-1]
    return report.death(last, status, cgroup)


def _steps(container: Container) -> list[tuple[int, Step]]:
    """Those that create has written down, with their numbers; the last is the execve."""
    found = []
    for line in container.read("steps").decode("utf-8", "surrogateescape").split("\n"):
        number, origin, name, program, timeout = line.split("\t")
        args = (1, 0, "", program) if name == "exec" else (program, int(timeout))
        found.append((int(number), Step(INSIDE, Op(name, *args), origin)))
    return found
