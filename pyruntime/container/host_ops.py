"""The ops of the host side (plan/ops.py says what they mean): one function each, in the runtime's namespaces."""

from __future__ import annotations

import errno
import os

from pyruntime.container.own_cgroups import note
from pyruntime.errors import Error, KernelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyruntime.cgroups.base import Cgroup
    from pyruntime.container.launch import Launch


def make_cgroups(launch: Launch, *_directories: str) -> None:
    """The directories, and whatever of their parents is missing."""
    cgroup = launch.cgroup
    by_systemd = launch.placement is not None and launch.placement.unit is not None
    launch.on_failure(lambda: cgroup.unmake(cgroup.made))
    cgroup.make(launch.executor.pid if by_systemd else 0)
    # Not before it is made: it may be somebody else's, who must not be killed.
    launch.on_failure(cgroup.kill)
    record = launch.record
    if record is not None:
        # What was found instead of made, because somebody was quicker, is not ours to remove.
        record.made_cgroups = record.made_cgroups if by_systemd else cgroup.made
        note(record, [*cgroup.paths.values(), *record.made_cgroups])
        launch.container.write_record(record)


def remove_cgroups(cgroup: Cgroup, made: list[str]) -> None:
    """Kill who is in there, and remove what was made; a parent that somebody has moved into stays."""
    cgroup.kill()
    cgroup.unmake(made)


def write_cgroup(launch: Launch, _directory: str, _file: str, _value: str, index: int) -> None:
    """One value; one that is refused waits for `settle_cgroups`."""
    assert launch.placement is not None
    write = launch.placement.writes[index]
    again = launch.cgroup.try_write(write)
    if again is not None:
        launch.refused.append(again)


def check_usage(launch: Launch, _directory: str, _usage: str, _limit: str, index: int) -> None:
    """Before the first write, or what was written by then would stay."""
    assert launch.placement is not None
    launch.cgroup.check_usage(launch.placement.writes[index])


def settle_cgroups(launch: Launch) -> None:
    """The refused ones."""
    launch.cgroup.apply(launch.refused)


def give_cgroup(launch: Launch, _directory: str, uid: int) -> None:
    """Specification, "Cgroup ownership"."""
    launch.cgroup.give_to(uid)


def write_id_map(launch: Launch, kind: str, maps: str) -> None:
    """In one write(2), as the kernel wants it."""
    _write_proc(
        f"/proc/{launch.pid}/{kind}", maps, "the runtime may give on only ids that it has itself"
    )


def map_ids(launch: Launch, program: str, maps: str) -> None:
    """newuidmap(1), newgidmap(1)."""
    from pyruntime.container import id_helpers

    id_helpers.run(program, launch.pid, maps)


def deny_setgroups(launch: Launch) -> None:
    """Before the gid_map."""
    _write_proc(f"/proc/{launch.pid}/setgroups", "deny", "")


def _write_proc(path: str, value: str, hint: str) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, value.encode())
        finally:
            os.close(fd)
    except OSError as error:
        call = f"write({path}, {value.strip()!r})"
        raise KernelError(call, error.errno or 0, hint=hint) from None


def prlimit(launch: Launch, resource: int, soft: int, hard: int) -> None:
    """prlimit(2)."""
    from resource import prlimit as call

    limits = (_limit(soft), _limit(hard))
    try:
        call(launch.pid, resource, limits)
    except OSError as error:
        text = f"prlimit({launch.pid}, {resource}, {soft}, {hard})"
        hint = "raising a hard limit needs CAP_SYS_RESOURCE" if error.errno == errno.EPERM else ""
        raise KernelError(text, error.errno or 0, hint=hint) from None
    except ValueError as error:
        raise Error(f"prlimit: {error}") from None


def _limit(value: int) -> int:
    """As Python has it: -1 is resource.RLIM_INFINITY, and nothing is between that and the largest signed number."""
    if 2**63 <= value < 2**64 - 1:
        raise Error(
            f"a limit of {value} cannot be set in a user namespace: from 2^63 on only 2^64-1"
        )
    return -1 if value == 2**64 - 1 else value


def move_interface(launch: Launch, name: str, new_name: str) -> None:
    """rtnetlink(7)."""
    from pyruntime.container import net_devices

    net_devices.move_interface(launch, name, new_name)


def run_hook(launch: Launch, kind: str, index: int) -> None:
    """prestart and createRuntime: the container's environment is there, its root is not entered."""
    from pyruntime.container import hooks

    hook = launch.spec["hooks"][kind][index]  # type: ignore[literal-required]
    state = hooks.state_of(launch.spec, launch.container.id, launch.bundle, "creating", launch.pid)
    hooks.run(hook, f"{kind} hook #{index}", state, launch.bundle)


def save_record(launch: Launch) -> None:
    """The moment from which the container is created."""
    if launch.init is None:
        raise Error("container init ended")
    launch.container.write_init(launch.init)


def write_pid_file(launch: Launch, path: str) -> None:
    """Decimal, no newline (go-runc's Atoi), whole or not at all."""
    directory, _, name = path.rpartition("/")
    temporary = f"{directory}/.{name}" if directory else f".{name}"

    made = [temporary]

    def remove() -> None:
        for file in made:
            try:
                os.unlink(file)
            except FileNotFoundError:
                pass

    launch.on_failure(remove)
    try:
        os.unlink(temporary)
    except FileNotFoundError:
        pass
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, str(launch.pid).encode())
    finally:
        os.close(fd)
    os.rename(temporary, path)
    made.append(path)  # not before: what is there may be somebody's


def _resctrl(name: str) -> Callable[..., None]:
    """An op of linux.intelRdt: its module is loaded when one is done."""

    def do(launch: Launch, *args: str) -> None:
        from pyruntime.container import resctrl

        getattr(resctrl, name)(launch, *args)

    return do


def _unit(name: str) -> Callable[..., None]:
    """An op of the systemd driver, in the same way."""

    def do(launch: Launch, *args: str) -> None:
        from pyruntime.container import unit

        getattr(unit, name)(launch, *args)

    return do


HOST_OPS: dict[str, Callable[..., Any]] = {
    "start_unit": _unit("start_unit"),
    "set_unit": _unit("set_unit"),
    "attach_to_unit": _unit("attach_to_unit"),
    "make_cgroups": make_cgroups,
    "write_cgroup": write_cgroup,
    "check_usage": check_usage,
    "settle_cgroups": settle_cgroups,
    "give_cgroup": give_cgroup,
    "write_id_map": write_id_map,
    "map_ids": map_ids,
    "deny_setgroups": deny_setgroups,
    "prlimit": prlimit,
    "move_interface": move_interface,
    "lock_resctrl": _resctrl("lock_resctrl"),
    "unlock_resctrl": _resctrl("unlock_resctrl"),
    "make_resctrl": _resctrl("make_resctrl"),
    "find_resctrl": _resctrl("find_resctrl"),
    "write_schemata": _resctrl("write_schemata"),
    "make_monitoring": _resctrl("make_monitoring"),
    "join_resctrl": _resctrl("join_resctrl"),
    "run_hook": run_hook,
    "save_record": save_record,
    "write_pid_file": write_pid_file,
}
