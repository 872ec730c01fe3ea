"""A record that cannot be read must not make anybody forget a live init."""

from __future__ import annotations

import pytest

from support.config import Config
from support.container import MakeContainer
from support.wait import wait_until

DAMAGES = {
    "empty": b"",
    "cut": b'{"version": 1, "id": "',
    "not an object": b"[]",
    "no members": b"{}",
    "no text": b"\xff\xfe\x00",
    "missing": None,
}


@pytest.mark.deviates(runc="has no such file")
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_live_init_is_not_forgotten(
    container: MakeContainer, config: Config, damage: str
) -> None:
    """Fails at c4f41aa: `delete --force` answers 0, and init lives on with nobody to find it."""
    c = container(config, "pause")
    c.detach()
    record = c.runtime.state_root / c.id / "record.json"
    content = DAMAGES[damage]
    record.unlink()
    if content is not None:
        record.write_bytes(content)

    assert "record.json" in c.refuses("delete")
    assert c.init_pid in c.processes()
    c.delete("--force")

    assert not record.parent.exists()
    wait_until(lambda: not c.processes(), f"no process of {c.id}")


@pytest.mark.deviates(runc="has no such fifo")
def test_a_start_that_was_killed_does_not_leave_created_for_ever(
    container: MakeContainer, config: Config
) -> None:
    """Fails at c4f41aa: what `start` had not come to, the removal of its fifo, made a running program `created`."""
    c = container(config, "pause")
    c.create()
    fifo = c.runtime.state_root / c.id / "start.fifo"
    # All that a `start` does that is killed just after its byte.
    with fifo.open("wb") as go:
        go.write(b"\n")
    wait_until(lambda: c.status == "running", f"{c.id} running")

    assert fifo.exists()
    assert "already running" in c.refuses("start")
