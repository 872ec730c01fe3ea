"""A container that may write its cgroups makes more of them than whoever walks them has thought of.

Fails at c4f41aa: more than 1,000 nested ones end `ps`, `pause`, `kill --all` and `delete --force` with RecursionError,
and with long names ENAMETOOLONG does it from a depth of 16 on.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator

import pytest

import requires
from support import cgroups
from support.config import Config
from support.container import Container, MakeContainer
from support.wait import wait_until

pytestmark = requires.as_root("a writable cgroup mount in the container")

DEPTH, BREADTH, SECONDS = 1500, 3000, 30.0
WHERE = [""] if cgroups.UNIFIED else ["freezer", "pids"]
"""The hierarchies; a hybrid host mounts only those of version 1 into a container."""


@pytest.fixture
def hostile(container: MakeContainer, config: Config, cgroup_parent: str) -> Iterator[Container]:
    """A container that may do in its cgroups what it likes."""
    config["linux"]["namespaces"] = [
        n for n in config["linux"]["namespaces"] if n["type"] != "cgroup"
    ] + [{"type": "cgroup"}]
    for mount in config["mounts"]:
        if mount["type"] == "cgroup":
            mount["options"] = ["nosuid", "noexec", "nodev"]
    made = container(config)
    yield made
    made.discard()
    for top in cgroups.directories(cgroup_parent):
        # find(1) goes deeper than a path is long. It has nothing to do unless the test has failed.
        subprocess.run(
            ["find", top, "-mindepth", "1", "-depth", "-type", "d", "-delete"], check=False
        )


def run(c: Container, *commands: object) -> None:
    c.config["process"]["args"] = ["/bin/inside", *map(str, commands)]
    c.write_config()
    c.detach()


def places(c: Container) -> list[str]:
    """Where the container finds its own cgroup in each hierarchy."""
    if cgroups.UNIFIED:
        return ["/sys/fs/cgroup"]
    found = {name: cgroups.HIERARCHIES[name].name for name in WHERE if name in cgroups.HIERARCHIES}
    return [f"/sys/fs/cgroup/{name}" for name in found.values()]


def timed(c: Container, verb: str, *flags: object, **how: object) -> str:
    begin = time.monotonic()
    result = c.verb(verb, *flags, timeout_s=SECONDS, **how)  # type: ignore[arg-type]
    assert time.monotonic() - begin < SECONDS
    return result.stdout


def every_verb_works_and_nothing_stays(c: Container, cgroup_parent: str) -> None:
    pids = timed(c, "ps", "--format", "json")
    assert str(c.init_pid) in pids
    timed(c, "pause")
    assert c.status == "paused"
    timed(c, "resume")
    timed(c, "update", "--pids-limit", "100")
    timed(c, "kill", "--all", after=("KILL",))
    wait_until(lambda: c.status == "stopped", "stopped")
    timed(c, "delete", "--force")
    assert cgroups.below(cgroup_parent) == []


@pytest.mark.parametrize("length", [1, 255], ids=["short names", "longer than PATH_MAX"])
def test_cgroups_nested_deeper_than_python_recurses(
    hostile: Container, cgroup_parent: str, length: int
) -> None:
    commands: list[object] = []
    for place in places(hostile):
        commands += ["nest", place, DEPTH, length, ";"]
    run(hostile, *commands, "print", "ready", ";", "pause")
    assert "E" not in hostile.wait_for_output()

    every_verb_works_and_nothing_stays(hostile, cgroup_parent)


def test_thousands_of_cgroups_side_by_side(hostile: Container, cgroup_parent: str) -> None:
    commands: list[object] = []
    for place in places(hostile):
        commands += ["brood", place, BREADTH, ";"]
    run(hostile, *commands, "print", "ready", ";", "pause")
    assert "E" not in hostile.wait_for_output()

    every_verb_works_and_nothing_stays(hostile, cgroup_parent)


def test_delete_force_of_a_running_one_takes_all_along(
    hostile: Container, cgroup_parent: str
) -> None:
    commands: list[object] = []
    for place in places(hostile):
        commands += ["nest", place, DEPTH, 255, ";"]
    run(hostile, *commands, "print", "ready", ";", "pause")
    hostile.wait_for_output()

    timed(hostile, "delete", "--force")

    assert cgroups.below(cgroup_parent) == []


def test_cgroups_that_come_and_go_while_they_are_walked(
    hostile: Container, cgroup_parent: str
) -> None:
    """ENOENT and ENODEV mean gone, at every call of the walk."""
    place = places(hostile)[-1]
    run(hostile, "churn", place)
    hostile.wait_for_output()

    for _ in range(30):
        assert str(hostile.init_pid) in timed(hostile, "ps", "--format", "json")
    timed(hostile, "delete", "--force")

    assert cgroups.below(cgroup_parent) == []
    assert not os.path.exists(f"/proc/{hostile.init_pid}/exe")
