"""A compiled filter, and what loading it takes. The only module, with `cache`, that a cache hit loads."""

from __future__ import annotations

from pyruntime.errors import SpecError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

POINTER = "/linux/seccomp"


class Filter:
    """A BPF program with the flags to give to seccomp(2) beside it."""

    __slots__ = ("bpf", "flags", "listener_metadata", "listener_path", "notify", "optional_flags")

    def __init__(
        self,
        bpf: bytes,
        *,
        flags: int = 0,
        optional_flags: int = 0,
        notify: bool = False,
        listener_path: str = "",
        listener_metadata: str = "",
    ) -> None:
        self.bpf = bpf
        """An array of struct sock_filter, in this machine's byte order."""
        self.flags = flags
        """SECCOMP_FILTER_FLAG_*: the profile asked for these; a kernel without them is an error."""
        self.optional_flags = optional_flags
        """Those to add if the kernel knows them: nobody asked, nothing weakens without them."""
        self.notify = notify
        """Whether some rule hands calls to a listener: seccomp(2) then gives a descriptor."""
        self.listener_path = listener_path
        self.listener_metadata = listener_metadata


def listener_of(profile: dict[str, Any], *, notify: bool) -> tuple[str, str]:
    """The listener's path and metadata; the path is "" when no rule notifies."""
    path = _text(profile, "listenerPath")
    metadata = _text(profile, "listenerMetadata")
    if metadata and not path:
        raise SpecError(f"{POINTER}/listenerMetadata", "given without a listenerPath")
    if notify and not path:
        raise SpecError(f"{POINTER}/listenerPath", "missing, but a rule uses SCMP_ACT_NOTIFY")
    return (path, metadata) if notify else ("", "")


def _text(profile: dict[str, Any], name: str) -> str:
    value = profile.get(name)
    if value is not None and not isinstance(value, str):
        raise SpecError(f"{POINTER}/{name}", "not a string")
    return value or ""
