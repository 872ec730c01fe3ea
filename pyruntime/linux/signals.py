"""Signals by name, signal(7): the numbers of x86 and ARM, and of every architecture but alpha, mips,
parisc and sparc.

Not from the standard library's `signal`, whose import is `enum`'s: five milliseconds of every `kill`.
"""

from __future__ import annotations

from pyruntime.errors import UsageError

NUMBERS = {
    "HUP": 1,
    "INT": 2,
    "QUIT": 3,
    "ILL": 4,
    "TRAP": 5,
    "ABRT": 6,
    "IOT": 6,
    "BUS": 7,
    "FPE": 8,
    "KILL": 9,
    "USR1": 10,
    "SEGV": 11,
    "USR2": 12,
    "PIPE": 13,
    "ALRM": 14,
    "TERM": 15,
    "STKFLT": 16,
    "CHLD": 17,
    "CLD": 17,
    "CONT": 18,
    "STOP": 19,
    "TSTP": 20,
    "TTIN": 21,
    "TTOU": 22,
    "URG": 23,
    "XCPU": 24,
    "XFSZ": 25,
    "VTALRM": 26,
    "PROF": 27,
    "WINCH": 28,
    "IO": 29,
    "POLL": 29,
    "PWR": 30,
    "SYS": 31,
}

# The first two of the kernel's real-time signals (32, 33) belong to libc's threads: nptl(7).
RTMIN = 34
RTMAX = 64

SIGHUP = 1
SIGINT = 2
SIGQUIT = 3
SIGKILL = 9
SIGTERM = 15
SIGCHLD = 17
SIGCONT = 18
SIGSTOP = 19
SIGTSTP = 20
SIGURG = 23
SIGWINCH = 28


def number(text: str) -> int:
    """The signal that *text* means: "TERM", "SIGTERM", "sigterm", "15", "RTMIN+3"; 0 probes."""
    if text.isascii() and text.isdigit():
        value = int(text) if len(text) < 4 else RTMAX + 1
        if value <= RTMAX:
            return value
    found = _named(text.upper().removeprefix("SIG"))
    if found is None:
        # Engines and their tests match this text.
        raise UsageError(f'unknown signal "{text}"')
    return found


def name(signal: int) -> str:
    """The name of *signal*, "SIGTERM", "SIGRTMIN+3"; the number itself when it has none."""
    if RTMIN <= signal <= RTMAX:
        return f"SIGRTMIN+{signal - RTMIN}" if signal > RTMIN else "SIGRTMIN"
    return next((f"SIG{known}" for known, value in NUMBERS.items() if value == signal), str(signal))


def _named(name: str) -> int | None:
    base, sign = name[:5], name[5:6]
    if base not in ("RTMIN", "RTMAX"):
        return NUMBERS.get(name)
    if name == base:
        return RTMIN if base == "RTMIN" else RTMAX
    offset = name[6:]
    if sign != ("+" if base == "RTMIN" else "-") or len(offset) > 2:
        return None
    if not (offset.isascii() and offset.isdigit() and int(offset) <= RTMAX - RTMIN):
        return None
    return RTMIN + int(offset) if base == "RTMIN" else RTMAX - int(offset)
