"""Where the state of containers is kept."""

from __future__ import annotations

import os

from pyruntime.errors import UsageError

SYSTEM_ROOT = "/run/pyruntime"

# The initial user namespace has a fixed inode number since 3.8 (PROC_USER_INIT_INO).
INITIAL_USER_NAMESPACE = 0xEFFFFFFD


def state_root(option: str) -> str:
    """The state root as an absolute path: *option* (`--root`), or the default of this user.

    The rule looks at credentials and XDG_RUNTIME_DIR only. podman calls create with USER in the
    environment and delete without; a rule that asked for USER would look in two places.
    """
    if option:
        root = "/" + os.path.abspath(option).lstrip("/")
        if root == "/":
            raise UsageError("the state root can not be /")
        return root
    euid = os.geteuid()
    if euid == 0 and not _in_user_namespace():
        return SYSTEM_ROOT
    runtime_directory = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime_directory.startswith("/"):
        return os.path.join(os.path.normpath(runtime_directory), "pyruntime")
    if euid == 0:
        return SYSTEM_ROOT  # a system container: /run is its own
    raise UsageError(
        "no place for the state of containers", hint="give --root or set XDG_RUNTIME_DIR"
    )


def _in_user_namespace() -> bool:
    try:
        return os.stat("/proc/self/ns/user").st_ino != INITIAL_USER_NAMESPACE
    except OSError:
        return False
