"""What is done to a container that exists: start, state, kill, pause, resume, delete. runtime.md, "Operations"."""

from __future__ import annotations

import os

from pyruntime import SPEC_VERSION
from pyruntime.cgroups.base import Cgroup
from pyruntime.container import own_cgroups, status
from pyruntime.container.own_cgroups import cgroup_for
from pyruntime.container.store import Container
from pyruntime.errors import Error, HookError, KernelError, NotFound, WrongState
from pyruntime.spec import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyruntime.container.process import Init
    from pyruntime.container.record import Record
    from pyruntime.spec.types import Spec

KILL_TIMEOUT_S = 10.0
SIGKILL = 9


def status_of(container: Container, record: Record, *, locked: bool = False) -> str:
    """The status; a live container is paused when its cgroup is frozen."""
    found = container.status(locked=locked)
    if found in (status.CREATED, status.RUNNING) and cgroup_for(record).is_frozen():
        return status.PAUSED
    return found


def state(container: Container) -> dict[str, Any]:
    """The state: what the specification names, nothing else. state-schema.json."""
    record = container.settled_record()
    found = status_of(container, record)
    init = container.init()
    return {
        "ociVersion": SPEC_VERSION,
        "id": container.id,
        "pid": init.pid if init is not None and found != status.STOPPED else 0,
        "status": found,
        "bundle": record.bundle,
        "annotations": record.annotations,
    }


def spec_of(container: Container) -> Spec:
    """config.json as it was at create."""
    name = f"{container.path}/config.json"
    try:
        spec = load.decode(container.read("config.json"), name=name)
    except FileNotFoundError:
        if container.is_removed():
            raise NotFound("container does not exist") from None
        raise Error(f"{name}: missing") from None
    if not isinstance(spec, dict):
        raise Error(f"{name}: damaged: no object")
    return spec  # type: ignore[return-value]


def live_init(container: Container, action: str) -> Init:
    """Init, or WrongState in the words of *action* on a stopped container."""
    init = container.init()
    if init is None:
        status.after(action, status.STOPPED)
        raise WrongState("container not running")
    return init


def start(container: Container) -> None:
    """Let the program begin; returns when execve has happened and poststart hooks have run."""
    record = container.record()
    status.after("start", status_of(container, record, locked=True))
    spec = spec_of(container)
    init = live_init(container, "start")
    if spec.get("process") is None:
        # It can never be started, so it does not stay created: what is left to do is to delete it.
        init.signal(SIGKILL)
        init.wait(KILL_TIMEOUT_S)
        raise Error("cannot start a container without a process: config.json has none")
    from pyruntime.container.starting import release

    try:
        release(container, init, cgroup_for(record))
    except HookError as error:
        error.notes += destroy(container, record, force=True)
        raise
    container.unlink("start.fifo")
    if (spec.get("hooks") or {}).get("poststart"):
        _poststart(container, record, spec, init)


def _poststart(container: Container, record: Record, spec: Spec, init: Init) -> None:
    """As with startContainer hooks a failure stops the container: steps 12 and 13 of the lifecycle follow."""
    from pyruntime.container import hooks

    given = hooks.state_of(spec, container.id, record.bundle, status.RUNNING, init.pid)
    try:
        hooks.run_all(spec, "poststart", given, record.bundle)
    except Error as error:
        error.notes += destroy(container, record, force=True)
        raise


def kill(container: Container, number: int, *, every: bool) -> None:
    """Send a signal to init, or to every process of the container."""
    record = container.settled_record()
    cgroup = cgroup_for(record)
    found = status_of(container, record)
    if every:
        # Also for a stopped one: without a pid namespace init may have left processes behind.
        _kill_all(container, record, number, found)
        return
    status.after("kill", found)
    init = live_init(container, "kill")
    if not init.signal(number):
        raise WrongState("container not running")
    if number == SIGKILL:
        _let_die(record, cgroup, found)


def _let_die(record: Record, cgroup: Cgroup, found: str) -> None:
    """SIGKILL means the whole container, and a frozen task of v1 does not die."""
    if "pid" not in record.namespaces:
        cgroup.kill()
    elif found == status.PAUSED:
        cgroup.thaw()


def _kill_all(container: Container, record: Record, number: int, found: str) -> None:
    """Engines ask for it at each end of a container that shares its pid namespace: nobody left is no error."""
    cgroup = cgroup_for(record)
    if number == SIGKILL and cgroup.processes():
        cgroup.kill()
        return
    if cgroup.signal(number) or found == status.STOPPED:
        return
    status.after("kill", found)
    if not live_init(container, "kill").signal(number):
        return
    if number != SIGKILL or "pid" not in record.namespaces:
        raise Error(
            "only the container's init was sent the signal",
            hint="it is in no cgroup of the container, so its other processes are not known",
        )


def pause(container: Container) -> None:
    """Freeze every process."""
    record = container.record()
    status.after("pause", status_of(container, record, locked=True))
    own_cgroups.check(record, "pause")
    cgroup_for(record).freeze(live_init(container, "pause").pid)


def resume(container: Container) -> None:
    """Let them go on."""
    record = container.record()
    status.after("resume", status_of(container, record, locked=True))
    cgroup_for(record).resume()


def delete(container: Container, *, force: bool) -> list[str]:
    """Remove the container; what its poststop hooks complained of."""
    try:
        record = container.record()
    except KernelError:
        raise
    except Error as error:
        if container.is_begun():
            # Its creation was cut short before anything else was made.
            container.remove()
            return []
        if not force:
            raise
        from pyruntime.container.salvage import record_again

        record = record_again(container, error)
    if force and _is_damaged(container):
        from pyruntime.container.salvage import without_init

        without_init(container, record)
    found = status_of(container, record, locked=True)
    status.after("delete --force" if force else "delete", found)
    return destroy(container, record, force=force)


def _is_damaged(container: Container) -> bool:
    """Whether it cannot be known any more who init is."""
    try:
        container.init()
    except KernelError:
        raise
    except Error:
        return True
    return False


def _readable_spec(container: Container, record: Record, *, force: bool) -> tuple[Spec | None, str]:
    """config.json, or why it is not to be had where that does not matter: it tells the poststop hooks, and the mounts of a
    container that made them in the runtime's own namespace."""
    try:
        return spec_of(container), ""
    except KernelError:
        raise
    except Error as error:
        if not force or "mount" not in record.namespaces:
            raise
        return None, f"{error}: no poststop hook is run"


def destroy(container: Container, record: Record, *, force: bool) -> list[str]:
    """Undo create: processes, cgroups, the directory; then the poststop hooks, whose failures are only warnings."""
    from pyruntime.container.host_ops import remove_cgroups

    spec, lost = _readable_spec(container, record, force=force)
    init = container.init()
    cgroup = cgroup_for(record)
    if force and init is not None:
        init.signal(SIGKILL)
        if cgroup.is_frozen():
            cgroup.thaw()
            if cgroup.is_held():
                raise Error(
                    "a cgroup above the container's is frozen, so its processes cannot die",
                    hint="thaw that cgroup; SIGKILL has been sent, delete the container then",
                )
    failures = [lost] if lost else []
    if init is not None or record.inodes:
        if record.unit and cgroup.paths:
            failures += _stop_unit(record, cgroup)
        remove_cgroups(cgroup, own_cgroups.made_by(record))
    else:
        # Its creation was cut short before it had the cgroups, which may be another container's: only what is empty goes.
        Cgroup({}).unmake(record.made_cgroups)
    if init is not None and not init.wait(KILL_TIMEOUT_S):
        raise Error(
            f"container init (pid {init.pid}) still running {KILL_TIMEOUT_S:.0f} s after SIGKILL"
        )
    if record.made_resctrl:
        from pyruntime.container import resctrl

        resctrl.remove_made(record)
    if spec is not None and "mount" not in record.namespaces:
        from pyruntime.container.shared_mounts import unmount_all

        unmount_all(spec, record.rootfs)
    container.remove()
    if spec is not None:
        failures += run_poststop(spec, container.id, record.bundle)
    return failures


def _stop_unit(record: Record, cgroup: Cgroup) -> list[str]:
    """The end of what systemd has made; it would give processes time to end by themselves."""
    from pyruntime.container.unit import stop_of

    cgroup.kill()
    return stop_of(record)


def run_poststop(spec: Spec, id: str, bundle: str) -> list[str]:
    """Every poststop hook, whatever the others did; their failures as text."""
    failures: list[str] = []
    hooks_of_kind = (spec.get("hooks") or {}).get("poststop") or ()
    if not hooks_of_kind:
        return failures
    from pyruntime.container import hooks

    given = hooks.state_of(spec, id, bundle, status.STOPPED, 0)
    directory = bundle if os.path.isdir(bundle) else "/"
    for index, hook in enumerate(hooks_of_kind):
        try:
            hooks.run(hook, f"poststop hook #{index}", given, directory)
        except Error as error:
            failures.append(str(error))
    return failures
