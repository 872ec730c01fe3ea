"""A container in the foreground: whoever does not read, write or live on must not stop the runtime, nor keep its terminal.

Each test fails at c4f41aa: with a blocking write to the terminal, a path for it in /run, signals held while creating.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.config import Config
from support.console import Terminal, open_pty
from support.container import INSIDE, Container, MakeContainer
from support.wait import wait_until

pytestmark = pytest.mark.ours

BIG = 400_000


@pytest.fixture
def terminal_config(config: Config) -> Config:
    config["process"]["terminal"] = True
    return config


@pytest.fixture
def pty() -> Iterator[tuple[Terminal, int]]:
    terminal, line = open_pty()
    with terminal:
        yield terminal, line


def start(c: Container, *command: Any, **files: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(c.runtime.command(*command), env=c.runtime.environment, **files)


def run(c: Container, **files: Any) -> subprocess.Popen[bytes]:
    return start(c, "run", "--bundle", c.bundle, c.id, **files)


def read_until(fd: int, text: bytes, seen: bytes = b"") -> bytes:
    """What *fd* gives until *text* is in it, or its end, for 20 s."""
    while text not in seen:
        assert select.select([fd], [], [], 20)[0], seen[-200:]
        data = os.read(fd, 65536)
        if not data:
            break
        seen += data
    return seen


def test_program_that_does_not_read_stops_neither_signals_nor_the_end(
    container: MakeContainer, terminal_config: Config, pty: tuple[Terminal, int]
) -> None:
    c = container(terminal_config, "trap", 5, 15)
    terminal, line = pty
    process = run(c, stdin=subprocess.PIPE, stdout=line, stderr=line)
    os.close(line)
    assert process.stdin
    terminal.read_until("ready")
    os.set_blocking(process.stdin.fileno(), False)
    text = b"x\n" * (BIG // 2)
    while text and select.select([], [process.stdin], [], 1)[1]:
        try:
            text = text[os.write(process.stdin.fileno(), text) :]
        except BlockingIOError:
            continue

    process.send_signal(signal.SIGTERM)

    terminal.read_until("got 15")
    assert process.wait(20) == 5
    process.stdin.close()


@pytest.mark.parametrize(("typed", "ending"), [("typed\n", 1), ("typed", 1)])
def test_end_of_a_pipe_is_the_end_of_input(
    container: MakeContainer,
    terminal_config: Config,
    pty: tuple[Terminal, int],
    typed: str,
    ending: int,
) -> None:
    c = container(terminal_config, "echo")
    terminal, line = pty
    process = run(c, stdin=subprocess.PIPE, stdout=line, stderr=line)
    os.close(line)
    assert process.stdin
    process.stdin.write(typed.encode())
    process.stdin.close()

    text = terminal.read_all()

    assert process.wait(20) == 0
    assert text.count("typed") == 1 + ending  # the terminal's echo, and the program


@pytest.mark.parametrize("verb", ["run", "exec"])
def test_without_any_terminal_it_is_refused(
    container: MakeContainer, config: Config, verb: str
) -> None:
    config["process"]["terminal"] = verb == "run"
    c = container(config, "pause" if verb == "exec" else "echo")
    if verb == "exec":
        c.detach()
    how: dict[str, Any] = {"prefix": ["setsid", "--wait"], "timeout_s": 20}

    if verb == "run":
        message = c.refuses("run", **how)
        assert not c.exists
    else:
        message = c.refuses("exec", "--tty", after=(INSIDE, "echo"), **how)

    assert "/process/terminal: the standard files are no terminal" in message
    assert message.count("\n") == 1


def test_reader_that_waits_stops_neither_signals_nor_loses_anything(
    container: MakeContainer, terminal_config: Config, pty: tuple[Terminal, int]
) -> None:
    # By then the runtime has the terminal, and has turned ONLCR off.
    c = container(
        terminal_config,
        "nap",
        "1000",
        ";",
        "cat",
        "/big",
        ";",
        "print",
        "\nready\n",
        ";",
        "exit",
        "3",
    )
    (c.rootfs / "big").write_bytes(b"0123456\n" * (BIG // 8))
    _, line = pty
    process = run(c, stdin=line, stdout=subprocess.PIPE, stderr=line)
    os.close(line)
    assert process.stdout
    output = process.stdout.fileno()
    wait_until(lambda: select.select([output], [], [], 0)[0], "output")
    wait_until(lambda: c.verb("state", expect=None).returncode == 0, "a container")

    text = read_until(process.stdout.fileno(), b"\0")

    assert process.wait(20) == 3
    assert text.count(b"0123456\n") == BIG // 8
    assert b"\r" not in text  # ONLCR is off
    process.stdout.close()


def test_no_line_of_a_quick_program_ends_with_a_carriage_return(
    container: MakeContainer, terminal_config: Config, pty: tuple[Terminal, int]
) -> None:
    """The executor turns ONLCR off when it makes the terminal; the runtime did it later, or after the program's first line."""
    _, line = pty
    c = container(terminal_config, "print", "first\nlines")
    again = container(None, "pause")
    again.detach()
    said = b""
    for _ in range(10):
        for words in (
            ("run", "--bundle", c.bundle, c.id),
            ("exec", "--tty", again.id, INSIDE, "print", "first\nlines"),
        ):
            process = subprocess.run(
                c.runtime.command(*words),
                stdin=line,
                stdout=subprocess.PIPE,
                check=True,
                env=c.runtime.environment,
                timeout=20,
            )
            said += process.stdout
    os.close(line)

    assert said == b"first\nlines\n" * 20


def test_reader_that_never_reads_does_not_keep_a_runtime_whose_container_was_killed(
    container: MakeContainer, terminal_config: Config, pty: tuple[Terminal, int]
) -> None:
    c = container(terminal_config, "cat", "/big", ";", "pause")
    (c.rootfs / "big").write_bytes(b"0123456\n" * (BIG // 8))
    _, line = pty
    process = run(c, stdin=line, stdout=subprocess.PIPE, stderr=line)
    os.close(line)
    assert process.stdout
    output = process.stdout.fileno()
    wait_until(lambda: select.select([output], [], [], 0)[0], "output")
    c.kill("KILL")

    process.send_signal(signal.SIGTERM)

    assert process.wait(20) == 137
    process.stdout.close()


def test_closed_output_does_not_end_the_program(
    container: MakeContainer, terminal_config: Config, pty: tuple[Terminal, int]
) -> None:
    c = container(terminal_config, "cat", "/big", ";", "exit", "4")
    (c.rootfs / "big").write_bytes(b"0123456\n" * (BIG // 8))
    _, line = pty
    process = run(c, stdin=line, stdout=subprocess.PIPE, stderr=line)
    os.close(line)
    assert process.stdout
    process.stdout.close()

    assert process.wait(20) == 4


def test_full_output_is_said_and_does_not_end_the_program(
    container: MakeContainer, terminal_config: Config, pty: tuple[Terminal, int]
) -> None:
    c = container(terminal_config, "print", "x", ";", "exit", "4")
    terminal, line = pty
    with Path("/dev/full").open("wb") as full:
        process = run(c, stdin=line, stdout=full, stderr=line)
    os.close(line)

    text = terminal.read_all()

    assert process.wait(20) == 4
    assert "standard output: no space left on device" in text


def test_callers_open_files_stay_blocking(
    container: MakeContainer, terminal_config: Config, pty: tuple[Terminal, int]
) -> None:
    c = container(terminal_config, "trap", 5, 15)
    terminal, line = pty
    read_fd, write_fd = os.pipe()
    process = run(c, stdin=line, stdout=write_fd, stderr=line)
    read_until(read_fd, b"ready")

    flags = [fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK for fd in (line, write_fd)]
    process.send_signal(signal.SIGTERM)

    assert process.wait(20) == 5
    assert flags == [0, 0]
    for fd in (line, read_fd, write_fd):
        os.close(fd)
    terminal.read_all()


def test_killed_runtime_leaves_no_path(
    container: MakeContainer, terminal_config: Config, pty: tuple[Terminal, int]
) -> None:
    c = container(terminal_config, "trap", 5, 15)
    terminal, line = pty
    before = set(os.listdir("/run"))
    process = run(c, stdin=line, stdout=line, stderr=line)
    os.close(line)
    terminal.read_until("ready")

    process.kill()

    assert process.wait(20) == -9
    assert set(os.listdir("/run")) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("terminal", [False, True])
def test_signal_while_creating_undoes_everything(
    container: MakeContainer,
    config: Config,
    pty: tuple[Terminal, int],
    number: signal.Signals,
    terminal: bool,
) -> None:
    config["process"]["terminal"] = terminal
    config["hooks"] = {
        "createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "echo $$ >here; exec sleep 60"]}]
    }
    c = container(config, "pause")
    _, line = pty
    process = run(c, stdin=line, stdout=line, stderr=line)
    os.close(line)
    here = c.bundle / "here"
    wait_until(lambda: here.exists() and here.read_text().strip(), "the hook")

    process.send_signal(number)

    assert process.wait(20) == 128 + number
    assert not c.exists
    assert not Path(f"/proc/{here.read_text().strip()}").exists()


def test_output_of_a_failing_hook_on_the_terminal_is_shown(
    container: MakeContainer, terminal_config: Config, pty: tuple[Terminal, int]
) -> None:
    terminal_config["hooks"] = {
        "startContainer": [
            {"path": INSIDE, "args": ["inside", "print", "I cannot\n", ";", "exit", "9"]}
        ]
    }
    c = container(terminal_config, "pause")
    terminal, line = pty
    process = run(c, stdin=line, stdout=line, stderr=line)
    os.close(line)

    text = terminal.read_all()

    assert process.wait(20) == 1
    assert "I cannot" in text


JOB = """
import os, signal, sys, termios
line, control, report = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
command = sys.argv[4:]
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
before = termios.tcgetattr(0)
pid = os.fork()
if pid == 0:
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(command[0], command)
def say(*words):
    os.write(report, (" ".join(map(str, words)) + "\\n").encode())
def mode():
    return "cooked" if termios.tcgetattr(0)[3] & termios.ICANON else "raw"
def wait():
    return os.waitpid(pid, os.WUNTRACED)[1]
status = wait()
say("in background", os.WIFSTOPPED(status) and os.WSTOPSIG(status), mode())
os.tcsetpgrp(0, pid)
os.killpg(pid, signal.SIGCONT)
os.read(control, 1)
say("in foreground", mode())
os.killpg(pid, signal.SIGTSTP)
status = wait()
say("suspended", os.WIFSTOPPED(status) and os.WSTOPSIG(status), mode())
os.killpg(pid, signal.SIGCONT)
os.read(control, 1)
say("again", mode())
status = wait()
os.tcsetpgrp(0, os.getpgrp())
say("ended", os.waitstatus_to_exitcode(status), termios.tcgetattr(0) == before)
"""


def test_it_behaves_as_a_job_of_a_shell(
    container: MakeContainer, config: Config, pty: tuple[Terminal, int]
) -> None:
    c = container(config, "pause")
    c.detach()
    terminal, line = pty
    control_read, control_write = os.pipe()
    report_read, report_write = os.pipe()
    fds = (line, control_read, report_write)
    command = c.runtime.command("exec", "--tty", c.id, INSIDE, "echo")
    words = [sys.executable, "-c", JOB, *map(str, fds), *command]
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *words],
        stdin=line,
        stdout=line,
        stderr=line,
        env=c.runtime.environment,
        pass_fds=fds,
    )
    for fd in fds:
        os.close(fd)
    seen = read_until(report_read, b"\n")
    assert seen == b"in background 22 cooked\n"
    terminal.send("typed once\n")
    terminal.read_until("typed once\ntyped once\n")
    os.write(control_write, b"x")
    seen = read_until(report_read, b"suspended 20 cooked\n", seen)
    assert b"in foreground raw\n" in seen
    terminal.send("typed again\n")
    terminal.read_until("typed again\ntyped again\n")
    os.write(control_write, b"x")
    seen = read_until(report_read, b"again raw\n", seen)
    terminal.send("\x04")
    seen = read_until(report_read, b"ended", seen)
    seen = read_until(report_read, b"\0", seen)

    assert seen.endswith(b"ended 0 True\n")
    process.wait(20)
    for fd in (control_write, report_read):
        os.close(fd)
