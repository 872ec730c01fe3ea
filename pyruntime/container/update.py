"""update: new limits for the processes that a container has. Not an operation of the specification; runc's and crun's own.

What is asked goes over what `config.json` said at create, and has to be right as a whole: a limit of swap, for
instance, may need that of memory. It is done as a whole or not at all: in the cgroup's files, in what systemd knows,
and in the stored configuration, so that later reads are true.
"""

from __future__ import annotations

from pyruntime.cgroups import resources, undo
from pyruntime.container import own_cgroups, status
from pyruntime.container.lifecycle import spec_of, status_of
from pyruntime.container.own_cgroups import cgroup_for
from pyruntime.errors import Error, SpecError, Unsupported, note
from pyruntime.host import facts as host
from pyruntime.spec import load
from pyruntime.spec.normal import unknown
from pyruntime.spec.validate import validate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyruntime.cgroups.base import Cgroup
    from pyruntime.cgroups.write import Write
    from pyruntime.container.record import Record
    from pyruntime.container.store import Container

# Engines write 0, or an empty text, for what they do not change: as a limit neither means anything.
UNSET = {
    "memory": ("limit", "reservation", "swap", "kernel", "kernelTCP"),
    "cpu": ("shares", "quota", "period", "realtimeRuntime", "realtimePeriod", "cpus", "mems"),
    "blockIO": ("weight", "leafWeight"),
}
# What two entries of a list are about the same thing by.
KEYS = ("pageSize", "major", "minor", "name")


def update(container: Container, asked: object, warn: Callable[[str], None]) -> None:
    """Give *container* the limits in *asked*, an object as `linux.resources` is."""
    record = container.record()
    status.after("update", status_of(container, record, locked=True))
    own_cgroups.check(record, "update")
    spec: Any = spec_of(container)
    old = (spec.get("linux") or {}).get("resources") or {}
    given = _given(asked, old)
    new = merged(old, given)
    wanted = {**spec, "linux": {**(spec.get("linux") or {}), "resources": new}}
    for warning in validate(wanted):
        warn(warning)
    layout = host.cgroups(host.read("/proc/self/mountinfo"))
    where = resources.Where(layout, record.cgroup_paths)
    # Only what is asked is written: the rest may have been changed by others, for good reasons.
    writes = resources.writes({name: new[name] for name in given}, where)
    change = Change(record, cgroup_for(record), writes)
    try:
        change.make()
        container.write("config.json", load.encode(wanted))
    except BaseException as error:
        change.take_back(error)
        raise


def _given(asked: object, old: dict[str, Any]) -> dict[str, Any]:
    """The sections of *asked* that say anything."""
    if not isinstance(asked, dict):
        raise SpecError("", "must be an object, as linux.resources is")
    for pointer in unknown(asked, "resources", "/linux/resources"):
        raise SpecError(pointer, "is not known: it would limit nothing")
    given = {}
    for name, value in asked.items():
        if name == "devices":
            if value and value != old.get("devices"):
                # They restrict: an update that leaves them as they were must not look like one that did it.
                raise Unsupported("/linux/resources/devices: update does not change device rules")
            continue
        if isinstance(value, dict):
            unset = UNSET.get(name, ())
            value = {
                key: v for key, v in value.items() if v is not None and (v or key not in unset)
            }
        if value not in (None, {}, []):
            given[name] = value
    memory = given.get("memory")
    if isinstance(memory, dict) and memory.get("limit") == -1:
        # A limit of memory and swap would be one of memory, and the configuration's may be meant by nobody any more.
        given["memory"] = {"swap": -1, **memory}
    return given


def merged(old: Any, new: Any) -> Any:
    """*new* over *old*: objects by their members, lists of objects by what each is about; anything else is replaced."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{name: merged(old.get(name), value) for name, value in new.items()}}
    if isinstance(old, list) and isinstance(new, list):
        about = [_about(entry) for entry in new]
        return [*[entry for entry in old if _about(entry) not in about], *new]
    return new


def _about(entry: object) -> object:
    return [entry.get(key) for key in KEYS] if isinstance(entry, dict) else entry


class Change:
    """The writes of one update, and what was there before them."""

    def __init__(self, record: Record, cgroup: Cgroup, writes: list[Write]) -> None:
        self.record = record
        self.cgroup = cgroup
        self.writes = writes
        self.before = undo.before(writes)
        self.told = False

    def make(self) -> None:
        """systemd first: it rounds what it writes, and has to know, or it would take it back at its next reload."""
        for write in self.writes:
            self.cgroup.check_usage(write)
        self._tell(self.writes)
        self.cgroup.apply(self.writes)

    def _tell(self, writes: list[Write]) -> None:
        if self.record.unit:
            from pyruntime.container.unit import tell

            self.told = True
            tell(self.record, writes)

    def take_back(self, error: BaseException) -> None:
        """Everything as it was; how that went becomes notes on *error*."""
        notes = []
        if self.told:
            try:
                self._tell(self.before)
            except Error as failed:
                notes.append(f"systemd was not told what holds again: {failed}")
        changed, complaints = undo.put_back(self.cgroup, self.before)
        notes += complaints
        if not notes and changed:
            notes = ["what had been changed is as it was before"]
        for each in notes:
            note(error, each)
