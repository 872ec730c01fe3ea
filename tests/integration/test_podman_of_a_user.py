"""podman of an ordinary user: it makes a user namespace and calls the runtime as root in there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import requires
from support import cgroups, leaks
from support.config import Config
from support.container import Container, MakeContainer
from support.wait import wait_until

pytestmark = [
    requires.as_user,
    requires.program("podman"),
    requires.program("newuidmap"),
    pytest.mark.ours,
]

SETTINGS = """\
[engine]
runtime = "pyruntime"
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime_supports_nocgroup = ["pyruntime"]
[engine.runtimes]
pyruntime = ["{runtime}"]
[containers]
netns = "none"
log_driver = "none"
"""
STORAGE = """\
[storage]
driver = "vfs"
graphroot = "{work}/storage"
runroot = "{work}/run/storage"
"""


class Podman:
    def __init__(self, c: Container) -> None:
        work = c.runtime.work
        self.rootfs = c.rootfs
        self.id = c.id
        (work / "run").mkdir(mode=0o700)
        (work / "containers.conf").write_text(SETTINGS.format(runtime=c.runtime.path))
        (work / "storage.conf").write_text(STORAGE.format(work=work))
        self.environment = {
            **c.runtime.environment,
            "HOME": str(work),
            "XDG_RUNTIME_DIR": str(work / "run"),
            "CONTAINERS_CONF": str(work / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(work / "storage.conf"),
        }
        self.environment.pop("DBUS_SESSION_BUS_ADDRESS", None)

    def __call__(self, *words: object, expect: int = 0) -> str:
        result = subprocess.run(
            ["podman", *map(str, words)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == expect, f"{result.stdout}\n{result.stderr}"
        return result.stdout

    def run(self, *words: object, flags: tuple[object, ...] = ()) -> str:
        inside = ("--rootfs", self.rootfs, "/bin/inside", *words)
        return self("run", "--rm", "--name", self.id, *flags, *inside)


def children() -> str:
    return Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text()


@pytest.fixture
def podman(container: MakeContainer, config: Config) -> Iterator[Podman]:
    found = Podman(container(config, cgroup=False))
    yield found
    found("rm", "--force", "--all", "--time", "0")
    # The process that keeps the user namespace ends with it, and is nobody's child but ours.
    found("system", "migrate")
    wait_until(lambda: leaks.reap_orphans(but=0) and not children(), "podman's processes collected")
    subprocess.run(
        [
            "unshare",
            "--map-root-user",
            "--map-auto",
            "rm",
            "-rf",
            found.environment["HOME"] + "/storage",
        ],
        check=True,
    )


def test_program_is_root_of_the_users_namespace(podman: Podman) -> None:
    text = podman.run("id", ";", "cat", "/proc/self/uid_map")

    who, maps = text.split("\n--\n")
    assert who.startswith("uid=0,0,0 gid=0,0,0")
    assert maps.split()[:3] == ["0", str(os.getuid()), "1"]


@pytest.mark.parametrize(
    "flags",
    [
        ("--network", "host"),
        ("--pid", "host"),
        ("--ipc", "host"),
        ("--cgroupns", "host"),
        ("--cgroups", "disabled"),
        ("--cgroups", "split"),
        ("--privileged",),
        ("--read-only",),
        ("--user", "5:6"),
        ("--userns", "keep-id"),
    ],
    ids=" ".join,
)
def test_options_of_podman_work(podman: Podman, flags: tuple[str, ...]) -> None:
    assert "uid=" in podman.run("id", flags=flags)


@requires.controller("pids")
def test_limits_hold(podman: Podman) -> None:
    flags = ("--pids-limit", 30, "--cgroups", "enabled")

    assert podman.run("cat", "/sys/fs/cgroup/pids.max", flags=flags).strip() == "30"


def test_without_cgroups_the_container_is_in_podmans(podman: Podman) -> None:
    own = Path("/proc/self/cgroup").read_text().strip().rpartition("::")[2]

    flags = ("--cgroups", "disabled", "--cgroupns", "host")
    text = podman.run("cat", "/proc/self/cgroup", flags=flags)

    assert os.path.dirname(own).rstrip("/") in text
    assert podman.id not in text
    assert not cgroups.named(podman.id)


def test_exec_pause_and_stop_work(podman: Podman) -> None:
    podman(
        "run", "--detach", "--name", podman.id, "--rootfs", podman.rootfs, "/bin/inside", "pause"
    )

    assert podman("exec", podman.id, "/bin/inside", "id").startswith("uid=0,0,0")
    podman("pause", podman.id)
    podman("unpause", podman.id)
    podman("stop", "--time", "0", podman.id)
    assert podman("inspect", "--format", "{{.State.Status}}", podman.id).strip() == "exited"
