"""What the drivers of both cgroup versions share. A `Cgroup` is the cgroups of one container, in every hierarchy.

This base alone is the driver "none": no cgroups, so no processes, and nothing to remove.
"""

from __future__ import annotations

import _signal
import errno
import os
import time

from pyruntime.cgroups import files
from pyruntime.errors import Error, KernelError, Unsupported, during

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyruntime.cgroups.write import Write

SIGKILL = 9

FREEZE_SECONDS = 2.0
"""A process in uninterruptible sleep cannot be frozen: how long to wait for it."""

KILL_SECONDS = 10.0
"""Without a freezer a container may fork while it is being killed: for how long to start again."""

HELD_AT_ONCE = 256
"""How many pidfds are open at a time: often no more than 1,024 descriptors may be."""


class Cgroup:
    """The cgroups of one container. *paths*: hierarchy to absolute directory, as in a `Placement`."""

    driver = "none"

    def __init__(self, paths: dict[str, str]) -> None:
        self.paths = paths
        self.made: list[str] = []
        """What `make` has made."""

    # making

    def make(self, tenant: int = 0) -> list[str]:
        """Make the directories; the new ones, outermost first, also those between the mount point and ours.

        An existing cgroup is fine if it is empty, or *tenant* is the only process: systemd has put it there.
        The caller records the answer, which is in `made` too when we fail: only that is ever removed.
        """
        made = self.made = []
        umask = os.umask(0o022)
        try:
            for directory in self.paths.values():
                files.make(directory, made)
                self._prepare(directory)
                if directory not in made:
                    self._refuse_if_used(directory, tenant)
            if self.is_frozen():
                # Who joins a frozen cgroup of v1 sleeps until it is thawed, and not even SIGKILL helps.
                raise Error("container's cgroup unexpectedly frozen")
        finally:
            os.umask(umask)
        return made

    def unmake(self, made: list[str], patience: float = 2.0) -> None:
        """Remove what `make` made: ours with all below them, those above only if nobody else uses them by now."""
        mounts = files.mountpoints()
        deadline = time.monotonic() + patience
        failures: list[Error] = []
        for directory in reversed(made):
            try:
                if directory in self.paths.values():
                    files.remove(directory, deadline, mounts)
                else:
                    os.rmdir(directory)
            except Error as error:
                failures.append(error)
            except OSError:
                continue
        if failures:
            failures[0].notes += map(str, failures[1:])
            raise failures[0]

    def _prepare(self, directory: str) -> None:
        """Make *directory* fit for processes and limits."""

    def _refuse_if_used(self, directory: str, tenant: int) -> None:
        found = files.processes_below(directory)
        count = len(found) - found.count(tenant)
        if count:
            raise Error(
                f"container's cgroup is not empty: {count} process(es) found in {directory}",
                hint="two containers must not have the same linux.cgroupsPath",
            )

    def write(self, directory: str, file: str, value: str) -> None:
        """Write one value."""
        files.write(directory, file, value)

    def apply(self, writes: list[Write]) -> None:
        """Make *writes* in their order; those that are refused are tried again after the others.

        Which of two values goes first can depend on those that are there: a memory limit may not exceed that of
        memory and swap, a burst not the quota. In a new cgroup the order given is right, in a used one perhaps not.
        """
        for write in writes:
            self.check_usage(write)
        refused = [again for write in writes if (again := self.try_write(write)) is not None]
        for write in refused:
            with during(write.origin):
                self.write(write.directory, write.file, write.value)

    def check_usage(self, write: Write) -> None:
        """Refuse a limit that is below what is in use by now, if the write says which file tells that."""
        if not write.usage or not write.value.isdecimal():
            return
        usage = files.read_if_there(write.directory, write.usage)
        if usage.isdecimal() and int(usage) > int(write.value):
            raise Error(
                f"{write.origin}: {write.value} is below the {usage} in use ({write.usage})",
                hint="memory.checkBeforeUpdate asks for this check; without it processes would be killed",
            )

    def try_write(self, write: Write) -> Write | None:
        """Make *write*; what to try again later, if anything."""
        try:
            self.write(write.directory, write.file, write.value)
        except KernelError as error:
            if error.errno in (errno.EINVAL, errno.EBUSY):
                return write
            if error.errno == errno.ENOENT and write.instead is not None:
                return self.try_write(write.instead)
            if error.errno in (errno.ENOENT, errno.EOPNOTSUPP) and write.optional:
                return None
            error.context.append(write.origin)
            raise
        return None

    # processes

    def add(self, pid: int) -> None:
        """Move a process here. The slow way: the executor joins by itself."""
        for directory in self.paths.values():
            files.write(directory, "cgroup.procs", str(pid))

    def processes(self) -> list[int]:
        """The process ids in the cgroups and below, as this process sees them.

        The union of all hierarchies: a start that was interrupted has joined some of them only.
        """
        found: dict[int, None] = {}
        for top in self.paths.values():
            found.update(dict.fromkeys(files.processes_below(top)))
        # 0 is a process that has no number in our pid namespace; to kill(2) it would mean ourselves.
        found.pop(0, None)
        return list(found)

    def is_populated(self) -> bool:
        """Whether there is any process."""
        return bool(self.processes())

    def kill(self) -> None:
        """SIGKILL for every process; it does not wait for their end, and leaves nothing frozen."""
        deadline = time.monotonic() + KILL_SECONDS
        while True:
            try:
                still = self._freeze()
                count = self.signal(SIGKILL)
            finally:
                self._thaw_all()
            if still or not count or time.monotonic() > deadline:
                return
            time.sleep(0.001)

    def signal(self, number: int) -> int:
        """Send a signal to every process that is here now; how many it was sent to.

        Between reading a pid and using it, the process may end and the number be given to one of the host. So each is
        held by a pidfd first, and the signal goes only to those that are listed again after that.
        """
        sent, pids = 0, self.processes()
        for first in range(0, len(pids), HELD_AT_ONCE):
            held: dict[int, int] = {}
            try:
                for pid in pids[first : first + HELD_AT_ONCE]:
                    if (fd := _hold(pid)) is not None:
                        held[pid] = fd
                still = set(self.processes())
                sent += sum(_send(fd, pid, number) for pid, fd in held.items() if pid in still)
            finally:
                for fd in held.values():
                    os.close(fd)
        return sent

    # freezing

    def is_frozen(self) -> bool:
        """Whether every process is frozen."""
        return False

    def is_held(self) -> bool:
        """Whether a cgroup above keeps the processes from dying."""
        return False

    def freeze(self, member: int = 0) -> None:
        """Freeze every process, or none; *member*, one of them, is looked for afterwards."""
        try:
            if not self._freeze():
                raise Error(f"the container did not freeze within {FREEZE_SECONDS:.0f} seconds")
            if member and member not in files.processes_below(self._freezer()):
                raise Error(
                    f"cannot pause: process {member} is not in {self._freezer()}",
                    hint="somebody has moved it, or removed the container's cgroup",
                )
        except Error as error:
            try:
                self.thaw()
            except KernelError as failed:
                if failed.errno not in files.GONE:
                    error.notes.append(str(failed))
            raise

    def thaw(self) -> None:
        """Let the processes go on; a cgroup above can still hold them."""

    def resume(self) -> None:
        """Let the processes go on, and see that they do."""
        self.thaw()
        if not wait_until(lambda: not self.is_frozen(), FREEZE_SECONDS):
            raise Error(
                f"the container is still frozen after {FREEZE_SECONDS:.0f} seconds",
                hint="a cgroup above the container's may be frozen",
            )

    def _freezer(self) -> str:
        """The cgroup that is frozen."""
        raise Unsupported("cannot pause: the container has no cgroup")

    def _freeze(self) -> bool:
        """Try to freeze; whether the kernel says that it is frozen."""
        return False

    def _thaw_all(self) -> None:
        """Thaw sub-cgroups too, which the container may have frozen: a frozen task of v1 does not die."""

    def _refuse_if_inside(self) -> None:
        if os.getpid() in self.processes():
            raise Error("the runtime is itself in the container's cgroup and would freeze with it")

    # the end

    def remove(self, patience: float = 2.0) -> None:
        """Remove the directories with all below them; a killed process may take *patience* seconds to be gone."""
        mounts = files.mountpoints()
        deadline = time.monotonic() + patience
        for directory in self.paths.values():
            files.remove(directory, deadline, mounts)

    def oom_kills(self) -> int:
        """How many processes the kernel has killed for want of memory."""
        return 0

    def give_to(self, uid: int) -> None:  # noqa: ARG002
        """Let a user manage what is below the container's cgroup."""
        raise Unsupported("cgroup v1 cannot be delegated to a user safely")


def number_after(text: str, key: str) -> int:
    """The number in the line "*key* NUMBER" of a flat keyed file, 0 if there is none."""
    for line in text.split("\n"):
        name, _, number = line.partition(" ")
        if name == key and number.isdecimal():
            return int(number)
    return 0


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for *condition*; whether it came true in time. Looks often at first."""
    deadline, pause = time.monotonic() + seconds, 0.00005
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 2, 0.005)
    return True


def _hold(pid: int) -> int | None:
    """A pidfd, None if there is no such process. EINVAL and ENOENT: it is a thread, or its leader has ended (before 6.15)."""
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        if error.errno in (errno.ESRCH, errno.EINVAL, errno.ENOENT):
            return None
        raise KernelError(f"pidfd_open({pid})", error.errno or 0) from None


def _send(fd: int, pid: int, number: int) -> bool:
    """Whether there was somebody to get the signal."""
    try:
        _signal.pidfd_send_signal(fd, number)
    except ProcessLookupError:
        return False
    except OSError as error:
        raise KernelError(f"pidfd_send_signal({pid}, {number})", error.errno or 0) from None
    return True
