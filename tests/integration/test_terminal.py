"""Terminals: the console socket, a terminal passed through by `run` and `exec`, what the process sees of it."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.config import Config
from support.console import ConsoleSocket, Terminal, open_pty
from support.container import INSIDE, Container, MakeContainer
from support.runtime import Spawned
from support.wait import wait_for_exit, wait_until


@pytest.fixture
def terminal_config(config: Config) -> Config:
    config["process"]["terminal"] = True
    config["process"]["consoleSize"] = {"height": 33, "width": 99}
    return config


@pytest.fixture
def console(work: Path) -> Iterator[ConsoleSocket]:
    with ConsoleSocket(work / "console") as opened:
        yield opened


def run_on_pty(c: Container, *command: Any) -> tuple[subprocess.Popen[bytes], Terminal]:
    """Start a command of the runtime whose standard files are a pty of ours, with the pty as controlling terminal."""
    terminal, line = open_pty()
    terminal.resize(44, 111)
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *c.runtime.command(*command)],
        stdin=line,
        stdout=line,
        stderr=line,
        env=c.runtime.environment,
    )
    os.close(line)
    return process, terminal


def size_of_terminal(pid: int) -> tuple[int, int]:
    """The size of the terminal that is the standard input of *pid*."""
    fd = os.open(f"/proc/{pid}/fd/0", os.O_RDWR | os.O_NOCTTY)
    try:
        return Terminal(fd).size
    finally:
        os.close(fd)


def test_console_socket_receives_the_terminal(
    container: MakeContainer, terminal_config: Config, console: ConsoleSocket
) -> None:
    c = container(
        terminal_config, "tty", ";", "stat", "/dev/console", ";", "readlink", "/proc/self/fd/0"
    )

    c.create("--console-socket", console.path)
    with console.receive() as terminal:
        c.start()
        text = terminal.read_all().replace("\r\n", "\n")

    sections = text.split("\n--\n")
    assert "isatty=111" in sections[0]
    assert "rows=33 cols=99" in sections[0]
    assert "controlling=yes foreground=1" in sections[0]
    assert "type=char" in sections[1]
    assert sections[2].strip() in ("/dev/pts/0", "/dev/console")


def test_message_with_the_terminal_names_it(
    container: MakeContainer, terminal_config: Config, console: ConsoleSocket
) -> None:
    c = container(terminal_config, "pause")
    c.create("--console-socket", console.path)

    with console.receive() as terminal:
        assert terminal.name.startswith("/dev/pts/") or terminal.name.startswith("/dev/ptmx")


def test_terminals_line_side_belongs_to_the_containers_devpts(
    container: MakeContainer, terminal_config: Config, console: ConsoleSocket
) -> None:
    c = container(terminal_config, "ls", "/dev/pts", ";", "stat", "/dev/pts/0")
    c.create("--console-socket", console.path)

    with console.receive() as terminal:
        c.start()
        text = terminal.read_all().replace("\r\n", "\n")

    assert "0" in text.split("\n--\n")[0].split()
    assert "mode=0620" in text
    assert "gid=5" in text


def test_control_c_reaches_the_process(
    container: MakeContainer, terminal_config: Config, console: ConsoleSocket
) -> None:
    c = container(terminal_config, "trap", 5, 2)
    c.create("--console-socket", console.path)

    with console.receive() as terminal:
        c.start()
        terminal.read_until("ready")
        terminal.send("\x03")
        terminal.read_until("got 02")

    assert c.wait_stopped() == 5


def test_resize_is_signalled_to_the_process(
    container: MakeContainer, terminal_config: Config, console: ConsoleSocket
) -> None:
    c = container(terminal_config, "trap", 6, 28)
    c.create("--console-socket", console.path)

    with console.receive() as terminal:
        c.start()
        terminal.read_until("ready")
        terminal.resize(10, 20)
        terminal.read_until("got 28")

    assert c.wait_stopped() == 6


def test_input_typed_on_the_terminal_arrives(
    container: MakeContainer, terminal_config: Config, console: ConsoleSocket
) -> None:
    c = container(terminal_config, "echo")
    c.create("--console-socket", console.path)

    with console.receive() as terminal:
        c.start()
        terminal.send("typed\n")
        terminal.read_until("typed\r\ntyped\r\n")
        terminal.send("\x04")
        terminal.read_all()

    assert c.wait_stopped() == 0


def test_losing_the_terminal_hangs_up(
    container: MakeContainer, terminal_config: Config, console: ConsoleSocket
) -> None:
    c = container(terminal_config, "trap", 4, 1)
    c.create("--console-socket", console.path)

    with console.receive() as terminal:
        c.start()
        terminal.read_until("ready")

    assert c.wait_stopped() == 4


def test_terminal_belongs_to_the_containers_user(
    container: MakeContainer, terminal_config: Config, console: ConsoleSocket
) -> None:
    terminal_config["process"]["user"] = {"uid": 1000, "gid": 1000}
    c = container(terminal_config, "stat", "/dev/pts/0", ";", "open", "/dev/tty", "rw")
    c.create("--console-socket", console.path)

    with console.receive() as terminal:
        c.start()
        text = terminal.read_all().replace("\r\n", "\n")

    assert "uid=1000" in text
    assert "ok" in text


def test_console_file_in_the_image_that_is_a_symlink_is_not_followed(
    container: MakeContainer, terminal_config: Config, console: ConsoleSocket, work: Path
) -> None:
    # CVE-2025-52565
    (work / "victim").write_text("of the host\n")
    terminal_config["mounts"] = [m for m in terminal_config["mounts"] if m["destination"] != "/dev"]
    c = container(terminal_config, "pause")
    (c.rootfs / "dev" / "console").symlink_to(work / "victim")

    result = c.runtime("create", "--bundle", c.bundle, "--console-socket", console.path, c.id)

    assert (work / "victim").read_text() == "of the host\n"
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("what", ["missing", "file", "nobody listens"])
def test_console_socket_that_is_unusable_is_an_error(
    container: MakeContainer, terminal_config: Config, work: Path, what: str
) -> None:
    path = work / "socket"
    if what == "file":
        path.write_text("")
    if what == "nobody listens":
        os.mknod(path, stat.S_IFSOCK | 0o600)
    c = container(terminal_config)

    c.refuses("create", "--console-socket", path)
    assert not c.exists


def test_create_with_a_terminal_needs_a_console_socket(
    container: MakeContainer, terminal_config: Config
) -> None:
    assert "console socket" in container(terminal_config).refuses("create").lower().replace(
        "-", " "
    )


def test_console_socket_without_a_terminal_is_an_error(
    container: MakeContainer, config: Config, console: ConsoleSocket
) -> None:
    assert (
        "console" in container(config).refuses("create", "--console-socket", console.path).lower()
    )


def test_console_size_is_ignored_without_a_terminal(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["consoleSize"] = {"height": 33, "width": 99}

    assert "isatty=000" in container(config, "tty").run().stdout.replace("isatty=011", "isatty=000")


def test_run_passes_the_callers_terminal_through(
    container: MakeContainer, terminal_config: Config
) -> None:
    del terminal_config["process"]["consoleSize"]
    c = container(terminal_config, "tty", ";", "trap", 7, 2)

    process, terminal = run_on_pty(c, "run", "--bundle", c.bundle, c.id)
    with terminal:
        text = terminal.read_until("ready")
        wait_until(lambda: size_of_terminal(c.pid) == (44, 111), "the caller's size inside")
        terminal.send("\x03")
        terminal.read_until("got 02")
        code = process.wait(20)

    assert "isatty=111" in text
    assert code == 7


def test_run_restores_the_callers_terminal(
    container: MakeContainer, terminal_config: Config
) -> None:
    import termios

    terminal, line = open_pty()
    try:
        before = termios.tcgetattr(line)
        c = container(terminal_config, "print", "x")
        process = subprocess.Popen(
            c.runtime.command("run", "--bundle", c.bundle, c.id),
            stdin=line,
            stdout=line,
            stderr=line,
            env=c.runtime.environment,
        )
        assert process.wait(20) == 0
        after = termios.tcgetattr(line)
    finally:
        os.close(line)
        with terminal:
            terminal.read_all()

    assert after == before


def test_resize_of_the_callers_terminal_is_passed_on(
    container: MakeContainer, terminal_config: Config
) -> None:
    c = container(terminal_config, "trap", 8, 28)

    process, terminal = run_on_pty(c, "run", "--bundle", c.bundle, c.id)
    with terminal:
        terminal.read_until("ready")
        terminal.resize(12, 34)
        terminal.read_until("got 28")

        assert process.wait(20) == 8


def test_exec_with_a_terminal_passes_the_callers_through(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    c.detach()

    process, terminal = run_on_pty(c, "exec", "--tty", c.id, INSIDE, "tty", ";", "exit", "3")
    with terminal:
        text = terminal.read_until("foreground=")
        terminal.read_all()
        code = process.wait(20)

    assert "isatty=111" in text
    assert "rows=44 cols=111" in text
    assert "controlling=yes" in text
    assert code == 3


def test_detached_exec_with_a_console_socket(
    container: MakeContainer, config: Config, console: ConsoleSocket, work: Path
) -> None:
    c = container(config, "pause")
    c.detach()

    spawned: Spawned = c.runtime.spawn(
        *(
            "exec",
            "--tty",
            "--detach",
            "--console-socket",
            console.path,
            "--pid-file",
            work / "pid",
            c.id,
            INSIDE,
            "tty",
        )
    )
    with console.receive() as terminal:
        assert spawned.wait().returncode == 0
        text = terminal.read_all()

    assert "isatty=111" in text
    assert "controlling=yes" in text
    assert wait_for_exit(int((work / "pid").read_text())) == 0
