"""`--version`: lines of which engines read the first (`NAME version X`) and `commit:`."""

from __future__ import annotations

import os
import sys

from pyruntime import SPEC_VERSION, __version__
from pyruntime.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.cli.parse import Call


def run(call: Call) -> int:  # noqa: ARG001 - what every verb is given
    """Print the version."""
    os.write(1, text().encode())
    return 0


def text() -> str:
    """All lines; only a built package knows its commit."""
    try:
        from pyruntime._build import COMMIT
    except ImportError:
        COMMIT = ""
    lines = [f"pyruntime version {__version__}"]
    if COMMIT:
        lines.append(f"commit: {COMMIT}")
    lines.append(f"spec: {SPEC_VERSION}")
    lines.append("python: {}.{}.{}".format(*sys.version_info[:3]))
    if library := libseccomp():
        lines.append(f"libseccomp: {library}")
    return "\n".join(lines) + "\n"


def libseccomp() -> str:
    """Its version, or "" where there is none."""
    from pyruntime.seccomp.libseccomp import version

    try:
        return ".".join(map(str, version()))
    except Error:
        return ""
