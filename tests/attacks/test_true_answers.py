"""What is said of a container is true, whatever was killed, damaged, or lacking.

At c4f41aa: a `start` that was killed left `created` for ever while the program ran; a process that held init's fifo made
`start` hang; with few descriptors `delete --force` removed the directory of a container that lived; each kind of damage made
it do so, too; and it waited for ever for a create in a hook that hung.
"""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import requires
from support.config import Config, drop_namespace
from support.container import Container, MakeContainer
from support.wait import wait_until

pytestmark = [pytest.mark.ours]


def _directory(c: Container) -> Path:
    return c.runtime.state_root / c.id


def _executed(pid: int) -> bool:
    """Whether the process has executed a program since it was forked: PF_FORKNOEXEC."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return not int(fields[6]) & 0x40


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@requires.program("strace")
@requires.as_root("traces the runtime")
@pytest.mark.parametrize("call", ["close", "poll", "unlinkat", "unlink"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_start_that_is_killed_leaves_a_true_status(
    container: MakeContainer, config: Config, call: str, number: int
) -> None:
    c = container(config, "pause")
    c.create()
    runtime = c.runtime
    runtime.prefix = ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                      f"inject={call}:signal=SIGKILL:when={number}"]  # fmt: skip
    runtime("start", c.id)
    runtime.prefix = []

    def told() -> str:
        return "running" if _executed(c.init_pid) else "created"

    wait_until(lambda: c.status == told(), "the status that the kernel knows")
    if told() == "running":
        assert "already running" in c.refuses("start")
    else:
        c.start()
        assert c.status == "running"


@requires.as_root("opens a descriptor of another process")
def test_who_holds_the_fifo_does_not_make_start_wait(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    c.create()
    fd = os.open(_directory(c) / "start.fifo", os.O_RDWR | os.O_NONBLOCK)
    try:
        c.start(timeout_s=20)
    finally:
        os.close(fd)

    assert c.status == "running"


def test_who_takes_the_byte_is_noticed(container: MakeContainer, config: Config) -> None:
    c = container(config, "pause")
    c.create()
    os.kill(c.init_pid, signal.SIGSTOP)  # so that it is certain who takes it
    fd = os.open(_directory(c) / "start.fifo", os.O_RDWR | os.O_NONBLOCK)
    spawned = c.runtime.spawn("start", c.id)

    def taken() -> bool:
        try:
            return os.read(fd, 1) == b"\n"
        except BlockingIOError:
            return False

    wait_until(taken, "the byte")
    os.kill(c.init_pid, signal.SIGCONT)
    result = spawned.wait(timeout_s=30)
    os.close(fd)

    assert result.returncode == 1, str(result)
    assert "has not executed its program" in result.stderr
    assert c.status == "created"


@requires.as_root("a waiting init is not dumpable where the runtime has root")
def test_a_waiting_init_shows_its_descriptors_to_nobody_in_the_container(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "true")
    c.create()

    for number in os.listdir(f"/proc/{c.init_pid}/fd"):
        for how in ("r", "w", "rw"):
            answer = c.exec("open", f"/proc/1/fd/{number}", how, expect=1).stdout.strip()
            assert answer == "EACCES", number


VERBS = ("state", "kill", "delete", "delete --force", "exec", "pause", "ps")


@requires.as_root("a container without cgroups of its own")
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("descriptors", [3, 4, 5, 6, 7, 8, 10])
def test_with_few_descriptors_the_answer_is_true_or_an_error(
    container: MakeContainer, config: Config, verb: str, descriptors: int
) -> None:
    config["linux"]["resources"] = {}
    c = container(config, "pause")
    c.create("--pid-file", c.bundle / "pid", options=["--cgroup-manager", "disabled"])
    pid = int((c.bundle / "pid").read_text())
    c.start()
    name, *flags = verb.split()
    after = {"kill": ["0"], "exec": ["/bin/inside", "id"]}.get(name, [])
    command = c.runtime.command(name, *flags, c.id, *after)

    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=c.runtime.environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors)),
    )

    assert "not running" not in result.stderr, result
    assert "does not exist" not in result.stderr, result
    assert "Traceback" not in result.stderr, result
    assert '"stopped"' not in result.stdout, result
    if verb == "delete --force" and result.returncode == 0:
        wait_until(lambda: not _lives(pid), "the end of init")
    else:
        assert _lives(pid)
        assert _directory(c).is_dir()
        assert c.status == "running"


def _truncate(path: Path) -> None:
    path.write_text("{")


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def _directory_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": lambda path: path.write_text(""),
    "cut": _truncate,
    "of another shape": lambda path: path.write_text('{"id": 5}'),
    "a list": lambda path: path.write_text("[1, 2]"),
    "no text": lambda path: path.write_bytes(b"\xff\xfe\x00\x01"),
    "a number too many": lambda path: path.write_text("1 2 3 4"),
    "a negative pid": lambda path: path.write_text("-1 5 x"),
    "a fifo": _fifo,
    "a directory": _directory_instead,
    "a link to a device": _link,
    "somebody else's": lambda path: os.chown(path, 12345, 12345),
    "huge": lambda path: os.truncate(path, 1 << 40),
}


@requires.as_root("gives files to others")
@pytest.mark.parametrize("file", ["record.json", "init", "config.json"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_whatever_is_damaged_no_process_is_left_alive_unseen(
    container: MakeContainer, config: Config, work: Path, damage: str, file: str
) -> None:
    c, other = container(config, "pause"), container(None, "pause")
    c.detach()
    other.detach()
    pid, path = c.init_pid, _directory(c) / file
    (work / "kept").mkdir()
    kept = work / "kept" / file
    kept.write_bytes(path.read_bytes())
    DAMAGES[damage](path)

    for verb, after in (("state", ()), ("kill", ("0",)), ("exec", ("/bin/true",)), ("pause", ()), ("resume", ()), ("start", ()), ("ps", ())):  # fmt: skip
        result = c.verb(verb, after=after, expect=None, timeout_s=30)
        assert "Traceback" not in result.stderr, str(result)
        assert "this is a bug" not in result.stderr, str(result)
    listed = c.runtime("list", "--quiet", timeout_s=30), c.runtime("list", timeout_s=30)
    assert all(result.returncode == 0 and other.id in result.stdout for result in listed), listed
    result = c.runtime("delete", "--force", c.id, timeout_s=40)

    assert "Traceback" not in result.stderr, str(result)
    if result.returncode == 0:
        wait_until(lambda: not _lives(pid), "the end of init")
        assert not _directory(c).exists()
    else:
        assert result.stderr.strip()
        assert _directory(c).is_dir()
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
        path.write_bytes(kept.read_bytes())


def _hanging(config: Config, work: Path, kind: str) -> Config:
    script = work / "hang"
    script.write_text("#!/bin/sh\nexec sleep 1000\n")
    script.chmod(0o755)
    config["hooks"] = {kind: [{"path": str(script)}]}
    return config


@requires.as_root("looks for the runtime's children")
@pytest.mark.parametrize("kind", ["createRuntime", "prestart"])
def test_delete_force_ends_a_create_that_waits_for_a_hook(
    container: MakeContainer, config: Config, work: Path, kind: str
) -> None:
    c = container(_hanging(config, work, kind), "pause")
    spawned = c.runtime.spawn("create", "--bundle", c.bundle, c.id)
    children = Path(f"/proc/{spawned.process.pid}/task/{spawned.process.pid}/children")

    def sleeper() -> list[str]:
        return [
            pid
            for pid in children.read_text().split()
            if b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]

    wait_until(lambda: sleeper() != [], "the hook")
    hook = int(sleeper()[0])

    c.delete("--force", timeout_s=30)

    assert spawned.wait(timeout_s=10).returncode != 0
    wait_until(lambda: not _lives(hook), "the end of the hook")
    assert not _directory(c).exists()


def test_a_lock_that_is_held_is_an_error_that_names_the_holder(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    c.create()
    fd = os.open(_directory(c), os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    begin = time.monotonic()
    try:
        message = c.refuses("start")
    finally:
        os.close(fd)

    assert f"locked by process {os.getpid()}" in message
    assert time.monotonic() - begin < 30  # It gives up, and not at once.
    assert c.status == "created"


@requires.as_root("gives the state root to somebody else")
@pytest.mark.parametrize("verb", ["state", "delete --force", "list", "exec", "kill"])
def test_the_state_root_of_somebody_else_is_not_used(
    container: MakeContainer, config: Config, verb: str
) -> None:
    c = container(config, "pause")
    c.detach()
    root = c.runtime.state_root
    os.chown(root, 1000, 1000)
    try:
        name, *flags = verb.split()
        after = {"exec": ("/bin/true",), "kill": ("9",)}.get(name, ())
        arguments = (name, *flags) if name == "list" else (name, *flags, c.id, *after)
        result = c.runtime(*arguments)
    finally:
        os.chown(root, 0, 0)

    assert result.returncode == (255 if verb == "exec" else 1), str(result)
    assert "others may write" in result.stderr
    assert c.status == "running"


def test_the_parents_of_a_state_root_are_the_owners_alone(
    container: MakeContainer, config: Config, work: Path
) -> None:
    c = container(config, "pause")
    c.runtime.state_root = work / "a" / "b" / "state"

    c.create(umask=0)

    for path in (work / "a", work / "a" / "b", c.runtime.state_root):
        assert not path.stat().st_mode & 0o022, path


def test_what_a_killed_create_has_left_before_its_record_is_no_container(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    c.create()
    c.delete("--force")
    _directory(c).mkdir(mode=0o700)

    assert "does not exist" in c.refuses("state")
    assert c.id not in c.runtime("list").stdout
    assert c.runtime("list").stderr == ""
    c.create()
    c.delete("--force")
    _directory(c).mkdir(mode=0o700)
    c.delete("--force")
    assert not _directory(c).exists()


def test_a_container_without_a_pid_namespace_is_found_by_its_cgroup(
    container: MakeContainer, config: Config
) -> None:
    drop_namespace(config, "pid")
    config["mounts"] = [m for m in config["mounts"] if m["destination"] != "/proc"] if not _root() else config["mounts"]  # fmt: skip
    c = container(config, "background", ";", "pause")
    c.detach()
    c.wait_for_output()
    (_directory(c) / "init").write_text("damaged")

    c.delete("--force")

    assert c.processes() == set()


def _root() -> bool:
    return os.geteuid() == 0
