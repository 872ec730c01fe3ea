"""Help and usage errors: what people read, and the texts that engines look for."""

from __future__ import annotations

import pytest

from pyruntime.cli.explain import explain
from pyruntime.cli.parse import Call
from pyruntime.cli.table import GLOBALS, VERBS
from pyruntime.errors import UsageError


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("create --bundle", "flag needs an argument: --bundle"),
        ("--root", "flag needs an argument: --root"),
        ("-root", "flag needs an argument: -root"),
        ("state --nonsense web", "flag provided but not defined: -nonsense"),
        ("--nonsense=1 state web", "flag provided but not defined: -nonsense"),
        ("state web --nonsense", "flag provided but not defined: -nonsense"),
        ("kill -ab web", "flag provided but not defined: -ab"),
        ("state", '"state" requires exactly 1 argument'),
        ("spec x", '"spec" requires exactly 0 arguments'),
        ("exec", '"exec" requires at least 1 argument'),
        ("kill a b c", '"kill" requires at most 2 arguments'),
        ("kill --all=maybe web", 'invalid boolean value "maybe" for --all'),
        ("list --format xml", "'xml' is not one of 'table', 'json'"),
        ("create --preserve-fds x web", "'x' is not a number from 0 to 2147483647"),
        ("nonsense", 'there is no verb "nonsense"'),
        ("stat web", "did you mean state?"),
        ("help nonsense", 'there is no verb "nonsense"'),
    ],
)
def test_a_mistake_is_named(command: str, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        explain(command.split())

    assert text in str(caught.value)
    assert caught.value.exit_status == 1


def test_the_hint_says_where_help_is() -> None:
    with pytest.raises(UsageError) as caught:
        explain(["kill"])

    assert caught.value.hint == "see pyruntime kill --help"


@pytest.mark.parametrize("command", ["", "help", "--help", "-h", "--root /x -h"])
def test_help_lists_every_verb_and_global_option(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(command.split()) is None

    printed = capsys.readouterr().out
    for verb in VERBS.values():
        assert f"  {verb.name} " in printed
    for option in GLOBALS:
        assert (f"--{option.long}" in printed) is not option.hidden


@pytest.mark.parametrize("name", VERBS)
@pytest.mark.parametrize("form", ["help {}", "{} --help", "{} -h", "{} --help x y z"])
def test_help_for_a_verb_lists_its_options(
    name: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(form.format(name).split()) is None

    printed = capsys.readouterr().out
    assert printed.startswith(f"Usage: pyruntime {name}")
    for option in VERBS[name].options:
        assert option.hidden or f"--{option.long}" in printed


def test_help_may_be_refused() -> None:
    assert isinstance(explain(["state", "-h=false", "web"]), Call)


def test_the_shell_completes_verbs_and_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def completions(words: str) -> str:
        monkeypatch.setenv("_PYRUNTIME_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
        with pytest.raises(SystemExit):
            explain([])
        return capsys.readouterr().out

    assert "plain,resume" in completions("pyruntime res")
    assert "plain,--force" in completions("pyruntime delete --fo")


def test_the_shell_completes_ids(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    from pathlib import Path

    assert isinstance(tmp_path, Path)
    (tmp_path / "web").mkdir()
    (tmp_path / "db").mkdir()
    monkeypatch.setenv("_PYRUNTIME_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", f"pyruntime --root {tmp_path} delete --force w")
    monkeypatch.setenv("COMP_CWORD", "5")
    with pytest.raises(SystemExit):
        explain([])

    assert capsys.readouterr().out == "plain,web\n"
