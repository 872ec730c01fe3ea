"""The order of an exec: join the container's namespaces and cgroups, then become a process like init.

The namespaces are those of init, joined through its pidfd in one call: it cannot have been replaced meanwhile. When it
dies before that, the call fails; which types there are was read while it lived (container.init_proc).
"""

from __future__ import annotations

import os

from pyruntime.errors import SpecError
from pyruntime.linux.namespaces import TYPES
from pyruntime.plan import cgroup, identity, mount_ops, ops, process, scheduling
from pyruntime.plan.namespaces import shared
from pyruntime.plan.step import ENTRY, HOST, INSIDE, Op, Plan, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.facts import Facts
    from pyruntime.plan.request import Request
    from pyruntime.spec.types import Process, Spec


class Target:
    """The container that is joined."""

    __slots__ = (
        "cgroups",
        "directory_fd",
        "existing",
        "namespaces",
        "pid",
        "pidfd",
        "resctrl",
        "state",
        "unified_cgroup",
        "user_unit",
    )

    def __init__(
        self,
        pid: int,
        pidfd: int,
        namespaces: list[str],
        cgroups: list[str],
        unified_cgroup: str,
        existing: bool = False,
    ) -> None:
        self.pid = pid
        self.pidfd = pidfd
        """Open in the runtime, inherited by the executor."""
        self.directory_fd = -1
        """/proc/PID, seen to be init's; in the same way."""
        self.namespaces = namespaces
        """The types of which init has another one than the runtime."""
        self.cgroups = cgroups
        """The directories of v1."""
        self.unified_cgroup = unified_cgroup
        """That of cgroup2, "" if there is none."""
        self.existing = existing
        """Whether that one was not made for the container."""
        self.resctrl: list[str] = []
        """The groups of resctrl, the class before a monitoring group in it."""
        self.user_unit = ""
        """The scope, if it is one of the user's own systemd: only that may move anybody there."""
        self.state = ""
        """As JSON; only for an agent of seccomp."""


def exec(program: Process, spec: Spec, request: Request, target: Target, facts: Facts) -> Plan:
    """The steps of a process that joins *target*."""
    plan = Plan()
    if target.user_unit:
        plan += [Step(HOST, ops.attach_to_unit(target.user_unit), cgroup.ORIGIN)]
    plan += _enter(program, spec, request, target, facts)
    plan += _join(request, target)
    if target.resctrl:
        from pyruntime.plan.intel_rdt import join

        plan += join(target.resctrl)
    plan += process.session(program, request)
    if "user" in target.namespaces:
        plan += [Step(INSIDE, ops.become_root(), "linux.uidMappings")]
    plan += [Step(INSIDE, mount_ops.enter_root(), "root.path")]
    plan += process.console(program, {}, request)
    # While the runtime's /proc is in reach.
    plan += [*identity.labels(program, facts), *process.variables(program, request)]
    plan += process.close_fds(request)
    limits_spec: Spec = {"linux": {"namespaces": [{"type": name} for name in target.namespaces]}}
    plan += identity.inside_limits(program, limits_spec)
    plan += scheduling.any_cpu(program)
    plan += scheduling.all_of(program, spec)
    plan += scheduling.affinity(program, "final", INSIDE)
    plan += process.own_stdio(program, request)
    plan += process.try_chdir(program)
    low = identity.low_limits(program, limits_spec)
    steps, plan.warnings = identity.become_user(program, spec, request, facts, low)
    plan += steps
    # Once more: with fs.suid_dumpable 1 the change of ids has made it dumpable, and the container's processes see it.
    plan += [Step(INSIDE, ops.set_dumpable(0))]
    plan += process.chdir(program)
    plan += process.find(program)
    plan += identity.at_last(program, request, low)
    plan += identity.outside_limits(program, limits_spec)
    if request.pid_file:
        plan += [Step(HOST, ops.write_pid_file(request.pid_file), "--pid-file")]
    plan += process.become(program, request)
    return plan


def _enter(
    program: Process, spec: Spec, request: Request, target: Target, facts: Facts
) -> list[Step]:
    steps = [Step(ENTRY, ops.open_proc())]
    # Before the way into the container's cgroup, which may have other processors.
    steps += scheduling.affinity(program, "initial", ENTRY)
    for number, directory in enumerate(target.cgroups):
        slot = request.slots.new(f"cgroup {number}")
        path = cgroup.members_file(directory, unified=False)
        steps.append(Step(ENTRY, ops.open_cgroup(slot, path, os.O_WRONLY), cgroup.ORIGIN))
    steps += _unified_cgroup(request, target, facts)
    steps += process.connect_console(program, request)
    steps += process.own_pipes(program, spec, request)
    steps += identity.oom_score(program)
    if request.filter is not None and request.filter.notify:
        from pyruntime.plan import notify

        steps += notify.connect(request, (target.state,))
    steps.append(Step(ENTRY, ops.set_dumpable(0)))
    steps += _namespaces(request, target, facts)
    return [*steps, Step(ENTRY, _clone(request, facts))]


def _unified_cgroup(request: Request, target: Target, facts: Facts) -> list[Step]:
    """In a user namespace it has to be joined before that: its root may not put anybody into this cgroup."""
    if not target.unified_cgroup:
        return []
    in_user_namespace = "user" in target.namespaces
    if cgroup.can_clone_into(facts) and not in_user_namespace and not target.existing:
        op = ops.open_cgroup(request.slots.new("cgroup"), target.unified_cgroup, cgroup.PATH_FLAGS)
        return [Step(ENTRY, op, cgroup.ORIGIN)]
    slot = request.slots.new("unified cgroup")
    path = cgroup.members_file(target.unified_cgroup, unified=True)
    return [
        Step(ENTRY, ops.open_cgroup(slot, path, os.O_WRONLY), cgroup.ORIGIN),
        Step(ENTRY, ops.join_cgroup(slot), cgroup.ORIGIN),
    ]


def _clone(request: Request, facts: Facts) -> Op:
    flags = shared(request)
    if "clone3" not in facts.features:
        return ops.clone_classic(flags)
    slot = request.slots.of("cgroup")
    return ops.clone(flags, ops.NO_SLOT if slot is None else slot)


def _join(request: Request, target: Target) -> list[Step]:
    slots = [request.slots.of(f"cgroup {number}") for number in range(len(target.cgroups))]
    steps = [
        Step(INSIDE, ops.join_cgroup(slot), cgroup.ORIGIN) for slot in slots if slot is not None
    ]
    if _cgroup_namespace_late(request, target):
        slot = request.slots.of("init")
        assert slot is not None
        op = ops.setns(slot, TYPES["cgroup"][0], f"/proc/{target.pid}")
        steps.append(Step(INSIDE, op, "linux.namespaces"))
    return steps


def _cgroup_namespace_late(request: Request, target: Target) -> bool:
    """Whether it waits for the clone: with nsdelegate nobody in it may bring a process in from outside. cgroups(7).

    A process can be cloned into a cgroup only where namespaces can be joined by a pidfd too: `can_clone_into`.
    """
    return "cgroup" in target.namespaces and request.slots.of("cgroup") is not None


def _namespaces(request: Request, target: Target, facts: Facts) -> list[Step]:
    if not target.namespaces:
        return []
    flags = {name: TYPES[name][0] for name in target.namespaces}
    if _cgroup_namespace_late(request, target):
        del flags["cgroup"]
    if "pidfd_setns" in facts.features:
        slot = request.slots.new("init")
        path = f"/proc/{target.pid}"
        steps = [Step(ENTRY, ops.adopt(slot, target.pidfd))]
        if flags:
            op = ops.setns(slot, sum(flags.values()), path)
            steps.append(Step(ENTRY, op, "linux.namespaces"))
        return steps
    return _namespaces_by_file(request, target, flags)


def _namespaces_by_file(request: Request, target: Target, flags: dict[str, int]) -> list[Step]:
    """Kernels before 5.8: through the descriptor of init's directory, for its number may be another's by then."""
    directory = request.slots.new("init directory")
    opened = [Step(ENTRY, ops.adopt(directory, target.directory_fd))]
    joined = []
    # The user namespace last: with it go the powers to join the others. setns(2).
    for name in sorted(flags, key=lambda name: name == "user"):
        slot = request.slots.new(f"namespace {name}")
        path = f"ns/{TYPES[name][1]}"
        opened.append(Step(ENTRY, ops.open_at(slot, directory, path), "linux.namespaces"))
        op = ops.setns(slot, flags[name], f"/proc/{target.pid}/{path}")
        joined.append(Step(ENTRY, op, "linux.namespaces"))
    return opened + joined


def check(program: Process) -> None:
    """What an exec process needs, in whatever way it was described."""
    if not program.get("args"):
        raise SpecError("/args", "an exec process needs arguments")
    if not program.get("cwd", "").startswith("/"):
        raise SpecError("/cwd", f"{program.get('cwd', '')!r} is not an absolute path")
