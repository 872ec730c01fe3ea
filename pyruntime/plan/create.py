"""The order of a create. This function is the only place where it is decided; it reads from top to bottom.

Host steps before the clone run first, then the executor; those after it are barriers, at which init waits.
"""

from __future__ import annotations

import os

from pyruntime.plan import (
    cgroup,
    devices,
    hooks,
    identity,
    idmapped,
    mount_ops,
    mounts,
    namespaces,
    ops,
    process,
    rootfs,
    scheduling,
)
from pyruntime.plan.mount_attributes import is_classic
from pyruntime.plan.step import ENTRY, HOST, INSIDE, Plan, Step
from pyruntime.spec.sysctl import sysctl_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.facts import Facts
    from pyruntime.plan.request import Request
    from pyruntime.spec.types import Process, Spec


def create(spec: Spec, request: Request, facts: Facts) -> Plan:
    """Everything from nothing to the container's program, or to its waiting for `start`."""
    _check(spec, facts)
    plan, program = Plan(), spec.get("process")
    plan += cgroup.make(request)
    plan += _resctrl(spec, request, facts)
    plan += _enter(spec, request, facts)
    plan += namespaces.id_maps(spec, facts)  # before any file is made: the kernel maps its owner
    plan += cgroup.join(request)  # before the cgroup namespace: it becomes the visible root
    plan += _outside(spec, request, facts)
    plan += namespaces.late(spec)
    plan += process.session(program, request)
    # The rootfs and the sources of binds are looked up as the runtime's own user, who may reach more than
    # the container's root; whatever is then made in the rootfs belongs to the latter.
    plan += rootfs.prepare(spec, request, facts)
    plan += _open_sources(spec, request, facts)
    if namespaces.has(spec, "user"):
        plan += [Step(INSIDE, ops.become_root(), "linux.uidMappings")]
    plan += namespaces.loopback(spec)
    plan += mounts.all_of(spec, request, facts)
    plan.warnings += mounts.warnings(spec, facts)
    plan += devices.all_of(spec, facts)
    plan += _sysctl(spec)  # before the runtime's /proc is out of reach
    plan += hooks.on_host(spec, "prestart")
    plan += hooks.on_host(spec, "createRuntime")  # the mounts are there, the root is not entered
    plan += hooks.inside(spec, request, "createContainer", "creating")
    plan += rootfs.hide(spec, facts)
    plan += rootfs.enter(spec, request)
    if program is not None:
        plan += [Step(INSIDE, mount_ops.make_directory(program["cwd"]), "process.cwd")]
        plan += process.console(program, spec, request)
        plan += identity.labels(program, facts) + process.variables(program, request)
    plan += mounts.readonly(spec, facts)
    plan += rootfs.readonly(spec, facts)
    plan += _names(spec, INSIDE)
    plan += process.close_fds(request)  # before chdir: CVE-2024-21626
    if program is not None:
        _become_program(plan, program, spec, request, facts)
    plan += _publish(program, spec, request)
    plan += process.start(program, spec, request, facts)
    return plan


def _check(spec: Spec, facts: Facts) -> None:
    namespaces.check(spec, facts)
    mounts.check_label(spec, facts)


def _enter(spec: Spec, request: Request, facts: Facts) -> list[Step]:
    """Up to the clone: open what is needed from the runtime's namespaces, then leave them."""
    program = spec.get("process")
    steps = [Step(ENTRY, ops.open_proc())]
    if request.fifo:
        steps.append(Step(ENTRY, ops.open(request.slots.new("fifo"), request.fifo, os.O_RDWR)))
    steps += cgroup.open_all(request, facts, joins_namespace=namespaces.joins(spec, "cgroup"))
    if program is not None:
        steps += process.connect_console(program, request)
        steps += process.own_pipes(program, spec, request)
        steps += identity.oom_score(program)
        steps += _reach_agent(spec, request)
    steps += idmapped.open_all(spec, request, facts)
    steps += namespaces.join(spec, request, facts)
    steps += _names(spec, ENTRY)
    return steps + namespaces.clone(spec, request, facts)


def _reach_agent(spec: Spec, request: Request) -> list[Step]:
    if request.filter is None or not request.filter.notify:
        return []
    from pyruntime.plan import notify

    return notify.connect(request, notify.state_of_new(spec, request))


def _resctrl(spec: Spec, request: Request, facts: Facts) -> list[Step]:
    if "intelRdt" not in spec.get("linux", {}):
        return []
    from pyruntime.plan import intel_rdt

    groups = intel_rdt.groups_of(spec, request.id, facts)
    return [] if groups is None else intel_rdt.make(groups)


def _outside(spec: Spec, request: Request, facts: Facts) -> list[Step]:
    """What the host does to init once it is in its namespaces and cgroups; few containers want it."""
    linux, steps = spec.get("linux", {}), []
    if "intelRdt" in linux:
        from pyruntime.plan import intel_rdt

        groups = intel_rdt.groups_of(spec, request.id, facts)
        steps += intel_rdt.join([] if groups is None else groups.joined)
    if linux.get("netDevices"):
        from pyruntime.plan import net_devices

        steps += net_devices.move(spec, facts)
    return steps


def _open_sources(spec: Spec, request: Request, facts: Facts) -> list[Step]:
    if not namespaces.has(spec, "user") or is_classic(facts):
        return []
    steps = []
    for index, mount in enumerate(spec.get("mounts") or ()):
        options = mount.get("options") or []
        if (
            request.slots.of(f"mounts[{index}]") is None
            and mount.get("source")
            and ("bind" in options or "rbind" in options or mount.get("type") == "bind")
        ):
            if "remount" in options:
                continue
            slot = request.slots.new(f"mounts[{index}]")
            source = os.path.normpath(os.path.join(request.bundle, mount["source"]))
            op = mount_ops.open_tree(slot, source, recursive="rbind" in options)
            steps.append(Step(INSIDE, op, f"mounts[{index}] {mount['destination']}"))
    return steps


def _sysctl(spec: Spec) -> list[Step]:
    return [
        Step(INSIDE, ops.sysctl(f"sys/{sysctl_path(key)}", value), f"linux.sysctl {key}")
        for key, value in (spec.get("linux", {}).get("sysctl") or {}).items()
    ]


def _names(spec: Spec, side: str) -> list[Step]:
    """Inside, or before the clone: the powers that join a UTS namespace end where a new user namespace begins."""
    joined = namespaces.has(spec, "uts") and not namespaces.is_new(spec, "uts")
    if (side == ENTRY) != (joined and namespaces.is_new(spec, "user")):
        return []
    steps = []
    if spec.get("hostname"):
        steps.append(Step(side, ops.sethostname(spec["hostname"]), "hostname"))
    if spec.get("domainname"):
        steps.append(Step(side, ops.setdomainname(spec["domainname"]), "domainname"))
    return steps


def _become_program(
    plan: Plan, program: Process, spec: Spec, request: Request, facts: Facts
) -> None:
    plan += identity.inside_limits(program, spec)
    plan += scheduling.any_cpu()
    plan += scheduling.all_of(program, spec)
    plan += process.own_stdio(program, request)
    plan += process.try_chdir(program)
    low = identity.low_limits(program, spec)
    steps, warnings = identity.become_user(program, spec, request, facts, low)
    plan += steps
    plan.warnings += warnings
    plan += process.hide(request, facts)
    plan += process.chdir(program)
    plan += process.find(program)
    plan += identity.at_last(program, request, low)  # what comes after must pass the filter


def _publish(program: Process | None, spec: Spec, request: Request) -> list[Step]:
    """From here on the container exists for others."""
    steps = cgroup.settle_unit(request)
    steps += identity.outside_limits(program, spec) if program is not None else []
    if request.pid_file:
        steps.append(Step(HOST, ops.write_pid_file(request.pid_file), "--pid-file"))
    return [*steps, Step(HOST, ops.save_record())]
