"""The systemd driver's decisions: names, properties, annotations, addresses."""

from __future__ import annotations

from typing import Any

import pytest

from pyruntime.cgroups import systemd
from pyruntime.cgroups.systemd_annotations import PREFIX
from pyruntime.cgroups.systemd_names import names, slice_path
from pyruntime.cgroups.systemd_placement import ManagerFacts, placement
from pyruntime.cgroups.systemd_properties import INFINITY, PERIOD_US, from_rules, from_writes
from pyruntime.cgroups.write import Write
from pyruntime.errors import SpecError, Unsupported
from pyruntime.facts import Facts

SYSTEM = ManagerFacts(257, "", user=False)
USER = ManagerFacts(257, "/user.slice/user-1000.slice/user@1000.service", user=True)


def spec(
    path: str = "a.slice:p:n", annotations: dict[str, str] | None = None, **resources: Any
) -> dict[str, Any]:
    return {
        "linux": {"cgroupsPath": path, "resources": resources},
        "annotations": {f"{PREFIX}{name}": text for name, text in (annotations or {}).items()},
    }


def values(
    writes: list[tuple[str, str]], version: int = 257, *, unified: bool = True
) -> dict[str, Any]:
    given = [Write(file, value, file) for file, value in writes]
    return {one.name: one.value for one in from_writes(given, version, unified=unified)}


@pytest.mark.parametrize(
    ("path", "slice", "scope"),
    [
        ("", "system.slice", "pyruntime-web.scope"),
        ("a-b.slice:p:n", "a-b.slice", "p-n.scope"),
        (":p:n", "system.slice", "p-n.scope"),
        ("-.slice::n", "-.slice", "n.scope"),
        ("-::n", "-.slice", "n.scope"),
    ],
)
def test_the_path_names_a_slice_and_a_scope(path: str, slice: str, scope: str) -> None:
    assert names(path, "web", user=False) == (slice, scope)


def test_a_users_containers_are_in_user_slice() -> None:
    assert names("", "web", user=True)[0] == "user.slice"


def test_an_id_that_is_no_name_of_a_unit_is_escaped() -> None:
    assert names("", "a+b", user=False)[1] == r"pyruntime-a\x2bb.scope"


@pytest.mark.parametrize(
    "path",
    ["/a/b", "a", "a:b", "a:b:c:d", "a.slice:p:", "a:p:n", "a--b.slice:p:n", "-a.slice:p:n",
     ".slice:p:n", "a.slice:p:x.slice", "a.slice:p:n n", "a.slice:p:" + "n" * 300],
)  # fmt: skip
def test_a_path_of_another_form_is_refused(path: str) -> None:
    with pytest.raises(SpecError) as caught:
        names(path, "web", user=False)

    assert caught.value.pointer == "/linux/cgroupsPath"


def test_a_slice_is_in_the_slices_that_its_name_says() -> None:
    assert slice_path("a-b-c.slice") == "/a.slice/a-b.slice/a-b-c.slice"
    assert slice_path("-.slice") == ""


def test_the_cgroup_is_known_before_systemd_makes_it(v2: Facts, hybrid: Facts) -> None:
    assert placement(spec(), "web", v2, SYSTEM).paths == {"": "/sys/fs/cgroup/a.slice/p-n.scope"}
    paths = placement(spec(), "web", hybrid, SYSTEM).paths
    assert paths["name=systemd"] == "/sys/fs/cgroup/systemd/a.slice/p-n.scope"
    assert paths["freezer"] == "/sys/fs/cgroup/freezer/a.slice/p-n.scope"


def test_a_users_cgroup_is_below_that_of_the_users_systemd(v2: Facts) -> None:
    v2.euid = 1000
    placed = placement(spec(), "web", v2, USER)

    assert placed.paths[""] == f"/sys/fs/cgroup{USER.control_group}/a.slice/p-n.scope"
    assert placed.unit is not None
    assert placed.unit.user
    assert placed.device_program is None


def test_a_users_systemd_needs_v2(v1: Facts) -> None:
    v1.euid = 1000

    with pytest.raises(Unsupported, match="cgroup v1"):
        placement(spec(), "web", v1, USER)


def test_what_is_written_is_told(v2: Facts) -> None:
    placed = placement(
        spec(memory={"limit": 4096}, unified={"memory.high": "max"}), "web", v2, SYSTEM
    )

    assert placed.unit is not None
    shown = [str(one) for one in placed.unit.properties]
    assert "MemoryMax=4096" in shown
    assert "MemoryHigh=infinity" in shown
    assert "Delegate=yes" in shown
    assert [(write.file, write.value) for write in placed.writes] == [
        ("memory.max", "4096"),
        ("memory.high", "max"),
    ]


def test_files_become_properties() -> None:
    writes = [("memory.max", "max"), ("memory.swap.max", "5"), ("cpu.weight", "59"), ("pids.max", "7"),
              ("cpuset.cpus", "0-1,8"), ("io.weight", "100"), ("io.weight", "8:0 50"),
              ("io.max", "8:0 rbps=1"), ("io.max", "8:16 rbps=max wiops=3"), ("memory.oom.group", "1")]  # fmt: skip

    assert values(writes) == {
        "MemoryMax": INFINITY,
        "MemorySwapMax": 5,
        "CPUWeight": 59,
        "TasksMax": 7,
        "AllowedCPUs": [3, 1],
        "IOWeight": 100,
        "IODeviceWeight": [("/dev/block/8:0", 50)],
        "IOReadBandwidthMax": [("/dev/block/8:0", 1), ("/dev/block/8:16", INFINITY)],
        "IOWriteIOPSMax": [("/dev/block/8:16", 3)],
        "OOMPolicy": "kill",
    }


def test_on_v1_the_properties_are_those_of_v1() -> None:
    writes = [("memory.limit_in_bytes", "-1"), ("cpu.shares", "512"), ("cpu.cfs_period_us", "50000"),
              ("cpu.cfs_quota_us", "25000"), ("cpuset.cpus", "0"), ("blkio.weight", "500"),
              ("blkio.throttle.read_bps_device", "8:0 7")]  # fmt: skip

    assert values(writes, unified=False) == {
        "MemoryLimit": INFINITY,
        "CPUShares": 512,
        "BlockIOWeight": 500,
        "BlockIOReadBandwidth": [("/dev/block/8:0", 7)],
        "CPUQuotaPerSecUSec": 500_000,
        "CPUQuotaPeriodUSec": 50_000,
    }


@pytest.mark.parametrize(
    ("value", "per_second", "period"),
    [
        ("12345 50000", 250_000, 50_000),
        ("max", INFINITY, PERIOD_US),
        ("max 1000", INFINITY, 1000),
        ("200000", 2_000_000, PERIOD_US),
    ],
)
def test_a_quota_is_rounded_up_to_a_percent(value: str, per_second: int, period: int) -> None:
    assert values([("cpu.max", value)]) == {
        "CPUQuotaPerSecUSec": per_second,
        "CPUQuotaPeriodUSec": period,
    }


def test_an_older_systemd_is_not_told_what_it_does_not_know() -> None:
    writes = [
        ("cpu.max", "1000 10000"),
        ("cpuset.cpus", "0"),
        ("cpu.idle", "1"),
        ("memory.zswap.max", "1"),
    ]

    assert values(writes, 241) == {"CPUQuotaPerSecUSec": 100_000}
    assert values([("cpu.idle", "1")], 252) == {"CPUWeight": 0}


def test_device_rules_are_told_if_they_can_be() -> None:
    deny = ("devices.deny", "a", "")
    rules = [
        deny,
        ("devices.allow", "c 1:3 rw", ""),
        ("devices.allow", "b 8:* r", ""),
        ("devices.allow", "c *:* m", ""),
    ]
    policy, allowed = from_rules(rules, 257) or []

    assert policy.value == "strict"
    assert allowed.value == [("/dev/char/1:3", "rw"), ("block-8", "r"), ("char-*", "m")]
    assert from_rules([deny, ("devices.allow", "c *:3 rw", "")], 257) is None
    assert from_rules([deny, ("devices.allow", "b 8:* r", "")], 239) is None
    assert from_rules([("devices.allow", "a", "")], 257) == []
    assert from_rules([("devices.allow", "a", ""), ("devices.deny", "c 1:3 w", "")], 257) is None


def test_the_only_process_has_to_wait_for_its_limit(v2: Facts) -> None:
    placed = placement(spec(pids={"limit": 1}), "web", v2, SYSTEM)

    assert placed.unit is not None
    assert "TasksMax=2" in map(str, placed.unit.properties)
    assert [str(one) for one in placed.unit.late] == ["TasksMax=1"]
    assert placed.writes[-1].value == "2"


def test_annotations_add_properties(v2: Facts) -> None:
    added = {"TimeoutStopSec": "1.5", "KillSignal": "int32 9", "DefaultDependencies": "true"}
    placed = placement(spec(annotations=added), "web", v2, SYSTEM)

    assert placed.unit is not None
    found = {one.name: (one.signature, one.value) for one in placed.unit.properties}
    assert found["TimeoutStopUSec"] == ("t", 1_500_000)
    assert found["KillSignal"] == ("i", 9)
    assert found["DefaultDependencies"] == ("b", True)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x", "1", "is not the name of a property"),
        ("A.B.C", "1", "is not the name of a property"),
        ("KillSignal", "9 9", "is not a GVariant text"),
        ("TimeoutStopSec", "'x'", "seconds are a number"),
        ("TimeoutStopSec", "-1", "seconds are a number"),
        ("PIDs", "@au []", "cannot be set"),
        ("Slice", "'b.slice'", "cannot be set"),
        ("Delegate", "false", "cannot be set"),
        ("DeviceAllow", "@a(ss) []", "cannot be set"),
        ("TasksMax", "uint64 5", "contradicts linux.resources.pids.limit"),
    ],
)
def test_a_wrong_annotation_is_refused_by_name(
    v2: Facts, name: str, text: str, message: str
) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        placement(spec(annotations={name: text}, pids={"limit": 3}), "web", v2, SYSTEM)

    assert caught.value.pointer == f"/annotations/{PREFIX}{name}"


def test_where_the_systems_instance_is() -> None:
    assert systemd.addresses(user=False, environment={}) == [
        ("unix:path=/run/dbus/system_bus_socket", True),
        ("unix:path=/run/systemd/private", False),
    ]
    named = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/x"}
    assert systemd.addresses(user=False, environment=named)[0] == ("unix:path=/x", True)


def test_where_the_users_instance_is() -> None:
    environment = {
        "DBUS_SESSION_BUS_ADDRESS": "unix:abstract=y",
        "XDG_RUNTIME_DIR": "/run/user/1 0",
    }

    assert systemd.addresses(user=True, environment=environment) == [
        ("unix:abstract=y", True),
        ("unix:path=/run/user/1%200/bus", True),
        ("unix:path=/run/user/1%200/systemd/private", False),
    ]
    assert systemd.addresses(user=True, environment={}) == []


def test_no_systemd_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemd, "BOOTED", "/nowhere")
    with pytest.raises(Unsupported, match="was not booted with systemd"):
        systemd.connect(user=False)

    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with pytest.raises(Unsupported, match="the user's own systemd cannot be reached"):
        systemd.connect(user=True)


def test_nobody_at_the_socket_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/bus")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)

    with pytest.raises(Unsupported, match="cannot be reached"):
        systemd.connect(user=True)
