"""`kill`: names and numbers of signals, and whom they reach."""

from __future__ import annotations

import signal

import pytest

from support.config import Config, drop_namespace
from support.container import Container, MakeContainer
from support.wait import wait_until


@pytest.fixture
def trapping(container: MakeContainer, config: Config) -> Container:
    c = container(
        config,
        "trap",
        7,
        *(int(s) for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGRTMIN + 1)),
    )
    c.detach()
    c.wait_for_output()
    return c


@pytest.mark.parametrize(
    "spelling",
    ["TERM", "SIGTERM", "term", "sigterm", "15", "Term", "HUP", "1", "USR1", "SIGUSR1", "10"],
)
def test_signal_is_understood(trapping: Container, spelling: str) -> None:
    trapping.kill(spelling)

    assert trapping.wait_stopped() == 7


def test_default_signal_is_term(trapping: Container) -> None:
    trapping.kill()

    assert trapping.wait_stopped() == 7
    assert "got 15" in trapping.output()


def test_real_time_signal_by_number(trapping: Container) -> None:
    trapping.kill(str(int(signal.SIGRTMIN + 1)))

    assert trapping.wait_stopped() == 7


@pytest.mark.parametrize("spelling", ["NONSENSE", "SIG", "SIGSIG", "15x", "9999999999999"])
def test_unknown_signal_is_refused_and_named(trapping: Container, spelling: str) -> None:
    message = trapping.refuses("kill", after=(spelling,))

    assert spelling in message or "signal" in message
    assert trapping.status == "running"


def test_kill_says_nothing(trapping: Container) -> None:
    result = trapping.kill("KILL")

    assert result.stdout == result.stderr == ""


def test_kill_of_a_container_without_a_pid_namespace_ends_its_init(
    container: MakeContainer, config: Config
) -> None:
    drop_namespace(config, "pid")
    c = container(config, "background", ";", "pause")
    c.detach()
    c.wait_for_output()

    c.kill("KILL")

    c.wait_stopped()
    c.delete()
    wait_until(lambda: not c.processes(), "no process left")


def test_kill_all_reaches_every_process_without_a_pid_namespace(
    container: MakeContainer, config: Config
) -> None:
    drop_namespace(config, "pid")
    c = container(config, "background", ";", "background", ";", "pause")
    c.detach()
    c.wait_for_output()
    assert len(c.processes()) == 3

    c.verb("kill", "--all", after=("KILL",))

    wait_until(lambda: not c.processes(), "no process left")


def test_kill_all_reaches_what_init_left_behind(container: MakeContainer, config: Config) -> None:
    drop_namespace(config, "pid")
    c = container(config, "background", ";", "exit", 0)
    c.detach()
    c.wait_stopped()
    assert len(c.processes()) == 1

    c.verb("kill", "-a", after=("9",))

    wait_until(lambda: not c.processes(), "no process left")


def test_delete_kills_what_init_left_behind(container: MakeContainer, config: Config) -> None:
    drop_namespace(config, "pid")
    c = container(config, "background", ";", "exit", 0)
    c.detach()
    c.wait_stopped()
    assert len(c.processes()) == 1

    c.delete("--force")

    wait_until(lambda: not c.processes(), "no process left")


def test_other_processes_in_a_shared_pid_namespace_are_not_killed(
    container: MakeContainer, config: Config
) -> None:
    drop_namespace(config, "pid")
    first = container(config, "pause")
    first.detach()
    second = container(
        {**config, "linux": {**config["linux"], "cgroupsPath": f"{first.cgroup}-second"}}, "pause"
    )
    second.detach()

    second.delete("--force")

    assert first.status == "running"
