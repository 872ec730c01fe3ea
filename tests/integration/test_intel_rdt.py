"""linux.intelRdt, against a resctrl of our own (support/resctrl.py): the runtime is told where it is, all else is real."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import pyruntime
import requires
from support import kernel
from support.config import Config
from support.container import MakeContainer
from support.runtime import Runtime
from support.wait import wait_for_exit, wait_until

pytestmark = [
    requires.fuse,
    requires.as_root("mounts on the host"),
    pytest.mark.ours,
]

HERE = Path(__file__).parents[1]
LIBRARY = Path(pyruntime.__file__).parents[1]
MAIN = "from pyruntime.cli.main import main"


class Rdt:
    """A mounted resctrl."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def read(self, *names: str) -> str:
        return self.directory.joinpath(*names).read_text()

    def tasks(self, *group: str) -> list[int]:
        return [int(line) for line in self.read(*group, "tasks").split()]

    def make(self, name: str, *lines: str) -> None:
        """A class that somebody has prepared."""
        (self.directory / name).mkdir()
        for line in lines:
            (self.directory / name / "schemata").write_text(line + "\n")

    @property
    def log(self) -> list[str]:
        """What was done since it was mounted."""
        return self.read("log").splitlines()

    @property
    def groups(self) -> set[str]:
        return {entry.name for entry in self.directory.iterdir() if (entry / "tasks").exists()}


@pytest.fixture
def rdt(runtime: Runtime, work: Path) -> Iterator[Rdt]:
    directory = work / "resctrl"
    directory.mkdir()
    server = subprocess.Popen([sys.executable, HERE / "support/resctrl.py", directory])
    wait_until((directory / "tasks").exists, "the file system")
    tell(runtime, directory)
    try:
        yield Rdt(directory)
    finally:
        kernel.umount(directory, kernel.MNT_DETACH)
        server.kill()
        server.wait()


def tell(runtime: Runtime, directory: Path) -> None:
    """From now on the runtime is one that finds resctrl there, whatever mountinfo says."""
    boot = (HERE.parent / "csrc/boot.py").read_text()
    assert MAIN in boot
    facts = f"import pyruntime.host.facts as f; f.resctrl_mount = lambda _: {str(directory)!r}"
    (runtime.work / "boot").write_text(boot.replace(MAIN, f"{facts}; {MAIN}"))
    base = f"'{sys.executable}' -I -S -B -X utf8=1"
    runtime.path = runtime.work / "pyruntime"
    runtime.path.write_text(
        f"#!/bin/sh\nexec {base} -c \"$(cat '{runtime.work}/boot')\" '{LIBRARY}' \"$@\"\n"
    )
    runtime.path.chmod(0o755)


def test_without_a_class_there_is_one_of_the_containers_own(
    rdt: Rdt, container: MakeContainer, config: Config
) -> None:
    config["linux"]["intelRdt"] = {"l3CacheSchema": "L3:0=f;1=f0", "memBwSchema": "MB:0=20"}
    c = container(config, "pause")
    c.detach()

    assert rdt.tasks(c.id) == [c.pid]
    assert rdt.read(c.id, "schemata").split() == ["MB:0=", "20;1=100", "L3:0=0f;1=f0"]
    assert rdt.log == [
        f"mkdir {c.id}",
        f"write {c.id}/schemata L3:0=f;1=f0",
        f"write {c.id}/schemata MB:0=20",
        f"write {c.id}/tasks",
    ]
    c.delete("--force")
    assert rdt.groups == set()


def test_lines_of_schemata_are_written_last(
    rdt: Rdt, container: MakeContainer, config: Config
) -> None:
    config["linux"]["intelRdt"] = {
        "closID": "gold",
        "schemata": ["MB:1=70", "L3:1=3"],
        "memBwSchema": "MB:0=20",
        "l3CacheSchema": "L3:0=f",
    }
    container(config).run()

    lines = [line.partition("schemata ")[2] for line in rdt.log if "schemata" in line]
    assert lines == ["L3:0=f", "MB:0=20", "MB:1=70", "L3:1=3"]


def test_empty_object_makes_a_class_and_writes_no_schema(
    rdt: Rdt, container: MakeContainer, config: Config
) -> None:
    config["linux"]["intelRdt"] = {}
    c = container(config, "pause")
    c.detach()

    assert rdt.log == [f"mkdir {c.id}", f"write {c.id}/tasks"]
    c.delete("--force")
    assert rdt.groups == set()


def test_without_the_property_nothing_is_touched(
    rdt: Rdt, container: MakeContainer, config: Config
) -> None:
    container(config).run()

    assert rdt.log == []


def test_the_default_class_is_the_top(rdt: Rdt, container: MakeContainer, config: Config) -> None:
    config["linux"]["intelRdt"] = {"closID": "/"}
    c = container(config, "pause")
    c.detach()

    assert rdt.tasks() == [c.pid]
    assert rdt.log == ["write tasks"]


def test_missing_named_class_is_made_and_stays(
    rdt: Rdt, container: MakeContainer, config: Config
) -> None:
    config["linux"]["intelRdt"] = {"closID": "gold", "l3CacheSchema": "L3:0=f"}
    c = container(config, "pause")
    c.detach()

    assert rdt.tasks("gold") == [c.pid]
    c.delete("--force")
    assert rdt.groups == {"gold"}


def test_named_class_may_be_shared(rdt: Rdt, container: MakeContainer, config: Config) -> None:
    config["linux"]["intelRdt"] = {
        "closID": "gold",
        "l3CacheSchema": "L3:0=f;1=ff",
        "memBwSchema": "MB:1=45",
    }
    first = container(config, "pause")
    first.detach()
    config["linux"]["cgroupsPath"] = f"{first.cgroup}-second"
    second = container(config, "pause")
    second.detach()

    assert sorted(rdt.tasks("gold")) == sorted([first.pid, second.pid])
    second.delete("--force")
    wait_for_exit(second.init_pid)
    assert rdt.tasks("gold") == [first.pid]


def test_creates_of_one_class_wait_for_each_other(
    rdt: Rdt, container: MakeContainer, config: Config
) -> None:
    config["linux"]["intelRdt"] = {"closID": "gold", "l3CacheSchema": "L3:0=f"}
    lock = os.open(rdt.directory, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        c = container(config)
        running = c.spawn_run()
        wait_until(lambda: running.has_open(rdt.directory), "it tries")
        time.sleep(0.2)  # Without the lock it would take some milliseconds.
        assert running.process.poll() is None
        assert rdt.groups == set()
    finally:
        os.close(lock)

    assert running.wait().returncode == 0
    assert rdt.groups == {"gold"}


def test_a_class_that_somebody_was_quicker_to_make_is_not_removed(
    rdt: Rdt, container: MakeContainer, config: Config
) -> None:
    """At c4f41aa whose a class is was decided before the lock was had, and `delete` removed it."""
    config["linux"]["intelRdt"] = {}
    c = container(config, "pause")
    lock = os.open(rdt.directory, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        running = c.spawn_run("--detach")
        wait_until(lambda: running.has_open(rdt.directory), "it waits")
        rdt.make(c.id)
    finally:
        os.close(lock)
    assert running.wait().returncode == 0

    c.delete("--force")

    assert rdt.groups == {c.id}


def test_a_class_that_was_made_again_for_somebody_else_is_not_removed(
    rdt: Rdt, container: MakeContainer, config: Config
) -> None:
    config["linux"]["intelRdt"] = {}
    c = container(config, "pause")
    c.detach()
    (rdt.directory / c.id).rmdir()
    rdt.make(c.id)

    c.delete("--force")

    assert rdt.groups == {c.id}


def test_a_lock_that_is_held_for_ever_is_an_error(
    rdt: Rdt, container: MakeContainer, config: Config
) -> None:
    config["linux"]["intelRdt"] = {}
    lock = os.open(rdt.directory, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        message = container(config).refuses("create")
    finally:
        os.close(lock)

    assert f"resctrl is locked by process {os.getpid()}" in message
    assert rdt.groups == set()


@pytest.mark.parametrize(
    ("schema", "line"), [("l3CacheSchema", "L3:0=f"), ("memBwSchema", "MB:1=20")]
)
def test_named_class_with_another_schema_is_an_error(
    rdt: Rdt, container: MakeContainer, config: Config, schema: str, line: str
) -> None:
    rdt.make("gold", "L3:0=3", "MB:1=30")
    before = rdt.read("gold", "schemata")
    config["linux"]["intelRdt"] = {"closID": "gold", schema: line}
    c = container(config)

    message = c.refuses("create")

    assert f"linux.intelRdt: {rdt.directory}/gold is there already" in message
    assert line in message
    assert rdt.read("gold", "schemata") == before
    assert not c.exists


def test_named_class_without_a_schema_must_be_there(
    rdt: Rdt, container: MakeContainer, config: Config
) -> None:
    config["linux"]["intelRdt"] = {"closID": "gold"}
    c = container(config, "pause")

    assert "linux.intelRdt.closID:" in c.refuses("create")
    assert rdt.groups == set()

    rdt.make("gold")
    c.detach()
    assert rdt.tasks("gold") == [c.pid]


@pytest.mark.parametrize("closid", [None, "gold", "/"])
def test_monitoring_group_is_the_containers_and_goes_with_it(
    rdt: Rdt, container: MakeContainer, config: Config, closid: str | None
) -> None:
    config["linux"]["intelRdt"] = {"enableMonitoring": True}
    if closid is not None:
        config["linux"]["intelRdt"] |= {"closID": closid}
    if closid == "gold":
        rdt.make("gold")
    c = container(config, "pause")
    c.detach()
    control = [name for name in (c.id if closid is None else closid,) if name != "/"]

    assert rdt.tasks(*control) == [c.pid]
    assert rdt.tasks(*control, "mon_groups", c.id) == [c.pid]
    c.delete("--force")
    assert not rdt.directory.joinpath(*control, "mon_groups", c.id).exists()
    assert rdt.groups == ({"gold"} if closid == "gold" else set())


def test_monitoring_group_that_cannot_be_made_is_an_error_and_nothing_stays(
    rdt: Rdt, container: MakeContainer, config: Config
) -> None:
    for number in range(4):
        (rdt.directory / "mon_groups" / str(number)).mkdir()
    config["linux"]["intelRdt"] = {"enableMonitoring": True}
    c = container(config)

    message = c.refuses("create")

    assert "linux.intelRdt.enableMonitoring: mkdir(" in message
    assert "no space left on device" in message
    assert 'the kernel says "Out of RMIDs"' in message
    assert rdt.groups == set()
    assert not c.exists


def test_line_that_the_kernel_refuses_is_an_error_with_its_words(
    rdt: Rdt, container: MakeContainer, config: Config
) -> None:
    config["linux"]["intelRdt"] = {"schemata": ["L3:0=5"]}

    message = container(config).refuses("create")

    assert "linux.intelRdt.schemata[0]: write(" in message
    assert "invalid argument" in message
    assert "non-consecutive 1-bits" in message
    assert rdt.groups == set()


def test_later_failure_undoes_the_class_and_the_monitoring_group(
    rdt: Rdt, container: MakeContainer, config: Config
) -> None:
    config["linux"]["intelRdt"] = {
        "closID": "gold",
        "l3CacheSchema": "L3:0=f",
        "enableMonitoring": True,
    }
    config["process"]["args"] = ["/missing"]

    assert "/missing" in container(config).refuses("create")
    assert rdt.groups == set()


def test_processes_that_join_are_in_the_same_groups(
    rdt: Rdt, container: MakeContainer, config: Config
) -> None:
    config["linux"]["intelRdt"] = {"enableMonitoring": True}
    c = container(config, "pause")
    c.detach()
    pid_file = c.bundle / "exec.pid"
    c.verb("exec", "--detach", "--pid-file", pid_file, after=("/bin/inside", "pause"))
    pid = int(pid_file.read_text())

    assert sorted(rdt.tasks(c.id)) == sorted([c.pid, pid])
    assert sorted(rdt.tasks(c.id, "mon_groups", c.id)) == sorted([c.pid, pid])


def test_groups_of_a_container_whose_init_has_ended_are_removed(
    rdt: Rdt, container: MakeContainer, config: Config
) -> None:
    config["linux"]["intelRdt"] = {"enableMonitoring": True}
    c = container(config, "pause")
    c.detach()
    c.kill("KILL")
    c.wait_stopped()

    assert rdt.groups == {c.id}
    c.delete()
    assert rdt.groups == set()


@pytest.mark.parametrize("made", ["schemata L3:0=f", "mkdir t", "tasks"])
def test_killed_create_leaves_nothing_that_delete_does_not_remove(
    rdt: Rdt, container: MakeContainer, config: Config, work: Path, made: str
) -> None:
    config["linux"]["intelRdt"] = {"l3CacheSchema": "L3:0=f", "enableMonitoring": True}
    # The hook holds the create at its end; the earlier moments are found in the log.
    config["hooks"] = {"createRuntime": [{"path": "/bin/sleep", "args": ["sleep", "2"]}]}
    c = container(config, "pause")
    running = c.spawn_run()
    wait_until(lambda: any(made in line for line in rdt.log), f"{made} in the log")
    running.process.kill()
    running.process.wait()
    for pid in rdt.tasks(c.id) if (rdt.directory / c.id).exists() else []:
        wait_for_exit(pid)

    c.delete("--force")

    assert rdt.groups == set()
    assert not c.exists


@requires.no_resctrl
def test_without_resctrl_it_is_an_error(container: MakeContainer, config: Config) -> None:
    config["linux"]["intelRdt"] = {"closID": "/"}
    c = container(config)

    assert "/linux/intelRdt: no resctrl file system is mounted" in c.refuses("create")
    assert not c.exists
