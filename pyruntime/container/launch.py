"""Carry a plan out: host steps here, the others in the executor, in the plan's order; everything made is undone when a
step fails, or when a signal asks us to end.

The undo list grows before the thing is made whose undo it holds, so that nothing can be forgotten in between. All of it is
done whatever fails in it, and only when nothing has failed the container itself is forgotten: `delete` needs its record.
"""

from __future__ import annotations

import os
import time

from pyruntime.container.executor import BARRIER, CLONED, FAILED
from pyruntime.container.host_ops import HOST_OPS
from pyruntime.container.process import Init, init_of
from pyruntime.errors import Error, KernelError, during, note, said
from pyruntime.plan import wire
from pyruntime.plan.step import HOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from pyruntime.cgroups.base import Cgroup
    from pyruntime.cgroups.placement import Placement
    from pyruntime.cgroups.write import Write
    from pyruntime.container.executor import Executor
    from pyruntime.container.record import Record
    from pyruntime.container.store import Container
    from pyruntime.plan.step import Plan
    from pyruntime.spec.types import Spec

    class Closing(Protocol):
        """Something open."""

        def close(self) -> None:
            """Let go of it; a second time does nothing."""


PATIENCE_S = 10.0


class Launch:
    """One plan being carried out."""

    __slots__ = (
        "_undo",
        "attend",
        "before_program",
        "bundle",
        "cgroup",
        "container",
        "executor",
        "forget",
        "holds",
        "init",
        "meanwhile",
        "pid",
        "placement",
        "plan",
        "record",
        "refused",
        "rootfs",
        "spec",
        "stamps_at",
        "tell",
    )

    def __init__(
        self,
        plan: Plan,
        executor: Executor,
        spec: Spec,
        *,
        container: Container,
        bundle: str,
        rootfs: str,
        cgroup: Cgroup,
        placement: Placement | None = None,
    ) -> None:
        self.plan = plan
        self.executor = executor
        self.spec = spec
        self.container = container
        self.bundle = bundle
        self.rootfs = rootfs
        self.cgroup = cgroup
        self.placement = placement
        self.record: Record | None = None
        """Of a container that is being created."""
        self.refused: list[Write] = []
        self.pid = 0
        self.init: Init | None = None
        self.stamps_at = 0
        self.meanwhile: Callable[[], None] = _nothing
        """What there is to do (modules to load) while the executor works."""
        self.before_program: Callable[[], None] = _nothing
        """Called before the executor gets the permission with which the program may begin."""
        self.attend: Callable[[int, int], None] = _nothing_with
        """Called with the pid and the descriptor that tells when the program has begun, before that is waited for."""
        self.tell: Callable[[str], None] | None = None
        """Told what is done, with --debug."""
        self.holds: list[Closing] = []
        """What is only needed to undo, and would keep something of the container's alive."""
        self._undo: list[Callable[[], None]] = []
        self.forget: Callable[[BaseException], None] | None = None
        """The end of the undoing, when all of it has been done: there is no container any more."""

    def on_failure(self, undo: Callable[[], None]) -> None:
        """Register what removes the thing that is about to be made."""
        self._undo.append(undo)

    def run(self) -> None:
        """All of the plan, up to the last barrier; raises the first failure, everything being undone."""
        try:
            self._run()
        except BaseException as error:
            self.undo(error)
            raise

    def _run(self) -> None:
        content, self.stamps_at = wire.encode(self.plan)
        index = self._host_steps(0)
        last = max((i for i, step in enumerate(self.plan) if step.side == HOST), default=-1)
        if index > last:
            self.before_program()
        if self.tell is not None:
            self.tell(f"executor {self.executor.pid} begins with {len(self.plan)} steps")
        self.executor.begin(content)
        self.meanwhile()
        # Nothing has to be heard after the last host step of a container that will wait for `start`.
        while index <= last or self.pid == 0:
            record = self.executor.next()
            if record is None:
                raise self._died()
            kind, step, value, call = record
            if kind != CLONED and self.pid == 0:
                # The child may be heard before its parent has said who it is.
                self._await_pid()
            if kind == CLONED:
                self._cloned(value)
            elif kind == BARRIER:
                index = self._host_steps(step)
                if index > last:
                    self.before_program()
                self.executor.go_on()
            elif kind == FAILED:
                raise self._failure(step, value, call)
        self.executor.reap()  # unless that was long ago, it has handed a listener over

    def finish(self) -> None:
        """Wait until execve has happened, or was refused by the kernel, which the program's standard error has heard: the way
        back closes, or brings the failure of a step before it."""
        try:
            self.attend(self.pid, self.executor.report_fd)
            record = self.executor.next()
            if record is not None:
                raise self._failure(record[1], record[2], record[3])
            if self.init is not None and self.init.status_without_execve() is not None:
                # It is our child and not yet waited for, so this cannot be missed.
                raise self._died()
        except BaseException as error:
            self.undo(error)
            raise
        for one in self.holds:
            one.close()

    def _await_pid(self) -> None:
        """Hear CLONED; nothing comes when it was the executor itself that failed."""
        record = self.executor.next()
        if record is not None and record[0] == CLONED:
            self._cloned(record[2])

    def _cloned(self, pid: int) -> None:
        self.pid = pid
        self.on_failure(self._kill_init)
        if self.tell is not None:
            self.tell(f"the executor has cloned process {pid}")
        self.init = init_of(pid)
        if not any(step.op.name == "hand_over" for step in self.plan):
            self.executor.reap()

    def _host_steps(self, index: int) -> int:
        """Do the host steps from *index* on; the index of the first that is not one."""
        while index < len(self.plan) and (step := self.plan.steps[index]).side == HOST:
            if self.tell is not None:
                self._tell_step(index)
            with during(step.origin or step.op.name):
                try:
                    HOST_OPS[step.op.name](self, *step.op.args)
                except OSError as error:
                    place = f"({error.filename})" if error.filename else ""
                    raise KernelError(f"{step.op.name}{place}", error.errno or 0) from None
            index += 1
        return index

    def _tell_step(self, index: int) -> None:
        from pyruntime.plan.show import op_text

        if self.tell is not None:
            step = self.plan.steps[index]
            self.tell(f"step {index}: {op_text(step.op)}" + f" [{step.origin}]" * bool(step.origin))

    def _failure(self, step: int, value: int, call: int) -> Error:
        from pyruntime.container import report

        return report.failure(self.plan.steps[step], value, call)

    def _died(self) -> Error:
        """The way back closed without a word: say what ended init, and where."""
        from pyruntime.container import report

        step = self.plan.steps[min(self.executor.current_step(), len(self.plan) - 1)]
        pid, self.pid = self.pid, 0
        status = _wait(pid) if pid else self.executor.reap()
        return report.death(step, status, self.cgroup)

    def _kill_init(self) -> None:
        pid, self.pid = self.pid, 0
        if pid:
            # It is our child and not yet waited for: the pid is its own.
            os.kill(pid, 9)
            _wait(pid)

    def undo(self, error: BaseException) -> None:
        """Undo in reverse; what fails becomes a note on *error*, and the container then stays for `delete`."""
        self.executor.refuse()
        _tried(self._hear_the_rest, error)
        self.executor.end()
        self.executor.close()
        kept = False
        while self._undo:
            kept |= not _tried(self._undo.pop(), error)
        forget, self.forget = self.forget, None
        if forget is None:
            return
        if kept or not _tried(lambda: forget(error), error):
            _tried(self._keep, error)
            note(error, "the container is kept, delete --force tries again")

    def _hear_the_rest(self) -> None:
        """Whom the executor has cloned meanwhile."""
        if not self.pid:
            for kind, _, value, _ in self.executor.last_words():
                if kind == CLONED:
                    self._cloned(value)

    def _keep(self) -> None:
        """An init that we could not end has to be found again."""
        if self.init is not None and self.init.is_alive():
            self.container.write_init(self.init)


def _nothing() -> None:
    pass


def _nothing_with(_pid: int, _fd: int) -> None:
    pass


def _tried(step: Callable[[], None], error: BaseException) -> bool:
    """Whether *step* could be done; why not becomes a note on *error*, whatever it is: others have to be done after it."""
    try:
        step()
    except OSError as failed:
        note(error, said(failed))
    except Error as failed:
        note(error, str(failed))
    except Exception as failed:
        note(error, f"{type(failed).__name__}: {failed}")
    else:
        return True
    return False


def _wait(pid: int) -> int:
    """The wait status of a child that ends; an error if that takes long, as it does in a frozen cgroup."""
    end, pause = time.monotonic() + PATIENCE_S, 0.0001
    while True:
        try:
            found, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return 0
        if found:
            return status
        if time.monotonic() > end:
            raise Error(
                f"container init (pid {pid}) still running {PATIENCE_S:.0f} s after SIGKILL"
            )
        time.sleep(pause)
        pause = min(pause * 2, 0.005)
