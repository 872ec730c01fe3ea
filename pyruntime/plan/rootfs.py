"""The root file system: its mount, the pivot, what is hidden and what is read-only. config.md, "Root"."""

from __future__ import annotations

from pyruntime.errors import SpecError
from pyruntime.linux.flags import (
    MS_BIND,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    MS_SHARED,
    MS_SLAVE,
    MS_UNBINDABLE,
)
from pyruntime.plan import mount_ops
from pyruntime.plan.mount_attributes import inside_path, is_classic
from pyruntime.plan.mount_options import PROPAGATIONS, classic_propagation
from pyruntime.plan.namespaces import has, is_new
from pyruntime.plan.step import INSIDE, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.facts import Facts
    from pyruntime.plan.request import Request
    from pyruntime.spec.types import Spec


def prepare(spec: Spec, request: Request, facts: Facts) -> list[Step]:
    """Cut the new mount namespace off from the runtime's, then make the rootfs a mount in it."""
    if not has(spec, "mount"):
        return [Step(INSIDE, mount_ops.open_rootfs(request.rootfs), "root.path")]
    steps = []
    wanted = _propagation(spec)
    if is_new(spec, "mount"):
        steps.append(
            Step(
                INSIDE, mount_ops.propagate_all(_while_mounting(wanted)), "linux.rootfsPropagation"
            )
        )
        if wanted & MS_SHARED:
            steps.append(
                Step(INSIDE, mount_ops.private_parent(request.rootfs), "linux.rootfsPropagation")
            )
    # What the host mounts below the rootfs later is not the container's, unless asked for. A namespace that is joined has
    # its own propagation.
    alone = MS_PRIVATE if is_new(spec, "mount") and not wanted else 0
    op = mount_ops.bind_rootfs(request.rootfs, alone, classic=is_classic(facts))
    return [*steps, Step(INSIDE, op, "root.path")]


def _propagation(spec: Spec) -> int:
    name = spec.get("linux", {}).get("rootfsPropagation") or ""
    return classic_propagation(*PROPAGATIONS[name]) if name else 0


def while_mounting(spec: Spec) -> int:
    """The propagation that the runtime's mounts get in the container's new mount namespace, as flags of mount(2)."""
    return _while_mounting(_propagation(spec))


def _while_mounting(wanted: int) -> int:
    """Slave unless asked otherwise; an unbindable tree could not be bound, so that comes after the pivot."""
    if not wanted or wanted & MS_UNBINDABLE:
        return MS_SLAVE | MS_REC
    return wanted | (0 if wanted & MS_SHARED else MS_REC)


def hide(spec: Spec, facts: Facts) -> list[Step]:
    """Masked and readonly paths; before the pivot, as the mask is the runtime's own null device."""
    linux = spec.get("linux", {})
    classic = is_classic(facts)
    label = linux.get("mountLabel") or ""
    if label and classic:
        label = f'context="{label}"'  # a part of mount(2)'s one string of options
    steps = [
        Step(INSIDE, mount_ops.readonly(path, classic=classic), f"linux.readonlyPaths[{index}]")
        for index, path in enumerate(linux.get("readonlyPaths") or ())
        if inside_path(path) != "/"  # nothing can lie over the root: see `readonly`
    ]
    return steps + [
        Step(INSIDE, mount_ops.mask(path, label, classic=classic), f"linux.maskedPaths[{index}]")
        for index, path in enumerate(linux.get("maskedPaths") or ())
    ]


def enter(spec: Spec, request: Request) -> list[Step]:
    """Make it the root."""
    if not has(spec, "mount"):
        return [Step(INSIDE, mount_ops.chroot(), "root.path")]
    pivot = mount_ops.pivot_root() if request.pivot else mount_ops.move_root()
    steps = [Step(INSIDE, pivot, "root.path")]
    wanted = _propagation(spec)
    if wanted:
        steps.append(Step(INSIDE, mount_ops.change_root(wanted), "linux.rootfsPropagation"))
    return steps


def readonly(spec: Spec, facts: Facts) -> list[Step]:
    """The root last of all: until then things are made in it."""
    origin = _readonly_because_of(spec)
    if not origin:
        return []
    if not has(spec, "mount"):
        text = "without a mount namespace of its own the container's root is no mount, and cannot be read-only"
        raise SpecError("/root/readonly", text)
    if is_classic(facts):
        op = mount_ops.change_root(MS_REMOUNT | MS_BIND | MS_RDONLY)
    else:
        op = mount_ops.readonly_root()
    return [Step(INSIDE, op, origin)]


def _readonly_because_of(spec: Spec) -> str:
    """What asks for a read-only root; "" if nothing does."""
    if spec.get("root", {}).get("readonly"):
        return "root.readonly"
    for index, path in enumerate(spec.get("linux", {}).get("readonlyPaths") or ()):
        if inside_path(path) == "/":
            return f"linux.readonlyPaths[{index}]"
    return ""
