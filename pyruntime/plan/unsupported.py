"""Properties that are not supported yet: refused by name, as a container without them would be weaker than asked.

runtime.md, "Create": a property of config.json that cannot be applied is an error.
"""

from __future__ import annotations

from pyruntime.errors import Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PROCESS = ("apparmorProfile", "selinuxLabel")
LINUX = ("mountLabel",)


def check(spec: Any) -> None:
    """Unsupported for the first property that would have no effect."""
    check_process(spec.get("process") or {})
    for name in LINUX:
        if (spec.get("linux") or {}).get(name):
            raise Unsupported(f"/linux/{name}: not supported yet")


def check_process(process: Any) -> None:
    """The same for a process alone."""
    for name in PROCESS:
        if process.get(name):
            raise Unsupported(f"/process/{name}: not supported yet")
