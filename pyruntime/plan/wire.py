"""A plan as the executor reads it (csrc/plan.h): a header, NUL-separated text, time stamps to be filled in, blobs.

Each step is `index NUL op NUL count NUL arguments`. Host steps that come after the first step of the
executor's child become barriers: it reports the index of the first of them and waits.
"""

from __future__ import annotations

import sys

from pyruntime.errors import SpecError
from pyruntime.plan.step import ENTRY, HOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.plan.step import Plan, Step

MAGIC = b"PYRPLAN1"
TEXT_AT = 64
MAX_ARGS = 16384
CURRENT_AT = 12
"""Where the executor keeps the index of the step under way, four bytes of the machine's order."""


def encode(plan: Plan) -> tuple[bytes, int]:
    """The file's content, and the offset of the stamps (a uint64 for each step)."""
    fields: list[str] = []
    blobs: list[bytes] = []
    for index, step in _of_executor(plan):
        _append(fields, blobs, index, step)
    text = b"".join([field.encode("utf-8", "surrogateescape") + b"\0" for field in fields])
    stamps_at = _aligned(TEXT_AT + len(text))
    blobs_at = stamps_at + 8 * len(plan)
    header = MAGIC + b"".join(
        [v.to_bytes(4, sys.byteorder) for v in (len(text), 0, len(plan), stamps_at, blobs_at)]
    )
    body = (header.ljust(TEXT_AT, b"\0") + text).ljust(blobs_at, b"\0")
    return body + b"".join(blobs), stamps_at


def first_of_executor(plan: Plan) -> int:
    """How many host steps come before the executor's first."""
    for index, step in enumerate(plan):
        if step.side != HOST:
            return index
    return len(plan)


def _of_executor(plan: Plan) -> list[tuple[int, Step | None]]:
    """The executor's steps with their index in the plan; None is a barrier."""
    found: list[tuple[int, Step | None]] = []
    cloned = False
    waiting = False
    for index, step in enumerate(plan):
        if step.side != HOST:
            found.append((index, step))
            cloned = cloned or step.side != ENTRY or step.op.name.startswith("clone")
            waiting = False
        elif cloned and not waiting:
            found.append((index, None))
            waiting = True
    return found


def _append(fields: list[str], blobs: list[bytes], index: int, step: Step | None) -> None:
    if step is None:
        fields += [str(index), "barrier", "1", str(index)]
        return
    args = step.op.args
    if len(args) > MAX_ARGS:
        raise SpecError(step.origin, f"more than {MAX_ARGS} arguments and variables")
    fields += [str(index), step.op.name, str(len(args))]
    for arg in args:
        if isinstance(arg, bytes):
            # Where it will be, counted from the first blob.
            fields.append(f"{sum(map(len, blobs))}:{len(arg)}")
            blobs.append(arg.ljust(_aligned(len(arg)), b"\0"))
        else:
            fields.append(str(arg))


def _aligned(size: int) -> int:
    return -(-size // 8) * 8
