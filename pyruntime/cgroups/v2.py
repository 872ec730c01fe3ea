"""The driver for cgroup v2. cgroups(7), cgroup-v2.rst of the kernel."""

from __future__ import annotations

import errno
import os
import time

from pyruntime.cgroups import files, walk
from pyruntime.cgroups.base import FREEZE_SECONDS, Cgroup, number_after, wait_until
from pyruntime.errors import Error, KernelError, Unsupported

# Specification, section Cgroup ownership: when /sys/kernel/cgroup/delegate (4.15) does not exist.
DELEGATED = ("cgroup.procs", "cgroup.subtree_control", "cgroup.threads")


class V2(Cgroup):
    """One directory, *paths* [""]. *enable*: hand all controllers down to it when it is made."""

    driver = "v2"

    def __init__(self, paths: dict[str, str], *, enable: bool = True) -> None:
        super().__init__(paths)
        self.directory = paths[""]
        self.enable = enable
        self.enabled = False
        self.busy = ""
        """The cgroup above whose processes keep controllers from being enabled."""

    def _prepare(self, directory: str) -> None:
        if self.enable:
            self.enable_controllers()
        if files.read_if_there(directory, "cgroup.type") == "domain invalid":
            raise Unsupported(f"{directory} is below a threaded cgroup: it takes no processes")

    def enable_controllers(self) -> None:
        """Hand every available controller down to the directory, level by level.

        What cannot be enabled is no error here: it matters only if something is asked of it, and then its
        files are missing.
        """
        if self.enabled:
            return
        self.enabled = True
        for level in _levels(self.directory):
            have = files.read_if_there(level, "cgroup.subtree_control").split()
            available = files.read_if_there(level, "cgroup.controllers").split()
            wanted = [f"+{name}" for name in available if name not in have]
            if not wanted:
                continue
            if _has_own_processes(level):
                # It refuses memory and io, but takes cpu and pids, and then its children are threaded:
                # nothing can be started in them. Better no controllers than no container.
                self.busy = level
                return
            if not _accepted(level, " ".join(wanted)):
                # One that is refused (cpu, while there are real-time processes) refuses them all.
                for name in wanted:
                    _accepted(level, name)

    def write(self, directory: str, file: str, value: str) -> None:
        """Write one value."""
        try:
            super().write(directory, file, value)
        except KernelError as error:
            if error.errno == errno.ENOENT and self.busy:
                error.hint = (
                    f"{self.busy} has processes of its own, so what is below it has no limits"
                )
            raise

    def add(self, pid: int) -> None:
        """Move a process here."""
        for left in range(4, -1, -1):
            try:
                return files.write(self.directory, "cgroup.procs", str(pid))
            except KernelError as error:
                # Seen when the process is still being moved by its clone(2).
                if error.errno != errno.EINVAL or not left:
                    raise
            time.sleep(0.03)
        return None

    def is_populated(self) -> bool:
        """Whether there is any process here or below."""
        return "populated 1" in files.read_if_there(self.directory, "cgroup.events")

    def kill(self) -> None:
        """SIGKILL for every process."""
        try:
            # 5.14; not in a threaded cgroup.
            files.write(self.directory, "cgroup.kill", "1")
        except KernelError as error:
            if error.errno == errno.ENODEV or not os.path.isdir(self.directory):
                return
            if error.errno not in (errno.ENOENT, errno.EOPNOTSUPP):
                raise
            super().kill()

    def is_frozen(self) -> bool:
        """Whether every process is frozen, be it by an ancestor's freezing."""
        return "frozen 1" in files.read_if_there(self.directory, "cgroup.events")

    def freeze(self, member: int = 0) -> None:
        """Freeze every process, or none."""
        if not os.path.isdir(self.directory):
            raise Error(f"cannot pause: the container's cgroup {self.directory} has gone")
        if not os.path.exists(f"{self.directory}/cgroup.freeze"):
            raise Unsupported("cannot pause: cgroup v2 has a freezer since Linux 5.2")
        super().freeze(member)

    def _freezer(self) -> str:
        return self.directory

    def thaw(self) -> None:
        """Let the processes go on."""
        files.write(self.directory, "cgroup.freeze", "0")

    def _freeze(self) -> bool:
        self._refuse_if_inside()
        return _set(self.directory, "1") and wait_until(self.is_frozen, FREEZE_SECONDS)

    def _thaw_all(self) -> None:
        for at in walk.walk(self.directory):
            _set(self.directory, "0", at)

    def oom_kills(self) -> int:
        """How many processes the kernel has killed for want of memory, here and below."""
        return number_after(files.read_if_there(self.directory, "memory.events"), "oom_kill")

    def give_to(self, uid: int) -> None:
        """Let a user manage what is below: the directory and the files that the kernel says are safe to give."""
        names = files.read_if_there("/sys/kernel/cgroup", "delegate").split() or DELEGATED
        for name in ("", *names):
            path = f"{self.directory}/{name}" if name else self.directory
            try:
                os.chown(path, uid, -1, follow_symlinks=False)
            except FileNotFoundError:
                continue  # a file of a controller that is not enabled
            except OSError as error:
                raise files.failed(f"chown({path}, {uid}, -1)", error) from None


def _set(directory: str, freeze: str, at: int | None = None) -> bool:
    """Whether there is such a cgroup to freeze or thaw, and this kernel can. *at*: the one below *directory* that is meant."""
    try:
        files.write(directory, "cgroup.freeze", freeze, at)
    except KernelError as error:
        if error.errno in walk.GONE:
            return False
        raise
    return True


def _levels(directory: str) -> list[str]:
    """The cgroups above *directory*, from the mount point down."""
    tops = [top for top in files.mountpoints() if directory.startswith(top + "/")]
    if not tops:
        raise Error(f"{directory} is not below a mount point of cgroups")
    top = max(tops, key=len)
    levels = [top]
    for name in directory[len(top) + 1 :].split("/")[:-1]:
        levels.append(f"{levels[-1]}/{name}")
    return levels


def _has_own_processes(level: str) -> bool:
    # The root of the hierarchy, which alone has no type, may have both processes and controllers.
    if not files.read_if_there(level, "cgroup.type"):
        return False
    return bool(files.processes(level))


def _accepted(level: str, value: str) -> bool:
    try:
        files.write(level, "cgroup.subtree_control", value)
    except KernelError:
        return False
    return True
