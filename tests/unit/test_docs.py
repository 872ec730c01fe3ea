"""The documents say what the code says: the tables of docs/ against the tables of Python and C."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyruntime.cgroups import hints
from pyruntime.cli.table import GLOBALS, VERBS, Option
from pyruntime.container import host_ops, report, status
from pyruntime.facts import FEATURES
from pyruntime.plan import landlock_ops, mount_ops, not_executed, ops, resctrl_ops
from pyruntime.plan.calls import CALLS
from pyruntime.plan.show import ARGUMENTS
from pyruntime.plan.step import Op

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MAN = DOCS / "man"
MARKDOWN = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
# Made where a plan is encoded; and one that nothing plans.
WITHOUT_A_FUNCTION = {"barrier"}


class Row:
    """An op as docs/plan.md has it."""

    def __init__(self, cells: list[str]) -> None:
        self.name = cells[0].strip("`")
        self.arguments = [word.strip() for word in cells[1].split(",") if word.strip()]
        self.signature = None if cells[2] == "-" else cells[2].strip("`")
        self.sides = set(cells[3].split(", "))


def rows() -> dict[str, Row]:
    found = {}
    for line in (DOCS / "plan.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(r"`\w+`", cells[0]) and len(cells) == 6:
            assert cells[0] not in found, f"{cells[0]} twice"
            found[cells[0].strip("`")] = Row(cells)
    return found


ROWS = rows()


def c_tables() -> dict[str, str]:
    """Op to signature, from every table in csrc."""
    text = "".join(path.read_text() for path in sorted((ROOT / "csrc").glob("ops_*.c")))
    return dict(re.findall(r'\{"(\w+)", "([nsuib*]*)", op_\w+\}', text))


SAMPLES: dict[str, Any] = {
    "str": "a",
    "int": 1,
    "bool": True,
    "bytes": b"12345678",
    "list[int]": [1],
    "list[str]": ["a"],
    "tuple[str, str]": ("a", "b"),
    "list[Attributes]": [mount_ops.Attributes(set=1)],
}


def made_by(function: Callable[..., Op]) -> list[Op]:
    """The ops that *function* makes of sample arguments, in its classic form too."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        sample = SAMPLES[parameter.annotation]
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            named[name] = sample
        else:
            positional.append(sample)
    if "classic" not in named:
        return [function(*positional, **named)]
    return [function(*positional, **{**named, "classic": value}) for value in (False, True)]


def planned() -> dict[str, Op]:
    """Every op that the planner has a function for, with sample arguments."""
    found = {}
    for module in (ops, mount_ops, landlock_ops, resctrl_ops):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_"):
                found.update({op.name: op for op in made_by(function)})
    return found


PLANNED = planned()
SIGNATURES = c_tables()


def kinds_fit(args: tuple[str | int | bytes, ...], signature: str) -> bool:
    """Whether *args* are what an op with *signature* takes."""
    fixed = signature.removesuffix("*")
    kinds: dict[str, type] = {"s": str, "n": int, "u": int, "i": int, "b": bytes}
    enough = len(args) >= len(fixed) if "*" in signature else len(args) == len(fixed)
    return enough and all(
        isinstance(arg, kinds[letter]) for arg, letter in zip(args, fixed, strict=False)
    )


def test_every_op_has_a_row() -> None:
    assert set(ROWS) == set(PLANNED)


def test_every_op_is_done_by_the_executor_or_by_the_host() -> None:
    assert set(PLANNED) == (set(SIGNATURES) - WITHOUT_A_FUNCTION) | set(host_ops.HOST_OPS)
    assert not set(SIGNATURES) & set(host_ops.HOST_OPS)
    assert set(SIGNATURES) >= WITHOUT_A_FUNCTION


@pytest.mark.parametrize("name", SIGNATURES)
def test_an_op_of_the_executor_has_the_arguments_of_its_signature(name: str) -> None:
    if name in WITHOUT_A_FUNCTION:
        return
    signature = SIGNATURES[name]
    row = ROWS[name]
    open_ended = [word for word in row.arguments if word.endswith("...")]

    assert row.signature == signature
    assert kinds_fit(PLANNED[name].args, signature)
    assert len(row.arguments) - len(open_ended) == len(signature.removesuffix("*"))
    assert bool(open_ended) == signature.endswith("*")


@pytest.mark.parametrize("name", host_ops.HOST_OPS)
def test_an_op_of_the_host_takes_the_arguments_that_are_planned(name: str) -> None:
    args = PLANNED[name].args

    inspect.signature(host_ops.HOST_OPS[name]).bind(None, *args)
    assert ROWS[name].signature is None
    assert len(ROWS[name].arguments) == len(args)
    assert ROWS[name].sides == {"host"}


def test_only_what_there_is_has_a_form_of_its_own() -> None:
    assert set(ARGUMENTS) <= set(PLANNED)


@pytest.mark.parametrize(
    "plan", sorted((ROOT / "tests/golden/plans").iterdir()), ids=lambda p: p.stem
)
def test_every_step_of_a_reviewed_plan_is_on_a_side_that_is_listed(plan: Path) -> None:
    for side, name in re.findall(
        r"^ *\d+ (host|entry|inside) +(\w+)\(", plan.read_text(), re.MULTILINE
    ):
        assert side in ROWS[name].sides, f"{name} on the side {side}"


def test_calls_are_in_the_same_order_in_python_and_c() -> None:
    text = (ROOT / "csrc/calls.h").read_text()
    listed = text[text.index("#define CALLS(X)") : text.index("enum call {")]

    assert re.findall(r"X\((\w+)\)", listed.replace("CALLS(X)", "")) == list(CALLS)


def test_every_feature_has_its_bit_in_the_probe() -> None:
    bits = re.findall(r"\bbits \|= .*<< (\d+);", (ROOT / "csrc/probe.c").read_text())

    assert [int(bit) for bit in bits] == list(range(len(FEATURES)))


@pytest.mark.parametrize("feature", FEATURES)
def test_every_probed_feature_is_explained(feature: str) -> None:
    assert f"`{feature}`" in (DOCS / "kernel-features.md").read_text()


def test_the_size_of_the_executor_is_what_is_said() -> None:
    files = [*(ROOT / "csrc").glob("*.[ch]")]
    sources = [path for path in files if path.name != "front.c"]
    lines = sum(len(path.read_text().splitlines()) for path in sources)
    text = (ROOT / "ARCHITECTURE.md").read_text()

    assert f"The executor is {len(sources)} small files" in text
    assert f"**{round(lines, -2):,} lines of C instead of 1,500.**" in text


# ---- errors


def in_errors(text: str) -> bool:
    return text in (DOCS / "errors.md").read_text()


@pytest.mark.parametrize(("op", "number"), report.HINTS, ids=str)
def test_every_hint_is_listed(op: str, number: int) -> None:
    assert op in PLANNED
    assert in_errors(report.HINTS[op, number])


@pytest.mark.parametrize("number", not_executed.HINTS)
def test_every_hint_about_execve_is_listed(number: int) -> None:
    assert in_errors(not_executed.HINTS[number])


def test_every_hint_about_cgroups_is_listed() -> None:
    assert [hint for _, _, hint in hints.HINTS if not in_errors(hint)] == []


def test_every_refusal_by_status_is_listed() -> None:
    assert [text for text in status.TEXTS.values() if not in_errors(text)] == []


def contract() -> list[str]:
    """The first column of the table of texts that others match."""
    text = (DOCS / "errors.md").read_text()
    section = text[text.index("## Texts that others match") : text.index("## Exit statuses")]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


def test_texts_that_others_match_are_in_the_code() -> None:
    code = "".join(path.read_text() for path in (ROOT / "pyruntime").rglob("*.py"))

    assert len(contract()) > 10
    assert [text for text in contract() if text not in code] == []


# ---- manual pages


def spellings(option: Option) -> list[str]:
    return [f"--{option.long}", *([f"-{option.short}"] if option.short else [])]


def synopsis(verb: str) -> str:
    name = f"pyruntime-{verb}" if verb else "pyruntime"
    text = (MAN / f"{name}.8.md").read_text()
    return text[text.index("## SYNOPSIS") : text.index("## DESCRIPTION")]


def missing(options: tuple[Option, ...], text: str) -> list[str]:
    words = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text))
    return [
        spelling
        for option in options
        if not option.hidden
        for spelling in spellings(option)
        if spelling not in words
    ]


def test_every_page_is_about_a_verb() -> None:
    pages = {path.name for path in MAN.iterdir()}

    assert pages == {"pyruntime.8.md", *[f"pyruntime-{verb}.8.md" for verb in VERBS]}


@pytest.mark.parametrize("verb", VERBS)
def test_the_synopsis_of_a_verb_has_all_of_its_options(verb: str) -> None:
    assert missing(VERBS[verb].options, synopsis(verb)) == []


def test_the_synopsis_of_the_program_has_all_global_options() -> None:
    assert missing(GLOBALS, synopsis("")) == []


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_a_page_names_no_option_that_does_not_exist(verb: str) -> None:
    known = {name for option in GLOBALS for name in spellings(option)} | {"--help", "-h"}
    if verb:
        known |= {name for option in VERBS[verb].options for name in spellings(option)}

    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", synopsis(verb))) <= known


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_a_page_describes_each_option_and_has_every_section(verb: str) -> None:
    text = (MAN / f"pyruntime{'-' * bool(verb)}{verb}.8.md").read_text()
    options = VERBS[verb].options if verb else GLOBALS
    described = text[text.index("## DESCRIPTION") :]

    for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "EXAMPLES", "SEE ALSO"):
        assert f"## {section}\n" in text
    assert [o.long for o in options if not o.hidden and f"`--{o.long}" not in described] == []


def test_the_programs_page_lists_every_verb() -> None:
    text = (MAN / "pyruntime.8.md").read_text()

    assert [verb for verb in VERBS if f"(pyruntime-{verb}.8.md)" not in text] == []


# ---- all documents


@pytest.mark.parametrize("document", MARKDOWN, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
        assert (document.parent / target).exists(), target


def test_the_tests_that_security_relies_on_exist() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "SECURITY.md").read_text()))

    assert len(named) > 20
    assert sorted(name for name in named if f"def {name}(" not in tests) == []
