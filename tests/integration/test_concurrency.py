"""Several commands at once: on different containers, and on one."""

from __future__ import annotations

import copy

import pytest

from support import cgroups
from support.config import Config
from support.container import MakeContainer
from support.wait import wait_until


def test_twenty_containers_are_created_at_once(container: MakeContainer, config: Config) -> None:
    made = [container(copy.deepcopy(config), "pause") for _ in range(20)]

    spawned = [c.runtime.spawn("create", "--bundle", c.bundle, c.id) for c in made]

    for each in spawned:
        result = each.wait()
        assert result.returncode == 0, str(result)
    assert {c.status for c in made} == {"created"}
    assert len({c.pid for c in made}) == 20


def test_twenty_containers_on_one_rootfs_run_at_once(
    container: MakeContainer, config: Config
) -> None:
    # Each makes the missing mount points at the same time.
    made = [container(copy.deepcopy(config), "print", "x") for _ in range(20)]
    for c in made:
        c.config["root"]["path"] = str(made[0].rootfs)
        c.config["mounts"].append({"destination": "/a/b/c", "type": "tmpfs", "source": "tmpfs"})
        c.write_config()

    spawned = [c.runtime.spawn("run", "--bundle", c.bundle, c.id) for c in made]

    for each in spawned:
        result = each.wait()
        assert (result.returncode, result.stdout) == (0, "x\n"), str(result)


@pytest.mark.deviates(runc="sometimes none wins")
def test_of_creates_with_the_same_id_exactly_one_wins(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    for _ in range(4):
        spawned = [c.runtime.spawn("create", "--bundle", c.bundle, c.id) for _ in range(6)]

        results = [each.wait() for each in spawned]

        assert sorted(result.returncode for result in results) == [0, 1, 1, 1, 1, 1], "\n".join(
            map(str, results)
        )
        assert all("already exists" in result.stderr for result in results if result.returncode)
        assert c.status == "created"
        assert c.processes() == {c.pid}
        c.delete("--force")
        wait_until(lambda: not cgroups.directories(str(c.cgroup)), "the cgroup removed")


@pytest.mark.deviates(runc="the others wait for ever")
def test_of_starts_of_one_container_exactly_one_succeeds(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    c.create()

    codes = sorted(
        each.wait().returncode for each in [c.runtime.spawn("start", c.id) for _ in range(5)]
    )

    assert codes == [0, 1, 1, 1, 1]
    assert c.status == "running"


def test_deletes_at_once_all_end_and_nothing_is_left(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    c.detach()

    results = [
        each.wait() for each in [c.runtime.spawn("delete", "--force", c.id) for _ in range(5)]
    ]

    assert 0 in {result.returncode for result in results}
    assert not any("Traceback" in result.stderr for result in results)
    assert not c.exists


def test_state_asked_all_along_never_fails_once_the_container_exists(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    create = c.runtime.spawn("create", "--bundle", c.bundle, c.id)
    seen = []
    while create.process.poll() is None:
        result = c.verb("state", expect=None)
        seen.append("missing" if result.returncode else result.stdout)
        if result.returncode:
            assert "does not exist" in result.stderr, str(result)
    assert create.wait().returncode == 0

    assert c.status == "created"
    first = next((i for i, text in enumerate(seen) if text != "missing"), len(seen))
    assert "missing" not in seen[first:]


def test_list_during_creates_and_deletes_never_fails(
    container: MakeContainer, config: Config
) -> None:
    made = [container(copy.deepcopy(config), "pause") for _ in range(5)]
    spawned = [c.runtime.spawn("run", "--detach", "--bundle", c.bundle, c.id) for c in made]
    for _ in range(5):
        assert made[0].runtime("list", "--format", "json").returncode == 0
    for each in spawned:
        each.wait()
    spawned = [c.runtime.spawn("delete", "--force", c.id) for c in made]
    for _ in range(5):
        assert made[0].runtime("list").returncode == 0
    for each in spawned:
        assert each.wait().returncode == 0


def test_kill_and_delete_race_without_leaving_anything(
    container: MakeContainer, config: Config
) -> None:
    for _ in range(5):
        c = container(copy.deepcopy(config), "pause")
        c.detach()
        spawned = [
            c.runtime.spawn("kill", c.id, "KILL"),
            c.runtime.spawn("delete", "--force", c.id),
        ]
        for each in spawned:
            each.wait()
        c.delete("--force")
        assert not c.exists
