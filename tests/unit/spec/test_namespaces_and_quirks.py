"""What needs a namespace, id maps, what engines write, what is only a warning."""

from __future__ import annotations

from typing import Any

import pytest

from pyruntime.linux import capabilities
from pyruntime.spec import warnings
from pyruntime.spec.faults import faults
from pyruntime.spec.validate import validate
from unit.spec.spec_documents import UNSET, changed, full, minimal, only_fault, without


def namespaces(*kinds: str, **paths: str) -> list[dict[str, str]]:
    return [{"type": kind} for kind in kinds] + [
        {"type": kind, "path": path} for kind, path in paths.items()
    ]


NEEDS = [
    ("uts", "/hostname", "h"),
    ("uts", "/domainname", "d"),
    ("user", "/linux/uidMappings", [{"containerID": 0, "hostID": 1, "size": 1}]),
    ("user", "/linux/gidMappings", [{"containerID": 0, "hostID": 1, "size": 1}]),
    ("time", "/linux/timeOffsets", {"monotonic": {"secs": 1}}),
    ("network", "/linux/netDevices", {"eth0": {}}),
    ("mount", "/linux/maskedPaths", ["/proc/kcore"]),
    ("mount", "/linux/readonlyPaths", ["/proc/sys"]),
    ("ipc", "/linux/sysctl", {"kernel.shmmax": "1"}),
    ("ipc", "/linux/sysctl", {"fs.mqueue.msg_max": "1"}),
    ("network", "/linux/sysctl", {"net.ipv4.ip_forward": "1"}),
    ("user", "/linux/sysctl", {"user.max_user_namespaces": "1"}),
    ("uts", "/linux/sysctl", {"kernel.domainname": "d"}),
]


@pytest.mark.parametrize(("kind", "place", "value"), NEEDS)
def test_what_needs_a_namespace_is_refused_without_it(kind: str, place: str, value: Any) -> None:
    others = [
        name
        for name in ["pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"]
        if name != kind
    ]
    config = changed(minimal(), "/linux/namespaces", namespaces(*others))

    pointer, message = only_fault(changed(config, place, value))

    assert pointer.startswith(place)
    assert "needs " in message
    assert "/linux/namespaces" in message
    changed(config, "/linux/namespaces", namespaces(kind))
    assert validate(config) == []


@pytest.mark.parametrize(("kind", "place", "value"), [row for row in NEEDS if row[0] != "time"])
def test_a_joined_namespace_is_as_good_as_a_new_one(kind: str, place: str, value: Any) -> None:
    config = changed(minimal(), "/linux/namespaces", namespaces(**{kind: "/proc/1/ns/x"}))

    assert validate(changed(config, place, value)) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("/hostname", ""),
        ("/linux/uidMappings", []),
        ("/linux/timeOffsets", {}),
        ("/linux/netDevices", {}),
        ("/linux/maskedPaths", []),
        ("/linux/sysctl", {}),
    ],
)
def test_what_asks_for_nothing_needs_no_namespace(place: str, value: Any) -> None:
    assert validate(changed(minimal(), place, value)) == []


@pytest.mark.parametrize(
    "place", ["/linux/uidMappings", "/linux/gidMappings", "/mounts/1/uidMappings"]
)
@pytest.mark.parametrize(
    ("mappings", "below", "message"),
    [
        ([(0, 10, 5), (4, 20, 5)], "/1/containerID", "must not overlap {}/0"),
        ([(4, 20, 5), (0, 10, 5)], "/0/containerID", "must not overlap {}/1"),
        ([(0, 10, 5), (5, 14, 5)], "/1/hostID", "must not overlap {}/0"),
        ([(2**32 - 2, 0, 2)], "/0/size", "must end before 4294967295: containerID is 4294967294"),
        ([(0, 1, 2**32 - 1)], "/0/size", "must end before 4294967295: hostID is 1"),
    ],
)
def test_id_maps_that_the_kernel_refuses_are_refused(
    place: str, mappings: list[tuple[int, int, int]], below: str, message: str
) -> None:
    names = ("containerID", "hostID", "size")
    value = [dict(zip(names, mapping, strict=True)) for mapping in mappings]

    assert only_fault(changed(full(), place, value)) == (place + below, message.format(place))


def test_the_whole_range_of_ids_can_be_mapped() -> None:
    value = [{"containerID": 0, "hostID": 0, "size": 2**32 - 1}]

    assert validate(changed(full(), "/linux/uidMappings", value)) == []


def test_an_idmapped_mount_needs_a_map() -> None:
    config = minimal() | {
        "mounts": [{"destination": "/a", "source": "b", "options": ["bind", "ridmap"]}]
    }

    assert only_fault(config) == (
        "/mounts/0/options",
        "ridmap needs uidMappings and gidMappings, or a user namespace",
    )


QUIRKS: list[tuple[str, Any]] = [
    # What engines and people really write.
    ("/ociVersion", "1.0.2-dev"),
    ("/ociVersion", "1.0.0-rc5-dev"),
    ("/ociVersion", "1.2.0+dev"),
    ("/linux/resources/memory", {"swappiness": UNSET}),
    ("/linux/resources/memory", {"limit": 0, "swap": 0}),
    ("/linux/resources/pids", {"limit": 0}),
    ("/linux/resources/pids", {}),
    ("/linux/resources/cpu", {"quota": -1, "burst": 5, "cpus": "", "mems": ""}),
    ("/linux/resources/cpu", {"quota": 0, "period": 0, "realtimePeriod": 0, "realtimeRuntime": 0}),
    ("/linux/resources/devices", [{"allow": True, "type": "c", "major": -1, "minor": -1}]),
    ("/linux/resources/devices", [{"allow": False, "access": ""}]),
    ("/linux/resources/blockIO", {"weight": 0}),
    ("/linux/resources", {}),
    ("/linux/rootfsPropagation", ""),
    ("/linux/intelRdt", {"closID": "/", "enableCMT": True, "enableMBM": True}),
    ("/linux/intelRdt", {"l3CacheSchema": "", "memBwSchema": ""}),
    ("/linux/namespaces/0", {"type": "pid", "path": ""}),
    ("/linux/memoryPolicy", {"mode": "MPOL_PREFERRED", "nodes": ""}),
    ("/linux/cgroupsPath", "system.slice:docker:0123"),
    ("/linux/cgroupsPath", ""),
    ("/process/scheduler", {"policy": "SCHED_OTHER", "priority": 0, "runtime": 0, "nice": 19}),
    ("/process/execCPUAffinity", {"initial": "", "final": " 0-1, 3"}),
    ("/process/apparmorProfile", ""),
    ("/process/capabilities", {}),
    ("/process/user", {"uid": 0, "gid": 0, "username": "x"}),
    ("/hooks", {"unknown": 1}),
    ("/hooks/prestart", [{"path": "/proc/1/exe", "args": ["libnetwork-setkey"]}]),
    ("/mounts", []),
    ("/annotations", {}),
    ("/linux/seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/unused"}),
]


@pytest.mark.parametrize(("place", "value"), QUIRKS)
def test_what_engines_write_passes(place: str, value: Any) -> None:
    assert validate(changed(full(), place, value)) == []


def test_a_process_is_not_needed_to_create() -> None:
    assert validate(without(full(), "/process")) == []


def test_a_root_is_needed_on_linux() -> None:
    assert only_fault(without(full(), "/root")) == ("", 'must have "root"')


def test_a_user_is_not_needed() -> None:
    assert validate(without(full(), "/process/user")) == []


WARNINGS: list[tuple[str, Any, str]] = [
    ("/ociVersion", "1.4.0", "/ociVersion: 1.4.0 is newer than 1.3, known here"),
    (
        "/mounts/0/destination",
        "proc",
        "/mounts/0/destination: is relative, which is deprecated: taken from /",
    ),
    ("/process/env", ["A=b", "C"], "/process/env/1: is not NAME=VALUE: passed on as it is"),
    (
        "/linux/intelRdt",
        {"l3CacheSchema": "L2:0=f"},
        "/linux/intelRdt/l3CacheSchema: does not begin with L3:",
    ),
    ("/process/env", ["=b"], "/process/env/0: is not NAME=VALUE: passed on as it is"),
    (
        "/process/capabilities",
        {"effective": ["CAP_KILL", "CAP_FLY"], "ambient": ["CAP_FLY"]},
        '/process/capabilities/effective/1: "CAP_FLY" is no capability known here: left out',
    ),
]


@pytest.mark.parametrize(("place", "value", "line"), WARNINGS)
def test_what_is_only_odd_is_a_warning(place: str, value: Any, line: str) -> None:
    config = changed(full(), place, value)

    assert validate(config) == [line]
    assert faults(config) == []


def test_the_known_capabilities_are_those_that_can_be_set() -> None:
    assert frozenset(capabilities.NAMES) == warnings.CAPABILITIES


def test_all_faults_are_listed_structure_and_rules() -> None:
    config = changed(full(), "/process/terminal", 1)
    changed(config, "/process/user", {"uid": -1})
    changed(config, "/linux/sysctl", {"vm.swappiness": "1", "net.core.somaxconn": 1})
    changed(config, "/hostname", "h" * 65)

    assert faults(config) == [
        ("/linux/sysctl/net.core.somaxconn", "must be a string, not 1"),
        ("/process/terminal", "must be true or false, not 1"),
        ("/process/user", 'must have "gid"'),
        ("/process/user/uid", "must be an integer from 0 to 4294967294, not -1"),
        ("/hostname", "must not be longer than 64 bytes"),
        ("/linux/sysctl/vm.swappiness", "must be one that the kernel keeps per namespace"),
    ]
