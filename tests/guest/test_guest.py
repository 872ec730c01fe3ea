"""The integration tests again, on pure cgroup v2: the same files, in a guest that has nothing else.

A guest takes some seconds to boot and is some five times slower than the host, so it is booted once, for all of them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CHECKOUT = HERE.parent.parent
TIMEOUT_S = 1500

pytestmark = [pytest.mark.guest, pytest.mark.root, pytest.mark.slow]


def guest(*args: object, timeout_s: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, HERE / "guest.py", *args]
    return subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
        check=False,
    )


@pytest.fixture(scope="module")
def installed() -> str:
    """Where the guest finds this checkout's pyruntime."""
    if shutil.which("debootstrap") is None:
        pytest.fail("debootstrap is missing: packaging/debian-packages.txt")
    made = guest("install", "--from", CHECKOUT, timeout_s=1200)
    assert made.returncode == 0, made.stdout
    return made.stdout.splitlines()[-1]


def test_the_guest_has_nothing_but_cgroup_v2(installed: str) -> None:
    found = guest("run", "--share", installed, "--", "cat", "/proc/self/cgroup", timeout_s=120)

    assert found.returncode == 0, found.stdout
    assert all(line.startswith("0::") for line in found.stdout.splitlines()), found.stdout


def test_the_integration_tests_pass_there(installed: str) -> None:
    python, runtime = f"{installed}/bin/python", f"{installed}/bin/pyruntime"
    skips = HERE / "expected-skips.txt"
    words = [
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/integration",
        "--runtime",
        runtime,
    ]
    shares = ("--share", installed, "--share", CHECKOUT, "--cwd", CHECKOUT)

    done = guest(
        *("run", *shares, "--timeout", TIMEOUT_S, "--", python, *words, "--expect-skips", skips),
        timeout_s=TIMEOUT_S + 100,
    )

    print(done.stdout[-4000:])
    assert done.returncode == 0, done.stdout[-8000:]
    assert " passed" in done.stdout
