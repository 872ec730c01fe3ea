"""Memory: what a container that waits for its start holds, and what its creation takes at most."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.measure import PREPARE, Failed, Place, Runtime

MEBIBYTE_IN_KIB = 1 << 10


@dataclass(frozen=True)
class Memory:
    """KiB, as the kernel counts them."""

    pss: int
    private: int
    peak: int


def of(runtime: Runtime, place: Place, kind: str) -> Memory:
    """One created container: its first process, and the peak of `create`."""
    bundle, root = place.bundle(kind, "true"), place.state(runtime)
    name = f"bench-{runtime.name}"
    command = [str(runtime.path), "--root", str(root)]
    clean = [str(PREPARE), "clean", str(runtime.path), str(root), str(bundle), name]
    subprocess.run(clean, check=True)
    try:
        peak = peak_of([*command, "create", "--bundle", str(bundle), name])
        done = subprocess.run([*command, "state", name], capture_output=True, check=True)
        pid = int(json.loads(done.stdout)["pid"])
        held = rollup(pid)
    finally:
        subprocess.run(clean, check=True)
    return Memory(held["Pss"], held["Private_Clean"] + held["Private_Dirty"], peak)


def rollup(pid: int) -> dict[str, int]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(value.split()[0]) for name, _, value in (one.partition(":") for one in lines)}


def peak_of(command: list[str]) -> int:
    """The largest resident set of *command* or a process that it waited for, in KiB.

    Not wait4 from here: a program inherits its parent's peak at exec, and Python's is the larger one.
    """
    return time_v(command) // scale()


def time_v(command: list[str]) -> int:
    busybox = shutil.which("busybox") or "busybox"
    with tempfile.NamedTemporaryFile("r") as report:
        # Not through a pipe: the container keeps its standard streams, and the pipe would never end.
        quiet = subprocess.DEVNULL
        subprocess.run(
            [busybox, "time", "-v", "-o", report.name, *command],
            stdin=quiet, stdout=quiet, stderr=quiet, check=True, timeout=30,
        )  # fmt: skip
        found = re.search(r"Maximum resident set size \(kbytes\): (\d+)", report.read())
    if found is None:
        raise Failed(f"no peak of {' '.join(command)}")
    return int(found[1])


def scale() -> int:
    """Some versions of busybox take the kernel's KiB for pages: try it on a known 64 MiB."""
    busybox = shutil.which("busybox") or "busybox"
    known = 64 * MEBIBYTE_IN_KIB
    dd = [busybox, "dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"]
    return max(1, round(time_v(dd) / known))
