"""Making and removing the directories of a container."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

import requires
from pyruntime.cgroups import cgroup_of, files
from pyruntime.cgroups.base import Cgroup
from pyruntime.errors import Error, KernelError
from pyruntime.facts import Facts
from support.cgroup_driver import (
    Spawn,
    directories,
    placed_at,
    tops,
)

pytestmark = [pytest.mark.root, requires.as_root("makes cgroups at the top")]


def test_making_tells_what_is_new_and_unmaking_removes_that_alone(
    facts: Facts, parent: str
) -> None:
    for top in tops(facts):
        top.mkdir()
    placed = placed_at(facts, f"{parent}/a/b")
    cgroup = cgroup_of(placed.driver, placed.paths)

    made = cgroup.make()

    count = len(placed.paths)
    assert len(made) == 2 * count
    assert all(Path(directory).is_dir() for directory in made)
    assert set(placed.paths.values()) < set(made)
    cgroup.unmake(made)
    assert not any(Path(directory).exists() for directory in made)
    assert all(top.is_dir() for top in tops(facts))


def test_an_existing_empty_cgroup_is_used_and_not_counted_as_made(cgroup: Cgroup) -> None:
    again = cgroup_of(cgroup.driver, cgroup.paths)

    assert again.make() == []
    again.unmake([])
    assert all(directory.is_dir() for directory in directories(cgroup))


def test_parents_that_somebody_else_uses_by_now_stay(facts: Facts, parent: str) -> None:
    first, second = (placed_at(facts, f"{parent}/shared/{name}") for name in "ab")
    one, two = (cgroup_of(each.driver, each.paths) for each in (first, second))
    made_one, made_two = one.make(), two.make()

    one.unmake(made_one)

    assert all(Path(directory).is_dir() for directory in made_two)
    two.unmake(made_two)


def test_the_callers_umask_does_not_matter(facts: Facts, parent: str) -> None:
    placed = placed_at(facts, f"{parent}/a")
    cgroup = cgroup_of(placed.driver, placed.paths)
    before = os.umask(0o077)
    try:
        made = cgroup.make()
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)

    modes = {Path(directory).stat().st_mode & 0o777 for directory in made}

    cgroup.unmake(made)
    assert modes == {0o755}


def test_a_cgroup_with_processes_is_refused_and_nothing_new_is_left(
    cgroup: Cgroup, facts: Facts, parent: str, spawn: Spawn
) -> None:
    directory = directories(cgroup)[-1]
    process = spawn()
    (directory / "cgroup.procs").write_text(str(process.pid))
    # All but the one with the process are new to the second container.
    for other in directories(cgroup)[:-1]:
        other.rmdir()

    second = cgroup_of(cgroup.driver, cgroup.paths)

    with pytest.raises(Error, match=r"cgroup is not empty: 1 process\(es\) found") as caught:
        second.make()

    assert str(directory) in str(caught.value)
    second.unmake(second.made)
    assert [each for each in directories(cgroup) if each.exists()] == [directory]


def test_processes_in_a_cgroup_below_count_too(cgroup: Cgroup, spawn: Spawn) -> None:
    below = directories(cgroup)[-1] / "below"
    below.mkdir()
    (below / "cgroup.procs").write_text(str(spawn().pid))

    with pytest.raises(Error, match="not empty"):
        cgroup_of(cgroup.driver, cgroup.paths).make()


def test_a_frozen_cgroup_is_refused(cgroup: Cgroup) -> None:
    cgroup.freeze()

    with pytest.raises(Error, match="frozen"):
        cgroup_of(cgroup.driver, cgroup.paths).make()

    cgroup.thaw()
    assert cgroup_of(cgroup.driver, cgroup.paths).make() == []


def test_removing_takes_the_cgroups_below_along(cgroup: Cgroup) -> None:
    for directory in directories(cgroup):
        (directory / "a" / "b").mkdir(parents=True)
        (directory / "c").mkdir()

    cgroup.remove()

    assert not any(directory.exists() for directory in directories(cgroup))
    cgroup.remove()


def test_removing_waits_for_a_process_that_is_about_to_end(cgroup: Cgroup, spawn: Spawn) -> None:
    cgroup.add(spawn("sleep", "0.1").pid)

    cgroup.remove()

    assert not any(directory.exists() for directory in directories(cgroup))


def test_a_cgroup_with_processes_is_not_removed_and_the_error_names_them(
    cgroup: Cgroup, spawn: Spawn
) -> None:
    process = spawn()
    cgroup.add(process.pid)

    with pytest.raises(KernelError, match=rf"rmdir\(.*/one\): .*busy.*{process.pid}") as caught:
        cgroup.remove(patience=0.01)

    assert caught.value.errno == errno.EBUSY


@pytest.mark.parametrize(
    "path", ["/tmp/x", "/sys/fs/cgroup/../../../tmp/x", "/sys/fs/cgroupx/y", "x"]
)
def test_what_is_not_below_a_cgroup_mount_is_not_removed(path: str) -> None:
    with pytest.raises(Error, match="not below a mount point"):
        cgroup_of("v2", {"": path}).remove()


def test_a_directory_with_something_else_mounted_on_it_is_not_removed() -> None:
    with pytest.raises(Error, match="another file system"):
        files.remove("/dev/pts", time.monotonic(), ["/dev"])

    assert Path("/dev/pts/ptmx").exists()


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to("target")
    with pytest.raises(KernelError) as caught:
        files.remove(str(tmp_path / "link"), time.monotonic(), [str(tmp_path)])

    assert caught.value.errno in (errno.ENOTDIR, errno.ELOOP)
    assert (tmp_path / "target").is_dir()
