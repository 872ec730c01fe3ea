"""The figures as Markdown, ready for docs/performance.md."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bench.measure import Runtime, Times
from bench.memory import Memory

Row = dict[str, Times]
TITLES = {"default": "`runc spec`'s configuration", "docker": "a configuration like Docker's"}


def machine() -> str:
    """What of the machine matters to the figures, and nothing that names it."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)
    cores = len(os.sched_getaffinity(0))
    release = ".".join(os.uname().release.split("-")[0].split(".")[:2])
    load = os.getloadavg()[0]
    return (
        f"{cores} cores ({processor()}), {memory:.0f} GiB, Linux {release}, {cgroups()}, "
        f"load average {load:.1f}"
    )


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return os.uname().machine


def cgroups() -> str:
    """The hierarchies that can be seen: one that another mount covers counts for nothing."""
    kinds = set()
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        head, _, tail = line.partition(" - ")
        if Path(head.split()[4], "cgroup.procs").exists():
            kinds.add(tail.split()[0])
    names = {"cgroup": "version 1", "cgroup2": "version 2"}
    return "cgroup " + " and ".join(names[kind] for kind in sorted(kinds & set(names)))


def version(runtime: Runtime) -> str:
    done = subprocess.run([runtime.path, "--version"], capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).partition("\n")[0]


def times_table(kind: str, rows: Mapping[str, Row], runtimes: list[Runtime]) -> list[str]:
    """Milliseconds, and ours as a multiple of each peer's: p10, in brackets the median.

    Both, because they answer different questions: p10 is the quiet machine, the median this one.
    """
    ours, *peers = [runtime.name for runtime in runtimes]
    heads = ["verb", *(f"{name}: p10 (median)" for name in (ours, *peers))]
    heads += [f"{ours} / {name}" for name in peers]
    lines = [f"Milliseconds with {TITLES[kind]}:", "", cells(heads), rule(len(heads))]
    for verb, row in rows.items():
        line = [f"`{verb}`", *(milliseconds(row[name]) for name in (ours, *peers))]
        line += [ratios(row[ours], row[name]) for name in peers]
        lines.append(cells(line))
    return [*lines, ""]


def memory_table(kind: str, figures: Mapping[str, Memory]) -> list[str]:
    heads = ["runtime", "waiting container: Pss", "waiting container: private", "create: peak"]
    lines = [f"KiB of memory with {TITLES[kind]}:", "", cells(heads), rule(len(heads))]
    lines += [
        cells([name, str(one.pss), str(one.private), str(one.peak)])
        for name, one in figures.items()
    ]
    return [*lines, ""]


def ratios(ours: Times, peer: Times) -> str:
    return f"{ours.p10 / peer.p10:.2f} ({ours.median / peer.median:.2f})"


def milliseconds(times: Times) -> str:
    return f"{times.p10 * 1000:.1f} ({times.median * 1000:.1f})"


def cells(texts: list[str]) -> str:
    return "| " + " | ".join(texts) + " |"


def rule(columns: int) -> str:
    return cells(["---"] + ["---:"] * (columns - 1))
