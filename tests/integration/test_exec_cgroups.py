"""`exec` in a container with cgroups of its own, and `exec --cgroup`."""

from __future__ import annotations

import copy
import os
import signal
from pathlib import Path

import pytest

import requires
from support import cgroups
from support.config import Config
from support.container import Container, MakeContainer
from support.wait import wait_for_exit


@pytest.fixture
def running(container: MakeContainer, config: Config) -> Container:
    c = container(config, "pause")
    c.detach()
    return c


def places(c: Container, work: Path, *flags: str) -> dict[str, str]:
    """The cgroups in which an exec process finds itself, below the container's."""
    file = work / "pid"
    c.exec("pause", flags=("--detach", "--pid-file", file, *flags))
    pid = int(file.read_text())
    found = cgroups.of_process(pid)
    os.kill(pid, signal.SIGKILL)
    wait_for_exit(pid)
    assert c.cgroup is not None
    return {
        name: path.removeprefix(c.cgroup) for name, path in found.items() if path != "/" and name
    } or {"": found[""].removeprefix(c.cgroup)}


def sub_cgroup(c: Container, name: str) -> None:
    for directory in cgroups.directories(str(c.cgroup)):
        (directory / name).mkdir()
        for file in ("cpuset.cpus", "cpuset.mems"):
            # A new cpuset of v1 is empty, and takes nobody.
            if not cgroups.UNIFIED and (directory / file).exists():
                (directory / name / file).write_text((directory / file).read_text())


def test_a_cgroup_below_the_containers_is_joined_in_every_hierarchy(
    running: Container, work: Path
) -> None:
    sub_cgroup(running, "below")

    assert set(places(running, work, "--cgroup", "below").values()) == {"/below"}
    assert set(places(running, work, "--cgroup", "/below/").values()) == {"/below"}
    assert set(places(running, work, "--cgroup", "/").values()) == {""}


@requires.cgroup_v1
def test_a_controller_has_a_path_of_its_own(running: Container, work: Path) -> None:
    sub_cgroup(running, "below")
    sub_cgroup(running, "other")

    found = places(running, work, "--cgroup", "pids,memory:below", "--cgroup", "cpu:other")

    assert {name for name, path in found.items() if path == "/below"} == {"pids", "memory"}
    assert {name for name, path in found.items() if path == "/other"} == {"cpu"}
    assert found["freezer"] == ""


@requires.cgroup_v1
def test_a_path_for_all_and_one_for_a_controller_go_together(
    running: Container, work: Path
) -> None:
    sub_cgroup(running, "below")

    found = places(running, work, "--cgroup", "below", "--cgroup", "pids:")

    assert found["pids"] == ""
    assert found["memory"] == "/below"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("missing", "no such cgroup"),
        ("../other", "not a sub cgroup path"),
        ("nonsense:below", "nonsense"),
        (":below", "empty controller"),
    ],
)
def test_a_bad_cgroup_is_refused(running: Container, value: str, says: str) -> None:
    sub_cgroup(running, "below")

    message = running.refuses("exec", "--cgroup", value, after=("/bin/true",))

    assert says in message
    assert running.status == "running"


@pytest.mark.deviates(runc="hangs on v1")
def test_a_frozen_cgroup_below_is_refused(running: Container) -> None:
    sub_cgroup(running, "below")
    directory = running.cgroup_directory("freezer") / "below"
    if cgroups.UNIFIED:
        (directory / "cgroup.freeze").write_text("1")
    else:
        (directory / "freezer.state").write_text("FROZEN")

    message = running.refuses("exec", "--cgroup", "below", after=("/bin/true",), timeout_s=20)

    assert "frozen" in message
    assert running.status == "running"


@pytest.mark.ours
def test_two_paths_for_the_same_are_refused(running: Container) -> None:
    assert "two paths for pids" in running.refuses(
        "exec", "--cgroup", "pids:/", "--cgroup", "cpu,pids:/", after=("/bin/true",)
    )


@requires.cgroup_namespaces
def test_exec_is_in_the_containers_cgroup_namespace_and_cgroup(
    container: MakeContainer, config: Config
) -> None:
    # With nsdelegate, as systemd mounts cgroup2, who has joined the namespace may bring nobody into its cgroups.
    config["linux"]["namespaces"].append({"type": "cgroup"})
    c = container(config, "pause")
    c.detach()

    result = c.exec("cat", "/proc/self/cgroup", ";", "readlink", "/proc/self/ns/cgroup")

    assert {line.rpartition(":")[2] for line in result.sections[0].split("\n")} == {"/"}
    assert result.sections[1] == os.readlink(f"/proc/{c.pid}/ns/cgroup")


@requires.cgroup_namespaces
@requires.as_root("runs a container without a user namespace")
def test_a_container_in_anothers_cgroup_namespace_is_in_its_own_cgroup(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["namespaces"].append({"type": "cgroup"})
    first = container(config, "pause")
    first.detach()
    other = copy.deepcopy(config)
    other["linux"]["cgroupsPath"] = f"{first.cgroup}-second"
    other["linux"]["namespaces"][-1]["path"] = f"/proc/{first.pid}/ns/cgroup"
    second = container(other, "pause")

    second.detach()

    assert second.processes() == {second.pid}
    ours = os.readlink(f"/proc/{second.pid}/ns/cgroup")
    assert ours == os.readlink(f"/proc/{first.pid}/ns/cgroup")
    assert second.exec("readlink", "/proc/self/ns/cgroup").stdout.strip() == ours


@requires.cgroup_v2
@requires.controller("pids")
def test_exec_joins_init_where_the_containers_own_cgroup_takes_no_process(
    running: Container, work: Path
) -> None:
    top = running.cgroup_directory("")
    (top / "init").mkdir()
    (top / "init" / "cgroup.procs").write_text(str(running.pid))
    assert places(running, work) == {"": ""}
    # From now on nothing can join the container's own cgroup: no internal processes. cgroups(7).
    (top / "cgroup.subtree_control").write_text("+memory +pids")

    assert places(running, work) == {"": "/init"}
    message = running.refuses("exec", "--cgroup", "/", after=("/bin/true",))
    assert "busy" in message.lower()
    assert running.status == "running"
    running.delete("--force")
    assert not top.exists()
