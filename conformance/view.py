"""The mount namespace in which a runtime is judged.

It is always private: a container without a mount namespace of its own (linux_ns_itype) mounts in
its caller's, and a faulty runtime might pivot the machine's root. On request its /sys/fs/cgroup shows
only the version 1 hierarchies: crun refuses a hybrid layout whose unified hierarchy has a controller.
What this covers is covered inside only; the machine's own mounts stay as they are.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
MARK = "CONFORMANCE_NAMESPACE"


class CannotHide(Exception):
    """The machine has no version 1 hierarchy to show."""


def enter(hide_unified: bool) -> None:
    """Run this very command again in its own namespace; then, there, arrange the view."""
    if os.environ.pop(MARK, "") == "entered":
        if hide_unified:
            build()
        return
    unshare = shutil.which("unshare") or "/usr/bin/unshare"
    os.environ[MARK] = "entered"
    command = [unshare, "--mount", "--propagation", "private", "--", sys.executable, *sys.argv]
    os.execv(unshare, command)


def build() -> None:
    """A tmpfs with one bind per hierarchy, moved over /sys/fs/cgroup once it is complete."""
    hierarchies = version_1()
    if not hierarchies:
        raise CannotHide("no cgroup version 1 hierarchy below /sys/fs/cgroup")
    stage = Path(tempfile.mkdtemp(prefix="cgroup-view-"))
    mount("-t", "tmpfs", "-o", "mode=755,nosuid,nodev,noexec", "tmpfs", str(stage))
    for name in hierarchies:
        (stage / name).mkdir()
        mount("--bind", str(CGROUPS / name), str(stage / name))
    mount("--move", str(stage), str(CGROUPS))
    stage.rmdir()


def version_1() -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    found = []
    for line in lines:
        head, _, tail = line.partition(" - ")
        point = Path(head.split()[4])
        if tail.split()[0] == "cgroup" and point.parent == CGROUPS:
            found.append(point.name)
    return found


def mount(*arguments: str) -> None:
    subprocess.run([shutil.which("mount") or "/bin/mount", *arguments], check=True)


def is_hybrid() -> bool:
    """Version 1 hierarchies beside a unified one."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    kinds = {line.partition(" - ")[2].split()[0] for line in lines}
    return {"cgroup", "cgroup2"} <= kinds
