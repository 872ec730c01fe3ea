"""The waiting process of a created container: how little it is, and how little of the host can be reached through it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.config import Config
from support.container import Container, MakeContainer

pytestmark = pytest.mark.ours


@pytest.fixture
def created(container: MakeContainer, config: Config) -> Container:
    c = container(config, "open", "/proc/self/exe", "w")
    c.create()
    return c


def test_it_uses_less_than_400_kib(created: Container) -> None:
    rollup = Path(f"/proc/{created.pid}/smaps_rollup").read_text()

    pss_kib = int(next(line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:")))
    assert pss_kib < 400


def test_nothing_of_python_is_mapped_in_it(created: Container) -> None:
    maps = Path(f"/proc/{created.pid}/maps").read_text()

    assert "python" not in maps
    assert "/usr/lib" not in maps
    assert str(created.runtime.path.parent) not in maps


def test_its_program_is_no_file_of_the_host_and_cannot_be_written(created: Container) -> None:
    # CVE-2019-5736
    exe = f"/proc/{created.pid}/exe"

    assert "memfd:" in os.readlink(exe)
    with pytest.raises(OSError, match=r"Text file busy|Operation not permitted|Permission denied"):
        os.open(exe, os.O_WRONLY)


def test_its_sealed_program_cannot_be_changed_by_a_second_way(created: Container) -> None:
    with pytest.raises(OSError, match=r"Text file busy|Operation not permitted|Permission denied"):
        os.truncate(f"/proc/{created.pid}/exe", 0)


def test_it_has_no_variables_of_the_caller(container: MakeContainer, config: Config) -> None:
    c = container(config, "pause")
    c.create(environment={**c.runtime.environment, "SECRET_OF_THE_CALLER": "x"})

    assert b"SECRET_OF_THE_CALLER" not in Path(f"/proc/{c.pid}/environ").read_bytes()


def test_no_other_process_of_ours_waits_with_it(created: Container) -> None:
    assert created.processes() == {created.pid}


def test_its_root_and_directory_are_the_containers(created: Container) -> None:
    mounts = Path(f"/proc/{created.pid}/mountinfo").read_text()

    assert "pyruntime-test" not in "".join(line.split()[4] for line in mounts.splitlines())
    assert os.stat(f"/proc/{created.pid}/root").st_ino == created.rootfs.stat().st_ino


def test_it_already_has_the_users_identity_and_limits(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["user"] = {"uid": 1234, "gid": 1235}
    c = container(config, "pause")
    c.create()

    limits = Path(f"/proc/{c.pid}/limits").read_text()
    assert "Max open files            1024                 1024" in limits


def test_many_can_wait_at_once(container: MakeContainer, config: Config) -> None:
    made = []
    for _ in range(20):
        c = container({**config, "linux": {**config["linux"]}}, "pause")
        c.create()
        made.append(c)

    assert len({c.pid for c in made}) == 20
