"""Where this package is installed. The front door says so; nothing may ask `__file__`.

`directory` is the directory that holds `pyruntime/`, resolved, or "" when nobody has said.
"""

from __future__ import annotations

directory: str = ""


def executor_path() -> str:
    """The executor's static ELF, installed inside the package."""
    return directory + "/pyruntime/_executor"
