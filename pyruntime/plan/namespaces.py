"""Namespaces: which are made, which are joined by path, in which order, and the maps of a new user namespace.

Joining: a path is opened before anything is joined, and setns(2) is told the type, so that a file of another
type is refused. The user namespace comes last, unless it is needed for the others: whoever owns a namespace
decides who may join it, and the runtime's own powers end at the border of the user namespace it joins.
Without such powers it comes first: they begin there.
"""

from __future__ import annotations

import os

from pyruntime.errors import SpecError, Unsupported
from pyruntime.linux.flags import CLONE_FILES, CLONE_NEWCGROUP, CLONE_NEWTIME, CLONE_NEWUSER
from pyruntime.linux.namespaces import TYPES
from pyruntime.plan import ops
from pyruntime.plan.step import ENTRY, HOST, INSIDE, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.facts import Facts
    from pyruntime.plan.request import Request
    from pyruntime.plan.step import Op
    from pyruntime.spec.types import Mapping, Spec

# The cgroup namespace's root is the cgroup one is in when it is made: it waits until the cgroup is joined.
# A time namespace has to be given its offsets before anyone is in it. time_namespaces(7).
CAP_SYS_ADMIN = 1 << 21
LATE = CLONE_NEWCGROUP | CLONE_NEWTIME


def has(spec: Spec, kind: str) -> bool:
    """Whether the container has a namespace of this type that is not the runtime's."""
    return any(n["type"] == kind for n in spec.get("linux", {}).get("namespaces") or ())


def is_new(spec: Spec, kind: str) -> bool:
    """Whether a namespace of this type is made, not joined."""
    namespaces = spec.get("linux", {}).get("namespaces") or ()
    return any(n["type"] == kind and not n.get("path") for n in namespaces)


def joins(spec: Spec, kind: str) -> bool:
    """Whether a namespace of this type is joined by path."""
    return has(spec, kind) and not is_new(spec, kind)


def join(spec: Spec, request: Request, facts: Facts) -> list[Step]:
    """Open all that are given by path, then join them."""
    opened: list[Step] = []
    joined: list[Step] = []
    user: list[Step] = []
    for index, namespace in enumerate(spec.get("linux", {}).get("namespaces") or ()):
        path = namespace.get("path")
        if not path:
            continue
        origin = f"linux.namespaces[{index}] {namespace['type']}"
        flag, _ = TYPES[namespace["type"]]
        slot = request.slots.new(origin)
        # Without O_NONBLOCK a fifo there would be waited for, by nobody who could end it.
        opened.append(Step(ENTRY, ops.open(slot, path, os.O_RDONLY | os.O_NONBLOCK), origin))
        step = Step(ENTRY, ops.setns(slot, flag, path), origin)
        (user if flag == CLONE_NEWUSER else joined).append(step)
    if not opened:
        return []
    hidden = Step(ENTRY, ops.set_dumpable(0), "linux.namespaces")
    powerful = facts.capabilities & CAP_SYS_ADMIN
    before, after = _time_before_clone(spec, request) if user else ([], [])
    joined = joined + user if powerful else user + joined
    return [*opened, *before, hidden, *joined, *after]


def _time_before_clone(spec: Spec, request: Request) -> tuple[list[Step], list[Step]]:
    """A time namespace for our child, who is not dumpable in the user namespace that is joined.

    /proc/self/timens_offsets is then root's, whom the namespace may not have: it is opened before, as ours.
    """
    if not is_new(spec, "time"):
        return [], []
    origin = "linux.namespaces time"
    made = [Step(ENTRY, ops.unshare(CLONE_NEWTIME), origin)]
    offsets = _time_offsets(spec)
    if not offsets:
        return [], made
    slot = request.slots.new("time offsets")
    path = "/proc/self/timens_offsets"
    write = ops.write_slot(slot, "\n".join(offsets.values()))
    return (
        [Step(ENTRY, ops.open(slot, path, os.O_WRONLY), "linux.timeOffsets")],
        [*made, Step(ENTRY, write, "linux.timeOffsets")],
    )


def _time_offsets(spec: Spec) -> dict[str, str]:
    """The lines of timens_offsets. time_namespaces(7)."""
    return {
        clock: f"{clock} {offset.get('secs', 0)} {offset.get('nanosecs', 0)}"
        for clock, offset in (spec.get("linux", {}).get("timeOffsets") or {}).items()
    }


def clone(spec: Spec, request: Request, facts: Facts) -> list[Step]:
    """Make the new ones, and the process that will be the container's."""
    flags = 0
    for namespace in spec.get("linux", {}).get("namespaces") or ():
        if not namespace.get("path"):
            flags |= TYPES[namespace["type"]][0]
    flags = flags & ~LATE | shared(request)
    slot = request.slots.of("cgroup")
    if "clone3" in facts.features:
        op = ops.clone(flags, ops.NO_SLOT if slot is None else slot)
    else:
        op = ops.clone_classic(flags)
    return [Step(ENTRY, op, "linux.namespaces")]


def shared(request: Request) -> int:
    """CLONE_FILES where the executor has to hand a descriptor of init's over (plan.notify)."""
    return 0 if request.slots.of("listener") is None else CLONE_FILES


def late(spec: Spec) -> list[Step]:
    """Those that have to wait: see LATE."""
    steps = []
    if is_new(spec, "cgroup"):
        steps.append(Step(INSIDE, ops.unshare(CLONE_NEWCGROUP), "linux.namespaces cgroup"))
    joins_user = has(spec, "user") and not is_new(spec, "user")
    if is_new(spec, "time") and not joins_user:
        steps.append(Step(INSIDE, ops.unshare(CLONE_NEWTIME), "linux.namespaces time"))
        for clock, value in _time_offsets(spec).items():
            write = ops.write_proc("self/timens_offsets", value)
            steps.append(Step(INSIDE, write, f"linux.timeOffsets.{clock}"))
        steps.append(Step(INSIDE, ops.join_time(), "linux.namespaces time"))
    return steps


def id_maps(spec: Spec, facts: Facts) -> list[Step]:
    """Write the maps of a new user namespace, from outside."""
    if not is_new(spec, "user"):
        return []
    linux = spec.get("linux", {})
    uid_maps, gid_maps = linux.get("uidMappings") or [], linux.get("gidMappings") or []
    steps = []
    if uid_maps:
        op = _write_map("uid_map", uid_maps, facts)
        steps.append(Step(HOST, op, "linux.uidMappings"))
    if gid_maps:
        op = _write_map("gid_map", gid_maps, facts)
        if denies_setgroups(spec, facts):
            steps.append(Step(HOST, ops.deny_setgroups(), "linux.gidMappings"))
        steps.append(Step(HOST, op, "linux.gidMappings"))
    return steps


#   file of /proc/PID    bit of CAP_SETUID, CAP_SETGID; property, program
ID_MAPS = {
    "uid_map": (1 << 7, "linux.uidMappings", "newuidmap"),
    "gid_map": (1 << 6, "linux.gidMappings", "newgidmap"),
}


def _write_map(file: str, maps: list[Mapping], facts: Facts) -> Op:
    """By the runtime itself if the kernel lets it: with the capability, or for its own id alone."""
    capability, origin, program = ID_MAPS[file]
    if facts.capabilities & capability or _is_own(file, maps, facts):
        return ops.write_id_map(file, map_text(maps))
    helper = facts.id_helpers.get(file)
    if helper is None:
        own = facts.euid if file == "uid_map" else facts.egid
        raise Unsupported(
            f"{origin}: without root this takes {program}, which is not installed",
            hint=f"install it (Debian: the package uidmap), or map the id {own} alone",
        )
    return ops.map_ids(helper, map_text(maps))


def _is_own(file: str, maps: list[Mapping], facts: Facts) -> bool:
    own = facts.euid if file == "uid_map" else facts.egid
    return len(maps) == 1 and maps[0]["size"] == 1 and maps[0]["hostID"] == own


def denies_setgroups(spec: Spec, facts: Facts) -> bool:
    """Whether setgroups(2) is given up: an unprivileged user may map one gid, his own, on this condition."""
    maps = spec.get("linux", {}).get("gidMappings") or []
    unprivileged = not facts.capabilities & ID_MAPS["gid_map"][0]
    return unprivileged and is_new(spec, "user") and _is_own("gid_map", maps, facts)


def map_text(maps: list[Mapping]) -> str:
    """The lines of uid_map or gid_map. user_namespaces(7)."""
    return "".join(f"{m['containerID']} {m['hostID']} {m['size']}\n" for m in maps)


def check(spec: Spec, facts: Facts) -> None:
    """What there cannot be a container without."""
    linux = spec.get("linux", {})
    for maps in ("uidMappings", "gidMappings") if is_new(spec, "user") else ():
        if not linux.get(maps):
            raise SpecError(
                f"/linux/{maps}",
                "missing: in a new user namespace without them nobody can be root, nor any user",
            )
    if facts.euid != 0 and not has(spec, "user"):
        raise Unsupported(
            "linux.namespaces: without root, a user namespace is needed",
            hint='run as root, or make a bundle with "pyruntime spec --rootless"',
        )


def loopback(spec: Spec) -> list[Step]:
    """A new network namespace has its loopback interface down."""
    if not is_new(spec, "network"):
        return []
    return [Step(INSIDE, ops.interface_up("lo"), "linux.namespaces network")]
