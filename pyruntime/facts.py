"""What the planner may know of the host, as one value. Nothing here looks anything up: `host` does.

A test makes its own `Facts`; a plan is a function of a spec, options, and one of these.
"""

from __future__ import annotations

# What the executor's probe can answer (csrc/probe.c sends them in this order, one bit each).
FEATURES = (
    "mount_api",  # fsopen, fsmount, move_mount, open_tree: 5.2
    "mount_setattr",  # 5.12
    "openat2",  # 5.6
    "clone3",  # 5.3
    "close_range_cloexec",  # 5.11
    "pidfd_setns",  # setns(2) with a pidfd: 5.8; also taken as the sign of CLONE_INTO_CGROUP (5.7)
)


class Hierarchy:
    """One mounted cgroup hierarchy: its controllers, where it is mounted, and which cgroup is the mount's root."""

    __slots__ = ("controllers", "mountpoint", "root")

    def __init__(self, controllers: tuple[str, ...], mountpoint: str, root: str = "/") -> None:
        self.controllers = controllers
        """v1: names as in /proc/self/cgroup ("cpu", "cpuacct", "name=systemd"); v2: what cgroup.controllers lists."""
        self.mountpoint = mountpoint
        self.root = root


class CgroupFacts:
    """How cgroups are laid out on this host. cgroups(7)."""

    __slots__ = ("below_own", "closed", "layout", "own", "unified", "v1")

    def __init__(
        self,
        layout: str,
        *,
        v1: tuple[Hierarchy, ...] = (),
        unified: Hierarchy | None = None,
        own: dict[str, str] | None = None,
    ) -> None:
        self.layout = layout
        """"v1", "hybrid" (v1 controllers beside a cgroup2 mount), "v2", or "none"."""
        self.v1 = v1
        self.unified = unified
        """The cgroup2 mount of "v2" and "hybrid"."""
        self.own = own or {}
        """The runtime's own cgroup: controller (or "name=systemd"; "" for v2) to path, from /proc/self/cgroup."""
        self.closed: dict[str, str] = {}
        """Where the container's cgroup may not be made: hierarchy (as in a placement) to the reason."""
        self.below_own = False
        """Whether a new cgroup of cgroup2 has to be below the runtime's own: beside it the runtime may make none."""

    def close(self, why: str) -> None:
        """Let nothing be made in any hierarchy."""
        keys = [",".join(hierarchy.controllers) for hierarchy in self.v1]
        self.closed = dict.fromkeys([*keys, *([""] if self.unified is not None else [])], why)


class Facts:
    """The host as far as decisions depend on it."""

    __slots__ = (
        "apparmor",
        "architecture",
        "capabilities",
        "cgroup",
        "egid",
        "euid",
        "features",
        "foreign",
        "id_helpers",
        "in_user_namespace",
        "keeps_groups",
        "kernel",
        "landlock",
        "last_capability",
        "resctrl",
        "selinux",
        "setgroups_denied",
    )

    def __init__(
        self,
        *,
        kernel: tuple[int, int],
        architecture: str,
        features: frozenset[str],
        cgroup: CgroupFacts,
        euid: int = 0,
        egid: int = 0,
        in_user_namespace: bool = False,
        last_capability: int = 40,
        capabilities: int = -1,
        landlock: int = 0,
        apparmor: str = "",
        selinux: bool = False,
        resctrl: str = "",
    ) -> None:
        self.kernel = kernel
        self.architecture = architecture
        """As uname(2) gives it: "x86_64", "aarch64"."""
        self.features = features
        self.cgroup = cgroup
        self.euid = euid
        self.egid = egid
        self.in_user_namespace = in_user_namespace
        """Whether /proc/self/ns/user is not the initial user namespace (inode 0xEFFFFFFD)."""
        self.last_capability = last_capability
        self.capabilities = capabilities
        """The runtime's own permitted set, as bits; -1: all. What is not in it cannot be given on."""
        self.landlock = landlock
        """The version of Landlock's interface; 0: none."""
        self.apparmor = apparmor
        """Where a process says which profile its next program gets, below /proc/self; "" if AppArmor is off."""
        self.selinux = selinux
        self.resctrl = resctrl
        """Where resctrl is mounted; "": nowhere."""
        self._without_user_namespaces()

    def _without_user_namespaces(self) -> None:
        """What is looked for only where these are involved: host/rootless.py."""
        self.id_helpers: dict[str, str] = {}
        """"uid_map" and "gid_map" to the program that may write them for others: newuidmap(1), newgidmap(1)."""
        self.setgroups_denied = False
        """Whether setgroups(2) is forbidden in the user namespace that the container gets by inheriting or joining."""
        self.keeps_groups = False
        """Whether the runtime has supplementary groups, which nobody can drop where setgroups(2) is denied."""
        self.foreign: frozenset[str] = frozenset()
        """Types of the namespaces over which the container's user namespace has no power."""

    @property
    def rootless(self) -> bool:
        """Whether the runtime lacks the powers of the initial user namespace's root."""
        return self.euid != 0 or self.in_user_namespace
