"""One more process in a running container."""

from __future__ import annotations

import os

from pyruntime.cgroups import cgroup_of
from pyruntime.container import lifecycle, own_cgroups, status
from pyruntime.container.create import (
    abandon,
    attended,
    caller_umask,
    check_descriptors,
    check_terminal,
    facts_for,
    filter_of,
    given,
    listen_fds,
)
from pyruntime.container.executor import Executor
from pyruntime.container.init_proc import InitProc
from pyruntime.container.launch import Launch
from pyruntime.container.sub_cgroups import directories, refuse_frozen
from pyruntime.errors import KernelError
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
    record = container.settled_record()
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
        status.after("exec", status.STOPPED)
        raise AssertionError("nothing can be executed in a stopped container")
    try:
        proc = InitProc(init.pid, pidfd, "exec")
        try:
            executor = Executor(inherit=(pidfd, proc.fd, *given(options)))
            try:
                plan = _decide(
                    container, root, prepared, program, options, asked_cgroups or {}, proc, executor
                )
            except BaseException:
                abandon(executor)
                raise
            for warning in plan.warnings:
                options.warn(warning)
            return _launch(plan, executor, spec, container, record, proc, options)
        finally:
            proc.close()
    finally:
        os.close(pidfd)


def _decide(
    container: Container,
    root: str,
    prepared: tuple[Record, Init, Spec],
    program: Process,
    options: Options,
    asked_cgroups: dict[str, str],
    proc: InitProc,
    executor: Executor,
) -> Plan:
    record, _, spec = prepared
    facts = facts_for({"process": program}, executor)
    request = _request(record, filter_of(spec, root, facts), options)
    own_cgroups.check(record, "exec")
    places = directories(record.cgroup_paths, asked_cgroups, proc, facts)
    refuse_frozen(record.cgroup_driver, record.cgroup_paths, places)
    target = _target(spec, record, proc, places)
    if facts.in_user_namespace or "user" in target.namespaces:
        facts.setgroups_denied = proc.read("setgroups").strip() == "deny"
    if request.filter is not None and request.filter.notify:
        state = encode(lifecycle.state(container))
        target.state = state.decode("utf-8", "surrogateescape")
    # All that was read until here was about init, not about a number that nobody has any more.
    proc.check()
    return plan_exec(program, spec, request, target, facts)


def _request(record: Record, filter: Filter | None, options: Options) -> Request:
    return Request(
        record.id,
        record.bundle,
        record.rootfs,
        filter=filter,
        console_socket=options.console_socket,
        console_fd=options.console_fd,
        console_size=options.console_size,
        pid_file=options.pid_file,
        preserve_fds=options.preserve_fds,
        listen_fds=listen_fds(),
        keyring=options.keyring,
        umask=caller_umask(),
    )


def _launch(
    plan: Plan,
    executor: Executor,
    spec: Spec,
    container: Container,
    record: Record,
    proc: InitProc,
    options: Options,
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
    attended(launch, options)
    try:
        launch.run()
        launch.finish()
    except KernelError as error:
        # Namespaces cannot be joined, nor a dead pid namespace cloned into: say why.
        if proc.has_ended():
            error.message = f"{status.TEXTS['exec', status.STOPPED]}: {error.message}"
        raise
    launch.executor.close()
    return launch


def _target(spec: Spec, record: Record, proc: InitProc, places: dict[str, str]) -> Target:
    unified = places.pop("", "")
    existing = record.cgroup_paths.get("") not in record.made_cgroups
    kinds = proc.namespaces(spec)
    target = Target(proc.pid, proc.pidfd, kinds, list(places.values()), unified, existing)
    target.directory_fd = proc.fd
    target.resctrl = record.resctrl
    target.user_unit = record.unit if record.user_unit else ""
    return target
