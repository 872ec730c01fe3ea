"""The ops: one typed function each. csrc/ops_*.c does those of the executor, container/host_ops.py those of the host.

Descriptors are slots: small numbers that an earlier step filled. Targets are paths inside the container's
root, sources are paths of the runtime's mount namespace. Those that make the root are in `mount_ops`.
"""

from __future__ import annotations

from pyruntime.plan.step import Op

NO_SLOT = -1

# ---- host: Python, in the runtime's namespaces


def start_unit(name: str, *properties: str) -> Op:
    """Let systemd start the scope *name* with the executor in it, and wait for that. StartTransientUnit."""
    return Op("start_unit", name, *properties)


def set_unit(name: str, *properties: str) -> Op:
    """Change properties of the scope. SetUnitProperties."""
    return Op("set_unit", name, *properties)


def attach_to_unit(name: str) -> Op:
    """Let the user's systemd move the executor into the scope. AttachProcessesToUnit."""
    return Op("attach_to_unit", name)


def make_cgroups(*directories: str) -> Op:
    """mkdir(2) each, with what the layout needs to make controllers usable there."""
    return Op("make_cgroups", *directories)


def write_cgroup(directory: str, file: str, value: str, index: int) -> Op:
    """Write *value*, number *index* of the placement's writes."""
    return Op("write_cgroup", directory, file, value, index)


def check_usage(directory: str, usage: str, limit: str, index: int) -> Op:
    """Refuse *limit*, of write number *index*, if the file *usage* has a greater number. memory.checkBeforeUpdate."""
    return Op("check_usage", directory, usage, limit, index)


def settle_cgroups() -> Op:
    """Write again what was refused: which of two values goes first can depend on those that are there."""
    return Op("settle_cgroups")


def give_cgroup(directory: str, uid: int) -> Op:
    """chown(2) of the cgroup's directory and of the files that its owner may write."""
    return Op("give_cgroup", directory, uid)


def write_id_map(kind: str, maps: str) -> Op:
    """*kind* "uid_map" or "gid_map" of the new user namespace; *maps* lines "inside outside size". user_namespaces(7)."""
    return Op("write_id_map", kind, maps)


def map_ids(program: str, maps: str) -> Op:
    """Have newuidmap(1) or newgidmap(1) write the map of the new user namespace: it may, for whom /etc/subuid names."""
    return Op("map_ids", program, maps)


def deny_setgroups() -> Op:
    """An unprivileged writer of a gid_map must give up setgroups(2) first (CVE-2014-8989)."""
    return Op("deny_setgroups")


def prlimit(resource: int, soft: int, hard: int) -> Op:
    """prlimit(2) on init by the runtime, whose privilege it needs."""
    return Op("prlimit", resource, soft, hard)


def move_interface(name: str, new_name: str) -> Op:
    """Move a network device to init's network namespace with its permanent global addresses, as *new_name*, and set it up."""
    return Op("move_interface", name, new_name)


def run_hook(kind: str, index: int) -> Op:
    """Run hook *index* of *kind* in the runtime's namespaces and wait for it."""
    return Op("run_hook", kind, index)


def save_record() -> Op:
    """Write the container's status and pid, the moment from which it is "created" (or "running")."""
    return Op("save_record")


def write_pid_file(path: str) -> Op:
    """Decimal, no newline, renamed into place."""
    return Op("write_pid_file", path)


# ---- entry: the executor, before clone


def open_proc() -> Op:
    """Take and verify the runtime's /proc; every later write below /proc goes through it (CVE-2025-52881)."""
    return Op("open_proc")


def open_cgroup(slot: int, path: str, flags: int) -> Op:
    """open(2) of a file or directory of a cgroup: no symbolic link on the way, and the file system is one of cgroups."""
    return Op("open_cgroup", slot, path, flags)


def open(slot: int, path: str, flags: int) -> Op:
    """open(2) by the runtime's path."""
    return Op("open", slot, path, flags)


def open_at(slot: int, directory_slot: int, path: str) -> Op:
    """openat(2), for reading, of *path* in the directory of *directory_slot*."""
    return Op("open_at", slot, directory_slot, path)


def adopt(slot: int, fd: int) -> Op:
    """A descriptor that the runtime left open."""
    return Op("adopt", slot, fd)


def connect(slot: int, path: str) -> Op:
    """Connect to the listening unix socket at *path*."""
    return Op("connect", slot, path)


def hand_over(slot: int, message: list[str]) -> Op:
    """Where the listener of seccomp goes: the connection in *slot*; *message* is cut where the pid's digits go."""
    return Op("hand_over", slot, *message)


def setns(slot: int, flags: int, path: str) -> Op:
    """setns(2): join the namespaces of *slot*; *path* is for the reader."""
    return Op("setns", slot, flags, path)


def unshare(flags: int) -> Op:
    """unshare(2)."""
    return Op("unshare", flags)


def set_dumpable(value: int) -> Op:
    """prctl(PR_SET_DUMPABLE): 0 hides us from whoever is in the namespaces to be joined (CVE-2016-9962)."""
    return Op("set_dumpable", value)


def write_proc(path: str, value: str) -> Op:
    """Write below /proc, e.g. "self/oom_score_adj"."""
    return Op("write_proc", path, value)


def write_slot(slot: int, value: str) -> Op:
    """Write to the file in *slot*."""
    return Op("write_slot", slot, value)


def sysctl(path: str, value: str) -> Op:
    """Write a kernel parameter, *path* e.g. "sys/net/ipv4/ip_forward"."""
    return Op("sysctl", path, value)


def device_filter(slot: int, program: bytes) -> Op:
    """Attach a BPF_PROG_TYPE_CGROUP_DEVICE *program* to the cgroup in *slot*, instead of one that is attached there."""
    return Op("device_filter", slot, program)


def clone(flags: int, cgroup_slot: int) -> Op:
    """clone3(2), CLONE_PARENT added; into the cgroup in *cgroup_slot* unless NO_SLOT."""
    return Op("clone", flags, cgroup_slot)


def clone_classic(flags: int) -> Op:
    """clone(2), for kernels before 5.3."""
    return Op("clone_classic", flags)


# ---- inside: the executor's child, in the container's namespaces


def join_cgroup(slot: int) -> Op:
    """Write "0" (oneself) to the `tasks` or `cgroup.procs` in *slot*."""
    return Op("join_cgroup", slot)


def join_time() -> Op:
    """Enter the time namespace made for one's children, its offsets being set."""
    return Op("join_time")


def become_root() -> Op:
    """Ids 0 of the new user namespace."""
    return Op("become_root")


def setsid() -> Op:
    """setsid(2)."""
    return Op("setsid")


def keyring(name: str) -> Op:
    """keyctl(KEYCTL_JOIN_SESSION_KEYRING): keys of the runtime's session stay there."""
    return Op("keyring", name)


def interface_up(name: str) -> Op:
    """Set IFF_UP."""
    return Op("interface_up", name)


def hook(path: str, timeout_s: int, state: tuple[str, str], args: list[str], env: list[str]) -> Op:
    """Run a hook in the container's namespaces; *state* is the JSON before and after the pid's digits."""
    return Op("hook", path, timeout_s, len(args), *state, *args, *env)


def console(slot: int, rows: int, columns: int, uid: int, *, on_dev: bool, keep_lines: bool) -> Op:
    """Make a terminal in the container's devpts, send it to the connection in *slot*, take it as stdio.

    With *keep_lines* it does not make \\r\\n of \\n."""
    return Op("console", slot, rows, columns, uid, int(on_dev), int(keep_lines))


def sethostname(name: str) -> Op:
    """sethostname(2)."""
    return Op("sethostname", name)


def setdomainname(name: str) -> Op:
    """setdomainname(2)."""
    return Op("setdomainname", name)


def setrlimit(resource: int, soft: int, hard: int) -> Op:
    """setrlimit(2)."""
    return Op("setrlimit", resource, soft, hard)


def personality(domain: int) -> Op:
    """personality(2)."""
    return Op("personality", domain)


def scheduler(
    policy: int, flags: int, nice: int, priority: int, runtime: int, deadline: int, period: int
) -> Op:
    """sched_setattr(2)."""
    return Op("scheduler", policy, flags, nice, priority, runtime, deadline, period)


def io_priority(value: int) -> Op:
    """ioprio_set(2) for oneself."""
    return Op("io_priority", value)


def memory_policy(mode: int, nodes: list[int]) -> Op:
    """set_mempolicy(2); *mode* holds its flags."""
    return Op("memory_policy", mode, *nodes)


def cpu_affinity(cpus: list[int]) -> Op:
    """sched_setaffinity(2) for oneself."""
    return Op("cpu_affinity", *cpus)


def any_cpu() -> Op:
    """sched_setaffinity(2) to every processor that the cgroup allows."""
    return Op("any_cpu")


def umask(mask: int) -> Op:
    """umask(2)."""
    return Op("umask", mask)


def no_new_privs() -> Op:
    """prctl(PR_SET_NO_NEW_PRIVS)."""
    return Op("no_new_privs")


def bounding(capabilities: int) -> Op:
    """Drop all other capabilities from the bounding set. capabilities(7)."""
    return Op("bounding", capabilities)


def keep_capabilities(value: int) -> Op:
    """prctl(PR_SET_KEEPCAPS): whether leaving uid 0 keeps the permitted set."""
    return Op("keep_capabilities", value)


def setgroups(groups: list[int]) -> Op:
    """setgroups(2)."""
    return Op("setgroups", *groups)


def setresgid(gid: int) -> Op:
    """setresgid(2), all three."""
    return Op("setresgid", gid)


def setresuid(uid: int) -> Op:
    """setresuid(2), all three."""
    return Op("setresuid", uid)


def capset(effective: int, permitted: int, inheritable: int) -> Op:
    """capset(2)."""
    return Op("capset", effective, permitted, inheritable)


def ambient(capabilities: int) -> Op:
    """Exactly these in the ambient set. capabilities(7)."""
    return Op("ambient", capabilities)


def seccomp(required_flags: int, preferred_flags: int, program: bytes) -> Op:
    """seccomp(SECCOMP_SET_MODE_FILTER); preferred flags are dropped where the kernel does not know them."""
    return Op("seccomp", required_flags, preferred_flags, program)


def seccomp_notify(required_flags: int, preferred_flags: int, program: bytes) -> Op:
    """As `seccomp`, with a listener; done when the agent of `hand_over` has been sent it."""
    return Op("seccomp_notify", required_flags, preferred_flags, program)


def home(uid: int) -> Op:
    """HOME of *uid* from the container's /etc/passwd, while the runtime's /proc is in reach; "/" if that says nothing."""
    return Op("home", uid, "/etc/passwd")


def listen_pid() -> Op:
    """LISTEN_PID, the pid that the program will see as its own. sd_listen_fds(3)."""
    return Op("listen_pid")


def chdir(path: str, *, may_fail: bool) -> Op:
    """chdir(2), and a look at where that is; *may_fail*: EACCES is left to the second try, as the user."""
    return Op("chdir", path, int(may_fail))


def chdir_again(path: str) -> Op:
    """The second try: nothing, if the first one got there."""
    return Op("chdir_again", path)


def own_stdio(uid: int) -> Op:
    """fchown(2) of what is on stdio, but for devices; files that refuse stay as they are."""
    return Op("own_stdio", uid)


def own_pipes(uid: int) -> Op:
    """fchown(2) of the pipes on stdio by the runtime, before the clone; *uid* is the host's."""
    return Op("own_pipes", uid)


def find_executable(name: str, path: str, *, capable: bool) -> Op:
    """Look *name* up in *path* (PATH) as execvp(3) does; *capable*: CAP_DAC_OVERRIDE is in effect."""
    return Op("find_executable", name, path, int(capable))


def close_fds(first: int, keep_slot: int) -> Op:
    """Close every descriptor from *first* on, but for *keep_slot* and the way back (CVE-2024-21626)."""
    return Op("close_fds", first, keep_slot)


def wait_start(slot: int) -> Op:
    """Wait for `start` on the fifo in *slot*; all else that connects with the runtime is closed."""
    return Op("wait_start", slot)


def exec(args: list[str], env: list[str], failures: str = "") -> Op:
    """execve(2) of what find_executable found. *failures*: lines of `ERRNO STATUS TEXT`, errno 0 for any other: what is said
    on the program's standard error when it fails, and the exit status then; without them the runtime is told."""
    return Op("exec", len(args), len(env), failures, *args, *env)
