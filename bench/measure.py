"""Time one verb of one runtime with hyperfine, in small blocks that alternate between runtimes.

hyperfine runs one command after the other, so a machine that gets busier would favour the first. Each
round therefore gives every runtime one short block, beginning with another runtime each time.
"""

from __future__ import annotations

import json
import os
import shlex
import statistics
import subprocess
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PREPARE = Path(__file__).resolve().parent / "prepare.sh"
# Verb: the payload of its container, and its command line; state and exec leave the container as it is.
VERBS = {
    "run": ("true", "run --bundle {bundle} {id}"),
    "create": ("true", "create --bundle {bundle} {id}"),
    "start": ("true", "start {id}"),
    "state": ("true", "state {id}"),
    "kill": ("true", "kill {id} KILL"),
    "delete": ("true", "delete {id}"),
    "exec": ("sleep", "exec {id} /bin/true"),
}
PREPARED_ONCE = ("state", "exec")


class Failed(Exception):
    """A measured command failed: its time would mean nothing."""


@dataclass(frozen=True)
class Runtime:
    """A name for the table, and the program."""

    name: str
    path: Path


@dataclass(frozen=True)
class Place:
    """Where the bundles lie and where each runtime keeps its state."""

    directory: Path

    def bundle(self, kind: str, payload: str) -> Path:
        return self.directory / f"{kind}-{payload}"

    def state(self, runtime: Runtime) -> Path:
        return self.directory / f"state-{runtime.name}"


@dataclass
class Times:
    """Seconds of every run of one verb of one runtime."""

    seconds: list[float] = field(default_factory=list)

    @property
    def p10(self) -> float:
        return statistics.quantiles(self.seconds, n=10, method="inclusive")[0]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def interleaved(
    runtimes: list[Runtime], place: Place, kind: str, verb: str, rounds: int, runs: int
) -> dict[str, Times]:
    times = {runtime.name: Times() for runtime in runtimes}
    for order in rotations(runtimes, rounds):
        for runtime in order:
            times[runtime.name].seconds += block(runtime, place, kind, verb, runs)
    return times


def rotations(runtimes: list[Runtime], rounds: int) -> Iterator[list[Runtime]]:
    order = deque(runtimes)
    for _ in range(rounds):
        yield list(order)
        order.rotate(-1)


def block(runtime: Runtime, place: Place, kind: str, verb: str, runs: int) -> list[float]:
    """The seconds of *runs* runs, each from the state that the verb starts from."""
    payload, template = VERBS[verb]
    bundle, name = place.bundle(kind, payload), f"bench-{runtime.name}"
    root = place.state(runtime)
    prepare = [str(PREPARE), verb, str(runtime.path), str(root), str(bundle), name]
    once = verb in PREPARED_ONCE
    if once:
        subprocess.run(prepare, check=True)
    words = shlex.split(template.format(bundle=shlex.quote(str(bundle)), id=name))
    command = [str(runtime.path), "--root", str(root), *words]
    try:
        return hyperfine(shlex.join(command), None if once else shlex.join(prepare), runs, place)
    finally:
        subprocess.run([*prepare[:1], "clean", *prepare[2:]], check=True)


def hyperfine(command: str, prepare: str | None, runs: int, place: Place) -> list[float]:
    export = place.directory / "times.json"
    call = ["hyperfine", "-N", "--style", "none", "--runs", str(runs), "--export-json", str(export)]
    if prepare:
        call += ["--prepare", prepare]
    done = subprocess.run(
        [*call, command], capture_output=True, text=True, check=False, env=environment()
    )
    if done.returncode != 0:
        raise Failed(f"{command}: {done.stderr.strip()}")
    results = json.loads(export.read_text())["results"]
    return [float(one) for one in results[0]["times"]]


def environment() -> dict[str, str]:
    """What an engine gives its runtime: little."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/"}
