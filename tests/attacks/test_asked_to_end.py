"""SIGTERM, SIGINT, SIGHUP for a verb in the middle: it has done all of its work and says 0, or it has undone what it had made
and says 128 and the number; what a killed one leaves `delete --force` removes, and the status is true in any case.

At c4f41aa SIGTERM and SIGHUP kill outright, whatever is half done (the tests with hooks fail, and those of create and run).
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support import cgroups, leaks
from support.config import Config
from support.container import INSIDE, Container, MakeContainer
from support.runtime import Result, Spawned
from support.wait import wait_for_exit, wait_until

pytestmark = pytest.mark.ours

MOMENTS = 12
SIGNALS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])


def asked_after(spawned: Spawned, number: signal.Signals, delay_s: float) -> Result:
    """Send the signal at a moment of its work: the delay is what varies, it waits for nothing."""
    end = time.monotonic() + delay_s
    while time.monotonic() < end and spawned.process.poll() is None:
        time.sleep(0.0005)
    if spawned.process.poll() is None:
        spawned.process.send_signal(number)
    result = spawned.wait()
    assert result.returncode in (0, 128 + number, -number), str(result)
    assert "Traceback" not in result.stderr
    assert "this is a bug" not in result.stderr
    return result


def seconds_of(work: Callable[[], object]) -> float:
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


def executed(pid: int) -> bool:
    """Whether the process has executed a program since it was forked: PF_FORKNOEXEC."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return not int(fields[6]) & 0x40


def assert_nothing_is_left(c: Container) -> None:
    assert not (c.runtime.state_root / c.id).exists()
    if c.cgroup:
        assert cgroups.directories(c.cgroup) == []
    assert c.processes() == set()


@SIGNALS
@pytest.mark.parametrize("verb", ["create", "run"])
def test_create_is_done_or_undone(
    container: MakeContainer, config: Config, verb: str, number: signal.Signals
) -> None:
    c = container(config, "pause")
    begin = c.create if verb == "create" else c.detach
    whole_s = seconds_of(begin)
    c.delete("--force")
    flags = ["--detach"] if verb == "run" else []
    pid_file = c.bundle / "pid"

    for moment in range(MOMENTS):
        spawned = c.runtime.spawn(verb, *flags, "--bundle", c.bundle, "--pid-file", pid_file, c.id)
        result = asked_after(spawned, number, whole_s * 1.1 * moment / MOMENTS)
        if result.returncode == 0:
            assert c.status == ("created" if verb == "create" else "running")
            c.delete("--force")
            pid_file.unlink()
        assert_nothing_is_left(c)
        assert not pid_file.exists()
        assert result.stderr == ""


@SIGNALS
def test_exec_is_done_or_undone(
    container: MakeContainer, config: Config, number: signal.Signals
) -> None:
    c = container(config, "pause")
    c.detach()
    init = c.init_pid
    pid_file = c.bundle / "exec.pid"
    words = ("exec", "--detach", "--pid-file", pid_file, c.id, INSIDE, "pause")
    whole_s = seconds_of(lambda: c.runtime(*words))
    assert c.processes() == {init, int(pid_file.read_text())}

    def end_it() -> None:
        pid = int(pid_file.read_text())
        os.kill(pid, signal.SIGKILL)
        wait_for_exit(pid)
        pid_file.unlink()

    end_it()
    for moment in range(MOMENTS):
        result = asked_after(c.runtime.spawn(*words), number, whole_s * 1.1 * moment / MOMENTS)
        if result.returncode == 0:
            assert c.processes() == {init, int(pid_file.read_text())}
            end_it()
        # Our child, whom nobody else waits for.
        wait_until(lambda: leaks.reap_orphans(but=init) and c.processes() == {init}, "init alone")
        assert not pid_file.exists()
        assert c.status == "running"


@SIGNALS
def test_start_leaves_a_true_status(
    container: MakeContainer, config: Config, number: signal.Signals
) -> None:
    c = container(config, "pause")
    c.create()
    whole_s = seconds_of(c.start)
    for moment in range(MOMENTS):
        c.delete("--force")
        c.create()
        result = asked_after(
            c.runtime.spawn("start", c.id), number, whole_s * 1.1 * moment / MOMENTS
        )

        # What has been let go on may be on its way.
        wait_until(lambda: c.status == told(c.init_pid), "the status that the kernel knows")
        if told(c.init_pid) == "running":
            assert "already running" in c.refuses("start")
        else:
            assert result.returncode != 0
            c.start()


def told(pid: int) -> str:
    return "running" if executed(pid) else "created"


@SIGNALS
def test_delete_can_be_done_again(
    container: MakeContainer, config: Config, number: signal.Signals
) -> None:
    c = container(config, "pause")
    c.create()
    whole_s = seconds_of(lambda: c.delete("--force"))
    for moment in range(MOMENTS):
        c.detach()
        result = asked_after(
            c.runtime.spawn("delete", "--force", c.id), number, whole_s * 1.1 * moment / MOMENTS
        )
        if result.returncode:
            state = c.runtime("state", c.id)
            assert state.returncode == 0 or "does not exist" in state.stderr, str(state)
            c.delete("--force")
        wait_until(lambda: not c.processes(), f"no process of {c.id}")
        assert_nothing_is_left(c)


def hanging(c: Container, kind: str) -> Path:
    """A hook that says that it is there, and stays."""
    here = c.rootfs / "here"
    inside = kind == "startContainer"
    program, log = (INSIDE, "/here") if inside else (str(c.rootfs / INSIDE[1:]), str(here))
    one = {"path": program, "args": ["inside", "hook", log, "x", ";", "nap", "1000"]}
    c.config["hooks"] = {kind: [one]}
    c.write_config()
    return here


@SIGNALS
@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer"])
def test_create_in_a_hook_is_undone(
    container: MakeContainer, config: Config, kind: str, number: signal.Signals
) -> None:
    c = container(config, "pause")
    here = hanging(c, kind)
    trace = c.bundle / "poststop"
    script = f"cat >{trace}"
    c.config["hooks"]["poststop"] = [
        {"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/bin"]}
    ]
    c.write_config()
    spawned = c.runtime.spawn("create", "--bundle", c.bundle, c.id)
    wait_until(here.exists, "the hook")

    spawned.process.send_signal(number)

    assert spawned.wait(timeout_s=20).returncode == 128 + number
    assert_nothing_is_left(c)
    assert '"stopped"' in trace.read_text()  # As when the hook had failed.


@SIGNALS
@pytest.mark.parametrize(
    ("kind", "left"), [("startContainer", "created"), ("poststart", "running")]
)
def test_start_in_a_hook_leaves_what_it_has_reached(
    container: MakeContainer, config: Config, kind: str, left: str, number: signal.Signals
) -> None:
    c = container(config, "pause")
    here = hanging(c, kind)
    c.create()
    spawned = c.runtime.spawn("start", c.id)
    wait_until(here.exists, "the hook")

    spawned.process.send_signal(number)

    assert spawned.wait(timeout_s=20).returncode == 128 + number
    assert c.status == left
    c.delete("--force")


@SIGNALS
def test_detached_run_in_a_poststart_hook_is_undone(
    container: MakeContainer, config: Config, number: signal.Signals
) -> None:
    c = container(config, "pause")
    here = hanging(c, "poststart")
    spawned = c.runtime.spawn("run", "--detach", "--bundle", c.bundle, c.id)
    wait_until(here.exists, "the hook")

    spawned.process.send_signal(number)

    assert spawned.wait(timeout_s=20).returncode == 128 + number
    assert_nothing_is_left(c)


@SIGNALS
def test_delete_in_a_poststop_hook_has_deleted(
    container: MakeContainer, config: Config, number: signal.Signals
) -> None:
    c = container(config, "pause")
    here = hanging(c, "poststop")
    c.detach()
    spawned = c.runtime.spawn("delete", "--force", c.id)
    wait_until(here.exists, "the hook")

    spawned.process.send_signal(number)

    assert spawned.wait(timeout_s=20).returncode == 128 + number
    assert_nothing_is_left(c)


@SIGNALS
@pytest.mark.parametrize("verb", ["start", "delete", "pause", "update"])
def test_who_waits_for_the_lock_does_nothing(
    container: MakeContainer, config: Config, verb: str, number: signal.Signals
) -> None:
    c = container(config, "pause")
    c.create()
    fd = os.open(c.runtime.state_root / c.id, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    flags = ["--pids-limit", "7"] if verb == "update" else []
    spawned = c.runtime.spawn(verb, *flags, c.id)
    try:
        # It has opened the directory, and tries again and again.
        wait_until(lambda: spawned.has_open(c.runtime.state_root / c.id), "the lock being tried")
        spawned.process.send_signal(number)
        assert spawned.wait(timeout_s=5).returncode == 128 + number
    finally:
        os.close(fd)

    assert c.status == "created"


def test_an_ignored_signal_stays_ignored(container: MakeContainer, config: Config) -> None:
    """nohup(1)"""
    c = container(config, "pause")
    here = hanging(c, "createRuntime")
    spawned = c.runtime.spawn("create", "--bundle", c.bundle, c.id, prefix=["nohup"])
    wait_until(here.exists, "the hook")

    spawned.process.send_signal(signal.SIGHUP)
    time.sleep(0.1)
    assert spawned.process.poll() is None
    spawned.process.send_signal(signal.SIGTERM)

    assert spawned.wait(timeout_s=20).returncode == 128 + signal.SIGTERM
