"""Write a Python module from the schemas: `python schemas/generate.py DIRECTORY/NAME.py`.

    _config_schema.py     a validator of config.json as straight-line code; it imports nothing
    _landlock_schema.py   the same for the policy in the annotation org.pyruntime.landlock
    _schemas.py           the schemas themselves, for jsonschema, found without any file

Only the keywords that these two schemas use are known; any other is an error of the build, so
that the generated code can't fall behind the schema silently.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent

# The words of this source tree, whatever is installed; a test that loads this file keeps its own path.
sys.path.insert(0, str(HERE.parent))
from pyruntime.spec import wording  # noqa: E402

sys.path.pop(0)

SCHEMAS = ("config", "landlock", "state", "features", "record")

KEYWORDS = {
    "string": {"minLength"},
    "boolean": set(),
    "integer": {"minimum", "maximum"},
    "array": {"items", "minItems"},
    "object": {"properties", "required", "additionalProperties", "dependentRequired", "anyOf"},
}
# "default": what a missing required member counts as, where all Go runtimes take it as their zero value.
ANYWHERE = {"type", "description", "title", "default", "$schema", "$defs"}

HEAD = '''"""The structure of NAME.json. Generated from schemas/NAME.json by schemas/generate.py."""
# mypy: ignore-errors


class Fault(Exception):
    """The value at *pointer* is not as the schema wants it; *found* is the value, where it matters."""

    def __init__(self, pointer: str, message: str, *found: object) -> None:
        self.pointer = pointer
        self.message = message
        self.found = found


def check(value: object) -> None:
    check_NAME(value, "")


def key(name):
    return name.replace("~", "~0").replace("/", "~1")


'''


class Writer:
    """Turns schema nodes into functions: one per object, and one per array that has a name."""

    def __init__(self, name: str, schema: dict[str, Any]) -> None:
        self.name = name
        self.definitions: dict[str, dict[str, Any]] = schema["$defs"]
        self.functions: dict[str, list[str]] = {}
        self.lines: list[str] = []
        self.call(name, schema)

    def text(self) -> str:
        bodies = ["\n".join(lines) for lines in self.functions.values()]
        return HEAD.replace("NAME", self.name) + "\n\n\n".join(bodies) + "\n"

    def resolve(self, node: Any, name: str) -> tuple[dict[str, Any], str]:
        """The node that *node* refers to, and its name."""
        if node is True:
            return {}, name
        while "$ref" in node:
            assert set(node) <= {"$ref", "default"}, node
            name = node["$ref"].removeprefix("#/$defs/")
            node = self.definitions[name]
        return node, name

    def call(self, name: str, node: dict[str, Any]) -> str:
        """The name of the function that checks *node*; it is written if it isn't yet."""
        function = f"check_{name}"
        if function not in self.functions:
            self.functions[function] = []  # A place in the order, and an end for recursion.
            outer, self.lines = self.lines, [f"def {function}(v, p):"]
            self.body(node, name)
            self.functions[function] = self.lines
            self.lines = outer
        return function

    def shapes(self) -> dict[str, Any]:
        """What `spec/normal.py` walks along: the objects and arrays by name, without what leaves must be."""
        found: dict[str, Any] = {}
        left = [(self.name, json.loads((HERE / f"{self.name}.json").read_text("utf-8")))]
        while left:
            name, node = left.pop()
            if name in found or node.get("type") not in ("object", "array"):
                continue
            below = [(f"{name}_{member}", each) for member, each in self.inner(node)]
            resolved = [self.resolve(each, its_name) for its_name, each in below]
            left += [(its_name, each) for each, its_name in resolved]
            names = [
                its_name if each.get("type") in ("object", "array") else None
                for each, its_name in resolved
            ]
            if "properties" not in node:
                found[name] = names[0]
                continue
            members = dict(zip(node["properties"], names, strict=True))
            own = {member: each for member, each in node["properties"].items() if each is not True}
            zeros = {member: each["default"] for member, each in own.items() if "default" in each}
            needed = [member for member in node.get("required", []) if member not in zeros]
            found[name] = ({member: members[member] for member in own}, zeros, needed)
        return leafless(found)

    def inner(self, node: dict[str, Any]) -> list[tuple[str, Any]]:
        """The members of an object, or what all the members of a map or an array are."""
        if "properties" in node:
            return list(node["properties"].items())
        if node["type"] == "array":
            return [("item", node["items"])]
        return [("member", node["additionalProperties"])]

    def line(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def refuse(
        self, depth: int, condition: str, pointer: str, message: str, found: str = ""
    ) -> None:
        self.line(depth, f"if {condition}:")
        arguments = f'{pointer}, "{escaped(message)}"' + (f", {found}" if found else "")
        self.line(depth + 1, f"raise Fault({arguments})")

    def body(self, node: dict[str, Any], name: str) -> None:
        must_be = f"must be {wording.expected(node)}"
        self.refuse(1, mismatch(node, "v"), "p", must_be, "v")
        if node["type"] == "array":
            self.items(1, node, "v", "{p}", name)
        else:
            self.properties(node, name)

    def properties(self, node: dict[str, Any], name: str) -> None:
        required = node.get("required", [])
        for member in required:
            self.refuse(1, f'"{member}" not in v', "p", wording.must_have(member))
        for present, others in node.get("dependentRequired", {}).items():
            for other in others:
                condition = f'"{present}" in v and "{other}" not in v'
                self.refuse(1, condition, "p", wording.must_have_with(other, present))
        if "anyOf" in node:
            names = [wish["required"][0] for wish in node["anyOf"]]
            assert node["anyOf"] == [{"required": [name]} for name in names], node
            condition = " and ".join(f'"{name}" not in v' for name in names)
            self.refuse(1, condition, "p", wording.must_have_one(names))
        for member, wanted in node.get("properties", {}).items():
            resolved, its_name = self.resolve(wanted, f"{name}_{member}")
            if not resolved:
                continue
            depth = 1
            if member not in required:
                self.line(1, f'if "{member}" in v:')
                depth = 2
            self.line(depth, f'x = v["{member}"]')
            self.value(depth, resolved, "x", "{p}/" + wording.escape(member), its_name)
        self.members(1, node, "v", "{p}", name)

    def members(
        self, depth: int, node: dict[str, Any], value: str, pointer: str, name: str
    ) -> None:
        """Every value of an object that is used as a map; or that an object has no other members."""
        if "additionalProperties" not in node:
            return
        if node["additionalProperties"] is False:
            names = ", ".join(f'"{name}"' for name in node["properties"])
            self.line(depth, f"for k in {value}:")
            self.refuse(
                depth + 1,
                f"k not in {{{names}}}",
                f'f"{pointer}/{{key(k)}}"',
                wording.no_other(node["properties"]),
            )
            return
        assert "properties" not in node, node
        resolved, its_name = self.resolve(node["additionalProperties"], f"{name}_member")
        self.line(depth, f"for k, y in {value}.items():")
        self.value(depth + 1, resolved, "y", pointer + "/{key(k)}", its_name)

    def items(self, depth: int, node: dict[str, Any], value: str, pointer: str, name: str) -> None:
        resolved, its_name = self.resolve(node["items"], f"{name}_item")
        self.line(depth, f"for i, y in enumerate({value}):")
        self.value(depth + 1, resolved, "y", pointer + "/{i}", its_name)

    def value(self, depth: int, node: dict[str, Any], value: str, pointer: str, name: str) -> None:
        """A check of *value*, in place if it is short, else by a call."""
        formatted = f'f"{pointer}"'
        kind = node.get("type")
        if kind == "object" and ("properties" in node or value != "x"):
            self.line(depth, f"{self.call(name, node)}({value}, {formatted})")
            return
        if kind == "array" and (name in self.definitions or value != "x"):
            self.line(depth, f"{self.call(name, node)}({value}, {formatted})")
            return
        must_be = f"must be {wording.expected(node)}"
        self.refuse(depth, mismatch(node, value), formatted, must_be, value)
        if kind == "array":
            self.items(depth, node, value, pointer, name)
        elif kind == "object":
            self.members(depth, node, value, pointer, name)


def leafless(shapes: dict[str, Any]) -> dict[str, Any]:
    """*shapes* without the arrays and maps of leaves, in which there is nothing to walk along."""
    kept = {name: shape for name, shape in shapes.items() if shape is not None}
    for name, shape in kept.items():
        if isinstance(shape, tuple):
            members, *rest = shape
            below = {member: each if each in kept else None for member, each in members.items()}
            kept[name] = (below, *rest)
    return kept


def mismatch(node: dict[str, Any], value: str) -> str:
    """The condition under which *value* is not what *node* says of it alone."""
    if "enum" in node:
        assert all(isinstance(name, str) for name in node["enum"]), node
        assert set(node) <= {"enum", "description"}, node
        names = ", ".join(f'"{name}"' for name in node["enum"])
        return f"type({value}) is not str or {value} not in {{{names}}}"
    kind = node["type"]
    unknown = set(node) - ANYWHERE - KEYWORDS[kind]
    assert not unknown, f"schemas/generate.py does not know {unknown}"
    python = {
        "string": "str",
        "boolean": "bool",
        "integer": "int",
        "array": "list",
        "object": "dict",
    }[kind]
    condition = f"type({value}) is not {python}"
    if "minimum" in node:
        condition += f" or not {node['minimum']} <= {value} <= {node['maximum']}"
    if "minLength" in node or "minItems" in node:
        assert node.get("minLength", 1) == node.get("minItems", 1) == 1
        condition += f" or not {value}"
    return condition


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def validator(name: str) -> str:
    schema = json.loads((HERE / f"{name}.json").read_text("utf-8"))
    return Writer(name, schema).text()


def config_schema() -> str:
    schema = json.loads((HERE / "config.json").read_text("utf-8"))
    shapes = Writer("config", schema).shapes()
    lines = [f"    {name!r}: {shape!r}," for name, shape in shapes.items()]
    return validator("config") + "\n\nSHAPES = {\n" + "\n".join(lines) + "\n}\n"


def landlock_schema() -> str:
    return validator("landlock")


def schemas() -> str:
    text = '"""The JSON Schemas. Generated from schemas/*.json by schemas/generate.py."""\n'
    for name in SCHEMAS:
        schema = json.loads((HERE / f"{name}.json").read_text("utf-8"))
        text += f"\n{name.upper()} = {schema!r}\n"
    return text


MODULES = {
    "_config_schema.py": config_schema,
    "_landlock_schema.py": landlock_schema,
    "_schemas.py": schemas,
}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or Path(arguments[0]).name not in MODULES:
        print(f"usage: generate.py [DIRECTORY/]({'|'.join(MODULES)})", file=sys.stderr)
        return 2
    output = Path(arguments[0])
    output.write_text(MODULES[output.name](), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
