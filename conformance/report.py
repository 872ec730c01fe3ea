"""The table that people read, and the JSON that programs read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from conformance.expected import PASS, SKIP, UNEXPECTED, Known
from conformance.program import Outcome

WIDTH = 100


@dataclass
class Judged:
    """One program's last outcome, with its verdict."""

    outcome: Outcome
    verdict: str
    tries: int
    known: Known | None

    @property
    def unexpected(self) -> bool:
        return self.verdict in UNEXPECTED


def heading() -> str:
    return f"{'program':36} {'passed':>6} {'failed':>6} {'skipped':>7} {'s':>5}  verdict"


def row(judged: Judged) -> str:
    one = judged.outcome
    tries = f" (try {judged.tries})" if judged.tries > 1 else ""
    counts = f"{one.passed:6} {one.failed:6} {one.skipped:7} {one.seconds:5.1f}"
    return f"{one.name:36} {counts}  {judged.verdict}{tries}"


def details(judged: Judged) -> list[str]:
    """Why: the failures of an unexpected verdict, the reason of an expected one, what was left over."""
    lines = [f"left behind: {one}" for one in judged.outcome.leftovers]
    if judged.unexpected:
        lines += judged.outcome.failures
    if judged.known and judged.verdict != PASS:
        lines.append(f"reason: {judged.known.reason}")
    return [shorten(f"    {line}") for line in lines]


def shorten(line: str) -> str:
    flat = line.replace("\n", " | ")
    return flat if len(flat) <= 2 * WIDTH else flat[: 2 * WIDTH - 1] + "…"


def summary(results: list[Judged], bar: list[str]) -> list[str]:
    good = {one.outcome.name for one in results if one.outcome.good}
    ran = {one.outcome.name for one in results}
    within = [name for name in bar if name in ran]
    missing = [name for name in within if name not in good]
    unexpected = [one.outcome.name for one in results if one.unexpected]
    lines = [
        f"programs: {len(good)} of {len(results)} passed",
        f"bar: {len(within) - len(missing)} of {len(within)} passed",
    ]
    if missing:
        lines.append("below the bar: " + " ".join(missing))
    lines.append("unexpected: " + (" ".join(unexpected) or "none"))
    return lines


def as_json(runtime: str, version: str, results: list[Judged], bar: list[str]) -> dict[str, Any]:
    return {
        "runtime": runtime,
        "version": version,
        "programs": {one.outcome.name: entry(one, bar) for one in results},
        "passed": sum(one.outcome.good for one in results),
        "bar": {
            "size": len(bar),
            "passed": sum(one.outcome.good and one.outcome.name in bar for one in results),
        },
        "unexpected": [one.outcome.name for one in results if one.unexpected],
    }


def entry(judged: Judged, bar: list[str]) -> dict[str, Any]:
    one = judged.outcome
    return {
        "verdict": judged.verdict,
        "passed": one.passed,
        "failed": one.failed,
        "skipped": one.skipped,
        "seconds": round(one.seconds, 2),
        "tries": judged.tries,
        "in_bar": one.name in bar,
        "failures": one.failures,
        "leftovers": one.leftovers,
        "all_skipped": judged.verdict == SKIP,
    }
