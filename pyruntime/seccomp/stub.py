"""The prologue that answers ENOSYS to system calls which are newer than the profile. Pure.

Programs (libc above all) try a new system call and fall back on ENOSYS. A profile that answers EPERM to
all it doesn't list breaks them as soon as libc learns a call that the profile's author couldn't know.
The highest number among the calls that a profile names says what its author knew.

After `ld arch`, one block per AUDIT_ARCH, then the profile's own program:

    0   jeq   #AUDIT_ARCH            else: over this block
    1   ld    nr
    2   jge   #private               numbers that are no ordinary calls: to 4
    3   jgt   #highest               to 5, else 6
    4   jgt   #highest private       to 5, else 6
    5   ret   ERRNO | ENOSYS
    6   ja    the profile's program

Each block returns by itself: a conditional jump reaches 255 instructions, a `ja` any distance. The
kernel's bitmap of always-allowed calls (5.11) understands every instruction used here.
"""

from __future__ import annotations

import struct

from pyruntime.linux import flags
from pyruntime.seccomp import architectures

# linux/filter.h, linux/bpf_common.h
LD_W_ABS, JA, JEQ, JGT, JGE, RET = 0x20, 0x05, 0x15, 0x25, 0x35, 0x06
# struct seccomp_data
NR, ARCH = 0, 4

NEVER = 0xFFFFFFFF
"""No number is greater: such a comparison leaves the call to the profile."""

ENOSYS = 38
# Whoever is asked by these answers for unknown calls too: the kernel, a tracer, a listener. A tracer
# that emulates calls must be the one to see new ones.
_ASKS_OTHERS = (
    flags.SECCOMP_RET_ALLOW,
    flags.SECCOMP_RET_LOG,
    flags.SECCOMP_RET_TRACE,
    flags.SECCOMP_RET_USER_NOTIF,
)

Instruction = tuple[int, int, int, int]


def is_needed(default_action: int) -> bool:
    """Whether *default_action* would refuse an unknown call with anything but ENOSYS."""
    return (
        default_action & flags.SECCOMP_RET_ACTION_FULL not in _ASKS_OTHERS
        and default_action != flags.SECCOMP_RET_ERRNO | ENOSYS
    )


def prologue(highest: dict[str, int]) -> list[Instruction]:
    """The blocks for *highest*: the highest known number of each architecture (SCMP_ARCH_*)."""
    limits: dict[int, tuple[int, int, int]] = {}
    for name, number in highest.items():
        audit = architectures.audit_arch(name)
        private, low, high = limits.get(audit, (NEVER, NEVER, NEVER))
        if name == "SCMP_ARCH_X32":
            limits[audit] = (architectures.X32_BIT, low, number)
        else:
            limits[audit] = (architectures.private_from(name) or private, number, high)
    instructions: list[Instruction] = [(LD_W_ABS, 0, 0, ARCH)] if limits else []
    following = len(limits) * _BLOCK_LENGTH
    for audit, limit in limits.items():
        following -= _BLOCK_LENGTH
        instructions += _block(audit, *limit, following)
    return instructions


_BLOCK_LENGTH = 7


def _block(audit: int, private: int, low: int, high: int, following: int) -> list[Instruction]:
    return [
        (JEQ, 0, 6, audit),
        (LD_W_ABS, 0, 0, NR),
        (JGE, 1, 0, private),
        (JGT, 1, 2, low),
        (JGT, 0, 1, high),
        (RET, 0, 0, flags.SECCOMP_RET_ERRNO | ENOSYS),
        (JA, 0, 0, following),
    ]


def assemble(instructions: list[Instruction]) -> bytes:
    """*instructions* as an array of struct sock_filter."""
    return b"".join(struct.pack("=HBBI", *one) for one in instructions)
