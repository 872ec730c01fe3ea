"""Compiled profiles against the rules they came from: an interpreter asks the program about every call."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from pyruntime.errors import Error, SpecError, Unsupported
from pyruntime.linux import flags
from pyruntime.seccomp import architectures, compile, libseccomp, rules
from unit.seccomp import bpf
from unit.seccomp.oracle import BAD_ARCHITECTURE, Oracle, syscall_name
from unit.seccomp.profiles import argument, docker_like, podman_default, rule, simple

MACHINE = os.uname().machine
NATIVE = architectures.NATIVE[MACHINE]
ARCH = architectures.audit_arch(NATIVE)
ALLOW, ERRNO = flags.SECCOMP_RET_ALLOW, flags.SECCOMP_RET_ERRNO

only_x86_64 = pytest.mark.skipif(MACHINE != "x86_64", reason="requires x86_64")


def compiled(profile: dict[str, Any]) -> bpf.Program:
    return bpf.disassemble(compile.compile_profile(rules.read(profile)).bpf)


def numbers(architecture: str) -> Iterable[int]:
    first = architectures.X32_BIT if architecture == "SCMP_ARCH_X32" else 0
    return range(first, first + 700)


def native(name: str) -> int:
    number = libseccomp.number_on(architectures.TOKENS[NATIVE], name)
    assert number is not None
    return number


@pytest.mark.parametrize("make", [podman_default, docker_like], ids=["podman", "docker"])
def test_an_engines_profile_decides_as_its_rules_say(make: Callable[[], dict[str, Any]]) -> None:
    profile = rules.read(make())
    program = compiled(make())
    oracle = Oracle(profile, compile.highest_numbers(profile))

    assert set(oracle.highest) == set(profile.architectures)
    for name in profile.architectures:
        arch = architectures.audit_arch(name)
        # libseccomp takes x32's registers for 32 bits wide.
        narrow = name in ("SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_ARM")
        for number in numbers(name):
            call = syscall_name(name, number)
            for args in oracle.arguments_for(call):
                if narrow and max(args) >= 2**32:
                    continue
                expected = oracle.decide(name, number, args)
                decided = bpf.decide(program, arch, number, *args)
                assert hex(decided) == hex(expected), (name, call, number, args)


@pytest.mark.parametrize("operator", ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"])
@pytest.mark.parametrize("value", [0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 2**32, 2**32 + 5, 2**64 - 1])
def test_every_operator_compares_all_64_bits(operator: str, value: int) -> None:
    value_two = value & 0x0FFFFFFF0 if operator == "MASKED_EQ" else 0
    args = [argument(2, operator, value, value_two)]
    given = simple("SCMP_ACT_ALLOW", rule("read", args=args))
    oracle = Oracle(rules.read(given), {})

    program = compiled(given)

    for values in oracle.arguments_for("read"):
        expected = oracle.decide(NATIVE, native("read"), values)
        assert bpf.decide(program, ARCH, native("read"), *values) == expected, values


def test_alternatives_on_one_argument_each_suffice() -> None:
    args = [argument(0, "EQ", 1), argument(1, "EQ", 2), argument(0, "EQ", 3)]

    program = compiled(simple("SCMP_ACT_ALLOW", rule("read", args=args)))

    for values, refused in (((1, 0), True), ((3, 9), True), ((0, 2), True), ((0, 0), False)):
        decided = bpf.decide(program, ARCH, native("read"), *values)
        assert decided == (ERRNO | 1 if refused else ALLOW)


def test_conditions_on_several_arguments_must_all_hold() -> None:
    args = [argument(0, "EQ", 1), argument(1, "EQ", 2)]

    program = compiled(simple("SCMP_ACT_ALLOW", rule("read", args=args)))

    assert bpf.decide(program, ARCH, native("read"), 1, 2) == ERRNO | 1
    assert bpf.decide(program, ARCH, native("read"), 1, 3) == ALLOW
    assert bpf.decide(program, ARCH, native("read"), 0, 2) == ALLOW


@pytest.mark.parametrize("default", rules.ACTIONS)
@pytest.mark.parametrize("action", rules.ACTIONS)
def test_every_pair_of_actions_compiles(default: str, action: str) -> None:
    profile = rules.read(
        simple(default, rule("read", action=action), rule("write", action=default))
    )

    program = bpf.disassemble(compile.compile_profile(profile).bpf)

    assert bpf.decide(program, ARCH, native("read")) == profile.rules[0].action
    assert bpf.decide(program, ARCH, native("write")) == profile.default_action
    assert bpf.decide(program, ARCH, 0) in (profile.rules[0].action, profile.default_action)


def test_names_that_nobody_knows_are_skipped() -> None:
    named = rule("read", "no_such_call", "breakpoint", "_llseek", action="SCMP_ACT_ALLOW")
    given = simple("SCMP_ACT_ERRNO", named)

    program = compiled(given)

    assert bpf.decide(program, ARCH, native("read")) == ALLOW
    assert compile.unknown_names(rules.read(given)) == ["no_such_call"]


@pytest.mark.parametrize("default", ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG"])
def test_a_name_that_nobody_knows_is_refused_where_it_would_stay_allowed(default: str) -> None:
    with pytest.raises(Unsupported, match=r'"no_such_call", so it would stay allowed$'):
        compiled(simple(default, rule("read", "no_such_call", "breakpoint")))

    compiled(simple(default, rule("no_such_call", action="SCMP_ACT_ALLOW")))


def test_newer_calls_get_enosys_where_others_get_eperm() -> None:
    program = compiled(simple("SCMP_ACT_ERRNO", rule("openat2", action="SCMP_ACT_ALLOW")))

    openat2 = native("openat2")
    assert bpf.decide(program, ARCH, openat2) == ALLOW
    assert bpf.decide(program, ARCH, openat2 - 1) == ERRNO | errno.EPERM
    assert bpf.decide(program, ARCH, openat2 + 1) == ERRNO | errno.ENOSYS


def test_a_call_that_repeats_the_default_still_counts_as_known() -> None:
    program = compiled(simple("SCMP_ACT_ERRNO", rule("openat2")))

    assert bpf.decide(program, ARCH, native("openat2")) == ERRNO | errno.EPERM
    assert bpf.decide(program, ARCH, native("openat2") + 1) == ERRNO | errno.ENOSYS


def test_a_profile_that_names_nothing_is_taken_as_it_is() -> None:
    program = compiled(simple("SCMP_ACT_ERRNO"))

    assert bpf.decide(program, ARCH, 999) == ERRNO | errno.EPERM


def test_other_architectures_are_killed_unless_listed() -> None:
    program = compiled(simple("SCMP_ACT_ALLOW", rule("read")))

    for name in set(architectures.TOKENS) - {NATIVE, "SCMP_ARCH_X32"}:
        assert bpf.decide(program, architectures.audit_arch(name), 0) == BAD_ARCHITECTURE


@only_x86_64
def test_x32_is_killed_unless_listed() -> None:
    read = architectures.X32_BIT
    without = simple("SCMP_ACT_ERRNO", rule("read", action="SCMP_ACT_ALLOW"))

    assert bpf.decide(compiled(without), ARCH, read) == BAD_ARCHITECTURE
    with_x32 = {**without, "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32"]}
    assert bpf.decide(compiled(with_x32), ARCH, read) == ALLOW


@only_x86_64
def test_a_profile_for_x86_alone_still_knows_the_native_architecture() -> None:
    program = compiled(simple("SCMP_ACT_ALLOW", rule("read"), architectures=["SCMP_ARCH_X86"]))

    assert bpf.decide(program, ARCH, native("read")) == ERRNO | 1
    assert bpf.decide(program, architectures.TOKENS["SCMP_ARCH_X86"], 3) == ERRNO | 1


def test_a_long_profile_is_searched_as_a_tree() -> None:
    watch = bpf.Stopwatch()
    program = compiled(podman_default())

    worst = 0
    for number in range(450):
        bpf.decide(program, ARCH, number, watch=watch)
        worst = max(worst, watch.instructions)

    assert len(program) > 1000
    assert worst < 60


def test_a_program_longer_than_the_kernel_takes_is_refused() -> None:
    args = [argument(0, "EQ", 2**32 * n + n) for n in range(1, 2500)]

    with pytest.raises(Unsupported, match=r"/linux/seccomp: \d+ BPF instructions; the kernel"):
        compile.compile_profile(rules.read(simple("SCMP_ACT_ALLOW", rule("read", args=args))))


def test_an_architecture_that_libseccomp_lacks_is_named() -> None:
    if libseccomp.version() >= (2, 6, 0):
        pytest.skip("requires libseccomp before 2.6")

    with pytest.raises(Unsupported) as caught:
        compiled(simple(architectures=[NATIVE, "SCMP_ARCH_LOONGARCH64"]))

    version = ".".join(map(str, libseccomp.version()))
    assert str(caught.value) == (
        f"/linux/seccomp/architectures/1: libseccomp {version} does not know SCMP_ARCH_LOONGARCH64"
    )


def test_an_architecture_of_the_other_byte_order_is_refused() -> None:
    with pytest.raises(SpecError, match="/architectures/0: SCMP_ARCH_S390X has another byte order"):
        compiled(simple(architectures=["SCMP_ARCH_S390X"]))


def test_rules_that_contradict_each_other_are_refused() -> None:
    args = [argument(0, "EQ", 1)]
    profile = simple("SCMP_ACT_ALLOW", rule("read", args=args), rule("read", args=args, errnoRet=2))

    with pytest.raises(Error, match="/linux/seccomp/syscalls/1: "):
        compiled(profile)


def test_a_rule_without_conditions_wins_wherever_it_stands() -> None:
    general = rule("read", errnoRet=1)
    special = rule("read", errnoRet=2, args=[argument(0, "EQ", 1)])

    for given in ([general, special], [special, general], [general, rule("read", errnoRet=2)]):
        program = compiled(simple("SCMP_ACT_ALLOW", *given))
        assert [bpf.decide(program, ARCH, native("read"), n) for n in (0, 1)] == [ERRNO | 1] * 2


def test_the_same_rule_twice_is_no_contradiction() -> None:
    args = [argument(0, "EQ", 1)]

    program = compiled(simple("SCMP_ACT_ALLOW", rule("read", args=args), rule("read", args=args)))

    assert bpf.decide(program, ARCH, native("read"), 1) == ERRNO | 1


def required_and_optional(*names: str, notify: bool = False) -> tuple[int, int]:
    action = "SCMP_ACT_NOTIFY" if notify else "SCMP_ACT_ERRNO"
    given = [f"SECCOMP_FILTER_FLAG_{name}" for name in names]
    profile = simple("SCMP_ACT_ALLOW", rule("read", action=action), flags=given if names else None)
    return compile.filter_flags(rules.read(profile))


def test_without_flags_speculation_is_allowed_where_that_exists() -> None:
    assert required_and_optional() == (0, flags.SECCOMP_FILTER_FLAG_SPEC_ALLOW)
    assert compile.filter_flags(rules.read(simple(flags=[]))) == (0, 0)


def test_flags_of_the_profile_are_required() -> None:
    assert required_and_optional("LOG", "SPEC_ALLOW") == (2 | 4, 0)


def test_a_listener_brings_its_flags() -> None:
    listener = flags.SECCOMP_FILTER_FLAG_NEW_LISTENER

    assert required_and_optional(notify=True)[0] == listener
    assert required_and_optional("WAIT_KILLABLE_RECV", notify=True) == (listener | 32, 0)
    assert required_and_optional("WAIT_KILLABLE_RECV") == (0, 0)
    assert required_and_optional("TSYNC", notify=True) == (listener | 1 | 16, 0)


def test_tokens_are_libseccomps() -> None:
    ffi, lib = libseccomp._open()
    assert ffi
    found = {
        name: lib.seccomp_arch_resolve_name(name.removeprefix("SCMP_ARCH_").lower().encode())
        for name in architectures.TOKENS
    }

    known = {name: token for name, token in found.items() if token}
    assert len(known) >= 19
    assert known == {name: architectures.TOKENS[name] for name in known}
