#!/usr/bin/env python3
"""Measure a runtime against every installed peer: bench/run.py --runtime .venv/bin/pyruntime."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import bundle, measure, memory, report
from bench.measure import Place, Runtime
from conformance import leftovers, view

PEERS = ("runc", "crun")
KINDS = ("default", "docker")
EXIT_UNABLE = 3


def main() -> int:
    options = parse(sys.argv[1:])
    try:
        return bench(options)
    except (bundle.Missing, measure.Failed, view.CannotHide) as error:
        print(f"bench: {error}", file=sys.stderr)
        return EXIT_UNABLE


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtime", required=True, metavar="R", help="a command or a path")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PATH",
                        help="one more peer, or another place for runc or crun")  # fmt: skip
    parser.add_argument("--verb", nargs="+", choices=measure.VERBS, default=list(measure.VERBS))
    parser.add_argument("--config", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--rounds", type=int, default=8, help="blocks per verb and runtime")
    parser.add_argument("--runs", type=int, default=5, help="runs per block")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 3 runs")
    parser.add_argument("--json", metavar="OUT", help="write every time, too")
    return parser.parse_args(arguments)


def bench(options: argparse.Namespace) -> int:
    for program in ("hyperfine", "busybox"):
        if shutil.which(program) is None:
            raise bundle.Missing(f"no {program}: install it from the distribution")
    runtimes = choose(options.runtime, options.peer)
    if any(runtime.path.name.startswith("crun") for runtime in runtimes) and view.is_hybrid():
        view.enter(hide_unified=True)
    rounds, runs = (2, 3) if options.quick else (options.rounds, options.runs)
    with workplace() as place:
        bundle.make_all(place.directory, spec_maker(runtimes), options.config)
        print_heading(runtimes, rounds, runs)
        found = {
            kind: measure_kind(kind, options.verb, runtimes, place, rounds, runs)
            for kind in options.config
        }
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1) + "\n")
    return 0


def choose(ours: str, others: list[str]) -> list[Runtime]:
    """The runtime under test first; a peer that is the runtime under test is none."""
    found = [runtime(Path(ours).name, ours)]
    peers = {name: name for name in PEERS if shutil.which(name)}
    peers |= dict(one.split("=", 1) for one in others)
    return found + [runtime(name, path) for name, path in peers.items() if name != found[0].name]


def runtime(name: str, command: str) -> Runtime:
    path = shutil.which(command)
    if path is None:
        raise bundle.Missing(f"no runtime {command}")
    return Runtime(name, Path(path).absolute())


def spec_maker(runtimes: list[Runtime]) -> str:
    """The default configuration is runc's own, where there is a runc."""
    by_name = {one.name: one for one in runtimes}
    return str(by_name.get("runc", runtimes[0]).path)


@contextmanager
def workplace() -> Iterator[Place]:
    if os.geteuid() != 0:
        raise bundle.Missing("containers with cgroups need root")
    with tempfile.TemporaryDirectory(prefix="pyruntime-bench-") as directory:
        os.chmod(directory, 0o755)
        try:
            yield Place(Path(directory))
        finally:
            for mount in leftovers.hierarchies():
                leftovers.remove_cgroup(mount / bundle.CGROUP_PARENT)


def print_heading(runtimes: list[Runtime], rounds: int, runs: int) -> None:
    print(f"Made by `bench/run.py {shlex.join(shown_arguments())}`,")
    print(f"{rounds} rounds of {runs} runs per verb and runtime, interleaved, on")
    print(f"{report.machine()}.\n")
    for one in runtimes:
        print(f"* {one.name}: {report.version(one)}")
    print(flush=True)


def shown_arguments() -> list[str]:
    """The command line, without the directories of this machine."""
    return [os.path.basename(one) if "/" in one else one for one in sys.argv[1:]]


def measure_kind(
    kind: str, verbs: list[str], runtimes: list[Runtime], place: Place, rounds: int, runs: int
) -> dict[str, dict[str, list[float]]]:
    rows = {verb: measure.interleaved(runtimes, place, kind, verb, rounds, runs) for verb in verbs}
    print("\n".join(report.times_table(kind, rows, runtimes)), flush=True)
    figures = {one.name: memory.of(one, place, kind) for one in runtimes}
    print("\n".join(report.memory_table(kind, figures)), flush=True)
    return {verb: {name: one.seconds for name, one in row.items()} for verb, row in rows.items()}


if __name__ == "__main__":
    sys.exit(main())
