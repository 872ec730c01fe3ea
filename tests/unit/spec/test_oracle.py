"""The specification's own examples and schema as judges, where RUNTIME_SPEC_DIR names a checkout of it.

Nothing of them is kept here. Our schema is stricter than theirs; what it lets pass, theirs must too.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import pyruntime.spec._schemas as _schemas
from pyruntime.errors import SpecError
from pyruntime.spec import example
from pyruntime.spec.load import decode, load
from pyruntime.spec.validate import validate
from unit.spec.spec_documents import changed, full, minimal

DIRECTORY = os.environ.get("RUNTIME_SPEC_DIR", "")
CHECKOUT = Path(DIRECTORY, "schema")

pytestmark = pytest.mark.skipif(
    not DIRECTORY, reason="requires RUNTIME_SPEC_DIR, a checkout of the runtime specification"
)

# Good by their schema, refused here.
VERSION_0 = "/ociVersion: must be a version 1 of the runtime specification"
REFUSED = {
    "spec-example.json": VERSION_0,
    "zos-example.json": VERSION_0,
    "freebsd-example.json": "/hostname: needs a uts namespace",
    "linux-netdevice.json": "/linux/netDevices: needs a network namespace",
}
# Bad by their schema, but only in a part that Linux doesn't look at.
NOT_FOR_LINUX = {"freebsd-vnet-disable.json"}


def files(kind: str, verdict: str) -> list[Path]:
    return sorted(CHECKOUT.glob(f"test/{kind}/{verdict}/*.json")) if DIRECTORY else []


def names(paths: list[Path]) -> list[str]:
    return [path.stem for path in paths]


@pytest.mark.parametrize("path", files("config", "good"), ids=names(files("config", "good")))
def test_their_good_configs_are_good(path: Path) -> None:
    fault = ""
    try:
        validate(load(str(path)))
    except SpecError as error:
        fault = str(error)

    assert fault.startswith(REFUSED.get(path.name, ""))
    assert bool(fault) == (path.name in REFUSED)


@pytest.mark.parametrize("path", files("config", "bad"), ids=names(files("config", "bad")))
def test_their_bad_configs_are_bad(path: Path) -> None:
    if path.name in NOT_FOR_LINUX:
        assert validate(load(str(path))) == []
        return
    with pytest.raises(SpecError):
        validate(load(str(path)))


def test_their_full_example_has_one_fault_its_version() -> None:
    config = load(str(CHECKOUT / "test/config/good/spec-example.json"))
    config["ociVersion"] = "1.0.0"

    assert validate(config) == []


@pytest.mark.parametrize("kind", ["state", "features"])
def test_their_states_and_features_are_judged_the_same(kind: str) -> None:
    ours = jsonschema.Draft202012Validator(getattr(_schemas, kind.upper()))
    for path in files(kind, "good"):
        assert list(ours.iter_errors(decode(path.read_bytes()))) == [], path
    for path in files(kind, "bad"):
        try:
            value = decode(path.read_bytes())
        except SpecError:
            continue
        assert not ours.is_valid(value), path


def their_validator() -> Any:
    """Their schema as one document: their references are file names."""
    files = {path.name: json.loads(path.read_text()) for path in CHECKOUT.glob("*.json")}

    def inlined(node: Any, own: str) -> Any:
        if isinstance(node, list):
            return [inlined(item, own) for item in node]
        if not isinstance(node, dict):
            return node
        if isinstance(node.get("$ref"), str):
            name, _, place = node["$ref"].partition("#")
            name = name or own
            target = files[name]
            for part in filter(None, place.split("/")):
                target = target[part]
            return inlined(target, name)
        return {key: inlined(value, own) for key, value in node.items()}

    return jsonschema.Draft4Validator(inlined(files["config-schema.json"], "config-schema.json"))


@pytest.mark.parametrize(
    "config",
    [full(), minimal(), example.config(), example.config(rootless=True)],
    ids=["full", "minimal", "example", "rootless example"],
)
def test_what_is_good_here_is_good_by_their_schema(config: dict[str, Any]) -> None:
    if config.get("linux", {}).get("rootfsPropagation"):
        # The recursive kinds are not in the specification, but in what engines write.
        config = changed(config, "/linux/rootfsPropagation", "slave")

    assert [error.json_path for error in their_validator().iter_errors(config)] == []
