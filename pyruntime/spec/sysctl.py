"""Which sysctls a container may set: those that the kernel keeps per namespace, in a namespace of its own.

Any other would be set for the whole host.
"""

from __future__ import annotations

from pyruntime.spec.places import key, namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pyruntime.spec.places import Fault

# ipc/ipc_sysctl.c of the kernel.
IPC = frozenset(
    {
        "kernel/auto_msgmni",
        "kernel/msg_next_id",
        "kernel/msgmax",
        "kernel/msgmnb",
        "kernel/msgmni",
        "kernel/sem",
        "kernel/sem_next_id",
        "kernel/shm_next_id",
        "kernel/shm_rmid_forced",
        "kernel/shmall",
        "kernel/shmmax",
        "kernel/shmmni",
    }
)

#   below /proc/sys    namespace that it needs
PREFIXES = (
    ("net/", "network"),
    ("fs/mqueue/", "ipc"),
    ("user/", "user"),
)


def sysctl_path(name: str) -> str | None:
    """Where below /proc/sys the sysctl *name* is, or None if no name can be so.

    sysctl(8): whichever of "." and "/" comes first separates, and the other stands for itself swapped,
    as in net.ipv4.conf.eth0/100.forwarding for the interface eth0.100.
    """
    slash, dot = name.find("/"), name.find(".")
    if dot != -1 and (slash == -1 or dot < slash):
        name = name.translate({ord("."): "/", ord("/"): "."})
    parts = name.split("/")
    if len(parts) < 2 or any(part in ("", ".", "..") for part in parts):
        return None
    return name


def needed_namespace(path: str) -> str | None:
    """The namespace type that keeps /proc/sys/*path*, or None if the kernel has one for all."""
    if path in IPC:
        return "ipc"
    if path == "kernel/domainname":
        return "uts"
    for prefix, kind in PREFIXES:
        if path.startswith(prefix):
            return kind
    return None


def sysctls(value: dict[str, str], at: str, config: dict[str, Any]) -> Iterator[Fault]:
    for name in value:
        path = sysctl_path(name)
        pointer = f"{at}/{key(name)}"
        if path is None:
            yield pointer, "must be the name of a sysctl, such as net.ipv4.ip_forward"
            continue
        if path == "kernel/hostname":
            yield pointer, 'must be given as "hostname"'
            continue
        kind = needed_namespace(path)
        if kind is None:
            yield pointer, "must be one that the kernel keeps per namespace"
        elif kind not in namespaces(config):
            yield pointer, f"needs {kind} in /linux/namespaces: without it the host's would change"
