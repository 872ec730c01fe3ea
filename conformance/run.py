#!/usr/bin/env python3
"""Run the OCI validation programs against a runtime: conformance/run.py --runtime runc."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from conformance import expected, program, report, suite, view
from conformance.program import Outcome, Runtime
from conformance.report import Judged

# The suite has fixed cgroup paths: two runs at a time would spoil each other.
LOCK = "/run/lock/pyruntime-conformance.lock"
EXIT_UNEXPECTED, EXIT_UNAVAILABLE = 1, 3


def main() -> int:
    options = parse(sys.argv[1:])
    try:
        return conform(options)
    except (suite.Unavailable, view.CannotHide, expected.Malformed) as error:
        print(f"conformance: {error}", file=sys.stderr)
        return EXIT_UNAVAILABLE


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtime", required=True, metavar="R", help="a command or a path")
    parser.add_argument("--runtime-option", action="append", default=[], metavar="OPTION",
                        help="an option that every call of the runtime gets")  # fmt: skip
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these programs only")
    parser.add_argument("--expected", metavar="FILE", help="known failures; 'none' for none "
                        "(default: expected/RUNTIME.toml if there is one)")  # fmt: skip
    parser.add_argument("--json", metavar="OUT", help="write the results as JSON, too")
    parser.add_argument("--keep", metavar="DIR", help="keep what each program printed and called")
    parser.add_argument("--timeout", type=float, default=90, metavar="SECONDS", help="per program")
    parser.add_argument("--hide-unified", action="store_true",
                        help="show the runtime only the cgroup v1 hierarchies (crun)")  # fmt: skip
    parser.add_argument("--oci-version", default="", metavar="V", help="let the configurations "
                        "say this version, for a runtime that refuses the suite's 1.3.0 (crun)")  # fmt: skip
    parser.add_argument("--install-only", action="store_true", help="fetch and build the suite")
    return parser.parse_args(arguments)


def conform(options: argparse.Namespace) -> int:
    programs = suite.install()
    if options.install_only:
        return 0
    if os.geteuid() != 0:
        raise suite.Unavailable("the validation programs need root")
    view.enter(options.hide_unified)
    runtime = find_runtime(options)
    names = choose(options.only, programs.names())
    known = load_expected(options.expected, runtime.name, programs.names())
    with open(LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        results = run_all(names, programs, runtime, known, options)
    finish(results, runtime, options.json)
    return EXIT_UNEXPECTED if any(one.unexpected for one in results) else 0


def find_runtime(options: argparse.Namespace) -> Runtime:
    found = shutil.which(options.runtime)
    if found is None:
        raise suite.Unavailable(f"no runtime {options.runtime}")
    return Runtime(Path(found).absolute(), tuple(options.runtime_option), options.oci_version)


def choose(only: list[str], names: list[str]) -> list[str]:
    for name in only:
        if name not in names:
            raise expected.Malformed(f"no program is called {name}")
    return only or names


def load_expected(file: str | None, runtime: str, programs: list[str]) -> dict[str, expected.Known]:
    path = Path(file) if file else expected.HERE / "expected" / f"{runtime}.toml"
    if file == "none" or (file is None and not path.exists()):
        return {}
    return expected.load(path, programs)


def run_all(
    names: list[str],
    programs: suite.Suite,
    runtime: Runtime,
    known: dict[str, expected.Known],
    options: argparse.Namespace,
) -> list[Judged]:
    program.become_subreaper()
    results = []
    print(report.heading())
    with tempfile.TemporaryDirectory(prefix="conformance-") as work:
        os.chmod(work, 0o755)  # a container in a user namespace must reach its root
        for name in names:
            judged = run_one(name, programs, runtime, known.get(name), Path(work), options.timeout)
            results.append(judged)
            print("\n".join([report.row(judged), *report.details(judged)]), flush=True)
            if options.keep:
                keep(judged.outcome, Path(options.keep))
    return results


def run_one(
    name: str,
    programs: suite.Suite,
    runtime: Runtime,
    known: expected.Known | None,
    work: Path,
    timeout: float,
) -> Judged:
    """A flaky program gets several tries; every other one has to pass at once."""
    allowed = expected.ATTEMPTS if known and known.flaky else 1
    tries = 1
    outcome = program.run(name, programs, runtime, work, timeout)
    while not outcome.good and tries < allowed:
        tries += 1
        outcome = program.run(name, programs, runtime, work, timeout)
    return Judged(outcome, expected.judge(outcome, known, first_try=tries == 1), tries, known)


def keep(outcome: Outcome, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for kind, text in (("out", outcome.stdout), ("err", outcome.stderr), ("calls", outcome.calls)):
        (directory / f"{outcome.name}.{kind}").write_text(text)


def finish(results: list[Judged], runtime: Runtime, file: str | None) -> None:
    bar = expected.load_bar()
    print("\n".join(["", version_of(runtime), *report.summary(results, bar)]))
    if file:
        value = report.as_json(str(runtime.path), version_of(runtime), results, bar)
        Path(file).write_text(json.dumps(value, indent=1) + "\n")


def version_of(runtime: Runtime) -> str:
    done = subprocess.run([runtime.path, "--version"], capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main())
