"""What the caller names a file by may be anything, somebody else's too: --pid-file, --log, --console-socket.

Nothing is followed or written that is not ours, and no fifo and no silent listener keeps a verb waiting.
At c4f41aa a listener whose queue is full kept create for ever, and a log that nobody reads was no error.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from support.config import Config
from support.container import Container, MakeContainer

pytestmark = pytest.mark.ours


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_link(path: Path) -> None:
    (path.parent / "theirs").write_text("theirs")
    path.symlink_to("theirs")


def make_file(path: Path) -> None:
    path.write_text("theirs")


@pytest.mark.parametrize("make", [make_fifo, make_link, make_file])
@pytest.mark.parametrize("temporary", [False, True])
def test_a_pid_file_is_a_new_file(container: MakeContainer, make: object, temporary: bool) -> None:
    assert callable(make)
    c = container(None, "pause")
    pid_file = c.bundle / "pid"
    make(c.bundle / ".pid" if temporary else pid_file)

    c.create("--pid-file", pid_file)

    assert int(pid_file.read_text()) == c.state()["pid"]
    assert not pid_file.is_symlink()
    assert not (c.bundle / ".pid").exists()
    theirs = c.bundle / "theirs"
    assert not theirs.exists() or theirs.read_text() == "theirs"


def test_a_pid_file_that_cannot_be_written_is_an_error(container: MakeContainer) -> None:
    c = container(None, "pause")
    directory = c.bundle / "pid"
    directory.mkdir()

    assert "--pid-file" in c.refuses("create", "--pid-file", directory)
    assert directory.is_dir()
    assert not (c.bundle / ".pid").exists()
    assert not c.exists


@pytest.mark.parametrize("kind", ["createRuntime", "createContainer"])
def test_a_failed_create_leaves_the_pid_file_of_another(
    container: MakeContainer, config: Config, kind: str
) -> None:
    config["hooks"] = {kind: [{"path": "/bin/false"}]}
    c = container(config, "pause")
    pid_file = c.bundle / "pid"
    pid_file.write_text("4711")

    c.refuses("create", "--pid-file", pid_file)

    assert pid_file.read_text() == "4711"


def test_a_log_that_is_a_fifo_without_a_reader_is_an_error(container: MakeContainer) -> None:
    c = container(None, "pause")
    os.mkfifo(c.bundle / "log")

    done = c.runtime("--log", c.bundle / "log", "create", "--bundle", c.bundle, c.id, timeout_s=20)

    assert done.returncode == 1
    assert "--log" in done.stderr
    assert not c.exists


@pytest.fixture
def with_terminal(container: MakeContainer, config: Config) -> Container:
    config["process"]["terminal"] = True
    return container(config, "pause")


def test_a_listener_that_never_accepts_is_not_waited_for_for_ever(
    with_terminal: Container, work: Path
) -> None:
    path = work / "console"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(0)
        with socket.socket(socket.AF_UNIX) as before:
            before.connect(str(path))  # the queue is full now

            message = with_terminal.refuses("create", "--console-socket", path, timeout_s=30)

    assert "process.terminal" in message
    assert "resource temporarily unavailable" in message
    assert not with_terminal.exists


@pytest.mark.parametrize("make", [make_fifo, make_file])
def test_a_console_socket_that_is_none_is_an_error(
    with_terminal: Container, make: object, work: Path
) -> None:
    assert callable(make)
    make(work / "console")

    message = with_terminal.refuses("create", "--console-socket", work / "console", timeout_s=20)

    assert "connection refused" in message
    assert not with_terminal.exists
