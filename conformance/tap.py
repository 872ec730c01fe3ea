"""Read what a validation program prints: TAP, in the loose form that the suite uses.

One output may hold several TAP documents. A document may plan `1..0` and still report a failure,
as a YAML note with an "error" that belongs to no assertion. Lines that are not TAP are ignored.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

RESULT = re.compile(r"^(not )?ok\b(?:\s+\d+)?(?:\s+-)?\s*(.*)$")
PLAN = re.compile(r"^1\.\.(\d+)\s*(?:#.*)?$")
DIRECTIVE = re.compile(r"#\s*(skip|todo)\b", re.IGNORECASE)
ERROR_LINE = re.compile(r'^\s*"?error"?\s*:\s*(.+?),?\s*$')


@dataclass
class Assertion:
    """One `ok` or `not ok` line, with the error of the YAML note below it."""

    text: str
    ok: bool
    skipped: bool = False
    error: str = ""


@dataclass
class Document:
    """The assertions of one plan, and errors that no assertion owns."""

    assertions: list[Assertion] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    planned: int | None = None

    @property
    def empty(self) -> bool:
        return not self.assertions and not self.errors and self.planned is None


def parse(text: str) -> list[Document]:
    """Every document in *text*, in order; none for an output without TAP."""
    documents = [Document()]
    note: list[str] | None = None
    for line in text.splitlines():
        if note is not None:
            if line.strip() == "...":
                attach(documents[-1], note)
                note = None
            else:
                note.append(line)
        elif line.strip() == "---":
            note = []
        else:
            read_line(documents, line)
    return [document for document in documents if not document.empty]


def read_line(documents: list[Document], line: str) -> None:
    current = documents[-1]
    if line.startswith("TAP version"):
        documents.append(Document())
    elif plan := PLAN.match(line):
        if current.planned is not None:
            documents.append(Document())
        documents[-1].planned = int(plan[1])
    elif result := RESULT.match(line):
        skipped = DIRECTIVE.search(result[2]) is not None
        current.assertions.append(Assertion(result[2].strip(), not result[1], skipped))


def attach(document: Document, note: list[str]) -> None:
    """Give a YAML note's error to the assertion above it, or to the document."""
    error = error_of(note)
    if not error:
        return
    if document.assertions:
        document.assertions[-1].error = error
    else:
        document.errors.append(error)


def error_of(note: list[str]) -> str:
    """The suite writes its notes as JSON, which is YAML; other producers may not."""
    try:
        value = json.loads("\n".join(note))
    except ValueError:
        found = (ERROR_LINE.match(line) for line in note)
        return next((match[1].strip("\"'") for match in found if match), "")
    return str(value.get("error", "")) if isinstance(value, dict) else ""


def failures(documents: list[Document]) -> list[str]:
    """One line for each thing that went wrong."""
    found = []
    for document in documents:
        found += [f"error: {error}" for error in document.errors]
        found += [
            f"{one.text}: {one.error}" if one.error else one.text
            for one in document.assertions
            if not one.ok and not one.skipped
        ]
        if document.planned is None:
            found.append("the output ends without a plan")
        elif document.planned != len(document.assertions):
            found.append(f"planned {document.planned} assertions, ran {len(document.assertions)}")
    return found
