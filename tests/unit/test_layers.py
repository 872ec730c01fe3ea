"""Who may import whom, and which modules touch nothing.

cli → commands → container → { plan, cgroups, seccomp, host } → { spec, linux } → { facts, errors }
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "pyruntime"
MODULES = sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py"))

# Everybody may import these; they import nothing of the package.
BOTTOM = {"errors", "facts", "where", "_build"}
SPEC_AND_LINUX = BOTTOM | {"spec", "linux"}
BELOW = {
    "errors": set[str](),
    "facts": set[str](),
    "where": set[str](),
    "linux": BOTTOM | {"_native"},
    "spec": BOTTOM,
    "seccomp": SPEC_AND_LINUX,
    "plan": SPEC_AND_LINUX,
    "cgroups": SPEC_AND_LINUX,
    "host": SPEC_AND_LINUX,
    "container": SPEC_AND_LINUX | {"plan", "cgroups", "seccomp", "host"},
    "commands": SPEC_AND_LINUX | {"plan", "cgroups", "seccomp", "host", "container"},
    "cli": BOTTOM | {"commands", "seccomp"},  # --version asks libseccomp for its own
}

# What a verb is given: a name for type checkers, no import at run time.
ONLY_FOR_TYPES = {("commands", "pyruntime.cli.parse")}

PURE = (
    "plan/",
    "seccomp/",
    "spec/",
    "cgroups/devices.py",
    "cgroups/resources",
    "cgroups/gvariant.py",
    "cgroups/systemd_annotations.py",
    "cgroups/systemd_names.py",
    "cgroups/systemd_placement.py",
    "cgroups/systemd_properties.py",
    "container/status.py",
    "cli/table.py",
    "cli/parse.py",
)
IMPURE = {"seccomp/cache.py", "seccomp/libseccomp.py", "spec/load.py"}
# Tables and arithmetic; the rest of linux calls the kernel.
PURE_LINUX = {"flags", "capabilities", "landlock", "signals", "namespaces"}
SYSTEM_MODULES = {
    "fcntl",
    "select",
    "time",
    "_socket",
    "_signal",
    "socket",
    "subprocess",
    "mmap",
    "resource",
}
PATH_STRINGS = {
    "join",
    "normpath",
    "basename",
    "dirname",
    "isabs",
    "split",
    "commonpath",
    "relpath",
}


def imports(tree: ast.AST, *, for_types: bool = False) -> Iterator[tuple[str, bool]]:
    """Dotted names that *tree* imports, and whether only a type checker sees it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, for_types) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield from ((f"{node.module}.{alias.name}", for_types) for alias in node.names)
        else:
            typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            yield from imports(node, for_types=for_types or typing)


def layer_of(module: str) -> str:
    return module.split("/")[0].removesuffix(".py")


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_only_downwards(module: str) -> None:
    layer = layer_of(module)
    for name, for_types in imports(ast.parse((PACKAGE / module).read_text())):
        if not name.startswith("pyruntime.") or name.split(".")[1] in (
            "SPEC_VERSION",
            "__version__",
        ):
            continue
        if for_types and (layer, name.rpartition(".")[0]) in ONLY_FOR_TYPES:
            continue
        imported = name.split(".")[1]

        assert imported == layer or imported in BELOW[layer], f"{module} imports {name}"


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith(PURE) and m not in IMPURE])
def test_a_pure_module_touches_nothing(module: str) -> None:
    tree = ast.parse((PACKAGE / module).read_text())
    for name, for_types in imports(tree):
        if for_types:
            continue
        if name.startswith("pyruntime.linux."):
            assert name.split(".")[2] in PURE_LINUX, name
        assert name.split(".")[0] not in SYSTEM_MODULES, name
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            assert touches_nothing(ast.unparse(node.func)), (
                f"line {node.lineno}: {ast.unparse(node.func)}"
            )


def touches_nothing(function: str) -> bool:
    if function.startswith("os.path."):
        return function.removeprefix("os.path.") in PATH_STRINGS
    return function not in ("open", "print", "input") and not function.startswith("os.")


@pytest.mark.parametrize("module", MODULES)
def test_nothing_depends_on_where_its_file_is(module: str) -> None:
    for node in ast.walk(ast.parse((PACKAGE / module).read_text())):
        assert not (isinstance(node, ast.Name) and node.id == "__file__"), f"line {node.lineno}"
