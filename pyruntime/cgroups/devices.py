"""The device rules of a container: an ordered list, the last rule that matches decides, what none matches is denied.

cgroup v1 takes them as lines for devices.allow and devices.deny, cgroup v2 as a program. Pure.
"""

from __future__ import annotations

from pyruntime.errors import SpecError, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ANY = -1

# The kernel's bits (include/uapi/linux/bpf.h, BPF_DEVCG_ACC_*).
MKNOD, READ, WRITE = 1, 2, 4
ACCESS = {"m": MKNOD, "r": READ, "w": WRITE}
ALL = MKNOD | READ | WRITE

POINTER = "/linux/resources/devices"


class Rule:
    """Allow or deny *access* (bits) to the devices of *type* ("b", "c", or "a" for both) with these numbers."""

    __slots__ = ("access", "allow", "major", "minor", "origin", "type")

    def __init__(
        self, allow: bool, type: str, major: int, minor: int, access: int, origin: str = ""
    ) -> None:
        self.allow = allow
        self.type = type
        self.major = major
        self.minor = minor
        self.access = access
        self.origin = origin

    @property
    def is_all(self) -> bool:
        """Whether it decides about everything, so that no earlier rule matters."""
        return (self.type, self.major, self.minor, self.access) == ("a", ANY, ANY, ALL)

    def covers(self, other: Rule) -> bool:
        """Whether each device of *other*, which has a definite type, is one of this rule's."""
        return (
            self.type in ("a", other.type)
            and self.major in (ANY, other.major)
            and self.minor in (ANY, other.minor)
        )

    def overlaps(self, other: Rule) -> bool:
        """Whether some device and some access are of both rules."""
        return (
            (self.type == other.type or "a" in (self.type, other.type))
            and (self.major == other.major or ANY in (self.major, other.major))
            and (self.minor == other.minor or ANY in (self.minor, other.minor))
            and bool(self.access & other.access)
        )

    def __repr__(self) -> str:
        return f"<{'allow' if self.allow else 'deny'} {self.line()}>"

    def line(self) -> str:
        """As cgroup v1 writes it: `c 1:3 rwm`."""
        major, minor = ("*" if n == ANY else str(n) for n in (self.major, self.minor))
        access = "".join(letter for letter in "rwm" if ACCESS[letter] & self.access)
        return f"{self.type} {major}:{minor} {access}"


# After the configuration's own rules, in every container: without them the default devices that the
# specification promises could not be used. Not /dev/console (5:1), which is the *host's* console: the
# container's is a pseudo terminal (136:*).
DEFAULT = (
    Rule(True, "c", ANY, ANY, MKNOD),  # a node that cannot be opened harms nobody
    Rule(True, "b", ANY, ANY, MKNOD),
    Rule(True, "c", 1, 3, ALL),  # null
    Rule(True, "c", 1, 8, ALL),  # random
    Rule(True, "c", 1, 7, ALL),  # full
    Rule(True, "c", 5, 0, ALL),  # tty: the opener's own terminal
    Rule(True, "c", 1, 5, ALL),  # zero
    Rule(True, "c", 1, 9, ALL),  # urandom
    Rule(True, "c", 136, ANY, ALL),  # pts/*
    Rule(True, "c", 5, 2, ALL),  # ptmx
    # net/tun: belongs to the opener's network namespace, and needs CAP_NET_ADMIN there. VPN images
    # rely on it; runc and crun both removed it once and had to put it back.
    Rule(True, "c", 10, 200, ALL),
)


def rules(entries: list[dict[str, Any]]) -> list[Rule]:
    """`linux.resources.devices`, without the default rules."""
    return [_rule(entry, index) for index, entry in enumerate(entries)]


def _rule(entry: dict[str, Any], index: int) -> Rule:
    kind = entry.get("type") or "a"
    if kind not in ("a", "b", "c"):
        raise SpecError(f"{POINTER}/{index}/type", f"{kind!r} is not a, b or c")
    access = 0
    # Nothing given means all, as it does for the type and the numbers.
    for letter in entry.get("access") or "rwm":
        if letter not in ACCESS:
            raise SpecError(f"{POINTER}/{index}/access", f"{letter!r} is not r, w or m")
        access |= ACCESS[letter]
    numbers = []
    for name in ("major", "minor"):
        number = entry.get(name)
        number = ANY if number is None else number
        if not ANY <= number <= 0xFFFFFFFF:
            raise SpecError(f"{POINTER}/{index}/{name}", f"{number} is not the number of a device")
        numbers.append(number)
    origin = f"linux.resources.devices[{index}]"
    return Rule(bool(entry["allow"]), kind, numbers[0], numbers[1], access, origin)


def lines(given: list[Rule]) -> list[tuple[str, str, str]]:
    """(file, line, origin) for cgroup v1: the default of the cgroup, then the exceptions from it.

    The kernel keeps exactly that: one default, and a list of exceptions. Telling it the result of the rules,
    and not the rules one after the other, gives the same list, except that a rule which takes back several
    earlier ones at once does so (the kernel only takes back a rule that is spelled the same).
    """
    default_allow, exceptions = _exceptions(given)
    where = ("devices.allow", "devices.deny")
    origin = "linux.resources.devices"
    found = [(where[not default_allow], "a", origin)]
    found += [(where[default_allow], rule.line(), rule.origin or origin) for rule in exceptions]
    return found


def _exceptions(given: list[Rule]) -> tuple[bool, list[Rule]]:
    default_allow = False
    exceptions: list[Rule] = []
    for rule in [*given, *DEFAULT]:
        if rule.is_all:
            default_allow, exceptions = rule.allow, []
            continue
        for one in _typed(rule):
            if rule.allow != default_allow:
                _add(exceptions, one)
            else:
                _take_back(exceptions, one)
        exceptions = [rule for rule in exceptions if rule.access]
    return default_allow, exceptions


def _typed(rule: Rule) -> list[Rule]:
    # In v1 "a" stands for everything, whatever numbers and access follow it: so it is said with b and c.
    return [
        Rule(rule.allow, kind, rule.major, rule.minor, rule.access, rule.origin)
        for kind in (("b", "c") if rule.type == "a" else (rule.type,))
    ]


def _add(exceptions: list[Rule], new: Rule) -> None:
    for rule in exceptions:
        if (rule.type, rule.major, rule.minor) == (new.type, new.major, new.minor):
            rule.access |= new.access
            return
    exceptions.append(new)


def _take_back(exceptions: list[Rule], back: Rule) -> None:
    for rule in exceptions:
        if not rule.overlaps(back):
            continue
        if back.covers(rule):
            rule.access &= ~back.access
        elif back.origin:
            verb = "allow" if back.allow else "deny"
            raise Unsupported(
                f"{back.origin}: cgroup v1 cannot {verb} `{back.line()}` out of `{rule.line()}`"
                f" ({rule.origin or 'a default rule'})",
                hint="only cgroup v2 can make a hole in a wildcard",
            )
        # A default rule that would make a hole in what the configuration denies: it stays denied.


# The program of cgroup v2: BPF_PROG_TYPE_CGROUP_DEVICE, called with a struct bpf_cgroup_dev_ctx
# {u32 access_type (access << 16 | type), u32 major, u32 minor}; it returns 1 to allow, 0 to deny.
# Instructions by their names in Documentation/bpf/standardization/instruction-set.rst of the kernel.
LOAD_W = 0x61  # BPF_LDX | BPF_MEM | BPF_W
MOV32_X, MOV32_K = 0xBC, 0xB4
AND32_K, RSH32_K = 0x54, 0x74
JNE_K, JSET_K = 0x55, 0x45
JA, EXIT = 0x05, 0x95

BPF_TYPE = {"b": 1, "c": 2}
RESULT, CONTEXT, WANTED, TYPE, MAJOR, MINOR = 0, 1, 2, 3, 4, 5


def program(given: list[Rule], byteorder: str = "little") -> bytes | None:
    """The instructions that enforce the rules, None if everything is allowed.

    From the last rule to the first: a deny that has one of the wanted accesses ends it, an allow strikes
    its accesses off the wanted ones, and when none is left that ends it too.
    """
    default_allow, ordered = False, [*given, *DEFAULT]
    for index, rule in enumerate(given):
        if rule.is_all:
            default_allow, ordered = rule.allow, [*given[index + 1 :], *DEFAULT]
    if default_allow and all(rule.allow for rule in ordered):
        return None
    code = Code(byteorder)
    code.add(LOAD_W, WANTED, CONTEXT, 0)
    code.add(MOV32_X, TYPE, WANTED)
    code.add(AND32_K, TYPE, imm=0xFFFF)
    code.add(RSH32_K, WANTED, imm=16)
    code.add(LOAD_W, MAJOR, CONTEXT, 4)
    code.add(LOAD_W, MINOR, CONTEXT, 8)
    for rule in reversed(ordered):
        _decide(code, rule)
    code.leave(default_allow)
    return bytes(code.bytes)


def everything(byteorder: str = "little") -> bytes:
    """A program that allows everything, to take the place of another."""
    code = Code(byteorder)
    code.leave(allow=True)
    return bytes(code.bytes)


class Code:
    """Instructions, one `struct bpf_insn` of eight bytes each."""

    __slots__ = ("bytes", "order")

    def __init__(self, order: str) -> None:
        self.bytes = bytearray()
        self.order = order

    def add(self, opcode: int, dst: int = 0, src: int = 0, offset: int = 0, imm: int = 0) -> None:
        """One instruction; *offset* counts bytes for a load, instructions to skip for a jump."""
        big = self.order == "big"
        self.bytes.append(opcode)
        self.bytes.append(dst << 4 | src if big else src << 4 | dst)
        for number, size in ((offset, 2), (imm & 0xFFFFFFFF, 4)):
            self.bytes += number.to_bytes(size, "big" if big else "little")

    def leave(self, allow: bool) -> None:
        """Return the answer."""
        self.add(MOV32_K, RESULT, imm=int(allow))
        self.add(EXIT)


def _decide(code: Code, rule: Rule) -> None:
    tests = [(TYPE, BPF_TYPE[rule.type])] if rule.type != "a" else []
    tests += [(reg, n) for reg, n in ((MAJOR, rule.major), (MINOR, rule.minor)) if n != ANY]
    # Each test skips to the next rule: over the tests after it, and over the verdict.
    verdict = 2 if rule.access == ALL else 4
    for index, (register, number) in enumerate(tests):
        code.add(JNE_K, register, offset=len(tests) - 1 - index + verdict, imm=number)
    if rule.access != ALL:
        if rule.allow:
            code.add(AND32_K, WANTED, imm=ALL & ~rule.access)
            code.add(JNE_K, WANTED, offset=2, imm=0)
        else:
            code.add(JSET_K, WANTED, offset=1, imm=rule.access)
            code.add(JA, offset=2)
    code.leave(rule.allow)
