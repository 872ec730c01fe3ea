"""A profile (linux.seccomp of config.json) as a checked list of rules. Pure: knows no system call's number."""

from __future__ import annotations

from pyruntime.errors import SpecError
from pyruntime.linux import flags
from pyruntime.seccomp import architectures
from pyruntime.seccomp.filter import POINTER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ACTIONS = {
    "SCMP_ACT_KILL": flags.SECCOMP_RET_KILL_THREAD,
    "SCMP_ACT_KILL_THREAD": flags.SECCOMP_RET_KILL_THREAD,
    "SCMP_ACT_KILL_PROCESS": flags.SECCOMP_RET_KILL_PROCESS,
    "SCMP_ACT_TRAP": flags.SECCOMP_RET_TRAP,
    "SCMP_ACT_ERRNO": flags.SECCOMP_RET_ERRNO,
    "SCMP_ACT_TRACE": flags.SECCOMP_RET_TRACE,
    "SCMP_ACT_ALLOW": flags.SECCOMP_RET_ALLOW,
    "SCMP_ACT_LOG": flags.SECCOMP_RET_LOG,
    "SCMP_ACT_NOTIFY": flags.SECCOMP_RET_USER_NOTIF,
}

# Actions with a number beside them, and the largest that means something: the kernel cuts an errno
# to MAX_ERRNO, and hands a tracer 16 bits. seccomp(2).
LARGEST_ERRNO = {"SCMP_ACT_ERRNO": 4095, "SCMP_ACT_TRACE": 0xFFFF}
EPERM = 1

#   name                  libseccomp's enum scmp_compare
OPERATORS = {
    "SCMP_CMP_NE": 1,
    "SCMP_CMP_LT": 2,
    "SCMP_CMP_LE": 3,
    "SCMP_CMP_EQ": 4,
    "SCMP_CMP_GE": 5,
    "SCMP_CMP_GT": 6,
    "SCMP_CMP_MASKED_EQ": 7,
}

FLAGS = {
    "SECCOMP_FILTER_FLAG_TSYNC": flags.SECCOMP_FILTER_FLAG_TSYNC,
    "SECCOMP_FILTER_FLAG_LOG": flags.SECCOMP_FILTER_FLAG_LOG,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": flags.SECCOMP_FILTER_FLAG_SPEC_ALLOW,
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": flags.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
}


class Comparison:
    """One condition on an argument. For MASKED_EQ: `argument & value == value_two`."""

    __slots__ = ("index", "operator", "value", "value_two")

    def __init__(self, index: int, operator: str, value: int, value_two: int) -> None:
        self.index = index
        self.operator = operator
        self.value = value
        self.value_two = value_two


class Rule:
    """*action* for the system call *name* when all *comparisons* hold."""

    __slots__ = ("action", "comparisons", "name", "pointer")

    def __init__(
        self, name: str, action: int, comparisons: tuple[Comparison, ...], pointer: str
    ) -> None:
        self.name = name
        self.action = action
        self.comparisons = comparisons
        self.pointer = pointer


class Profile:
    """What a profile says, checked: actions as the kernel's return values, architectures by name."""

    __slots__ = ("architectures", "default_action", "flags", "notify", "rules")

    def __init__(
        self,
        default_action: int,
        names: tuple[str, ...],
        rules: list[Rule],
        filter_flags: int | None,
    ) -> None:
        self.default_action = default_action
        self.architectures = names
        self.rules = rules
        self.flags = filter_flags
        """None: the profile doesn't say."""
        self.notify = flags.SECCOMP_RET_USER_NOTIF in {default_action, *(r.action for r in rules)}


def read(profile: dict[str, Any]) -> Profile:
    """Check *profile* and give its rules; raises SpecError with a pointer to the first fault."""
    _object(profile, POINTER)
    if profile.get("defaultAction") is None:
        raise SpecError(f"{POINTER}/defaultAction", "missing")
    default = _action(profile, "defaultAction", "defaultErrnoRet", POINTER)
    rules: list[Rule] = []
    for i, entry in enumerate(_list(profile, "syscalls", POINTER)):
        rules += _rules_of(entry, f"{POINTER}/syscalls/{i}")
    return Profile(default, _architectures(profile), rules, _flags(profile))


def _architectures(profile: dict[str, Any]) -> tuple[str, ...]:
    names = _list(profile, "architectures", POINTER)
    for i, name in enumerate(names):
        _one_of(architectures.TOKENS, name, "architecture", f"{POINTER}/architectures/{i}")
    return tuple(dict.fromkeys(names))


def _flags(profile: dict[str, Any]) -> int | None:
    if profile.get("flags") is None:
        return None
    total = 0
    for i, name in enumerate(_list(profile, "flags", POINTER)):
        total |= _one_of(FLAGS, name, "flag", f"{POINTER}/flags/{i}")
    return total


def _rules_of(entry: dict[str, Any], pointer: str) -> list[Rule]:
    _object(entry, pointer)
    names = _list(entry, "names", pointer)
    if not names:
        raise SpecError(f"{pointer}/names", "empty: at least one system call is needed")
    for i, name in enumerate(names):
        if not isinstance(name, str):
            raise SpecError(f"{pointer}/names/{i}", "not a string")
    if entry.get("action") is None:
        raise SpecError(f"{pointer}/action", "missing")
    action = _action(entry, "action", "errnoRet", pointer)
    alternatives = _alternatives(entry, pointer)
    return [Rule(name, action, one, pointer) for name in names for one in alternatives]


def _alternatives(entry: dict[str, Any], pointer: str) -> list[tuple[Comparison, ...]]:
    """The sets of comparisons of which one must hold.

    They all must, except that two on the same argument make every one of *args* a rule of its own:
    profiles written for runc and libseccomp rely on that reading.
    """
    args = _list(entry, "args", pointer)
    found = tuple(_comparison(arg, f"{pointer}/args/{i}") for i, arg in enumerate(args))
    if len({one.index for one in found}) < len(found):
        return [(one,) for one in found]
    return [found]


def _comparison(arg: dict[str, Any], pointer: str) -> Comparison:
    _object(arg, pointer)
    operator = arg.get("op")
    _one_of(OPERATORS, operator, "operator", f"{pointer}/op")
    return Comparison(
        _integer(arg, "index", 5, pointer),
        str(operator),
        _integer(arg, "value", 2**64 - 1, pointer),
        0 if arg.get("valueTwo") is None else _integer(arg, "valueTwo", 2**64 - 1, pointer),
    )


def _action(holder: dict[str, Any], name: str, errno_name: str, pointer: str) -> int:
    text = holder[name]
    action = _one_of(ACTIONS, text, "action", f"{pointer}/{name}")
    largest = LARGEST_ERRNO.get(text)
    if holder.get(errno_name) is None:
        return action if largest is None else action | EPERM
    if largest is None:
        raise SpecError(f"{pointer}/{errno_name}", f"{text} takes no errno")
    return action | _integer(holder, errno_name, largest, pointer)


def _one_of(table: dict[str, int], value: object, what: str, pointer: str) -> int:
    if not isinstance(value, str):
        raise SpecError(pointer, "missing" if value is None else "not a string")
    if value not in table:
        raise SpecError(pointer, f'unknown {what} "{value}"')
    return table[value]


def _integer(holder: dict[str, Any], name: str, largest: int, pointer: str) -> int:
    value = holder.get(name)
    if value is None:
        raise SpecError(f"{pointer}/{name}", "missing")
    if type(value) is not int or not 0 <= value <= largest:
        raise SpecError(f"{pointer}/{name}", f"{value!r} is not an integer from 0 to {largest}")
    return value


def _list(holder: dict[str, Any], name: str, pointer: str) -> list[Any]:
    value = holder.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise SpecError(f"{pointer}/{name}", "not an array")
    return value


def _object(value: object, pointer: str) -> None:
    if not isinstance(value, dict):
        raise SpecError(pointer, "not an object")
