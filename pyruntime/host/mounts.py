"""The cgroup mounts, and that of resctrl, of this mount namespace, out of the text of /proc/self/mountinfo. proc_pid_mountinfo(5)."""

from __future__ import annotations

# A host with a thousand containers has tens of thousands of mounts: a line is only taken apart if
# it is a cgroup mount, or is mounted where it would hide one.
INTERESTING = (" - cgroup", " /sys/fs/cgroup ", " /sys/fs ", " /sys ")


class Mount:
    """One line of mountinfo, the part that matters here."""

    __slots__ = ("fstype", "mountpoint", "options", "root")

    def __init__(self, root: str, mountpoint: str, fstype: str, options: tuple[str, ...]) -> None:
        self.root = root
        """The directory of the file system that is the mount's root (field 4)."""
        self.mountpoint = mountpoint
        self.fstype = fstype
        self.options = options
        """The super block's: on v1 they name the controllers."""


def cgroup_mounts(text: str) -> list[Mount]:
    """The mounts of cgroup v1 and v2 that can be reached, in the order of *text*."""
    found: list[Mount] = []
    for line in text.split("\n"):
        for mark in INTERESTING:
            if mark in line:
                break
        else:
            continue
        mount = _parse(line)
        if mount is None:
            continue
        # What is mounted later at a place hides what was mounted there, and below it, before.
        below = mount.mountpoint.rstrip("/") + "/"
        found = [m for m in found if not (m.mountpoint + "/").startswith(below)]
        if mount.fstype in ("cgroup", "cgroup2"):
            found.append(mount)
    return found


def resctrl_mount(text: str) -> str:
    """Where resctrl is mounted and not hidden by a later mount; "" if nowhere."""
    if " - resctrl " not in text:
        return ""
    found = ""
    for line in text.split("\n"):
        mount = _parse(line)
        if mount is None:
            continue
        if found and (found + "/").startswith(mount.mountpoint.rstrip("/") + "/"):
            found = ""
        # A part of it, bound for a container, has no classes at its top.
        if mount.fstype == "resctrl" and mount.root == "/":
            found = mount.mountpoint
    return found


def _parse(line: str) -> Mount | None:
    #  36 35 98:0 /root /mountpoint rw,noatime master:1 - fstype source rw,errors=continue
    left, _, right = line.partition(" - ")
    fields, rest = left.split(" "), right.split(" ")
    if len(fields) < 5 or len(rest) < 3:
        return None
    options = tuple(rest[2].split(","))
    return Mount(unescape(fields[3]), unescape(fields[4]), rest[0], options)


def unescape(path: str) -> str:
    r"""*path* without the octal escapes (\040 is a space) that the kernel writes."""
    first, *others = path.split("\\")
    if not others:
        return path
    raw = first.encode("utf-8", "surrogateescape")
    for part in others:
        if len(part) >= 3 and all(c in "01234567" for c in part[:3]):
            raw += bytes([int(part[:3], 8) & 0xFF]) + part[3:].encode("utf-8", "surrogateescape")
        else:
            raw += b"\\" + part.encode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "surrogateescape")
