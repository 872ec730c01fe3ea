"""The whole placement of a container, for each layout."""

from __future__ import annotations

from typing import Any

import pytest

from pyruntime.cgroups import cgroup_of
from pyruntime.cgroups.placement import placement, reuse
from pyruntime.errors import Unsupported
from pyruntime.facts import Facts


def spec(**linux: Any) -> dict[str, Any]:
    return {"linux": linux}


def test_every_hierarchy_is_joined_in_order(v1: Facts) -> None:
    placed = placement(spec(cgroupsPath="/c"), "c", v1)

    assert placed.driver == "v1"
    assert placed.join == list(placed.paths.values())
    assert placed.join[0] == "/sys/fs/cgroup/memory/c"
    assert "/sys/fs/cgroup/systemd/c" in placed.join


def test_on_a_hybrid_host_the_unified_hierarchy_is_joined_last(hybrid: Facts) -> None:
    placed = placement(spec(cgroupsPath="/c"), "c", hybrid)

    assert placed.driver == "v1"
    assert placed.join[-1] == "/sys/fs/cgroup/unified/c"
    assert placed.device_program is None


def test_v2_has_one_directory_and_a_program_for_devices(v2: Facts) -> None:
    placed = placement(spec(cgroupsPath="/c", resources={"pids": {"limit": 3}}), "c", v2)

    assert placed.driver == "v2"
    assert placed.join == ["/sys/fs/cgroup/c"]
    assert [(write.file, write.value) for write in placed.writes] == [("pids.max", "3")]
    assert placed.device_program


def test_without_resources_the_devices_are_restricted_all_the_same(v1: Facts) -> None:
    placed = placement({}, "c", v1)

    assert placed.writes[0].file == "devices.deny"
    assert {write.directory for write in placed.writes} == {"/sys/fs/cgroup/devices/c"}


def test_a_privileged_container_on_v2_needs_no_program(v2: Facts) -> None:
    placed = placement(spec(resources={"devices": [{"allow": True, "access": "rwm"}]}), "c", v2)

    assert placed.device_program is None


def test_the_program_is_in_the_byte_order_of_the_machine(v2: Facts) -> None:
    v2.architecture = "s390x"
    program = placement({}, "c", v2).device_program

    assert program is not None
    assert program[1] == 0x21


def test_devices_of_a_hybrid_host_without_their_v1_controller_get_a_program(
    named_only: Facts,
) -> None:
    placed = placement({}, "c", named_only)

    assert placed.device_program
    assert placed.paths == {
        "name=systemd": "/sys/fs/cgroup/systemd/c",
        "": "/sys/fs/cgroup/unified/c",
    }


def test_a_v1_host_without_the_devices_controller_is_refused(v1: Facts) -> None:
    v1.cgroup.v1 = tuple(each for each in v1.cgroup.v1 if each.controllers != ("devices",))

    with pytest.raises(Unsupported, match=r"linux\.resources\.devices.*devices"):
        placement({}, "c", v1)


def test_ignored_properties_become_warnings(v1: Facts) -> None:
    placed = placement(spec(resources={"memory": {"kernel": 4096}}), "c", v1)

    assert placed.warnings == [
        "linux.resources.memory.kernel: kernels since 5.16 have no limit of kernel memory, and ignore it"
    ]


def test_without_cgroups_a_container_that_asks_for_nothing_can_run(bare: Facts) -> None:
    placed = placement(spec(resources={"cpu": {"shares": 0}}), "c", bare)

    assert (placed.driver, placed.paths, placed.join, placed.writes) == ("none", {}, [], [])
    assert placed.warnings == [
        "the container gets no cgroup of its own: no cgroup is mounted",
    ]


@pytest.mark.parametrize(
    "resources",
    [
        {"memory": {"limit": 5}},
        {"devices": [{"allow": False}]},
        {"unified": {"memory.high": "1"}},
        {"network": {"classID": 1}},
    ],
)
def test_without_cgroups_a_limit_is_refused(bare: Facts, resources: dict[str, Any]) -> None:
    with pytest.raises(Unsupported, match=r"linux\.resources\."):
        placement(spec(resources=resources), "c", bare)


DEVICES = {"devices": [{"allow": False, "access": "rwm"}]}


def test_where_nothing_is_delegated_there_is_no_cgroup_and_no_limit(rootless: Facts) -> None:
    rootless.cgroup.closed = {"": "/sys/fs/cgroup is not writable"}
    placed = placement(spec(resources=DEVICES), "c", rootless)

    assert placed.driver == "none"
    assert len(placed.warnings) == 2
    with pytest.raises(Unsupported, match=r"pids\.limit.*/sys/fs/cgroup is not writable"):
        placement(spec(resources={"pids": {"limit": 5}}), "c", rootless)


def test_in_a_delegated_cgroup_there_are_limits_but_no_device_rules(rootless: Facts) -> None:
    placed = placement(spec(resources={**DEVICES, "pids": {"limit": 5}}), "c", rootless)

    assert placed.driver == "v2"
    assert [write.file for write in placed.writes] == ["pids.max"]
    assert placed.device_program is None
    assert "devices" in placed.warnings[0]


def test_where_nothing_may_be_made_beside_the_runtimes_cgroup_it_is_below(rootless: Facts) -> None:
    rootless.cgroup.own[""] = "/user.slice/me.service"
    assert placement({}, "c", rootless).paths == {"": "/sys/fs/cgroup/user.slice/c"}

    rootless.cgroup.below_own = True
    assert placement({}, "c", rootless).paths == {"": "/sys/fs/cgroup/user.slice/me.service/c"}
    assert placement(spec(cgroupsPath="/x"), "c", rootless).paths == {"": "/sys/fs/cgroup/x"}


def test_of_v1_only_the_hierarchies_that_are_delegated_are_used(v1: Facts) -> None:
    v1.euid = 1000
    every = placement({}, "c", v1).paths
    v1.cgroup.closed = {key: f"{key} is not delegated" for key in every if key != "pids"}

    assert placement(spec(resources={"pids": {"limit": 5}}), "c", v1).paths.keys() == {"pids"}
    with pytest.raises(Unsupported, match=r"memory\.limit.*is not delegated"):
        placement(spec(resources={"memory": {"limit": 5}}), "c", v1)


CGROUP_MOUNT = {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"}


def owned(uid: int = 0, **changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "process": {"user": {"uid": uid, "gid": 0}},
        "mounts": [CGROUP_MOUNT],
        "linux": {
            "namespaces": [{"type": "cgroup"}, {"type": "user"}],
            "uidMappings": [
                {"containerID": 0, "hostID": 100000, "size": 1000},
                {"containerID": 1000, "hostID": 500, "size": 1},
            ],
        },
    }
    base["linux"] |= changes.pop("linux", {})
    return base | changes


@pytest.mark.parametrize(("uid", "owner"), [(0, 100000), (7, 100007), (1000, 500), (1001, None)])
def test_a_writable_cgroup_mount_belongs_to_the_containers_user(
    v2: Facts, uid: int, owner: int | None
) -> None:
    assert placement(owned(uid), "c", v2).owner == owner


def test_a_user_who_owns_the_cgroup_need_not_be_in_a_user_namespace(v2: Facts) -> None:
    linux = {"namespaces": [{"type": "cgroup"}]}

    assert placement(owned(33, linux=linux), "c", v2).owner == 33
    assert placement(owned(0, linux=linux), "c", v2).owner is None


@pytest.mark.parametrize(
    "changes",
    [
        {"mounts": []},
        {"mounts": [CGROUP_MOUNT | {"options": ["nosuid", "ro"]}]},
        {"mounts": [CGROUP_MOUNT | {"source": "cgroup2"}]},
        {"linux": {"namespaces": [{"type": "user"}]}},
        {"linux": {"namespaces": [{"type": "cgroup", "path": "/proc/1/ns/cgroup"}]}},
    ],
)
def test_otherwise_the_cgroup_stays_roots(v2: Facts, changes: dict[str, Any]) -> None:
    assert placement(owned(**changes), "c", v2).owner is None


def test_on_v1_the_cgroup_stays_roots(v1: Facts) -> None:
    assert placement(owned(), "c", v1).owner is None


def test_the_driver_follows_from_the_record() -> None:
    assert cgroup_of("v1", {"memory": "/x"}).driver == "v1"
    assert cgroup_of("v2", {"": "/x"}).driver == "v2"
    assert cgroup_of("none", {}).driver == "none"


def test_no_cgroup_has_no_processes_and_nothing_to_remove() -> None:
    none = cgroup_of("none", {})

    assert none.make() == []
    assert none.processes() == []
    assert not none.is_frozen()
    assert not none.is_populated()
    assert none.oom_kills() == 0
    none.kill()
    none.remove()


def test_a_privileged_container_in_an_existing_cgroup_replaces_the_program_there(
    v2: Facts, v1: Facts
) -> None:
    allowed = spec(resources={"devices": [{"allow": True, "access": "rwm"}]})
    for facts, program in ((v2, bytes.fromhex("b400000001000000 9500000000000000")), (v1, None)):
        placed = placement(allowed, "c", facts)
        assert (placed.existing, placed.device_program) == (False, None)

        reuse(placed, facts)

        assert (placed.existing, placed.device_program) == (True, program)
