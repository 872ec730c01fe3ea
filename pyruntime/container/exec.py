"""One more process in a running container."""

from __future__ import annotations

import os

from pyruntime.cgroups import cgroup_of
from pyruntime.container import lifecycle, status
from pyruntime.container.create import (
    abandon,
    caller_umask,
    check_descriptors,
    check_terminal,
    facts_for,
    filter_of,
    listen_fds,
)
from pyruntime.container.executor import Executor
from pyruntime.container.launch import Launch
from pyruntime.container.sub_cgroups import directories, refuse_frozen
from pyruntime.errors import WrongState
from pyruntime.host import facts as host
from pyruntime.linux.namespaces import TYPES
from pyruntime.plan.exec import Target, check
from pyruntime.plan.exec import exec as plan_exec
from pyruntime.plan.request import Request
from pyruntime.spec.load import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.container.create import Options
    from pyruntime.container.process import Init
    from pyruntime.container.record import Record
    from pyruntime.container.store import Container
    from pyruntime.plan.step import Plan
    from pyruntime.seccomp.filter import Filter
    from pyruntime.spec.types import Process, Spec


def prepare(container: Container, *, ignore_paused: bool) -> tuple[Record, Init, Spec]:
    """What an exec needs to know of a container that it may join."""
    record = container.record()
    found = lifecycle.status_of(container, record)
    if found == status.PAUSED and ignore_paused:
        found = status.RUNNING
    status.after("exec", found)
    init = lifecycle.live_init(container, "exec")
    return record, init, lifecycle.spec_of(container)


def execute(
    container: Container,
    root: str,
    prepared: tuple[Record, Init, Spec],
    program: Process,
    options: Options,
    asked_cgroups: dict[str, str] | None = None,
) -> Launch:
    """Start *program* in the container; it has become its program when this returns. *asked_cgroups*: sub_cgroups.parse."""
    record, init, spec = prepared
    check(program)
    check_descriptors(options.preserve_fds)
    check_terminal({"process": program}, options)
    pidfd = init.open()
    if pidfd is None:
        raise WrongState("cannot exec in a stopped container")
    executor = Executor(inherit=(pidfd,))
    try:
        facts = facts_for({"process": program}, executor)
        request = _request(record, filter_of(spec, root, facts), options)
        places = directories(record.cgroup_paths, asked_cgroups or {}, init.pid, facts)
        refuse_frozen(record.cgroup_driver, record.cgroup_paths, places)
        existing = record.cgroup_paths.get("") not in record.made_cgroups
        target = _target(init, pidfd, places, existing=existing)
        target.resctrl = record.resctrl
        target.user_unit = record.unit if record.user_unit else ""
        if facts.in_user_namespace or "user" in target.namespaces:
            facts.setgroups_denied = host.read(f"/proc/{init.pid}/setgroups").strip() == "deny"
        if request.filter is not None and request.filter.notify:
            state = encode(lifecycle.state(container))
            target.state = state.decode("utf-8", "surrogateescape")
        plan = plan_exec(program, spec, request, target, facts)
    except BaseException:
        abandon(executor)
        raise
    finally:
        os.close(pidfd)
    for warning in plan.warnings:
        options.warn(warning)
    return _launch(plan, executor, spec, container, record)


def _request(record: Record, filter: Filter | None, options: Options) -> Request:
    return Request(
        record.id,
        record.bundle,
        record.rootfs,
        filter=filter,
        console_socket=options.console_socket,
        console_size=options.console_size,
        pid_file=options.pid_file,
        preserve_fds=options.preserve_fds,
        listen_fds=listen_fds(),
        keyring=options.keyring,
        umask=caller_umask(),
    )


def _launch(
    plan: Plan, executor: Executor, spec: Spec, container: Container, record: Record
) -> Launch:
    launch = Launch(
        plan,
        executor,
        spec,
        container=container,
        bundle=record.bundle,
        rootfs=record.rootfs,
        cgroup=cgroup_of("none", {}),
    )
    launch.run()
    launch.finish()
    launch.executor.close()
    return launch


def _target(init: Init, pidfd: int, places: dict[str, str], *, existing: bool) -> Target:
    unified = places.pop("", "")
    kinds = namespaces_of(init.pid)
    return Target(init.pid, pidfd, kinds, list(places.values()), unified, existing)


def namespaces_of(pid: int) -> list[str]:
    """The types of namespaces in which *pid* is elsewhere than we are; joining one's own is an error for some."""
    found = []
    for name, (_, file) in TYPES.items():
        # The pid namespace that a process is in, not the one of its children.
        try:
            there, here = os.stat(f"/proc/{pid}/ns/{file}"), os.stat(f"/proc/self/ns/{file}")
        except FileNotFoundError:
            continue  # a type that this kernel does not have
        if there.st_ino != here.st_ino or there.st_dev != here.st_dev:
            found.append(name)
    return found
