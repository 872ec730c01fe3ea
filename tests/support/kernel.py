"""The few calls that the tests need and Python 3.11 lacks."""

from __future__ import annotations

import ctypes
import os

CLONE_NEWNS = 0x00020000
MS_REC, MS_PRIVATE, MS_SHARED = 0x4000, 1 << 18, 1 << 20
MS_BIND, MNT_DETACH = 0x1000, 2
PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: object, target: object, fstype: str = "", flags: int = 0, data: str = "") -> None:
    _checked(
        _libc.mount(
            str(source).encode(),
            str(target).encode(),
            fstype.encode(),
            ctypes.c_ulong(flags),
            data.encode(),
        ),
        f"mount {source} {target}",
    )


def umount(target: object, flags: int = 0) -> None:
    _checked(_libc.umount2(str(target).encode(), flags), f"umount {target}")


def enter_private_mount_namespace() -> None:
    """What others on this machine mount is not seen from now on, nor do they see ours; inside, / is shared, as systemd makes it."""
    _checked(_libc.unshare(CLONE_NEWNS), "unshare")
    mount("", "/", "", MS_REC | MS_PRIVATE)
    mount("", "/", "", MS_REC | MS_SHARED)


def become_subreaper() -> None:
    """A container whose runtime has ended becomes a child of ours: it can be waited for, and none can hide."""
    _checked(_libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")
