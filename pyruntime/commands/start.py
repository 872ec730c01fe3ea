"""start: let a created container's program begin."""

from __future__ import annotations

from pyruntime.container import interrupts, lifecycle, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.cli.parse import Call


def run(call: Call) -> int:
    """Start it."""
    interrupts.hold()
    with store.find(call.globals["root"], call.arguments[0], lock=True) as container:
        lifecycle.start(container)
    return 0
