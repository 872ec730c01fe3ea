"""Run one validation program against one runtime, in a directory of its own.

The program sees the runtime through a small shell wrapper that adds `--root`, so that the state
directory is private, and that writes down each call, so that its containers are known by name.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from conformance import leftovers, tap
from conformance.suite import Suite

PR_SET_CHILD_SUBREAPER = 36
GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class Runtime:
    """The command under test, with options that every call gets."""

    path: Path
    options: tuple[str, ...] = ()
    oci_version: str = ""

    @property
    def name(self) -> str:
        return self.path.name


@dataclass
class Outcome:
    """What one run of one program gave."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    stdout: str = ""
    stderr: str = ""
    calls: str = ""

    @property
    def good(self) -> bool:
        return not self.failures


def become_subreaper() -> None:
    """Orphans of a program (container processes among them) become ours to reap, or to kill."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def run(name: str, suite: Suite, runtime: Runtime, work: Path, timeout: float) -> Outcome:
    """One program from clean directory to clean machine."""
    directory = prepare(name, suite, runtime, work)
    before = leftovers.fixed_cgroups()
    started = time.monotonic()
    status = spawn_and_wait(suite.program(name), directory, timeout)
    outcome = judge_output(name, directory, status, timeout)
    outcome.seconds = time.monotonic() - started
    outcome.calls = read(directory / "calls")
    outcome.leftovers = leftovers.clean(directory, runtime.path, outcome.calls, before)
    shutil.rmtree(directory, ignore_errors=True)
    return outcome


def prepare(name: str, suite: Suite, runtime: Runtime, work: Path) -> Path:
    directory = work / name
    (directory / "tmp").mkdir(parents=True)
    shutil.copy2(suite.runtimetest, directory / "runtimetest")
    shutil.copy2(suite.rootfs, directory / suite.rootfs.name)
    write_wrapper(directory, runtime)
    return directory


def write_wrapper(directory: Path, runtime: Runtime) -> None:
    command = shlex.join([str(runtime.path), "--root", str(directory / "state"), *runtime.options])
    lines = ["#!/bin/sh", f'echo "$*" >>{shlex.quote(str(directory / "calls"))}']
    if runtime.oci_version:
        # The suite writes its own specification's version (1.3.0), which crun before 1.9 refuses.
        edit = f's/"ociVersion": *"[^"]*"/"ociVersion": "{runtime.oci_version}"/'
        lines.append(f'[ "$2" != --bundle ] || sed -i {shlex.quote(edit)} "$3/config.json"')
        lines.append(f'[ "$4" != --bundle ] || sed -i {shlex.quote(edit)} "$5/config.json"')
    lines.append(f'exec {command} "$@"')
    wrapper = directory / "runtime"
    wrapper.write_text("\n".join(lines) + "\n")
    wrapper.chmod(0o755)


def spawn_and_wait(program: Path, directory: Path, timeout: float) -> int | None:
    """The wait status of *program*; None when it had to be killed."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "RUNTIME": str(directory / "runtime"),
        "TMPDIR": str(directory / "tmp"),
        "HOME": os.environ.get("HOME", "/"),
    }
    previous = os.getcwd()
    os.chdir(directory)
    # Blocked, so that sigtimedwait gets it; only for as long as we wait, since children inherit the mask.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    try:
        pid = os.posix_spawn(
            program,
            [str(program)],
            environment,
            file_actions=[redirect(0, "/dev/null"), redirect(1, "stdout"), redirect(2, "stderr")],
            setsigmask=[],
            setsid=True,
        )
        status = wait(pid, timeout)
        if status is None:
            os.killpg(pid, signal.SIGKILL)
            wait(pid, GRACE_SECONDS)
        return status
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        os.chdir(previous)


def redirect(fd: int, path: str) -> tuple[int, int, str, int, int]:
    flags = os.O_RDONLY if fd == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return (os.POSIX_SPAWN_OPEN, fd, path, flags, 0o644)


def wait(program: int, timeout: float) -> int | None:
    """Reap every child until *program* ends; a container's process must not linger as a zombie."""
    deadline = time.monotonic() + timeout
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == program:
            return status
        if pid == 0:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or signal.sigtimedwait({signal.SIGCHLD}, remaining) is None:
                return None


def judge_output(name: str, directory: Path, status: int | None, timeout: float) -> Outcome:
    outcome = Outcome(name, stdout=read(directory / "stdout"), stderr=read(directory / "stderr"))
    documents = tap.parse(outcome.stdout)
    assertions = [one for document in documents for one in document.assertions]
    outcome.skipped = sum(one.skipped for one in assertions)
    outcome.passed = sum(one.ok and not one.skipped for one in assertions)
    outcome.failed = sum(not one.ok and not one.skipped for one in assertions)
    outcome.failures = tap.failures(documents)
    if status is None:
        outcome.failures.append(f"no end after {timeout:.0f} s")
    elif status != 0:
        outcome.failures.append(f"{end_of(status)}: {last_words(outcome.stderr)}")
    return outcome


def end_of(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"exit status {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def last_words(stderr: str) -> str:
    """What Go's runtime calls a panic, else the last line that is not a stack trace's."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    panics = [line for line in lines if line.startswith("panic:")]
    return " | ".join(panics or lines[-2:]) or "(silent)"


def read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""
