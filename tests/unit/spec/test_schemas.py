"""The schemas of what we print and keep; that of config.json has its tests in test_structure.py."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

import pyruntime.spec._schemas as _schemas

STATE: dict[str, Any] = {
    "ociVersion": "1.3.0",
    "id": "web",
    "pid": 4422,
    "status": "running",
    "bundle": "/b",
    "rootfs": "/b/rootfs",
    "created": "2026-01-02T03:04:05.000000006Z",
    "annotations": {"a": "b"},
    "owner": "",
}

RECORD: dict[str, Any] = {
    "version": 1,
    "ociVersion": "1.3.0",
    "id": "web",
    "bundle": "/b",
    "rootfs": "/b/rootfs",
    "created": "2026-01-02T03:04:05.000000006Z",
    "owner": "",
    "annotations": {},
    "systemdCgroup": False,
    "cgroup": {"driver": "v1", "paths": {"cpu,cpuacct": "/sys/fs/cgroup/cpu,cpuacct/x"}},
    "namespaces": ["pid", "mount"],
    "noPivot": False,
    "preserveFds": 0,
}

FEATURES: dict[str, Any] = {
    "ociVersionMin": "1.0.0",
    "ociVersionMax": "1.3.0",
    "hooks": ["prestart"],
    "mountOptions": None,
    "linux": {
        "namespaces": ["pid"],
        "cgroup": {"v1": True, "rdma": None},
        "seccomp": {"enabled": True, "actions": ["SCMP_ACT_ALLOW"]},
        "mountExtensions": {"idmap": {"enabled": True}},
        "netDevices": {"enabled": False},
    },
    "annotations": {"org.example": "x"},
}


def is_valid(schema: dict[str, Any], value: object) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid(value))


@pytest.mark.parametrize("name", ["CONFIG", "LANDLOCK", "STATE", "FEATURES", "RECORD"])
def test_each_schema_is_one(name: str) -> None:
    schema = getattr(_schemas, name)

    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("status", ["creating", "created", "running", "stopped", "paused"])
def test_a_state_is_valid_in_each_status(status: str) -> None:
    assert is_valid(_schemas.STATE, STATE | {"status": status})


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({"status": "stopped", "pid": 0}, True),
        ({"status": "creating", "pid": 0}, True),
        ({"status": "running", "pid": 0}, False),
        ({"status": "gone"}, False),
        ({"bundle": "b"}, False),
        ({"annotations": {"a": 1}}, False),
        ({"more": 1}, True),
    ],
)
def test_a_state_is_as_the_specification_says(change: dict[str, Any], valid: bool) -> None:
    assert is_valid(_schemas.STATE, STATE | change) is valid


def test_a_live_state_needs_its_pid() -> None:
    without = {name: value for name, value in STATE.items() if name != "pid"}

    assert not is_valid(_schemas.STATE, without)
    assert is_valid(_schemas.STATE, without | {"status": "stopped"})


def test_a_record_is_valid() -> None:
    assert is_valid(_schemas.RECORD, RECORD)


@pytest.mark.parametrize("name", RECORD)
def test_a_record_needs_each_field(name: str) -> None:
    assert not is_valid(_schemas.RECORD, {key: RECORD[key] for key in RECORD if key != name})


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"id": "a/b"},
        {"bundle": "b"},
        {"created": "2026-01-02T03:04:05Z"},
        {"cgroup": {"driver": "systemd", "paths": {}}},
        {"cgroup": {"driver": "v2", "paths": {"": "relative"}}},
        {"namespaces": ["pid", "pid"]},
        {"preserveFds": -1},
    ],
)
def test_another_record_is_not_valid(change: dict[str, Any]) -> None:
    assert not is_valid(_schemas.RECORD, RECORD | change)


def test_features_are_valid() -> None:
    assert is_valid(_schemas.FEATURES, FEATURES)


@pytest.mark.parametrize(
    "change",
    [
        {"ociVersionMin": None},
        {"hooks": "prestart"},
        {"unknown": 1},
        {"linux": {"unknown": 1}},
        {"linux": {"cgroup": {"v3": True}}},
        {"linux": {"netDevices": {"enabled": "yes"}}},
        {"annotations": {"": "x"}},
    ],
)
def test_features_hold_nothing_that_the_specification_does_not_define(
    change: dict[str, Any],
) -> None:
    assert not is_valid(_schemas.FEATURES, FEATURES | change)
