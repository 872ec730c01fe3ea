"""An interpreter of classic BPF as seccomp(2) uses it, to ask a program what it decides."""

from __future__ import annotations

import struct

Program = list[tuple[int, int, int, int]]


def disassemble(program: bytes) -> Program:
    return list(struct.iter_unpack("=HBBI", program))


class Stopwatch:
    """How many instructions the last decision took."""

    instructions = 0


def decide(
    program: Program, arch: int, number: int, *args: int, watch: Stopwatch | None = None
) -> int:
    """What *program* returns for the call *number* with *args*."""
    values = [*args, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("=IIQ6Q", number & 0xFFFFFFFF, arch, 0xDEADBEEF, *values)
    accumulator = at = steps = 0
    while True:
        code, if_true, if_false, k = program[at]
        at += 1
        steps += 1
        match code:
            case 0x20:  # ld [k]
                assert k % 4 == 0
                (accumulator,) = struct.unpack_from("=I", data, k)
            case 0x54:  # and #k
                accumulator &= k
            case 0x05:  # ja
                at += k
            case 0x15:
                at += if_true if accumulator == k else if_false
            case 0x25:
                at += if_true if accumulator > k else if_false
            case 0x35:
                at += if_true if accumulator >= k else if_false
            case 0x45:
                at += if_true if accumulator & k else if_false
            case 0x06:
                if watch:
                    watch.instructions = steps
                return k
            case _:
                raise AssertionError(f"instruction {code:#x} at {at - 1}")
