"""The container's unit of systemd: where it puts the container, its host steps, its end."""

from __future__ import annotations

from pyruntime.cgroups import files, systemd, systemd_placement
from pyruntime.cgroups.systemd_bus import BusError
from pyruntime.cgroups.systemd_properties import from_writes
from pyruntime.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyruntime.cgroups.placement import Placement
    from pyruntime.cgroups.systemd import Manager
    from pyruntime.cgroups.write import Write
    from pyruntime.container.launch import Launch
    from pyruntime.container.record import Record
    from pyruntime.facts import Facts

_open: dict[bool, Manager] = {}
"""The connection that `place` made and `start_unit` will use. None is kept longer: its signals would pile up."""


def _manager(*, user: bool) -> Manager:
    return _open.pop(user, None) or systemd.connect(user=user)


def place(spec: dict[str, Any], id: str, facts: Facts) -> Placement:
    """The cgroups as systemd will make them: the system's, or without root's powers the user's own."""
    manager = _manager(user=facts.rootless)
    _open[manager.user] = manager
    return systemd_placement.placement(spec, id, facts, manager.facts())


def start_unit(launch: Launch, name: str, *_properties: str) -> None:
    """The scope, with the executor in it: it clones init there, and ends."""
    assert launch.placement is not None
    unit = launch.placement.unit
    assert unit is not None
    manager = _manager(user=unit.user)
    try:
        job = manager.start(name, unit.properties, launch.executor.pid)
    except BusError as error:
        # systemd names the property that it does not know, or not with such a value.
        for one in unit.properties:
            if one.origin.startswith("annotations") and one.name in error.message:
                error.context.append(one.origin)
        raise
    launch.on_failure(lambda: stop(name, user=unit.user))
    manager.wait(job, f"start {name}")
    paths = launch.placement.paths
    directory = paths.get("name=systemd") or paths[""]
    if launch.executor.pid not in files.processes(directory):
        raise Error(
            f"systemd has started {name}, but not in {directory}",
            hint="it sees other cgroups than the runtime: are they in one cgroup namespace?",
        )


def set_unit(launch: Launch, name: str, *_properties: str) -> None:
    """What has to wait until the executor has left the scope."""
    assert launch.placement is not None
    unit = launch.placement.unit
    assert unit is not None
    _manager(user=unit.user).set(name, unit.late)
    # systemd has written its own, rounded, idea of the others.
    late = {one.origin for one in unit.late}
    launch.cgroup.apply([one for one in launch.placement.writes if one.origin not in late])


def tell(record: Record, writes: list[Write]) -> None:
    """Limits that change later: what systemd is not told it takes back at its next reload."""
    manager = _manager(user=record.user_unit)
    unified = record.cgroup_driver == "v2"
    properties = from_writes(writes, manager.facts().version, unified=unified)
    if properties:
        manager.set(record.unit, properties)


def attach_to_unit(launch: Launch, name: str) -> None:
    """The executor of an exec, whose user may not move it there."""
    _manager(user=True).attach(name, launch.executor.pid)


def stop(name: str, *, user: bool) -> None:
    """The end of the scope and of whoever is in it."""
    _manager(user=user).stop(name)


def stop_of(record: Record) -> list[str]:
    """The end of a container's scope; what went wrong, for its cgroup can be removed without systemd."""
    try:
        stop(record.unit, user=record.user_unit)
    except Error as error:
        return [f"the unit {record.unit} was not stopped: {error}"]
    return []
