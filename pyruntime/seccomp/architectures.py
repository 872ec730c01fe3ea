"""The architectures of linux.seccomp.architectures, with the numbers that tell them apart."""

from __future__ import annotations

X32_BIT = 0x40000000
"""Set in the number of every x32 system call, which shares x86_64's AUDIT_ARCH."""

NATIVE = {
    "x86_64": "SCMP_ARCH_X86_64",
    "i386": "SCMP_ARCH_X86",
    "i486": "SCMP_ARCH_X86",
    "i586": "SCMP_ARCH_X86",
    "i686": "SCMP_ARCH_X86",
    "aarch64": "SCMP_ARCH_AARCH64",
    "armv6l": "SCMP_ARCH_ARM",
    "armv7l": "SCMP_ARCH_ARM",
    "armv8l": "SCMP_ARCH_ARM",
    "riscv64": "SCMP_ARCH_RISCV64",
    "loongarch64": "SCMP_ARCH_LOONGARCH64",
    "ppc": "SCMP_ARCH_PPC",
    "ppc64": "SCMP_ARCH_PPC64",
    "ppc64le": "SCMP_ARCH_PPC64LE",
    "s390": "SCMP_ARCH_S390",
    "s390x": "SCMP_ARCH_S390X",
}
"""By what uname(2) says. MIPS is missing: there uname doesn't tell the byte order."""

TOKENS = {
    "SCMP_ARCH_X86": 0x40000003,
    "SCMP_ARCH_X86_64": 0xC000003E,
    "SCMP_ARCH_X32": 0x4000003E,
    "SCMP_ARCH_ARM": 0x40000028,
    "SCMP_ARCH_AARCH64": 0xC00000B7,
    "SCMP_ARCH_MIPS": 0x00000008,
    "SCMP_ARCH_MIPS64": 0x80000008,
    "SCMP_ARCH_MIPS64N32": 0xA0000008,
    "SCMP_ARCH_MIPSEL": 0x40000008,
    "SCMP_ARCH_MIPSEL64": 0xC0000008,
    "SCMP_ARCH_MIPSEL64N32": 0xE0000008,
    "SCMP_ARCH_PPC": 0x00000014,
    "SCMP_ARCH_PPC64": 0x80000015,
    "SCMP_ARCH_PPC64LE": 0xC0000015,
    "SCMP_ARCH_S390": 0x00000016,
    "SCMP_ARCH_S390X": 0x80000016,
    "SCMP_ARCH_PARISC": 0x0000000F,
    "SCMP_ARCH_PARISC64": 0x8000000F,
    "SCMP_ARCH_RISCV64": 0xC00000F3,
    "SCMP_ARCH_LOONGARCH64": 0xC0000102,
    "SCMP_ARCH_M68K": 0x00000004,
    "SCMP_ARCH_SH": 0x4000002A,
    "SCMP_ARCH_SHEB": 0x0000002A,
}
"""libseccomp's tokens: AUDIT_ARCH_* of linux/audit.h, but for x32, which has none of its own."""

# The first number that isn't an ordinary system call: x32's on x86_64, the private ones on ARM
# (__ARM_NR_BASE: set_tls, cacheflush, ...), which are no measure of what an author knew.
_PRIVATE = {"SCMP_ARCH_X86_64": X32_BIT, "SCMP_ARCH_ARM": 0x0F0000}


def audit_arch(name: str) -> int:
    """What seccomp_data.arch holds for *name*."""
    return TOKENS["SCMP_ARCH_X86_64" if name == "SCMP_ARCH_X32" else name]


def private_from(name: str) -> int | None:
    """Where *name*'s numbers stop being those of ordinary system calls; None: nowhere."""
    return _PRIVATE.get(name)
