"""The options of a mount: one table. config.md, "Linux mount options"; mount(8), mount_setattr(2).

`features` prints this table, the tests walk it. An option that is not in it is the file system's own (data).
"""

from __future__ import annotations

from pyruntime.linux.flags import (
    MOUNT_ATTR_NOATIME,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NODIRATIME,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_NOSYMFOLLOW,
    MOUNT_ATTR_RDONLY,
    MOUNT_ATTR_RELATIME,
    MOUNT_ATTR_STRICTATIME,
    MS_DIRSYNC,
    MS_I_VERSION,
    MS_LAZYTIME,
    MS_MANDLOCK,
    MS_NOATIME,
    MS_NODEV,
    MS_NODIRATIME,
    MS_NOEXEC,
    MS_NOSUID,
    MS_NOSYMFOLLOW,
    MS_POSIXACL,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_RELATIME,
    MS_SHARED,
    MS_SILENT,
    MS_SLAVE,
    MS_STRICTATIME,
    MS_SYNCHRONOUS,
    MS_UNBINDABLE,
)

#   option            attribute            clear
ATTRIBUTES = {
    "ro": (MOUNT_ATTR_RDONLY, False),
    "rw": (MOUNT_ATTR_RDONLY, True),
    "nosuid": (MOUNT_ATTR_NOSUID, False),
    "suid": (MOUNT_ATTR_NOSUID, True),
    "nodev": (MOUNT_ATTR_NODEV, False),
    "dev": (MOUNT_ATTR_NODEV, True),
    "noexec": (MOUNT_ATTR_NOEXEC, False),
    "exec": (MOUNT_ATTR_NOEXEC, True),
    "nodiratime": (MOUNT_ATTR_NODIRATIME, False),
    "diratime": (MOUNT_ATTR_NODIRATIME, True),
    "nosymfollow": (MOUNT_ATTR_NOSYMFOLLOW, False),
    "symfollow": (MOUNT_ATTR_NOSYMFOLLOW, True),
}

# The access time is one field of three values, so a clearing option chooses the kernel's default, relatime.
ATIMES = {
    "noatime": MOUNT_ATTR_NOATIME,
    "relatime": MOUNT_ATTR_RELATIME,
    "strictatime": MOUNT_ATTR_STRICTATIME,
    "atime": MOUNT_ATTR_RELATIME,
    "norelatime": MOUNT_ATTR_RELATIME,
    "nostrictatime": MOUNT_ATTR_RELATIME,
}

# With an "r" in front they hold for every mount below as well (mount_setattr with AT_RECURSIVE, 5.12).
RECURSIVE = {f"r{name}": name for name in (*ATTRIBUTES, *ATIMES)}

PROPAGATIONS = {
    "private": (MS_PRIVATE, False),
    "rprivate": (MS_PRIVATE, True),
    "shared": (MS_SHARED, False),
    "rshared": (MS_SHARED, True),
    "slave": (MS_SLAVE, False),
    "rslave": (MS_SLAVE, True),
    "unbindable": (MS_UNBINDABLE, False),
    "runbindable": (MS_UNBINDABLE, True),
}

# Options of the superblock: fsconfig(2) knows a word for most; "" where only mount(2) has a flag.
#   option          word          flag            clear
SUPERBLOCK = {
    "sync": ("sync", MS_SYNCHRONOUS, False),
    "async": ("async", MS_SYNCHRONOUS, True),
    "dirsync": ("dirsync", MS_DIRSYNC, False),
    "lazytime": ("lazytime", MS_LAZYTIME, False),
    "nolazytime": ("nolazytime", MS_LAZYTIME, True),
    "mand": ("mand", MS_MANDLOCK, False),
    "nomand": ("nomand", MS_MANDLOCK, True),
    "iversion": ("", MS_I_VERSION, False),
    "noiversion": ("", MS_I_VERSION, True),
    "silent": ("", MS_SILENT, False),
    "loud": ("", MS_SILENT, True),
    "acl": ("", MS_POSIXACL, False),
    "noacl": ("", MS_POSIXACL, True),
}

# What decides the kind of the mount, or says nothing.
KINDS = ("bind", "rbind", "remount", "tmpcopyup", "defaults", "idmap", "ridmap")

# The flag of mount(2) for an attribute.
CLASSIC = {
    MOUNT_ATTR_RDONLY: MS_RDONLY,
    MOUNT_ATTR_NOSUID: MS_NOSUID,
    MOUNT_ATTR_NODEV: MS_NODEV,
    MOUNT_ATTR_NOEXEC: MS_NOEXEC,
    MOUNT_ATTR_NODIRATIME: MS_NODIRATIME,
    MOUNT_ATTR_NOSYMFOLLOW: MS_NOSYMFOLLOW,
}
CLASSIC_ATIMES = {
    MOUNT_ATTR_RELATIME: MS_RELATIME,
    MOUNT_ATTR_NOATIME: MS_NOATIME,
    MOUNT_ATTR_STRICTATIME: MS_STRICTATIME,
}


def known() -> list[str]:
    """Every option of the table, sorted: what `features` lists."""
    tables = (ATTRIBUTES, ATIMES, RECURSIVE, PROPAGATIONS, SUPERBLOCK, dict.fromkeys(KINDS))
    return sorted({name for table in tables for name in table})


class Bits:
    """Attributes to set and to clear; the last option of a pair wins."""

    __slots__ = ("atime", "clear", "set")

    def __init__(self) -> None:
        self.set = 0
        self.clear = 0
        self.atime: int | None = None

    def take(self, option: str) -> None:
        """Apply *option*, one of ATTRIBUTES or ATIMES."""
        if option in ATIMES:
            self.atime = ATIMES[option]
            return
        bit, clear = ATTRIBUTES[option]
        self.set = self.set & ~bit if clear else self.set | bit
        self.clear = self.clear | bit if clear else self.clear & ~bit

    def __bool__(self) -> bool:
        return bool(self.set or self.clear) or self.atime is not None


class MountOptions:
    """The options of one mount, sorted out."""

    __slots__ = (
        "bind",
        "bits",
        "copy_up",
        "data",
        "flags",
        "idmap",
        "propagations",
        "recursive",
        "recursive_bits",
        "remount",
        "words",
    )

    def __init__(self, options: list[str]) -> None:
        self.bind = False
        self.recursive = False
        self.remount = False
        self.copy_up = False
        self.idmap = ""
        self.bits = Bits()
        self.recursive_bits = Bits()
        self.propagations: list[tuple[int, bool]] = []
        self.words: dict[int, str] = {}
        """fsconfig's words for superblock options, by the flag that they set or clear."""
        self.flags = 0
        """mount(2)'s flags for superblock options."""
        self.data: list[str] = []
        for option in options:
            self._take(option)

    def _take(self, option: str) -> None:
        if option in ATTRIBUTES or option in ATIMES:
            self.bits.take(option)
        elif option in RECURSIVE:
            self.recursive_bits.take(RECURSIVE[option])
        elif option in PROPAGATIONS:
            self.propagations.append(PROPAGATIONS[option])
        elif option in SUPERBLOCK:
            word, flag, clear = SUPERBLOCK[option]
            self.words[flag] = word
            self.flags = self.flags & ~flag if clear else self.flags | flag
        elif option in KINDS:
            self._take_kind(option)
        elif '"' in option:
            self.data.append(option)  # an LSM's context: its commas are its own
        else:
            self.data += option.split(",")

    def _take_kind(self, option: str) -> None:
        if option in ("bind", "rbind"):
            self.bind = True
            self.recursive = self.recursive or option == "rbind"
        elif option == "remount":
            self.remount = True
        elif option == "tmpcopyup":
            self.copy_up = True
        elif option in ("idmap", "ridmap"):
            self.idmap = option

    @property
    def only_classic(self) -> bool:
        """Whether only mount(2) can say it: a flag without a word, or a value that fsconfig(2) finds too long (256)."""
        wordless = any(not word and flag & self.flags for flag, word in self.words.items())
        return wordless or any(len(option.encode()) > 250 for option in self.data)


def classic_flags(bits: Bits) -> int:
    """The bits to set, as flags of mount(2)."""
    flags = sum(flag for bit, flag in CLASSIC.items() if bits.set & bit)
    return flags | (0 if bits.atime is None else CLASSIC_ATIMES[bits.atime])


def classic_clear(bits: Bits) -> int:
    """The bits to clear, as flags of mount(2)."""
    return sum(flag for bit, flag in CLASSIC.items() if bits.clear & bit)


def classic_propagation(propagation: int, recursive: bool) -> int:
    """mount(2)'s flags for a propagation."""
    return propagation | (MS_REC if recursive else 0)
