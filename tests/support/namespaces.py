"""Namespaces for a container to join: a process of the test's own that holds them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from support import ids
from support.wait import wait_until

FLAGS = {
    "mount": "--mount",
    "uts": "--uts",
    "ipc": "--ipc",
    "network": "--net",
    "pid": "--pid",
    "cgroup": "--cgroup",
}
FILES = {"mount": "mnt", "network": "net"}


def file_of(kind: str) -> str:
    """The name of namespace *kind* in /proc/PID/ns."""
    return FILES.get(kind, kind)


def inode(pid: int | str, kind: str) -> str:
    return os.readlink(f"/proc/{pid}/ns/{file_of(kind)}")


@contextmanager
def holder(*kinds: str) -> Iterator[int]:
    """A process in new namespaces of *kinds*, an ordinary user's in a user namespace as well; its pid."""
    fork = ["--fork", "--kill-child"] if "pid" in kinds else []
    owner = [] if ids.PRIVILEGED else ["--user", "--map-root-user", "--map-auto"]
    flags = [FLAGS[kind] for kind in kinds]
    process = subprocess.Popen(["unshare", *owner, *flags, *fork, "sleep", "600"])
    try:
        wait_until(lambda: all(_entered(process.pid, kind) for kind in kinds), "the new namespaces")
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _entered(pid: int, kind: str) -> bool:
    name = "pid_for_children" if kind == "pid" else file_of(kind)
    try:
        return os.readlink(f"/proc/{pid}/ns/{name}") not in ("", inode("self", kind))
    except OSError:
        return False  # The pid namespace has no process yet.
