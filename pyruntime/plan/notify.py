"""SCMP_ACT_NOTIFY: the listener goes to an agent. config-linux.md, "Seccomp" and "The Container Process State".

The connection is made before namespaces are joined, where the path means what config.json's author meant.
From there on the descriptors are shared with the executor, which sends the listener: csrc/ops_notify.c says why.
"""

from __future__ import annotations

from pyruntime import SPEC_VERSION
from pyruntime.plan import ops
from pyruntime.plan.hooks import state_parts
from pyruntime.plan.step import ENTRY, Step
from pyruntime.spec.load import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyruntime.plan.request import Filter, Request
    from pyruntime.spec.types import Spec

ORIGIN = "linux.seccomp.listenerPath"


def connect(request: Request, state: tuple[str, ...]) -> list[Step]:
    """Reach the agent, and say what it will be sent; *state* is the container's, cut where the pid goes."""
    filter = request.filter
    assert filter is not None
    slot = request.slots.new("listener")
    message = [_before_pid(filter), f',"state":{state[0]}', *state[1:]]
    message[-1] += "}"
    return [
        Step(ENTRY, ops.connect(slot, filter.listener_path), ORIGIN),
        Step(ENTRY, ops.hand_over(slot, message), ORIGIN),
    ]


def state_of_new(spec: Spec, request: Request) -> tuple[str, ...]:
    """The state of a container whose first process is about to be made."""
    return state_parts(spec, request.id, request.bundle, "creating")


def _before_pid(filter: Filter) -> str:
    document: dict[str, Any] = {"ociVersion": SPEC_VERSION, "fds": ["seccompFd"]}
    if filter.listener_metadata:
        document["metadata"] = filter.listener_metadata
    return encode(document).decode("utf-8", "surrogateescape")[:-1] + ',"pid":'
