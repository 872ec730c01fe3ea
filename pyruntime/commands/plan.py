"""plan: print the steps of a create before any of them is taken. Needs no root, changes nothing."""

from __future__ import annotations

from pyruntime.commands._common import bundle_of, cgroup_manager, write
from pyruntime.container.bundle import read_bundle, rootfs_of
from pyruntime.container.create import (
    abandon,
    caller_umask,
    complete,
    facts_for,
    place,
)
from pyruntime.container.executor import Executor
from pyruntime.plan.create import create
from pyruntime.plan.namespaces import has
from pyruntime.plan.request import Request
from pyruntime.plan.show import plan_document, plan_text
from pyruntime.spec.load import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyruntime.cli.parse import Call
    from pyruntime.facts import Facts
    from pyruntime.spec.types import Spec


def run(call: Call) -> int:
    """Print it."""
    bundle = bundle_of(call)
    id = call.arguments[0] if call.arguments else "ID"
    _, spec = read_bundle(bundle, call.warn, strict=call.options["strict"])
    facts = _facts(call, id, spec)
    plan = create(spec, _request(call, id, bundle, spec, facts), facts)
    if call.options["json"]:
        write(encode(plan_document(plan), indent=2).decode("utf-8", "surrogateescape") + "\n")
    else:
        write(plan_text(plan))
    return 0


def _facts(call: Call, id: str, spec: Spec) -> Facts:
    executor = Executor()
    try:
        found = facts_for(spec, executor)
    finally:
        abandon(executor)
    rootless = call.globals["rootless"]
    if rootless == "false" or (rootless == "auto" and not has(spec, "user")):
        # What root would do, whoever asks: without a user namespace nobody else can do it.
        found.euid, found.capabilities = 0, -1
    complete(found, spec, id, rootless, cgroup_manager(call))
    return found


def _request(call: Call, id: str, bundle: str, spec: Spec, facts: Facts) -> Request:
    from pyruntime.seccomp.cache import load

    profile: Any = (spec.get("linux") or {}).get("seccomp")
    filter = load(profile, architecture=facts.architecture, cache_dir="") if profile else None
    return Request(
        id,
        bundle,
        rootfs_of(spec, bundle),
        placement=place(spec, id, facts, systemd=cgroup_manager(call) == "systemd"),
        filter=filter,
        fifo="start.fifo",
        console_socket="console.sock" if (spec.get("process") or {}).get("terminal") else "",
        pivot=not call.options["no_pivot"],
        umask=caller_umask(),
    )
