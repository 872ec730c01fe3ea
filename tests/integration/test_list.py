"""`list` and `ps`: what runs, for people and for programs."""

from __future__ import annotations

import json
import os

import pytest

from support.config import Config
from support.container import Container, MakeContainer, dump_list
from support.runtime import Runtime


@pytest.fixture
def running(container: MakeContainer, config: Config) -> Container:
    c = container(config, "background", ";", "pause")
    c.detach()
    c.wait_for_output()
    return c


def test_empty_list_is_only_the_header(runtime: Runtime) -> None:
    result = runtime("list")

    assert result.returncode == 0
    assert [line.split() for line in result.lines] == [
        ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    ]
    assert runtime("list", "--quiet").stdout == ""
    assert dump_list(runtime("list", "--format", "json")) == []


def test_table_has_a_line_for_each_container(running: Container) -> None:
    lines = [line.split() for line in running.runtime("list").lines]

    assert lines[0] == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    assert lines[1][:4] == [running.id, str(running.pid), "running", str(running.bundle)]


def test_quiet_list_has_the_ids_alone(
    running: Container, container: MakeContainer, config: Config
) -> None:
    other = container(
        {**config, "linux": {**config["linux"], "cgroupsPath": f"{running.cgroup}-other"}}, "pause"
    )
    other.create()

    assert sorted(running.runtime("list", "-q").lines) == sorted([running.id, other.id])


def test_json_list_has_the_state_of_each(running: Container) -> None:
    (entry,) = dump_list(running.runtime("list", "--format", "json"))

    for key in ("id", "pid", "status", "bundle", "ociVersion"):
        assert entry[key] == running.state()[key]
    assert entry["created"][:2] == "20"


def test_list_shows_a_stopped_container(running: Container) -> None:
    running.kill("KILL")
    running.wait_stopped()

    (entry,) = dump_list(running.runtime("list", "--format=json"))

    assert entry["status"] == "stopped"
    assert entry["pid"] == 0


def test_list_passes_over_what_is_no_container(running: Container) -> None:
    (running.runtime.state_root / "empty-directory").mkdir()
    (running.runtime.state_root / "file").write_text("")
    try:
        result = running.runtime("list", "--quiet")
    finally:
        (running.runtime.state_root / "empty-directory").rmdir()
        (running.runtime.state_root / "file").unlink()

    assert running.id in result.lines
    assert "file" not in result.lines


def test_unknown_format_is_refused(runtime: Runtime) -> None:
    assert runtime("list", "--format", "xml").returncode != 0


def test_ps_in_json_has_every_process(running: Container) -> None:
    result = running.verb("ps", "--format", "json")

    pids = json.loads(result.stdout)
    assert running.pid in pids
    assert set(pids) == running.processes()
    assert len(pids) == 2


def test_ps_table_is_that_of_ps(running: Container) -> None:
    lines = running.verb("ps").lines

    assert "PID" in lines[0].split()
    assert {line.split()[1] for line in lines[1:]} == {str(pid) for pid in running.processes()}


def test_ps_takes_options_of_ps(running: Container) -> None:
    lines = running.verb("ps", after=("-o", "pid,comm", "-e")).lines

    assert lines[0].split() == ["PID", "COMMAND"]
    assert len(lines) == 3


def test_ps_without_a_pid_column_is_refused(running: Container) -> None:
    running.refuses("ps", after=("-o", "comm", "-e"))


def test_ps_does_not_show_other_processes(running: Container) -> None:
    assert str(os.getpid()) not in {
        word for line in running.verb("ps").lines[1:] for word in line.split()[1:2]
    }
