"""cgroups: where the container is put, which limits are in force, and that nothing of them remains."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import requires
from support import cgroups
from support.config import Config
from support.container import Container, MakeContainer
from support.wait import wait_until


def limited(container: MakeContainer, config: Config, *args: object, **resources: Any) -> Container:
    config["linux"]["resources"].update(resources)
    return container(config, *(args or ("pause",)))


def value(c: Container, controller: str, file: str) -> str:
    return (c.cgroup_directory(controller) / file).read_text().strip()


def test_init_is_in_the_configured_cgroup_of_every_hierarchy(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    c.create()

    paths = cgroups.of_process(c.pid)

    if cgroups.UNIFIED:
        assert paths[""] == c.cgroup
    else:
        assert {name: path for name, path in paths.items() if name} == {
            name: c.cgroup for name in cgroups.HIERARCHIES if name
        }
    assert c.processes() == {c.pid}


def test_nothing_of_the_runtime_stays_in_the_cgroup(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    c.detach()

    assert c.processes() == {c.pid}


def test_runtime_itself_stays_where_it_was(container: MakeContainer, config: Config) -> None:
    c = container(config, "pause")
    spawned = c.spawn_run()
    c.wait_for_output()

    assert cgroups.of_process(spawned.process.pid) == cgroups.of_process(os.getpid())
    c.kill("KILL")
    spawned.wait()


@pytest.mark.parametrize("path", ["{parent}/a/b/c", "{name}/relative"])
def test_path_of_several_levels_is_made_and_its_end_removed(
    container: MakeContainer, config: Config, path: str, cgroup_parent: str
) -> None:
    parent = os.path.basename(cgroup_parent)
    path = path.format(parent=cgroup_parent, name=parent)
    config["linux"]["cgroupsPath"] = path
    c = container(config, "pause")
    c.create()
    at = cgroups.of_process(c.pid)["" if cgroups.UNIFIED else "pids"]
    assert at.endswith(path.lstrip("/"))

    c.delete("--force")

    assert not cgroups.directories(at)
    assert not cgroups.named(at.strip("/"))
    # Whoever asks for a path of several levels keeps the upper ones; a relative one may be below our own cgroup.
    for left in sorted(cgroups.named(parent), reverse=True):
        cgroups.remove_tree(left)


def test_without_a_path_the_runtime_chooses_one_that_ends_in_the_id(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause", cgroup=False)
    c.create()

    paths = cgroups.of_process(c.pid)
    c.delete("--force")

    assert c.id in paths["" if cgroups.UNIFIED else "pids"]
    assert not cgroups.named(c.id)


@pytest.mark.parametrize("path", ["/{parent}/x/../../escape", "/../../../../escape", "../escape"])
def test_path_with_dotdot_does_not_leave_the_hierarchy(
    container: MakeContainer, config: Config, path: str
) -> None:
    config["linux"]["cgroupsPath"] = path.format(parent=f"pyruntime-test-{os.getpid()}")
    c = container(config)

    result = c.runtime("run", "--bundle", c.bundle, c.id)

    assert "Traceback" not in result.stderr
    assert not (Path("/sys/fs") / "escape").exists()
    for top in cgroups.HIERARCHIES.values():
        for name in ("escape", f"pyruntime-test-{os.getpid()}/escape"):
            if (top / name).is_dir():
                (top / name).rmdir()


@requires.controller("memory")
@pytest.mark.parametrize("limit", [64 << 20, 300 << 20])
def test_memory_limit_is_in_force(container: MakeContainer, config: Config, limit: int) -> None:
    c = limited(container, config, memory={"limit": limit})
    c.create()

    assert value(c, "memory", "memory.max" if cgroups.UNIFIED else "memory.limit_in_bytes") == str(
        limit
    )


@requires.controller("memory")
def test_process_that_takes_more_memory_than_the_limit_is_killed(
    container: MakeContainer, config: Config
) -> None:
    c = limited(
        container,
        config,
        "child",
        "alloc",
        "64",
        ";",
        "print",
        "alive",
        memory={"limit": 32 << 20, "swap": 32 << 20},
    )

    result = c.run(expect=None)

    assert result.returncode == 137 or result.sections == ["signal 9", "alive"]


@requires.controller("memory")
@pytest.mark.deviates(runc="its own first process needs more")
def test_container_with_two_mebibytes_starts(container: MakeContainer, config: Config) -> None:
    limited(container, config, memory={"limit": 2 << 20})
    config["process"]["args"] = ["/bin/true"]

    container(config).run()


@requires.controller("memory")
def test_memory_limit_too_low_to_start_is_an_error_and_not_a_hang(
    container: MakeContainer, config: Config
) -> None:
    c = limited(container, config, memory={"limit": 4096})

    result = c.runtime("run", "--bundle", c.bundle, c.id, timeout_s=30)

    # Where the kernel charges nothing before the limit is met it may even run.
    assert "Traceback" not in result.stderr


@requires.controller("memory")
@requires.cgroup_v1
@pytest.mark.parametrize(
    ("memory", "file", "expected"),
    [
        ({"reservation": 32 << 20}, "memory.soft_limit_in_bytes", str(32 << 20)),
        ({"limit": 64 << 20, "swap": 128 << 20}, "memory.memsw.limit_in_bytes", str(128 << 20)),
        ({"swappiness": 7}, "memory.swappiness", "7"),
        ({"limit": -1}, "memory.limit_in_bytes", str((1 << 63) - 4096)),
    ],
    ids=["reservation", "swap", "swappiness", "unlimited"],
)
def test_other_memory_settings_of_v1(
    container: MakeContainer, config: Config, memory: dict[str, int], file: str, expected: str
) -> None:
    c = limited(container, config, memory=memory)
    if not (cgroups.HIERARCHIES["memory"] / file).exists():
        pytest.skip(f"requires cgroup controller memory with {file}")
    c.create()

    assert value(c, "memory", file) == expected


@requires.controller("memory")
@requires.cgroup_v1
def test_oom_killer_can_be_turned_off(container: MakeContainer, config: Config) -> None:
    c = limited(container, config, memory={"limit": 64 << 20, "disableOOMKiller": True})
    c.create()

    assert "oom_kill_disable 1" in value(c, "memory", "memory.oom_control").splitlines()


@requires.controller("memory")
@requires.cgroup_v2
@pytest.mark.parametrize(
    ("memory", "file", "expected"),
    [
        ({"reservation": 32 << 20}, "memory.low", str(32 << 20)),
        ({"limit": 64 << 20, "swap": 128 << 20}, "memory.swap.max", str(64 << 20)),
        ({"limit": -1}, "memory.max", "max"),
    ],
    ids=["reservation", "swap", "unlimited"],
)
def test_other_memory_settings_of_v2(
    container: MakeContainer, config: Config, memory: dict[str, int], file: str, expected: str
) -> None:
    c = limited(container, config, memory=memory)
    c.create()

    assert value(c, "memory", file) == expected


@requires.controller("pids")
@pytest.mark.parametrize(("limit", "expected"), [(20, "20"), (-1, "max"), (1, "1")])
def test_pids_limit_is_in_force(
    container: MakeContainer, config: Config, limit: int, expected: str
) -> None:
    c = limited(container, config, pids={"limit": limit})

    if limit != 1:  # A runtime with threads needs more than one while it starts.
        c.create()
        assert value(c, "pids", "pids.max") == expected
    else:
        assert "Traceback" not in c.runtime("run", "-d", "--bundle", c.bundle, c.id).stderr


@requires.controller("pids")
def test_no_more_processes_than_the_pids_limit(container: MakeContainer, config: Config) -> None:
    assert int(limited(container, config, "forks", 40, pids={"limit": 12}).run().stdout) == 11


@requires.controller("cpu")
@requires.cgroup_v1
def test_cpu_settings_of_v1(container: MakeContainer, config: Config) -> None:
    c = limited(container, config, cpu={"shares": 512, "quota": 50_000, "period": 200_000})
    c.create()

    assert value(c, "cpu", "cpu.shares") == "512"
    assert value(c, "cpu", "cpu.cfs_quota_us") == "50000"
    assert value(c, "cpu", "cpu.cfs_period_us") == "200000"


@requires.controller("cpu")
@requires.cgroup_v2
def test_cpu_settings_of_v2(container: MakeContainer, config: Config) -> None:
    c = limited(container, config, cpu={"shares": 1024, "quota": 50_000, "period": 200_000})
    c.create()

    assert value(c, "cpu", "cpu.max") == "50000 200000"
    # 39 by the linear conversion, 100 by the one of 2025 that keeps the default.
    assert value(c, "cpu", "cpu.weight") in ("39", "100")


@requires.controller("cpuset")
def test_cpuset_is_in_force(container: MakeContainer, config: Config) -> None:
    c = limited(container, config, "cat", "/proc/self/status", cpu={"cpus": "0", "mems": "0"})

    lines = dict(line.split(":", 1) for line in c.run().lines if ":" in line)

    assert lines["Cpus_allowed_list"].strip() == "0"
    assert lines["Mems_allowed_list"].strip() == "0"


@requires.controller("cpuset")
def test_without_a_cpuset_all_cpus_of_the_parent_are_allowed(
    container: MakeContainer, config: Config
) -> None:
    lines = dict(
        line.split(":", 1)
        for line in container(config, "cat", "/proc/self/status").run().lines
        if ":" in line
    )

    # The affinity of the caller is not handed down.
    assert (
        lines["Cpus_allowed_list"].strip()
        == Path("/sys/devices/system/cpu/online").read_text().strip()
    )


@requires.controller("cpuset")
def test_cpuset_with_a_cpu_that_is_not_there_is_an_error(
    container: MakeContainer, config: Config
) -> None:
    c = limited(container, config, cpu={"cpus": "4000"})

    message = c.refuses("create")

    assert "cpus" in message
    assert not c.exists


@requires.cgroup_v2
def test_unified_settings_are_written_as_they_are(container: MakeContainer, config: Config) -> None:
    c = limited(container, config, unified={"memory.high": "50331648", "pids.max": "33"})
    c.create()

    assert value(c, "memory", "memory.high") == "50331648"
    assert value(c, "pids", "pids.max") == "33"


@requires.cgroup_v1
def test_unified_settings_without_a_unified_hierarchy_are_refused(
    container: MakeContainer, config: Config
) -> None:
    c = limited(container, config, unified={"memory.high": "50331648"})

    assert "unified" in c.refuses("create")


def test_cgroups_made_inside_are_removed_too(container: MakeContainer, config: Config) -> None:
    config["linux"]["resources"] = {}
    c = container(config, "pause")
    c.detach()
    for directory in cgroups.directories(str(c.cgroup)):
        (directory / "made" / "inside").mkdir(parents=True)

    c.delete("--force")

    assert cgroups.directories(str(c.cgroup)) == []


def test_cgroup_that_holds_another_container_is_refused_or_survives(
    container: MakeContainer, config: Config
) -> None:
    first = container(config, "pause")
    first.detach()
    second = container(config, "pause", id=f"{first.id}-second")

    result = second.runtime("create", "--bundle", second.bundle, second.id)

    assert "Traceback" not in result.stderr
    assert first.status == "running"
    second.delete("--force")
    wait_until(lambda: first.status in ("running", "stopped"), "an answer")


def test_frozen_cgroup_is_refused_and_does_not_hang(
    container: MakeContainer, config: Config
) -> None:
    c = container(config)
    name = "cgroup.freeze" if cgroups.UNIFIED else "freezer.state"
    directory = c.cgroup_directory("freezer")
    directory.mkdir(parents=True)
    (directory / name).write_text("1" if cgroups.UNIFIED else "FROZEN")
    try:
        message = c.refuses("create", timeout_s=30)
    finally:
        if directory.exists():
            (directory / name).write_text("0" if cgroups.UNIFIED else "THAWED")
            directory.rmdir()

    assert "frozen" in message.lower()


def test_state_does_not_need_the_cgroup(container: MakeContainer, config: Config) -> None:
    c = container(config, "exit", 0)
    c.detach()
    c.wait_stopped()
    cgroups.remove_all(str(c.cgroup))

    assert c.status == "stopped"
    c.delete()
    assert not c.exists
