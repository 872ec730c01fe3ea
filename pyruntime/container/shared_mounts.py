"""A container without a mount namespace of its own mounts in the runtime's: what it has mounted is unmounted with it."""

from __future__ import annotations

import os.path

from pyruntime.errors import KernelError
from pyruntime.host.facts import read
from pyruntime.host.mounts import unescape
from pyruntime.linux import calls
from pyruntime.linux.flags import MNT_DETACH, UMOUNT_NOFOLLOW
from pyruntime.plan.mount_attributes import inside_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.spec.types import Spec


def unmount_all(spec: Spec, rootfs: str) -> None:
    """Detach what lies on the destinations of *spec* and on its masked and readonly paths; the last one made first."""
    linux = spec.get("linux") or {}
    inside = [mount["destination"] for mount in spec.get("mounts") or ()]
    inside += [*(linux.get("maskedPaths") or ()), *(linux.get("readonlyPaths") or ())]
    # mountinfo has resolved paths; the rootfs is named by the caller, nothing inside it is resolved here.
    root = os.path.realpath(rootfs)  # noqa: TID251
    targets = {root + inside_path(path) for path in inside}
    mounted = [unescape(line.split(" ")[4]) for line in read("/proc/self/mountinfo").splitlines()]
    failures: list[KernelError] = []
    for path in reversed(mounted):
        if any(path == target or path.startswith(target + "/") for target in targets):
            try:
                calls.umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW)
            except KernelError as error:
                failures.append(error)
    if failures:
        raise failures[0]
