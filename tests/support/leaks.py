"""What a test may not leave behind, compared before and after it."""

from __future__ import annotations

import contextlib
import os
import signal
from collections import Counter
from pathlib import Path

from support import cgroups, mountinfo
from support.runtime import Runtime, leftovers
from support.wait import wait_until


class Snapshot:
    """The parts of the machine that a container may have touched."""

    def __init__(self) -> None:
        self.mounts = Counter(f"{m.fstype} on {m.at} ({m.root})" for m in mountinfo.of_process())
        self.fds = Counter(_own_fds())
        self.host = _host_facts()

    def differences(self, before: Snapshot) -> list[str]:
        found = [f"mount: {text}" for text in self.mounts - before.mounts]
        found += [f"lost mount: {text}" for text in before.mounts - self.mounts]
        found += [f"descriptor of the test: {text}" for text in self.fds - before.fds]
        found += [
            f"host: {was} became {now}"
            for was, now in zip(before.host, self.host, strict=True)
            if was != now
        ]
        return found


def _own_fds() -> list[str]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # The one that lists.
            found.append(f"{name} {os.readlink(f'/proc/self/fd/{name}')}")
    return [text for text in found if not text.endswith(f"/proc/{os.getpid()}/fd")]


def _host_facts() -> list[str]:
    """What a careless runtime changes on the host: the node's names, and the owners and modes of devices."""
    facts = [" ".join(os.uname()[:2]), Path("/proc/sys/kernel/domainname").read_text()]
    for path in ("/dev/null", "/dev/zero", "/dev/tty", "/dev/ptmx", "/dev", "/proc", "/tmp"):
        with contextlib.suppress(FileNotFoundError):
            st = os.stat(path)
            facts.append(f"{path} {st.st_mode:o} {st.st_uid}:{st.st_gid} {st.st_rdev:x}")
    return facts


def descendants() -> dict[int, str]:
    """Our living children and theirs; orphans are among them because we are a subreaper."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            with contextlib.suppress(OSError):
                name, rest = Path(f"/proc/{entry}/stat").read_text().split("(", 1)[1].rsplit(")", 1)
                state, parent = rest.split()[:2]
                if state not in "ZX":
                    parents[int(entry)], names[int(entry)] = int(parent), name
    found: dict[int, str] = {}
    for pid in parents:
        up = pid
        while up in parents and up != os.getpid():
            up = parents[up]
        if up == os.getpid() and pid != up:
            found[pid] = names[pid]
    return found


def reap_all() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def remaining(known: set[int]) -> set[int]:
    """The descendants that are not *known*, zombies having been reaped."""
    reap_all()
    return set(descendants()) - known


def reap_orphans(*, but: int) -> bool:
    """True; collect the zombies that containers left us, as a container engine does, except the command *but*.

    The init of a pid namespace cannot end before every process of it has been collected.
    """
    for entry in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
        if int(entry) != but:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(int(entry), os.WNOHANG)
    return True


def remains(runtime: Runtime, cgroup_parent: str, before: Snapshot, known: set[int]) -> list[str]:
    """Everything that is still there, in words."""
    reap_all()
    found = [f"process {pid} ({name})" for pid, name in descendants().items() if pid not in known]
    found += [f"process {pid} in a cgroup" for pid in cgroups.processes(cgroup_parent)]
    found += [f"cgroup {path}" for path in cgroups.below(cgroup_parent)]
    found += [f"file {path}" for path in leftovers(runtime)]
    return found + Snapshot().differences(before)


def clean(cgroup_parent: str, known: set[int]) -> None:
    """After a failed test: make the machine fit for the next one."""
    cgroups.thaw_all(cgroup_parent)
    for pid in {*descendants(), *cgroups.processes(cgroup_parent)} - known:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        wait_until(lambda: not remaining(known), "all processes gone", deadline_s=5)
    for path in cgroups.directories(cgroup_parent):
        with contextlib.suppress(TimeoutError):
            cgroups.remove_all("/" + str(path.name))
