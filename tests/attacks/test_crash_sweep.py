"""Every verb stopped at its system calls, by SIGKILL and by SIGTERM: afterwards `state` tells what the kernel knows, the other verbs
answer in one line, and `delete --force` leaves nothing.

A sample by default; `make sweep` takes every call. At c4f41aa a `start` that is killed at the right moment leaves `created`
while the program runs, and a create that is killed early leaves a directory that makes `state` fail.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import requires
from support import cgroups, leaks
from support.config import Config
from support.container import INSIDE, Container, MakeContainer
from support.points import Point, points_of
from support.runtime import Result
from support.wait import wait_until

pytestmark = [
    pytest.mark.ours,
    requires.program("strace"),
    requires.as_root("traces the runtime"),
]

PF_FORKNOEXEC = 0x40
DEADLINE_S = 30


def nothing(_c: Container) -> None:
    pass


def pause(c: Container) -> None:
    c.detach()
    c.verb("pause")


# What there is before a verb.
BEFORE: dict[str, Callable[[Container], object]] = {
    "create": nothing,
    "run": nothing,
    "start": Container.create,
    "exec": Container.detach,
    "kill": Container.detach,
    "pause": Container.detach,
    "resume": pause,
    "update": Container.detach,
    "delete": Container.detach,
}


def words(c: Container, verb: str) -> list[object]:
    flags: dict[str, list[object]] = {
        "create": ["--bundle", c.bundle],
        "run": ["--detach", "--bundle", c.bundle],
        "exec": ["--detach"],
        "delete": ["--force"],
        "update": ["--pids-limit", "50"],
    }
    after: dict[str, list[object]] = {"exec": [INSIDE, "pause"], "kill": ["KILL"]}
    return [verb, *flags.get(verb, []), c.id, *after.get(verb, [])]


def answers(c: Container, verb: str, *more: object) -> Result:
    """It does so in time, and in one line if it refuses."""
    result = c.runtime(verb, c.id, *more, timeout_s=DEADLINE_S)
    assert result.returncode in (0, 1, 255), str(result)
    assert "Traceback" not in result.stderr, str(result)
    assert "this is a bug" not in result.stderr, str(result)
    if result.returncode:
        assert len(result.stderr.splitlines()) == 1, str(result)
    return result


def told(c: Container) -> str:
    """The status by what the kernel says of init."""
    file = c.runtime.state_root / c.id / "init"
    try:
        pid, start, _ = file.read_text().split()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "stopped"
    if fields[19] != start or fields[0] in "ZX":
        return "stopped"
    if frozen(c):
        return "paused"
    return "created" if int(fields[6]) & PF_FORKNOEXEC else "running"


def frozen(c: Container) -> bool:
    if cgroups.UNIFIED:
        return "frozen 1" in (c.cgroup_directory("") / "cgroup.events").read_text()
    return "FROZEN" in (c.cgroup_directory("freezer") / "freezer.state").read_text()


def status(c: Container) -> str:
    result = answers(c, "state")
    if result.returncode:
        assert "does not exist" in result.stderr, str(result)
        return ""
    found = re.search(r'"status": "([a-z]+)"', result.stdout)
    assert found, str(result)
    return found.group(1)


def settled(c: Container) -> bool:
    """Whoever was let go of ends by itself; we are the subreaper of all."""
    leaks.reap_orphans(but=0)
    found = status(c)
    return found in ("", told(c)) and (found not in ("", "stopped") or not c.processes())


def assert_the_other_verbs_answer(c: Container) -> None:
    before = status(c)
    started = answers(c, "start")
    assert (started.returncode == 0) == (before == "created"), f"{before}: {started}"
    if before == "created":
        wait_until(lambda: status(c) == "running", "running")
    ran = answers(c, "exec", INSIDE, "id")
    assert (ran.returncode == 0) == (before in ("created", "running")), f"{before}: {ran}"
    killed = answers(c, "kill", "KILL")
    assert (killed.returncode == 0) == (before not in ("", "stopped")), f"{before}: {killed}"


def assert_nothing_is_left(c: Container) -> None:
    leaks.reap_orphans(but=0)
    assert not (c.runtime.state_root / c.id).exists()
    assert c.processes() == set()
    assert cgroups.directories(str(c.cgroup)) == []


def stop_at(c: Container, verb: str, point: Point, signal: str) -> None:
    BEFORE[verb](c)
    command = c.runtime.command(*words(c, verb))
    spawned = c.runtime.spawn(*words(c, verb), prefix=point.injected(signal))
    result = spawned.wait(timeout_s=DEADLINE_S)
    assert result.returncode in (0, 1, 137, 143, -9, -15, 255), f"{command}: {result}"
    if signal == "SIGTERM":
        assert "Traceback" not in result.stderr, str(result)
        assert "this is a bug" not in result.stderr, str(result)
    wait_until(lambda: settled(c), f"what the kernel says: {told(c)}")
    if result.returncode == 143 and verb in ("create", "run"):
        assert_nothing_is_left(c)
    assert_the_other_verbs_answer(c)
    assert c.discard() == ""
    wait_until(lambda: not c.processes(), "nobody left")
    assert_nothing_is_left(c)


@pytest.fixture
def swept(container: MakeContainer, config: Config) -> Iterator[Container]:
    c = container(config, "pause")
    yield c
    c.discard()


@pytest.mark.parametrize("signal", ["SIGKILL", "SIGTERM"])
@pytest.mark.parametrize("verb", BEFORE)
def test_a_verb_that_is_stopped_leaves_the_truth(
    swept: Container, request: pytest.FixtureRequest, verb: str, signal: str
) -> None:
    every = request.config.getoption("--sweep-every")
    BEFORE[verb](swept)
    points = points_of(swept.runtime, swept.runtime.work / "trace", *words(swept, verb))
    assert len(points) > 20, "the trace has been read"
    swept.discard()
    # Not the same ones for each verb and signal, and each time the same.
    first = (len(verb) * 7 + len(signal)) % every
    for point in points[first::every]:
        try:
            stop_at(swept, verb, point, signal)
        except (AssertionError, TimeoutError) as error:
            raise AssertionError(f"{verb}, {signal} at {point}: {error}") from error


def test_it_would_see_a_false_answer(swept: Container) -> None:
    """The comparison is with the kernel: a record that was tampered with is found."""
    swept.detach()
    assert settled(swept)
    os.unlink(swept.runtime.state_root / swept.id / "init")

    assert told(swept) == "stopped"
    assert not settled(swept)
