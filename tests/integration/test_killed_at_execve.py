"""A program that never begins because its process is ended at execve, or on the way there: every verb says so."""

from __future__ import annotations

import os
import signal

import pytest

from support.config import Config
from support.container import INSIDE, Container, MakeContainer
from support.runtime import Result, Spawned
from support.wait import wait_until

pytestmark = pytest.mark.ours


def kill_at_execve(config: Config, **rule: object) -> None:
    rule = {"names": ["execve"], "action": "SCMP_ACT_KILL_PROCESS", **rule}
    config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}


def assert_says_why(message: str) -> None:
    assert "process.args" in message
    assert INSIDE in message
    assert "SIGSYS" in message
    assert "linux.seccomp" in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("no_new_privs", [True, False])
def test_run_fails_and_leaves_nothing(
    container: MakeContainer, config: Config, no_new_privs: bool
) -> None:
    config["process"]["noNewPrivileges"] = no_new_privs
    kill_at_execve(config)
    c = container(config, "id")

    assert_says_why(c.refuses("run"))
    assert not c.exists


def test_detached_run_fails_and_leaves_nothing(container: MakeContainer, config: Config) -> None:
    kill_at_execve(config)
    c = container(config, "id")

    assert_says_why(c.refuses("run", "--detach"))
    assert not c.exists


def test_start_fails_and_the_container_is_stopped(container: MakeContainer, config: Config) -> None:
    kill_at_execve(config)
    c = container(config, "id")
    c.create()

    assert_says_why(c.refuses("start"))
    assert c.status == "stopped"


def test_exec_fails_and_the_container_lives_on(container: MakeContainer, config: Config) -> None:
    kill_at_execve(config)
    c = container(config, "pause")
    c.create()

    assert_says_why(c.refuses("exec", after=(INSIDE, "id")))
    assert c.status == "created"


def slow_hook(c: Container) -> None:
    """A startContainer hook that does not end by itself."""
    c.config["hooks"] = {"startContainer": [{"path": INSIDE, "args": [INSIDE, "pause"]}]}
    c.write_config()


def kill_in_hook(c: Container, spawned: Spawned) -> Result:
    """Kill init while it waits for its hook, not with a container's own means."""
    pid = wait_until(lambda: c.exists and c.pid, "init")
    wait_until(lambda: len(c.processes()) == 2, "the hook")
    os.kill(pid, signal.SIGKILL)
    return spawned.wait()


@pytest.mark.parametrize("verb", ["run", "start"])
def test_another_signal_is_named_too(container: MakeContainer, config: Config, verb: str) -> None:
    c = container(config, "id")
    slow_hook(c)
    if verb == "start":
        c.create()
    spawned = c.runtime.spawn("start", c.id) if verb == "start" else c.spawn_run()

    result = kill_in_hook(c, spawned)

    assert result.returncode == 1
    assert "SIGKILL" in result.stderr
    assert "linux.seccomp" not in result.stderr
    assert c.exists == (verb == "start")
