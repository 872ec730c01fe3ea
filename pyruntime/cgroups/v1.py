"""The driver for cgroup v1, also beside a cgroup2 mount (hybrid). cgroups(7), cgroup-v1/*.rst of the kernel."""

from __future__ import annotations

import os

from pyruntime.cgroups import files, walk
from pyruntime.cgroups.base import FREEZE_SECONDS, Cgroup, number_after, wait_until
from pyruntime.errors import Error, KernelError, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.cgroups.v2 import V2


REAL_TIME = ("cpu.rt_period_us", "cpu.rt_runtime_us")


class V1(Cgroup):
    """One directory per hierarchy; on a hybrid host one more, `unified`, in the cgroup2 mount."""

    driver = "v1"

    def __init__(self, paths: dict[str, str]) -> None:
        super().__init__(paths)
        self._unified: V2 | None = None
        self.by_controller = {
            controller: directory
            for key, directory in paths.items()
            if key
            for controller in key.split(",")
        }

    @property
    def unified(self) -> V2 | None:
        """The part in the cgroup2 mount; made when it is wanted, most verbs never want it."""
        if self._unified is None and "" in self.paths:
            from pyruntime.cgroups.v2 import V2

            self._unified = V2({"": self.paths[""]}, enable=False)
        return self._unified

    def _prepare(self, directory: str) -> None:
        if directory == self.by_controller.get("cpuset"):
            _fill_cpuset(directory)

    def write(self, directory: str, file: str, value: str) -> None:
        """Write one value; controllers of the cgroup2 mount are enabled when something is asked of them."""
        if directory == self.paths.get("") and self.unified is not None:
            self.unified.enable_controllers()
            self.unified.write(directory, file, value)
        else:
            if file in REAL_TIME:
                self._write_above(directory, file, value)
            super().write(directory, file, value)

    def _write_above(self, directory: str, file: str, value: str) -> None:
        """A new cgroup has no real-time for its children: what `make` made above *directory* gets as much as it."""
        for above in self.made:
            if directory.startswith(above + "/"):
                files.write(above, file, value)

    def kill(self) -> None:
        """SIGKILL for every process."""
        if self.unified is not None:
            # One write for all of them; what is frozen in v1 dies when it is thawed below.
            self.unified.kill()
        super().kill()

    def is_frozen(self) -> bool:
        """Whether every process is frozen."""
        directory = self.by_controller.get("freezer")
        if directory is None:
            return self.unified is not None and self.unified.is_frozen()
        return files.read_if_there(directory, "freezer.state") == "FROZEN"

    def is_held(self) -> bool:
        """Whether a cgroup above is frozen: a frozen task of v1 does not die, and thawing ours does not thaw it."""
        directory = self.by_controller.get("freezer")
        return (
            directory is not None
            and files.read_if_there(directory, "freezer.parent_freezing") == "1"
        )

    def freeze(self, member: int = 0) -> None:
        """Freeze every process, or none."""
        self._must_exist()
        super().freeze(member)

    def _must_exist(self) -> None:
        if not os.path.isdir(self._freezer()):
            raise Error(f"cannot pause: the container's cgroup {self._freezer()} has gone")

    def _freezer(self) -> str:
        directory = self.by_controller.get("freezer") or self.paths.get("")
        if directory is None:
            raise Unsupported("cannot pause: the freezer controller of cgroups is not mounted")
        return directory

    def thaw(self) -> None:
        """Let the processes go on."""
        directory = self.by_controller.get("freezer")
        if directory is not None:
            files.write(directory, "freezer.state", "THAWED")
        elif self.unified is not None:
            self.unified.thaw()

    def _freeze(self) -> bool:
        self._refuse_if_inside()
        directory = self.by_controller.get("freezer")
        if directory is None:
            return self.unified is not None and self.unified._freeze()
        for _ in range(10):
            if not _set(directory, "FROZEN"):
                return False
            if wait_until(self.is_frozen, FREEZE_SECONDS / 10):
                return True
            # A process that forks at the wrong moment can keep it FREEZING for ever: begin again.
            _set(directory, "THAWED")
        return False

    def _thaw_all(self) -> None:
        if self.unified is not None:
            self.unified._thaw_all()
        if "freezer" in self.by_controller:
            directory = self.by_controller["freezer"]
            for at in walk.walk(directory):
                _set(directory, "THAWED", at)

    def oom_kills(self) -> int:
        """How many processes the kernel has killed for want of memory. Counted since 4.13."""
        directory = self.by_controller.get("memory")
        if directory is None:
            return self.unified.oom_kills() if self.unified is not None else 0
        return number_after(files.read_if_there(directory, "memory.oom_control"), "oom_kill")


def _set(directory: str, state: str, at: int | None = None) -> bool:
    """Whether there is such a cgroup to freeze or thaw. *at*: the one below *directory* that is meant."""
    try:
        files.write(directory, "freezer.state", state, at)
    except KernelError as error:
        if error.errno in walk.GONE:
            return False
        raise
    return True


def _fill_cpuset(directory: str) -> None:
    """Without processors and memory nodes a new cpuset takes no process (ENOSPC): give it the parent's."""
    for file in ("cpuset.cpus", "cpuset.mems"):
        if files.read(directory, file):
            continue
        parent = os.path.dirname(directory)
        value = files.read(parent, file)
        if not value:
            _fill_cpuset(parent)
            value = files.read(parent, file)
        files.write(directory, file, value)
