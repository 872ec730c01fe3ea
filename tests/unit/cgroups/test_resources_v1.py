"""`linux.resources` in the files of cgroup v1."""

from __future__ import annotations

from typing import Any

import pytest

from pyruntime.cgroups.placement import place
from pyruntime.cgroups.resources import Where, warnings, writes
from pyruntime.cgroups.write import Write
from pyruntime.errors import SpecError, Unsupported
from pyruntime.facts import Facts


@pytest.fixture
def made(v1: Facts) -> Any:
    where = Where(v1.cgroup, place("/c", "c", v1))

    def make(**resources: Any) -> list[tuple[str, str]]:
        return [(write.file, write.value) for write in writes(resources, where)]

    return make


@pytest.mark.parametrize(("limit", "value"), [(5, "5"), (0, "1"), (-1, "max"), (-7, "max")])
def test_pids(made: Any, limit: int, value: str) -> None:
    assert made(pids={"limit": limit}) == [("pids.max", value)]


def test_memory_goes_before_memory_and_swap(made: Any) -> None:
    memory = {"swap": 300, "limit": 200, "reservation": 100, "swappiness": 0}

    assert made(memory=memory) == [
        ("memory.limit_in_bytes", "200"),
        ("memory.memsw.limit_in_bytes", "300"),
        ("memory.soft_limit_in_bytes", "100"),
        ("memory.swappiness", "0"),
    ]


def test_unlimited_memory_means_unlimited_swap(made: Any) -> None:
    assert made(memory={"limit": -1}) == [
        ("memory.limit_in_bytes", "-1"),
        ("memory.memsw.limit_in_bytes", "-1"),
    ]


def test_unlimited_swap_needs_no_swap_accounting(v1: Facts) -> None:
    where = Where(v1.cgroup, place("/c", "c", v1))

    (unlimited,) = writes({"memory": {"swap": -1}}, where)
    _, limited = writes({"memory": {"limit": 1, "swap": 2}}, where)

    assert unlimited.optional
    assert not limited.optional


@pytest.mark.parametrize(
    ("memory", "message"),
    [
        ({"swap": 100}, "unable to set swap limit without memory limit"),
        ({"limit": -1, "swap": 100}, "unable to set swap limit without memory limit"),
        ({"limit": 200, "swap": 100}, "memory\\+swap limit should be >= memory limit"),
        ({"limit": -2}, "neither a number of bytes nor -1"),
        ({"limit": 1, "swap": -5}, "neither a number of bytes nor -1"),
        ({"swappiness": 101}, "not between 0 and 100"),
    ],
)
def test_impossible_memory_is_refused(made: Any, memory: dict[str, int], message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        made(memory=memory)

    assert caught.value.pointer.startswith("/linux/resources/memory/")


def test_zero_is_what_engines_write_for_unset(made: Any) -> None:
    assert made(memory={"limit": 0, "swap": 0, "reservation": 0}) == []
    assert made(cpu={"shares": 0, "quota": 0, "period": 0, "cpus": "", "mems": ""}) == []
    assert made(blockIO={"weight": 0}) == []
    assert made(network={"classID": 0}) == []


def test_the_oom_killer_is_switched_off_only_if_asked(made: Any) -> None:
    assert made(memory={"disableOOMKiller": True}) == [("memory.oom_control", "1")]
    assert made(memory={"disableOOMKiller": False}) == []


def test_kernel_memory_is_limited_with_a_warning_and_tcp_memory_without(
    made: Any, v1: Facts
) -> None:
    memory = {"kernel": 4096, "kernelTCP": -1}
    found = writes({"memory": memory}, Where(v1.cgroup, place("/c", "c", v1)))

    assert [(each.file, each.value, each.optional) for each in found] == [
        ("memory.kmem.limit_in_bytes", "4096", True),
        ("memory.kmem.tcp.limit_in_bytes", "-1", False),
    ]
    assert warnings({"memory": memory}) == [
        "linux.resources.memory.kernel: kernels since 5.16 have no limit of kernel memory, and ignore it"
    ]
    assert warnings({"memory": {"kernel": -1, "kernelTCP": 4096}}) == []


def test_a_swappiness_that_engines_leave_unset_is_not_written(made: Any) -> None:
    assert made(memory={"swappiness": 2**64 - 1}) == []
    assert made(memory={"swappiness": 100}) == [("memory.swappiness", "100")]


def test_the_kernel_itself_checks_the_usage_before_an_update(v1: Facts) -> None:
    where = Where(v1.cgroup, place("/c", "c", v1))
    (found,) = writes({"memory": {"limit": 5, "checkBeforeUpdate": True}}, where)

    assert not found.usage


def test_the_burst_comes_after_the_quota_and_the_quota_after_the_period(made: Any) -> None:
    cpu = {"burst": 0, "quota": -1, "period": 100000, "shares": 512}

    assert made(cpu=cpu) == [
        ("cpu.shares", "512"),
        ("cpu.cfs_period_us", "100000"),
        ("cpu.cfs_quota_us", "-1"),
        ("cpu.cfs_burst_us", "0"),
    ]


def test_real_time(made: Any) -> None:
    assert made(cpu={"realtimeRuntime": 950, "realtimePeriod": 1000}) == [
        ("cpu.rt_period_us", "1000"),
        ("cpu.rt_runtime_us", "950"),
    ]


def test_an_idle_cgroup_has_no_shares(made: Any) -> None:
    assert made(cpu={"idle": 1, "shares": 512}) == [("cpu.idle", "1")]
    assert made(cpu={"idle": 0, "shares": 512}) == [("cpu.idle", "0"), ("cpu.shares", "512")]


def test_processors_and_memory_nodes_are_another_controllers(v1: Facts) -> None:
    where = Where(v1.cgroup, place("/c", "c", v1))

    found = writes({"cpu": {"cpus": "0-3,7", "mems": "0", "shares": 2}}, where)

    assert found == [
        Write("cpu.shares", "2", "linux.resources.cpu.shares", directory=where.v1["cpu"]),
        Write("cpuset.cpus", "0-3,7", "linux.resources.cpu.cpus", directory=where.v1["cpuset"]),
        Write("cpuset.mems", "0", "linux.resources.cpu.mems", directory=where.v1["cpuset"]),
    ]
    assert where.v1["cpu"] == "/sys/fs/cgroup/cpu,cpuacct/c"


def test_block_io(made: Any) -> None:
    block = {
        "weight": 10,
        "leafWeight": 1000,
        "weightDevice": [{"major": 8, "minor": 0, "weight": 500, "leafWeight": 300}],
        "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 600}],
        "throttleWriteIOPSDevice": [{"major": 8, "minor": 16, "rate": 300}],
    }

    assert made(blockIO=block) == [
        ("blkio.weight", "10"),
        ("blkio.leaf_weight", "1000"),
        ("blkio.weight_device", "8:0 500"),
        ("blkio.leaf_weight_device", "8:0 300"),
        ("blkio.throttle.read_bps_device", "8:0 600"),
        ("blkio.throttle.write_iops_device", "8:16 300"),
    ]


def test_a_weight_may_be_that_of_the_bfq_scheduler(v1: Facts) -> None:
    where = Where(v1.cgroup, place("/c", "c", v1))

    (found,) = writes({"blockIO": {"weight": 100}}, where)

    assert found.instead is not None
    assert found.instead.file == "blkio.bfq.weight"
    assert found.instead.directory == found.directory == "/sys/fs/cgroup/blkio/c"


@pytest.mark.parametrize("weight", [9, 1001])
def test_a_weight_out_of_range_is_refused(made: Any, weight: int) -> None:
    with pytest.raises(SpecError, match="not between 10 and 1000"):
        made(blockIO={"weight": weight})


def test_a_device_without_any_weight_is_refused(made: Any) -> None:
    with pytest.raises(SpecError) as caught:
        made(blockIO={"weightDevice": [{"major": 8, "minor": 0}]})

    assert caught.value.pointer == "/linux/resources/blockIO/weightDevice/0"


def test_huge_pages_are_limited_at_fault_and_where_possible_at_reservation(v1: Facts) -> None:
    where = Where(v1.cgroup, place("/c", "c", v1))

    found = writes({"hugepageLimits": [{"pageSize": "2MB", "limit": 9}]}, where)

    assert [(w.file, w.value, w.optional) for w in found] == [
        ("hugetlb.2MB.limit_in_bytes", "9", False),
        ("hugetlb.2MB.rsvd.limit_in_bytes", "9", True),
    ]


@pytest.mark.parametrize("size", ["", "MB", "2M", "../x", "2TB", "2MB/../../x", "-2MB"])
def test_a_page_size_that_is_none_is_refused(made: Any, size: str) -> None:
    with pytest.raises(SpecError) as caught:
        made(hugepageLimits=[{"pageSize": size, "limit": 9}])

    assert caught.value.pointer == "/linux/resources/hugepageLimits/0/pageSize"


def test_rdma(made: Any) -> None:
    rdma = {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10000}, "rxe3": {"hcaObjects": 1}}

    assert made(rdma=rdma) == [
        ("rdma.max", "mlx5_1 hca_handle=3 hca_object=10000"),
        ("rdma.max", "rxe3 hca_object=1"),
    ]


@pytest.mark.parametrize("rdma", [{"a b": {"hcaHandles": 1}}, {"mlx4_0": {}}])
def test_impossible_rdma_is_refused(made: Any, rdma: dict[str, Any]) -> None:
    with pytest.raises(SpecError):
        made(rdma=rdma)


def test_network(made: Any) -> None:
    network = {"classID": 1048577, "priorities": [{"name": "eth0", "priority": 500}]}

    assert made(network=network) == [
        ("net_cls.classid", "1048577"),
        ("net_prio.ifpriomap", "eth0 500"),
    ]


def test_files_of_v2_are_refused(made: Any) -> None:
    with pytest.raises(
        Unsupported, match=r"linux\.resources\.unified: memory\.high needs cgroup v2"
    ):
        made(unified={"memory.high": "1"})


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"hugepageLimits": [{"pageSize": "2MB", "limit": 1}]}, "hugepageLimits.*hugetlb"),
        ({"network": {"classID": 7}}, r"network\.classID.*net_cls"),
        ({"pids": {"limit": 7}}, r"pids\.limit.*pids"),
        ({"cpu": {"cpus": "0"}}, r"cpu\.cpus.*cpuset"),
        ({"blockIO": {"weight": 100}}, r"blockIO\.weight.*blkio"),
    ],
)
def test_a_missing_controller_is_named_with_the_property(
    v1: Facts, resources: dict[str, Any], message: str
) -> None:
    paths = place("/c", "c", v1)
    where = Where(v1.cgroup, {"memory": paths["memory"]})

    with pytest.raises(Unsupported, match=message):
        writes(resources, where)


def test_nothing_asked_of_a_missing_controller_is_fine(v1: Facts) -> None:
    where = Where(v1.cgroup, {"memory": "/sys/fs/cgroup/memory/c"})

    assert writes({"cpu": {"shares": 0}, "network": {}, "blockIO": {"weight": 0}}, where) == []
