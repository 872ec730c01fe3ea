"""`linux.resources` in the files of cgroup v2, and on a hybrid host."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pyruntime.cgroups.placement import place
from pyruntime.cgroups.resources import Where, writes
from pyruntime.cgroups.resources_v2 import cpu_weight, io_weight
from pyruntime.errors import SpecError, Unsupported
from pyruntime.facts import Facts


@pytest.fixture
def made(v2: Facts) -> Any:
    where = Where(v2.cgroup, place("/c", "c", v2))

    def make(**resources: Any) -> list[tuple[str, str]]:
        return [(write.file, write.value) for write in writes(resources, where)]

    return make


@pytest.mark.parametrize(("limit", "value"), [(5, "5"), (0, "1"), (-1, "max")])
def test_pids(made: Any, limit: int, value: str) -> None:
    assert made(pids={"limit": limit}) == [("pids.max", value)]


@pytest.mark.parametrize(
    ("memory", "files"),
    [
        ({"limit": 100}, [("memory.max", "100")]),
        ({"limit": -1}, [("memory.swap.max", "max"), ("memory.max", "max")]),
        ({"limit": 100, "swap": 150}, [("memory.swap.max", "50"), ("memory.max", "100")]),
        ({"limit": 100, "swap": 100}, [("memory.swap.max", "0"), ("memory.max", "100")]),
        ({"limit": 100, "swap": -1}, [("memory.swap.max", "max"), ("memory.max", "100")]),
        ({"limit": 100, "swap": 0}, [("memory.max", "100")]),
        ({"swap": -1}, [("memory.swap.max", "max")]),
        ({"reservation": 50}, [("memory.low", "50")]),
        ({"reservation": -1}, [("memory.low", "max")]),
        ({"disableOOMKiller": False, "useHierarchy": True, "kernel": -1}, []),
        ({"kernelTCP": -1, "swappiness": 2**64 - 1}, []),
    ],
)
def test_memory(made: Any, memory: dict[str, int], files: list[tuple[str, str]]) -> None:
    assert made(memory=memory) == files


@pytest.mark.parametrize(
    ("memory", "pointer"),
    [
        ({"swap": 100}, "swap"),
        ({"limit": -1, "swap": 100}, "swap"),
        ({"limit": 200, "swap": 100}, "swap"),
        ({"limit": 200, "swap": -2}, "swap"),
        ({"limit": -2}, "limit"),
        ({"swappiness": 0}, "swappiness"),
        ({"disableOOMKiller": True}, "disableOOMKiller"),
        ({"kernel": 5}, "kernel"),
        ({"kernelTCP": 5}, "kernelTCP"),
    ],
)
def test_memory_that_cannot_be_converted_is_refused(
    made: Any, memory: dict[str, int], pointer: str
) -> None:
    with pytest.raises(SpecError) as caught:
        made(memory=memory)

    assert caught.value.pointer == f"/linux/resources/memory/{pointer}"


@pytest.mark.parametrize(("check", "usage"), [(True, "memory.current"), (False, "")])
def test_the_usage_is_checked_before_the_limit_only_if_asked(
    v2: Facts, check: bool, usage: str
) -> None:
    where = Where(v2.cgroup, place("/c", "c", v2))
    swap, limit = writes({"memory": {"limit": 5, "swap": 9, "checkBeforeUpdate": check}}, where)

    assert (swap.usage, limit.usage) == ("", usage)


def test_a_limit_of_swap_needs_swap_accounting_only_if_it_limits(v2: Facts) -> None:
    where = Where(v2.cgroup, place("/c", "c", v2))

    none, _ = writes({"memory": {"limit": 5, "swap": 5}}, where)
    some, _ = writes({"memory": {"limit": 5, "swap": 6}}, where)

    assert none.optional
    assert not some.optional


@pytest.mark.parametrize(
    ("cpu", "files"),
    [
        ({"quota": 50000, "period": 100000}, [("cpu.max", "50000 100000")]),
        ({"quota": 50000}, [("cpu.max", "50000")]),
        ({"quota": -1}, [("cpu.max", "max")]),
        ({"period": 20000}, [("cpu.max", "max 20000")]),
        (
            {"burst": 10, "quota": 50000},
            [("cpu.max", "50000"), ("cpu.max.burst", "10")],
        ),
        ({"idle": 1, "shares": 512}, [("cpu.idle", "1")]),
        ({"idle": 0, "shares": 1024}, [("cpu.idle", "0"), ("cpu.weight", "100")]),
        ({"cpus": "0-1", "mems": "0"}, [("cpuset.cpus", "0-1"), ("cpuset.mems", "0")]),
        ({"realtimeRuntime": 0, "realtimePeriod": 0}, []),
    ],
)
def test_cpu(made: Any, cpu: dict[str, int], files: list[tuple[str, str]]) -> None:
    assert made(cpu=cpu) == files


@pytest.mark.parametrize("name", ["realtimeRuntime", "realtimePeriod"])
def test_real_time_is_refused(made: Any, name: str) -> None:
    with pytest.raises(SpecError) as caught:
        made(cpu={name: 1000})

    assert caught.value.pointer == f"/linux/resources/cpu/{name}"


def test_idle_is_zero_or_one(made: Any) -> None:
    with pytest.raises(SpecError, match="neither 0 nor 1"):
        made(cpu={"idle": 2})


@pytest.mark.parametrize(
    ("shares", "weight"),
    [
        (0, None),
        (1, "1"),
        (2, "1"),
        (3, "2"),
        (512, "59"),
        (1024, "100"),
        (2048, "174"),
        (262143, "10000"),
        (262144, "10000"),
        (10**9, "10000"),
    ],
)
def test_shares_become_a_weight(shares: int, weight: str | None) -> None:
    assert cpu_weight(shares) == weight


def test_the_weight_is_what_the_logarithm_of_the_mathematicians_gives() -> None:
    for shares in [*range(3, 3000), *range(3000, 262144, 97)]:
        log = math.log2(shares)
        assert cpu_weight(shares) == str(math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34)))


def test_block_io(made: Any) -> None:
    block = {
        "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 600}],
        "throttleWriteBpsDevice": [{"major": 8, "minor": 0, "rate": 0}],
        "throttleReadIOPSDevice": [{"major": 8, "minor": 16, "rate": 2}],
        "throttleWriteIOPSDevice": [{"major": 8, "minor": 16, "rate": 3}],
    }

    assert made(blockIO=block) == [
        ("io.max", "8:0 rbps=600"),
        ("io.max", "8:0 wbps=max"),
        ("io.max", "8:16 riops=2"),
        ("io.max", "8:16 wiops=3"),
    ]


def test_a_weight_is_that_of_bfq_or_else_a_converted_one(v2: Facts) -> None:
    where = Where(v2.cgroup, place("/c", "c", v2))
    entry = {"major": 8, "minor": 0, "weight": 1000}

    weight, device = writes({"blockIO": {"weight": 10, "weightDevice": [entry]}}, where)

    assert (weight.file, weight.value) == ("io.bfq.weight", "10")
    assert weight.instead is not None
    assert (weight.instead.file, weight.instead.value) == ("io.weight", "1")
    assert (device.file, device.value) == ("io.bfq.weight", "8:0 1000")
    assert device.instead is not None
    assert (device.instead.file, device.instead.value) == ("io.weight", "8:0 10000")
    assert device.instead.directory == "/sys/fs/cgroup/c"


def test_the_range_of_weights_is_converted() -> None:
    assert [io_weight(w) for w in (10, 505, 1000)] == ["1", "5000", "10000"]


@pytest.mark.parametrize(
    "block",
    [
        {"leafWeight": 10},
        {"weightDevice": [{"major": 8, "minor": 0, "weight": 10, "leafWeight": 9}]},
    ],
)
def test_leaf_weights_are_refused(made: Any, block: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="nothing like it"):
        made(blockIO=block)


def test_huge_pages(made: Any) -> None:
    assert made(hugepageLimits=[{"pageSize": "1GB", "limit": 9}]) == [
        ("hugetlb.1GB.max", "9"),
        ("hugetlb.1GB.rsvd.max", "9"),
    ]


def test_network_is_refused(made: Any) -> None:
    with pytest.raises(SpecError) as caught:
        made(network={"classID": 5})

    assert caught.value.pointer == "/linux/resources/network/classID"
    assert made(network={"classID": 0, "priorities": []}) == []


def test_files_by_name_are_written_line_by_line_and_last(made: Any) -> None:
    unified = {"io.max": "259:0 rbps=2097152\n253:0 wiops=120", "memory.high": "5", "cgroup.x": ""}

    assert made(unified=unified, pids={"limit": 1}) == [
        ("pids.max", "1"),
        ("io.max", "259:0 rbps=2097152"),
        ("io.max", "253:0 wiops=120"),
        ("memory.high", "5"),
        ("cgroup.x", ""),
    ]


@pytest.mark.parametrize("name", ["", ".", "..", "../memory.max", "a/b", "memory.max\0"])
def test_a_name_that_is_no_file_of_the_cgroup_is_refused(made: Any, name: str) -> None:
    with pytest.raises(SpecError):
        made(unified={name: "1"})


@pytest.mark.parametrize("name", ["cgroup.procs", "cgroup.threads", "cgroup.kill", "cgroup.freeze"])
def test_a_file_that_does_something_to_processes_is_no_setting(made: Any, name: str) -> None:
    with pytest.raises(SpecError, match=name):
        made(unified={name: "1"})


def test_files_that_this_runtime_does_not_know_are_written(made: Any) -> None:
    unified = {
        "cpu.uclamp.min": "20.00",
        "misc.max": "sev 3",
        "irq.pressure": "x",
        "memory.new": "",
    }

    assert made(unified=unified) == list(unified.items())


def test_a_file_of_an_absent_controller_is_refused(made: Any) -> None:
    with pytest.raises(Unsupported, match=r'unified\["perf_event\.x"\].*perf_event'):
        made(unified={"perf_event.x": "1"})


def test_a_missing_controller_is_named_with_the_property(v2: Facts) -> None:
    assert v2.cgroup.unified is not None
    v2.cgroup.unified.controllers = ("cpu",)
    where = Where(v2.cgroup, place("/c", "c", v2))

    with pytest.raises(Unsupported, match=r"linux\.resources\.memory\.limit.*controller memory"):
        writes({"memory": {"limit": 5}}, where)


def test_on_a_hybrid_host_each_controller_is_where_it_is(hybrid: Facts) -> None:
    where = Where(hybrid.cgroup, place("/c", "c", hybrid))
    resources = {
        "pids": {"limit": 5},
        "hugepageLimits": [{"pageSize": "2MB", "limit": 0}],
        "unified": {"hugetlb.1GB.max": "1"},
        "network": {"classID": 1},
    }

    found = [(write.directory, write.file) for write in writes(resources, where)]

    assert found == [
        ("/sys/fs/cgroup/pids/c", "pids.max"),
        ("/sys/fs/cgroup/net_cls,net_prio/c", "net_cls.classid"),
        ("/sys/fs/cgroup/unified/c", "hugetlb.2MB.max"),
        ("/sys/fs/cgroup/unified/c", "hugetlb.2MB.rsvd.max"),
        ("/sys/fs/cgroup/unified/c", "hugetlb.1GB.max"),
    ]


def test_on_a_hybrid_host_a_file_of_a_v1_controller_is_refused(hybrid: Facts) -> None:
    where = Where(hybrid.cgroup, place("/c", "c", hybrid))

    with pytest.raises(Unsupported, match="memory"):
        writes({"unified": {"memory.high": "1"}}, where)


def test_all_controllers_may_be_in_the_unified_hierarchy_of_a_hybrid_host(
    named_only: Facts,
) -> None:
    where = Where(named_only.cgroup, place("/c", "c", named_only))
    resources = {"memory": {"limit": 5}, "cpu": {"cpus": "0"}, "blockIO": {"weight": 10}}

    assert [write.file for write in writes(resources, where)] == [
        "memory.max",
        "io.bfq.weight",
        "cpuset.cpus",
    ]
