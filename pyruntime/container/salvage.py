"""`delete --force` of a container whose files are damaged: what can still be read is used, or it refuses.

Nothing is removed as long as a process of the container may live that nobody could find afterwards.
"""

from __future__ import annotations

import os

from pyruntime.cgroups import cgroup_of
from pyruntime.cgroups.placement import placement
from pyruntime.container.own_cgroups import cgroup_for, made_by, note
from pyruntime.container.record import Record
from pyruntime.errors import Error, KernelError
from pyruntime.host import facts as host
from pyruntime.spec import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyruntime.cgroups.base import Cgroup
    from pyruntime.container.store import Container

KILLED_S = 10.0


def record_again(container: Container, error: Error) -> Record:
    """What record.json must have said, from config.json and the kernel; *error* says what is wrong with the file."""
    try:
        name = f"{container.path}/config.json"
        spec: Any = load.decode(container.read("config.json"), name=name)
        namespaces = [each["type"] for each in spec["linux"]["namespaces"]]
        placed = placement(spec, container.id, host.collect(frozenset(), 0))
    except KernelError:
        raise
    except (Error, OSError, KeyError, TypeError, ValueError) as second:
        raise _refusal(container, error, f"config.json does not help ({second})") from None
    if "mount" not in namespaces:
        raise _refusal(container, error, "its mounts, in the runtime's namespace, are not known")
    cgroup = cgroup_of(placed.driver, placed.paths)
    _check_members(container, error, cgroup, shares_pids="pid" not in namespaces)
    record = Record(
        id=container.id,
        oci_version=str(spec.get("ociVersion")),
        bundle="/",
        rootfs="/",
        created="",
        namespaces=namespaces,
        cgroup_driver=placed.driver,
        cgroup_paths=placed.paths,
        made_cgroups=list(placed.paths.values()),
    )
    note(record, placed.paths.values())
    return record


def _check_members(
    container: Container, error: Error, cgroup: Cgroup, *, shares_pids: bool
) -> None:
    """The cgroups that config.json names are the container's if init is in there, or if nobody is."""
    try:
        init = container.init()
    except KernelError:
        raise
    except Error:
        raise _refusal(container, error, "the file init is damaged too") from None
    members = cgroup.processes()
    alive = init is not None and init.is_alive()
    if alive and init is not None and init.pid not in members:
        raise _refusal(container, error, f"its cgroups are not those of init, process {init.pid}")
    if not alive and shares_pids and not any(map(os.path.isdir, cgroup.paths.values())):
        raise _refusal(container, error, "its cgroups, where its processes may live, are not found")
    if not alive and members:
        raise _refusal(
            container, error, f"process {min(members)} is in its cgroup, and init is gone"
        )


def _refusal(container: Container, error: Error, why: str) -> Error:
    return Error(
        f"{error}: and {why}, so nothing is removed",
        hint=f"end what is left of the container by hand, then remove {container.path}",
    )


def without_init(container: Container, record: Record) -> None:
    """Where the file init is damaged: end all that is in the cgroups, which the record knows to be the container's own."""
    own = set(record.cgroup_paths.values())
    if not own or not own <= set(made_by(record)) or not record.inodes:
        error = Error(f"{container.path}/init: damaged")
        raise _refusal(container, error, "the container has no cgroup of its own to find it by")
    cgroup_for(record).kill()
    container.unlink("init")
