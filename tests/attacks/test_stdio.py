"""The caller's standard files: the program can open its own again, and nobody else's owner is changed.

At c4f41aa `/dev/stdout` could not be opened in a user namespace when it was a pipe of the host's root.
"""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

import requires
from support.config import Config, add_user_namespace, on_host
from support.container import Container, MakeContainer

pytestmark = [pytest.mark.ours, requires.as_root("makes pipes as root")]

OPENS = ("open", "/dev/stdout", "w", ";", "open", "/proc/self/fd/1", "w", ";", "open", "/dev/stdin", "r",
         ";", "open", "/dev/stderr", "w")  # fmt: skip
USERS = pytest.mark.parametrize("uid", [0, 1000])
NAMESPACE = pytest.mark.parametrize("mapped", [False, True], ids=["host's ids", "user namespace"])


def configure(config: Config, uid: int, *, mapped: bool) -> None:
    if mapped:
        add_user_namespace(config)
    config["process"]["user"] = {"uid": uid, "gid": uid}
    config["process"]["capabilities"] = {}


def piped(c: Container, *words: object) -> tuple[str, int]:
    """The output with pipes for all three, and who owns that of the output afterwards."""
    read_fd, write_fd = os.pipe()
    try:
        process = subprocess.Popen(
            c.runtime.command(*words),
            stdin=subprocess.PIPE,
            stdout=write_fd,
            stderr=subprocess.PIPE,
            env=c.runtime.environment,
        )
        _, errors = process.communicate(timeout=60)
        owner = os.fstat(write_fd).st_uid
        os.close(write_fd)
        write_fd = -1
        assert process.returncode == 0, errors.decode()
        return os.read(read_fd, 4096).decode(), owner
    finally:
        os.close(read_fd)
        if write_fd >= 0:
            os.close(write_fd)


@requires.user_namespaces
@USERS
@NAMESPACE
def test_pipes_can_be_opened_again(
    container: MakeContainer, config: Config, uid: int, mapped: bool
) -> None:
    configure(config, uid, mapped=mapped)
    c = container(config, *OPENS)

    output, owner = piped(c, "run", "--bundle", c.bundle, c.id)

    assert output == "ok\n--\nok\n--\nok\n--\nok\n"
    assert owner == on_host(config, uid)


@requires.user_namespaces
@USERS
@NAMESPACE
def test_pipes_of_an_exec_can_be_opened_again(
    container: MakeContainer, config: Config, uid: int, mapped: bool
) -> None:
    configure(config, uid, mapped=mapped)
    c = container(config, "pause")
    c.detach()

    output, owner = piped(c, "exec", c.id, "/bin/inside", *OPENS)

    assert output == "ok\n--\nok\n--\nok\n--\nok\n"
    assert owner == on_host(config, uid)


@requires.user_namespaces
@USERS
@NAMESPACE
@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "/dev/full", "terminal"])
def test_no_device_is_ever_given_away(
    container: MakeContainer, config: Config, uid: int, mapped: bool, device: str
) -> None:
    """Not even the caller's terminal: its owner would stay another's after the end."""
    configure(config, uid, mapped=mapped)
    c = container(config)
    master_fd = -1
    if device == "terminal":
        master_fd, fd = os.openpty()
    else:
        fd = os.open(device, os.O_RDWR)
    before = os.fstat(fd)
    try:
        for words in (["create", "--bundle", str(c.bundle), c.id], ["start", c.id]):
            command = c.runtime.command(*words)
            subprocess.run(
                command, stdin=fd, stdout=fd, stderr=fd, env=c.runtime.environment, check=True
            )
            c.init_pid = c.init_pid or c.pid
        after = os.fstat(fd)
    finally:
        os.close(fd)
        if master_fd >= 0:
            os.close(master_fd)

    assert stat.S_ISCHR(before.st_mode)
    assert (after.st_uid, after.st_gid, after.st_mode) == (
        before.st_uid,
        before.st_gid,
        before.st_mode,
    )
    c.wait_stopped()


@requires.user_namespaces
def test_a_file_of_the_host_is_not_given_to_a_user_namespace(
    container: MakeContainer, config: Config, work: Path
) -> None:
    add_user_namespace(config)
    c = container(config, "print", "x")
    path = work / "log"
    with path.open("wb") as file:
        subprocess.run(
            c.runtime.command("run", "--bundle", c.bundle, c.id),
            stdin=subprocess.DEVNULL,
            stdout=file,
            env=c.runtime.environment,
            check=True,
        )

    assert path.read_text() == "x\n"
    assert path.stat().st_uid == os.getuid()
