"""create: make a container; its program waits for start."""

from __future__ import annotations

from pyruntime.commands._common import create_options, start_executor
from pyruntime.container import interrupts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.cli.parse import Call


def run(call: Call) -> int:
    """Make the container."""
    interrupts.hold()
    start_executor()
    from pyruntime.container.create import create

    launch = create(call.globals["root"], call.arguments[0], create_options(call, waits=True))
    launch.container.close()
    return 0
