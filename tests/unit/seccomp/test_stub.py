"""The ENOSYS prologue by itself, in front of a program that only says that it was reached."""

from __future__ import annotations

import pytest

from pyruntime.linux import flags
from pyruntime.seccomp import architectures, stub
from unit.seccomp import bpf

REACHED = 0x12345678
ENOSYS = flags.SECCOMP_RET_ERRNO | 38
X86_64, X86, ARM = 0xC000003E, 0x40000003, 0x40000028


def decide(highest: dict[str, int], arch: int, number: int) -> int:
    # What follows is long: no jump of the prologue may depend on its length.
    program = [*stub.prologue(highest), *[(0x20, 0, 0, 0)] * 300, (0x06, 0, 0, REACHED)]
    return bpf.decide(bpf.disassemble(stub.assemble(program)), arch, number)


def test_only_what_is_newer_gets_enosys() -> None:
    highest = {"SCMP_ARCH_X86_64": 450, "SCMP_ARCH_X86": 440}

    assert decide(highest, X86_64, 450) == REACHED
    assert decide(highest, X86_64, 451) == ENOSYS
    assert decide(highest, X86, 440) == REACHED
    assert decide(highest, X86, 441) == ENOSYS


def test_architectures_without_a_limit_are_left_to_the_profile() -> None:
    assert decide({"SCMP_ARCH_X86_64": 450}, X86, 999) == REACHED
    assert decide({}, X86_64, 999) == REACHED


def test_x32_has_a_limit_of_its_own() -> None:
    highest = {"SCMP_ARCH_X86_64": 450, "SCMP_ARCH_X32": architectures.X32_BIT | 445}

    assert decide(highest, X86_64, 450) == REACHED
    assert decide(highest, X86_64, 451) == ENOSYS
    assert decide(highest, X86_64, architectures.X32_BIT | 445) == REACHED
    assert decide(highest, X86_64, architectures.X32_BIT | 446) == ENOSYS


@pytest.mark.parametrize("order", [1, -1], ids=["x86_64 first", "x32 first"])
def test_x32_may_stand_anywhere_in_the_list(order: int) -> None:
    pairs = [("SCMP_ARCH_X86_64", 450), ("SCMP_ARCH_X32", architectures.X32_BIT | 445)]

    highest = dict(pairs[::order])

    assert decide(highest, X86_64, 451) == ENOSYS
    assert decide(highest, X86_64, architectures.X32_BIT | 446) == ENOSYS


def test_x32_calls_are_left_to_a_profile_without_x32() -> None:
    assert decide({"SCMP_ARCH_X86_64": 450}, X86_64, architectures.X32_BIT | 999) == REACHED


def test_x32_alone_limits_no_ordinary_call() -> None:
    highest = {"SCMP_ARCH_X32": architectures.X32_BIT | 445}

    assert decide(highest, X86_64, 999) == REACHED
    assert decide(highest, X86_64, architectures.X32_BIT | 446) == ENOSYS


def test_arms_private_calls_are_left_to_the_profile() -> None:
    highest = {"SCMP_ARCH_ARM": 450}

    assert decide(highest, ARM, 451) == ENOSYS
    assert decide(highest, ARM, 0x0F0005) == REACHED


@pytest.mark.parametrize("arch", [X86_64, X86, ARM])
def test_a_call_that_a_tracer_took_away_is_left_to_the_profile(arch: int) -> None:
    highest = {"SCMP_ARCH_X86_64": 450, "SCMP_ARCH_X86": 440, "SCMP_ARCH_ARM": 450}

    assert decide(highest, arch, -1) == REACHED


def test_all_architectures_fit_in_one_prologue() -> None:
    names = list(architectures.TOKENS)
    highest = {name: 100 + i for i, name in enumerate(names) if name != "SCMP_ARCH_X32"}

    for name, limit in highest.items():
        arch = architectures.audit_arch(name)
        assert decide(highest, arch, limit) == REACHED
        assert decide(highest, arch, limit + 1) == ENOSYS


@pytest.mark.parametrize(
    ("action", "needed"),
    [
        (flags.SECCOMP_RET_KILL_PROCESS, True),
        (flags.SECCOMP_RET_KILL_THREAD, True),
        (flags.SECCOMP_RET_TRAP, True),
        (flags.SECCOMP_RET_ERRNO | 1, True),
        (flags.SECCOMP_RET_ERRNO | 38, False),
        (flags.SECCOMP_RET_TRACE | 1, False),
        (flags.SECCOMP_RET_TRACE | 38, False),
        (flags.SECCOMP_RET_USER_NOTIF, False),
        (flags.SECCOMP_RET_LOG, False),
        (flags.SECCOMP_RET_ALLOW, False),
    ],
)
def test_a_stub_stands_where_the_default_would_refuse(action: int, *, needed: bool) -> None:
    assert stub.is_needed(action) == needed
