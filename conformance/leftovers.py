"""Find and remove what a validation program left behind, and only that.

Its containers are those of the private state directory and of the recorded `create` calls; its
cgroups are named after them, or have one of the suite's two fixed names; its processes are our
orphans; its mounts lie below its own directory.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

# cgroups/cgroups.go of the suite: an absolute and a relative path, the latter below the caller's cgroup.
ABSOLUTE = "cgrouptest"
RELATIVE = "testdir"


def clean(directory: Path, runtime: Path, calls: str, before: set[Path]) -> list[str]:
    """Remove everything; say what there was."""
    report = [f"container {one}" for one in delete_containers(directory / "state", runtime)]
    report += [f"process {one}" for one in kill_orphans()]
    mine = (fixed_cgroups() - before) | set(named_cgroups(created_ids(calls)))
    report += counted("cgroup", [one.name for one in sorted(mine) if remove_cgroup(one)])
    report += counted("mount", [Path(one).name for one in unmount_below(directory)])
    return report


def counted(kind: str, names: list[str]) -> list[str]:
    """One line for a thing in ten hierarchies."""
    if not names:
        return []
    return [f"{len(names)} x {kind}: {' '.join(sorted(set(names)))}"]


def delete_containers(state: Path, runtime: Path) -> list[str]:
    """Ask the runtime first: what it can't delete itself is a finding too."""
    found = []
    for entry in sorted(state.iterdir()) if state.is_dir() else []:
        if not entry.is_dir() or entry.name.startswith((".", "~")):
            continue
        command = [str(runtime), "--root", str(state), "delete", "--force", entry.name]
        try:
            subprocess.run(command, capture_output=True, timeout=20, check=False)
        except subprocess.TimeoutExpired:
            found.append(f"{entry.name} (delete --force hangs)")
            continue
        suffix = " (delete --force leaves it)" if entry.exists() else ""
        found.append(entry.name + suffix)
    return found


def created_ids(calls: str) -> set[str]:
    """The suite puts the id last: `create --bundle DIR ID`."""
    lines = (line.split() for line in calls.splitlines())
    return {words[-1] for words in lines if len(words) > 1 and words[0] == "create"}


def kill_orphans() -> list[str]:
    """Children of a subreaper that are not its own doing: name, kill, reap."""
    killed = []
    for _ in range(100):
        pids = children()
        if not pids:
            break
        for pid in pids:
            name = comm(pid)
            if name and f"{name} ({pid})" not in killed:
                killed.append(f"{name} ({pid})")
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
        reap()
    return killed


def children() -> list[int]:
    me = os.getpid()
    return [int(one) for one in Path(f"/proc/{me}/task/{me}/children").read_text().split()]


def comm(pid: int) -> str:
    """The name of a living process; empty for a zombie, which is only waiting for us."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    name, _, rest = stat.partition("(")[2].rpartition(")")
    return "" if rest.split()[0] in "ZX" else name


def reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def hierarchies() -> list[Path]:
    """The mount point of each cgroup hierarchy, version 1 and 2."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        head, _, tail = line.partition(" - ")
        if tail.split()[0] in ("cgroup", "cgroup2"):
            found.append(Path(head.split()[4]))
    return found


def parents() -> Iterator[Path]:
    """The places below which a runtime may put a cgroup: each root, and our own place in it."""
    own = {line.split(":", 2)[2] for line in Path("/proc/self/cgroup").read_text().splitlines()}
    for mount in hierarchies():
        for path in sorted(own | {"/"}):
            if (place := mount / path.lstrip("/")).is_dir():
                yield place


def fixed_cgroups() -> set[Path]:
    """The suite's own cgroups that exist now; those from before a program are not the program's."""
    found = (place / name for place in parents() for name in (ABSOLUTE, RELATIVE))
    return {path for path in found if path.is_dir()}


def named_cgroups(ids: Iterable[str]) -> Iterator[Path]:
    wanted = tuple(ids)
    for place in set(parents()):
        for entry in os.scandir(place):
            if entry.is_dir() and any(one in entry.name for one in wanted):
                yield Path(entry.path)


def remove_cgroup(path: Path) -> bool:
    """Thaw first: a frozen process can't die. Then the processes, then the directories, deepest first."""
    if not path.is_dir():
        return False
    for directory, _, _ in os.walk(path, topdown=False):
        thaw(Path(directory))
        for _ in range(100):
            kill_members(Path(directory))
            try:
                os.rmdir(directory)
            except OSError as error:
                if error.errno == errno.EBUSY:
                    time.sleep(0.02)
                    continue
                if error.errno != errno.ENOENT:
                    raise
            break
    return True


def thaw(cgroup: Path) -> None:
    for name, word in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
        if (cgroup / name).exists():
            (cgroup / name).write_text(word)


def kill_members(cgroup: Path) -> None:
    for pid in (cgroup / "cgroup.procs").read_text().split():
        if int(pid) not in (0, os.getpid()):
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
    reap()


def unmount_below(directory: Path) -> list[str]:
    """Mounts below the program's directory, the newest first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [line.split()[4] for line in lines]
    found = [point for point in points if point.startswith(f"{directory}/")]
    umount = shutil.which("umount") or "/bin/umount"
    for point in reversed(found):
        subprocess.run([umount, "--lazy", point], capture_output=True, check=False)
    return found
