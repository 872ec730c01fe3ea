"""What matters only where user namespaces are involved: the programs that map ids, who owns which namespace, which
cgroups may be changed. It reads and asks, and changes nothing.
"""

from __future__ import annotations

import fcntl
import os
import stat

from pyruntime.host.facts import read
from pyruntime.linux.namespaces import TYPES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.facts import Facts
    from pyruntime.spec.types import Spec

# Not PATH, which is whatever the caller has: engines call runtimes without one.
DIRECTORIES = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/bin", "/run/wrappers/bin")
HELPERS = {"uid_map": "newuidmap", "gid_map": "newgidmap"}

# The requests of ioctl_nsfs, see ioctl_ns(2).
NS_GET_USERNS = 0xB701
NS_GET_PARENT = 0xB702

# Namespaces whose file systems only their owner may mount: sysfs, proc, mqueue.
OWNED = ("network", "pid", "ipc")


def look(facts: Facts, spec: Spec) -> None:
    """Complete *facts* for a container that is in a user namespace, or whose runtime is."""
    facts.id_helpers = id_helpers()
    given = {n["type"]: n.get("path") or "" for n in spec.get("linux", {}).get("namespaces") or ()}
    facts.setgroups_denied = _setgroups_denied(given)
    facts.keeps_groups = any(group != facts.egid for group in os.getgroups())
    facts.foreign = frozenset(
        kind for kind in OWNED if given.get(kind) != "" and not _has_power(kind, given)
    )


def id_helpers() -> dict[str, str]:
    """Map file to helper. Only root may have put it there: it gets to write what the kernel takes for granted."""
    found = {}
    for kind, name in HELPERS.items():
        for directory in DIRECTORIES:
            path = f"{directory}/{name}"
            try:
                status = os.stat(path)
            except OSError:
                continue
            safe = status.st_mode & 0o022 == 0 and status.st_uid in (0, OVERFLOW_ID)
            if stat.S_ISREG(status.st_mode) and safe and os.access(path, os.X_OK):
                found[kind] = path
                break
    return found


OVERFLOW_ID = 65534
"""How the host's root looks from a user namespace that does not map it."""


def user_name(uid: int) -> str:
    """The name of *uid* in /etc/passwd, "" if it has none."""
    for line in read("/etc/passwd").split("\n"):
        fields = line.split(":")
        if len(fields) > 2 and fields[2] == str(uid):
            return fields[0]
    return ""


def _setgroups_denied(given: dict[str, str]) -> bool:
    if "user" not in given:
        return read("/proc/self/setgroups").strip() == "deny"
    # The file of a namespace does not say it, a process in there does.
    path = given["user"]
    if path.startswith("/proc/") and path.endswith("/ns/user"):
        return read(path.removesuffix("ns/user") + "setgroups").strip() == "deny"
    return False


def _has_power(kind: str, given: dict[str, str]) -> bool:
    """Whether root of the container's user namespace is root over its namespace of *kind*, inherited or joined."""
    if given.get("user") == "":
        return False  # a new user namespace owns what is made with it, and nothing older
    try:
        ours = os.stat(given.get("user") or "/proc/self/ns/user").st_ino
        fd = os.open(
            given.get(kind) or f"/proc/self/ns/{TYPES[kind][1]}", os.O_RDONLY | os.O_NONBLOCK
        )
    except OSError:
        return True  # opening it will be a step, and fail with a better word
    try:
        return _is_above(ours, fd)
    finally:
        os.close(fd)


def _is_above(user_namespace: int, fd: int) -> bool:
    """Whether the owner of the namespace *fd* is *user_namespace* (its inode) or below it. user_namespaces(7)."""
    request, opened = NS_GET_USERNS, []
    try:
        while True:
            fd = fcntl.ioctl(fd, request)
            opened.append(fd)
            if os.fstat(fd).st_ino == user_namespace:
                return True
            request = NS_GET_PARENT
    except OSError:
        return False  # EPERM: it is not below ours
    finally:
        for each in opened:
            os.close(each)
