"""docs/specification.md is what its source says, and the source names only what there is."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from golden.cases import CASES
from golden.exec_cases import EXEC_CASES
from support import specification
from support.specification import DOCUMENT, ROOT, STATUSES, properties, rows, sections

EVERY = [row for section in sections() for row in section.rows]
NUMBERED = (
    *(range(1, 13), range(20, 47), range(50, 60), range(60, 75), range(80, 100)),
    *(range(100, 117), range(120, 138), range(140, 168), range(170, 180)),
    *(range(180, 194), range(200, 209)),
)
HINT = "edit tests/specification/*.toml, then `make specification`"


@cache
def functions_of(file: str) -> set[str]:
    """What a file of tests defines, without running it."""
    path = ROOT / "tests" / file
    if not path.is_file():
        return set()
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def path_of(file: str) -> Path:
    outside = ("csrc/", "schemas/", "docs/", "tests/")
    return ROOT / file if file.startswith(outside) else ROOT / "pyruntime" / file


def test_the_document_is_made_of_its_source() -> None:
    assert specification.document() == DOCUMENT.read_text(), HINT


def test_every_property_has_its_row() -> None:
    assert sorted(row.name for row in rows("property")) == sorted(properties()), HINT


def test_every_rule_has_its_row() -> None:
    numbers = [f"R{number:03}" for part in NUMBERED for number in part]

    assert [row.name for row in rows("rules")] == numbers


def test_no_name_is_in_two_rows() -> None:
    for kind in ("property", "option", "rules"):
        names = [row.name for row in rows(kind)]
        assert len(names) == len(set(names))


def test_no_row_has_a_hole() -> None:
    assert [row.name for row in EVERY if row.status not in STATUSES] == []
    assert [row.name for row in EVERY if not row.files or not row.tests] == []
    needy = ("fake", "engine", "plan")
    assert [row.name for row in EVERY if row.status in needy and not row.remark] == []


def test_every_rule_says_what_and_where_from() -> None:
    pages = r"(bundle|config|config-linux|features|glossary|runtime|runtime-linux)\.md"
    place = re.compile(pages + r"|mount\(8\)|libseccomp")

    assert [row.name for row in rows("rules") if not row.says.endswith(".")] == []
    assert [row.name for row in rows("rules") if not place.match(row.see)] == []


def test_every_file_that_is_named_exists() -> None:
    missing = {
        (row.name, file) for row in EVERY for file in row.files if not path_of(file).is_file()
    }

    assert sorted(missing) == [], HINT


def test_every_test_that_is_named_exists() -> None:
    missing = {(row.name, test) for row in EVERY for test in row.tests if not is_test(test)}

    assert sorted(missing) == [], HINT


def is_test(name: str) -> bool:
    file, _, test = name.partition("::")
    function, bracket, case = test.removesuffix("]").partition("[")
    if bracket and not (file == "golden/test_plans.py" and (case in CASES or case in EXEC_CASES)):
        return False
    return function.startswith("test_") and function in functions_of(file)
