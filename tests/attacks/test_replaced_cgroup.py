"""A cgroup that has the name of the container's, and is somebody else's: no verb does anything to it.

At c4f41aa the name was all that was asked for: `pause` froze the stranger, `update` limited it, `exec` joined it, and
`delete --force` killed it and removed its cgroup, also for a container whose create had been killed before it made one.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import requires
from support import cgroups
from support.config import Config, drop_namespace
from support.container import Container, MakeContainer
from support.runtime import Spawned
from support.wait import wait_until

pytestmark = [pytest.mark.ours, requires.as_root("moves a process between cgroups")]


def directories(c: Container) -> list[Path]:
    assert c.cgroup
    return [root / c.cgroup.lstrip("/") for root in set(cgroups.HIERARCHIES.values())]


@contextmanager
def stranger_in(c: Container) -> Iterator[subprocess.Popen[bytes]]:
    """Somebody else's process in cgroups of the container's name; both are there still at the end."""
    for directory in directories(c):
        directory.mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):
            if (directory / file).exists() and not (directory / file).read_text().strip():
                (directory / file).write_text((directory.parent / file).read_text())
    with subprocess.Popen(["sleep", "300"]) as process:
        for directory in directories(c):
            (directory / "cgroup.procs").write_text(str(process.pid))
        numbers = [directory.stat().st_ino for directory in directories(c)]
        try:
            yield process

            assert process.poll() is None, "the stranger was killed"
            assert [directory.stat().st_ino for directory in directories(c)] == numbers
            assert all(str(process.pid) in members(directory) for directory in directories(c))
        finally:
            process.kill()
            process.wait()
            for directory in directories(c):
                wait_until(lambda directory=directory: not members(directory), "nobody is left")  # type: ignore[misc]
                directory.rmdir()


def members(directory: Path) -> list[str]:
    return (directory / "cgroup.procs").read_text().split()


def move_out(c: Container) -> list[Path]:
    """Init out of its cgroups, and these away; what has to be removed in the end."""
    outside = [directory.parent / "outside" for directory in directories(c)]
    for directory, out in zip(directories(c), outside, strict=True):
        out.mkdir()
        for file in ("cpuset.cpus", "cpuset.mems"):
            if (out / file).exists() and not (out / file).read_text().strip():
                (out / file).write_text((out.parent / file).read_text())
        for pid in members(directory):
            (out / "cgroup.procs").write_text(pid)
        wait_until(lambda directory=directory: not members(directory), "moved")  # type: ignore[misc]
        directory.rmdir()
    return outside


@pytest.fixture
def replaced(container: MakeContainer, config: Config) -> Iterator[tuple[Container, int]]:
    """A running container whose cgroups have been given to a stranger, and the stranger's pid."""
    c = container(config, "pause")
    c.detach()
    outside = move_out(c)
    with stranger_in(c) as stranger:
        yield c, stranger.pid
        c.delete("--force")
        assert not c.exists
    for directory in outside:
        wait_until(lambda directory=directory: not members(directory), "init is gone")  # type: ignore[misc]
        directory.rmdir()


@pytest.mark.parametrize(
    ("verb", "after"),
    [
        (("pause",), ()),
        (("update", "--pids-limit", "3"), ()),
        (("exec",), ("/bin/inside", "id")),
        (("ps",), ()),
    ],
    ids=lambda value: value[0] if value else "",
)
def test_what_would_be_done_to_a_stranger_is_refused(
    replaced: tuple[Container, int], verb: tuple[str, ...], after: tuple[str, ...]
) -> None:
    c, _ = replaced

    said = c.refuses(*verb, after=after)

    assert "is not the cgroup that the container was given" in said
    assert c.status == "running"


@pytest.mark.parametrize("number", ["TERM", "KILL"])
def test_a_signal_for_all_does_not_reach_a_stranger(
    replaced: tuple[Container, int], number: str
) -> None:
    c, stranger = replaced

    c.verb("kill", "--all", after=(number,), expect=None)

    assert Path(f"/proc/{stranger}").exists()


def test_a_frozen_stranger_does_not_make_the_container_paused(
    replaced: tuple[Container, int],
) -> None:
    c, _ = replaced
    freezer = c.cgroup_directory("" if cgroups.UNIFIED else "freezer")
    file, frozen, thawed = (
        ("cgroup.freeze", "1", "0") if cgroups.UNIFIED else ("freezer.state", "FROZEN", "THAWED")
    )
    (freezer / file).write_text(frozen)
    try:
        assert c.status == "running"
        c.refuses("resume")
        assert (freezer / file).read_text().strip() in (frozen, "FREEZING")
    finally:
        (freezer / file).write_text(thawed)


@pytest.mark.parametrize("shared", [False, True], ids=["own pids", "shared pids"])
def test_a_stopped_container_takes_no_stranger_along(
    container: MakeContainer, config: Config, *, shared: bool
) -> None:
    if shared:
        drop_namespace(config, "pid")
    c = container(config, "pause")
    c.detach()
    c.kill("KILL")
    c.wait_stopped()
    for directory in directories(c):
        directory.rmdir()

    with stranger_in(c):
        c.delete()

    assert not c.exists


def create_with(c: Container, fault: str) -> Spawned:
    """A create that *fault* comes to when it makes the first of its cgroups."""
    for directory in directories(c):
        directory.parent.mkdir(exist_ok=True)
    paths = [word for directory in directories(c) for word in ("-P", str(directory))]
    prefix = ["strace", "-qq", "-o", "/dev/null", "-e", "trace=mkdir", *paths, "-e", f"inject=mkdir:{fault}:when=1"]  # fmt: skip
    return c.runtime.spawn("create", "--bundle", c.bundle, c.id, prefix=prefix)


@requires.program("strace")
def test_a_create_that_was_killed_before_it_had_cgroups_takes_no_stranger_along(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    spawned = create_with(c, "signal=SIGKILL")
    assert spawned.wait().returncode == -signal.SIGKILL
    assert (c.runtime.state_root / c.id / "record.json").exists()

    with stranger_in(c):
        c.delete("--force")

    assert not c.exists


@requires.program("strace")
def test_a_cgroup_that_somebody_was_quicker_to_make_is_not_removed(
    container: MakeContainer, config: Config
) -> None:
    """Between the record, which says that it will be made, and its making."""
    c = container(config, "pause")
    spawned = create_with(c, "delay_enter=1000000")
    record = c.runtime.state_root / c.id / "record.json"
    wait_until(record.exists, "the record")
    for directory in directories(c):
        directory.mkdir()
    assert spawned.wait().returncode == 0

    c.delete("--force")

    for directory in directories(c):
        directory.rmdir()
