"""File systems that show a namespace, where the container's user namespace has no power over that: the host's are bound.

The kernel lets only the owner of a namespace mount its sysfs, proc or mqueue. Whoever keeps the runtime's network
namespace and gets a user namespace gets the runtime's /sys instead, and never with more than was asked for.
"""

from __future__ import annotations

from pyruntime.errors import Unsupported
from pyruntime.linux.flags import (
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
)
from pyruntime.plan import mount_ops
from pyruntime.plan.mount_attributes import bind_attributes, is_classic
from pyruntime.plan.namespaces import has

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.facts import Facts
    from pyruntime.plan.mount_options import MountOptions
    from pyruntime.plan.step import Op
    from pyruntime.spec.types import Spec

#   type       the namespace's type, where the runtime has it, whether it is recursive, attributes that it gets at least
#   What is mounted below the runtime's /sys (cgroups, security) would be writable: sysfs is wholly read-only.
SAFE = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC
FILE_SYSTEMS = {
    "sysfs": ("network", "/sys", True, SAFE | MOUNT_ATTR_RDONLY),
    "proc": ("pid", "/proc", True, SAFE),
    "mqueue": ("ipc", "/dev/mqueue", False, SAFE),
}


def borrows(fstype: str, facts: Facts) -> bool:
    """Whether a mount of *fstype* has to be the runtime's."""
    return fstype in FILE_SYSTEMS and FILE_SYSTEMS[fstype][0] in facts.foreign


def bind(
    pointer: str,
    destination: str,
    fstype: str,
    flags: int,
    options: MountOptions,
    spec: Spec,
    facts: Facts,
) -> Op:
    """The bind that stands for it."""
    kind, source, recursive, least = FILE_SYSTEMS[fstype]
    if fstype != "sysfs" and has(spec, kind):
        # The runtime's is that of another namespace: wrong processes, wrong queues.
        raise Unsupported(
            f"{pointer}: no {fstype} can be had of this {kind} namespace",
            hint="it does not belong to the container's user namespace: join that one too",
        )
    if is_classic(facts):
        raise Unsupported(f"{pointer}: binding the runtime's {source} needs mount_setattr (5.12)")
    attributes = [mount_ops.Attributes(set=least | options.bits.set, recursive=recursive)]
    # What is cleared (rw, exec) would undo flags that the mount has from others.
    options.bits.set = options.bits.clear = options.recursive_bits.clear = 0
    options.bits.atime = options.recursive_bits.atime = None
    attributes += bind_attributes(options)
    return mount_ops.bind(destination, source, flags, attributes, recursive=recursive)


def warnings(spec: Spec, facts: Facts) -> list[str]:
    """For each of them: what the container sees instead."""
    found = []
    for index, mount in enumerate(spec.get("mounts") or ()):
        fstype = mount.get("type") or ""
        options = mount.get("options") or ()
        if borrows(fstype, facts) and not {"bind", "rbind", "remount"} & set(options):
            kind, source, *_ = FILE_SYSTEMS[fstype]
            how = ", read-only" if fstype == "sysfs" else ""
            text = f"the {kind} namespace is not the container's: the runtime's {source} is bound"
            found.append(f"/mounts/{index}: {text}{how}")
    return found
