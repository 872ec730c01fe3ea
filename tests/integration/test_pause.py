"""`pause` and `resume`."""

from __future__ import annotations

import pytest

from support.config import Config
from support.container import Container, MakeContainer


@pytest.fixture
def running(container: MakeContainer, config: Config) -> Container:
    c = container(config, "trap", 4, 15)
    c.detach()
    c.wait_for_output()
    return c


def test_paused_container_says_so_until_it_is_resumed(running: Container) -> None:
    running.verb("pause")
    assert running.status == "paused"

    running.verb("resume")
    assert running.status == "running"


def test_paused_process_does_nothing_until_it_is_resumed(running: Container) -> None:
    running.verb("pause")
    running.kill("TERM")
    assert running.status == "paused"
    assert "got" not in running.output()

    running.verb("resume")

    assert running.wait_stopped() == 4


def test_killing_a_paused_container_ends_it(running: Container) -> None:
    running.verb("pause")

    running.kill("KILL")

    # Whether KILL thaws is the runtime's choice; resume must in any case be enough.
    if running.status == "paused":
        running.verb("resume")
    assert running.wait_stopped() == 137


def test_pause_of_a_paused_container_and_resume_of_a_running_one_are_refused_or_harmless(
    running: Container,
) -> None:
    assert running.verb("resume", expect=None).returncode in (0, 1)
    assert running.status == "running"
    running.verb("pause")
    assert running.verb("pause", expect=None).returncode in (0, 1)
    assert running.status == "paused"
    running.verb("resume")


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_stopped_container_can_be_neither_paused_nor_resumed(running: Container, verb: str) -> None:
    running.kill("KILL")
    running.wait_stopped()

    running.refuses(verb)
    assert running.status == "stopped"


def test_pause_of_a_stopped_container_says_that_it_is_not_running(running: Container) -> None:
    running.kill("KILL")
    running.wait_stopped()

    assert "container not running" in running.refuses("pause")


def test_delete_of_a_paused_container_is_refused_without_force(running: Container) -> None:
    running.verb("pause")

    running.refuses("delete")
    assert running.status == "paused"


def test_created_container_can_be_paused_and_resumed_and_started(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    c.create()

    if c.verb("pause", expect=None).returncode == 0:
        assert c.status == "paused"
        c.verb("resume")
    assert c.status == "created"
    c.start()
    c.wait_for_output()
