"""A container in a user namespace, or of a runtime that is not the host's root: complete the facts for it."""

from __future__ import annotations

from pyruntime.cgroups.placement import place
from pyruntime.errors import Unsupported
from pyruntime.host import delegation, rootless
from pyruntime.plan.namespaces import has

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyruntime.facts import Facts
    from pyruntime.spec.types import Spec

HINT = "leave it out, or say --rootless=true, and the container has no cgroup of its own"


def look(spec: Spec, id: str, facts: Facts, mode: str, *, cgroups: bool) -> None:
    """What the programs, namespaces and (with *cgroups*) cgroups of this host allow the runtime to do for *spec*.

    With the mode "false" a cgroup that cannot be made is a failure, as it is for the host's root.
    """
    if facts.rootless or has(spec, "user"):
        rootless.look(facts, spec)
    if cgroups and mode != "false" and (mode == "true" or facts.rootless):
        delegation.look_around(facts.cgroup)
        linux: Any = spec.get("linux") or {}
        path = linux.get("cgroupsPath") or ""
        paths = place(path, id, facts)
        delegation.look_at(facts.cgroup, paths)
        if path and mode == "auto" and paths and facts.cgroup.closed.keys() >= paths.keys():
            # Asked for in words, so not left out: the specification wants an error.
            why = next(iter(facts.cgroup.closed.values()))
            raise Unsupported(f"linux.cgroupsPath: {why}", hint=HINT)
