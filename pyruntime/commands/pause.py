"""pause: freeze every process of a container."""

from __future__ import annotations

from pyruntime.container import interrupts, lifecycle, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.cli.parse import Call


def run(call: Call) -> int:
    """Pause it."""
    interrupts.hold()
    with store.find(call.globals["root"], call.arguments[0], lock=True) as container:
        lifecycle.pause(container)
    return 0
