"""A namespace that is joined by path may be the runtime's own: what is set in it would be set for the host."""

from __future__ import annotations

import os

from pyruntime.errors import SpecError
from pyruntime.linux.namespaces import TYPES
from pyruntime.spec.places import key
from pyruntime.spec.sysctl import needed_namespace, sysctl_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyruntime.spec.types import Spec


def check(spec: Spec) -> None:
    """SpecError if *spec* would have something set, or its root entered, in a namespace that the runtime is in itself."""
    linux = spec.get("linux") or {}
    paths = {each["type"]: each.get("path") or "" for each in linux.get("namespaces") or ()}
    for pointer, kind in _settings(spec):
        if paths.get(kind) and _is_own(paths[kind], TYPES[kind][1]):
            message = f"would change the host: {paths[kind]} is the {kind} namespace of the runtime"
            raise SpecError(pointer, message)


def _settings(spec: Spec) -> Iterator[tuple[str, str]]:
    """What is set for a whole namespace, with its kind."""
    # pivot_root(2) is for everybody in the namespace.
    yield "/root", "mount"
    for name in ("hostname", "domainname"):
        if spec.get(name):
            yield f"/{name}", "uts"
    for name in (spec.get("linux") or {}).get("sysctl") or {}:
        kind = needed_namespace(sysctl_path(name) or "")
        if kind is not None:
            yield f"/linux/sysctl/{key(name)}", kind


def _is_own(path: str, file: str) -> bool:
    try:
        there, here = os.stat(path), os.stat(f"/proc/self/ns/{file}")
    except OSError:
        return False  # what is wrong with it is said when it is opened
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
