"""The runtime killed in the middle: whatever it had done by then, `delete --force` removes all of it."""

from __future__ import annotations

import contextlib
import signal
import time

import pytest

from support import cgroups
from support.config import Config
from support.container import Container, MakeContainer
from support.runtime import Spawned
from support.wait import wait_until

MOMENTS = 24


def kill_after(spawned: Spawned, delay_s: float) -> None:
    """Kill it at a moment of its work: the delay is what varies, it waits for nothing."""
    end = time.monotonic() + delay_s
    while time.monotonic() < end and spawned.process.poll() is None:
        time.sleep(0.0005)
    with contextlib.suppress(ProcessLookupError):
        spawned.process.send_signal(signal.SIGKILL)
    spawned.process.wait(20)


def assert_nothing_is_left(c: Container) -> None:
    result = c.delete("--force", timeout_s=20)

    assert not c.exists, str(result)
    wait_until(lambda: not c.processes(), f"no process of {c.id}", deadline_s=5)
    assert cgroups.directories(str(c.cgroup)) == []
    assert [entry.name for entry in c.runtime.state_root.glob(f"*{c.id}*")] == []


def duration_of(c: Container, *command: object) -> float:
    """How long the command takes undisturbed."""
    begin = time.monotonic()
    c.runtime(*command)
    return time.monotonic() - begin


@pytest.mark.deviates(runc="a half-created container cannot always be deleted")
def test_create_killed_at_any_moment_leaves_nothing_that_delete_does_not_remove(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    whole = duration_of(c, "create", "--bundle", c.bundle, c.id)
    assert_nothing_is_left(c)

    for moment in range(MOMENTS):
        spawned = c.runtime.spawn("create", "--bundle", c.bundle, c.id)
        kill_after(spawned, whole * 1.2 * moment / MOMENTS)
        assert_nothing_is_left(c)


@pytest.mark.deviates(runc="a half-created container cannot always be deleted")
def test_detached_run_killed_at_any_moment_leaves_nothing_that_delete_does_not_remove(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    whole = duration_of(c, "run", "--detach", "--bundle", c.bundle, c.id)
    assert_nothing_is_left(c)

    for moment in range(MOMENTS):
        spawned = c.runtime.spawn("run", "--detach", "--bundle", c.bundle, c.id)
        kill_after(spawned, whole * 1.2 * moment / MOMENTS)
        assert_nothing_is_left(c)


def test_foreground_run_killed_leaves_a_container_that_can_be_deleted(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    spawned = c.spawn_run()
    c.wait_for_output()

    spawned.process.kill()
    spawned.process.wait()

    assert c.status in ("running", "stopped")
    assert_nothing_is_left(c)


@pytest.mark.deviates(runc="a half-created container cannot always be deleted")
def test_the_id_can_be_used_again_after_a_killed_create_was_deleted(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "print", "x")
    kill_after(c.runtime.spawn("create", "--bundle", c.bundle, c.id), 0.02)
    c.delete("--force")

    assert c.run().stdout == "x\n"


@pytest.mark.parametrize("verb", ["start", "delete"])
def test_verb_killed_at_any_moment_leaves_nothing_that_delete_does_not_remove(
    container: MakeContainer, config: Config, verb: str
) -> None:
    c = container(config, "pause")
    flags = ("--force",) if verb == "delete" else ()
    for moment in range(8):
        c.create()
        kill_after(c.runtime.spawn(verb, *flags, c.id), 0.004 * moment)
        assert_nothing_is_left(c)


def test_exec_killed_leaves_the_container_as_it_was(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    c.detach()

    for moment in range(8):
        kill_after(c.runtime.spawn("exec", c.id, "/bin/inside", "pause"), 0.005 * moment)

    assert c.status == "running"
    assert c.exec("print", "x").stdout == "x\n"


@pytest.mark.deviates(runc="leaves the container")
def test_create_killed_while_a_hook_runs_leaves_nothing_that_delete_does_not_remove(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    log = c.rootfs / "log"
    config["hooks"] = {
        "createRuntime": [
            {
                "path": str(c.rootfs / "bin/inside"),
                "args": ["inside", "hook", str(log), "x", ";", "nap", "1000"],
            }
        ]
    }
    c.write_config()
    spawned = c.runtime.spawn("create", "--bundle", c.bundle, c.id)
    wait_until(log.exists, "the hook running")

    spawned.process.kill()
    spawned.process.wait()

    assert_nothing_is_left(c)
