"""Who comes in by `exec` is watched: by processes that want to trace it, by a /proc that is not what it seems, by a working
directory that leads out.

The first test proves that it would see the fault: the same attack succeeds on what is no longer the runtime's.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

import requires
from support.config import Config, add_user_namespace, all_capabilities
from support.container import INSIDE, MakeContainer
from support.wait import wait_for_exit, wait_until

pytestmark = [pytest.mark.ours, requires.as_root("looks at processes of other users")]

ROUNDS = 40


@requires.user_namespaces
def test_the_executor_is_neither_traced_nor_read_from_inside(
    container: MakeContainer, config: Config, work: Path
) -> None:
    # CVE-2016-9962. In a user namespace of its own a process may have every capability over its like.
    add_user_namespace(config)
    all_capabilities(config)
    c = container(config, "child", "spy", "/stop")
    c.detach()
    c.wait_for_output()
    c.exec("pause", flags=("--detach", "--pid-file", work / "pid"))
    program = int((work / "pid").read_text())
    for _ in range(ROUNDS):
        c.exec("print", "in")

    (c.rootfs / "stop").touch()
    wait_until(lambda: "program=" in c.output(), "what the spy has found")
    found = dict(line.split("=") for line in c.output().splitlines() if "=" in line)
    c.kill("KILL", expect=None)
    wait_for_exit(program)

    assert int(found["seen"]) > 0, "nobody was there to be watched"
    assert int(found["program"]) > 0, "the attack cannot succeed on anybody"
    assert {found[name] for name in ("exe", "fd", "mem", "ptrace")} == {"0"}, found


@pytest.mark.parametrize("target", ["/proc", "/proc/self", "/proc/1"])
def test_a_proc_that_is_mounted_over_is_not_used(
    container: MakeContainer, config: Config, work: Path, target: str
) -> None:
    """What is written and read below /proc for an exec is the runtime's own."""
    all_capabilities(config)
    config["linux"]["maskedPaths"] = config["linux"]["readonlyPaths"] = []
    c = container(config, "mount-tmpfs", target, ";", "pause")
    c.detach()
    c.wait_for_output()
    (c.rootfs / "etc" / "passwd").write_text("root:x:0:0::/found:/bin/sh\n")
    config["process"].update(args=[INSIDE, "env", ";", "pause"], oomScoreAdj=777)
    process = work / "process.json"
    process.write_text(json.dumps(config["process"]))

    c.verb("exec", "--detach", "--process", process, "--pid-file", work / "pid")

    pid = int((work / "pid").read_text())
    try:
        assert Path(f"/proc/{pid}/oom_score_adj").read_text() == "777\n"
        assert b"HOME=/found" in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    finally:
        os.kill(pid, signal.SIGKILL)
        wait_for_exit(pid)


def test_no_magic_link_is_a_working_directory(container: MakeContainer, config: Config) -> None:
    # CVE-2024-21626, with every descriptor that an executor could have.
    c = container(config, "pause")
    c.detach()
    places = [f"/proc/self/fd/{number}" for number in range(3, 24)]

    for place in [*places, "/proc/self/cwd", "/proc/self/root", "/proc/1/root", "/proc/1/cwd"]:
        message = c.refuses("exec", "--cwd", place, after=(INSIDE, "cwd"))

        assert "chdir to cwd" in message, place
