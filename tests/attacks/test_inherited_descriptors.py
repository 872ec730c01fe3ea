"""Descriptors that the container is promised are the caller's: never the runtime's own, whatever numbers they have.

At c4f41aa these tests fail: LISTEN_FDS was believed, and `exec --preserve-fds` looked when the runtime had files open.
"""

from __future__ import annotations

import os

import pytest

from support.config import Config, drop_namespace
from support.container import MakeContainer

pytestmark = pytest.mark.ours


def caller(opened: int, listen: object = None, *, gap: bool = False) -> list[str]:
    """A command prefix: *opened* descriptors from 3 on, and LISTEN_FDS."""
    opens = " ".join(f"{number}</etc/hostname" for number in range(3, 3 + opened))
    closed = "3<&-" if gap else ""
    export = f"export LISTEN_FDS={listen} LISTEN_PID=$$;" if listen is not None else ""
    return ["bash", "-c", f'exec {opens}; exec {closed}; {export} exec "$@"', "-"]


def numbers_of(text: str) -> set[int]:
    return {int(line.split()[0]) for line in text.splitlines() if line[:1].isdigit()}


@pytest.mark.parametrize("verb", ["run", "exec"])
@pytest.mark.parametrize(
    ("opened", "listen", "preserve"),
    [(0, 1, 0), (0, 40, 0), (2, 3, 0), (2, 10**6, 0), (2, 10**40, 0), (2, 2, 1), (0, None, 1), (2, None, 40)],
)  # fmt: skip
def test_more_than_the_caller_has_open_is_refused(
    container: MakeContainer, verb: str, opened: int, listen: int | None, preserve: int
) -> None:
    c = container(None, "pause")
    if verb == "exec":
        c.detach()
    after = ("/bin/inside", "fds") if verb == "exec" else ()

    message = c.refuses(
        verb, "--preserve-fds", preserve, after=after, prefix=caller(opened, listen), timeout_s=20
    )

    missing = 3 + opened
    assert f"descriptor {missing} is not open" in message
    assert ("LISTEN_FDS" if listen and listen > opened else "--preserve-fds") in message


def test_a_gap_is_not_filled_with_a_descriptor_of_the_runtime(container: MakeContainer) -> None:
    c = container(None, "fds")

    message = c.refuses("run", prefix=caller(4, 3, gap=True))

    assert "descriptor 3 is not open" in message


@pytest.mark.parametrize("verb", ["run", "exec"])
def test_what_the_caller_meant_is_all_that_passes(container: MakeContainer, verb: str) -> None:
    program = ("fds", ";", "cat", "/proc/self/fd/4")
    c = container(None, *(("pause",) if verb == "exec" else program))
    prefix = caller(7, 2)
    if verb == "exec":
        c.detach()
        result = c.exec(*program, flags=("--preserve-fds", 1), prefix=prefix)
    else:
        result = c.run("--preserve-fds", 1, prefix=prefix)

    assert numbers_of(result.sections[0]) == {0, 1, 2, 3, 4, 5}
    with open("/etc/hostname") as file:
        assert result.sections[1] == file.read().strip()


@pytest.mark.parametrize("own_pids", [True, False], ids=["pid namespace", "host's pids"])
@pytest.mark.parametrize("verb", ["run", "exec"])
def test_the_program_finds_its_own_pid(
    container: MakeContainer, config: Config, verb: str, own_pids: bool
) -> None:
    if not own_pids:
        drop_namespace(config, "pid")
    config["process"]["env"] += ["LISTEN_PID=77", "LISTEN_FDS=9"]
    program = ("env", ";", "readlink", "/proc/self")
    c = container(config, *(("pause",) if verb == "exec" else program))
    if verb == "exec":
        c.detach()
        result = c.exec(*program, prefix=caller(1, 1))
        c.kill("KILL")
    else:
        result = c.run(prefix=caller(1, 1))

    found = [line for line in result.sections[0].splitlines() if line.startswith("LISTEN")]
    assert sorted(found) == ["LISTEN_FDS=1", f"LISTEN_PID={result.sections[1]}"]
    assert int(result.sections[1]) != os.getpid()
