"""What a plan is made from besides the spec and the facts: the caller's options, and what others have decided."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    class Write(Protocol):
        """A value for a file of a cgroup (cgroups.write)."""

        directory: str
        file: str
        value: str
        origin: str
        usage: str

    class Property(Protocol):
        """A property of a unit (cgroups.systemd_properties); `str` shows it."""

        origin: str

    class Unit(Protocol):
        """The unit of systemd that the cgroups are made for (cgroups.systemd_placement)."""

        name: str

        @property
        def properties(self) -> Sequence[Property]:
            """Those that it starts with."""

        @property
        def late(self) -> Sequence[Property]:
            """Those that wait until the container's process is in it."""

    class Placement(Protocol):
        """Where the container's cgroups are (cgroups.placement)."""

        driver: str
        paths: dict[str, str]
        device_program: bytes | None
        existing: bool
        join: list[str]
        owner: int | None
        around: str

        @property
        def unit(self) -> Unit | None:
            """None if the runtime makes the directories."""

        @property
        def writes(self) -> Sequence[Write]:
            """In this order, before the container's first process joins."""

    class Filter(Protocol):
        """A compiled seccomp profile (seccomp.cache)."""

        bpf: bytes
        flags: int
        listener_metadata: str
        listener_path: str
        notify: bool
        optional_flags: int


class Request:
    """One create, or run, of the container *id*."""

    __slots__ = (
        "bundle",
        "console_fd",
        "console_size",
        "console_socket",
        "environment",
        "fifo",
        "filter",
        "id",
        "keyring",
        "listen_fds",
        "pid_file",
        "pivot",
        "placement",
        "preserve_fds",
        "rootfs",
        "slots",
        "umask",
    )

    def __init__(
        self,
        id: str,
        bundle: str,
        rootfs: str,
        *,
        placement: Placement | None = None,
        filter: Filter | None = None,
        fifo: str = "",
        console_socket: str = "",
        console_fd: int = -1,
        console_size: tuple[int, int] | None = None,
        pid_file: str = "",
        preserve_fds: int = 0,
        listen_fds: int = 0,
        pivot: bool = True,
        keyring: bool = True,
        umask: int = 0o022,
        environment: Sequence[str] = (),
    ) -> None:
        self.id, self.bundle, self.rootfs = id, bundle, rootfs
        self.placement = placement
        self.filter = filter
        self.fifo = fifo
        """The start fifo; "" when the program starts at once (run, exec)."""
        self.console_socket = console_socket
        self.console_fd = console_fd
        """A connection that is open already, instead of that socket."""
        self.console_size = console_size
        """Rows and columns of the caller's own terminal, for a size that config.json leaves open."""
        self.pid_file = pid_file
        self.preserve_fds = preserve_fds
        self.listen_fds = listen_fds
        self.pivot = pivot
        self.keyring = keyring
        self.umask = umask
        """The caller's, for a process whose configuration has none. config.md, "User"."""
        self.environment = environment
        """The caller's, for hooks whose configuration has none."""
        self.slots = Slots()


class Slots:
    """Numbers for descriptors: each is filled by one step and used by later ones."""

    __slots__ = ("_count", "_named")

    def __init__(self) -> None:
        self._count = 0
        self._named: dict[str, int] = {}

    def new(self, name: str) -> int:
        """A fresh slot, to be found again by *name*."""
        self._named[name] = self._count
        self._count += 1
        return self._named[name]

    def of(self, name: str) -> int | None:
        """The slot called *name*, if some step fills it."""
        return self._named.get(name)
