"""run: create and start in one; in the foreground until the program ends, unless --detach."""

from __future__ import annotations

from pyruntime.commands._common import create_options, start_executor
from pyruntime.container import interrupts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.cli.parse import Call


def run(call: Call) -> int:
    """Run it; in the foreground the status is the program's."""
    interrupts.hold()
    start_executor()
    from pyruntime.container.running import run_container

    return run_container(
        call.globals["root"],
        call.arguments[0],
        create_options(call, waits=False),
        detach=call.options["detach"],
        keep=call.options["keep"],
    )
