"""Hooks in the runtime's namespaces. config.md, "POSIX-platform Hooks".

The state is on the hook's standard input before it starts, in a pipe that we read ourselves too: a hook that
does not read can neither stop nor kill us. What it prints is read, and its beginning is shown when it fails.
"""

from __future__ import annotations

import fcntl
import os
import select
import sys
import time

from pyruntime import where
from pyruntime.container import interrupts
from pyruntime.container.executor import ALL_SIGNALS
from pyruntime.container.report import wait_status
from pyruntime.errors import HookError, reason
from pyruntime.plan.hooks import callers, environment, of_kind, state_parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.spec.types import Hook, Spec

F_SETPIPE_SZ = 1031
PIPE_SIZE = 65536
SHOWN = 512


def run_all(spec: Spec, kind: str, state: bytes, directory: str) -> None:
    """Every hook of *kind* in its order; HookError at the first that fails."""
    for index, hook in enumerate(of_kind(spec, kind)):
        run(hook, f"{kind} hook #{index}", state, directory)


def state_of(spec: Spec, id: str, bundle: str, status: str, pid: int) -> bytes:
    """The state as a hook gets it."""
    before, after = state_parts(spec, id, bundle, status)
    if not pid:
        before = before.removesuffix(',"pid":')
        return f"{before}{after}".encode("utf-8", "surrogateescape")
    return f"{before}{pid}{after}".encode("utf-8", "surrogateescape")


class Output:
    """What a hook prints: the beginning is kept, all is read, so that it neither waits nor fills the memory."""

    __slots__ = ("_read_fd", "cut", "kept", "write_fd")

    def __init__(self) -> None:
        self.kept = b""
        self.cut = False
        self._read_fd, self.write_fd = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._read_fd, False)

    def close_write(self) -> None:
        """The hook has it: our copy would hide its end."""
        if self.write_fd >= 0:
            os.close(self.write_fd)
        self.write_fd = -1

    def close(self) -> None:
        """Whatever a hook has left running is told by SIGPIPE that nobody listens any more."""
        self.close_write()
        os.close(self._read_fd)

    def fileno(self) -> int:
        return self._read_fd

    def take(self) -> bool:
        """Read what is there; False at the end."""
        try:
            part = os.read(self._read_fd, PIPE_SIZE)
        except BlockingIOError:
            return True
        self.cut |= len(self.kept) + len(part) > SHOWN
        self.kept = (self.kept + part)[:SHOWN]
        return bool(part)

    def text(self) -> str:
        """For an error; nothing, or a colon in front."""
        said = self.kept.decode("utf-8", "replace").strip()
        return f": {said}{' [...]' * self.cut}" if said else ""


def run(hook: Hook, name: str, state: bytes, directory: str) -> None:
    """One hook; *name* for errors."""
    output = Output()
    try:
        pid = _spawn(hook, name, state, directory, output)
        _wait(pid, hook.get("timeout") or 0, name, output)
    finally:
        output.close()


def _spawn(hook: Hook, name: str, state: bytes, directory: str, output: Output) -> int:
    path = hook["path"]
    keep_descriptors()
    input_fd = _filled_pipe(state)
    old = os.open(".", os.O_PATH | os.O_DIRECTORY)
    said_fd, say_fd = os.pipe2(os.O_CLOEXEC)
    os.set_inheritable(say_fd, True)
    try:
        os.chdir(directory)
        # Not the hook itself: glibc's posix_spawn leaves two signals ignored, which only the executor can put back.
        pid = os.posix_spawn(
            where.executor_path(),
            ["pyruntime-hook", "run", str(say_fd), path, *(hook.get("args") or [path])],
            dict(entry.partition("=")[::2] for entry in environment(hook, callers(os.environ))),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, input_fd, 0),
                (os.POSIX_SPAWN_DUP2, output.write_fd, 1),
                (os.POSIX_SPAWN_DUP2, output.write_fd, 2),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=ALL_SIGNALS,
        )
    except OSError as error:
        os.close(said_fd)
        raise HookError(f"error running {name}: {path}: {reason(error.errno or 0)}") from None
    finally:
        os.close(say_fd)
        os.close(input_fd)
        output.close_write()
        os.fchdir(old)
        os.close(old)
    _raise_if_not_executed(pid, said_fd, f"error running {name}: {path}")
    return pid


def _raise_if_not_executed(pid: int, said_fd: int, what: str) -> None:
    """The way back closes at execve, or has its errno."""
    try:
        interrupts.wait(said_fd)
        said = os.read(said_fd, 4)
    except BaseException:
        _kill(pid)
        raise
    finally:
        os.close(said_fd)
    if said:
        os.waitpid(pid, 0)
        raise HookError(f"{what}: {reason(int.from_bytes(said, sys.byteorder))}")


def keep_descriptors() -> None:
    """A hook gets its three standard files and nothing else, whatever our caller left open for us."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                os.set_inheritable(int(name), False)
            except OSError:
                continue  # the descriptor of the list itself


def _filled_pipe(content: bytes) -> int:
    """A pipe that holds *content*; its reading end."""
    read_fd, write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if len(content) > PIPE_SIZE:
            fcntl.fcntl(write_fd, F_SETPIPE_SZ, len(content))
        if os.write(write_fd, content) != len(content):
            raise HookError("the state does not fit in a pipe")
        os.set_blocking(read_fd, True)
    except BaseException:
        os.close(read_fd)
        raise
    finally:
        os.close(write_fd)
    return read_fd


def _kill(pid: int) -> None:
    os.killpg(pid, 9)  # it leads a session, so its children go with it
    os.waitpid(pid, 0)


def _has_ended(pid: int, timeout_s: int, name: str, output: Output) -> bool:
    """Attend to it until it has ended, or its time is over. 0: there is no limit."""
    end = time.monotonic() + timeout_s if timeout_s else None
    poll = select.poll()
    try:
        pid_fd = os.pidfd_open(pid)
    except OSError as error:
        raise HookError(f"error running {name}: pidfd_open: {reason(error.errno or 0)}") from None
    poll.register(pid_fd, select.POLLIN)
    poll.register(output, select.POLLIN)
    try:
        while True:
            ready = dict(interrupts.wait_for_any(poll, end))
            if output.fileno() in ready and not output.take():
                poll.unregister(output)
            if pid_fd in ready:
                output.take()  # what it printed last
                return True
            if end is not None and time.monotonic() >= end:
                return False
    finally:
        os.close(pid_fd)


def _wait(pid: int, timeout_s: int, name: str, output: Output) -> None:
    try:
        ended = _has_ended(pid, timeout_s, name, output)
    except BaseException:
        _kill(pid)
        raise
    if not ended:
        _kill(pid)
        text = f"hook ran past specified timeout of {timeout_s}.0s"
        raise HookError(f"error running {name}: {text}")
    _, status = os.waitpid(pid, 0)
    if status:
        raise HookError(f"error running {name}: {wait_status(status)}{output.text()}")
