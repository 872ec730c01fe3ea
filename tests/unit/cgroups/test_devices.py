"""The device rules: as lines for cgroup v1, as a program for cgroup v2.

`decision` is what the rules mean; both forms are compared with it, on a model of the kernel's v1 list and on an
interpreter for the few instructions that the program uses. tests/integration asks the kernel itself.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyruntime.cgroups.devices import (
    ALL,
    ANY,
    DEFAULT,
    MKNOD,
    READ,
    WRITE,
    Rule,
    lines,
    program,
    rules,
)
from pyruntime.errors import SpecError, Unsupported

Device = tuple[str, int, int]

DENY_ALL = {"allow": False, "access": "rwm"}
ALLOW_ALL = {"allow": True, "access": "rwm"}
FUSE = {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"}


def decision(given: list[Rule], device: Device, access: int) -> bool:
    """For each wanted access the last rule about it decides; all must be allowed."""
    kind, major, minor = device
    for bit in (MKNOD, READ, WRITE):
        if not access & bit:
            continue
        allowed = False
        for rule in [*given, *DEFAULT]:
            if rule.access & bit and rule.covers(Rule(True, kind, major, minor, bit)):
                allowed = rule.allow
        if not allowed:
            return False
    return True


def v1_decision(given: list[Rule], device: Device, access: int) -> bool:
    """As the kernel applies its list (security/device_cgroup.c): one default, and exceptions from it."""
    default = False
    exceptions: list[str] = []
    for file, line, _ in lines(given):
        if line == "a":
            default, exceptions = file == "devices.allow", []
        else:
            assert (file == "devices.allow") is not default
            exceptions.append(line)
    kind, major, minor = device
    for line in exceptions:
        line_kind, numbers, letters = line.split(" ")
        line_major, line_minor = numbers.split(":")
        bits = sum({"r": READ, "w": WRITE, "m": MKNOD}[letter] for letter in letters)
        same = line_kind == kind
        same &= line_major in ("*", str(major)) and line_minor in ("*", str(minor))
        # With a default of deny an exception must have all accesses, with one of allow any.
        if same and (bits & access if default else access & ~bits == 0):
            return not default
    return default


def v2_decision(code: bytes | None, device: Device, access: int, order: Any = "little") -> bool:
    """Run the program."""
    if code is None:
        return True
    kind, major, minor = device
    context = {0: access << 16 | {"b": 1, "c": 2}[kind], 4: major, 8: minor}
    register, at, steps = [0] * 11, 0, 0
    while True:
        steps += 1
        assert steps <= len(code) // 8, "a program without loops runs each instruction once at most"
        one = code[at * 8 : at * 8 + 8]
        high, low = one[1] >> 4, one[1] & 15
        dst, src = (high, low) if order == "big" else (low, high)
        offset = int.from_bytes(one[2:4], order, signed=True)
        imm = int.from_bytes(one[4:8], order, signed=True)
        at += 1
        match one[0]:
            case 0x61:
                register[dst] = context[offset]
            case 0xBC:
                register[dst] = register[src]
            case 0xB4:
                register[dst] = imm
            case 0x54:
                register[dst] &= imm & 0xFFFFFFFF
            case 0x74:
                register[dst] >>= imm
            case 0x55:
                at += offset if register[dst] != imm else 0
            case 0x45:
                at += offset if register[dst] & imm else 0
            case 0x05:
                at += offset
            case 0x95:
                return bool(register[0])
            case other:
                raise AssertionError(f"unknown instruction {other:#x}")


SMALL = st.sampled_from([ANY, 1, 3, 5, 10])
RULE = st.builds(
    Rule,
    st.booleans(),
    st.sampled_from(["a", "b", "c"]),
    SMALL,
    SMALL,
    st.integers(1, ALL),
    st.just("linux.resources.devices[0]"),
)
DEVICE = st.tuples(st.sampled_from(["b", "c"]), st.integers(0, 11), st.integers(0, 11))


@given(st.lists(RULE, max_size=8), DEVICE, st.integers(1, ALL), st.sampled_from(["little", "big"]))
def test_the_program_decides_as_the_rules_say(
    given_rules: list[Rule], device: Device, access: int, order: str
) -> None:
    code = program(given_rules, order)

    assert v2_decision(code, device, access, order) == decision(given_rules, device, access)


@given(st.lists(RULE, max_size=8), DEVICE, st.integers(1, ALL))
def test_the_list_of_v1_decides_as_the_rules_say_or_never_allows_more(
    given_rules: list[Rule], device: Device, access: int
) -> None:
    try:
        found = v1_decision(given_rules, device, access)
    except Unsupported:
        return

    wanted = decision(given_rules, device, access)
    if found != wanted:
        # v1 looks for one exception with all wanted accesses; the rules may allow them one by one.
        assert not found
        # Or a default rule would have made a hole in what is denied.
        assert access not in (MKNOD, READ, WRITE) or any(rule.is_all for rule in given_rules)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"allow": True}, "a *:* rwm"),
        ({"allow": True, "access": ""}, "a *:* rwm"),
        ({"allow": False, "type": "c", "major": 136, "minor": -1, "access": "wr"}, "c 136:* rw"),
        ({"allow": True, "type": "b", "minor": 0, "access": "m"}, "b *:0 m"),
    ],
)
def test_what_a_rule_leaves_out_means_all(entry: dict[str, Any], expected: str) -> None:
    assert rules([entry])[0].line() == expected


@pytest.mark.parametrize(
    ("entry", "pointer"),
    [
        ({"allow": True, "type": "p"}, "type"),
        ({"allow": True, "access": "rx"}, "access"),
        ({"allow": True, "major": -2}, "major"),
        ({"allow": True, "minor": 1 << 32}, "minor"),
    ],
)
def test_a_rule_that_is_none_is_refused(entry: dict[str, Any], pointer: str) -> None:
    with pytest.raises(SpecError) as caught:
        rules([DENY_ALL, entry])

    assert caught.value.pointer == f"/linux/resources/devices/1/{pointer}"


def test_without_rules_only_the_default_devices_are_allowed() -> None:
    assert lines([])[0] == ("devices.deny", "a", "linux.resources.devices")
    assert v1_decision([], ("c", 1, 3), READ | WRITE)
    assert v1_decision([], ("c", 136, 7), READ | WRITE)
    assert v1_decision([], ("b", 8, 0), MKNOD)
    assert not v1_decision([], ("b", 8, 0), READ)
    assert v2_decision(program([]), ("c", 5, 2), READ | WRITE)
    assert not v2_decision(program([]), ("b", 8, 0), READ)


def test_the_hosts_console_is_no_default_device() -> None:
    assert not decision([], ("c", 5, 1), READ)


def test_the_lines_of_v1_keep_the_order_of_the_configuration_before_the_default_rules() -> None:
    found = lines(rules([DENY_ALL, FUSE]))

    assert found[:2] == [
        ("devices.deny", "a", "linux.resources.devices"),
        ("devices.allow", "c 10:229 rw", "linux.resources.devices[1]"),
    ]
    assert len(found) == 2 + len(DEFAULT)


def test_everything_allowed_needs_one_line_and_no_program() -> None:
    assert lines(rules([ALLOW_ALL])) == [("devices.allow", "a", "linux.resources.devices")]
    assert lines(rules([DENY_ALL, FUSE, ALLOW_ALL])) == lines(rules([ALLOW_ALL]))
    assert program(rules([DENY_ALL, ALLOW_ALL, FUSE])) is None


def test_a_rule_takes_back_several_earlier_ones_at_once() -> None:
    deny_fuse_and_more = {"allow": False, "type": "c", "major": 10, "access": "w"}

    found = lines(rules([FUSE, deny_fuse_and_more]))

    assert ("devices.allow", "c 10:229 r", "linux.resources.devices[0]") in found


def test_a_type_of_all_with_numbers_does_not_allow_everything() -> None:
    # In v1 `a 10:229 rw` would.
    found = lines(rules([{"allow": True, "major": 10, "minor": 229, "access": "rw"}]))

    assert [line for _, line, _ in found[1:3]] == ["b 10:229 rw", "c 10:229 rw"]


def test_a_hole_in_a_wildcard_is_refused_by_v1_and_possible_in_v2() -> None:
    wide = {"allow": True, "type": "c", "major": 10, "access": "rw"}
    hole = {"allow": False, "type": "c", "major": 10, "minor": 229, "access": "rw"}
    given_rules = rules([wide, hole])

    with pytest.raises(Unsupported, match=r"devices\[1\].*deny `c 10:229 rw` out of `c 10:\* rw`"):
        lines(given_rules)
    assert not v2_decision(program(given_rules), ("c", 10, 229), READ)
    assert v2_decision(program(given_rules), ("c", 10, 228), READ)


def test_the_default_rules_leave_what_is_denied_out_of_everything() -> None:
    deny_memory = {"allow": False, "type": "c", "major": 1, "access": "rw"}

    found = lines(rules([ALLOW_ALL, deny_memory]))

    assert found == [
        ("devices.allow", "a", "linux.resources.devices"),
        ("devices.deny", "c 1:* rw", "linux.resources.devices[1]"),
    ]


def test_making_the_lines_does_not_change_the_default_rules() -> None:
    before = [repr(rule) for rule in DEFAULT]
    lines(rules([{"allow": True, "type": "c", "major": 1, "minor": 3, "access": "r"}]))
    lines(rules([ALLOW_ALL, {"allow": False, "type": "c", "access": "rw"}]))

    assert [repr(rule) for rule in DEFAULT] == before


def test_an_instruction_has_eight_bytes_in_the_order_of_the_machine() -> None:
    little, big = program([]), program([], "big")

    assert little is not None
    assert big is not None
    assert little[:8] == bytes([0x61, 0x12, 0, 0, 0, 0, 0, 0])
    assert big[:8] == bytes([0x61, 0x21, 0, 0, 0, 0, 0, 0])
    assert len(little) == len(big)
    assert len(little) % 8 == 0
