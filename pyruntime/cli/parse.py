"""Command line to `Call`, or Declined: the fast gear. It has no messages; `explain` finds the words.

The grammar is that of Go's flag package, which the engines write for:

    [GLOBAL...] VERB [OPTION | ARGUMENT]...

`--x V`, `--x=V`, `-x V` and `-x=V` are the same for a long and a short name; `--` ends the options;
the last of several wins, lists grow. A value is the next word whatever it looks like. After the first
argument a word that names no option is an argument (`kill ID -9`), and for a verb with a tail
(exec, ps) everything is.
"""

from __future__ import annotations

from pyruntime.cli.table import FLAG, GLOBALS, INT, LIST, VERBS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyruntime.cli.table import Option, Verb

# What Go's strconv.ParseBool takes.
BOOLEANS = dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True) | dict.fromkeys(
    ("0", "f", "F", "FALSE", "false", "False"), False
)
LARGEST = 2**31 - 1


class Declined(Exception):
    """Not understood here: a mistake, or a wish for help."""


class Call:
    """One understood command line. Keys are long names with underscores; every option is there."""

    __slots__ = ("arguments", "globals", "options", "tell", "verb", "warn")

    def __init__(
        self,
        verb: str,
        globals: dict[str, Any],
        options: dict[str, Any],
        arguments: list[str],
    ) -> None:
        self.verb = verb
        self.globals = globals
        self.options = options
        self.arguments = arguments
        self.warn: Callable[[str], None] = _ignore
        """Tells a person something that is no error; the program's entry puts the real one here."""
        self.tell: Callable[[str], None] | None = None
        """Tells what is done, with --debug."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Call) and all(
            getattr(self, field) == getattr(other, field)
            for field in ("verb", "globals", "options", "arguments")
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Call({self.verb!r}, {self.globals!r}, {self.options!r}, {self.arguments!r})"


def _ignore(text: str) -> None:
    pass


def parse(argv: list[str]) -> Call:
    """Understand *argv* (without the program's name) or raise Declined."""
    globals, position = parse_globals(argv)
    if globals["version"]:
        return Call("version", globals, {}, [])
    if position == len(argv) or argv[position] not in VERBS:
        raise Declined
    verb = VERBS[argv[position]]
    options, arguments = _verb_words(verb, argv, position + 1)
    if not verb.least <= len(arguments) <= (len(arguments) if verb.most is None else verb.most):
        raise Declined
    return Call(verb.name, globals, options, arguments)


def parse_globals(argv: list[str]) -> tuple[dict[str, Any], int]:
    """The global options, and where the verb is."""
    known = spellings(GLOBALS)
    values = defaults(GLOBALS)
    position = 0
    while position < len(argv) and argv[position][:1] == "-" and argv[position] != "-":
        if argv[position] == "--":
            position += 1
            break
        position = _take(known, values, argv, position)
    return values, position


def _verb_words(verb: Verb, argv: list[str], position: int) -> tuple[dict[str, Any], list[str]]:
    known = spellings(verb.options)
    values = defaults(verb.options)
    arguments: list[str] = []
    while position < len(argv):
        word = argv[position]
        if word == "--":
            arguments += argv[position + 1 :]
            break
        if is_option(word, known, after_argument=bool(arguments)):
            position = _take(known, values, argv, position)
        elif verb.tail:
            arguments += argv[position:]
            break
        else:
            arguments.append(word)
            position += 1
    return values, arguments


def is_option(word: str, known: dict[str, Option], *, after_argument: bool) -> bool:
    """Whether *word* is to be read as an option, known or not."""
    if word[:1] != "-" or word == "-":
        return False
    return not after_argument or option_name(word) in known or option_name(word) in ("h", "help")


def option_name(word: str) -> str:
    """`bundle` of `--bundle=x`; what is left has a dash in front if there were three."""
    return (word[2:] if word[:2] == "--" else word[1:]).partition("=")[0]


def _take(known: dict[str, Option], values: dict[str, Any], argv: list[str], position: int) -> int:
    """Read the option at *position* into *values*; where to go on."""
    word = argv[position]
    option = known.get(option_name(word))
    if option is None:
        raise Declined
    _, equals, value = word.partition("=")
    position += 1
    if option.kind == FLAG:
        if equals and value not in BOOLEANS:
            raise Declined
        values[option.name] = BOOLEANS[value] if equals else True
        return position
    if not equals:
        if position == len(argv):
            raise Declined
        value = argv[position]
        position += 1
    if option.choices and value not in option.choices:
        raise Declined
    if option.kind == LIST:
        values[option.name].append(value)
    elif option.kind == INT:
        values[option.name] = integer(value)
    else:
        values[option.name] = value
    return position


def integer(text: str) -> int:
    """The value of an INT option."""
    # isdecimal alone would take other scripts' digits, and int() underscores and spaces.
    if not (text.isascii() and text.isdecimal() and len(text) < 11 and int(text) <= LARGEST):
        raise Declined
    return int(text)


def spellings(options: tuple[Option, ...]) -> dict[str, Option]:
    """Every name without its dashes, to its option."""
    known = {option.long: option for option in options}
    known.update((option.short, option) for option in options if option.short)
    return known


def defaults(options: tuple[Option, ...]) -> dict[str, Any]:
    """What a call has when nothing was said."""
    return {option.name: [] if option.kind == LIST else option.default for option in options}
