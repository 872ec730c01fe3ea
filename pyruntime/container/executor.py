"""The executor as a process: started early from a sealed copy of itself, told to go on, heard.

CVE-2019-5736: what runs in the container is a memfd that nobody can write; no file of the host is
/proc/PID/exe of a process inside. Its protocol is drawn in csrc/executor.c.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time

from pyruntime import where
from pyruntime.container import interrupts
from pyruntime.errors import Error, KernelError
from pyruntime.facts import FEATURES
from pyruntime.plan.wire import CURRENT_AT

PROBED, CLONED, BARRIER, FAILED = 1, 2, 3, 4

MFD_EXEC = 0x10  # since 6.3; older kernels refuse it
F_ADD_SEALS = 1033
SEALS = 0x1 | 0x2 | 0x4 | 0x8  # SEAL, SHRINK, GROW, WRITE

# Every signal but 32 and 33, which are libc's own.
ALL_SIGNALS = [*range(1, 32), *range(34, 65)]

RECORD_SIZE = 16

PATIENCE_S = 1.0

# Above the bits of the features, csrc/probe.c has a number.
LANDLOCK_SHIFT = 24


class Executor:
    """One started executor: pipes, the plan's file, and its features."""

    __slots__ = ("_go_fd", "_landlock", "_plan_fd", "_probed", "pid", "plan_size", "report_fd")

    def __init__(self, *, inherit: tuple[int, ...] = ()) -> None:
        self.report_fd, report_fd = os.pipe2(os.O_CLOEXEC)
        go_fd, self._go_fd = os.pipe2(os.O_CLOEXEC)
        self._plan_fd = os.memfd_create("pyruntime-plan", os.MFD_CLOEXEC)
        self._probed: frozenset[str] | None = None
        self._landlock = 0
        self.plan_size = 0
        image_fd = sealed_copy()
        given = (report_fd, go_fd, self._plan_fd)
        for fd in (*given, *inherit):
            os.set_inheritable(fd, True)
        try:
            self.pid = os.posix_spawn(
                f"/proc/self/fd/{image_fd}",
                ["pyruntime-executor", *map(str, given)],
                {},
                setsigmask=[],
                setsigdef=ALL_SIGNALS,
            )
        except OSError as error:
            raise KernelError("posix_spawn(executor)", error.errno or 0) from None
        finally:
            for fd in (report_fd, go_fd, image_fd):
                os.close(fd)
            for fd in (self._plan_fd, *inherit):
                os.set_inheritable(fd, False)

    def features(self) -> frozenset[str]:
        """What the probe found; waits for it."""
        if self._probed is None:
            record = self.next()
            if record is None or record[0] != PROBED:
                raise Error("the executor ended before it began")
            bits = record[2]
            self._probed = frozenset(
                name for number, name in enumerate(FEATURES) if bits >> number & 1
            )
            self._landlock = bits >> LANDLOCK_SHIFT
        return self._probed

    def landlock(self) -> int:
        """The version of Landlock's interface; 0 for none."""
        self.features()
        return self._landlock

    def begin(self, content: bytes) -> None:
        """Hand the plan over."""
        self.features()
        self.plan_size = len(content)
        view = memoryview(content)
        while view:
            view = view[os.write(self._plan_fd, view) :]
        self.go_on()

    def go_on(self) -> None:
        """Give permission to pass the barrier."""
        try:
            os.write(self._go_fd, b"\n")
        except BrokenPipeError:
            pass  # it has died: the next report, or their end, says how

    def next(self) -> tuple[int, int, int, int] | None:
        """The next report: kind, step, value, call; None when none will come."""
        interrupts.wait(self.report_fd)
        return self._read()

    def _read(self) -> tuple[int, int, int, int] | None:
        record = os.read(self.report_fd, RECORD_SIZE)
        if len(record) < RECORD_SIZE:
            return None
        return (
            int.from_bytes(record[0:4], sys.byteorder, signed=True),
            int.from_bytes(record[4:8], sys.byteorder, signed=True),
            int.from_bytes(record[8:12], sys.byteorder, signed=True),
            int.from_bytes(record[12:16], sys.byteorder, signed=True),
        )

    def current_step(self) -> int:
        """The step under way, or the last one that was."""
        return int.from_bytes(os.pread(self._plan_fd, 4, CURRENT_AT), sys.byteorder)

    def stamps(self, offset: int, count: int) -> list[int]:
        """When each step began: nanoseconds of CLOCK_MONOTONIC, 0 for those the executor did not do."""
        data = os.pread(self._plan_fd, 8 * count, offset)
        return [int.from_bytes(data[i : i + 8], sys.byteorder) for i in range(0, len(data), 8)]

    def close(self) -> None:
        """Let go of the pipes: whoever waits at a barrier ends."""
        self.refuse()
        for fd in (self.report_fd, self._plan_fd):
            if fd >= 0:
                os.close(fd)
        self.report_fd = self._plan_fd = -1

    def refuse(self) -> None:
        """Give no permission any more: whoever waits at a barrier ends."""
        if self._go_fd >= 0:
            os.close(self._go_fd)
        self._go_fd = -1

    def end(self) -> None:
        """End it, whatever it is waiting for."""
        if self.pid > 0:
            os.kill(self.pid, 9)  # our child, not yet waited for: the pid is its own
            self.reap()

    def last_words(self) -> list[tuple[int, int, int, int]]:
        """After `refuse`: what it reports until it has ended. Only if that takes long it is killed: a process that it has
        cloned, and not yet told us of, would be found by nobody."""
        found: list[tuple[int, int, int, int]] = []
        if self.report_fd < 0:
            return found
        end = time.monotonic() + PATIENCE_S
        while self.pid > 0 and time.monotonic() < end:
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                self.pid = 0
            else:
                time.sleep(0.001)
        self.end()
        # Not until the end of the file: what it has cloned holds the pipe too.
        os.set_blocking(self.report_fd, False)
        try:
            while (record := self._read()) is not None:
                found.append(record)
        except BlockingIOError:
            pass
        return found

    def reap(self) -> int:
        """Wait for the executor itself (its child is ours already); its wait status."""
        if self.pid <= 0:
            return 0
        try:
            _, status = os.waitpid(self.pid, 0)
        except ChildProcessError:
            status = 0
        self.pid = 0
        return status


_early: list[Executor] = []


def start_early() -> None:
    """Start one for the create that will follow: it starts and probes while the planner is being loaded."""
    _early.append(Executor())


def take(inherit: tuple[int, ...] = ()) -> Executor:
    """The one that was started early, or a new one where something is to be given to it."""
    early = _early.pop() if _early else None
    if early is not None and inherit:
        early.close()
        early.reap()
        early = None
    return early or Executor(inherit=inherit)


def sealed_copy() -> int:
    """A memfd with the executor's image, which can never change."""
    path = where.executor_path()
    try:
        source_fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise KernelError(f"open({path})", error.errno or 0) from None
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        fd = os.memfd_create("pyruntime", flags | MFD_EXEC)
    except OSError:
        fd = os.memfd_create("pyruntime", flags)
    try:
        while os.sendfile(fd, source_fd, None, 1 << 24):
            pass
        fcntl.fcntl(fd, F_ADD_SEALS, SEALS)
    except OSError as error:
        os.close(fd)
        raise KernelError("memfd_create(executor)", error.errno or 0) from None
    finally:
        os.close(source_fd)
    return fd
