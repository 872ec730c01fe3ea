"""Op, Step, Plan: the vocabulary of a plan.

An op is a name and text arguments; what a name means is said once in `ops` (Python), once in csrc/
(C) or `container.launch` (host side), and once in docs/plan.md. A step is an op with a side and its
origin in config.json. No op may look at another.

    side     who                    where
    host     Python                 the runtime's namespaces
    entry    the executor           before clone: the runtime's namespaces, then those joined by path
    inside   the executor's child   the container's namespaces; it becomes the container's process
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "host"
ENTRY = "entry"
INSIDE = "inside"


class Op:
    """One named operation with its arguments; equal by value."""

    __slots__ = ("args", "name")

    def __init__(self, name: str, *args: str | int | bytes) -> None:
        self.name = name
        self.args = args

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Op) and (self.name, self.args) == (other.name, other.args)

    def __hash__(self) -> int:
        return hash((self.name, self.args))

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.args))})"


class Step:
    """*op*, done by *side*, because of *origin* (a place in config.json such as `mounts[3]`, or "" for the runtime's own)."""

    __slots__ = ("op", "origin", "side")

    def __init__(self, side: str, op: Op, origin: str = "") -> None:
        self.side = side
        self.op = op
        self.origin = origin

    def __repr__(self) -> str:
        return f"<{self.side} {self.op!r} {self.origin}>"


class Plan:
    """An ordered list of steps; `plan += steps` appends. Warnings are for people, they change nothing."""

    __slots__ = ("steps", "warnings")

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.warnings: list[str] = []

    def __iadd__(self, steps: list[Step]) -> Plan:
        self.steps.extend(steps)
        return self

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)
