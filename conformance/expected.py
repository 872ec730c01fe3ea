"""What a runtime is known to fail, and why: expected/NAME.toml.

[programs.hooks]
reason = "why it can't or shall not pass"
failures = ["part of a failure's text"]     # optional: only these may fail, and each must
flaky = true                                # optional: may pass or fail; tried again

A list for another setting says what differs: base = "NAME.toml", and with passing = [...] which of its entries are void.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from conformance.program import Outcome

HERE = Path(__file__).resolve().parent
ATTEMPTS = 3

# Verdicts. The last three are unexpected: they make the run fail.
PASS, SKIP, FLAKY, KNOWN = "pass", "skip", "flaky", "known"
FAIL, OTHER, STALE = "FAIL", "FAIL otherwise", "PASS, listed"
UNEXPECTED = (FAIL, OTHER, STALE)


class Malformed(Exception):
    """An expected file that can't be what its author meant."""


@dataclass(frozen=True)
class Known:
    """One program's entry."""

    reason: str
    failures: tuple[str, ...] = ()
    flaky: bool = False


def load(path: Path, programs: list[str] | None = None) -> dict[str, Known]:
    """The entries of *path*; an unknown key, or a program that is none of *programs*, is its error."""
    document = tomllib.loads(path.read_text())
    tables = document.get("programs", {})
    entries = load(path.with_name(document["base"]), programs) if "base" in document else {}
    for name in document.get("passing", ()):
        if entries.pop(name, None) is None:
            raise Malformed(f"{path}: {name} is not in {document.get('base', 'a base')}")
    for name, table in tables.items():
        if programs is not None and name not in programs:
            raise Malformed(f"{path}: no program is called {name}")
        if unknown := set(table) - {"reason", "failures", "flaky"}:
            raise Malformed(f"{path}: {name}: unknown key {min(unknown)}")
        if not table.get("reason"):
            raise Malformed(f"{path}: {name}: no reason")
        entries[name] = Known(
            table["reason"], tuple(table.get("failures", ())), bool(table.get("flaky", False))
        )
    return entries


def load_bar() -> list[str]:
    """The programs that at least one peer passes on the machine that the bar was set on."""
    programs: list[str] = tomllib.loads((HERE / "bar.toml").read_text())["programs"]
    return programs


def judge(outcome: Outcome, known: Known | None, first_try: bool = True) -> str:
    """The verdict on one program."""
    if outcome.good:
        if known and not known.flaky:
            return STALE
        if outcome.skipped and not outcome.passed:
            return SKIP
        return PASS if first_try else FLAKY
    if known is None:
        return FAIL
    if not as_listed(outcome, known):
        return OTHER
    return FLAKY if known.flaky else KNOWN


def as_listed(outcome: Outcome, known: Known) -> bool:
    """Without a list, any failure will do; with one, exactly the listed failures."""
    if not known.failures:
        return True
    unlisted = [one for one in outcome.failures if not any(part in one for part in known.failures)]
    absent = [part for part in known.failures if not any(part in one for one in outcome.failures)]
    return not unlisted and (not absent or known.flaky)
