"""resume: let a paused container go on."""

from __future__ import annotations

from pyruntime.container import interrupts, lifecycle, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.cli.parse import Call


def run(call: Call) -> int:
    """Resume it."""
    interrupts.hold()
    with store.find(call.globals["root"], call.arguments[0], lock=True) as container:
        lifecycle.resume(container)
    return 0
