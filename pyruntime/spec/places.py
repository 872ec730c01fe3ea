"""What several rules about config.json share: pointers, namespaces, id maps, lists of CPUs."""

from __future__ import annotations

import os.path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeAlias

    Fault: TypeAlias = tuple[str, str]
    """A JSON pointer, and what must be."""
    Rule: TypeAlias = Callable[[Any, str, dict[str, Any]], Iterator[Fault]]

# (uid_t)-1 is no id, but "leave it as it is" to setresuid(2) and chown(2), and a map may not reach it.
NO_ID = 2**32 - 1
END_OF_IDS = NO_ID


def key(name: str) -> str:
    """One component of a JSON pointer. RFC 6901."""
    return name.replace("~", "~0").replace("/", "~1")


def namespaces(config: dict[str, Any]) -> dict[str, str]:
    """The types in linux.namespaces with their paths; "" is a new namespace."""
    entries = config.get("linux", {}).get("namespaces", ())
    return {entry["type"]: entry.get("path", "") for entry in entries}


def is_root(path: str) -> bool:
    """Whether a path in the container is its root, as far as one can tell without it: a link may lead there too."""
    return os.path.normpath("/" + path.lstrip("/")) == "/"


def mapping_faults(mappings: list[dict[str, int]], at: str) -> Iterator[Fault]:
    """What the kernel refuses in an id map: ids out of range, ids mapped twice on either side."""
    for side in ("containerID", "hostID"):
        taken: list[tuple[int, int, int]] = []
        for index, mapping in enumerate(mappings):
            start, end = mapping[side], mapping[side] + mapping["size"]
            if end > END_OF_IDS:
                yield f"{at}/{index}/size", f"must end before {END_OF_IDS}: {side} is {start}"
            taken.append((start, end, index))
        taken.sort()
        for position in range(1, len(taken)):
            _, end, before = taken[position - 1]
            start, _, index = taken[position]
            if start < end:
                yield f"{at}/{index}/{side}", f"must not overlap {at}/{before}"


def is_cpu_list(text: str) -> bool:
    """Whether *text* lists CPUs or memory nodes as cpuset(7) writes them: `0-3,7`. An empty one does."""
    for part in text.split(",") if text.strip() else ():
        first, dash, last = part.strip().partition("-")
        if not (first.isascii() and first.isdecimal() and len(first) < 7):
            return False
        if dash and not (last.isascii() and last.isdecimal() and len(last) < 7):
            return False
        if dash and int(last) < int(first):
            return False
    return True
