"""Compiled filters in the running kernel: a forked child loads one and makes system calls."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import socket
from collections.abc import Callable

import pytest

from pyruntime.linux import calls, flags
from pyruntime.seccomp import architectures, cache, libseccomp
from unit.seccomp.profiles import Profile, argument, docker_like, podman_default, rule, simple

MACHINE = os.uname().machine
NATIVE = architectures.NATIVE[MACHINE]


def syscall(name: str | int, *args: int) -> int:
    """The errno of the call, 0 when it succeeded."""
    number = name if isinstance(name, int) else libseccomp.number_of(name)
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(ctypes.c_long(number or 0), *map(ctypes.c_ulong, args))
    return ctypes.get_errno() if result == -1 else 0


def under(profile: Profile, act: Callable[[], object]) -> object:
    """What *act* returns in a process that the profile's filter confines; the status if it is killed."""
    found = cache.load(profile, architecture=MACHINE, cache_dir="")
    # Warm up: what loads a library must not happen under the filter.
    syscall("getpid")
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        calls.prctl(flags.PR_SET_NO_NEW_PRIVS, 1)
        calls.prctl(flags.PR_SET_DUMPABLE, 0)
        calls.seccomp(found.flags | found.optional_flags, found.bpf)
        os.write(write_fd, json.dumps(act()).encode())
        os._exit(0)
    os.close(write_fd)
    with open(read_fd) as answer:
        said = answer.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return json.loads(said) if said else status


def test_a_listed_call_gets_its_errno() -> None:
    profile = simple(
        "SCMP_ACT_ALLOW", rule("getsid"), rule("getpgid", errnoRet=33), rule("sync", errnoRet=0)
    )

    def act() -> list[int]:
        return [syscall("getsid", 0), syscall("getpgid", 0), syscall("sync"), syscall("getppid")]

    assert under(profile, act) == [errno.EPERM, errno.EDOM, 0, 0]


@pytest.mark.parametrize(
    ("action", "number"),
    [
        ("SCMP_ACT_KILL", signal.SIGSYS),
        ("SCMP_ACT_KILL_THREAD", signal.SIGSYS),
        ("SCMP_ACT_KILL_PROCESS", signal.SIGSYS),
        ("SCMP_ACT_TRAP", signal.SIGSYS),
    ],
)
def test_a_killing_action_kills(action: str, number: int) -> None:
    profile = simple("SCMP_ACT_ALLOW", rule("getsid", action=action))

    assert under(profile, lambda: syscall("getsid", 0)) == -number


@pytest.mark.parametrize("action", ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG"])
def test_a_permitting_action_permits(action: str) -> None:
    profile = simple("SCMP_ACT_ALLOW", rule("getsid", action=action))

    assert under(profile, lambda: syscall("getsid", 0)) == 0


def test_a_traced_call_without_a_tracer_does_not_exist() -> None:
    profile = simple("SCMP_ACT_ALLOW", rule("getsid", action="SCMP_ACT_TRACE"))

    assert under(profile, lambda: syscall("getsid", 0)) == errno.ENOSYS


@pytest.mark.parametrize(
    ("make", "unlisted"), [(podman_default, errno.ENOSYS), (docker_like, errno.EPERM)]
)
def test_an_engines_profile_confines(make: Callable[[], Profile], unlisted: int) -> None:
    def act() -> list[int]:
        return [
            syscall(999),
            syscall("kexec_load", 0, 0, 0, 0),
            syscall("personality", 0xFFFFFFFF),
            syscall("personality", 0x0010),
            syscall("socket", socket.AF_UNIX, socket.SOCK_DGRAM, 0),
        ]

    found = under(make(), act)

    # Podman's profile refuses kexec_load(2) by name; a personality(2) it doesn't list gets its default.
    assert found == [errno.ENOSYS, errno.EPERM, 0, unlisted, 0]


def test_podmans_profile_refuses_audit_sockets_with_their_own_errno() -> None:
    netlink_audit = 9

    found = under(podman_default(), lambda: syscall("socket", socket.AF_NETLINK, 3, netlink_audit))

    assert found == errno.EINVAL


def test_dockers_profile_refuses_new_namespaces() -> None:
    def act() -> list[int]:
        return [syscall("clone", flags.CLONE_NEWUSER), syscall("clone3", 0, 0)]

    assert under(docker_like(), act) == [errno.EPERM, errno.ENOSYS]


def test_arguments_are_compared_in_the_kernel() -> None:
    # dup3(fd, fd, flags) always fails in the kernel with EINVAL: what else comes is the filter's.
    cases = [
        ("EQ", 5, 0, [(5, True), (6, False), (5 | 1 << 32, False)]),
        ("NE", 5, 0, [(5, False), (6, True)]),
        ("LT", 5, 0, [(4, True), (5, False), (1 << 32, False)]),
        ("LE", 5, 0, [(5, True), (6, False)]),
        ("GT", 5, 0, [(6, True), (5, False), (1 << 32, True)]),
        ("GE", 5, 0, [(5, True), (4, False)]),
        ("MASKED_EQ", 0xF0, 0x50, [(0x5A, True), (0x6A, False), (0x55 | 1 << 40, True)]),
    ]
    for operator, value, value_two, tries in cases:
        args = [argument(0, operator, value, value_two), argument(2, "EQ", 0)]
        profile = simple("SCMP_ACT_ALLOW", rule("dup3", args=args, errnoRet=errno.EDOM))

        def act(tries: list[tuple[int, bool]] = tries) -> list[int]:
            return [syscall("dup3", one, one, 0) for one, _ in tries]

        expected = [errno.EDOM if hit else errno.EINVAL for _, hit in tries]
        assert under(profile, act) == expected, operator


def test_every_flag_is_taken_by_the_kernel() -> None:
    names = ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG"]
    for given in (names, ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"], []):
        profile = simple("SCMP_ACT_ALLOW", rule("getsid"), flags=given)

        assert under(profile, lambda: syscall("getsid", 0)) == errno.EPERM


def test_a_listener_is_given_for_a_notifying_rule() -> None:
    profile = simple(
        "SCMP_ACT_ALLOW",
        rule("getsid", action="SCMP_ACT_NOTIFY"),
        listenerPath="/x",
        flags=["SECCOMP_FILTER_FLAG_TSYNC"],
    )
    found = cache.load(profile, architecture=MACHINE, cache_dir="")
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        calls.prctl(flags.PR_SET_NO_NEW_PRIVS, 1)
        fd = calls.seccomp(found.flags, found.bpf)
        os.write(write_fd, os.readlink(f"/proc/self/fd/{fd}").encode())
        os._exit(0)
    os.close(write_fd)
    with open(read_fd) as answer:
        assert answer.read() == "anon_inode:seccomp notify"
    os.waitpid(pid, 0)
