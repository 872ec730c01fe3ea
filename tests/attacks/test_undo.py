"""An undo that fails: everything else is undone all the same, the error names both failures, and the record stays, so that
`delete --force` can finish.

Fails at c4f41aa: the directory goes whatever has failed, and the cgroups that are left are nobody's any more.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import requires
from support import cgroups, kernel
from support.config import Config
from support.container import Container, MakeContainer
from support.wait import wait_until

pytestmark = [pytest.mark.ours, requires.as_root("mounts over what is to be removed")]

REFUSES = 'mount --bind "$1" "$1" && exit 7'


@contextlib.contextmanager
def cgroup_that_stays(c: Container, kind: str, script: str = REFUSES) -> Iterator[Path]:
    """A hook that makes one of the container's cgroups a mount point, which cannot be removed, and then fails."""
    directory = c.cgroup_directory("pids")
    arguments = ["sh", "-c", f"{script}\n", "sh", str(directory)]
    path = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
    c.config["hooks"] = {kind: [{"path": "/bin/sh", "args": arguments, "env": path}]}
    c.write_config()
    try:
        yield directory
    finally:
        with contextlib.suppress(OSError):
            kernel.umount(directory, kernel.MNT_DETACH)


def let_go(directory: Path) -> None:
    kernel.umount(directory, kernel.MNT_DETACH)


@pytest.mark.parametrize(
    ("verb", "flags", "kind"),
    [
        ("create", (), "createRuntime"),
        ("run", (), "createRuntime"),
        ("run", ("--detach",), "poststart"),
    ],
)
def test_a_failed_undo_is_told_and_can_be_finished(
    container: MakeContainer, config: Config, verb: str, flags: tuple[str, ...], kind: str
) -> None:
    c = container(config, "pause")
    pid_file = c.bundle / "pid"
    with cgroup_that_stays(c, kind) as directory:
        message = c.refuses(verb, *flags, "--pid-file", pid_file)

        assert f"error running {kind} hook #0: exit status 7 (also: rmdir({directory})" in message
        assert "(also: the container is kept, delete --force tries again)" in message
        assert message.count("\n") == 1
        assert c.status == "stopped"
        assert c.processes() == set()
        assert not pid_file.exists()  # what comes before and after the one that failed
        assert cgroups.directories(str(c.cgroup)) == [directory]
        assert "exists" in c.refuses("create")
        let_go(directory)
        c.delete("--force")

    assert cgroups.directories(str(c.cgroup)) == []
    assert not (c.runtime.state_root / c.id).exists()


def test_a_failed_undo_of_an_interrupted_create_is_told(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    script = 'mount --bind "$1" "$1"; echo $$ >here; exec sleep 1000'
    with cgroup_that_stays(c, "createRuntime", script) as directory:
        spawned = c.runtime.spawn("create", "--bundle", c.bundle, c.id)
        here = c.bundle / "here"
        wait_until(lambda: here.exists() and here.read_text().strip(), "the hook")
        spawned.process.send_signal(signal.SIGTERM)
        result = spawned.wait()

        assert result.returncode == 128 + signal.SIGTERM
        assert f"interrupted by SIGTERM (also: rmdir({directory})" in result.stderr
        assert c.status == "stopped"
        let_go(directory)
        c.delete()


def test_a_directory_that_cannot_be_removed_is_told(
    container: MakeContainer, config: Config
) -> None:
    """What lies in the container's directory and cannot go leaves the record beside it."""
    c = container(config, "pause")
    state = c.runtime.state_root / c.id
    script = f"mkdir -p {state}/strange/deep; exit 7"
    c.config["hooks"] = {"prestart": [{"path": "/bin/sh", "args": ["sh", "-c", script]}]}
    c.write_config()

    message = c.refuses("create")

    assert "exit status 7" in message
    assert "also: strange: directory not empty" in message
    assert cgroups.directories(str(c.cgroup)) == []
    assert c.status == "stopped"
    os.rmdir(state / "strange/deep")
    c.delete()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_no_signal_comes_into_the_undoing(
    container: MakeContainer, config: Config, number: signal.Signals
) -> None:
    """The hook itself sends it, several times, and then fails: create is between waiting for it and undoing."""
    c = container(config, "pause")
    send = f"kill -{number.value} $PPID; " * 3
    script = f"({send} sleep 0.02; {send}) & exit 7"
    c.config["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", script]}]}
    c.write_config()

    for _ in range(10):
        result = c.runtime("create", "--bundle", c.bundle, c.id)

        assert result.returncode in (1, 128 + number), str(result)
        assert "Traceback" not in result.stderr
        assert not (c.runtime.state_root / c.id).exists()
        assert cgroups.directories(str(c.cgroup)) == []
        assert c.processes() == set()
