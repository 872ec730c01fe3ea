"""The drivers on files that look like those of controllers this machine may lack: hugetlb, net_cls, net_prio, rdma, the weights
of blkio and io, misc, real-time groups.

A directory of ordinary files stands for a cgroup: what is not there is missing for the driver too (it never makes a file), and
where the kernel takes several values, one a write, a named pipe keeps them apart.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyruntime.cgroups import cgroup_of
from pyruntime.cgroups.base import Cgroup
from pyruntime.cgroups.resources import Where, writes
from pyruntime.errors import Error, KernelError
from pyruntime.facts import CgroupFacts, Hierarchy

CONTROLLERS = ("hugetlb", "rdma", "net_cls", "net_prio", "blkio", "cpu", "misc", "memory")


class Fake:
    """A host with one hierarchy for each of CONTROLLERS, or with cgroup2, below *top*."""

    def __init__(self, top: Path, version: int) -> None:
        self.top = top
        if version == 1:
            self.facts = CgroupFacts(
                "v1", v1=tuple(Hierarchy((name,), f"{top}/{name}") for name in CONTROLLERS)
            )
            paths = {name: f"{top}/{name}/pod/web" for name in CONTROLLERS}
            driver = "v1"
        else:
            unified = Hierarchy(("io", "memory", "hugetlb", "rdma", "misc", "cpu"), str(top))
            self.facts = CgroupFacts("v2", unified=unified)
            paths, driver = {"": f"{top}/web"}, "v2"
        self.paths = paths
        self.cgroup: Cgroup = cgroup_of(driver, paths)
        for path in paths.values():
            Path(path).mkdir(parents=True)
        self.pipes: dict[str, int] = {}

    def directory(self, controller: str) -> Path:
        return Path(self.paths.get(controller) or self.paths[""])

    def file(self, controller: str, name: str, text: str = "") -> Path:
        """A file that keeps the last value, as most do."""
        path = self.directory(controller) / name
        path.write_text(text)
        return path

    def lines(self, controller: str, name: str) -> None:
        """A file that takes one line a write."""
        path = self.directory(controller) / name
        os.mkfifo(path)
        self.pipes[name] = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def written(self, name: str) -> list[str]:
        """What came through a pipe; the lines that the tests use have no spaces at their ends."""
        return os.read(self.pipes[name], 4096).decode().split("|")

    def apply(self, **resources: Any) -> None:
        self.cgroup.apply(writes(resources, Where(self.facts, self.paths)))


@pytest.fixture
def v1(tmp_path: Path) -> Iterator[Fake]:
    fake = Fake(tmp_path, 1)
    yield fake
    for fd in fake.pipes.values():
        os.close(fd)


@pytest.fixture
def v2(tmp_path: Path) -> Iterator[Fake]:
    fake = Fake(tmp_path, 2)
    yield fake
    for fd in fake.pipes.values():
        os.close(fd)


HUGE = [{"pageSize": "2MB", "limit": 4194304}]


def test_huge_pages_are_limited_at_reservation_and_at_fault(v1: Fake) -> None:
    fault = v1.file("hugetlb", "hugetlb.2MB.limit_in_bytes")
    reservation = v1.file("hugetlb", "hugetlb.2MB.rsvd.limit_in_bytes")

    v1.apply(hugepageLimits=HUGE)

    assert fault.read_text() == reservation.read_text() == "4194304"


def test_without_accounting_of_reservations_the_limit_is_at_fault_alone(v1: Fake) -> None:
    fault = v1.file("hugetlb", "hugetlb.2MB.limit_in_bytes")

    v1.apply(hugepageLimits=HUGE)

    assert fault.read_text() == "4194304"
    assert [each.name for each in v1.directory("hugetlb").iterdir()] == [fault.name]


def test_huge_pages_of_v2(v2: Fake) -> None:
    fault, reservation = v2.file("", "hugetlb.2MB.max"), v2.file("", "hugetlb.2MB.rsvd.max")

    v2.apply(hugepageLimits=HUGE)

    assert fault.read_text() == reservation.read_text() == "4194304"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_page_size_that_the_machine_lacks_is_an_error(
    request: pytest.FixtureRequest, version: str
) -> None:
    fake = request.getfixturevalue(version)

    with pytest.raises(KernelError, match=r"hugepageLimits\[0\].*no such page size"):
        fake.apply(hugepageLimits=[{"pageSize": "16GB", "limit": 1}])


def test_the_class_and_the_priorities_of_the_network(v1: Fake) -> None:
    class_id = v1.file("net_cls", "net_cls.classid")
    v1.lines("net_prio", "net_prio.ifpriomap")

    v1.apply(
        network={
            "classID": 0x100001,
            "priorities": [{"name": "eth0", "priority": 500}, {"name": "lo", "priority": 0}],
        }
    )

    assert class_id.read_text() == "1048577"
    assert v1.written("net_prio.ifpriomap") == ["eth0 500lo 0"]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_rdma_has_a_line_for_each_device(request: pytest.FixtureRequest, version: str) -> None:
    fake = request.getfixturevalue(version)
    fake.lines("rdma", "rdma.max")

    fake.apply(rdma={"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10000}, "rxe3": {"hcaObjects": 0}})

    assert fake.written("rdma.max") == [
        "mlx5_1 hca_handle=3 hca_object=10000rxe3 hca_object=0",
    ]


WEIGHTS = {
    "weight": 500,
    "weightDevice": [{"major": 8, "minor": 0, "weight": 10}],
}


def test_weights_of_the_scheduler_that_v1_had_at_first(v1: Fake) -> None:
    weight, leaf = v1.file("blkio", "blkio.weight"), v1.file("blkio", "blkio.leaf_weight")
    device = v1.file("blkio", "blkio.weight_device")
    leaf_device = v1.file("blkio", "blkio.leaf_weight_device")
    bfq = v1.file("blkio", "blkio.bfq.weight", "100")

    entry = {"major": 8, "minor": 0, "weight": 10, "leafWeight": 20}
    v1.apply(blockIO={"weight": 500, "leafWeight": 300, "weightDevice": [entry]})

    assert weight.read_text() == "500"
    assert leaf.read_text() == "300"
    assert device.read_text() == "8:0 10"
    assert leaf_device.read_text() == "8:0 20"
    assert bfq.read_text() == "100"


def test_weights_of_the_bfq_scheduler_of_v1(v1: Fake) -> None:
    weight = v1.file("blkio", "blkio.bfq.weight", "100")
    device = v1.file("blkio", "blkio.bfq.weight_device")

    v1.apply(blockIO=WEIGHTS)

    assert weight.read_text() == "500"
    assert device.read_text() == "8:0 10"


def test_a_leaf_weight_that_no_scheduler_has_is_an_error(v1: Fake) -> None:
    v1.file("blkio", "blkio.bfq.weight")

    with pytest.raises(KernelError, match=r"blockIO\.leafWeight.*no such control"):
        v1.apply(blockIO={"leafWeight": 300})


def test_weights_of_v2_are_the_bfq_schedulers_where_it_is(v2: Fake) -> None:
    v2.lines("", "io.bfq.weight")
    other = v2.file("", "io.weight", "default 100")

    v2.apply(blockIO=WEIGHTS)

    assert v2.written("io.bfq.weight") == ["5008:0 10"]
    assert other.read_text() == "default 100"


def test_otherwise_they_are_converted(v2: Fake) -> None:
    v2.lines("", "io.weight")

    v2.apply(blockIO=WEIGHTS)

    # 1 to 10000 for 10 to 1000.
    assert v2.written("io.weight") == ["49508:0 1"]


def test_misc_is_reached_by_its_file(v2: Fake) -> None:
    v2.lines("", "misc.max")

    v2.apply(unified={"misc.max": "sev 3\nsev_es 5"})

    assert v2.written("misc.max") == ["sev 3sev_es 5"]


def test_real_time_is_given_to_the_parents_that_were_made(v1: Fake) -> None:
    own = [v1.file("cpu", name, "0") for name in ("cpu.rt_period_us", "cpu.rt_runtime_us")]
    pod = v1.directory("cpu").parent
    above = [pod / each.name for each in own]
    for each in above:
        each.write_text("0")
    values = {"realtimePeriod": 1000000, "realtimeRuntime": 950}

    v1.apply(cpu=values)
    assert [each.read_text() for each in own] == ["1000000", "950"]
    assert [each.read_text() for each in above] == ["0", "0"]

    v1.cgroup.made = [str(pod), *v1.paths.values()]
    v1.apply(cpu=values)
    assert [each.read_text() for each in above] == ["1000000", "950"]


def test_a_limit_of_kernel_memory_that_the_kernel_no_longer_has_is_passed_over(v1: Fake) -> None:
    limit = v1.file("memory", "memory.limit_in_bytes")

    v1.apply(memory={"limit": 4096, "kernel": 4096})

    assert limit.read_text() == "4096"


def test_one_of_tcp_memory_is_not(v1: Fake) -> None:
    with pytest.raises(KernelError, match="kernelTCP"):
        v1.apply(memory={"kernelTCP": 4096})


def test_nothing_is_written_if_a_limit_is_below_the_usage(v2: Fake) -> None:
    # A write replaces as many characters of an ordinary file as it has.
    limit, swap = v2.file("", "memory.max", "9999"), v2.file("", "memory.swap.max", "9")
    v2.file("", "memory.current", "8192\n")
    memory = {"limit": 4096, "swap": 4096, "checkBeforeUpdate": True}

    with pytest.raises(Error, match=r"memory\.limit: 4096 is below the 8192 in use"):
        v2.apply(memory=memory)
    assert (limit.read_text(), swap.read_text()) == ("9999", "9")

    v2.file("", "memory.current", "4096\n")
    v2.apply(memory=memory)
    assert (limit.read_text(), swap.read_text()) == ("4096", "0")


def test_without_being_asked_the_usage_does_not_matter(v2: Fake) -> None:
    limit = v2.file("", "memory.max", "max")
    v2.file("", "memory.current", "8192\n")

    v2.apply(memory={"limit": 4096})

    assert limit.read_text() == "4096"


def test_throttles_of_v2_are_keys_of_one_file(v2: Fake) -> None:
    v2.lines("", "io.max")
    names = ("ReadBps", "WriteBps", "ReadIOPS", "WriteIOPS")

    v2.apply(
        blockIO={
            f"throttle{name}Device": [{"major": 8, "minor": 16, "rate": rate}]
            for rate, name in enumerate(names)
        }
    )

    # 0 lifts the limit in v1; v2 says "max", and refuses 0.
    assert v2.written("io.max") == ["8:16 rbps=max8:16 wbps=18:16 riops=28:16 wiops=3"]


def test_a_throttle_of_v1_has_a_file_for_each_kind(v1: Fake) -> None:
    file = v1.file("blkio", "blkio.throttle.write_iops_device")

    v1.apply(blockIO={"throttleWriteIOPSDevice": [{"major": 8, "minor": 16, "rate": 300}]})

    assert file.read_text() == "8:16 300"
