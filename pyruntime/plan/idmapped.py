"""Idmapped mounts: the source is opened and mapped with the runtime's powers, before the clone. config.md, "Mounts".

A file that belongs to `containerID` on disk belongs to `hostID` in the container. Mappings without an option imply
"idmap"; an option without mappings means those of the container's user namespace.
"""

from __future__ import annotations

import os

from pyruntime.errors import SpecError, Unsupported
from pyruntime.plan import mount_ops, ops
from pyruntime.plan.mount_options import MountOptions
from pyruntime.plan.namespaces import is_new, map_text
from pyruntime.plan.step import ENTRY, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.facts import Facts
    from pyruntime.plan.request import Request
    from pyruntime.plan.step import Op
    from pyruntime.spec.types import Mount, Spec


def is_idmapped(mount: Mount) -> bool:
    """Whether the mount is to be seen through maps."""
    options = mount.get("options") or []
    return bool(mount.get("uidMappings") or "idmap" in options or "ridmap" in options)


def open_all(spec: Spec, request: Request, facts: Facts) -> list[Step]:
    """The mapped trees, each in the slot where `mounts` looks for the source of its bind."""
    steps: list[Step] = []
    for index, mount in enumerate(spec.get("mounts") or ()):
        if is_idmapped(mount):
            steps += _open(index, mount, spec, request, facts)
    return steps


def _open(index: int, mount: Mount, spec: Spec, request: Request, facts: Facts) -> list[Step]:
    pointer = f"/mounts/{index}"
    options = MountOptions(mount.get("options") or [])
    if not (options.bind or mount.get("type") == "bind"):
        raise Unsupported(f"{pointer}: only bind mounts can be idmapped")
    if facts.rootless:
        raise Unsupported(f"{pointer}: idmapped mounts need root of the initial user namespace")
    if not {"mount_api", "mount_setattr", "clone3"} <= facts.features:
        raise Unsupported(f"{pointer}: idmapped mounts need mount_setattr (Linux 5.12)")
    tree, userns = request.slots.new(f"mounts[{index}]"), request.slots.new(f"maps[{index}]")
    source = os.path.normpath(os.path.join(request.bundle, mount["source"]))
    made = (
        _user_namespace(userns, pointer, mount, spec),
        mount_ops.open_tree(tree, source, recursive=options.recursive),
        mount_ops.idmap(tree, userns, recursive=options.idmap == "ridmap"),
    )
    return [Step(ENTRY, op, f"mounts[{index}] {mount['destination']}") for op in made]


def _user_namespace(slot: int, pointer: str, mount: Mount, spec: Spec) -> Op:
    """One that has the maps: made for them, or the one that the container joins."""
    linux = spec.get("linux", {})
    uid_maps, gid_maps = mount.get("uidMappings"), mount.get("gidMappings") or []
    if not uid_maps:
        joined = [
            n["path"]
            for n in linux.get("namespaces") or ()
            if n["type"] == "user" and n.get("path")
        ]
        if joined:
            return ops.open(slot, joined[0], os.O_RDONLY | os.O_NONBLOCK)
        uid_maps, gid_maps = linux.get("uidMappings"), linux.get("gidMappings") or []
        if not is_new(spec, "user") or not uid_maps:
            text = "idmap needs mappings, here or of a user namespace of the container"
            raise SpecError(f"{pointer}/options", text)
    return mount_ops.make_userns(slot, map_text(uid_maps), map_text(gid_maps))
