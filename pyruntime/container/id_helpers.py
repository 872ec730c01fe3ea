"""newuidmap(1), newgidmap(1): the programs that give an unprivileged user the ids that /etc/subuid and /etc/subgid allow."""

from __future__ import annotations

import os

from pyruntime.container import interrupts
from pyruntime.container.executor import ALL_SIGNALS
from pyruntime.container.report import wait_status
from pyruntime.errors import Error, KernelError
from pyruntime.host.rootless import user_name

SHOWN = 512
SIGKILL = 9


def run(program: str, pid: int, maps: str) -> None:
    """Have *program* write the map of the process *pid*, our child; an error says what the user is allowed."""
    output_fd = os.memfd_create("helper", os.MFD_CLOEXEC)
    try:
        status = _spawn(program, [program, str(pid), *maps.split()], output_fd)
        if status:
            said = os.pread(output_fd, SHOWN, 0).decode("utf-8", "replace").strip()
            text = f"{program} {' '.join(maps.split())}: {said or wait_status(status)}"
            raise Error(text, hint=_allowed(program))
    finally:
        os.close(output_fd)


def _spawn(program: str, words: list[str], output_fd: int) -> int:
    try:
        pid = os.posix_spawn(
            program,
            words,
            {},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output_fd, 1),
                (os.POSIX_SPAWN_DUP2, output_fd, 2),
            ],
            setsigmask=[],
            setsigdef=ALL_SIGNALS,
        )
    except OSError as error:
        raise KernelError(f"posix_spawn({program})", error.errno or 0) from None
    try:
        pid_fd = os.pidfd_open(pid)
        try:
            interrupts.wait(pid_fd)  # it may ask a directory service, which may hang
        finally:
            os.close(pid_fd)
    except BaseException:
        os.kill(pid, SIGKILL)
        os.waitpid(pid, 0)
        raise
    return os.waitpid(pid, 0)[1]


def _allowed(program: str) -> str:
    """What the file that *program* goes by says of this user."""
    path = "/etc/subgid" if program.endswith("newgidmap") else "/etc/subuid"
    uid = os.getuid()
    name = user_name(uid)
    found = []
    for line in _lines(path):
        #  tester:100000:65536    1000:100000:65536
        who, _, numbers = line.partition(":")
        first, _, count = numbers.partition(":")
        if who in (name, str(uid)) and first.isdecimal() and count.isdecimal():
            found.append(f"{first}-{int(first) + int(count) - 1}")
    own = os.getgid() if program.endswith("newgidmap") else uid
    allowed = " and ".join(found) or "nothing"
    return f"{path} allows {allowed} to {name or uid}, besides the own {own}"


def _lines(path: str) -> list[str]:
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
