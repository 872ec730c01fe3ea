"""The settings in which the integration tests run, beside the machine's own; one guest for each CPU, up to four."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from conformance import suite
from support import summary

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
SERVICE = "/system.slice/pyruntime-guest.service"
"""Where systemd runs the command of a guest, in a leaf of it."""

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Setting:
    name: str
    guest: tuple[str, ...] = ()
    """Options of `guest.py run`."""
    pytest: tuple[str, ...] = ()
    skips: tuple[str, ...] = ()
    """Lists of reasons beside expected-skips.txt, which all share."""
    timeout_s: int = 1500


SETTINGS = (
    Setting("v2"),
    Setting("v2-systemd", guest=("--systemd",), pytest=("--cgroup", SERVICE)),
    Setting("v2-user", guest=("--user", "tester"), skips=("expected-skips-user.txt",)),
)
AS_ROOT = [each for each in SETTINGS if "--user" not in each.guest]


def guest(*words: object, timeout_s: float = 600) -> Done:
    command = [sys.executable, HERE / "guest.py", *words]
    return subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def in_checkout(setting: Setting, *command: object, options: tuple[object, ...] = ()) -> Done:
    """Run *command* in a guest that has this checkout and its pyruntime."""
    where = ("--from", CHECKOUT, "--share", CHECKOUT, "--cwd", CHECKOUT, *setting.guest, *options)
    time = ("--timeout", setting.timeout_s)
    return guest("run", *where, *time, "--", *command, timeout_s=setting.timeout_s + 100)


def integration(setting: Setting) -> list[Done]:
    """The integration tests in as many guests as this machine has CPUs; a line of each setting is kept for the summary."""
    count = min(4, len(os.sched_getaffinity(0)))
    options = ["-q", "-p", "no:cacheprovider", "-p", "shard", *setting.pytest]
    for name in ("expected-skips.txt", *setting.skips):
        options += ["--expect-skips", str(HERE / name)]

    def shard(number: int) -> Done:
        words = ("python", "-m", "pytest", *options, "--shard", f"{number}/{count}")
        plugins = ("--env", "PYTHONPATH=/guest")
        return in_checkout(setting, *words, "tests/integration", options=plugins)

    with ThreadPoolExecutor(count) as pool:
        done = list(pool.map(shard, range(1, count + 1)))
    summary.add(setting.name, [last_line(each) for each in done])
    return done


def conformance(setting: Setting, *options: object) -> Done:
    """The OCI validation programs, built here, in a guest; with the list of what is known to fail with cgroup v2."""
    built = suite.install().directory
    known = CHECKOUT / "conformance" / "expected" / "pyruntime-v2.toml"
    where = ("--share", built, "--env", f"XDG_CACHE_HOME={built.parent.parent}")
    words = ("conformance/run.py", "--runtime", "pyruntime", "--expected", known, *options)
    return in_checkout(setting, "python", *words, options=where)


def last_line(done: Done) -> str:
    return (done.stdout.strip().splitlines() or ["-"])[-1]
