"""Limits as the kernel sees them; on the layout of this machine only."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

import requires
from pyruntime.cgroups import cgroup_of
from pyruntime.cgroups.base import Cgroup
from pyruntime.cgroups.write import Write
from pyruntime.errors import Error, KernelError
from pyruntime.facts import Facts
from support.cgroup_driver import (
    Spawn,
    directories,
    file_of,
    host_facts,
    in_child,
    need,
    placed_at,
    unified_facts,
)

pytestmark = [pytest.mark.root, requires.as_root("makes cgroups at the top")]


@pytest.fixture
def facts() -> Facts:
    return host_facts()


def test_limits_are_what_the_kernel_says_they_are(facts: Facts, parent: str) -> None:
    need(facts, "memory", "cpu", "cpuset", "pids")
    placed = placed_at(
        facts,
        f"{parent}/limits",
        memory={"limit": 64 << 20, "reservation": 32 << 20},
        cpu={"shares": 1024, "quota": 50000, "period": 100000, "burst": 10000, "cpus": "0"},
        pids={"limit": 77},
    )
    cgroup = cgroup_of(placed.driver, placed.paths)
    made = cgroup.make()
    cgroup.apply(placed.writes)

    found = [
        file_of(cgroup, *names).read_text().strip()
        for names in (
            ("memory", "memory.limit_in_bytes", "memory.max"),
            ("pids", "pids.max", "pids.max"),
            ("cpuset", "cpuset.cpus", "cpuset.cpus"),
        )
    ]

    cgroup.unmake(made)
    assert found == [str(64 << 20), "77", "0"]


def test_a_new_cpuset_has_its_parents_processors_and_nodes(facts: Facts, parent: str) -> None:
    placed = placed_at(facts, f"{parent}/a/b")
    if "cpuset" not in placed.paths:
        pytest.skip("requires cgroup controller cpuset of v1")
    cpuset = placed.paths["cpuset"]
    cgroup = cgroup_of(placed.driver, placed.paths)
    made = cgroup.make()

    top = Path(cpuset).parents[2]
    found = [
        (Path(cpuset, name).read_text(), Path(cpuset).parent.joinpath(name).read_text())
        for name in ("cpuset.cpus", "cpuset.mems")
    ]

    cgroup.unmake(made)
    assert found == [((top / name).read_text(),) * 2 for name in ("cpuset.cpus", "cpuset.mems")]


def test_limits_of_a_used_cgroup_may_rise_and_fall_in_any_order(facts: Facts, parent: str) -> None:
    def limits(memory: int) -> dict[str, Any]:
        quota = memory * 1000
        return {
            "memory": {"limit": memory << 20, "swap": memory * 2 << 20},
            "cpu": {"quota": quota, "period": 100000, "burst": quota},
        }

    need(facts, "memory", "cpu")
    placed = placed_at(facts, f"{parent}/used", **limits(64))
    cgroup = cgroup_of(placed.driver, placed.paths)
    made = cgroup.make()
    limit = file_of(cgroup, "memory", "memory.limit_in_bytes", "memory.max")
    try:
        for megabytes in (64, 512, 32, 128):
            cgroup.apply(placed_at(facts, f"{parent}/used", **limits(megabytes)).writes)
            assert limit.read_text().strip() == str(megabytes << 20)
    finally:
        cgroup.unmake(made)


def test_a_refused_value_is_an_error_with_its_place_the_call_and_a_hint(
    facts: Facts, parent: str
) -> None:
    need(facts, "cpuset")
    placed = placed_at(facts, f"{parent}/refused", cpu={"cpus": "4095"})
    cgroup = cgroup_of(placed.driver, placed.paths)
    made = cgroup.make()

    with pytest.raises(KernelError) as caught:
        cgroup.apply(placed.writes)

    cgroup.unmake(made)
    line = str(caught.value)
    assert line.startswith("linux.resources.cpu.cpus: write(/sys/fs/cgroup/")
    assert 'cpuset.cpus, "4095"): ' in line
    assert "hint: each must be online" in line


def test_a_missing_file_is_an_error_unless_it_is_optional_or_has_another_name(
    cgroup: Cgroup,
) -> None:
    directory = str(directories(cgroup)[-1])

    def write(file: str, **how: Any) -> Write:
        return Write(file, "4", "linux.resources.x", directory=directory, **how)

    cgroup.apply([write("no.such", optional=True)])
    # notify_on_release takes any number in v1.
    name = "cgroup.max.depth" if "" in cgroup.paths else "notify_on_release"
    cgroup.apply([write("no.such", instead=write(name))])
    assert Path(directory, name).read_text() in ("4\n", "1\n")
    with pytest.raises(KernelError, match=r"linux\.resources\.x: open\(.*no\.such.*hint") as caught:
        cgroup.apply([write("no.such")])
    assert caught.value.errno == errno.ENOENT


def test_processes_killed_for_want_of_memory_are_counted(facts: Facts, parent: str) -> None:
    need(facts, "memory")
    placed = placed_at(facts, f"{parent}/oom", memory={"limit": 16 << 20, "swap": 16 << 20})
    cgroup = cgroup_of(placed.driver, placed.paths)
    made = cgroup.make()
    cgroup.apply(placed.writes)
    try:
        assert cgroup.oom_kills() == 0

        status = in_child(cgroup, lambda: print(len(b"x" * (256 << 20))))

        assert status == -9
        assert cgroup.oom_kills() >= 1
    finally:
        cgroup.unmake(made)


def test_huge_pages_are_limited_in_whatever_version_has_the_controller(
    facts: Facts, parent: str
) -> None:
    need(facts, "hugetlb")
    placed = placed_at(
        facts, f"{parent}/huge/pages", hugepageLimits=[{"pageSize": "2MB", "limit": 4 << 20}]
    )
    cgroup = cgroup_of(placed.driver, placed.paths)
    made = cgroup.make()
    cgroup.apply([write for write in placed.writes if write.file.startswith("hugetlb")])

    file = file_of(cgroup, "hugetlb", "hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max")
    found = file.read_text().strip()

    cgroup.unmake(made)
    assert found == str(4 << 20)


def test_the_user_who_is_given_a_cgroup_of_v2_owns_what_may_be_given(cgroup: Cgroup) -> None:
    if cgroup.driver != "v2":
        with pytest.raises(Error):
            cgroup.give_to(1234)
        return
    (directory,) = directories(cgroup)

    cgroup.give_to(1234)

    assert directory.stat().st_uid == 1234
    assert (directory / "cgroup.procs").stat().st_uid == 1234
    assert (directory / "cgroup.events").stat().st_uid == 0


def test_below_a_cgroup_with_processes_of_its_own_a_container_has_no_limits_but_runs(
    parent: str, spawn: Spawn
) -> None:
    facts = unified_facts()
    assert facts.cgroup.unified is not None
    name = {"memory": "memory.max", "hugetlb": "hugetlb.2MB.max"}.get(
        next((c for c in ("memory", "hugetlb") if c in facts.cgroup.unified.controllers), "")
    )
    if name is None:
        pytest.skip("requires cgroup controller memory")
    outer = placed_at(facts, f"{parent}/busy")
    above = cgroup_of(outer.driver, outer.paths)
    made_above = above.make()
    process = spawn()
    above.add(process.pid)
    placed = placed_at(facts, f"{parent}/busy/one", unified={name: "4194304"})
    cgroup = cgroup_of(placed.driver, placed.paths)
    made = cgroup.make()
    try:
        inside = spawn()
        cgroup.add(inside.pid)
        assert cgroup.processes() == [inside.pid]
        with pytest.raises(KernelError, match=r"hint: .*/busy has processes of its own"):
            cgroup.apply(placed.writes)
    finally:
        above.kill()
        cgroup.unmake(made)
        above.unmake(made_above)
