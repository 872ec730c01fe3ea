"""What Landlock can restrict, by the kernel's names, and since which version of its interface. landlock(7).

The names are those of <linux/landlock.h> without their prefix, in small letters: LANDLOCK_ACCESS_FS_WRITE_FILE is
write_file. schemas/landlock.json lists the same names; a test compares the two.
"""

from __future__ import annotations

#   name          bit      version
FILESYSTEM = {
    "execute": (1 << 0, 1),
    "write_file": (1 << 1, 1),
    "read_file": (1 << 2, 1),
    "read_dir": (1 << 3, 1),
    "remove_dir": (1 << 4, 1),
    "remove_file": (1 << 5, 1),
    "make_char": (1 << 6, 1),
    "make_dir": (1 << 7, 1),
    "make_reg": (1 << 8, 1),
    "make_sock": (1 << 9, 1),
    "make_fifo": (1 << 10, 1),
    "make_block": (1 << 11, 1),
    "make_sym": (1 << 12, 1),
    "refer": (1 << 13, 2),
    "truncate": (1 << 14, 3),
    "ioctl_dev": (1 << 15, 5),
}
NETWORK = {
    "bind_tcp": (1 << 0, 4),
    "connect_tcp": (1 << 1, 4),
}
SCOPED = {
    "abstract_unix_socket": (1 << 0, 6),
    "signal": (1 << 1, 6),
}
RESTRICT_SELF = {
    "log_same_exec_off": (1 << 0, 7),
    "log_new_exec_on": (1 << 1, 7),
    "log_subdomains_off": (1 << 2, 7),
}

# The first Linux with each version.
KERNELS = {1: "5.13", 2: "5.19", 3: "6.2", 4: "6.7", 5: "6.10", 6: "6.12", 7: "6.15"}


def bits(names: list[str], table: dict[str, tuple[int, int]]) -> int:
    """The names as the kernel's bits."""
    found = 0
    for name in names:
        found |= table[name][0]
    return found


def names_of(value: int, table: dict[str, tuple[int, int]]) -> list[str]:
    """The other way round."""
    return [name for name, (bit, _) in table.items() if value & bit]
