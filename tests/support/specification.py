"""The specification, row by row: what each says, where it is done, which test proves it.

The rows are in tests/specification/*.toml; docs/specification.md is made of them:

    python tests/support/specification.py > docs/specification.md

A row names files below pyruntime/ (or csrc/...) and tests below tests/ as FILE::TEST.
tests/unit/test_specification.py looks that they exist, and that no property and no rule is left out.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "tests/specification"
DOCUMENT = ROOT / "docs/specification.md"

STATUSES = {
    "yes": "done as the specification says, and the test fails without it",
    "fake": "done; this kernel or machine lacks the thing, so the test has a faithful copy of its "
    "files in a tmpfs",
    "plan": "done; this kernel or machine lacks the thing, so the test looks at what is planned",
    "engine": "deviates, because an engine depends on it: the remark says which, and how that was tried",
    "caller": "asks something of whoever writes the bundle, nothing of the runtime; the test shows "
    "that it is possible",
    "refused": "not done yet: a config.json that asks for it is refused by name",
    "ignored": "without effect on Linux, as the specification or the kernel says",
}

PREFACE = """# The specification, row by row

Every property of `config.json` and every rule of the runtime specification 1.3 for Linux: where it is done, and which test proves it.
The rules are in our words; *see* is the part of the specification that they come from.

This file is generated from `tests/specification/*.toml` (`make specification`); edit those.
`tests/unit/test_specification.py` compares the two, and checks that every file and test named here exists,
that no cell is empty, and that the properties are those of `schemas/config.json`, no more and no less.

Files are below `pyruntime/` unless they begin with `csrc/`, `schemas/` or `docs/`; tests are below `tests/`, and `::test_` is left out of their names.

| status | means |
| --- | --- |
"""


class Row:
    """One property, option or rule."""

    def __init__(self, section: str, name: str, content: dict[str, Any]) -> None:
        self.section = section
        self.name = name
        self.see: str = content.get("see", "")
        self.says: str = content.get("says", "")
        self.status: str = content.get("status", "yes")
        self.files: list[str] = content.get("in", [])
        self.tests: list[str] = content.get("by", [])
        self.remark: str = content.get("remark", "")


class Section:
    """A table of the document."""

    def __init__(self, kind: str, title: str, rows: list[Row]) -> None:
        self.kind = kind
        self.title = title
        self.rows = rows


def sections() -> list[Section]:
    """Every table in its order: files by name, tables as they stand in them."""
    found = []
    for path in sorted(SOURCES.glob("*.toml")):
        content = tomllib.loads(path.read_text())
        for title, table in content["sections"].items():
            rows = [Row(title, name, row) for name, row in table.items()]
            found.append(Section(content["kind"], title, rows))
    return found


def rows(kind: str) -> list[Row]:
    return [row for section in sections() if section.kind == kind for row in section.rows]


def properties() -> list[str]:
    """Every property of schemas/config.json by its path: `process.user.uid`, `mounts[].type`, `linux.rdma.*.x`."""
    schema = json.loads((ROOT / "schemas/config.json").read_text())
    return list(dict.fromkeys(_below(schema, schema, "")))


def _below(node: Any, schema: dict[str, Any], path: str) -> list[str]:
    while isinstance(node, dict) and "$ref" in node:
        node = schema["$defs"][node["$ref"].removeprefix("#/$defs/")]
    if node is True:
        return []
    found = []
    for name, wanted in node.get("properties", {}).items():
        own = f"{path}.{name}" if path else name
        found += [own, *_below(wanted, schema, own)]
    if "items" in node:
        found += _below(node["items"], schema, f"{path}[]")
    if isinstance(node.get("additionalProperties"), dict):
        found += _below(node["additionalProperties"], schema, f"{path}.*")
    return found


def used(value: Any, path: str = "") -> list[str]:
    """The properties that *value*, a part of a config.json, gives, by their paths."""
    known = set(properties())
    return [name for name in dict.fromkeys(_used(value, path, known)) if name in known]


def _used(value: Any, path: str, known: set[str]) -> list[str]:
    found = []
    if isinstance(value, list):
        for item in value:
            found += _used(item, f"{path}[]", known)
    elif isinstance(value, dict):
        for name, item in value.items():
            own = f"{path}.{name}" if path else name
            # A name of the specification's, or any name of a map.
            own = own if own in known else f"{path}.*"
            found += [own, *_used(item, own, known)]
    return found


def document() -> str:
    """docs/specification.md."""
    lines = [PREFACE + "\n".join(f"| {name} | {means} |" for name, means in STATUSES.items()), ""]
    lines += [_summary(), ""]
    for section in sections():
        lines += [f"## {section.title}", "", *_table(section), ""]
    return "\n".join(lines).rstrip() + "\n"


def _summary() -> str:
    every = [row for section in sections() for row in section.rows]
    counts = [
        f"{sum(row.status == status for row in every)} {status}"
        for status in STATUSES
        if any(row.status == status for row in every)
    ]
    return f"{len(every)} rows: {', '.join(counts)}."


def _table(section: Section) -> list[str]:
    if section.kind == "rules":
        head = ["rule", "says", "see", "status", "done in", "proven by", "remark"]
    else:
        head = [section.kind, "status", "done in", "proven by", "remark"]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return lines + [f"| {' | '.join(_cells(section.kind, row))} |" for row in section.rows]


def _cells(kind: str, row: Row) -> list[str]:
    cells = [row.name, row.says, row.see] if kind == "rules" else [f"`{row.name}`"]
    files = ", ".join(f"`{name}`" for name in row.files)
    tests = ", ".join(f"`{name.replace('::test_', ' ')}`" for name in row.tests)
    return [*(cell.replace("|", "\\|") for cell in cells), row.status, files, tests, row.remark]


if __name__ == "__main__":
    sys.stdout.write(document())
