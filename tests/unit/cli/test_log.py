"""What is written where when something goes wrong."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

import pytest

from pyruntime.cli.log import Log
from pyruntime.errors import UsageError

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


def test_warnings_go_to_the_file_and_only_there(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Fails at c4f41aa: they were on stderr, which is the container's log."""
    file = tmp_path / "log"

    Log(str(file)).warning("unknown capability CAP_X")
    Log().warning("unknown capability CAP_Y")

    assert "level=warning" in file.read_text()
    assert capfd.readouterr().err == "pyruntime: warning: unknown capability CAP_Y\n"


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_is_done_is_told_when_debugging(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], form: str
) -> None:
    file = tmp_path / "log"
    expected = {"text": "level=debug msg=", "json": '"level":"debug"'}[form]

    Log(str(file), form).tell("no")
    Log(str(file), form, debug=True).tell("step 1")
    Log("", form, debug=True).tell("step 2")

    (line,) = file.read_text().splitlines()
    assert expected in line
    assert expected in capfd.readouterr().err


@pytest.mark.parametrize("name", ["missing/log", "directory", "fifo", "x\0y"])
def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path, name: str) -> None:
    """Fails at c4f41aa, where it was a warning, and a fifo was waited for."""
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "fifo")

    with pytest.raises(UsageError, match="--log "):
        Log(f"{tmp_path}/{name}").open()


def test_the_file_is_there_from_the_beginning(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"))

    log.open()

    assert (tmp_path / "log").read_bytes() == b""
