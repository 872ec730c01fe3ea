"""A mount of type cgroup: what it looks like depends on the layout of the host and on the cgroup namespace.

v2: the hierarchy itself, whose root the cgroup namespace sets; without one, the container's own cgroup and
nothing above it (CVE-2023-25809). v1: a tmpfs with a directory for each hierarchy, and links for those that
are mounted together.
"""

from __future__ import annotations

from pyruntime.errors import Unsupported
from pyruntime.linux.flags import (
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    MS_BIND,
    MS_RDONLY,
    MS_REMOUNT,
)
from pyruntime.plan import mount_ops
from pyruntime.plan.mount_attributes import bind_attributes, fresh_attributes, is_classic
from pyruntime.plan.mount_options import classic_flags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.facts import Facts
    from pyruntime.plan.mount_options import MountOptions
    from pyruntime.plan.request import Request
    from pyruntime.plan.step import Op
    from pyruntime.spec.types import Spec

SAFE = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC


def all_of(
    destination: str,
    options: MountOptions,
    spec: Spec,
    request: Request,
    facts: Facts,
    pointer: str,
) -> list[Op]:
    """The ops that mount the container's cgroups on *destination*."""
    namespaces = spec.get("linux", {}).get("namespaces") or []
    private = any(n["type"] == "cgroup" for n in namespaces)
    layout = facts.cgroup.layout
    if layout == "none" or request.placement is None:
        raise Unsupported(f"{pointer}: no cgroup file system is mounted on this host")
    if not request.placement.paths:
        # What is shown is the runtime's own cgroup, to a container that may have the host's root. CVE-2023-25809.
        options.bits.take("ro")
    if layout == "v2":
        return [_unified(destination, options, request, facts, private=private)]
    label = spec.get("linux", {}).get("mountLabel") or ""
    return _v1(destination, options, request, facts, label, private=private)


def _unified(
    destination: str, options: MountOptions, request: Request, facts: Facts, *, private: bool
) -> Op:
    if not private:
        assert request.placement is not None
        own = request.placement.paths.get("")
        if own is None:
            return _runtimes(destination, request.placement.around, facts)
        return _bind(destination, own, options, facts)
    if is_classic(facts):
        flags = classic_flags(options.bits)
        return mount_ops.mount_classic(destination, "cgroup2", "cgroup", flags, 0, "")
    attributes = fresh_attributes(options)
    return mount_ops.mount(destination, "cgroup2", "cgroup", attributes, 0, 0, *options.data)


def _runtimes(destination: str, source: str, facts: Facts) -> Op:
    """A container without a cgroup of its own is in the runtime's, which it may see and not change. CVE-2023-25809."""
    if is_classic(facts):
        raise Unsupported("a container in the runtime's cgroup needs mount_setattr (Linux 5.12)")
    attributes = mount_ops.Attributes(set=SAFE | MOUNT_ATTR_RDONLY, recursive=True)
    return mount_ops.bind(destination, source, 0, [attributes], recursive=True)


def _bind(destination: str, source: str, options: MountOptions, facts: Facts) -> Op:
    if is_classic(facts):
        changes = [f"{classic_flags(options.bits)}:0"]
        return mount_ops.bind_classic(destination, source, 0, changes, recursive=True)
    attributes = bind_attributes(options)
    return mount_ops.bind(destination, source, 0, attributes, recursive=True)


def _v1(
    destination: str,
    options: MountOptions,
    request: Request,
    facts: Facts,
    label: str,
    *,
    private: bool,
) -> list[Op]:
    assert request.placement is not None
    made = [_tmpfs(destination, label, facts)]
    for hierarchy in facts.cgroup.v1:
        key = ",".join(hierarchy.controllers)
        name = hierarchy.mountpoint.rpartition("/")[2]
        target = f"{destination}/{name}"
        if private and not is_classic(facts):
            attributes = fresh_attributes(options)
            words = ("none", key) if key.startswith("name=") else hierarchy.controllers
            made.append(mount_ops.mount(target, "cgroup", "cgroup", attributes, 0, 0, *words))
        elif private:
            made.append(
                mount_ops.mount_classic(
                    target, "cgroup", "cgroup", classic_flags(options.bits), 0, key
                )
            )
        elif key in request.placement.paths:
            made.append(_bind(target, request.placement.paths[key], options, facts))
        if len(hierarchy.controllers) > 1:
            made += [
                mount_ops.symlink(name, f"{destination}/{controller}")
                for controller in hierarchy.controllers
                if controller != name
            ]
    if options.bits.set & MOUNT_ATTR_RDONLY:
        made.append(_readonly(destination, facts))
    return made


def _tmpfs(destination: str, label: str, facts: Facts) -> Op:
    if is_classic(facts):
        data = f'mode=755,context="{label}"' if label else "mode=755"
        return mount_ops.mount_classic(destination, "tmpfs", "tmpfs", SAFE, 0, data)
    words = ["mode=755", f"context={label}"] if label else ["mode=755"]
    return mount_ops.mount(destination, "tmpfs", "tmpfs", SAFE, 0, 0, *words)


def _readonly(destination: str, facts: Facts) -> Op:
    if is_classic(facts):
        return mount_ops.remount(destination, MS_BIND | MS_REMOUNT | MS_RDONLY | SAFE, "")
    return mount_ops.change_mount(destination, 0, [mount_ops.Attributes(set=MOUNT_ATTR_RDONLY)])
