"""Which Landlock restrictions are planned for which kernel, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import pyruntime.spec._schemas as _schemas
from golden.facts import HOSTS
from pyruntime.errors import SpecError, Unsupported
from pyruntime.linux import landlock as names
from pyruntime.plan import identity, landlock
from pyruntime.plan.request import Request
from pyruntime.plan.show import op_text
from pyruntime.spec import rules
from pyruntime.spec.faults import faults
from pyruntime.spec.landlock import policy
from pyruntime.spec.validate import validate

DOCUMENT = Path(__file__).parents[3] / "docs" / "landlock.md"
FILES = {"handledAccessFS": ["read_file", "write_file"]}
TABLES = {
    "handledAccessFS": names.FILESYSTEM,
    "handledAccessNet": names.NETWORK,
    "scoped": names.SCOPED,
    "restrictSelf": names.RESTRICT_SELF,
}
EVERY = [
    (name, word, version) for name, table in TABLES.items() for word, (_, version) in table.items()
]


def steps_of(asked: dict[str, Any], version: int) -> tuple[list[str], list[str]]:
    request = Request("web", "/bundle", "/bundle/rootfs")
    facts = HOSTS[f"landlock {version}"]
    steps, warnings = landlock.restrict(json.dumps(asked), request, facts)
    return [op_text(step.op) for step in steps], warnings


def document(text: str) -> dict[str, Any]:
    return {
        "ociVersion": "1.3.0",
        "root": {"path": "rootfs"},
        "annotations": {"org.pyruntime.landlock": text},
    }


def asking_for(name: str, word: str) -> dict[str, Any]:
    return {**({} if name != "restrictSelf" else FILES), name: [word]}


@pytest.mark.parametrize(("name", "word", "version"), EVERY)
def test_a_restriction_is_planned_where_the_kernel_knows_it(
    name: str, word: str, version: int
) -> None:
    steps, warnings = steps_of(asking_for(name, word), version)

    assert f"version {version}" in steps[0]
    assert word in " ".join(steps)
    assert warnings == []


@pytest.mark.parametrize(("name", "word", "version"), EVERY)
def test_a_restriction_that_the_kernel_lacks_is_refused_by_name(
    name: str, word: str, version: int
) -> None:
    with pytest.raises(Unsupported) as caught:
        steps_of(asking_for(name, word), version - 1)

    expected = f"needs version {version} of Landlock (Linux {names.KERNELS[version]})"
    assert "/annotations/org.pyruntime.landlock: /" in str(caught.value)
    assert word in str(caught.value)
    assert expected in str(caught.value)


@pytest.mark.parametrize(("name", "word", "version"), EVERY)
def test_with_best_effort_it_is_left_out_with_a_warning(name: str, word: str, version: int) -> None:
    asked = {**asking_for(name, word), "bestEffort": True}

    steps, warnings = steps_of(asked, version - 1)

    assert word not in " ".join(steps)
    assert any(f"/{name}: {word}: needs version {version}" in warning for warning in warnings)


def test_no_landlock_at_all_is_refused() -> None:
    with pytest.raises(Unsupported, match="this kernel has none"):
        steps_of(FILES, 0)


def test_a_rule_of_which_nothing_is_left_is_left_out() -> None:
    asked = {
        **FILES,
        "handledAccessNet": ["bind_tcp"],
        "rules": [
            {"ports": [80], "allowedAccess": ["bind_tcp"]},
            {"paths": ["/a"], "allowedAccess": ["read_file"]},
        ],
        "bestEffort": True,
    }

    steps, _ = steps_of(asked, 3)

    assert [step.partition("(")[0] for step in steps] == [
        "landlock_ruleset",
        "landlock_path",
        "landlock_restrict",
    ]


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({}, ""),
        ([], ""),
        ({"rules": []}, ""),
        ({"handledAccessFs": ["execute"]}, ""),
        ({**FILES, "handeldAccessNet": ["bind_tcp"]}, "/handeldAccessNet"),
        ({"handledAccessFS": []}, "/handledAccessFS"),
        ({"handledAccessFS": ["fly"]}, "/handledAccessFS/0"),
        ({"handledAccessNet": ["connect_udp"]}, "/handledAccessNet/0"),
        ({"scoped": ["execute"]}, "/scoped/0"),
        ({**FILES, "bestEffort": "yes"}, "/bestEffort"),
        ({**FILES, "restrictSelf": ["quiet"]}, "/restrictSelf/0"),
        ({**FILES, "rules": [{"paths": ["/a"]}]}, "/rules/0"),
        ({**FILES, "rules": [{"allowedAccess": ["read_file"]}]}, "/rules/0"),
        (
            {**FILES, "rules": [{"paths": ["/a"], "ports": [1], "allowedAccess": ["read_file"]}]},
            "/rules/0",
        ),
        (
            {**FILES, "rules": [{"paths": ["/a"], "allowedAccess": ["read_file", "execute"]}]},
            "/rules/0/allowedAccess/1",
        ),
        (
            {**FILES, "rules": [{"paths": ["a"], "allowedAccess": ["read_file"]}]},
            "/rules/0/paths/0",
        ),
        (
            {"handledAccessNet": ["bind_tcp"], "rules": [{"ports": [65536]}]},
            "/rules/0",
        ),
        (
            {
                "handledAccessNet": ["bind_tcp"],
                "rules": [{"ports": [65536], "allowedAccess": ["bind_tcp"]}],
            },
            "/rules/0/ports/0",
        ),
        (
            {
                "handledAccessNet": ["bind_tcp"],
                "rules": [{"ports": [1], "allowedAccess": ["bind_tcp"], "optional": True}],
            },
            "/rules/0/optional",
        ),
        (
            {**FILES, "rules": [{"paths": ["/a"], "allowedAccess": ["read_file"], "x": 1}]},
            "/rules/0/x",
        ),
    ],
)
def test_a_bad_policy_is_refused_at_its_place(asked: object, pointer: str) -> None:
    text = json.dumps(asked)
    with pytest.raises(SpecError) as caught:
        policy(text)
    with pytest.raises(SpecError) as in_document:
        validate(document(text))

    assert caught.value.pointer.startswith(pointer)
    assert in_document.value.pointer == "/annotations/org.pyruntime.landlock"
    assert str(caught.value) in str(in_document.value)
    assert faults(document(text)) == [
        ("/annotations/org.pyruntime.landlock", str(caught.value)),
    ]


@pytest.mark.parametrize("text", ["", "{", "nothing", '{"scoped": ["signal"], "scoped": []}'])
def test_a_policy_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"^/annotations/org\.pyruntime\.landlock: the policy"):
        validate(document(text))


def test_the_annotation_has_one_name() -> None:
    assert identity.LANDLOCK == rules.LANDLOCK


def test_the_schema_and_the_table_have_the_same_names() -> None:
    definitions = _schemas.LANDLOCK["$defs"]
    properties = _schemas.LANDLOCK["properties"]

    assert definitions["filesystem"]["enum"] == list(names.FILESYSTEM)
    assert definitions["network"]["enum"] == list(names.NETWORK)
    assert properties["scoped"]["items"]["enum"] == list(names.SCOPED)
    assert properties["restrictSelf"]["items"]["enum"] == list(names.RESTRICT_SELF)


def test_the_document_has_every_name_beside_its_version() -> None:
    rows = re.findall(r"^\| (\d) \| ([\d.]+) \| (.*) \|$", DOCUMENT.read_text(), re.MULTILINE)

    assert {int(version): linux for version, linux, _ in rows} == names.KERNELS
    for version, _, listed in rows:
        assert re.findall(r"`(\w+)`", listed) == [
            word for _, word, since in EVERY if since == int(version)
        ]
