"""The text form of GVariant: what annotations may say, and how mistakes are told."""

from __future__ import annotations

from typing import Any

import pytest

from pyruntime.cgroups.gvariant import parse


@pytest.mark.parametrize(
    ("text", "signature", "value"),
    [
        ("uint64 5", "t", 5),
        ("0x10", "i", 16),
        ("010", "i", 8),
        ("byte 0xff", "y", 255),
        ("-5", "i", -5),
        ("1.5", "d", 1.5),
        ("double 2", "d", 2.0),
        ("true", "b", True),
        (r"'a\n\u00e9\''", "s", "a\né'"),
        ('"x"', "s", "x"),
        ("['a', 'b']", "as", ["a", "b"]),
        ("[1, uint64 2]", "at", [1, 2]),
        ("@as []", "as", []),
        ("@ay [1, 2]", "ay", [1, 2]),
        ("('a', 2)", "(si)", ("a", 2)),
        ("(1,)", "(i)", (1,)),
        ("[('/dev/null', 'rw')]", "a(ss)", [("/dev/null", "rw")]),
        ("{'a': <uint32 7>}", "a{sv}", [("a", ("u", 7))]),
        ("objectpath '/a/b'", "o", "/a/b"),
    ],
)
def test_a_value_has_its_type(text: str, signature: str, value: Any) -> None:
    assert parse(text) == (signature, value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a value is missing"),
        ("abc", "'abc' is not a value"),
        ("5 6", "'6' follows the value"),
        ("'a", "does not end"),
        ("uint64 -1", "not between"),
        ("3000000000", "not between"),
        ("uint32 1.5", "is not of the type u"),
        ("[]", "needs a type"),
        ("()", "no tuple without values"),
        ("['a', 1]", "1 is not of the type s"),
        ("[int32 1, uint32 2]", "in one array"),
        ("@maybe 1", "is not a type of D-Bus"),
        ("nothing", "'nothing' is not a value"),
        ("1e999", "'1e999' is not a value"),
        (r"'\u00'", "hexadecimal"),
        ("'\0'", "NUL"),
        ("objectpath 'a'", "not the path of an object"),
        ("[" * 40, "nested too deeply"),
        ("uint32 uint64 1", "followed by another type"),
        ("['a' 'b']", "',' is missing"),
    ],
)
def test_what_is_wrong_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text)
