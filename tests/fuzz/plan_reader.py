"""Give an executor damaged plans, as nobody: usage: plan_reader.py EXECUTOR PLAN SEED COUNT. It says itself what it found.

PLAN is a good one. Each damaged plan must end with a report and an exit status, whatever is in it.
"""

from __future__ import annotations

import os
import random
import re
import select
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from pyruntime import where
from pyruntime.container.executor import BARRIER, Executor

NOBODY = 65534
DEADLINE_MS = 1000

# Ended by us, by a closed pipe, by the filter that a damaged plan installs.
OWN_END = (signal.SIGKILL, signal.SIGPIPE, signal.SIGSYS)

TEXT_AT = 64
NUMBER = re.compile(rb"[0-9]+")
NUMBERS = [b"-1", b"", b"4096", b"2147483648", b"9223372036854775808", b"9" * 40]


def damaged(content: bytes, choice: random.Random) -> bytes:
    """Some bytes, numbers or pieces of it are others."""
    found = bytearray(content)
    for _ in range(choice.randint(1, 3)):
        at = choice.randrange(len(found))
        kind = choice.randrange(10)  # half of them: a number in the text
        if kind == 0:
            found[at] = choice.randrange(256)
        elif kind == 1:
            value = choice.choice([0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, len(found)])
            at -= at % 4
            found[at : at + 4] = value.to_bytes(4, sys.byteorder)
        elif kind == 2:
            del found[at : at + choice.randrange(1, 64)]
        elif kind == 3:
            piece = found[at : at + choice.randrange(1, 64)]
            to = choice.randrange(len(found))
            found[to:to] = piece
        elif kind == 4:
            del found[choice.randrange(1, len(found)) :]
        elif numbers := list(NUMBER.finditer(found, TEXT_AT)):
            one = choice.choice(numbers)
            found[one.start() : one.end()] = choice.choice(NUMBERS)
        if not found:
            return b""
    return bytes(found)


def cases(content: bytes, choice: random.Random, count: int) -> Iterator[bytes]:
    """Each number of the text replaced by each of the odd ones; then *count* at random."""
    for one in NUMBER.finditer(content, TEXT_AT):
        for odd in NUMBERS:
            yield content[: one.start()] + odd + content[one.end() :]
    for _ in range(count):
        yield damaged(content, choice)


def attend(executor: Executor) -> bool:
    """Until it ends; False if it waits for something that never comes, which a damaged plan may ask for."""
    poll = select.poll()
    poll.register(executor.report_fd, select.POLLIN)
    while poll.poll(DEADLINE_MS):
        record = executor.next()
        if record is None:
            return True
        if record[0] == BARRIER:
            executor.go_on()
    return False


def carry_out(content: bytes) -> int:
    executor = Executor()
    try:
        executor.begin(content)
        if not attend(executor):
            executor.end()
            return 0
    except BrokenPipeError:
        pass  # it has refused before all was written
    finally:
        executor.close()
    return executor.reap()


def main(program: str, plan: str, seed: str, count: str) -> None:
    content = Path(plan).read_bytes()
    fd = os.open(program, os.O_RDONLY)
    path = f"/proc/self/fd/{fd}"
    where.executor_path = lambda: path
    carry_out(content)  # once as ourselves: all modules are loaded then
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    for number, case in enumerate(cases(content, random.Random(int(seed)), int(count))):
        status = carry_out(case)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) not in OWN_END:
            print(f"signal {os.WTERMSIG(status)} at {number}: {case.hex()}", file=sys.stderr)
            sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
