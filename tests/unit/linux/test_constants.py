"""Every number of linux.flags is the compiler's."""

from __future__ import annotations

import pytest

from pyruntime._native import lib
from pyruntime.linux import flags

# <sys/mount.h> has these; csrc/native_build.py says why it isn't used. test_calls shows that they work.
UNCHECKED = {"MNT_FORCE", "MNT_DETACH", "MNT_EXPIRE", "UMOUNT_NOFOLLOW"}

NAMES = [name for name, value in vars(flags).items() if name.isupper() and isinstance(value, int)]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in UNCHECKED])
def test_a_constant_is_what_the_headers_say(name: str) -> None:
    assert getattr(flags, name) == getattr(lib, name)
