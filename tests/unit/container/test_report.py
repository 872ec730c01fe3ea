"""What is said of a process that ended without a word."""

from __future__ import annotations

import signal

import pytest

from pyruntime.cgroups.base import Cgroup
from pyruntime.container import report
from pyruntime.plan import ops
from pyruntime.plan.step import INSIDE, Op, Step


class Cgroups(Cgroup):
    """Cgroups in which so many processes were killed for want of memory."""

    def __init__(self, oom_kills: int) -> None:
        super().__init__({})
        self.kills = oom_kills

    def oom_kills(self) -> int:
        return self.kills


EXEC = Step(INSIDE, ops.exec(["/bin/true"], []), "process.args")


@pytest.mark.parametrize(
    ("status", "oom_kills", "words"),
    [
        (signal.SIGSYS, 0, 'exec: "/bin/true": the process ended before it: signal SIGSYS; hint: linux.seccomp'),
        (signal.SIGSYS | 0x80, 1, 'exec: "/bin/true": the process ended before it: signal SIGSYS; hint: linux.seccomp'),
        (signal.SIGKILL, 0, 'exec: "/bin/true": the process ended before it: signal SIGKILL'),
        (signal.SIGKILL, 1, "container init was OOM-killed (memory limit too low?)"),
        (3 << 8, 1, 'exec: "/bin/true": the process ended before it: exit status 3'),
    ],
)  # fmt: skip
def test_a_death_before_the_program_is_told_with_its_cause(
    status: int, oom_kills: int, words: str
) -> None:
    assert str(report.death(EXEC, status, Cgroups(oom_kills))).startswith(f"process.args: {words}")


def test_a_death_in_another_step_is_told_with_that_step() -> None:
    error = report.death(Step(INSIDE, Op("clone"), ""), signal.SIGKILL, Cgroups(0))

    assert str(error).startswith("clone: init ended: signal SIGKILL; hint: kernels since 6.14")
