"""state: print the state as JSON."""

from __future__ import annotations

from pyruntime.commands._common import write
from pyruntime.container import lifecycle, store
from pyruntime.spec.load import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.cli.parse import Call


def run(call: Call) -> int:
    """Print it."""
    with store.find(call.globals["root"], call.arguments[0]) as container:
        document = lifecycle.state(container)
    write(encode(document, indent=2).decode("utf-8", "surrogateescape") + "\n")
    return 0
