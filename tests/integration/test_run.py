"""`run`: a container from create to delete in one command."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from support.config import Config
from support.container import MakeContainer
from support.runtime import Runtime
from support.wait import wait_for_exit, wait_until


@pytest.mark.parametrize("code", [0, 1, 37, 127, 255])
def test_run_ends_with_the_programs_exit_status(
    container: MakeContainer, config: Config, code: int
) -> None:
    c = container(config, "exit", code)

    c.run(expect=code)

    assert not c.exists


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGUSR1])
def test_run_ends_with_128_plus_the_signal_that_ended_the_program(
    container: MakeContainer, config: Config, number: int
) -> None:
    # Only SIGKILL from outside reaches a pid 1 without a handler; without a pid namespace every signal does.
    config["linux"]["namespaces"] = [e for e in config["linux"]["namespaces"] if e["type"] != "pid"]
    c = container(config, "kill-self", int(number))

    c.run(expect=128 + number)


def test_output_and_errors_of_the_program_pass_through(
    container: MakeContainer, config: Config
) -> None:
    result = container(config, "print", "to stdout", ";", "error", "to stderr").run()

    assert result.stdout == "to stdout\n--\n"
    assert result.stderr == "to stderr\n"


def test_standard_input_passes_through_to_its_end(container: MakeContainer, config: Config) -> None:
    text = "line\n" * 100_000

    result = container(config, "echo").run(input=text)

    assert result.stdout == text


def test_output_to_a_pipe_arrives_complete(container: MakeContainer, config: Config) -> None:
    c = container(config, "cat", "/big")
    (c.rootfs / "big").write_bytes(b"0123456789abcde\n" * 65536)

    command = c.runtime.command("run", "--bundle", c.bundle, c.id)
    done = subprocess.run(
        command, capture_output=True, env=c.runtime.environment, timeout=60, check=True
    )

    assert len(done.stdout) == 16 * 65536


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGQUIT]
)
def test_signals_to_run_are_forwarded_to_the_program(
    container: MakeContainer, config: Config, number: int
) -> None:
    c = container(config, "trap", 7, int(number))
    spawned = c.spawn_run()
    c.wait_for_output()

    spawned.process.send_signal(number)
    result = spawned.wait()

    assert result.returncode == 7
    assert f"got {number:02}" in result.stdout


def test_a_signal_that_the_program_survives_does_not_end_run(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "trap", -1, int(signal.SIGUSR1))
    spawned = c.spawn_run()
    c.wait_for_output()

    for _ in range(3):
        before = c.output().count("got")
        spawned.process.send_signal(signal.SIGUSR1)
        wait_until(lambda before=before: c.output().count("got") > before, "the signal handled")  # type: ignore[misc]

    assert c.status == "running"
    c.kill("KILL")
    assert spawned.wait().returncode == 137


def test_detached_run_returns_while_the_program_runs(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")

    c.detach()

    assert c.status == "running"
    c.wait_for_output()
    c.kill("KILL")
    c.wait_stopped()
    c.delete()


def test_detached_run_writes_the_pid_file(
    container: MakeContainer, config: Config, work: Path
) -> None:
    c = container(config, "pause")

    c.detach("--pid-file", work / "pid")

    assert (work / "pid").read_bytes() == str(c.pid).encode()


def test_foreground_run_writes_the_pid_file_of_the_program(
    container: MakeContainer, config: Config, work: Path
) -> None:
    c = container(config, "pause")
    spawned = c.spawn_run("--pid-file", work / "pid")
    c.wait_for_output()

    assert (work / "pid").read_bytes() == str(c.pid).encode()
    c.kill("KILL")
    spawned.wait()


@pytest.mark.deviates(runc="--keep came with 1.2")
def test_kept_container_is_stopped_after_run(container: MakeContainer, config: Config) -> None:
    c = container(config, "exit", 3)

    c.run("--keep", expect=3)

    assert c.status == "stopped"
    c.delete()
    assert not c.exists


def test_run_uses_the_current_directory_as_bundle_by_default(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "print", "here")

    assert c.verb("run", cwd=c.bundle).stdout == "here\n"


def test_run_refuses_an_id_in_use_and_leaves_that_container_alone(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    c.detach()
    pid = c.pid

    assert "already exists" in c.refuses("run")
    assert c.pid == pid
    assert c.status == "running"


def test_run_kills_what_the_programs_children_left_in_the_pid_namespace(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "background", ";", "background", ";", "exit", 5)

    c.run(expect=5)

    assert not c.exists


def test_program_outlives_a_detached_run_in_its_own_session(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pids", ";", "pause")

    c.detach()
    c.wait_for_output()

    assert os.getsid(c.pid) == c.pid
    assert "pid=1" in c.output()
    assert "sid=1" in c.output()


def test_detached_programs_exit_status_reaches_whoever_waits_for_it(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "trap", 9, int(signal.SIGTERM))
    c.detach()
    c.wait_for_output()
    pid = c.pid

    c.kill("TERM")

    assert wait_for_exit(pid) == 9


def test_spellings_of_options_are_all_accepted(
    runtime: Runtime, container: MakeContainer, config: Config
) -> None:
    c = container(config, "print", "x")

    for flags in (
        ("--bundle", c.bundle),
        (f"--bundle={c.bundle}",),
        ("-b", c.bundle),
        ("-bundle", c.bundle),
        (f"-b={c.bundle}",),
    ):
        assert c.verb("run", *flags).stdout == "x\n", flags


def test_global_options_may_be_repeated_and_the_last_one_counts(
    container: MakeContainer, config: Config, work: Path
) -> None:
    c = container(config, "pause")

    result = c.runtime(
        "run",
        "-d",
        "--bundle",
        c.bundle,
        c.id,
        options=("--root", work / "other", "--root", c.runtime.state_root),
    )

    assert result.returncode == 0, str(result)
    assert c.status == "running"
    assert not (work / "other").exists()
