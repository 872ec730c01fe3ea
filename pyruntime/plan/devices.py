"""Device nodes and the links of /dev. config-linux.md, "Default Devices", "Devices"; runtime-linux.md, "Dev symbolic links".

In a user namespace nobody may make nodes: the runtime's are bound instead.
"""

from __future__ import annotations

import stat

from pyruntime.linux.flags import MOUNT_ATTR_NOSUID, MS_NOSUID, MS_PRIVATE
from pyruntime.plan import mount_ops
from pyruntime.plan.mount_attributes import inside_path, is_classic
from pyruntime.plan.namespaces import has
from pyruntime.plan.step import INSIDE, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.facts import Facts
    from pyruntime.plan.step import Op
    from pyruntime.spec.types import Device, Spec

#    path           major  minor
DEFAULT = (
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
)
LINKS = (
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
)
KINDS = {"c": stat.S_IFCHR, "u": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}


def all_of(spec: Spec, facts: Facts) -> list[Step]:
    """The default nodes, the configured ones, the links."""
    if binds_dev(spec):
        return []
    steps = []
    bound = has(spec, "user") or facts.in_user_namespace
    configured = spec.get("linux", {}).get("devices") or []
    # What config.json mounts on such a path is what the container gets there.
    mounted = {inside_path(mount["destination"]) for mount in spec.get("mounts") or ()}
    taken = mounted | {inside_path(device["path"]) for device in configured}
    for path, major, minor in DEFAULT:
        if path not in taken:
            op = (
                _bound(path, facts)
                if bound
                else mount_ops.mknod(path, stat.S_IFCHR | 0o666, major, minor, 0, 0, leave=True)
            )
            steps.append(Step(INSIDE, op, "default devices"))
    for index, device in enumerate(configured):
        path = inside_path(device["path"])
        op = _bound(path, facts) if bound and device["type"] != "p" else _node(path, device)
        steps.append(Step(INSIDE, op, f"linux.devices[{index}] {device['path']}"))
    steps += [
        Step(INSIDE, mount_ops.symlink(text, path), "dev symbolic links") for text, path in LINKS
    ]
    # The terminals are those of the container's own devpts: what is there from an image is of no use.
    if "/dev/ptmx" not in mounted:
        op = mount_ops.symlink("pts/ptmx", "/dev/ptmx", replace=True)
        steps.append(Step(INSIDE, op, "default devices"))
    return steps


def binds_dev(spec: Spec) -> bool:
    """Whether /dev is somebody else's: nothing may be made in there."""
    for mount in spec.get("mounts") or ():
        if inside_path(mount["destination"]) == "/dev":
            options = mount.get("options") or []
            if mount.get("type") == "bind" or "bind" in options or "rbind" in options:
                return True
    return False


def _node(path: str, device: Device) -> Op:
    mode = device.get("fileMode")
    mode = 0o666 if mode is None else mode & 0o7777
    return mount_ops.mknod(
        path,
        KINDS[device["type"]] | mode,
        device.get("major", 0),
        device.get("minor", 0),
        device.get("uid", 0) or 0,
        device.get("gid", 0) or 0,
    )


def _bound(path: str, facts: Facts) -> Op:
    """The runtime's node. Not noexec: /dev/zero is mapped with PROT_EXEC by some."""
    if is_classic(facts):
        changes = [f"{MS_NOSUID}:0", str(MS_PRIVATE)]
        return mount_ops.bind_classic(path, path, 0, changes, recursive=False)
    attributes = mount_ops.Attributes(set=MOUNT_ATTR_NOSUID, propagation=MS_PRIVATE)
    return mount_ops.bind(path, path, 0, [attributes], recursive=False)
