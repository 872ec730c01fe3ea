"""Killing and removing containers whose cgroups make it hard: fork bombs, cgroups of their own, frozen ones, many at once."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest

import requires
from support import cgroups
from support.config import Config, drop_namespace
from support.container import Container, MakeContainer
from support.wait import wait_until

FREEZER = "cgroup.freeze" if cgroups.UNIFIED else "freezer.state"
FROZEN, THAWED = ("1", "0") if cgroups.UNIFIED else ("FROZEN", "THAWED")


def frozen(directory: Path) -> bool:
    if cgroups.UNIFIED:
        return "frozen 1" in (directory / "cgroup.events").read_text()
    return (directory / FREEZER).read_text().strip() == "FROZEN"


def gone(c: Container) -> bool:
    return not c.exists and cgroups.directories(str(c.cgroup)) == []


@requires.controller("pids")
@pytest.mark.parametrize("namespace", [True, False], ids=["pid namespace", "no pid namespace"])
@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
def test_a_fork_bomb_is_deleted(
    container: MakeContainer, config: Config, namespace: bool, paused: bool
) -> None:
    if not namespace:
        drop_namespace(config, "pid")
    config["linux"]["resources"]["pids"] = {"limit": 40}
    c = container(config, "bomb")
    c.detach()
    wait_until(lambda: len(c.processes()) >= 40, "the bomb has gone off")
    if paused:
        c.verb("pause")

    # Orphans are ours to collect, as an engine would: `discard` does so while it deletes.
    assert c.discard() == ""

    assert gone(c)


@requires.controller("pids")
def test_a_fork_bomb_is_killed_and_its_container_stops(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["resources"]["pids"] = {"limit": 40}
    c = container(config, "bomb")
    c.detach()
    wait_until(lambda: len(c.processes()) >= 40, "the bomb has gone off")

    c.kill("KILL")

    assert c.wait_stopped() == 137
    c.delete()
    assert gone(c)


def test_a_paused_container_is_deleted_by_force(container: MakeContainer, config: Config) -> None:
    c = container(config, "pause")
    c.detach()
    c.verb("pause")

    c.delete("--force")

    assert gone(c)


def test_a_container_with_a_frozen_cgroup_of_its_own_is_deleted(
    container: MakeContainer, config: Config
) -> None:
    drop_namespace(config, "pid")
    c = container(config, "background", ";", "pause")
    c.detach()
    c.wait_for_output("\n")
    (child,) = c.processes() - {c.pid}
    below = c.cgroup_directory("freezer") / "below" / "deeper"
    below.mkdir(parents=True)
    (below / "cgroup.procs").write_text(str(child))
    (below / FREEZER).write_text(FROZEN)
    wait_until(lambda: frozen(below), "frozen")

    assert c.discard() == ""

    assert gone(c)


@pytest.fixture
def above(container: MakeContainer, config: Config, cgroup_parent: str) -> Iterator[Path]:
    """The freezer's directory of a cgroup between the session's and the container's."""
    name = f"{cgroup_parent}/above"
    config["linux"]["cgroupsPath"] = f"{name}/c"
    directory = cgroups.directory("freezer", name)
    directory.mkdir(parents=True)
    yield directory
    if directory.exists():
        (directory / FREEZER).write_text(THAWED)
    for each in cgroups.directories(name):
        cgroups.remove_tree(each)


def test_below_a_frozen_cgroup_no_container_is_made(
    container: MakeContainer, config: Config, above: Path
) -> None:
    (above / FREEZER).write_text(FROZEN)
    c = container(config)

    message = c.refuses("create", timeout_s=30)

    assert "frozen" in message
    assert [each.name for each in above.iterdir() if each.is_dir()] == []


@pytest.mark.deviates(runc="waits for ever on v1")
def test_below_a_frozen_cgroup_a_container_dies_or_the_reason_is_told(
    container: MakeContainer, config: Config, above: Path
) -> None:
    c = container(config, "pause")
    c.detach()
    (above / FREEZER).write_text(FROZEN)
    wait_until(lambda: frozen(above), "frozen")
    assert c.status == "paused"

    result = c.verb("delete", "--force", expect=None, timeout_s=30)

    if cgroups.UNIFIED:
        assert result.returncode == 0, str(result)
        assert gone(c)
        return
    # In v1 only who thaws the cgroup above can let it die; it is neither ours nor thawed.
    assert result.returncode == 1
    assert "a cgroup above the container's is frozen" in result.stderr
    assert frozen(above)
    (above / FREEZER).write_text(THAWED)
    c.delete("--force")
    assert gone(c)


@requires.cgroup_v2
def test_a_container_that_makes_cgroups_for_itself_is_deleted(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["namespaces"].append({"type": "cgroup"})
    for mount in config["mounts"]:
        if mount["destination"] == "/sys/fs/cgroup":
            mount["options"].remove("ro")
    top = "/sys/fs/cgroup"
    make = ["mkdir", f"{top}/a", ";", "mkdir", f"{top}/a/b", ";", "mkdir", f"{top}/init"]
    move = ["write", f"{top}/init/cgroup.procs", "0"]
    hand_down = ["write", f"{top}/cgroup.subtree_control", "+pids"]
    c = container(config, *make, ";", *move, ";", *hand_down, ";", "pause")
    c.detach()
    c.wait_for_output()
    own = c.cgroup_directory("")
    assert (own / "init" / "cgroup.procs").read_text().split() == [str(c.pid)]
    assert (own / "cgroup.subtree_control").read_text().split() == ["pids"]
    assert c.exec("cat", "/proc/self/cgroup").stdout.strip() == "0::/init"

    c.verb("pause")
    assert c.status == "paused"
    c.verb("resume")
    c.delete("--force")

    assert gone(c)


def test_many_containers_with_limits_live_and_die_at_once(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["resources"]["pids"] = {"limit": 20}
    made = [container(copy.deepcopy(config), "pause") for _ in range(12)]

    def all_do(verb: str, *flags: object, after: bool = True) -> None:
        spawned = [c.runtime.spawn(verb, *flags_of(c, verb, flags), c.id) for c in made]
        for each in spawned:
            result = each.wait()
            assert result.returncode == 0, str(result)

    def flags_of(c: Container, verb: str, flags: tuple[object, ...]) -> tuple[object, ...]:
        return ("--bundle", c.bundle, *flags) if verb == "create" else flags

    for _ in range(2):
        all_do("create")
        assert all(c.processes() == {c.pid} for c in made)
        all_do("start")
        all_do("pause")
        assert {c.status for c in made} == {"paused"}
        all_do("resume")
        all_do("delete", "--force")
        assert all(gone(c) for c in made)
