"""The systemd driver: the container's scope as systemd shows it, and its cgroup as the kernel does."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import requires
from support import cgroups
from support.config import Config
from support.container import Container, MakeContainer
from support.wait import wait_until

pytestmark = [requires.systemd, requires.root]

SYSTEMD = {"options": ("--systemd-cgroup",)}
LIMITS = {
    "memory": {"limit": 64 << 20, "reservation": 32 << 20, "swap": 96 << 20},
    "cpu": {"shares": 512, "quota": 12345, "period": 50000},
    "pids": {"limit": 33},
}


def unit_of(container: Container) -> str:
    return f"test-{container.id}.scope"


def shown(unit: str, *names: str) -> dict[str, str]:
    command = ["systemctl", "show", unit, *[f"--property={name}" for name in names]]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in text.splitlines())


def state_of(unit: str) -> str:
    return shown(unit, "ActiveState", "LoadState")["ActiveState"]


@pytest.fixture
def make(container: MakeContainer, config: Config) -> MakeContainer:
    """A container in pyruntime-test.slice, with the words of the command line that it takes."""

    def in_scope(*words: str, name: str = "", **resources: object) -> Container:
        config["linux"]["resources"] = {**config["linux"].get("resources", {}), **resources}
        made = container(config, *(words or ("pause",)), cgroup=False)
        config["linux"]["cgroupsPath"] = f"pyruntime-test.slice:test:{name or made.id}"
        made.write_config()
        return made

    return in_scope


def directory(container: Container) -> Path:
    name = unit_of(container)
    return cgroups.directory("pids", f"/pyruntime.slice/pyruntime-test.slice/{name}")


def test_the_scope_is_in_its_slice_with_init_alone_in_it(make: MakeContainer) -> None:
    container = make()
    container.create(**SYSTEMD)

    found = shown(unit_of(container), "ActiveState", "Slice", "Delegate", "DefaultDependencies")
    assert found == {
        "ActiveState": "active",
        "Slice": "pyruntime-test.slice",
        "Delegate": "yes",
        "DefaultDependencies": "no",
    }
    assert (directory(container) / "cgroup.procs").read_text().split() == [str(container.init_pid)]


@requires.cgroup_v2
def test_limits_are_in_the_cgroup_and_told_to_systemd(make: MakeContainer) -> None:
    container = make(**LIMITS)
    container.create(**SYSTEMD)

    files = {"memory.max": "67108864", "memory.low": "33554432", "cpu.max": "12345 50000",
             "cpu.weight": "59", "pids.max": "33"}  # fmt: skip
    assert {file: (directory(container) / file).read_text().strip() for file in files} == files
    properties = {"MemoryMax": "67108864", "MemoryLow": "33554432", "MemorySwapMax": "33554432", "CPUWeight": "59",
                  "CPUQuotaPerSecUSec": "250ms", "CPUQuotaPeriodUSec": "50ms", "TasksMax": "33",
                  "DevicePolicy": "strict"}  # fmt: skip
    assert shown(unit_of(container), *properties) == properties


@requires.cgroup_v2
def test_a_reload_of_systemd_changes_no_limit(make: MakeContainer) -> None:
    container = make(**LIMITS)
    container.create(**SYSTEMD)
    before = {path.name: path.read_text() for path in directory(container).glob("*.max")}

    subprocess.run(["systemctl", "daemon-reload"], check=True)

    assert {path.name: path.read_text() for path in directory(container).glob("*.max")} == before


def test_a_limit_of_one_process_lets_that_one_in(make: MakeContainer) -> None:
    container = make(pids={"limit": 1})
    container.create(**SYSTEMD)

    assert (directory(container) / "pids.max").read_text().strip() == "1"
    assert shown(unit_of(container), "TasksMax") == {"TasksMax": "1"}


def test_delete_leaves_no_unit(make: MakeContainer) -> None:
    container = make()
    container.create(**SYSTEMD)
    container.start()
    container.delete("--force")

    assert state_of(unit_of(container)) == "inactive"
    assert not directory(container).exists()


def test_a_failed_create_leaves_no_unit(make: MakeContainer, config: Config) -> None:
    container = make("pause")
    config["process"]["args"] = ["/nowhere"]
    container.write_config()
    container.refuses("create", **SYSTEMD)

    wait_until(lambda: state_of(unit_of(container)) == "inactive", "the unit is gone")
    assert not directory(container).exists()


def test_later_verbs_know_the_cgroup_without_the_option(make: MakeContainer) -> None:
    container = make()
    container.create(**SYSTEMD)
    container.start()
    container.verb("pause")
    assert container.status == "paused"
    container.verb("resume")
    container.kill("KILL")
    container.wait_stopped()
    container.delete()

    assert state_of(unit_of(container)) == "inactive"


def test_a_second_container_of_the_same_name_is_refused_and_harms_nobody(
    make: MakeContainer,
) -> None:
    first = make()
    first.create(**SYSTEMD)
    second = make(name=first.id)

    assert f"the unit {unit_of(first)} exists already" in second.refuses("create", **SYSTEMD)
    assert state_of(unit_of(first)) == "active"
    assert first.status == "created"


def test_a_failed_unit_of_the_same_name_is_no_obstacle(make: MakeContainer) -> None:
    container = make()
    unit = unit_of(container).removesuffix(".scope")
    # A scope whose process ignores SIGTERM fails when it is stopped.
    script = "trap '' TERM; echo ready; while :; do sleep 1; done"
    command = [
        "systemd-run",
        "--scope",
        f"--unit={unit}",
        "--property=TimeoutStopSec=1",
        "sh",
        "-c",
        script,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as other:
        assert other.stdout
        assert other.stdout.readline() == b"ready\n"
        subprocess.run(["systemctl", "stop", unit_of(container)], check=False)
        other.wait()
    assert state_of(unit_of(container)) == "failed"

    container.create(**SYSTEMD)

    assert state_of(unit_of(container)) == "active"


def test_annotations_set_properties(make: MakeContainer, config: Config) -> None:
    config["annotations"] = {
        "org.systemd.property.TimeoutStopSec": "5",
        "org.systemd.property.Description": "'it is described'",
    }
    container = make()
    container.create(**SYSTEMD)

    assert shown(unit_of(container), "TimeoutStopUSec", "Description") == {
        "TimeoutStopUSec": "5s",
        "Description": "it is described",
    }


def test_a_property_that_systemd_does_not_know_is_named(
    make: MakeContainer, config: Config
) -> None:
    config["annotations"] = {"org.systemd.property.NoSuchThing": "true"}
    container = make()

    assert "annotations org.systemd.property.NoSuchThing" in container.refuses("create", **SYSTEMD)


def test_the_plan_shows_the_unit(make: MakeContainer) -> None:
    container = make(pids={"limit": 33})
    words = ("plan", "--bundle", container.bundle, container.id)
    result = container.runtime(*words, options=("--systemd-cgroup",))

    first = result.stdout.splitlines()[0]
    assert f"start_unit({unit_of(container)}, " in first
    assert "TasksMax=33" in first


def test_limits_that_are_changed_are_told_to_systemd(make: MakeContainer) -> None:
    container = make(**LIMITS)
    container.create(**SYSTEMD)

    container.verb("update", "--memory", "32m", "--memory-swap", "48m", "--pids-limit", "7")
    subprocess.run(["systemctl", "daemon-reload"], check=True)

    assert shown(unit_of(container), "MemoryMax", "MemorySwapMax", "TasksMax") == {
        "MemoryMax": str(32 << 20),
        "MemorySwapMax": str(16 << 20),
        "TasksMax": "7",
    }
    assert (directory(container) / "memory.max").read_text() == f"{32 << 20}\n"
    assert (directory(container) / "pids.max").read_text() == "7\n"
