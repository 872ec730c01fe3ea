"""A shell script in mount and process namespaces of its own: when it ends, or we do, nothing of it remains."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path


class GuestError(Exception):
    """Something that a person can act on."""


def private(script: str) -> list[str]:
    """The command that runs *script* so; SIGKILL to it, or our death, ends every process in there.

    unshare waits with SIGTERM ignored, hence no gentler signal.
    """
    own = ("unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc")
    return ["setpriv", "--pdeathsig", "KILL", *own, "sh", "-c", script]


def script(*commands: Sequence[object]) -> str:
    """One line a command; the first that fails ends it."""
    lines = [shlex.join(map(str, command)) for command in commands]
    return "\n".join(["set -e", *lines])


def bind(source: Path | str, target: Path | str, *, writable: bool = False) -> str:
    """*target* must be free of further mounts, for they would not be seen."""
    mount = shlex.join(["mount", "--bind", str(source), str(target)])
    if writable:
        return mount
    return mount + "\n" + shlex.join(["mount", "-o", "remount,bind,ro", str(target)])


def logged(command: Sequence[str], log: Path, what: str) -> None:
    """Run *command* with its output in *log*, whose end is shown if it fails."""
    with log.open("ab") as out:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False
        )
    if done.returncode != 0:
        tail = log.read_text(errors="replace").splitlines()[-30:]
        raise GuestError(
            "\n".join([f"{what}: exit status {done.returncode}; {log} ends with:", *tail])
        )
