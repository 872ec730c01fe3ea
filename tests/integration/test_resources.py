"""Every property of `linux.resources` whose controller this machine has, as its file says afterwards.

The rest is in tests/unit/cgroups/test_fake_controllers.py. What a limit does is in test_cgroups.py.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import requires
from support import cgroups
from support.config import Config
from support.container import Container, MakeContainer


def limited(container: MakeContainer, config: Config, *args: object, **resources: Any) -> Container:
    config["linux"]["resources"].update(resources)
    return container(config, *(args or ("pause",)))


def value(c: Container, controller: str, file: str) -> str:
    return (c.cgroup_directory(controller) / file).read_text().strip()


#   property and value, file, text
V1_CPU = [
    ({"burst": 10_000, "quota": 50_000}, "cpu.cfs_burst_us", "10000"),
    ({"idle": 1}, "cpu.idle", "1"),
    ({"idle": 1, "shares": 512}, "cpu.idle", "1"),
    ({"idle": 0, "shares": 512}, "cpu.shares", "512"),
    ({"quota": -1}, "cpu.cfs_quota_us", "-1"),
    ({"period": 50_000}, "cpu.cfs_period_us", "50000"),
]


@requires.controller("cpu")
@requires.cgroup_v1
@pytest.mark.parametrize(("cpu", "file", "expected"), V1_CPU)
def test_cpu_of_v1(
    container: MakeContainer, config: Config, cpu: dict[str, int], file: str, expected: str
) -> None:
    c = limited(container, config, cpu=cpu)
    c.create()

    assert value(c, "cpu", file) == expected


V2_CPU = [
    ({"burst": 10_000, "quota": 50_000}, "cpu.max.burst", "10000"),
    ({"idle": 1, "shares": 512}, "cpu.idle", "1"),
    ({"shares": 2}, "cpu.weight", "1"),
    ({"shares": 512}, "cpu.weight", "59"),
    ({"shares": 1024}, "cpu.weight", "100"),
    ({"shares": 262144}, "cpu.weight", "10000"),
    ({"quota": -1}, "cpu.max", "max 100000"),
    ({"period": 50_000}, "cpu.max", "max 50000"),
]


@requires.controller("cpu")
@requires.cgroup_v2
@pytest.mark.parametrize(("cpu", "file", "expected"), V2_CPU)
def test_cpu_of_v2(
    container: MakeContainer, config: Config, cpu: dict[str, int], file: str, expected: str
) -> None:
    c = limited(container, config, cpu=cpu)
    c.create()

    assert value(c, "cpu", file) == expected


@pytest.mark.parametrize(
    "cpu",
    [
        {"quota": 10_000, "burst": 20_000},
        {"realtimePeriod": 1000, "realtimeRuntime": 2000},
        {"idle": 2},
        {"cpus": "1-"},
    ],
)
@pytest.mark.ours
def test_cpu_that_no_kernel_takes_is_refused(
    container: MakeContainer, config: Config, cpu: dict[str, Any]
) -> None:
    limited(container, config, cpu=cpu).refuses("create")


@pytest.fixture
def two_levels(config: Config) -> Iterator[None]:
    """A cgroupsPath whose parent does not exist yet; the session's has no real-time to give."""
    name = f"/pyruntime-resources-{os.getpid()}"
    config["linux"]["cgroupsPath"] = f"{name}/c"
    yield
    for each in cgroups.directories(name):
        cgroups.remove_tree(each)


@requires.real_time_groups
@pytest.mark.deviates(runc="writes to the container's own cgroup only")
@pytest.mark.parametrize(("policy", "number"), [("SCHED_FIFO", 1), ("SCHED_RR", 2)])
def test_real_time_is_given_to_the_new_parents_too(
    two_levels: None, container: MakeContainer, config: Config, policy: str, number: int
) -> None:
    config["process"]["scheduler"] = {"policy": policy, "priority": 7}
    cpu = {"realtimeRuntime": 20_000, "realtimePeriod": 500_000}
    c = limited(container, config, "scheduling", ";", "pause", cpu=cpu)

    c.detach()

    # In a group without real-time nobody may be SCHED_FIFO.
    assert f"policy={number} nice=0 priority=7 " in c.wait_for_output("policy")
    assert value(c, "cpu", "cpu.rt_runtime_us") == "20000"
    assert value(c, "cpu", "cpu.rt_period_us") == "500000"
    above = c.cgroup_directory("cpu").parent
    assert (above / "cpu.rt_runtime_us").read_text() == "20000\n"


@requires.cgroup_v2
@pytest.mark.parametrize(
    "resources",
    [
        {"cpu": {"realtimeRuntime": 1000}},
        {"cpu": {"realtimePeriod": 1000}},
        {"memory": {"swappiness": 50}},
        {"memory": {"disableOOMKiller": True}},
        {"memory": {"kernel": 1 << 20}},
        {"memory": {"kernelTCP": 1 << 20}},
        {"blockIO": {"leafWeight": 100}},
        {"network": {"classID": 1}},
        {"network": {"priorities": [{"name": "lo", "priority": 1}]}},
    ],
    ids=lambda resources: next(iter(next(iter(resources.values())))),
)
@pytest.mark.deviates(runc="ignores most of them")
def test_what_v2_has_nothing_like_is_refused(
    container: MakeContainer, config: Config, resources: dict[str, Any]
) -> None:
    c = limited(container, config, **resources)

    message = c.refuses("create")

    ((section, properties),) = resources.items()
    assert section in message
    assert next(iter(properties)) in message


@requires.controller("memory")
@requires.cgroup_v1
@pytest.mark.parametrize(
    ("memory", "file", "expected"),
    [
        ({"kernelTCP": 50 << 20}, "memory.kmem.tcp.limit_in_bytes", str(50 << 20)),
        ({"kernelTCP": -1}, "memory.kmem.tcp.limit_in_bytes", str((1 << 63) - 4096)),
        ({"kernel": -1, "limit": 64 << 20}, "memory.limit_in_bytes", str(64 << 20)),
        ({"useHierarchy": True}, "memory.use_hierarchy", "1"),
        ({"swappiness": 0}, "memory.swappiness", "0"),
        ({"reservation": -1}, "memory.soft_limit_in_bytes", str((1 << 63) - 4096)),
    ],
    ids=str,
)
@pytest.mark.deviates(runc="ignores kernel memory")
def test_memory_of_v1(
    container: MakeContainer, config: Config, memory: dict[str, Any], file: str, expected: str
) -> None:
    c = limited(container, config, memory=memory)
    if not (cgroups.HIERARCHIES["memory"] / file).exists():
        pytest.skip(f"requires cgroup controller memory with {file}")
    c.create()

    assert value(c, "memory", file) == expected


@requires.controller("memory")
@requires.cgroup_v1
@pytest.mark.ours
def test_a_limit_of_kernel_memory_is_a_warning(container: MakeContainer, config: Config) -> None:
    c = limited(container, config, memory={"kernel": 1 << 30})

    assert "memory.kernel: kernels since 5.16" in c.create().stderr


@requires.controller("memory")
@pytest.mark.parametrize(
    "memory",
    [
        {"swap": 64 << 20},
        {"limit": 64 << 20, "swap": 32 << 20},
        {"swappiness": 101},
        {"limit": -2},
    ],
    ids=str,
)
@pytest.mark.ours
def test_memory_that_makes_no_sense_is_refused(
    container: MakeContainer, config: Config, memory: dict[str, int]
) -> None:
    limited(container, config, memory=memory).refuses("create")


def write_inside(directory: Path, file: Path, size: int) -> None:
    """Write *file* as a process of the cgroup: its pages stay charged there."""
    script = 'echo 0 > "$0/cgroup.procs" && head -c "$1" /dev/zero > "$2"'
    subprocess.run(["sh", "-c", script, directory, str(size), file], check=True)


@requires.controller("memory")
@pytest.mark.deviates(runc="checks in update only")
def test_a_limit_below_the_usage_is_refused_if_that_is_to_be_checked(
    container: MakeContainer, config: Config, work: Path
) -> None:
    # An existing cgroup in which a file of a tmpfs is charged: nothing can be reclaimed.
    c = limited(container, config, memory={"limit": 8 << 20, "checkBeforeUpdate": True})
    directory = c.cgroup_directory("memory")
    directory.mkdir(parents=True)
    parent = directory.parent / "cgroup.subtree_control"
    for level in (directory.parent.parent / "cgroup.subtree_control", parent):
        if cgroups.UNIFIED:
            level.write_text("+memory")
    write_inside(directory, work / "file", 24 << 20)
    before = (
        directory / ("memory.swap.max" if cgroups.UNIFIED else "memory.limit_in_bytes")
    ).read_text()
    try:
        message = c.refuses("create")
    finally:
        after = (
            directory / ("memory.swap.max" if cgroups.UNIFIED else "memory.limit_in_bytes")
        ).read_text()
        (work / "file").unlink()
        directory.rmdir()

    assert "linux.resources.memory.limit" in message
    assert "in use" in message or "uses more memory" in message
    assert before == after


def block_device() -> str:
    """The numbers of a disk of this machine, "" if it has none. Nothing is read from it or written to it."""
    found = sorted(Path("/sys/block").glob("*/dev"))
    return found[0].read_text().strip() if found else ""


DEVICE = block_device()


def entry(**more: int) -> dict[str, int]:
    major, minor = map(int, DEVICE.split(":"))
    return {"major": major, "minor": minor, **more}


@requires.block_device
@requires.controller("blkio")
@requires.cgroup_v1
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("throttleReadBpsDevice", "blkio.throttle.read_bps_device"),
        ("throttleWriteBpsDevice", "blkio.throttle.write_bps_device"),
        ("throttleReadIOPSDevice", "blkio.throttle.read_iops_device"),
        ("throttleWriteIOPSDevice", "blkio.throttle.write_iops_device"),
    ],
)
def test_throttles_of_v1(container: MakeContainer, config: Config, name: str, file: str) -> None:
    c = limited(container, config, blockIO={name: [entry(rate=4096)]})
    c.create()

    assert value(c, "blkio", file) == f"{DEVICE} 4096"


@requires.block_device
@requires.controller("io")
@requires.cgroup_v2
def test_throttles_of_v2(container: MakeContainer, config: Config) -> None:
    c = limited(
        container,
        config,
        blockIO={
            "throttleReadBpsDevice": [entry(rate=4096)],
            "throttleWriteBpsDevice": [entry(rate=8192)],
            "throttleReadIOPSDevice": [entry(rate=5)],
            "throttleWriteIOPSDevice": [entry(rate=0)],
        },
    )
    c.create()

    assert value(c, "io", "io.max") == f"{DEVICE} rbps=4096 wbps=8192 riops=5 wiops=max"


@requires.controller("blkio" if not cgroups.UNIFIED else "io")
def test_a_throttle_of_no_device_is_an_error_that_says_so(
    container: MakeContainer, config: Config
) -> None:
    limits = {"throttleReadBpsDevice": [{"major": 4000, "minor": 77, "rate": 1}]}

    message = limited(container, config, blockIO=limits).refuses("create")

    assert "throttleReadBpsDevice" in message


@pytest.mark.ours
@pytest.mark.parametrize(
    "resources",
    [
        {"blockIO": {"weightDevice": [{"major": 8, "minor": 0}]}},
        {"blockIO": {"weight": 5}},
        {"blockIO": {"weight": 1001}},
        {"rdma": {"mlx5_1": {}}},
        {"hugepageLimits": [{"pageSize": "2M", "limit": 1}]},
        {"hugepageLimits": [{"pageSize": "../2MB", "limit": 1}]},
        {"hugepageLimits": [{"pageSize": "3MB", "limit": 1 << 20}]},
        {"unified": {"../memory.max": "1"}},
        {"unified": {"cgroup.procs": "0"}},
    ],
    ids=str,
)
def test_a_resource_that_is_wrong_everywhere_is_refused(
    container: MakeContainer, config: Config, resources: dict[str, Any]
) -> None:
    message = limited(container, config, **resources).refuses("create")

    assert next(iter(resources)) in message


@requires.cgroup_v2
def test_a_controller_that_is_not_there_is_named(container: MakeContainer, config: Config) -> None:
    c = limited(container, config, unified={"perf_event.x": "1"})

    assert "perf_event" in c.refuses("create")


@requires.cgroup_v2
@requires.as_root("restricts devices")
@pytest.mark.parametrize("rest", ["some", "all"])
def test_the_device_rules_of_an_existing_cgroup_are_replaced(
    container: MakeContainer, config: Config, rest: str
) -> None:
    fuse = {"type": "c", "major": 10, "minor": 229}
    config["linux"]["devices"] = [{"path": "/dev/fuse", "fileMode": 0o666, **fuse}]
    deny = {"allow": False, "access": "rwm"}
    first = limited(container, config, devices=[deny])
    directory = first.cgroup_directory("")
    directory.mkdir(parents=True)
    first.config["process"]["args"] = ["/bin/inside", "open", "/dev/fuse", "r"]
    first.write_config()
    assert first.run(expect=None).stdout == "EPERM\n"
    first.delete("--force", expect=None)
    assert directory.exists()

    second = container(config, id=f"{first.id}-second")
    allowed = {"some": fuse, "all": {}}[rest]
    second.config["linux"]["resources"]["devices"] = [
        deny,
        {"allow": True, "access": "rwm", **allowed},
    ]
    second.write_config()
    result = second.run(expect=None)

    second.delete("--force", expect=None)
    directory.rmdir()
    # ENODEV: nobody has the driver. All programs of a cgroup decide together, so the first one is gone.
    assert result.stdout.strip() in ("ok", "ENODEV", "ENXIO"), str(result)


@pytest.mark.parametrize("path", ["/{parent}/../escape", "../escape", "a/../b"])
@pytest.mark.deviates(runc="cleans the path")
def test_a_cgroups_path_that_goes_up_is_refused(
    container: MakeContainer, config: Config, path: str
) -> None:
    config["linux"]["cgroupsPath"] = path.format(parent=f"pyruntime-test-{os.getpid()}")
    c = container(config)

    assert ".." in c.refuses("create")
    assert not cgroups.named("escape")


def test_an_absolute_path_is_the_same_place_every_time(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    found = []
    for _ in range(2):
        c.create()
        found.append(cgroups.of_process(c.pid))
        c.delete("--force")

    assert found[0] == found[1]
    assert set(found[0].values()) - {"/"} == {c.cgroup}


def test_an_existing_empty_cgroup_is_used_and_left(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    made = {top / str(c.cgroup).lstrip("/") for top in cgroups.HIERARCHIES.values()}
    for directory in made:
        directory.mkdir(parents=True)

    for _ in range(2):
        # The second one finds a cgroup in which cgroup.kill has been written.
        c.detach()
        assert c.exec("print", "x").stdout == "x\n"
        assert c.processes() == {c.pid}
        c.delete("--force")
        assert all(directory.is_dir() for directory in made)

    for directory in made:
        directory.rmdir()


@requires.cgroup2
@requires.as_root("makes cgroups at the top")
def test_a_runtime_in_a_cgroup_that_was_killed_is_told_why_nothing_starts(
    container: MakeContainer, config: Config
) -> None:
    own = cgroups.HIERARCHIES[""] / f"pyruntime-killed-{os.getpid()}"
    own.mkdir()
    c = container(config, "print", "x")
    script = f'echo 1 > {own}/cgroup.kill; echo 0 > {own}/cgroup.procs; exec "$@"'
    c.runtime.prefix = ["sh", "-c", script, "sh", *c.runtime.prefix]

    result = c.run(expect=None)

    c.runtime.prefix = c.runtime.prefix[4:]
    own.rmdir()
    # A kernel that does not count the writes to cgroup.kill runs it.
    told = "init ended: signal SIGKILL; hint: kernels since 6.14 kill" in result.stderr
    assert told or result.stdout == "x\n"
