"""From a bundle to a container: read, check, decide, write the intent down, then carry the plan out."""

from __future__ import annotations

import os
import time

from pyruntime import where
from pyruntime.cgroups import cgroup_of
from pyruntime.cgroups.placement import placement, reuse
from pyruntime.container import store
from pyruntime.container.bundle import read_bundle, rootfs_of
from pyruntime.container.executor import take
from pyruntime.container.launch import Launch
from pyruntime.container.record import Record
from pyruntime.errors import Error, HookError, Interrupted, UsageError, note, said
from pyruntime.host import facts as host
from pyruntime.plan.create import create as plan_create
from pyruntime.plan.hooks import callers
from pyruntime.plan.identity import is_labelled
from pyruntime.plan.namespaces import has
from pyruntime.plan.request import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyruntime.cgroups.placement import Placement
    from pyruntime.container.executor import Executor
    from pyruntime.container.store import Container
    from pyruntime.facts import Facts
    from pyruntime.plan.step import Plan
    from pyruntime.seccomp.filter import Filter
    from pyruntime.spec.types import Spec

FIFO = "start.fifo"


class Options:
    """What the caller of create or run says besides the bundle."""

    __slots__ = (
        "attend",
        "before_program",
        "bundle",
        "console_fd",
        "console_size",
        "console_socket",
        "keyring",
        "manager",
        "meanwhile",
        "pid_file",
        "pivot",
        "preserve_fds",
        "rootless",
        "strict",
        "tell",
        "waits",
        "warn",
    )

    def __init__(
        self,
        bundle: str,
        *,
        console_socket: str = "",
        pid_file: str = "",
        preserve_fds: int = 0,
        pivot: bool = True,
        keyring: bool = True,
        manager: str = "cgroupfs",
        rootless: str = "auto",
        strict: bool = False,
        waits: bool = True,
        meanwhile: Callable[[], None] | None = None,
        warn: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self.bundle = bundle
        self.console_socket = console_socket
        self.console_fd = -1
        """Instead of that: one end of a connection, for the executor."""
        self.console_size: tuple[int, int] | None = None
        self.attend: Callable[[int, int], None] | None = None
        """Stays with the pid until the descriptor is readable: the program has begun, or could not."""
        self.tell: Callable[[str], None] | None = None  # what is done, with --debug
        self.before_program: Callable[[], None] | None = None
        """Called when from now on the program may begin at any time."""
        self.pid_file = pid_file
        self.preserve_fds = preserve_fds
        self.pivot = pivot
        self.keyring = keyring
        self.manager = manager
        """Who makes the cgroups: "cgroupfs" (the runtime), "systemd", or "disabled" (nobody)."""
        self.rootless = rootless
        """"auto", "true" or "false": whether a container goes without a cgroup where the runtime may make none."""
        self.strict = strict
        """Whether what other runtimes take for absence or zero is refused."""
        self.waits = waits
        """Whether init waits for `start` (create) or goes on (run)."""
        self.meanwhile = meanwhile
        self.warn = warn


def create(root: str, id: str, options: Options) -> Launch:
    """Make the container *id*; its directory stays locked until the caller closes `launch.container`."""
    check_descriptors(options.preserve_fds)
    executor = take(inherit=given(options))  # it probes while we read
    try:
        content, spec = read_bundle(options.bundle, options.warn, strict=options.strict)
        container = store.create(root, id)
    except BaseException:
        abandon(executor)
        raise
    try:
        launch = _prepare(container, root, content, spec, executor, options)
    except BaseException as error:
        abandon(executor)
        forget(container, error)
        container.close()
        raise
    attended(launch, options)
    _run(launch)
    return launch


def given(options: Options) -> tuple[int, ...]:
    """The descriptors that the executor is started with."""
    return (options.console_fd,) if options.console_fd >= 0 else ()


def attended(launch: Launch, options: Options) -> None:
    """Let *launch* call what the options have to be called."""
    launch.meanwhile = options.meanwhile or launch.meanwhile
    launch.before_program = options.before_program or launch.before_program
    launch.attend = options.attend or launch.attend
    launch.tell = options.tell


def _run(launch: Launch) -> None:
    launch.forget = lambda error: _forget(launch, error)
    if not has(launch.spec, "mount"):
        from pyruntime.container.shared_mounts import unmount_all

        launch.on_failure(lambda: unmount_all(launch.spec, launch.rootfs))
    try:
        launch.run()
    except BaseException:
        launch.container.close()
        raise


def abandon(executor: Executor) -> None:
    """It waits for a plan that will not come: its pipe closes, and it ends."""
    executor.close()
    executor.reap()


def facts_for(spec: Spec, executor: Executor) -> Facts:
    """The host, as far as *spec* needs to know it."""
    facts = host.collect(executor.features(), executor.landlock())
    if is_labelled(spec):
        host.look_for_lsms(facts)
    return facts


def check_descriptors(preserve_fds: int) -> None:
    """LISTEN_FDS and --preserve-fds promise descriptors after stderr: what was open when we were started, nothing of ours."""
    listen = listen_fds()
    missing = 3 + where.open_at_start
    if listen > where.open_at_start:
        raise UsageError(f"LISTEN_FDS={listen}: descriptor {missing} is not open")
    if listen + preserve_fds > where.open_at_start:
        raise UsageError(f"--preserve-fds={preserve_fds}: descriptor {missing} is not open")


def check_terminal(spec: Spec, options: Options) -> None:
    """A terminal needs somebody who takes its other end."""
    terminal = bool((spec.get("process") or {}).get("terminal"))
    if terminal and not options.console_socket and options.console_fd < 0:
        raise Error(
            "/process/terminal: cannot allocate tty without --console-socket",
            hint='set "terminal": false, or use "run" without --detach',
        )
    if options.console_socket and not terminal:
        raise Error("--console-socket: process.terminal is false, there is nothing to send")


def check_joined(spec: Spec) -> None:
    """Nothing may be set in a namespace that is joined by path and is the runtime's own."""
    if any(each.get("path") for each in spec.get("linux", {}).get("namespaces") or ()):
        from pyruntime.container.own_namespaces import check

        check(spec)


def filter_of(spec: Spec, root: str, facts: Facts) -> Filter | None:
    """The compiled seccomp profile."""
    profile: Any = (spec.get("linux") or {}).get("seccomp")
    if not profile:
        return None
    from pyruntime.seccomp.cache import load as load_filter

    return load_filter(profile, architecture=facts.architecture, cache_dir=f"{root}/~seccomp")


def _prepare(
    container: Container,
    root: str,
    content: bytes,
    spec: Spec,
    executor: Executor,
    options: Options,
) -> Launch:
    """Decide everything, and write down what is about to be made."""
    check_terminal(spec, options)
    check_joined(spec)
    facts = facts_for(spec, executor)
    complete(facts, spec, container.id, options.rootless, options.manager)
    placed = place(spec, container.id, facts, systemd=options.manager == "systemd")
    missing = missing_directories(placed)
    if placed.unit is None and "" in placed.paths and placed.paths[""] not in missing:
        reuse(placed, facts)
    filter = filter_of(spec, root, facts)
    request = _request(container, rootfs_of(spec, options.bundle), placed, filter, options)
    plan = plan_create(spec, request, facts)
    for warning in (*placed.warnings, *plan.warnings):
        options.warn(warning)
    record = _record(spec, request, placed, missing)
    if "intelRdt" in (spec.get("linux") or {}):
        _record_resctrl(record, spec, facts)
    container.write("config.json", content)
    container.write_record(record)
    if options.waits:
        _prepare_start(container, plan)
    launch = Launch(
        plan,
        executor,
        spec,
        container=container,
        bundle=options.bundle,
        rootfs=request.rootfs,
        cgroup=cgroup_of(placed.driver, placed.paths),
        placement=placed,
    )
    launch.record = record
    return launch


def _prepare_start(container: Container, plan: Plan) -> None:
    container.make_fifo(FIFO)
    container.write("steps", start_steps(plan))


def place(spec: Spec, id: str, facts: Facts, *, systemd: bool) -> Placement:
    """Where the container's cgroups will be. *systemd*: it is to make them."""
    if systemd:
        from pyruntime.container import unit

        return unit.place(spec, id, facts)  # type: ignore[arg-type]
    return placement(spec, id, facts)  # type: ignore[arg-type]


def complete(facts: Facts, spec: Spec, id: str, rootless: str, manager: str) -> None:
    """Add to *facts* what matters where the runtime is not the host's root or the container has a user namespace.

    *manager*: who makes the cgroups, --cgroup-manager.
    """
    if facts.rootless or rootless == "true" or has(spec, "user"):
        from pyruntime.container.rootless import look

        look(spec, id, facts, rootless, cgroups=manager == "cgroupfs")
    if manager == "disabled":
        facts.cgroup.close("--cgroup-manager is disabled")


def _request(
    container: Container,
    rootfs: str,
    placed: Placement,
    filter: Filter | None,
    options: Options,
) -> Request:
    return Request(
        container.id,
        options.bundle,
        rootfs,
        placement=placed,
        filter=filter,
        fifo=f"{container.path}/{FIFO}" if options.waits else "",
        console_socket=options.console_socket,
        console_fd=options.console_fd,
        console_size=options.console_size,
        pid_file=options.pid_file,
        preserve_fds=options.preserve_fds,
        listen_fds=listen_fds(),
        pivot=options.pivot,
        keyring=options.keyring,
        umask=caller_umask(),
        environment=callers(os.environ),
    )


def caller_umask() -> int:
    """The umask that we were called with, which can only be read by setting another."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def listen_fds() -> int:
    """Socket activation: how many descriptors are for the container. sd_listen_fds(3)."""
    count, pid = os.environ.get("LISTEN_FDS", ""), os.environ.get("LISTEN_PID", "")
    if not (count.isascii() and count.isdecimal()) or pid not in ("", str(os.getpid())):
        return 0
    # No process has so many; int() of a long text takes long.
    return int(count[:10])


def _record(spec: Spec, request: Request, placed: Placement, missing: list[str]) -> Record:
    namespaces = (spec.get("linux") or {}).get("namespaces") or []
    return Record(
        id=request.id,
        oci_version=spec["ociVersion"],
        bundle=request.bundle,
        rootfs=request.rootfs,
        created=timestamp(),
        annotations=spec.get("annotations") or {},
        namespaces=[n["type"] for n in namespaces],
        cgroup_driver=placed.driver,
        cgroup_paths=placed.paths,
        made_cgroups=missing,
        unit=placed.unit.name if placed.unit is not None else "",
        user_unit=placed.unit is not None and placed.unit.user,
        preserve_fds=request.preserve_fds,
    )


def _record_resctrl(record: Record, spec: Spec, facts: Facts) -> None:
    from pyruntime.plan.intel_rdt import groups_of

    groups = groups_of(spec, record.id, facts)
    if groups is not None:
        record.resctrl = groups.joined
        # If they are made: that is decided under the lock (resctrl.py), and is in `inodes` then.
        record.made_resctrl = groups.removed


def missing_directories(placed: Placement) -> list[str]:
    """What will have to be made, outermost first. Slices are systemd's to make and to remove."""
    if placed.unit is not None and placed.driver == "v2":
        return [path for path in placed.paths.values() if not os.path.lexists(path)]
    missing: list[str] = []
    for path in placed.paths.values():
        above = []
        while not os.path.lexists(path) and path not in missing:
            above.append(path)
            path = os.path.dirname(path)
        missing += reversed(above)
    return missing


def start_steps(plan: Plan) -> bytes:
    """The steps that `start` can hear of: index, origin, op, program, timeout, with tabs between and newlines after."""
    lines = []
    for index, step in enumerate(plan):
        name, args = step.op.name, step.op.args
        if name in ("exec", "hook", "wait_start"):
            program = args[3] if name == "exec" else args[0]
            fields = (index, step.origin, name, program, args[1] if name == "hook" else 0)
            lines.append("\t".join([str(f).replace("\t", " ").replace("\n", " ") for f in fields]))
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def timestamp() -> str:
    """Now, as RFC 3339 with nanoseconds."""
    now = time.time_ns()
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 10**9))
    return f"{seconds}.{now % 10**9:09d}Z"


def _forget(launch: Launch, error: BaseException) -> None:
    """Everything has been undone. When a hook has failed, or been interrupted, the lifecycle goes on with step 13: poststop."""
    launch.container.remove()
    if isinstance(error, (HookError, Interrupted)):
        from pyruntime.container.lifecycle import run_poststop

        for text in run_poststop(launch.spec, launch.container.id, launch.bundle):
            note(error, text)


def forget(container: Container, error: BaseException) -> None:
    """Remove the directory of a container of which nothing else has been made."""
    try:
        container.remove()
    except OSError as failed:
        note(error, f"{container.path}: {said(failed)}")
