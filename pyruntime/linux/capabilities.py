"""The capabilities of capabilities(7), in the order of their bits."""

from __future__ import annotations

NAMES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
)

BITS = {name: bit for bit, name in enumerate(NAMES)}


def mask(names: list[str], last_capability: int) -> tuple[int, list[str]]:
    """The bits of *names*, and those names that this kernel (up to *last_capability*) doesn't have.

    The specification wants a warning about the latter, not an error.
    """
    bits = 0
    unknown = []
    for name in names:
        bit = BITS.get(name)
        if bit is None or bit > last_capability:
            unknown.append(name)
        else:
            bits |= 1 << bit
    return bits, unknown


def names_of(bits: int) -> list[str]:
    """The names in *bits*, as /proc/PID/status shows them; a bit without a name as "CAP_41"."""
    return [
        NAMES[bit] if bit < len(NAMES) else f"CAP_{bit}"
        for bit in range(bits.bit_length())
        if bits >> bit & 1
    ]
