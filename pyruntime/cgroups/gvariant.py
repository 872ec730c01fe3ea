"""Values in the text form of GVariant, as annotations carry them: `uint64 5`, `['a', 'b']`, `true`. Pure.

The types are those that D-Bus has too, so no `maybe`. Nothing is guessed: a number without a type is an int32, one
that does not fit is an error, and so is whatever follows a value.
https://docs.gtk.org/glib/gvariant-text-format.html
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TYPES = {
    "boolean": "b",
    "byte": "y",
    "int16": "n",
    "uint16": "q",
    "int32": "i",
    "uint32": "u",
    "int64": "x",
    "uint64": "t",
    "double": "d",
    "string": "s",
    "objectpath": "o",
    "signature": "g",
}
RANGES = {
    "y": (0, 2**8 - 1),
    "n": (-(2**15), 2**15 - 1),
    "q": (0, 2**16 - 1),
    "i": (-(2**31), 2**31 - 1),
    "u": (0, 2**32 - 1),
    "x": (-(2**63), 2**63 - 1),
    "t": (0, 2**64 - 1),
}
BASIC = "bynqiuxtdsog"
ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.")
PATH = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/")
DEEPEST = 16


class Node:
    """A value as it is written: *kind* is boolean, number, string, array, tuple, dictionary or variant."""

    __slots__ = ("kind", "type", "value")

    def __init__(self, kind: str, value: Any, type: str = "") -> None:
        self.kind = kind
        self.value = value
        self.type = type
        """The signature that is written before it, "" if there is none."""


def parse(text: str) -> tuple[str, Any]:
    """The D-Bus signature and the value of *text*; ValueError says what is wrong with it.

    Arrays are lists, tuples tuples, a dictionary a list of pairs, a variant a pair of its signature and its value.
    """
    reader = _Reader(text)
    node = reader.value(0)
    if reader.peek():
        raise ValueError(f"{reader.rest()!r} follows the value")
    signature = node.type or _infer(node)
    return signature, _convert(node, signature)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def peek(self) -> str:
        """The next character that is no space, "" at the end."""
        while self.text[self.at : self.at + 1] in (" ", "\t", "\n"):
            self.at += 1
        return self.text[self.at : self.at + 1]

    def rest(self) -> str:
        return self.text[self.at : self.at + 20]

    def take(self, expected: str) -> None:
        if self.peek() != expected:
            found = repr(self.rest()) if self.peek() else "the end"
            raise ValueError(f"{expected!r} is missing before {found}")
        self.at += 1

    def word(self) -> str:
        start = self.at
        while self.text[self.at : self.at + 1] in WORD and self.at < len(self.text):
            self.at += 1
        return self.text[start : self.at]

    def value(self, depth: int) -> Node:
        first = self.peek()
        if depth > DEEPEST:
            raise ValueError("it is nested too deeply")
        if first == "@":
            return self._typed(depth)
        if first in ("'", '"'):
            self.at += 1
            return Node("string", self._string(first))
        if first == "[":
            return Node("array", self._sequence("[", "]", depth))
        if first == "(":
            return Node("tuple", self._sequence("(", ")", depth))
        if first == "{":
            return Node("dictionary", self._pairs(depth))
        if first == "<":
            self.at += 1
            inside = self.value(depth + 1)
            self.take(">")
            return Node("variant", inside)
        return self._word(depth)

    def _typed(self, depth: int) -> Node:
        self.at += 1
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in " \t\n":
            self.at += 1
        signature = self.text[start : self.at]
        if end_of_type(signature) != len(signature):
            raise ValueError(f"@{signature} is not a type of D-Bus")
        node = self.value(depth + 1)
        node.type = node.type or signature
        if node.type != signature:
            raise ValueError(f"a value cannot be both {signature} and {node.type}")
        return node

    def _word(self, depth: int) -> Node:
        word = self.word()
        if word in TYPES:
            node = self.value(depth + 1)
            if node.type:
                raise ValueError(f"{word} is followed by another type")
            node.type = TYPES[word]
            return node
        if word in ("true", "false"):
            return Node("boolean", word == "true")
        if not word:
            raise ValueError(
                f"no value begins with {self.rest()!r}" if self.rest() else "a value is missing"
            )
        return Node("number", _number(word))

    def _string(self, quote: str) -> str:
        found: list[str] = []
        while True:
            char = self.text[self.at : self.at + 1]
            self.at += 1
            if not char:
                raise ValueError("a string does not end")
            if char == quote:
                return "".join(found)
            found.append(self._escape() if char == "\\" else char)

    def _escape(self) -> str:
        char = self.text[self.at : self.at + 1]
        self.at += 1
        length = {"u": 4, "U": 8}.get(char, 0)
        if not length:
            return ESCAPES.get(char, char)
        digits = self.text[self.at : self.at + length]
        self.at += length
        if len(digits) != length or any(c not in "0123456789abcdefABCDEF" for c in digits):
            raise ValueError(f"\\{char} needs {length} hexadecimal digits")
        number = int(digits, 16)
        if number == 0 or 0xD800 <= number <= 0xDFFF or number > 0x10FFFF:
            raise ValueError(f"\\{char}{digits} is not a character")
        return chr(number)

    def _sequence(self, begin: str, end: str, depth: int) -> list[Node]:
        self.take(begin)
        found: list[Node] = []
        while self.peek() != end:
            if found:
                self.take(",")
                if self.peek() == end and begin == "(" and len(found) == 1:
                    break  # (1,) is a tuple of one
            found.append(self.value(depth + 1))
        self.at += 1
        return found

    def _pairs(self, depth: int) -> list[tuple[Node, Node]]:
        self.take("{")
        found: list[tuple[Node, Node]] = []
        while self.peek() != "}":
            if found:
                self.take(",")
            name = self.value(depth + 1)
            self.take(":")
            found.append((name, self.value(depth + 1)))
        self.at += 1
        return found


def _number(word: str) -> int | float:
    digits = word.lstrip("+-").lower()
    if len(word) - len(digits) > 1:
        raise ValueError(f"{word!r} is not a value")
    sign = -1 if word[0] == "-" else 1
    try:
        if digits[:2] == "0x":
            return sign * int(digits, 0)
        if digits.isascii() and digits.isdecimal():
            # As in C: a leading zero means octal.
            return sign * int(digits, 8 if digits[0] == "0" else 10)
        if digits[:1].isdecimal() and "_" not in digits:
            value = sign * float(digits)
            if value - value == 0:  # not infinite
                return value
    except ValueError:
        pass
    raise ValueError(f"{word!r} is not a value")


def end_of_type(signature: str, at: int = 0, depth: int = 0) -> int:
    """Where the complete type that begins at *at* ends; 0 if none does. D-Bus specification, "Type System"."""
    first = signature[at : at + 1]
    if depth > DEEPEST or not first:
        return 0
    if first in BASIC or first == "v":
        return at + 1
    if first == "a" and signature[at + 1 : at + 2] == "{":
        end = signature[at + 2 : at + 3] in BASIC and end_of_type(signature, at + 3, depth + 1)
        return end + 1 if end and signature[end : end + 1] == "}" else 0
    if first == "a":
        return end_of_type(signature, at + 1, depth + 1)
    if first != "(":
        return 0
    at += 1
    begin = at
    while at and signature[at : at + 1] != ")":
        at = end_of_type(signature, at, depth + 1)
    return at + 1 if at > begin else 0


def types_in(signature: str) -> list[str]:
    """The complete types of *signature*, one after the other."""
    found = []
    at = 0
    while at < len(signature):
        end = end_of_type(signature, at)
        if not end:
            raise ValueError(f"{signature} is not a type of D-Bus")
        found.append(signature[at:end])
        at = end
    return found


def _infer(node: Node) -> str:
    """The type of a value that does not say it."""
    if node.type:
        return node.type
    if node.kind == "boolean":
        return "b"
    if node.kind == "number":
        return "d" if isinstance(node.value, float) else "i"
    if node.kind == "string":
        return "s"
    if node.kind == "variant":
        return "v"
    if node.kind == "tuple":
        if not node.value:
            raise ValueError("D-Bus has no tuple without values")
        return "(" + "".join(map(_infer, node.value)) + ")"
    if not node.value:
        raise ValueError("what is empty needs a type: @as []")
    if node.kind == "dictionary":
        return (
            "a{" + _common([k for k, _ in node.value]) + _common([v for _, v in node.value]) + "}"
        )
    return "a" + _common(node.value)


def _common(nodes: list[Node]) -> str:
    """The type of all of *nodes*: what the first says that says one."""
    return next((node.type for node in nodes if node.type), None) or _infer(nodes[0])


def _convert(node: Node, signature: str) -> Any:
    """The value as one of *signature*."""
    if node.type and node.type != signature:
        raise ValueError(f"{node.type} and {signature} in one array")
    kind, value = node.kind, node.value
    if kind == "number":
        return _number_as(value, signature)
    if kind == "boolean" and signature == "b":
        return value
    if kind == "string" and signature in ("s", "o", "g"):
        return _string_as(value, signature)
    if kind == "variant" and signature == "v":
        inner = value.type or _infer(value)
        return inner, _convert(value, inner)
    if kind == "tuple" and signature[0] == "(":
        types = types_in(signature[1:-1])
        if len(types) == len(value):
            return tuple(map(_convert, value, types))
    if kind == "dictionary" and signature[:2] == "a{":
        types = types_in(signature[2:-1])
        return [(_convert(k, types[0]), _convert(v, types[1])) for k, v in value]
    if kind == "array" and signature[0] == "a" and signature[:2] != "a{":
        return [_convert(item, signature[1:]) for item in value]
    raise ValueError(f"a {kind} is not of the type {signature}")


def _number_as(value: int | float, signature: str) -> int | float:
    if signature == "d":
        return float(value)
    if signature not in RANGES or isinstance(value, float):
        raise ValueError(f"{value} is not of the type {signature}")
    least, most = RANGES[signature]
    if not least <= value <= most:
        raise ValueError(f"{value} is not between {least} and {most}")
    return value


def _string_as(value: str, signature: str) -> str:
    if "\0" in value:
        raise ValueError("a string cannot have NUL in it")
    if signature == "g":
        types_in(value)
    if signature == "o":
        parts = value[1:].split("/")
        if value[:1] != "/" or not PATH.issuperset(value) or ("" in parts and value != "/"):
            raise ValueError(f"{value!r} is not the path of an object")
    return value
