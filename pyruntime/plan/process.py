"""The last stretch: terminal, working directory, program, the wait for `start`, execve. config.md, "Process"."""

from __future__ import annotations

from pyruntime.plan import hooks, not_executed, ops
from pyruntime.plan.devices import binds_dev
from pyruntime.plan.namespaces import has, is_new
from pyruntime.plan.step import ENTRY, INSIDE, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyruntime.facts import Facts
    from pyruntime.plan.request import Request
    from pyruntime.spec.types import Process, Spec

DEFAULT_PATH = "/bin:/usr/bin"
"""Where execvp(3) looks when PATH is not set."""


def session(process: Process | None, request: Request) -> list[Step]:
    """A session of its own, and a session keyring: the runtime's terminal and keys stay out of reach."""
    steps = [Step(INSIDE, ops.setsid())]
    if not request.keyring:
        return steps
    made = [Step(INSIDE, ops.keyring(f"_ses.{request.id}"))]
    label = (process or {}).get("selinuxLabel")
    if label:
        # A key has the label of whoever makes it, or this one; the program could not use the runtime's.
        before, after = [ops.write_proc("self/attr/keycreate", text) for text in (label, "")]
        made = [
            Step(INSIDE, before, "process.selinuxLabel"),
            *made,
            Step(INSIDE, after, "process.selinuxLabel"),
        ]
    return steps + made


def connect_console(process: Process, request: Request) -> list[Step]:
    """Reach whoever will receive the terminal, while its path is in reach."""
    if not process.get("terminal") or not (request.console_socket or request.console_fd >= 0):
        return []
    slot = request.slots.new("console")
    if request.console_fd >= 0:
        return [Step(ENTRY, ops.adopt(slot, request.console_fd), "process.terminal")]
    return [Step(ENTRY, ops.connect(slot, request.console_socket), "process.terminal")]


def console(process: Process, spec: Spec, request: Request) -> list[Step]:
    """Make the terminal and take it as stdio."""
    slot = request.slots.of("console")
    if slot is None:
        return []
    size: Any = process.get("consoleSize") or {}
    rows, columns = request.console_size or (0, 0)
    uid = (process.get("user") or {}).get("uid", 0)
    on_dev = has(spec, "mount") and not binds_dev(spec)
    op = ops.console(
        slot,
        size.get("height", rows),
        size.get("width", columns),
        uid,
        on_dev=on_dev,
        keep_lines=request.console_fd >= 0,  # shown by ourselves, in the foreground
    )
    return [Step(INSIDE, op, "process.terminal")]


def own_pipes(process: Process, spec: Spec, request: Request) -> list[Step]:
    """In a user namespace even its root may not chown a pipe of the host's root, so the runtime does, as far as ids map."""
    if not is_new(spec, "user") or request.slots.of("console") is not None:
        return []
    uid = (process.get("user") or {}).get("uid", 0)
    linux: Any = spec.get("linux") or {}
    for mapping in linux.get("uidMappings") or ():
        offset = uid - mapping["containerID"]
        if 0 <= offset < mapping["size"]:
            op = ops.own_pipes(mapping["hostID"] + offset)
            return [Step(ENTRY, op, "process.user.uid")]
    return []


def own_stdio(process: Process, request: Request) -> list[Step]:
    """Pipes and files on stdio become the user's, who may then open /dev/stdout."""
    uid = (process.get("user") or {}).get("uid", 0)
    if uid == 0 or request.slots.of("console") is not None:
        return []
    return [Step(INSIDE, ops.own_stdio(uid), "process.user.uid")]


def first_closed_fd(request: Request) -> int:
    """The first descriptor that does not go to the container."""
    return 3 + request.preserve_fds + request.listen_fds


def close_fds(request: Request) -> list[Step]:
    """All but stdio, what was to be preserved, and the start fifo."""
    slot = request.slots.of("fifo")
    op = ops.close_fds(first_closed_fd(request), ops.NO_SLOT if slot is None else slot)
    return [Step(INSIDE, op, "--preserve-fds" if request.preserve_fds else "")]


def try_chdir(process: Process) -> list[Step]:
    """As root, who can enter what the user may not; then as the user, if root may not (NFS)."""
    return [Step(INSIDE, ops.chdir(process["cwd"], may_fail=True), "process.cwd")]


def chdir(process: Process) -> list[Step]:
    """As the user, unless root has done it."""
    return [Step(INSIDE, ops.chdir_again(process["cwd"]), "process.cwd")]


def find(process: Process) -> list[Step]:
    """Look the program up now, so that a missing one is an error of create."""
    capabilities: Any = process.get("capabilities") or {}
    op = ops.find_executable(
        process["args"][0],
        variable(process, "PATH") or DEFAULT_PATH,
        capable="CAP_DAC_OVERRIDE" in (capabilities.get("effective") or ()),
    )
    return [Step(INSIDE, op, "process.args[0]")]


def variables(process: Process, request: Request) -> list[Step]:
    """What only the container can tell: HOME, if the environment lacks it, and the pid for LISTEN_PID.

    While the runtime's /proc is in reach, and before a filter that may forbid the calls.
    """
    steps = []
    if variable(process, "HOME") is None:
        uid = (process.get("user") or {}).get("uid", 0)
        steps.append(Step(INSIDE, ops.home(uid), "process.env"))
    if request.listen_fds:
        steps.append(Step(INSIDE, ops.listen_pid(), "LISTEN_FDS"))
    return steps


def variable(process: Process, name: str) -> str | None:
    """The value of *name* in the environment; the last one wins."""
    for entry in reversed(process.get("env") or ()):
        if entry.startswith(f"{name}="):
            return entry[len(name) + 1 :]
    return None


def hide(request: Request, facts: Facts) -> list[Step]:
    """While init waits, who shares its pid namespace shall not take the start fifo from /proc/PID/fd: with it went the byte
    of `start`, and the word that comes back. After the ids, whose change sets it anew; execve(2) ends it.

    Without root nobody could execute anything in the container then, its owner neither: ptrace(2).
    """
    if request.slots.of("fifo") is None or facts.rootless:
        return []
    return [Step(INSIDE, ops.set_dumpable(0))]


def start(process: Process | None, spec: Spec, request: Request, facts: Facts) -> list[Step]:
    """Wait for `start`, run its hooks, become the program."""
    steps = []
    slot = request.slots.of("fifo")
    if slot is not None:
        if process is None:
            steps += hide(request, facts)
        steps.append(Step(INSIDE, ops.wait_start(slot)))
    steps += hooks.inside(spec, request, "startContainer", "created")
    return steps if process is None else steps + become(process, request)


def become(process: Process, request: Request) -> list[Step]:
    """execve(2), with the environment exactly as configured."""
    # Of two values of a variable the last counts: programs disagree about which one they see.
    found = {entry.partition("=")[0]: entry for entry in process.get("env") or ()}
    if request.listen_fds:
        found.pop("LISTEN_PID", None)  # `variables`
        found["LISTEN_FDS"] = f"LISTEN_FDS={request.listen_fds}"
    step = ops.exec(process["args"], list(found.values()), not_executed.lines(process["args"][0]))
    return [Step(INSIDE, step, "process.args")]
