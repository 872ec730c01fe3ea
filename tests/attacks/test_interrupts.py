"""SIGINT at any moment, and too little memory: a quiet end or one line, never a traceback, and nothing left.

The sweep fails at c4f41aa: Python showed a traceback when it was interrupted while it began.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from support.container import INSIDE, MakeContainer
from support.wait import wait_for_exit

pytestmark = pytest.mark.ours

ROUNDS = 60


def interrupted(command: list[str], environment: dict[str, str], after_s: float) -> tuple[int, str]:
    """Its exit status and what it said; into a file, for a created container keeps its standard files."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=environment,
        )
        time.sleep(after_s)
        process.send_signal(signal.SIGINT)
        code = process.wait(20)
        said.seek(0)
        return code, said.read().decode()


@pytest.mark.parametrize("verb", ["list", "features", "--version"])
def test_interrupt_at_any_moment_is_quiet(container: MakeContainer, verb: str) -> None:
    runtime = container(None, "pause").runtime
    begin = time.monotonic()
    subprocess.run(runtime.command(verb), stdout=subprocess.DEVNULL, check=True)
    whole_s = time.monotonic() - begin

    ends = set()
    for number in range(ROUNDS):
        # From before its execve until it has ended.
        code, err = interrupted(
            runtime.command(verb), runtime.environment, whole_s * number / ROUNDS
        )
        ends.add(code)
        assert err == ""

    assert ends <= {0, 130, -signal.SIGINT}


def test_interrupted_create_leaves_nothing(container: MakeContainer) -> None:
    c = container(None, "pause")
    command = c.runtime.command("create", "--bundle", c.bundle, c.id)
    begin = time.monotonic()
    c.create()
    whole_s = time.monotonic() - begin
    c.delete("--force")

    for number in range(20):
        code, err = interrupted(command, c.runtime.environment, whole_s * number / 20)
        assert "Traceback" not in err
        if c.exists:
            c.delete("--force")
        assert code in (0, 130, -signal.SIGINT)


def test_blocked_interrupt_stays_blocked(container: MakeContainer) -> None:
    runtime = container(None, "pause").runtime
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        code, err = interrupted(runtime.command("list"), runtime.environment, 0.001)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    assert (code, err) == (0, "")


@pytest.mark.parametrize("megabytes", [12, 14, 16, 18, 20, 24, 28, 32, 48, 64])
def test_too_little_memory_is_no_traceback(container: MakeContainer, megabytes: int) -> None:
    c = container(None, "pause")
    command = c.runtime.command("create", "--bundle", c.bundle, c.id)

    with tempfile.TemporaryFile() as said:
        code = subprocess.run(
            ["bash", "-c", f'ulimit -v {megabytes * 1024}; exec "$@"', "-", *command],
            env=c.runtime.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            timeout=60,
            check=False,
        ).returncode
        said.seek(0)
        text = said.read().decode()

    # Before our first line the words are the interpreter's.
    if "core initialized" not in text and "Fatal Python error" not in text:
        assert "Traceback" not in text
    assert "this is a bug" not in text
    if code:
        assert text
        c.runtime("delete", "--force", c.id)


@pytest.mark.parametrize("closed", ["0", "1", "2", "01", "02", "12", "012"])
@pytest.mark.parametrize("verb", ["run", "create", "exec"])
def test_nothing_of_the_runtime_takes_the_place_of_a_closed_standard_file(
    container: MakeContainer, closed: str, verb: str, tmp_path: Path
) -> None:
    """What it opened there would be handed to the program. (Held at c4f41aa too.)"""
    pid_file = tmp_path / "pid"
    c = container(None, "pause")
    if verb == "exec":
        c.detach()
        words = ["exec", "--detach", "--pid-file", pid_file, c.id, INSIDE, "pause"]
    else:
        detach = ["--detach"] * (verb == "run")
        words = [verb, *detach, "--bundle", c.bundle, "--pid-file", pid_file, c.id]
    closing = " ".join(f"{fd}>&-" for fd in closed)

    subprocess.run(
        ["bash", "-c", f'exec "$@" {closing}', "-", *c.runtime.command(*words)],
        env=c.runtime.environment,
        check=True,
        timeout=20,
    )

    pid = int(pid_file.read_text())
    for fd in closed:
        assert os.readlink(f"/proc/{pid}/fd/{fd}") == "/dev/null"
    if verb == "exec":
        os.kill(pid, signal.SIGKILL)
        wait_for_exit(pid)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exec sleep 600", "ps: it did not end within 10 s"),
        ("exec yes PID", "ps: its output is longer than 64 MiB"),
        ("echo PID; exec sleep 600 >&-", "ps: it did not end within 10 s"),
    ],
)
def test_program_that_lists_processes_does_not_keep_the_verb(
    container: MakeContainer, tmp_path: Path, script: str, said: str
) -> None:
    """Fails at c4f41aa, which reads until the end, whenever and however much that is."""
    c = container(None, "pause")
    c.detach()
    program = tmp_path / "ps"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    environment = {**c.runtime.environment, "PATH": f"{tmp_path}:/usr/bin:/bin"}

    message = c.refuses("ps", environment=environment, timeout_s=30)

    assert said in message
