"""The generated validator: every property, wrong in every way, is refused at its pointer."""

from __future__ import annotations

import copy
import json
from types import ModuleType
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyruntime.spec._config_schema as _config_schema
import pyruntime.spec._schemas as _schemas
from pyruntime.errors import SpecError
from pyruntime.spec.faults import faults
from pyruntime.spec.validate import validate
from pyruntime.spec.wording import not_found
from unit.spec.spec_documents import FULL, changed, full, minimal, resolved, walk, without

SCHEMA: dict[str, Any] = _schemas.CONFIG
ORACLE = jsonschema.Draft202012Validator(SCHEMA)
PLACES = walk(FULL, SCHEMA, SCHEMA)
OTHER_KINDS = [None, True, "x", 7, 1.5, [], {}, ["x"], {"x": "y"}]


def fault_of(config: object) -> tuple[str, str]:
    with pytest.raises(SpecError) as caught:
        validate(config)
    return caught.value.pointer, str(caught.value)


def is_a(value: object, node: dict[str, Any]) -> bool:
    return bool(jsonschema.Draft202012Validator(node | {"$defs": SCHEMA["$defs"]}).is_valid(value))


def test_the_full_example_is_right() -> None:
    assert validate(full()) == []
    assert faults(full()) == []


def test_the_full_example_names_every_property() -> None:
    used = {id(node) for _, node in PLACES}
    missing = [
        f"{name}.{member}"
        for name, node in {**SCHEMA["$defs"], "config": SCHEMA}.items()
        for member, wanted in node.get("properties", {}).items()
        if wanted is not True and id(resolved(wanted, SCHEMA)) not in used
    ]

    assert missing == []


def test_the_smallest_document_is_right() -> None:
    assert validate(minimal()) == []


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "x", [], [{}]])
def test_a_document_that_is_no_object_is_refused(value: object) -> None:
    pointer, message = fault_of(value)

    assert pointer == ""
    assert message.startswith("must be an object, not ")


@pytest.mark.parametrize(
    ("pointer", "node"), PLACES[1:], ids=[pointer for pointer, _ in PLACES[1:]]
)
def test_another_type_is_refused_at_its_pointer(pointer: str, node: dict[str, Any]) -> None:
    for value in OTHER_KINDS:
        config = changed(full(), pointer, value)
        if is_a(value, node):
            _config_schema.check(config)
            continue
        zeros = [
            name
            for name, each in node.get("properties", {}).items()
            if each is not True and "default" in each
        ]
        if (value is None and not pointer.rsplit("/", 1)[-1].isdecimal()) or (
            isinstance(value, dict) and zeros and zeros == node["required"]
        ):
            continue  # Absence, of the whole or of every number in it: test_normal.py.
        at, message = fault_of(config)

        assert at.startswith(pointer)
        assert message.startswith(f"{at}: must ")


NUMBERS = [(pointer, node) for pointer, node in PLACES if node.get("type") == "integer"]


@pytest.mark.parametrize(("pointer", "node"), NUMBERS, ids=[pointer for pointer, _ in NUMBERS])
def test_a_number_out_of_range_is_refused(pointer: str, node: dict[str, Any]) -> None:
    for value in (node["minimum"] - 1, node["maximum"] + 1, 10**4400, -(10**30)):
        at, message = fault_of(changed(full(), pointer, value))

        assert at == pointer
        assert f"must be an integer from {node['minimum']} to {node['maximum']}, not " in message


@pytest.mark.parametrize(("pointer", "node"), NUMBERS, ids=[pointer for pointer, _ in NUMBERS])
def test_the_ends_of_a_range_are_in_it(pointer: str, node: dict[str, Any]) -> None:
    for value in (node["minimum"], node["maximum"]):
        _config_schema.check(changed(full(), pointer, value))


NAMES = [(pointer, node) for pointer, node in PLACES if "enum" in node]


@pytest.mark.parametrize(("pointer", "node"), NAMES, ids=[pointer for pointer, _ in NAMES])
def test_an_unknown_name_is_refused(pointer: str, node: dict[str, Any]) -> None:
    at, message = fault_of(changed(full(), pointer, "no-such-name"))

    assert at == pointer
    assert "must be one of " in message
    assert message.endswith(', not "no-such-name"')
    for name in node["enum"]:
        _config_schema.check(changed(full(), pointer, name))


OBJECTS = [
    (f"{pointer}/{name}", pointer, name)
    for pointer, node in PLACES
    for name in node.get("required", ())
    if "default" not in node["properties"][name]
]


@pytest.mark.parametrize(("pointer", "parent", "name"), OBJECTS, ids=[row[0] for row in OBJECTS])
def test_a_missing_member_is_named(pointer: str, parent: str, name: str) -> None:
    at, message = fault_of(without(full(), pointer))

    assert at == parent
    assert message.endswith(f'must have "{name}"')


@pytest.mark.parametrize(("pointer", "node"), PLACES, ids=[pointer for pointer, _ in PLACES])
def test_unknown_properties_are_allowed_everywhere(pointer: str, node: dict[str, Any]) -> None:
    if node.get("type") == "object" and "additionalProperties" not in node:
        config = changed(full(), f"{pointer}/x-unknown", {"deep": [None, 1.5]})

        assert validate(config) == []
        assert faults(config) == []


@pytest.mark.parametrize("name", ["freebsd", "solaris", "vm", "windows", "zos"])
@pytest.mark.parametrize("value", [{}, {"x": 1}, None, 7])
def test_other_platforms_are_not_looked_at(name: str, value: object) -> None:
    assert validate(minimal() | {name: value}) == []


@pytest.mark.parametrize(
    ("pointer", "value", "message"),
    [
        ("/process/user/uid", "x", 'must be an integer from 0 to 4294967294, not "x"'),
        ("/process/user/uid", True, "must be an integer from 0 to 4294967294, not true"),
        ("/process/user/uid", 1.5, "must be an integer from 0 to 4294967294, not 1.5"),
        ("/process/terminal", "true", 'must be true or false, not "true"'),
        ("/process/args", [], "must be an array that is not empty, not an empty array"),
        ("/process/args/0", 3, "must be a string, not 3"),
        ("/process/cwd", "", 'must be a string that is not empty, not ""'),
        ("/root", [1], "must be an object, not an array"),
        ("/annotations/a~1b~0c", {"x": 1}, "must be a string, not an object"),
        ("/hostname", "x" * 100, ""),
        (
            "/linux/personality/domain",
            "y" * 100,
            f'must be one of LINUX, LINUX32, not "{"y" * 58}…',
        ),
        ("/linux/resources/rdma/mlx5_1", {}, 'must have "hcaHandles" or "hcaObjects"'),
    ],
)
def test_the_message_says_what_was_expected_and_found(
    pointer: str, value: object, message: str
) -> None:
    at, line = fault_of(changed(full(), pointer, value))

    assert at == pointer
    if message:
        assert line.encode() == f"{pointer}: {message}".encode().replace(
            "…".encode(), b"\\u2026"
        ) or (line == f"{pointer}: {message}")


def test_one_sided_members_are_refused() -> None:
    assert fault_of(without(full(), "/mounts/1/gidMappings")) == (
        "/mounts/1",
        '/mounts/1: must have "gidMappings" because it has "uidMappings"',
    )
    assert fault_of(without(full(), "/mounts/1/uidMappings")) == (
        "/mounts/1",
        '/mounts/1: must have "uidMappings" because it has "gidMappings"',
    )
    assert fault_of(without(full(), "/linux/seccomp/listenerPath")) == (
        "/linux/seccomp",
        '/linux/seccomp: must have "listenerPath" because it has "listenerMetadata"',
    )


def test_the_error_is_one_line_whatever_the_file_holds() -> None:
    _, message = fault_of(changed(full(), "/process/terminal", "a\nb\x1b[2J"))

    assert message.isprintable()


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 2**16, 2**32, 2**32 - 1, 2**63, -(2**63), 2**64, 2**64 - 1, 1.5]),
    st.text(max_size=5),
    st.sampled_from(["", "/", "pid", "SCMP_ACT_ALLOW", "RLIMIT_CPU", "rslave"]),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


def first_fault(config: Any) -> tuple[str, str] | None:
    try:
        _config_schema.check(config)
    except _config_schema.Fault as fault:
        return fault.pointer, fault.message + not_found(*fault.found)
    return None


def same_verdict(config: Any) -> None:
    fault = first_fault(config)

    assert (fault is None) == ORACLE.is_valid(config)
    assert fault is None or fault in faults(config)


@given(st.lists(st.tuples(st.sampled_from(PLACES[1:]), VALUES), min_size=1, max_size=3))
def test_the_generated_code_and_jsonschema_agree(
    changes: list[tuple[tuple[str, Any], Any]],
) -> None:
    config = full()
    for (pointer, _), value in changes:
        try:
            changed(config, pointer, copy.deepcopy(value))
        except (IndexError, KeyError, TypeError, AttributeError, ValueError):
            continue  # an earlier change has removed the place

    same_verdict(config)


@given(st.lists(st.sampled_from(PLACES[1:]), min_size=1, max_size=4))
def test_both_agree_about_missing_members(places: list[tuple[str, Any]]) -> None:
    config = full()
    for pointer, _ in places:
        try:
            without(config, pointer)
        except (IndexError, KeyError, TypeError):
            continue

    same_verdict(config)


@given(VALUES)
def test_both_agree_about_anything(value: Any) -> None:
    same_verdict(value)


def test_the_generated_modules_are_those_of_the_schemas(generator: ModuleType) -> None:
    namespace: dict[str, Any] = {}
    exec(generator.schemas(), namespace)

    assert namespace["CONFIG"] == SCHEMA
    assert namespace["RECORD"] == _schemas.RECORD
    assert "import" not in generator.config_schema()


def test_the_generator_refuses_a_keyword_that_it_does_not_know(generator: ModuleType) -> None:
    schema = json.loads(json.dumps(SCHEMA))
    schema["$defs"]["root"]["properties"]["path"]["pattern"] = "^/"

    with pytest.raises(AssertionError, match="pattern"):
        generator.Writer("config", schema)


def test_an_empty_list_of_names_is_refused() -> None:
    assert fault_of(changed(full(), "/linux/seccomp/syscalls/0/names", [])) == (
        "/linux/seccomp/syscalls/0/names",
        "/linux/seccomp/syscalls/0/names: must be an array that is not empty, not an empty array",
    )
