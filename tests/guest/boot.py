"""One boot of User Mode Linux, from the mounts it stands on to the exit status it leaves.

    STAGE (a tmpfs that only this guest sees)
    └── root/               the root directory, read-only; the kernel runs in it by chroot, with its own libc
        ├── guest/          tests/guest/inside
        ├── opt/pyruntime/  what install.py made
        └── job/            command, user, shares, share/N; status comes back here; uml/ is the guest's memory

The guest's two serial lines are the command's standard output and error, its console goes to a log that is
shown when there is no status.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from guest import space
from guest.space import GuestError

INSIDE = Path(__file__).resolve().parent / "inside"
ENVIRONMENT = {
    "PATH": "/opt/pyruntime/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
}
TIMED_OUT = 124
CONSOLE_LINES = 60


@dataclass(frozen=True)
class Share:
    path: str
    writable: bool


@dataclass(frozen=True)
class Job:
    command: Sequence[str]
    shares: Sequence[Share] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "/"
    user: str = "root"
    systemd: bool = False
    memory: str = "2048M"
    lsm: str = "none"
    timeout_s: float | None = None
    verbose: bool = False


def command_file(job: Job) -> str:
    home = "/root" if job.user == "root" else f"/home/{job.user}"
    variables = {**ENVIRONMENT, "HOME": home, "USER": job.user, **job.environment}
    return "\n".join(
        [
            shlex.join(["export", *(f"{name}={value}" for name, value in variables.items())]),
            shlex.join(["cd", job.cwd]) + " || exit 125",
            shlex.join(job.command),
            # No exec, so that a death by signal becomes 128 + n here and not an error of the caller.
            "exit $?",
            "",
        ]
    )


def kernel_arguments(job: Job, out_fd: int, err_fd: int) -> list[str]:
    return [
        f"mem={job.memory}",
        "uml_dir=/job/uml",
        "root=/dev/root",
        "rootfstype=hostfs",
        "rootflags=/",
        "ro",
        "init=/guest/init.sh",
        "panic=1",
        "quiet",
        f"security={job.lsm}",
        "con=null",
        "con0=null,fd:2",
        "ssl=null",
        f"ssl0=null,fd:{out_fd}",
        f"ssl1=null,fd:{err_fd}",
    ]


def stage(cache: Path, root: Path, installed: Path | None, job: Job) -> str:
    """The script that mounts what the guest stands on; it ends in the stage."""
    files = {
        "command": command_file(job),
        "user": job.user + "\n",
        "shares": "".join(
            f"{number} {'rw' if share.writable else 'ro'} {share.path}\n"
            for number, share in enumerate(job.shares)
        ),
    }
    if job.systemd:
        files["systemd"] = ""
    lines = [
        space.script(
            # The guest's memory is a file in it, taken as it is used.
            ["mount", "-t", "tmpfs", "-o", "mode=755,size=100%", "tmpfs", cache / "stage"],
            ["cd", cache / "stage"],
            ["mkdir", "root", "job"],
        ),
        space.bind(root, "root"),
        space.bind("job", "root/job", writable=True),
        space.bind(INSIDE, "root/guest"),
        *([space.bind(installed, "root/opt/pyruntime")] if installed else []),
        "mkdir job/uml job/share",
        "mount -t proc proc root/proc",
        "mount -t devpts -o newinstance,ptmxmode=666 devpts root/dev/pts",
    ]
    lines += [f"printf %s {shlex.quote(text)} >job/{name}" for name, text in files.items()]
    for number, share in enumerate(job.shares):
        lines.append(f"mkdir job/share/{number}")
        lines.append(space.bind(share.path, f"root/job/share/{number}", writable=share.writable))
    return "\n".join(lines)


@contextmanager
def one_cpu(cache: Path) -> Iterator[None]:
    """Stay on one CPU, another than other guests if there are enough.

    The kernel and the processes of this guest are processes that wait for each other at every system call: on one CPU
    a fork took half of the time that it took on two.
    """
    allowed = os.sched_getaffinity(0)
    with (cache / "cpus").open("a") as file:
        for cpu in sorted(allowed):
            try:
                # One byte of the file for each CPU; the lock ends with us.
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, cpu)
            except OSError:
                continue
            os.sched_setaffinity(0, {cpu})
            break
        try:
            yield
        finally:
            os.sched_setaffinity(0, allowed)


def run(cache: Path, root: Path, installed: Path | None, job: Job) -> int:
    """Boot, pass on what the command prints, and give back its exit status."""
    (cache / "stage").mkdir(parents=True, exist_ok=True)
    with one_cpu(cache):
        return boot(cache, root, installed, job)


def boot(cache: Path, root: Path, installed: Path | None, job: Job) -> int:
    out, out_fd = os.pipe()
    err, err_fd = os.pipe()
    environment = [
        "env",
        "-i",
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME=/root",
        "TMPDIR=/job/uml",
    ]
    kernel = ["/usr/bin/linux.uml", *kernel_arguments(job, out_fd, err_fd)]
    command = shlex.join([*environment, "chroot", "root", *kernel])
    script = (
        f"{stage(cache, root, installed, job)}\n{command} >&2 || true\ncat job/status 2>/dev/null"
    )
    process = subprocess.Popen(
        space.private(script),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(out_fd, err_fd),
        # A terminal's interrupt is for us alone: we end the guest.
        start_new_session=True,
    )
    os.close(out_fd)
    os.close(err_fd)
    assert process.stdout
    assert process.stderr
    streams = Streams(job.verbose)
    streams.add("out", out)
    streams.add("err", err)
    streams.add("status", process.stdout.fileno())
    streams.add("console", process.stderr.fileno())
    try:
        in_time = streams.pump(job.timeout_s)
    finally:
        process.kill()
        streams.pump(None)
        process.communicate()
    if not in_time:
        print(f"guest.py: not done in {job.timeout_s:g} s", file=sys.stderr)
        return TIMED_OUT
    if status := streams.kept["status"].strip():
        return int(status)
    console = streams.kept["console"].decode(errors="replace").splitlines()[-CONSOLE_LINES:]
    raise GuestError("\n".join(["the guest ended without a status; its console:", *console]))


class Streams:
    """The pipes from the guest: two are passed on as they come, two are kept."""

    def __init__(self, verbose: bool) -> None:
        self.selector = selectors.DefaultSelector()
        self.passed_on = {"out": 1, "err": 2, **({"console": 2} if verbose else {})}
        self.kept = {"status": b"", "console": b""}

    def add(self, name: str, fd: int) -> None:
        self.selector.register(fd, selectors.EVENT_READ, name)

    def pump(self, timeout_s: float | None) -> bool:
        """Until all are at their end, or the time is up; whether they are."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while self.selector.get_map():
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            for key, _ in self.selector.select(left):
                self.read(key.fd, key.data)
        return True

    def read(self, fd: int, name: str) -> None:
        data = os.read(fd, 65536)
        if not data:
            self.selector.unregister(fd)
            return
        if name in self.kept:
            self.kept[name] += data
        if name in self.passed_on:
            write_all(self.passed_on[name], data)


def write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
