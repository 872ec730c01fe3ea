"""From a command line to an exit status and a line on stderr, with verbs made for the test."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from pyruntime.cli import main
from pyruntime.cli.parse import Call
from pyruntime.errors import Error, NotFound

Behaviour = BaseException | int
PutVerb = Callable[..., list[Call]]


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> PutVerb:
    """A function that puts a verb's behaviour in the place of its module."""

    def put(name: str, behaviour: Behaviour, *, warn: str = "") -> list[Call]:
        calls: list[Call] = []

        def run(call: Call) -> int:
            calls.append(call)
            if warn:
                call.warn(warn)
            if isinstance(behaviour, int):
                return behaviour
            raise behaviour

        module = ModuleType(f"pyruntime.commands.{name}")
        module.run = run  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        return calls

    return put


def test_the_exit_status_is_the_verbs(verb: PutVerb) -> None:
    calls = verb("run", 42)

    assert main.run(["--root", "/tmp/x", "run", "web"]) == 42
    assert calls[0].globals["root"] == "/tmp/x"


def test_an_error_is_one_line_that_says_what_was_asked(
    verb: PutVerb, capfd: pytest.CaptureFixture[str]
) -> None:
    verb("state", NotFound("container does not exist"))

    assert main.run(["state", "web"]) == 1
    assert capfd.readouterr().err == "pyruntime: state web: container does not exist\n"


def test_an_error_of_exec_can_not_be_taken_for_the_commands(verb: PutVerb) -> None:
    verb("exec", Error("boom"))

    assert main.run(["exec", "web", "false"]) == 255
    assert main.run(["exec"]) == 1


def test_engines_find_the_error_in_the_log(verb: PutVerb, tmp_path: Path) -> None:
    verb("kill", Error("container not running"))
    log = tmp_path / "log.json"

    assert main.run(["--log", str(log), "--log-format", "json", "kill", "web"]) == 1
    assert json.loads(log.read_text())["msg"] == "kill web: container not running"


def test_a_warning_is_in_the_log_alone(
    verb: PutVerb, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    verb("start", 0, warn="something")
    log = tmp_path / "log.json"

    assert main.run(["--log", str(log), "start", "web"]) == 0
    assert "something" in log.read_text()
    assert capfd.readouterr().err == ""


def test_a_usage_error_is_logged_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log.json"

    assert main.run(["--log", str(log), "--log-format=json", "state"]) == 1
    assert "requires exactly 1 argument" in json.loads(log.read_text())["msg"]
    assert "requires exactly 1 argument" in capfd.readouterr().err


def test_an_error_of_the_system_is_no_bug(verb: PutVerb, capfd: pytest.CaptureFixture[str]) -> None:
    verb("create", PermissionError(13, "permission denied", "/b/config.json"))

    assert main.run(["create", "web"]) == 1
    assert capfd.readouterr().err == "pyruntime: create web: /b/config.json: permission denied\n"


def test_a_bug_is_one_line(verb: PutVerb, capfd: pytest.CaptureFixture[str]) -> None:
    verb("state", ValueError("what?\nsecond"))

    assert main.run(["state", "web"]) == 1
    assert (
        capfd.readouterr().err
        == "pyruntime: state web: ValueError: what?\\nsecond: this is a bug\n"
    )


def test_a_bug_shows_its_traceback_with_debug(
    verb: PutVerb, capfd: pytest.CaptureFixture[str]
) -> None:
    verb("state", ValueError("what?"))

    assert main.run(["--debug", "state", "web"]) == 1
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.parametrize(("raised", "status"), [(BrokenPipeError(), 1), (KeyboardInterrupt(), 130)])
def test_an_interruption_is_silent(
    verb: PutVerb, raised: BaseException, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    verb("list", raised)

    assert main.run(["list"]) == status
    assert capfd.readouterr().err == ""


def test_verbs_without_containers_need_no_state_root(
    verb: PutVerb, monkeypatch: pytest.MonkeyPatch
) -> None:
    verb("features", 0)
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert main.run(["features"]) == 0


def test_the_version_is_what_engines_read(capfd: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--version"]) == 0

    lines = capfd.readouterr().out.splitlines()
    assert lines[0].startswith("pyruntime version ")
    assert "spec: 1.3.0" in lines
