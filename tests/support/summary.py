"""One line for each setting in which the integration tests ran, at the end of the output."""

from __future__ import annotations

import re
from collections import Counter

LINES: list[str] = []


def add(setting: str, endings: list[str]) -> None:
    """*endings* are the last lines of pytest in the guests of *setting*: "2 failed, 71 passed, 4 skipped in 63.22s"."""
    counts: Counter[str] = Counter()
    seconds = 0.0
    for ending in endings:
        for number, word in re.findall(r"(\d+) (passed|failed|skipped|error)", ending):
            counts[word] += int(number)
        seconds = max(seconds, *map(float, re.findall(r" in ([\d.]+)s", ending)), 0.0)
    add_counts(setting, counts, seconds)


def add_counts(setting: str, counts: Counter[str], seconds: float) -> None:
    bad = counts["failed"] + counts["error"]
    LINES.insert(
        0 if setting == "host" else len(LINES),
        f"{setting:<12} {counts['passed']:>5} passed, {bad} failed, {counts['skipped']} skipped in {seconds:.0f} s",
    )
