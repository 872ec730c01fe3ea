"""How a fault of config.json is said: what was expected, and what was found.

Loaded by the build, which writes the expectations into the generated validator, and on the way to
an error; never on the good path.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

LONGEST = 60

ARTICLES = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "an array",
    "null": "null",
}


def escape(key: str) -> str:
    """One component of a JSON pointer. RFC 6901."""
    return key.replace("~", "~0").replace("/", "~1")


def expected(node: dict[str, Any]) -> str:
    """What a value must be to satisfy the type, range and enumeration of schema *node*."""
    if "const" in node:
        return found(node["const"])
    if "enum" in node:
        names = [name for name in node["enum"] if name != ""]
        return names[0] if len(names) == 1 else f"one of {', '.join(names)}"
    kinds = node["type"] if isinstance(node["type"], list) else [node["type"]]
    text = " or ".join(ARTICLES[kind] for kind in kinds)
    if "minimum" in node:
        text += f" from {node['minimum']} to {node['maximum']}"
    if node.get("minLength") or node.get("minItems"):
        text += " that is not empty"
    return text


def no_other(names: Iterable[str]) -> str:
    """What is said of a member that an object of closed form does not have."""
    return f"is not known: there is only {', '.join(names)}"


def found(value: object) -> str:
    """*value* in a few words, as JSON spells it."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, dict):
        return "an object" if value else "an empty object"
    if isinstance(value, list):
        return "an array" if value else "an empty array"
    text = f'"{value}"' if isinstance(value, str) else number(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def number(value: object) -> str:
    """*value* in digits, unless they are more than Python writes out (sys.set_int_max_str_digits)."""
    try:
        return repr(value)
    except ValueError:
        return "a number of thousands of digits"


def not_found(*value: object) -> str:
    """The end of a sentence about a *value*; about a missing one there is none."""
    return f", not {found(value[0])}" if value else ""


def must_have(name: str) -> str:
    return f'must have "{name}"'


def must_have_with(name: str, present: str) -> str:
    return f'must have "{name}" because it has "{present}"'


def must_have_one(names: list[str]) -> str:
    return "must have " + " or ".join(f'"{name}"' for name in names)
