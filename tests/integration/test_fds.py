"""Which descriptors reach the program: 0, 1, 2 and those that the caller asked to keep."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.config import Config
from support.container import Container, MakeContainer


def numbers_of(text: str) -> set[int]:
    return {int(line.split()[0]) for line in text.splitlines() if line[:1].isdigit()}


def shell_with_fds(*numbers: int) -> list[str]:
    """A command prefix under which the runtime inherits these descriptors of /."""
    opens = " ".join(f"{number}</" for number in numbers)
    return ["bash", "-c", f'exec {opens}; exec "$@"', "-"]


def test_descriptors_that_the_caller_left_open_do_not_reach_the_program(
    container: MakeContainer, config: Config
) -> None:
    result = container(config, "fds").run(prefix=shell_with_fds(*range(3, 10), 500))

    assert numbers_of(result.stdout) == {0, 1, 2}


def test_descriptors_that_the_caller_left_open_do_not_reach_an_exec_process(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    c.detach(prefix=shell_with_fds(*range(3, 10), 500))

    assert numbers_of(c.exec("fds", prefix=shell_with_fds(*range(3, 10), 500)).stdout) == {0, 1, 2}
    assert {int(name) for name in os.listdir(f"/proc/{c.pid}/fd")} == {0, 1, 2}


@pytest.mark.parametrize("count", [1, 3])
def test_preserved_descriptors_keep_their_numbers(
    container: MakeContainer, config: Config, work: Path, count: int
) -> None:
    prefix = shell_with_fds(*range(3, 10))
    kept = set(range(3, 3 + count))

    run = container(config, "fds").run("--preserve-fds", count, prefix=prefix)

    assert numbers_of(run.stdout) == {0, 1, 2} | kept


def test_preserved_descriptors_reach_an_exec_process(
    container: MakeContainer, config: Config, work: Path
) -> None:
    (work / "file").write_text("kept\n")
    c = container(config, "pause")
    c.detach()
    prefix = ["bash", "-c", f'exec 3<{work}/file 4</; exec "$@"', "-"]

    result = c.exec(
        "cat", "/proc/self/fd/3", ";", "fds", flags=("--preserve-fds", 1), prefix=prefix
    )

    assert result.sections[0] == "kept"
    assert numbers_of(result.sections[1]) == {0, 1, 2, 3}


def test_preserving_a_descriptor_that_is_not_open_is_an_error(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "fds")

    c.refuses("run", "--preserve-fds", 5)
    assert not c.exists


def test_listen_fds_are_passed_with_their_variables(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "fds", ";", "env")
    prefix = ["bash", "-c", 'exec 3</ 4</ 5</; export LISTEN_FDS=2 LISTEN_PID=$$; exec "$@"', "-"]

    result = c.run(prefix=prefix)

    assert numbers_of(result.sections[0]) == {0, 1, 2, 3, 4}
    assert "LISTEN_FDS=2" in result.sections[1].splitlines()
    assert "LISTEN_PID=1" in result.sections[1].splitlines()


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_closed_standard_files_do_not_let_others_take_their_numbers(
    container: MakeContainer, config: Config, work: Path, closed: str
) -> None:
    c = container(config, "hook", "/fds", "x")
    prefix = ["bash", "-c", f'exec {closed}; exec "$@"', "-"]

    c.runtime("run", "--bundle", c.bundle, c.id, prefix=prefix, timeout_s=20)

    if not (c.rootfs / "fds").exists():
        pytest.skip("refuses: a runtime may decline to start without standard files")
    links = [
        line.split()[2:] for line in (c.rootfs / "fds").read_text().splitlines() if " fd " in line
    ]
    allowed = ("/dev/null", "pipe:", "/out/", "?")
    for number, *target in links:
        assert int(number) <= 2, links
        assert any(part in target[0] for part in allowed), links


def test_waiting_container_has_only_its_standard_files_and_the_start_fifo(
    container: MakeContainer, config: Config
) -> None:
    c: Container = container(config, "pause")
    c.create(prefix=shell_with_fds(*range(3, 10), 500))

    links = {
        name: os.readlink(f"/proc/{c.pid}/fd/{name}") for name in os.listdir(f"/proc/{c.pid}/fd")
    }
    others = {name: link for name, link in links.items() if int(name) > 2}

    directories = {
        name: link for name, link in others.items() if os.path.isdir(f"/proc/{c.pid}/fd/{name}")
    }
    assert not directories, "CVE-2024-21626"
    if c.runtime.is_ours:
        assert len(others) <= 1, links
        assert all("fifo" in link for link in others.values()), links
