"""From sorted options to the attributes of a mount. mount_setattr(2), fsmount(2)."""

from __future__ import annotations

import os.path

from pyruntime.linux.flags import MOUNT_ATTR__ATIME
from pyruntime.plan import mount_ops

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.facts import Facts
    from pyruntime.plan.mount_options import Bits, MountOptions


def inside_path(path: str) -> str:
    """A path inside the root: absolute, without ".." and doubled slashes (normpath would keep two at the beginning)."""
    return os.path.normpath("/" + path.lstrip("/"))


def is_classic(facts: Facts) -> bool:
    """Whether mounts have to be made with mount(2) alone."""
    return not {"mount_api", "mount_setattr"} <= facts.features


def fresh_attributes(options: MountOptions) -> int:
    """The attributes of a new mount: nothing is below it, so what is recursive holds for itself."""
    attributes = (options.bits.set | options.recursive_bits.set) & ~(
        options.recursive_bits.clear & ~options.bits.set
    )
    atime = options.bits.atime if options.bits.atime is not None else options.recursive_bits.atime
    return attributes | (atime or 0)


def bind_attributes(options: MountOptions) -> list[mount_ops.Attributes]:
    """What a bind changes of what it inherits: nothing that is not said, so no flag of the source is lost."""
    attributes = [
        _attributes(bits, recursive=recursive)
        for bits, recursive in ((options.bits, False), (options.recursive_bits, True))
        if bits
    ]
    return attributes + [propagate(*one) for one in options.propagations]


def _attributes(bits: Bits, *, recursive: bool) -> mount_ops.Attributes:
    return mount_ops.Attributes(
        set=bits.set | (bits.atime or 0),
        # The field has to be cleared whole before a value of it is set. mount_setattr(2).
        clear=bits.clear | (0 if bits.atime is None else MOUNT_ATTR__ATIME),
        recursive=recursive,
    )


def propagate(propagation: int, recursive: bool) -> mount_ops.Attributes:
    """A change of propagation alone."""
    return mount_ops.Attributes(propagation=propagation, recursive=recursive)
