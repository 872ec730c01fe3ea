"""`start`: one byte into the start fifo, then wait until its other end is closed. The picture is in csrc/sync.c.

Init holds the fifo for reading and writing, close-on-exec: when nobody has it open for writing any more,
execve has happened, or init has died. What is in the fifo then says which, but for a sudden death: nothing is left
in it either, and the kernel is asked whether there was an execve, for as long as nobody has waited for init.
"""

from __future__ import annotations

import os
import select
import sys

from pyruntime.errors import Error, KernelError, WrongState, reason
from pyruntime.plan.step import INSIDE, Op, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.cgroups.base import Cgroup
    from pyruntime.container.process import Init
    from pyruntime.container.store import Container

GO = b"\n"


def release(container: Container, init: Init, rootfs: str, cgroup: Cgroup) -> None:
    """Let init go on; the error of the step that failed, if one does, or of its death."""
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
        # No event is asked for, so the byte itself does not wake us; the end of all writers always does.
        poll = select.poll()
        poll.register(read_fd, 0)
        poll.poll()
        left = os.read(read_fd, 4096)
    finally:
        os.close(read_fd)
    if init.has_executed():
        return  # Whatever is in the fifo: it may be the byte of a second `start` after one that was killed.
    if left == GO:
        raise WrongState("container not running: init ended before it was started")
    if left:
        init.wait(10)
        raise _failure(container, left, rootfs)
    status = init.status_without_execve()
    if status is not None:
        init.wait(10)
        raise _death(container, status, cgroup)


def _failure(container: Container, record: bytes, rootfs: str) -> Error:
    from pyruntime.container import report

    _, index, value, call = (
        int.from_bytes(record[i : i + 4], sys.byteorder, signed=True) for i in range(0, 16, 4)
    )
    for number, step in _steps(container):
        if number == index:
            return report.failure(step, value, call, rootfs)
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
        args = (1, 0, program) if name == "exec" else (program, int(timeout))
        found.append((int(number), Step(INSIDE, Op(name, *args), origin)))
    return found
