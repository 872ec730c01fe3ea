"""delete: remove a container that has ended, or any with --force."""

from __future__ import annotations

from pyruntime.container import interrupts, lifecycle, store
from pyruntime.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.cli.parse import Call


def run(call: Call) -> int:
    """Remove it."""
    force = call.options["force"]
    interrupts.hold()
    try:
        container = store.find(call.globals["root"], call.arguments[0], lock=True, end_holder=force)
    except NotFound:
        if force:
            return 0
        raise
    with container:
        # A failing poststop hook changes nothing any more. runtime.md, "Lifecycle", 13.
        for failure in lifecycle.delete(container, force=force):
            call.warn(failure)
    return 0
