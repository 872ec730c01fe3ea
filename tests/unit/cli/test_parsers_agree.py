"""The two gears understand the same: whatever `parse` accepts, click parses to the same Call."""

from __future__ import annotations

from itertools import chain

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyruntime.cli.explain import explain
from pyruntime.cli.parse import BOOLEANS, Declined, parse
from pyruntime.cli.table import FLAG, GLOBALS, INT, VERBS, Option
from pyruntime.errors import UsageError

ARGUMENTS = st.sampled_from(
    ["web", "-", "--", "-9", "", "x=y", "-h", "--help", "--nonsense", "-e", "--", "é", "\udc80"]
)
VALUES = st.one_of(ARGUMENTS, st.text(st.characters(blacklist_categories=["Cs"]), max_size=4))
NUMBERS = st.one_of(
    st.integers(0, 9).map(str), st.sampled_from(["", "x", "-1", "007", "2147483647", "2147483648"])
)


def spelled(option: Option) -> st.SearchStrategy[list[str]]:
    """*option* in one of its spellings, mostly with a value that fits."""
    names = [name for name in (option.long, option.short) if name]
    word = st.builds("".join, st.tuples(st.sampled_from(["-", "--"]), st.sampled_from(names)))
    if option.kind == FLAG:
        suffix = st.sampled_from(["", "", "", *("=" + value for value in BOOLEANS), "=maybe"])
        return st.tuples(word, suffix).map(lambda pair: ["".join(pair)])
    values = NUMBERS if option.kind == INT else VALUES
    if option.choices:
        values = st.sampled_from([*option.choices, *option.choices, "other"])
    apart = st.tuples(word, values).map(list)
    together = st.tuples(word, values).map(lambda pair: ["=".join(pair)])
    return st.one_of(apart, together)


def some(options: tuple[Option, ...]) -> st.SearchStrategy[list[list[str]]]:
    if not options:
        return st.just([])
    return st.lists(st.one_of([spelled(option) for option in options]), max_size=4)


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    verb = VERBS[draw(st.sampled_from(sorted(VERBS)))]
    globals = draw(some(tuple(option for option in GLOBALS if option.name != "version")))
    most = verb.most if verb.most is not None else 4
    arguments = [[word] for word in draw(st.lists(ARGUMENTS, min_size=verb.least, max_size=most))]
    words = draw(some(verb.options)) + arguments
    if draw(st.booleans()):
        words = draw(st.permutations(words))
    return [*chain(*globals), verb.name, *chain(*words)]


@given(command_lines())
def test_click_understands_what_the_fast_parser_accepts(argv: list[str]) -> None:
    try:
        call = parse(argv)
    except Declined:
        return

    assert explain(argv) == call


@given(command_lines())
def test_what_the_fast_parser_declines_is_a_mistake_or_a_wish_for_help(argv: list[str]) -> None:
    try:
        parse(argv)
    except Declined:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(click, "echo", lambda *_args, **_options: None)
            try:
                call = explain(argv)
            except UsageError:
                return

        assert call is None
        assert {"-h", "--help"} & set(argv)


@pytest.mark.parametrize("argv", [["-v"], ["--root", "/x", "--version", "list"]])
def test_both_know_the_version(argv: list[str]) -> None:
    assert explain(argv) == parse(argv)
