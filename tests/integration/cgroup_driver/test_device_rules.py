"""The device rules, asked of the kernel: v1 lines, and the program of v2."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import requires
from pyruntime.cgroups import cgroup_of
from pyruntime.cgroups.base import Cgroup
from pyruntime.cgroups.devices import program, rules
from support.cgroup_driver import (
    host_facts,
    in_child,
    placed_at,
    unified_facts,
)

pytestmark = [pytest.mark.root, requires.as_root("makes cgroups at the top")]

DEVICE_RULES = [
    {"allow": False, "access": "rwm"},
    {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "r"},
]


def open_device(major: int, minor: int, flags: int, tmp_path: Path) -> Callable[[], None]:
    node = tmp_path / f"{major}-{minor}-{flags}"

    def act() -> None:
        os.mknod(node, 0o600 | 0o020000, os.makedev(major, minor))
        os.close(os.open(node, flags | os.O_NONBLOCK | os.O_NOCTTY))

    return act


def assert_devices_are_enforced(cgroup: Cgroup, tmp_path: Path) -> None:
    for (major, minor), flags, expected in (
        ((1, 3), os.O_RDWR, 0),  # null: by default
        ((1, 11), os.O_RDONLY, 0),  # kmsg: as the rules say
        ((1, 11), os.O_WRONLY, errno.EPERM),
        ((1, 11), os.O_RDWR, errno.EPERM),
        ((1, 1), os.O_RDONLY, errno.EPERM),  # mem: may be made, but not opened
    ):
        found = in_child(cgroup, open_device(major, minor, flags, tmp_path))
        assert (major, minor, flags, found) == (major, minor, flags, expected)


def test_v1_enforces_the_device_rules(parent: str, tmp_path: Path) -> None:
    facts = host_facts()
    placed = placed_at(facts, f"{parent}/devices", devices=DEVICE_RULES)
    if placed.device_program is not None:
        pytest.skip("requires cgroup controller devices")
    cgroup = cgroup_of(placed.driver, placed.paths)
    made = cgroup.make()
    try:
        cgroup.apply(placed.writes)

        assert_devices_are_enforced(cgroup, tmp_path)
    finally:
        cgroup.unmake(made)


def bpf(command: int, attributes: bytes) -> int:
    number = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    result: int = libc.syscall(number, command, buffer, len(attributes))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def load(code: bytes, log_size: int = 0) -> int:
    """BPF_PROG_LOAD of a BPF_PROG_TYPE_CGROUP_DEVICE program; the verifier's words in the error."""
    instructions = ctypes.create_string_buffer(code, len(code))
    licence = ctypes.create_string_buffer(b"Apache-2.0")
    log = ctypes.create_string_buffer(max(log_size, 1))
    program, text, words = map(ctypes.addressof, (instructions, licence, log))
    how = (int(log_size > 0), log_size, words if log_size else 0, 0, 0)
    try:
        return bpf(5, struct.pack("IIQQIIQII", 15, len(code) // 8, program, text, *how))
    except OSError as error:
        if not log_size:
            return load(code, 1 << 20)
        error.add_note(log.value.decode()[-2000:])
        raise


def test_v2_enforces_the_device_rules(parent: str, tmp_path: Path) -> None:
    placed = placed_at(unified_facts(), f"{parent}/devices", devices=DEVICE_RULES)
    assert placed.device_program is not None
    cgroup = cgroup_of(placed.driver, placed.paths)
    made = cgroup.make()
    try:
        program_fd = load(placed.device_program)
        directory = os.open(placed.paths[""], os.O_RDONLY | os.O_DIRECTORY)
        bpf(
            8, struct.pack("IIII", directory, program_fd, 6, 2)
        )  # BPF_PROG_ATTACH, BPF_F_ALLOW_MULTI
        os.close(directory)
        os.close(program_fd)

        assert_devices_are_enforced(cgroup, tmp_path)
    finally:
        cgroup.unmake(made)


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [{"allow": True}, {"allow": False, "type": "b", "access": "w"}],
        [{"allow": False, "type": "c", "major": 10, "minor": 1 << 31}],
        [{"allow": i % 2 == 0, "type": "c", "major": i, "access": "rw"} for i in range(400)],
    ],
)
def test_the_kernels_verifier_accepts_the_program(entries: list[dict[str, Any]]) -> None:
    code = program(rules(entries), sys.byteorder)

    assert code is not None
    os.close(load(code))
