"""Who the process is and what it may do: user, groups, capabilities, limits, no_new_privs, seccomp. config.md, "Process"."""

from __future__ import annotations

from pyruntime.errors import SpecError, Unsupported
from pyruntime.linux import capabilities
from pyruntime.linux.flags import RLIMITS
from pyruntime.plan import ops
from pyruntime.plan.namespaces import denies_setgroups, has
from pyruntime.plan.step import ENTRY, HOST, INSIDE, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pyruntime.facts import Facts
    from pyruntime.plan.request import Filter, Request
    from pyruntime.spec.types import Process, Spec

UNLIMITED = 2**64 - 1
FEW_DESCRIPTORS = 64
LANDLOCK = "org.pyruntime.landlock"
SETS = ("bounding", "effective", "inheritable", "permitted", "ambient")


def oom_score(process: Process) -> list[Step]:
    """Before the clone, with the runtime's privilege: the child inherits it. proc(5)."""
    score = process.get("oomScoreAdj")
    if score is None:
        return []
    return [Step(ENTRY, ops.write_proc("self/oom_score_adj", str(score)), "process.oomScoreAdj")]


def inside_limits(process: Process, spec: Spec) -> list[Step]:
    """Limits that init sets for itself: outside of user namespaces it is as privileged as the runtime."""
    if has(spec, "user"):
        return []
    return [
        Step(INSIDE, ops.setrlimit(*limit), origin)
        for limit, origin in _limits(process)
        if not _hinders(limit)
    ]


def outside_limits(process: Process, spec: Spec) -> list[Step]:
    """Limits that the runtime sets: raising one takes CAP_SYS_RESOURCE in the initial user namespace."""
    if not has(spec, "user"):
        return []
    return [Step(HOST, ops.prlimit(*limit), origin) for limit, origin in _limits(process)]


def low_limits(process: Process, spec: Spec) -> list[Step]:
    """Limits that init's own last steps could not be done under; lowering one takes no privilege.

    Before the filter, which may forbid it. Without no_new_privs that is before the user's try to enter the working
    directory; root's has been made.
    """
    if has(spec, "user"):
        return []
    return [
        Step(INSIDE, ops.setrlimit(*limit), origin)
        for limit, origin in _limits(process)
        if _hinders(limit)
    ]


def _hinders(limit: tuple[int, int, int]) -> bool:
    """Of descriptors, for directories are opened. No other limit was seen to hinder anything but the program."""
    resource, soft, _ = limit
    return resource == RLIMITS["RLIMIT_NOFILE"] and soft < FEW_DESCRIPTORS


def _limits(process: Process) -> list[tuple[tuple[int, int, int], str]]:
    return [
        (
            (RLIMITS[limit["type"]], limit["soft"], limit["hard"]),
            f"process.rlimits[{i}] {limit['type']}",
        )
        for i, limit in enumerate(process.get("rlimits") or ())
    ]


def become_user(
    process: Process, spec: Spec, request: Request, facts: Facts, low: Sequence[Step] = ()
) -> tuple[list[Step], list[str]]:
    """The steps from root to the configured user, and warnings about capabilities that are not to be had; *low*: low_limits."""
    sets, warnings = _capability_sets(process, spec, facts)
    user = process.get("user") or {}
    uid, gid = user.get("uid", 0), user.get("gid", 0)
    privileged = bool(process.get("noNewPrivileges"))
    mask = user.get("umask")
    mask = request.umask if mask is None else mask
    steps = [Step(INSIDE, ops.umask(mask), "process.user.umask")]
    if privileged:
        steps.append(Step(INSIDE, ops.no_new_privs(), "process.noNewPrivileges"))
    # Before the filter, which may know nothing of it, and while every path of a rule can be reached.
    restricted, left_out = restrict(spec, request, facts)
    steps += restricted
    warnings += left_out
    if not privileged:
        # Without no_new_privs only CAP_SYS_ADMIN may install a filter, so it has to come first. seccomp(2).
        steps += [*low, *load_filter(request.filter)]
    origin = "process.capabilities"
    steps.append(Step(INSIDE, ops.bounding(sets["bounding"]), f"{origin}.bounding"))
    if uid != 0:
        steps.append(Step(INSIDE, ops.keep_capabilities(1), origin))
    setgroups, kept = _groups(user.get("additionalGids") or [], spec, facts)
    steps += setgroups
    warnings += kept
    steps.append(Step(INSIDE, ops.setresgid(gid), "process.user.gid"))
    steps.append(Step(INSIDE, ops.setresuid(uid), "process.user.uid"))
    if uid != 0:
        steps.append(Step(INSIDE, ops.keep_capabilities(0), origin))
    op = ops.capset(sets["effective"], sets["permitted"], sets["inheritable"])
    steps.append(Step(INSIDE, op, origin))
    steps.append(Step(INSIDE, ops.ambient(sets["ambient"]), f"{origin}.ambient"))
    return steps, warnings


def at_last(process: Process, request: Request, low: list[Step]) -> list[Step]:
    """What can wait until the user's last step has been done, if privileges cannot come back: nothing has to pass the filter."""
    if not process.get("noNewPrivileges"):
        return []
    return low + load_filter(request.filter)


def is_labelled(spec: Spec) -> bool:
    """Whether anything in *spec* needs a security module that labels."""
    process: Any = spec.get("process") or {}
    linux: Any = spec.get("linux") or {}
    return bool(
        process.get("apparmorProfile") or process.get("selinuxLabel") or linux.get("mountLabel")
    )


def labels(process: Process, facts: Facts) -> list[Step]:
    """The profile and the label that the program gets: said now, taken by the kernel at execve.

    A process inherits what it would get, so the container's startContainer hooks have it too.
    """
    profile, label = process.get("apparmorProfile"), process.get("selinuxLabel")
    steps = []
    # Without AppArmor everything is unconfined.
    if profile and (facts.apparmor or profile != "unconfined"):
        if not facts.apparmor:
            raise Unsupported("/process/apparmorProfile: AppArmor is not enabled on this host")
        op = ops.write_proc(f"self/{facts.apparmor}", f"exec {profile}")
        steps.append(Step(INSIDE, op, "process.apparmorProfile"))
    if label:
        if not facts.selinux:
            raise Unsupported("/process/selinuxLabel: SELinux is not enabled on this host")
        op = ops.write_proc("self/attr/exec", label)
        steps.append(Step(INSIDE, op, "process.selinuxLabel"))
    return steps


def restrict(spec: Spec, request: Request, facts: Facts) -> tuple[list[Step], list[str]]:
    """Landlock, by annotation."""
    policy = (spec.get("annotations") or {}).get(LANDLOCK)
    if policy is None:
        return [], []
    from pyruntime.plan import landlock  # few configurations have it

    return landlock.restrict(policy, request, facts)


def load_filter(filter: Filter | None) -> list[Step]:
    """The seccomp program."""
    if filter is None:
        return []
    load = ops.seccomp_notify if filter.notify else ops.seccomp
    op = load(filter.flags, filter.optional_flags, filter.bpf)
    return [Step(INSIDE, op, "linux.seccomp")]


def _groups(groups: list[int], spec: Spec, facts: Facts) -> tuple[list[Step], list[str]]:
    if facts.setgroups_denied or denies_setgroups(spec, facts):
        if groups:
            raise SpecError(
                "/process/user/additionalGids",
                "setgroups(2) is denied in this user namespace, so there can be none",
                hint="map more than the own group: newgidmap(1)",
            )
        text = "process.user: the groups of the runtime's user stay, as setgroups(2) is denied"
        return [], [text] if facts.keeps_groups else []
    return [Step(INSIDE, ops.setgroups(groups), "process.user.additionalGids")], []


def _capability_sets(
    process: Process, spec: Spec, facts: Facts
) -> tuple[dict[str, int], list[str]]:
    """The five sets as bits. What cannot be granted is a warning by the specification."""
    wanted: Any = process.get("capabilities") or {}
    sets, warnings = {}, []
    grantable = -1 if has(spec, "user") else facts.capabilities
    for name in SETS:
        # A name that nobody knows has been warned about when config.json was checked.
        names = [one for one in wanted.get(name) or () if one in capabilities.BITS]
        bits, unknown = capabilities.mask(names, facts.last_capability)
        missing = capabilities.names_of(bits & ~grantable)
        sets[name] = bits & grantable
        for lacking, why in (
            (unknown, "unknown to this kernel"),
            (missing, "not the runtime's to give"),
        ):
            if lacking:
                warnings.append(f"process.capabilities.{name}: {', '.join(lacking)}: {why}")
    # capabilities(7): nobody can raise one that is not both permitted and inheritable.
    raisable = sets["permitted"] & sets["inheritable"]
    if lost := capabilities.names_of(sets["ambient"] & ~raisable):
        warnings.append(
            f"process.capabilities.ambient: {', '.join(lost)}: not both permitted and inheritable"
        )
    sets["ambient"] &= raisable
    return sets, warnings
