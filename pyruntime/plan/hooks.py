"""Hooks, and the state that they are given. config.md, "POSIX-platform Hooks"; runtime.md, "State".

kind                       side     status     pid
prestart, createRuntime    host     creating   the runtime's view
createContainer            inside   creating   the container's view
startContainer             inside   created    the container's view
poststart                  host     running    the runtime's view      (container.lifecycle)
poststop                   host     stopped    -                       (container.lifecycle)
"""

from __future__ import annotations

from pyruntime import SPEC_VERSION
from pyruntime.plan import ops
from pyruntime.plan.step import HOST, INSIDE, Step
from pyruntime.spec.load import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from pyruntime.plan.request import Request
    from pyruntime.spec.types import Hook, Spec


def state_parts(spec: Spec, id: str, bundle: str, status: str) -> tuple[str, str]:
    """The state as JSON, before and after the digits of the pid."""
    state = {"ociVersion": SPEC_VERSION, "id": id, "status": status, "bundle": bundle}
    annotations = spec.get("annotations")
    document = dict(state, annotations=annotations) if annotations else state
    return encode(document).decode("utf-8", "surrogateescape")[:-1] + ',"pid":', "}"


def of_kind(spec: Spec, kind: str) -> list[Hook]:
    """The hooks of *kind*, in their order."""
    hooks: Any = spec.get("hooks") or {}
    return hooks.get(kind) or []


def on_host(spec: Spec, kind: str) -> list[Step]:
    """The hooks of *kind*, run by the runtime."""
    return [
        Step(HOST, ops.run_hook(kind, index), f"hooks.{kind}[{index}]")
        for index, _ in enumerate(of_kind(spec, kind))
    ]


def inside(spec: Spec, request: Request, kind: str, status: str) -> list[Step]:
    """The hooks of *kind*, run by init."""
    parts = state_parts(spec, request.id, request.bundle, status)
    # A startContainer hook runs as the program would, just before it.
    own = (spec.get("process") or {}).get("env") or []
    default = own if kind == "startContainer" else request.environment
    return [
        Step(
            INSIDE,
            ops.hook(
                hook["path"],
                hook.get("timeout") or 0,
                parts,
                hook.get("args") or [hook["path"]],
                environment(hook, default),
            ),
            f"hooks.{kind}[{index}]",
        )
        for index, hook in enumerate(of_kind(spec, kind))
    ]


def environment(hook: Hook, default: Sequence[str]) -> list[str]:
    """Exactly what is configured; only where nothing is, that of whoever runs it, as every runtime has it."""
    env = hook.get("env")
    return list(default) if env is None else env


def callers(variables: Mapping[str, str]) -> list[str]:
    """The runtime's environment, for a hook: without what tells of descriptors, which it does not get."""
    return [
        f"{name}={value}"
        for name, value in variables.items()
        if name not in ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")
    ]
