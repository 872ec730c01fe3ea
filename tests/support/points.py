"""The system calls of a command, as points at which it can be stopped: strace counts them, and injects a signal at one."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from support.runtime import Runtime

CALL = re.compile(r"^([a-z0-9_]+)\(")


class Point(NamedTuple):
    """The *number*th call of this name, counted from the beginning of the process."""

    call: str
    number: int

    def injected(self, signal: str) -> list[str]:
        """What to run a command by, so that the signal comes there."""
        inject = f"inject={self.call}:signal={signal}:when={self.number}"
        return ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={self.call}", "-e", inject]


def points_of(runtime: Runtime, trace: Path, *command: object) -> list[Point]:
    """Those of the runtime's own process, from where it first names its state root: before that it has changed nothing."""
    tracing = ["strace", "-qq", "-s", "4096", "-o", str(trace)]
    subprocess.run(
        [*tracing, *runtime.command(*command)],
        check=True,
        env=runtime.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
    )
    counts: Counter[str] = Counter()
    points: list[Point] = []
    begun = False
    for line in trace.read_text(errors="replace").splitlines():
        found = CALL.match(line)
        if not found:
            continue
        call = found.group(1)
        counts[call] += 1
        begun = begun or (call != "execve" and str(runtime.state_root) in line)
        if begun:
            points.append(Point(call, counts[call]))
    return points
