"""config.json as all further code sees it: null is absence, what Go takes as zero is written out, names are as defined.

Runtimes written in Go take null for absence, a missing number for 0, and a member's name in any case ("readOnly").
The first two mean one thing only, so they are accepted and said. A name in another case is unknown by the
specification; dropped without a word it would leave a root writable, so where it restricts it is an error.

The members, and which of them may be missing ("default"), come from schemas/config.json.
"""

from __future__ import annotations

from pyruntime.errors import SpecError
from pyruntime.spec.places import key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pyruntime.spec.places import Fault

# Members whose loss restricts nobody less. All others do restrict, or might: a misspelt one is an error.
HARMLESS = frozenset(
    (
        *("hostname", "domainname", "annotations", "env", "terminal"),
        *("consoleSize", "height", "width"),
        # Fewer capabilities are less power.
        *("effective", "inheritable", "permitted", "ambient"),
        *("timeOffsets", "secs", "nanosecs"),
        *(
            "useHierarchy",
            "checkBeforeUpdate",
            "priorities",
            "enableMonitoring",
            "listenerMetadata",
        ),
    )
)


class Oddity:
    """One place that is not as the specification has it, and can be understood all the same."""

    __slots__ = ("fatal", "name", "place", "pointer", "taken", "text", "zero")

    def __init__(self, pointer: str, place: dict[str, Any], name: str, text: str) -> None:
        self.pointer = pointer
        self.place = place
        """The object that the member *name* is in, or lacks."""
        self.name = name
        self.text = text
        """What must be."""
        self.taken = ""
        """What it counts as."""
        self.zero: object = None
        self.fatal = False


def normalize(config: object, *, strict: bool = False) -> list[Fault]:
    """Bring *config* into its normal form, in place; what was not so. SpecError for what cannot be meant well."""
    found = list(_oddities(config))
    for odd in found:
        if odd.fatal or strict:
            raise SpecError(odd.pointer, odd.text)
    for odd in found:
        odd.place.pop(odd.name, None)
        if odd.zero is not None:
            odd.place[odd.name] = odd.zero
    return [(odd.pointer, f"{odd.text}: {odd.taken}") for odd in found]


def misspelt(config: object) -> Iterator[Fault]:
    """The members of *config* whose names are in the wrong case; nothing is changed."""
    for odd in _oddities(config):
        if odd.fatal or odd.taken == LEFT_OUT:
            yield odd.pointer, odd.text


def unknown(value: object, shape: str, at: str) -> Iterator[str]:
    """The pointers of the members of *value* that have no meaning, in any case of letters."""
    from pyruntime.spec._config_schema import SHAPES

    for pointer, place, below in _places(value, SHAPES[shape], at):
        if isinstance(below, tuple) and isinstance(place, dict):
            right = {name.casefold() for name in below[0]}
            strangers = (name for name in place if name.casefold() not in right)
            yield from (f"{pointer}/{key(name)}" for name in strangers)


LEFT_OUT = "left out"


def _oddities(config: object) -> Iterator[Oddity]:
    # Not at the top: exec loads `validate`, and checks a document for --process only.
    from pyruntime.spec._config_schema import SHAPES

    for at, value, shape in _places(config, SHAPES["config"], ""):
        if isinstance(shape, tuple) and isinstance(value, dict):
            members, zeros, needed = shape
            yield from _odd_members(value, members, zeros, needed, at)


def _places(config: object, shape: Any, at: str) -> Iterator[tuple[str, object, Any]]:
    """Every object and array of *config* that the schema knows: pointer, value, shape; without recursion."""
    from pyruntime.spec._config_schema import SHAPES

    left: list[tuple[str, object, Any]] = [(at, config, shape)]
    while left:
        at, value, shape = left.pop()
        yield at, value, shape
        if isinstance(shape, str):
            # An array, or an object that is used as a map.
            items: Any = value.items() if isinstance(value, dict) else ()
            items = enumerate(value) if isinstance(value, list) else items
            left += [(f"{at}/{key(str(name))}", item, SHAPES[shape]) for name, item in items]
        elif isinstance(value, dict):
            members = shape[0]
            known = [(name, item) for name, item in value.items() if members.get(name)]
            left += [(f"{at}/{name}", item, SHAPES[members[name]]) for name, item in known]


def _odd_members(
    value: dict[str, Any],
    members: dict[str, Any],
    zeros: dict[str, Any],
    needed: list[str],
    at: str,
) -> Iterator[Oddity]:
    strangers = []
    for name, item in value.items():
        if name not in members:
            strangers.append(name)
        elif item is None and name not in needed:
            odd = Oddity(f"{at}/{name}", value, name, "must not be null")
            odd.taken, odd.zero = "taken as absent", zeros.get(name)
            yield odd
    for name, zero in zeros.items():
        if name not in value:
            odd = Oddity(at, value, name, f'must have "{name}"')
            odd.taken, odd.zero = f"taken as {'false' if zero is False else zero}", zero
            yield odd
    if strangers:
        yield from _misspelt_members(value, members, strangers, at)


def _misspelt_members(
    value: dict[str, Any], members: dict[str, Any], strangers: list[str], at: str
) -> Iterator[Oddity]:
    # As encoding/json of Go, which folds more than ASCII: U+017F is an s to it, U+212A a k.
    right = {name.casefold(): name for name in members}
    for name in strangers:
        wanted = right.get(name.casefold())
        if wanted is None:
            continue
        text = f'must be spelled "{wanted}"'
        if wanted in value:
            text = f'must not be there beside "{wanted}", which it is to some'
        odd = Oddity(f"{at}/{key(name)}", value, name, text)
        odd.taken = LEFT_OUT
        odd.fatal = wanted not in HARMLESS or wanted in value
        yield odd
