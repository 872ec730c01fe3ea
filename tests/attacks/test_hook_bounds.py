"""A hook may print as much as it likes, leave somebody running, and be given any time: none of it keeps or fills the runtime.

At c4f41aa its output was kept whole in memory that nobody limits, and a timeout of more than 24 days was an internal error.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from support.config import Config
from support.container import INSIDE, MakeContainer
from support.runtime import Runtime
from support.wait import wait_for_exit

pytestmark = pytest.mark.ours

KINDS = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
PATH = ["PATH=/usr/bin:/bin"]


def shell(script: str, **properties: object) -> dict[str, object]:
    return {"path": "/bin/sh", "args": ["sh", "-c", script], "env": PATH, **properties}


@pytest.mark.parametrize("seconds", [2_000_001, 2_147_484, 2**32, 2**53, 2**63 - 1])
def test_any_time_is_a_limit(container: MakeContainer, config: Config, seconds: int) -> None:
    config["hooks"] = {
        kind: [{"path": INSIDE if kind == "startContainer" else "/bin/true", "timeout": seconds}]
        for kind in KINDS
    }
    config["hooks"]["startContainer"][0]["args"] = ["inside", "exit", "0"]

    result = container(config, "echo", "done").run()

    assert result.stderr == ""


def test_what_a_hook_prints_is_read_and_only_the_beginning_kept(
    container: MakeContainer, config: Config
) -> None:
    script = "stat -L -c %F /dev/stdout; head -c 64M /dev/zero | tr '\\0' x; exit 3"
    config["hooks"] = {"createRuntime": [shell(script)]}

    message = container(config).refuses("create")

    assert "exit status 3: fifo" in message
    assert message.rstrip().endswith("x [...]")
    assert len(message) < 1000


def test_a_hook_that_prints_for_ever_is_ended_in_time(
    container: MakeContainer, config: Config
) -> None:
    config["hooks"] = {"createRuntime": [shell("exec yes", timeout=1)]}

    assert "ran past specified timeout of 1.0s" in container(config).refuses("create", timeout_s=20)


@pytest.mark.parametrize("kind", ["createRuntime", "poststart", "poststop"])
def test_who_is_left_running_by_a_hook_keeps_nobody(
    container: MakeContainer, config: Config, work: Path, kind: str
) -> None:
    """It has the hook's output still open; a reader that waited for its end would wait for it."""
    left = work / "left"
    config["hooks"] = {kind: [shell(f"sleep 1000 & echo $! >{left}")]}
    c = container(config, "pause")

    c.runtime("run", "--detach", "--bundle", c.bundle, c.id, timeout_s=20)
    c.runtime("delete", "--force", c.id, timeout_s=20)

    pid = int(left.read_text())
    os.kill(pid, signal.SIGKILL)
    wait_for_exit(pid)


def test_a_hook_that_cannot_be_watched_is_an_error_that_says_so(
    container: MakeContainer, config: Config, runtime: Runtime, deny_binary: Path
) -> None:
    """An outer filter may hide pidfd_open(2); the hook is ended, and what was made is undone."""
    runtime.prefix = [str(deny_binary), "pidfd_open", "--"]
    config["hooks"] = {"createRuntime": [shell("exec sleep 1000")]}
    c = container(config)

    message = c.refuses("create")
    runtime.prefix = []

    assert "createRuntime hook #0: pidfd_open: function not implemented" in message
    assert len(message.splitlines()) == 1
    assert not c.exists
    assert c.processes() == set()
