"""A skip is declared: with `--expect-skips FILE`, one whose reason no line of a FILE allows fails the run."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path


class ExpectedSkips:
    """The reasons, as patterns, one a line; `#` begins a comment."""

    def __init__(self, files: list[Path]) -> None:
        text = "\n".join(file.read_text() for file in files)
        lines = (line.split("#", 1)[0].strip() for line in text.splitlines())
        self.patterns = [line for line in lines if line]
        self.unexpected: list[str] = []

    def see(self, test: str, reason: str) -> None:
        reason = reason.removeprefix("Skipped: ")
        if not any(fnmatchcase(reason, pattern) for pattern in self.patterns):
            self.unexpected.append(f"{test}: {reason}")
