"""What other runtimes take for absence, zero or another name: one meaning, said; or refused."""

from __future__ import annotations

from typing import Any

import pytest

import pyruntime.spec._schemas as _schemas
from pyruntime.errors import SpecError
from pyruntime.spec._config_schema import SHAPES
from pyruntime.spec.faults import faults
from pyruntime.spec.normal import HARMLESS
from pyruntime.spec.validate import validate
from unit.spec.spec_documents import FULL, changed, full, minimal, parts, walk, without

SCHEMA: dict[str, Any] = _schemas.CONFIG
PLACES = walk(FULL, SCHEMA, SCHEMA)
MEMBERS = [
    (f"{pointer}/{name}", pointer, name, node)
    for pointer, node in PLACES
    for name, wanted in node.get("properties", {}).items()
    if wanted is not True
]
OPTIONAL = [row for row in MEMBERS if row[2] not in row[3].get("required", ())]
ZEROS = [row for row in MEMBERS if "default" in row[3]["properties"][row[2]]]


def place_of(config: Any, pointer: str) -> Any:
    for part in parts(pointer):
        config = config[int(part)] if isinstance(config, list) else config[part]
    return config


def ids(rows: list[Any]) -> list[str]:
    return [row[0] for row in rows]


@pytest.mark.parametrize("row", OPTIONAL, ids=ids(OPTIONAL))
def test_null_is_absence_and_is_said(row: Any) -> None:
    pointer, parent, name, _ = row
    present = name in place_of(full(), parent)
    config: Any = changed(full(), pointer, None)
    absent: Any = without(full(), pointer) if present else full()

    verdict, wanted = verdict_of(config), verdict_of(absent)

    if isinstance(wanted, str):
        assert verdict == wanted
    else:
        assert verdict == [f"{pointer}: must not be null: taken as absent", *wanted]
        assert config == absent


def verdict_of(config: Any) -> list[str] | str:
    try:
        return validate(config)
    except SpecError as error:
        return str(error)


@pytest.mark.parametrize("row", ZEROS, ids=ids(ZEROS))
@pytest.mark.parametrize("null", [False, True], ids=["missing", "null"])
def test_a_missing_number_is_zero_and_is_said(row: Any, null: bool) -> None:
    pointer, parent, name, node = row
    zero = node["properties"][name]["default"]
    if name not in place_of(full(), parent):
        return
    config: Any = changed(full(), pointer, None) if null else without(full(), pointer)
    written: Any = changed(full(), pointer, zero)

    verdict, wanted = verdict_of(config), verdict_of(written)

    if isinstance(wanted, str):
        assert verdict == wanted
        return
    spelt = "false" if zero is False else zero
    said = f'{parent}: must have "{name}": taken as {spelt}'
    assert verdict == [f"{pointer}: must not be null: taken as absent" if null else said, *wanted]
    assert config == written


def test_what_has_no_harmless_zero_stays_missing() -> None:
    for pointer in ("/linux/uidMappings/0/hostID", "/linux/uidMappings/0/size", "/process/args"):
        with pytest.raises(SpecError, match="must have"):
            validate(without(full(), pointer))
    # A rate of 0 is no limit.
    with pytest.raises(SpecError, match='must have "rate"'):
        validate(without(full(), "/linux/resources/blockIO/throttleReadBpsDevice/0/rate"))


@pytest.mark.parametrize("pointer", ["/mounts/0", "/process/args/0", "/linux/namespaces/0"])
def test_null_in_a_list_is_a_fault(pointer: str) -> None:
    with pytest.raises(SpecError, match=rf"^{pointer}: must be .*, not null$"):
        validate(changed(full(), pointer, None))


@pytest.mark.parametrize(
    ("pointer", "value", "message"),
    [
        ("/process/terminal", None, "must not be null"),
        ("/process/user", {"uid": 5}, 'must have "gid"'),
        ("/process/ioPriority", {"class": "IOPRIO_CLASS_BE"}, 'must have "priority"'),
    ],
)
def test_strict_and_check_refuse_what_is_only_custom(
    pointer: str, value: object, message: str
) -> None:
    with pytest.raises(SpecError) as caught:
        validate(changed(full(), pointer, value), strict=True)
    assert str(caught.value) == f"{pointer}: {message}"
    assert [at for at, _ in faults(changed(full(), pointer, value))] == [pointer]


def wrong_cases(name: str) -> set[str]:
    found = {name.upper(), name.capitalize(), name.lower(), name.swapcase()}
    return {each.replace("s", "\u017f") if each == name else each for each in found} - {name}


@pytest.mark.parametrize("row", MEMBERS, ids=ids(MEMBERS))
def test_a_name_in_the_wrong_case_is_never_dropped_in_silence(row: Any) -> None:
    _, parent, name, node = row
    if name not in place_of(full(), parent):
        return
    for wrong in wrong_cases(name):
        config: Any = full()
        place = place_of(config, parent)
        place[wrong] = place.pop(name)
        at, text = f"{parent}/{wrong}", f'must be spelled "{name}"'

        assert (at, text) in faults(config)
        if name in HARMLESS and name not in node.get("required", ()):
            verdict = verdict_of(config)
            assert isinstance(verdict, str) or f"{at}: {text}: left out" in verdict
        elif name not in HARMLESS:
            assert verdict_of(config) == f"{at}: {text}"


@pytest.mark.parametrize("row", MEMBERS, ids=ids(MEMBERS))
def test_two_spellings_of_one_name_are_refused(row: Any) -> None:
    _, parent, name, _ = row
    config: Any = full()
    place = place_of(config, parent)
    if name in place:
        place[name.upper()] = place[name]

        text = f'must not be there beside "{name}", which it is to some'
        assert verdict_of(config) == f"{parent}/{name.upper()}: {text}"


def test_letters_that_fold_into_ascii_are_the_same_to_go() -> None:
    config: Any = minimal() | {"linux": {"ma\u017f\u212aedPaths": ["/proc/kcore"]}}

    with pytest.raises(SpecError, match='must be spelled "maskedPaths"'):
        validate(config)


def test_what_is_called_harmless_is_in_the_schema() -> None:
    names = {name for _, _, name, _ in MEMBERS}

    assert names >= HARMLESS


def test_the_shapes_are_those_of_the_schema() -> None:
    for name, shape in SHAPES.items():
        node = {**SCHEMA["$defs"], "config": SCHEMA}.get(name)
        if node is not None and "properties" in node:
            own = {key: each for key, each in node["properties"].items() if each is not True}
            assert list(shape[0]) == list(own)
            assert shape[1] == {k: each["default"] for k, each in own.items() if "default" in each}
            assert {*shape[1], *shape[2]} == {*node.get("required", ())}


@pytest.mark.parametrize("pointer", ["/linux/sysctl", "/annotations", "/linux/resources/unified"])
def test_the_keys_of_maps_are_nobodys_names(pointer: str) -> None:
    config: Any = changed(minimal(), pointer, {})

    place_of(config, pointer).update({"READONLY": "1"})
    assert not [at for at, text in faults(config) if "spelled" in text]
