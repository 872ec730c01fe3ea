"""Somebody else holds the start fifo: `start` waits for init itself, not for the last who has it open."""

from __future__ import annotations

import os

import pytest

from support.config import Config
from support.container import MakeContainer


@pytest.mark.deviates(runc="has another fifo")
def test_a_fifo_that_is_held_does_not_keep_start_waiting(
    container: MakeContainer, config: Config
) -> None:
    """Fails at c4f41aa: `start` waits for ever, with the container's lock."""
    c = container(config, "pause")
    c.create()
    held = os.open(c.runtime.state_root / c.id / "start.fifo", os.O_RDWR | os.O_NONBLOCK)

    try:
        c.start(timeout_s=20)

        assert c.status == "running"
    finally:
        os.close(held)


@pytest.mark.deviates(runc="has no such file")
@pytest.mark.parametrize("name", ["record.json", "config.json", "init"])
def test_a_fifo_in_the_place_of_a_file_keeps_nobody_waiting(
    container: MakeContainer, config: Config, name: str
) -> None:
    """Fails at c4f41aa: every verb waits for a writer."""
    c = container(config, "pause")
    c.detach()
    path = c.runtime.state_root / c.id / name
    path.unlink()
    os.mkfifo(path)

    c.refuses("delete", timeout_s=10)
    c.delete("--force", timeout_s=30)

    assert not path.parent.exists()
    assert c.processes() == set()
