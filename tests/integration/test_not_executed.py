"""execve(2) that fails when everything else has succeeded: as after a shell, the program's standard error says why, and the
exit status is 127 or 126. What is missing already at create is create's error (test_process.py)."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pytest

import requires
from support.config import Config
from support.container import Container, MakeContainer

pytestmark = pytest.mark.ours

SCRIPT = "/bin/script"

NOT_EXECUTED = pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        pytest.param(b"\x00\x01\x02\x03 no program", 126, "exec format error", id="ENOEXEC"),
        pytest.param(b"echo no first line\n", 126, "exec format error", id="no-interpreter"),
        pytest.param(b"#!/no/such/one\n", 127, "no such file or directory", id="ENOENT"),
        pytest.param(b"#!/bin/inside\r\n", 127, "no such file or directory", id="CRLF"),
        pytest.param(b"#!/etc/not-executable\n", 126, "permission denied", id="EACCES"),
        pytest.param(b"#!/bin/script\n", 126, "too many levels of symbolic links", id="ELOOP"),
    ],
)
ENOENT = (b"#!/no/such/one\n", 127, f"exec {SCRIPT}: no such file or directory; hint: ")


@pytest.fixture
def scripted(container: MakeContainer, config: Config) -> Container:
    """Its program is the script, which each test writes."""
    config["process"]["args"] = [SCRIPT]
    return container(config)


def write(c: Container, content: bytes, path: str = SCRIPT) -> Path:
    (c.rootfs / "etc" / "not-executable").write_text("")
    script = c.rootfs / path[1:]
    script.write_bytes(content)
    script.chmod(0o755)
    return script


def stderr_is(fd: int) -> list[str]:
    """Of a command that gets *fd*."""
    command = "import os, sys; os.dup2(int(sys.argv[1]), 2); os.execv(sys.argv[2], sys.argv[2:])"
    return [sys.executable, "-c", command, str(fd)]


@NOT_EXECUTED
def test_start_succeeds_and_the_container_has_said_why(
    scripted: Container, content: bytes, status: int, words: str
) -> None:
    write(scripted, content)
    scripted.create()

    started = scripted.start()

    assert (started.stdout, started.stderr) == ("", "")
    assert scripted.wait_stopped() == status
    assert scripted.last
    said = scripted.last.stderr
    assert said.startswith(f"exec {SCRIPT}: {words}")
    assert len(said.splitlines()) == 1
    assert scripted.state()["pid"] == 0
    scripted.delete()


@NOT_EXECUTED
def test_run_ends_as_the_program_would_have(
    scripted: Container, content: bytes, status: int, words: str
) -> None:
    write(scripted, content)

    ran = scripted.run(expect=status)

    assert ran.stderr.startswith(f"exec {SCRIPT}: {words}")
    assert len(ran.stderr.splitlines()) == 1
    assert not scripted.exists


@NOT_EXECUTED
def test_exec_ends_as_the_program_would_have(
    container: MakeContainer, config: Config, content: bytes, status: int, words: str
) -> None:
    c = container(config, "ready", ";", "pause")
    write(c, content)
    c.detach()
    c.wait_for_output()

    ran = c.verb("exec", after=(SCRIPT,), expect=status)

    assert ran.stderr.startswith(f"exec {SCRIPT}: {words}")
    assert c.status == "running"


def test_detached_run_and_exec_succeed_and_their_programs_have_ended(
    container: MakeContainer, config: Config
) -> None:
    content, status, words = ENOENT
    c = container(config, "ready", ";", "pause")
    write(c, content)
    c.detach()
    c.wait_for_output()
    pid_file = c.bundle / "exec.pid"

    spawned = c.runtime.spawn("exec", "--detach", "--pid-file", pid_file, c.id, SCRIPT)

    assert spawned.wait().returncode == 0
    assert os.waitpid(int(pid_file.read_text()), 0)[1] == status << 8
    assert spawned.stderr.startswith(words)
    c.delete("--force")
    config["process"]["args"] = [SCRIPT]
    other = container(config)
    write(other, content)
    other.detach()
    assert other.wait_stopped() == status
    assert other.last
    assert other.last.stderr.startswith(words)


def test_a_hint_names_the_known_traps(scripted: Container) -> None:
    write(scripted, b"#!/bin/inside\r\n")

    message = scripted.run(expect=127).stderr

    assert "hint: " in message
    assert "interpreter" in message
    assert "carriage return" in message
    assert "dynamic linker" in message


def test_poststart_hooks_run_as_after_a_program_that_ends_at_once(scripted: Container) -> None:
    trace = scripted.bundle / "trace"
    hook = {"path": "/bin/sh", "args": ["sh", "-c", f"cat >{trace}"], "env": ["PATH=/bin:/usr/bin"]}
    scripted.config["hooks"] = {"poststart": [hook]}
    scripted.write_config()
    write(scripted, ENOENT[0])
    scripted.create()

    scripted.start()

    assert '"running"' in trace.read_text()


def test_nobody_reads_its_complaint(scripted: Container) -> None:
    """A closed pipe on stderr neither ends init by SIGPIPE nor fails the start."""
    write(scripted, ENOENT[0])
    read_fd, write_fd = os.pipe()
    scripted.create(prefix=stderr_is(write_fd), pass_fds=(write_fd,))
    os.close(read_fd)
    os.close(write_fd)

    scripted.start()

    assert scripted.wait_stopped() == 127


def test_its_complaint_does_not_wait_for_a_reader(scripted: Container) -> None:
    write(scripted, ENOENT[0])
    read_fd, write_fd = os.pipe()
    try:
        os.set_blocking(write_fd, False)
        while True:
            os.write(write_fd, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(write_fd, True)
    try:
        scripted.create(prefix=stderr_is(write_fd), pass_fds=(write_fd,))
        scripted.start()

        assert scripted.wait_stopped() == 127
    finally:
        os.close(read_fd)
        os.close(write_fd)


def test_a_terminal_shows_it(scripted: Container) -> None:
    scripted.config["process"]["terminal"] = True
    scripted.write_config()
    write(scripted, ENOENT[0])
    controller, terminal = pty.openpty()
    try:
        ran = scripted.run(expect=127, stdin=terminal)
    finally:
        os.close(controller)
        os.close(terminal)

    assert ran.stdout.startswith(ENOENT[2])
    assert ran.stderr == ""


def test_a_name_cannot_write_to_the_terminal(container: MakeContainer, config: Config) -> None:
    name = "/bin/\x1b[31mred\nline"
    config["process"]["args"] = [name]
    c = container(config)
    write(c, ENOENT[0], name)

    said = c.run(expect=127).stderr

    assert said.startswith(r"exec /bin/\x1b[31mred\nline: no such file or directory")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("verb", ["run", "exec", "start"])
@pytest.mark.parametrize(
    "uid", [0, pytest.param(5, marks=requires.as_root("uses an id that is not mapped"))]
)
def test_whoever_may_not_trace_it_knows_how_it_ended(
    container: MakeContainer, config: Config, verb: str, uid: int
) -> None:
    """A process that is not dumpable shows its exit status in /proc to nobody without CAP_SYS_PTRACE."""
    content, status, words = ENOENT
    config["process"]["user"] = {"uid": uid, "gid": uid}
    if verb != "exec":
        config["process"]["args"] = [SCRIPT]
    c = container(config) if verb != "exec" else container(config, "pause")
    write(c, content)
    without = ["setpriv", "--bounding-set=-sys_ptrace"] if os.geteuid() == 0 else []

    if verb == "start":
        c.create(prefix=without)
        assert c.start(prefix=without).stderr == ""
        assert c.wait_stopped() == status
        return
    if verb == "run":
        ran = c.run(expect=status, prefix=without)
    else:
        c.detach()
        # Joining another user's needs it.
        ran = c.verb("exec", after=(SCRIPT,), expect=status, prefix=[] if uid else without)

    assert ran.stderr.startswith(words)
    assert len(ran.stderr.splitlines()) == 1
