"""Finding, killing and freezing the processes of a container."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import requires
from pyruntime.cgroups import cgroup_of
from pyruntime.cgroups.base import Cgroup
from support.cgroup_driver import (
    Spawn,
    directories,
    host_facts,
    in_child,
    make_inner,
    need,
    placed_at,
)
from support.wait import wait_until

pytestmark = [pytest.mark.root, requires.as_root("makes cgroups at the top")]


def test_processes_are_found_below_and_in_every_hierarchy(cgroup: Cgroup, spawn: Spawn) -> None:
    everywhere, somewhere = spawn(), spawn()
    below = directories(cgroup)[0] / "below"
    below.mkdir()
    cgroup.add(everywhere.pid)
    # As a start leaves it that was interrupted between two hierarchies.
    (below / "cgroup.procs").write_text(str(somewhere.pid))

    assert sorted(cgroup.processes()) == sorted([everywhere.pid, somewhere.pid])
    assert cgroup.is_populated()


def test_an_empty_or_missing_cgroup_has_no_processes(cgroup: Cgroup) -> None:
    assert cgroup.processes() == []
    assert not cgroup.is_populated()

    cgroup.remove()

    assert cgroup.processes() == []
    assert not cgroup.is_populated()
    assert not cgroup.is_frozen()
    cgroup.kill()


def test_killing_reaches_every_process_below_too(cgroup: Cgroup, spawn: Spawn) -> None:
    here, below = spawn(), spawn()
    cgroup.add(here.pid)
    make_inner(cgroup).add(below.pid)

    cgroup.kill()

    assert (here.wait(5), below.wait(5)) == (-9, -9)


def test_a_frozen_process_is_killed_and_nothing_stays_frozen(cgroup: Cgroup, spawn: Spawn) -> None:
    process = spawn()
    cgroup.add(process.pid)
    cgroup.freeze()

    cgroup.kill()

    assert process.wait(5) == -9
    if cgroup.driver == "v1":
        assert not cgroup.is_frozen()


def test_a_cgroup_below_that_was_frozen_by_itself_is_killed(cgroup: Cgroup, spawn: Spawn) -> None:
    process = spawn()
    below = make_inner(cgroup)
    below.add(process.pid)
    below.freeze()

    cgroup.kill()

    assert process.wait(5) == -9


def test_killing_without_the_kernels_help_works_as_well(cgroup: Cgroup, spawn: Spawn) -> None:
    processes = [spawn() for _ in range(3)]
    for process in processes:
        cgroup.add(process.pid)

    Cgroup.kill(cgroup)  # what V2 does where there is no cgroup.kill (before 5.14)

    assert [process.wait(5) for process in processes] == [-9, -9, -9]


FORKS = "import os, time\nfor _ in range(100000):\n    os.fork()\n    time.sleep(0.005)\n"


def test_processes_that_fork_while_they_are_killed_do_not_get_away(
    parent: str,
) -> None:
    facts = host_facts()
    need(facts, "pids")
    placed = placed_at(facts, f"{parent}/forks", pids={"limit": 12})
    cgroup = cgroup_of(placed.driver, placed.paths)
    cgroup.make()
    cgroup.apply(placed.writes)
    reader, writer = os.pipe()
    with os.fdopen(reader), os.fdopen(writer, "w") as go:
        code = f"import sys; sys.stdin.readline()\n{FORKS}"
        process = subprocess.Popen([sys.executable, "-c", code], stdin=reader, stderr=-3)
        cgroup.add(process.pid)
        go.write("go\n")
    wait_until(lambda: len(cgroup.processes()) > 5, "forking")

    cgroup.kill()

    process.wait(5)
    wait_until(lambda: not cgroup.is_populated(), "empty", deadline_s=5)
    cgroup.remove()


def test_a_frozen_process_does_not_run_and_a_thawed_one_does(
    cgroup: Cgroup, spawn: Spawn, tmp_path: Path
) -> None:
    beat = tmp_path / "beat"
    code = "import sys, time\nwhile True:\n open(sys.argv[1], 'a').write('x'); time.sleep(0.002)"
    process = spawn(sys.executable, "-c", code, str(beat))
    wait_until(beat.exists, "running")
    cgroup.add(process.pid)

    cgroup.freeze()
    frozen = beat.stat().st_size
    time.sleep(0.03)

    assert cgroup.is_frozen()
    assert beat.stat().st_size == frozen
    cgroup.thaw()
    assert not cgroup.is_frozen()
    wait_until(lambda: beat.stat().st_size > frozen, "running again")


def test_freezing_twice_and_thawing_twice_is_fine(cgroup: Cgroup) -> None:
    cgroup.freeze()
    cgroup.freeze()
    cgroup.thaw()
    cgroup.thaw()

    assert not cgroup.is_frozen()


def test_who_is_inside_does_not_freeze_itself(
    cgroup: Cgroup, capfd: pytest.CaptureFixture[str]
) -> None:
    assert in_child(cgroup, cgroup.freeze) == 255
    assert "would freeze with it" in capfd.readouterr().err
    assert not cgroup.is_frozen()
