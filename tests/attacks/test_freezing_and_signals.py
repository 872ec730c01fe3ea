"""What says that it was done has been done: pause, resume, kill --all.

At c4f41aa `pause` answered 0 when the container's cgroup had gone or init had been moved out of it, and `kill --all` of a
stopped container was an error, which engines log at each end of a container.
"""

from __future__ import annotations

import pytest

import requires
from support import cgroups
from support.config import Config, drop_namespace
from support.container import MakeContainer

pytestmark = [pytest.mark.root, pytest.mark.ours, requires.as_root("moves a process between cgroups")]  # fmt: skip


@pytest.mark.parametrize("gone", [False, True], ids=["moved out", "cgroup removed"])
def test_a_pause_that_freezes_nothing_is_an_error(
    container: MakeContainer, config: Config, *, gone: bool
) -> None:
    c = container(config, "pause")
    c.detach()
    directory = c.cgroup_directory("" if cgroups.UNIFIED else "freezer")
    outside = directory.parent / "outside"
    outside.mkdir()
    (outside / "cgroup.procs").write_text(str(c.init_pid))
    if gone:
        directory.rmdir()

    message = c.refuses("pause")

    assert "cannot pause" in message
    assert c.status == "running"
    c.delete("--force")
    outside.rmdir()


def test_kill_all_of_a_stopped_container_with_nobody_left_is_no_error(
    container: MakeContainer, config: Config
) -> None:
    drop_namespace(config, "pid")
    c = container(config, "true")
    c.create()
    c.start()
    c.wait_stopped()

    c.verb("kill", "--all", after=("KILL",))
    c.verb("kill", "--all", after=("TERM",))


def test_kill_all_reaches_every_process(container: MakeContainer, config: Config) -> None:
    c = container(config, "background", ";", "trap", "3", "15")
    c.detach()
    c.wait_for_output()

    c.verb("kill", "--all", after=("TERM",))

    c.wait_stopped()
    assert c.processes() == set()
