"""The bundle: its config.json, read and checked, and its root file system."""

from __future__ import annotations

import os

from pyruntime.errors import SpecError
from pyruntime.spec import load
from pyruntime.spec.validate import validate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyruntime.spec.types import Spec


def read_bundle(
    bundle: str, warn: Callable[[str], None], *, strict: bool = False
) -> tuple[bytes, Spec]:
    """config.json as it is, or as it was understood; and as a checked object."""
    path = f"{bundle}/config.json"
    content = load.read(path)
    spec = load.decode(content, name=path)
    warnings = validate(spec, strict=strict)
    for warning in warnings:
        warn(warning)
    if warnings:
        # Later commands read this file: they see what this one saw.
        content = load.encode(spec)
    return content, spec  # type: ignore[return-value]


def rootfs_of(spec: Spec, bundle: str) -> str:
    """The rootfs's absolute path; SpecError unless there is such a directory."""
    root = spec.get("root")
    if root is None:
        raise SpecError("/root", "missing")
    path = os.path.normpath(os.path.join(bundle, root["path"]))
    if not os.path.isdir(path):
        what = "is not a directory" if os.path.exists(path) else "no such directory"
        raise SpecError("/root/path", f"{path}: {what}")
    return path
