"""A path in linux.namespaces that is a fifo: create is refused and does not wait for a writer.

At 63b81e3 it waited for ever.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.config import Config
from support.container import MakeContainer

pytestmark = pytest.mark.ours


@pytest.mark.parametrize(
    "kind", ["network", "user", "pid", "ipc", "mount", "uts", "cgroup", "time"]
)
def test_a_fifo_for_a_namespace_is_refused(
    container: MakeContainer, config: Config, work: Path, kind: str
) -> None:
    fifo = work / "fifo"
    os.mkfifo(fifo)
    others = [each for each in config["linux"]["namespaces"] if each["type"] != kind]
    config["linux"]["namespaces"] = [*others, {"type": kind, "path": str(fifo)}]
    c = container(config)

    result = c.verb("create", "--bundle", c.bundle, expect=1)

    assert kind in result.stderr
    assert c.verb("state", expect=None).returncode == 1
