"""`exec` while init dies: its program runs in the container or not at all, never on the host.

The runtime is stopped at a system call, init is killed, the runtime goes on: at every call between the first look at
init and the end, one after the other. At c4f41aa these tests fail: what was missing below /proc/PID/ns was taken for a type
that the kernel lacks, and the program ran as root in the host's namespaces.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import requires
from support import namespaces
from support.config import Config
from support.container import Container, MakeContainer
from support.wait import wait_for_exit, wait_until

pytestmark = [
    pytest.mark.root,
    pytest.mark.ours,
    requires.as_root("kills and stops processes of other users"),
    pytest.mark.skipif(shutil.which("strace") is None, reason="requires program strace"),
]

# By these the runtime and the executor look at init, open what is its, and join it.
CALLS = "newfstatat,openat,open,stat,readlink,poll,pidfd_open,setns,clone3,clone,vfork,unshare"
ROUNDS = 24
"""Points for each test, evenly spread over all of them."""
KINDS = ("mnt", "pid", "uts", "net", "ipc")


class Victim:
    """A container, and a program that is at the same path in it and on the host."""

    def __init__(self, container: MakeContainer, config: Config, program: Path, work: Path) -> None:
        self.make = container
        self.config = config
        self.program = program
        self.work = work
        self.next()

    def next(self) -> None:
        """A new one."""
        self.c: Container = self.make(self.config, "pause")
        place = self.c.rootfs / str(self.program).lstrip("/")
        place.parent.mkdir(parents=True)
        os.link(self.program, place)
        self.c.detach()
        self.c.wait_for_output()

    def command(self) -> list[str]:
        """exec of a program that says where it is."""
        words: list[object] = ["exec", self.c.id, self.program]
        for kind in KINDS:
            words += ["readlink", f"/proc/self/ns/{kind}", ";"]
        return [*self.c.runtime.prefix, *self.c.runtime.command(*words[:-1])]

    def trace(self, *options: str) -> subprocess.Popen[str]:
        """The same under strace(1)."""
        log = self.work / "strace"
        command = ["strace", "-f", "-o", str(log), "-e", f"trace={CALLS}", *options, "--"]
        return subprocess.Popen(
            [*command, *self.command()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.c.runtime.environment,
        )

    def points(self) -> list[tuple[str, int]]:
        """Where an undisturbed exec can be stopped: calls, and the number of one among them."""
        process = self.trace()
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert not (set(output.split()) & host()), "the program does not tell where it is"
        calls = re.findall(r"^(\d+) +(\w+)\((.*)", (self.work / "strace").read_text(), re.MULTILINE)
        runtime = [rest for pid, _, rest in calls if pid == calls[0][0]]
        first = next(i for i, rest in enumerate(runtime) if f"/proc/{self.c.init_pid}" in rest)
        joins = [name for pid, name, _ in calls if pid != calls[0][0] and name == "setns"]
        assert len(joins) > 1, "the executor's probe, and what it joins"
        # Numbers are counted by strace in each process; only the executor joins.
        return [
            *[(CALLS, number) for number in range(first + 1, len(runtime) + 1)],
            *[("setns", number) for number in range(1, len(joins) + 1)],
        ]


def host() -> set[str]:
    return {os.readlink(f"/proc/self/ns/{kind}") for kind in KINDS}


def below(pid: int) -> list[int]:
    """The descendants of *pid*."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [one for child in map(int, children) for one in (child, *below(child))]


def stopped(tracer: int) -> int | None:
    """The descendant of *tracer* that SIGSTOP holds."""
    return next((pid for pid in below(tracer) if state_of(pid) in ("t", "T")), None)


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def attack(victim: Victim, calls: str, number: int, *, reaped: bool) -> str:
    """Stop after call *number* of *calls*, kill init, go on: what the program printed."""
    inject = f"inject={calls}:signal=SIGSTOP:when={number}"
    process = victim.trace("-e", inject)
    init = victim.c.init_pid
    try:
        held = wait_until(
            lambda: stopped(process.pid) or (process.poll() is not None and -1), "stopped or ended"
        )
        os.kill(init, signal.SIGKILL)
        wait_until(lambda: is_zombie(init), "init dead")
        if reaped:
            wait_for_exit(init)
        while held != -1 and process.poll() is None:
            # A child that gets as far is stopped as well.
            if (one := stopped(process.pid)) is not None:
                os.kill(one, signal.SIGCONT)
            try:
                process.wait(0.01)
            except subprocess.TimeoutExpired:
                continue
        output, _ = process.communicate(timeout=60)
    finally:
        for one in below(process.pid):
            os.kill(one, signal.SIGKILL)
        process.kill()
        process.wait()
        if not reaped:
            wait_for_exit(init)
    return output


def is_zombie(pid: int) -> bool:
    return state_of(pid) == "Z"


@pytest.fixture(params=["pidfd", "before 5.8"])
def victim(
    request: pytest.FixtureRequest,
    container: MakeContainer,
    config: Config,
    inside_binary: Path,
    work: Path,
) -> Victim:
    victim = Victim(container, config, inside_binary, work)
    if request.param == "before 5.8":
        deny = request.getfixturevalue("deny_binary")
        victim.c.runtime.prefix = [str(deny), "pidfd_setns", "--"]
    return victim


def test_a_program_never_runs_on_the_host(victim: Victim) -> None:
    points = victim.points()
    every = max(1, len(points) // ROUNDS)

    for index, (calls, number) in enumerate(points[::every] + points[-6:]):
        output = attack(victim, calls, number, reaped=bool(index % 2))

        assert not (set(output.split()) & host()), f"{calls} {number}: the program ran on the host"
        victim.c.discard()
        victim.next()


def test_what_a_dead_init_leaves_behind_is_not_joined_in_parts(victim: Victim) -> None:
    """A zombie has a user namespace and no others: nothing is run in some of them."""
    init = victim.c.init_pid
    ours = namespaces.inode(os.getpid(), "mount")
    os.kill(init, signal.SIGKILL)
    wait_until(lambda: is_zombie(init), "init dead")

    message = victim.c.refuses("exec", after=(victim.program, "readlink", "/proc/self/ns/mnt"))

    assert "cannot exec in a stopped container" in message
    assert ours not in message
    wait_for_exit(init)
