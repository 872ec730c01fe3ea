"""Verbs that run at the same time on one container: each is done or refused in one line, whatever the others do, and nothing is
left. Engines do it: a kill while a start is under way, two deletes, a state at any moment.

At c4f41aa `list` met directories that were half made or half removed, and said FileNotFoundError. Of several creates two could win,
when one took the other's new directory for one that had been left behind, and a container was lost: seen in 1 of 60
rounds before `store.create` looked again under its lock.
"""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from support import cgroups
from support.config import Config
from support.container import INSIDE, Container, MakeContainer
from support.runtime import Result

pytestmark = pytest.mark.ours

ROUNDS = 12
STATUSES = {"creating", "created", "running", "paused", "stopped"}


@pytest.fixture
def racer(container: MakeContainer, config: Config) -> Iterator[Container]:
    c = container(config, "pause")
    yield c
    c.runtime("delete", "--force", c.id)


def at_once(c: Container, *commands: tuple[object, ...]) -> list[Result]:
    spawned = [c.runtime.spawn(*words) for words in commands]
    return [each.wait(timeout_s=60) for each in spawned]


def assert_answers(results: list[Result]) -> None:
    for result in results:
        assert result.returncode in (0, 1, 255), str(result)
        assert "Traceback" not in result.stderr, str(result)
        assert "this is a bug" not in result.stderr, str(result)
        assert "FileNotFoundError" not in result.stderr, str(result)
        if result.returncode:
            assert len(result.stderr.splitlines()) == 1, str(result)


def assert_gone(c: Container) -> None:
    assert not (c.runtime.state_root / c.id).exists()
    assert c.processes() == set()
    if c.cgroup:
        assert cgroups.directories(c.cgroup) == []


def test_of_several_creates_one_wins(racer: Container) -> None:
    words = ("create", "--bundle", racer.bundle, racer.id)
    for _ in range(ROUNDS * 3):
        results = at_once(racer, words, words, words, words)

        assert_answers(results)
        assert sorted(result.returncode for result in results) == [0, 1, 1, 1]
        assert all("already exists" in r.stderr for r in results if r.returncode), list(
            map(str, results)
        )
        assert racer.status == "created"
        assert len(racer.processes()) == 1
        racer.delete("--force")


def test_of_several_starts_one_wins(racer: Container) -> None:
    for _ in range(ROUNDS):
        racer.create()

        results = at_once(racer, *[("start", racer.id)] * 4)

        assert_answers(results)
        assert sorted(result.returncode for result in results) == [0, 1, 1, 1]
        assert all("already running" in r.stderr for r in results if r.returncode)
        assert racer.status == "running"
        racer.delete("--force")


@pytest.mark.parametrize("begun", [False, True])
def test_several_deletes_leave_nothing(racer: Container, begun: bool) -> None:
    for _ in range(ROUNDS):
        if begun:
            racer.detach()
        else:
            racer.create()

        results = at_once(racer, *[("delete", "--force", racer.id)] * 4)

        assert_answers(results)
        assert [result.returncode for result in results] == [0] * 4
        assert_gone(racer)


@pytest.mark.parametrize(
    "verb",
    [("start",), ("kill",), ("pause",), ("exec",), ("update",), ("state",)],
    ids=lambda verb: verb[0],
)
def test_a_delete_against_another_verb(racer: Container, verb: tuple[str, ...]) -> None:
    more: dict[str, tuple[object, ...]] = {
        "kill": ("KILL",),
        "exec": (INSIDE, "id"),
        "update": ("--pids-limit", "100"),
    }
    for number in range(ROUNDS):
        if verb[0] == "start":
            racer.create()
        else:
            racer.detach()
        words = more.get(verb[0], ())
        flags, after = (words, ()) if verb[0] == "update" else ((), words)
        other = (verb[0], *flags, racer.id, *after)
        delete = ("delete", "--force", racer.id)

        results = at_once(racer, *((other, delete) if number % 2 else (delete, other)))

        killed = [r for r in results if r.returncode == 137]  # the exec's program
        assert_answers([r for r in results if r not in killed])
        assert verb[0] == "exec" or not killed
        assert_gone(racer)


def test_a_life_in_a_crowd(racer: Container) -> None:
    """One after the other is made, started and deleted, while others look at all and send signals."""
    stop = threading.Event()
    seen: list[tuple[str, Result]] = []

    def look(seed: int) -> None:
        choice = random.Random(seed)
        while not stop.is_set():
            verb = choice.choice(
                [
                    ("state", racer.id),
                    ("list", "--format", "json"),
                    ("list", "--quiet"),
                    ("kill", racer.id, "0"),
                    ("ps", racer.id),
                ]
            )
            seen.append((" ".join(verb), racer.runtime(*verb)))

    threads = [threading.Thread(target=look, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(ROUNDS * 2):
            racer.create()
            racer.start()
            racer.delete("--force")
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert_answers([result for _, result in seen])
    found: Counter[str] = Counter()
    for verb, result in seen:
        if result.returncode == 0 and verb.startswith("state"):
            found[json.loads(result.stdout)["status"]] += 1
        elif result.returncode == 0 and verb.endswith("json"):
            found.update(each["status"] for each in json.loads(result.stdout) or [])
    assert set(found) <= STATUSES
    assert found
    assert_gone(racer)
