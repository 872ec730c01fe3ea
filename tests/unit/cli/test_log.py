"""What is written where when something goes wrong."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from pyruntime.cli.log import Log

HOSTILE = 'a "quoted"\\ \n\t\x01 é \u2028 \udc80 end'


def test_an_error_goes_to_stderr_and_to_the_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "log.json"

    Log(str(file), "json").error("create web: no such file or directory")

    assert capfd.readouterr().err == "pyruntime: create web: no such file or directory\n"
    entry = json.loads(file.read_text())
    assert (entry["level"], entry["msg"]) == ("error", "create web: no such file or directory")
    assert datetime.fromisoformat(entry["time"]).tzinfo is not None


def test_any_text_is_one_json_object_on_one_line(tmp_path: Path) -> None:
    file = tmp_path / "log.json"

    Log(str(file), "json").error(HOSTILE)

    (line,) = file.read_text().splitlines()
    assert json.loads(line)["msg"] == HOSTILE


def test_text_form_is_what_logrus_writes(tmp_path: Path) -> None:
    file = tmp_path / "log"

    Log(str(file), "text").error('kill web: unknown signal "X"')

    line = file.read_text()
    assert line.startswith('time="20')
    assert line.endswith('Z" level=error msg="kill web: unknown signal \\"X\\""\n')


def test_the_file_is_appended_to(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("before\n")

    Log(str(file)).error("after")

    assert len(file.read_text().splitlines()) == 2


def test_a_warning_makes_no_file_unless_debugging(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "log"

    Log(str(file)).warning("unknown capability CAP_X")
    assert not file.exists()
    Log(str(file), debug=True).warning("unknown capability CAP_X")

    assert "level=warning" in file.read_text()
    assert capfd.readouterr().err == "pyruntime: warning: unknown capability CAP_X\n" * 2


def test_a_file_that_can_not_be_opened_does_not_hide_the_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Log(str(tmp_path / "missing" / "log")).error("boom")

    first, second = capfd.readouterr().err.splitlines()
    assert first == "pyruntime: boom"
    assert "no such file or directory" in second
