"""Every fault of a config.json, for `spec --check`: the structure by jsonschema, then the rules."""

from __future__ import annotations

from pyruntime.spec import normal, rules, wording

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from jsonschema import ValidationError

    from pyruntime.spec.places import Fault


def faults(config: object) -> list[tuple[str, str]]:
    """(JSON pointer, message) of every fault, in the order of the document's structure, then of the rules."""
    structural = list(dict.fromkeys([*_structural(config), *normal.misspelt(config)]))
    if not structural:
        assert isinstance(config, dict)
        return list(rules.faults(config))
    return structural + list(_semantic(config))


def _structural(config: object) -> Iterator[Fault]:
    import jsonschema

    import pyruntime.spec._schemas as _schemas

    validator = jsonschema.Draft202012Validator(_schemas.CONFIG)
    errors = sorted(validator.iter_errors(config), key=lambda error: list(map(str, error.path)))
    for error in errors:
        pointer = "".join(f"/{wording.escape(str(part))}" for part in error.absolute_path)
        for message in _messages(error):
            yield pointer, message


def _messages(error: ValidationError) -> Iterator[str]:
    """What the generated validator says of the same fault; jsonschema has one error for each missing name."""
    instance: Any = error.instance
    wanted: Any = error.validator_value
    if error.validator == "required":
        for name in wanted:
            if name not in instance:
                yield wording.must_have(name)
    elif error.validator == "dependentRequired":
        for present, others in wanted.items():
            for name in others:
                if present in instance and name not in instance:
                    yield wording.must_have_with(name, present)
    elif error.validator == "anyOf":
        yield wording.must_have_one([wish["required"][0] for wish in wanted])
    else:
        node: Any = error.schema
        yield f"must be {wording.expected(node)}" + wording.not_found(instance)


def _semantic(config: object) -> Iterator[Fault]:
    """The faults that the rules find in a document whose structure isn't right everywhere."""
    if not isinstance(config, dict):
        return
    for table, at, place in rules.tables(config):
        for name, rule in table.items():
            try:
                if name in place:
                    yield from rule(place[name], f"{at}/{name}", config)
            except (AttributeError, KeyError, TypeError):
                # What the rule looks at is malformed, which the structural part has said.
                continue
