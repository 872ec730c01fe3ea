"""The shape of the project: no file over its ceiling, every verb has its file."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from pyruntime.cli.table import VERBS

ROOT = Path(__file__).parents[2]
# What the build writes may lie in a checkout.
GENERATED = {
    "_build.py",
    "_config_schema.py",
    "_schemas.py",
    "_libseccomp_cffi.py",
    "_libsystemd_cffi.py",
}
PYTHON = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "pyruntime").rglob("*.py")
    if path.name not in GENERATED
)
C = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "csrc").glob("*.[ch]"))

PYTHON_LINES, C_LINES, FUNCTION_LINES = 400, 300, 40


@pytest.mark.parametrize("file", PYTHON)
def test_a_python_file_is_short(file: str) -> None:
    assert len((ROOT / file).read_text().splitlines()) <= PYTHON_LINES


@pytest.mark.parametrize("file", C)
def test_a_c_file_is_short(file: str) -> None:
    assert len((ROOT / file).read_text().splitlines()) <= C_LINES


@pytest.mark.parametrize("file", PYTHON)
def test_a_function_fits_on_a_screen(file: str) -> None:
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.FunctionDef) and not is_dispatch(node):
            assert node.end_lineno is not None
            lines = (
                node.end_lineno
                - node.lineno
                + 1
                - len((ast.get_docstring(node) or "").splitlines())
            )

            assert lines <= FUNCTION_LINES, f"{node.name}, line {node.lineno}"


def is_dispatch(node: ast.FunctionDef) -> bool:
    """A docstring and one match statement: as long as there are cases."""
    return any(isinstance(statement, ast.Match) for statement in node.body) and len(node.body) <= 3


@pytest.mark.parametrize("file", PYTHON)
def test_a_module_says_what_it_holds(file: str) -> None:
    assert ast.get_docstring(ast.parse((ROOT / file).read_text()))


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_file_with_a_run(verb: str) -> None:
    tree = ast.parse((ROOT / f"pyruntime/commands/{verb}.py").read_text())

    assert "run" in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


def test_every_command_is_a_verb_and_dispatched() -> None:
    files = {path.stem for path in (ROOT / "pyruntime" / "commands").glob("[!_]*.py")}
    dispatch = ast.parse((ROOT / "pyruntime" / "cli" / "main.py").read_text())
    imported = {
        node.module.rpartition(".")[2]
        for node in ast.walk(dispatch)
        if isinstance(node, ast.ImportFrom)
        and node.module
        and node.module.startswith("pyruntime.commands.")
    }

    assert files <= set(VERBS)
    assert imported == set(VERBS)
