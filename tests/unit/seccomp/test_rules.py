"""What a profile means, and the faults that are found in one."""

from __future__ import annotations

from typing import Any

import pytest

from pyruntime.errors import SpecError
from pyruntime.linux import flags
from pyruntime.seccomp import architectures, rules
from unit.seccomp.profiles import argument, docker_like, podman_default, rule, simple


def actions(profile: dict[str, Any]) -> list[int]:
    return [one.action for one in rules.read(profile).rules]


@pytest.mark.parametrize("action", rules.ACTIONS)
def test_every_action_of_the_specification_is_known(action: str) -> None:
    profile = rules.read(simple(action, rule("read", action=action)))

    assert profile.default_action == profile.rules[0].action
    assert profile.default_action & flags.SECCOMP_RET_ACTION_FULL == rules.ACTIONS[action]


def test_an_errno_is_eperm_unless_given() -> None:
    assert actions(simple("SCMP_ACT_ALLOW", rule("read"), rule("write", errnoRet=0))) == [
        flags.SECCOMP_RET_ERRNO | 1,
        flags.SECCOMP_RET_ERRNO,
    ]
    assert rules.read(simple("SCMP_ACT_TRACE")).default_action == flags.SECCOMP_RET_TRACE | 1
    assert (
        rules.read(simple("SCMP_ACT_ERRNO", defaultErrnoRet=38)).default_action
        == flags.SECCOMP_RET_ERRNO | 38
    )


def test_an_entry_is_a_rule_for_each_name() -> None:
    found = rules.read(simple("SCMP_ACT_ALLOW", rule("read", "write"))).rules

    assert [one.name for one in found] == ["read", "write"]


def test_conditions_on_different_arguments_must_all_hold() -> None:
    args = [argument(0, "EQ", 1), argument(1, "NE", 2)]

    found = rules.read(simple("SCMP_ACT_ALLOW", rule("read", args=args))).rules

    assert [[one.index for one in each.comparisons] for each in found] == [[0, 1]]


def test_conditions_on_the_same_argument_are_alternatives() -> None:
    args = [argument(0, "EQ", 1), argument(1, "NE", 2), argument(0, "EQ", 3)]

    found = rules.read(simple("SCMP_ACT_ALLOW", rule("read", args=args))).rules

    assert [[one.index for one in each.comparisons] for each in found] == [[0], [1], [0]]


def test_absent_and_null_are_the_same() -> None:
    profile = simple("SCMP_ACT_ALLOW", rule("read", args=None, errnoRet=None))
    profile |= {"architectures": None, "flags": None, "defaultErrnoRet": None}

    read = rules.read(profile)

    assert (read.architectures, read.flags, len(read.rules)) == ((), None, 1)


def test_no_flags_given_is_not_an_empty_list() -> None:
    assert rules.read(simple(flags=[])).flags == 0
    assert rules.read(simple()).flags is None
    assert rules.read(simple(flags=["SECCOMP_FILTER_FLAG_LOG"])).flags == 2


def test_unknown_properties_are_ignored() -> None:
    assert rules.read(simple("SCMP_ACT_ALLOW", rule("read", comment="x"), extra=1)).rules


def test_notify_is_seen_in_the_default_and_in_rules() -> None:
    assert rules.read(simple("SCMP_ACT_NOTIFY")).notify
    assert rules.read(simple("SCMP_ACT_ALLOW", rule("read", action="SCMP_ACT_NOTIFY"))).notify
    assert not rules.read(simple("SCMP_ACT_ALLOW", rule("read"))).notify


def test_the_default_profiles_of_the_engines_are_read() -> None:
    for profile in (podman_default(), docker_like()):
        assert len(rules.read(profile).rules) > 300


def test_all_architectures_of_the_specification_are_known() -> None:
    names = list(architectures.TOKENS)

    assert len(names) == len(set(architectures.TOKENS.values())) == 23
    assert rules.read(simple(architectures=[*names, names[0]])).architectures == tuple(names)


ONE = "/linux/seccomp/syscalls/0"


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ([], "/linux/seccomp: not an object"),
        ({}, "/linux/seccomp/defaultAction: missing"),
        (simple("ALLOW"), '/linux/seccomp/defaultAction: unknown action "ALLOW"'),
        ({"defaultAction": 1}, "/linux/seccomp/defaultAction: not a string"),
        (
            simple(defaultErrnoRet=1),
            "/linux/seccomp/defaultErrnoRet: SCMP_ACT_ALLOW takes no errno",
        ),
        (
            simple("SCMP_ACT_ERRNO", defaultErrnoRet=4096),
            "/linux/seccomp/defaultErrnoRet: 4096 is not an integer from 0 to 4095",
        ),
        (
            simple(architectures=["SCMP_ARCH_X86_64", "SCMP_ARCH_VAX"]),
            '/linux/seccomp/architectures/1: unknown architecture "SCMP_ARCH_VAX"',
        ),
        (simple(architectures="x86"), "/linux/seccomp/architectures: not an array"),
        (
            simple(flags=["SECCOMP_FILTER_FLAG_NEW_LISTENER"]),
            '/linux/seccomp/flags/0: unknown flag "SECCOMP_FILTER_FLAG_NEW_LISTENER"',
        ),
        ({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": {}}, "/linux/seccomp/syscalls: not an"),
        ({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": ["x"]}, f"{ONE}: not an object"),
        (simple("SCMP_ACT_ALLOW", rule()), f"{ONE}/names: empty"),
        (simple("SCMP_ACT_ALLOW", {"action": "SCMP_ACT_LOG"}), f"{ONE}/names: empty"),
        (
            simple("SCMP_ACT_ALLOW", {"names": ["read", 7], "action": "SCMP_ACT_LOG"}),
            f"{ONE}/names/1: not a string",
        ),
        (simple("SCMP_ACT_ALLOW", {"names": ["read"]}), f"{ONE}/action: missing"),
        (
            simple("SCMP_ACT_ALLOW", rule("read", action="SCMP_ACT_KILL", errnoRet=1)),
            f"{ONE}/errnoRet: SCMP_ACT_KILL takes no errno",
        ),
        (
            simple("SCMP_ACT_ALLOW", rule("read", errnoRet=True)),
            f"{ONE}/errnoRet: True is not an integer",
        ),
        (simple("SCMP_ACT_ALLOW", rule("read", args=[1])), f"{ONE}/args/0: not an object"),
        (
            simple("SCMP_ACT_ALLOW", rule("read", args=[argument(6, "EQ", 0)])),
            f"{ONE}/args/0/index: 6 is not an integer from 0 to 5",
        ),
        (
            simple("SCMP_ACT_ALLOW", rule("read", args=[argument(0, "EQ", 2**64)])),
            f"{ONE}/args/0/value: 18446744073709551616 is not an integer",
        ),
        (
            simple("SCMP_ACT_ALLOW", rule("read", args=[argument(0, "EQ", 0, -1)])),
            f"{ONE}/args/0/valueTwo: -1 is not an integer",
        ),
        (
            simple("SCMP_ACT_ALLOW", rule("read", args=[argument(0, "LIKE", 0)])),
            f'{ONE}/args/0/op: unknown operator "SCMP_CMP_LIKE"',
        ),
        (
            simple("SCMP_ACT_ALLOW", rule("read", args=[{"index": 0, "value": 0}])),
            f"{ONE}/args/0/op: missing",
        ),
        (
            simple("SCMP_ACT_ALLOW", rule("read", args=[{"index": 0, "op": "SCMP_CMP_EQ"}])),
            f"{ONE}/args/0/value: missing",
        ),
    ],
)
def test_a_fault_is_named_with_its_place(profile: Any, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        rules.read(profile)

    assert str(caught.value).startswith(message)
    assert str(caught.value).startswith(f"{caught.value.pointer}: ")
