"""kill: send a signal, SIGTERM unless told otherwise."""

from __future__ import annotations

from pyruntime.container import interrupts, lifecycle, store
from pyruntime.linux import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.cli.parse import Call


def run(call: Call) -> int:
    """Send it."""
    id, *rest = call.arguments
    number = signals.number((rest[0] if rest else "") or "SIGTERM")
    interrupts.hold()
    with store.find(call.globals["root"], id) as container:
        lifecycle.kill(container, number, every=call.options["all"])
    return 0
