"""What a profile decides, evaluated call by call in Python: the second opinion on what was compiled."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from pyruntime.linux import flags
from pyruntime.seccomp import architectures, stub
from pyruntime.seccomp.rules import Comparison, Profile, Rule

COMPARE: dict[str, Callable[[int, int, int], bool]] = {
    "SCMP_CMP_NE": lambda argument, value, _: argument != value,
    "SCMP_CMP_LT": lambda argument, value, _: argument < value,
    "SCMP_CMP_LE": lambda argument, value, _: argument <= value,
    "SCMP_CMP_EQ": lambda argument, value, _: argument == value,
    "SCMP_CMP_GE": lambda argument, value, _: argument >= value,
    "SCMP_CMP_GT": lambda argument, value, _: argument > value,
    "SCMP_CMP_MASKED_EQ": lambda argument, value, two: argument & value == two,
}

BAD_ARCHITECTURE = flags.SECCOMP_RET_KILL_THREAD
"""What libseccomp answers to an architecture that a filter doesn't have."""


def syscall_name(architecture: str, number: int) -> str | None:
    library = ctypes.CDLL("libseccomp.so.2")
    resolve = library.seccomp_syscall_resolve_num_arch
    resolve.restype = ctypes.c_char_p
    name = resolve(ctypes.c_uint32(architectures.TOKENS[architecture]), ctypes.c_int(number))
    return name.decode() if name else None


class Oracle:
    def __init__(self, profile: Profile, highest: dict[str, int]) -> None:
        self.profile = profile
        self.highest = highest
        self.rules: dict[str, list[Rule]] = {}
        for rule in profile.rules:
            self.rules.setdefault(rule.name, []).append(rule)

    def decide(self, architecture: str, number: int, args: list[int]) -> int:
        if self._is_newer(architecture, number):
            return flags.SECCOMP_RET_ERRNO | stub.ENOSYS
        for rule in self.rules.get(syscall_name(architecture, number) or "", []):
            if all(holds(one, args) for one in rule.comparisons):
                return rule.action
        return self.profile.default_action

    def _is_newer(self, architecture: str, number: int) -> bool:
        if architecture not in self.highest or not stub.is_needed(self.profile.default_action):
            return False
        return number > self.highest[architecture]

    def arguments_for(self, name: str | None) -> list[list[int]]:
        """Argument lists around every value that the rules for *name* compare with."""
        lists = [[0] * 6]
        for rule in self.rules.get(name or "", []):
            matching = [0] * 6
            for one in rule.comparisons:
                matching[one.index] = near(one)[0]
            for one in rule.comparisons:
                lists += [
                    _with(base, one.index, v) for base in ([0] * 6, matching) for v in near(one)
                ]
        return lists


def holds(one: Comparison, args: list[int]) -> bool:
    return COMPARE[one.operator](args[one.index], one.value, one.value_two)


def near(one: Comparison) -> list[int]:
    """Values below, at and above the one compared with, in both halves of an argument."""
    at = one.value_two if one.operator == "SCMP_CMP_MASKED_EQ" else one.value
    candidates = [at, at - 1, at + 1, at ^ 1 << 32, at ^ 1 << 63, at | one.value, 0, 2**64 - 1]
    return [value for value in candidates if 0 <= value < 2**64]


def _with(values: list[int], index: int, value: int) -> list[int]:
    return [*values[:index], value, *values[index + 1 :]]
