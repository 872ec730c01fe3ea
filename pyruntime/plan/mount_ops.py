"""The ops that mount, and those that make files: see `ops`. csrc/ops_mount.c, ops_rootfs.c, ops_file.c."""

from __future__ import annotations

from pyruntime.plan.step import Op

# Target flags of the mounting ops (csrc/ops_mount.c).
TARGET_STRICT = 1  # no symbolic link on the way (CVE-2019-19921)
TARGET_IN_PROC = 2  # may lie inside procfs
TARGET_COPY_UP = 4  # tmpcopyup
TARGET_KEEP_MODE = 8  # a tmpfs takes the mode of what it hides


class Attributes:
    """One mount_setattr(2): bits to set and to clear, a propagation, and whether submounts are meant too."""

    __slots__ = ("clear", "propagation", "recursive", "set")

    def __init__(
        self, *, set: int = 0, clear: int = 0, propagation: int = 0, recursive: bool = False
    ) -> None:
        self.set = set
        self.clear = clear
        self.propagation = propagation
        self.recursive = recursive

    def text(self) -> str:
        """As the executor reads it."""
        return f"{self.recursive:d}:{self.set}:{self.clear}:{self.propagation}"


def open_tree(slot: int, path: str, *, recursive: bool) -> Op:
    """Clone the mount tree at *path*, detached."""
    return Op("open_tree", slot, path, int(recursive))


def make_userns(slot: int, uid_map: str, gid_map: str) -> Op:
    """A user namespace for its maps alone. user_namespaces(7)."""
    return Op("make_userns", slot, uid_map, gid_map)


def idmap(tree_slot: int, userns_slot: int, *, recursive: bool) -> Op:
    """mount_setattr(2) with MOUNT_ATTR_IDMAP on a detached tree; 5.12."""
    return Op("idmap", tree_slot, userns_slot, int(recursive))


def propagate_all(flags: int) -> Op:
    """mount(2): the propagation of every mount of the new mount namespace."""
    return Op("propagate_all", flags)


def private_parent(path: str) -> Op:
    """Make the mount that *path* lies in private: pivot_root(2) refuses a shared one."""
    return Op("private_parent", path)


def bind_rootfs(path: str, propagation: int, *, classic: bool = False) -> Op:
    """Make the rootfs a mount of its own with *propagation*, and the root that later paths are resolved in.

    0 leaves the propagation that the runtime's mount has in the new mount namespace.
    """
    return Op("bind_rootfs_classic" if classic else "bind_rootfs", path, propagation)


def open_rootfs(path: str) -> Op:
    """Without a mount namespace: only take the rootfs as the root for later paths."""
    return Op("open_rootfs", path)


def mount(
    target: str,
    fstype: str,
    source: str,
    attributes: int,
    target_flags: int,
    propagation: int,
    *options: str,
) -> Op:
    """fsopen(2), fsconfig(2) for each option, fsmount(2), move_mount(2)."""
    return Op("mount", target, fstype, source, attributes, target_flags, propagation, *options)


def mount_classic(
    target: str, fstype: str, source: str, flags: int, target_flags: int, data: str
) -> Op:
    """mount(2)."""
    return Op("mount_classic", target, fstype, source, flags, target_flags, data)


def bind(
    target: str, source: str, target_flags: int, attributes: list[Attributes], *, recursive: bool
) -> Op:
    """open_tree(2), mount_setattr(2) for each of *attributes*, move_mount(2)."""
    return Op("bind", target, source, int(recursive), target_flags, *[a.text() for a in attributes])


def bind_classic(
    target: str, source: str, target_flags: int, changes: list[str], *, recursive: bool
) -> Op:
    """mount(2) with MS_BIND, then one for each of *changes*: "FLAGS", or "SET:CLEAR" for a remount."""
    return Op("bind_classic", target, source, int(recursive), target_flags, *changes)


def change_mount(target: str, target_flags: int, attributes: list[Attributes]) -> Op:
    """mount_setattr(2) on a mount in place."""
    return Op("change_mount", target, target_flags, *[a.text() for a in attributes])


def remount(target: str, flags: int, data: str) -> Op:
    """mount(2) on a mount in place: for the superblock's options, and for propagation before 5.12."""
    return Op("remount", target, flags, data)


def mknod(
    path: str, mode: int, major: int, minor: int, uid: int, gid: int, *, leave: bool = False
) -> Op:
    """mknodat(2), with exactly this owner and mode. What is there already keeps its own; it must be such a node.

    With *leave* it may be anything.
    """
    return Op("mknod", path, mode, major, minor, uid, gid, int(leave))


def symlink(text: str, path: str, *, replace: bool = False) -> Op:
    """symlinkat(2); what is there stays unless *replace*."""
    return Op("symlink", text, path, int(replace))


def make_directory(path: str) -> Op:
    """mkdirat(2) for every missing component, mode 0755."""
    return Op("make_directory", path)


def label(path: str, context: str) -> Op:
    """setxattr(2) of security.selinux: for a file system that has no mount option for it."""
    return Op("label", path, context)


def mask(path: str, context: str, *, classic: bool = False) -> Op:
    """Hide a file behind the null device, a directory behind an empty tmpfs; a missing path is nothing to hide.

    *context* is an SELinux context for the tmpfs, "" for none; an option of mount(2) in the classic form.
    """
    return Op("mask_classic" if classic else "mask", path, context)


def readonly(path: str, *, classic: bool = False) -> Op:
    """Bind *path* on itself, read-only."""
    return Op("readonly_classic" if classic else "readonly", path)


def pivot_root() -> Op:
    """pivot_root(2), and detach what was the root."""
    return Op("pivot_root")


def move_root() -> Op:
    """mount(MS_MOVE) and chroot(2): for --no-pivot, where the root is ramfs."""
    return Op("move_root")


def chroot() -> Op:
    """chroot(2): without a mount namespace there is nothing to pivot."""
    return Op("chroot")


def readonly_root() -> Op:
    """mount_setattr(2): the root's mount becomes read-only."""
    return Op("readonly_root")


def change_root(flags: int) -> Op:
    """mount(2) on the root in place."""
    return Op("change_root", flags)


def enter_root() -> Op:
    """Take the joined mount namespace's root as the root for later paths."""
    return Op("enter_root")
