"""A place for an engine and all that it starts: namespaces of mounts, processes and networks of its own.

/run, /dev/shm, /etc and /var may be written and nobody outside sees it. Ending the first process ends every other, so no
shim, monitor or container can remain; a fresh network namespace has no rule of the machine's to disturb.
"""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from support import cgroups, leaks, mountinfo
from support.runtime import ENVIRONMENT, Result
from support.wait import wait_until

CGROUP_PARENT = f"/pyruntime-engines-{os.getpid()}"

# SIGCHLD ignored survives exec: the kernel then reaps every orphan that process 1 inherits.
_FIRST_PROCESS = """
set -e
mount --make-rshared /
for each in etc var; do
    mkdir "$1/$each.upper" "$1/$each.work"
    mount -t overlay -o "lowerdir=/$each,upperdir=$1/$each.upper,workdir=$1/$each.work" overlay "/$each"
done
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mkdir -m 1777 /run/lock
ip link set lo up
trap '' CHLD
echo ready
exec sleep infinity
"""
_UNSHARE = (
    "--mount",
    "--pid",
    "--net",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--propagation",
    "private",
)

# Where a runtime keeps a directory per container when the engine names none, and where the engines tell it to.
_STATE_ROOTS = (
    "run/runc/*",
    "run/crun/*",
    "run/pyruntime/*",
    "run/containerd/runc/*/*",
    "run/docker/runtime-*/*/*",
)


class Sandbox:
    def __init__(self, work: Path) -> None:
        self.work = work
        self.environment = {**ENVIRONMENT, "HOME": str(work)}
        self._count = 0
        self._outer = subprocess.Popen(
            ["unshare", *_UNSHARE, "sh", "-c", _FIRST_PROCESS, "sh", str(work)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=self.environment,
        )
        assert self._outer.stdout
        if self._outer.stdout.readline() != b"ready\n":
            raise RuntimeError("the sandbox did not start")
        outer = self._outer.pid
        self.pid = int(Path(f"/proc/{outer}/task/{outer}/children").read_text())
        """Process 1 of the sandbox, as the tests see it."""
        self._daemons: list[subprocess.Popen[bytes]] = []

    def close(self) -> None:
        cgroups.thaw_all(CGROUP_PARENT)
        self._outer.kill()
        self._outer.wait()
        assert self._outer.stdout
        self._outer.stdout.close()
        for daemon in self._daemons:
            daemon.wait()
        wait_until(self._is_gone, "the sandbox gone")
        cgroups.remove_all(CGROUP_PARENT)

    def _is_gone(self) -> bool:
        # Process 1 waits for every other, and one that lost its nsenter has become a child of ours.
        leaks.reap_all()
        return not os.path.exists(f"/proc/{self.pid}")

    def command(self, *args: object) -> list[str]:
        return [
            "nsenter",
            f"--target={self.pid}",
            "--mount",
            "--pid",
            "--net",
            "--",
            *map(str, args),
        ]

    def path(self, path: str) -> Path:
        """*path* of the sandbox as the tests reach it."""
        return Path(f"/proc/{self.pid}/root") / path.lstrip("/")

    def start(
        self, *args: object, log: Path, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a daemon; `close` ends it."""
        with log.open("ab") as file:
            daemon = subprocess.Popen(
                self.command(*args),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=environment or self.environment,
            )
        self._daemons.append(daemon)
        return daemon

    def run(
        self,
        *args: object,
        input: str = "",
        environment: Mapping[str, str] | None = None,
        timeout_s: float = 60,
    ) -> Result:
        """Run a command to its end. Output goes to files: a container that keeps them open delays nobody."""
        self._count += 1
        out, err, inp = (self.work / f"{self._count}.{name}" for name in ("out", "err", "in"))
        inp.write_text(input)
        command = self.command(*args)
        with inp.open("rb") as stdin, out.open("wb") as stdout, err.open("wb") as stderr:
            code = subprocess.run(
                command,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env=environment or self.environment,
                timeout=timeout_s,
                check=False,
            ).returncode
        result = Result(
            command, code, out.read_text(errors="replace"), err.read_text(errors="replace")
        )
        for path in (out, err, inp):
            path.unlink()
        return result

    def run_in_terminal(
        self, *args: object, environment: Mapping[str, str] | None = None
    ) -> Result:
        """Run a command whose input, output and errors are a terminal; what it printed is in stdout."""
        ours, theirs = os.openpty()
        process = subprocess.Popen(
            self.command(*args),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment or self.environment,
            start_new_session=True,
        )
        os.close(theirs)
        text = b"".join(_until_hang_up(ours))
        os.close(ours)
        return Result(process.args, process.wait(60), text.decode().replace("\r", ""), "")  # type: ignore[arg-type]

    def processes(self) -> dict[int, str]:
        """Every living process of the sandbox but its first, by pid inside."""
        found = {}
        for entry in self.path("/proc").iterdir():
            if entry.name.isdecimal() and entry.name != "1":
                try:
                    name, rest = (entry / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
                except OSError:
                    continue  # It has ended.
                if rest.split()[0] not in "ZX":
                    found[int(entry.name)] = name
        return found

    def mounts(self) -> Counter[str]:
        return Counter(f"{mount.fstype} on {mount.at}" for mount in mountinfo.of_process(self.pid))

    def remains(self, mounts: Counter[str], processes: Mapping[int, str]) -> list[str]:
        """What is there now and was not there when *mounts* and *processes* were taken."""
        found = [f"mount: {text}" for text in self.mounts() - mounts]
        found += [
            f"process {pid} ({name})"
            for pid, name in self.processes().items()
            if pid not in processes
        ]
        # podman makes a cgroup for its monitors below the parent, and lets it be.
        found += [
            f"cgroup {path}" for path in cgroups.below(CGROUP_PARENT) if path.name != "conmon"
        ]
        top = self.path("/")
        for pattern in _STATE_ROOTS:
            found += [
                f"state {path}"
                for path in top.glob(pattern)
                if not path.name.startswith((".", "~"))
            ]
        return found

    @contextmanager
    def leak_check(self) -> Iterator[None]:
        """At the end everything is as it was at the beginning."""
        mounts, processes = self.mounts(), self.processes()
        yield
        try:
            wait_until(lambda: not self.remains(mounts, processes), "clean", deadline_s=5)
        except TimeoutError:
            found = self.remains(mounts, processes)
            self._clean(self.processes().keys() - processes.keys())
            raise AssertionError("left behind:\n  " + "\n  ".join(found)) from None

    def _clean(self, processes: Iterable[int]) -> None:
        """Make the sandbox fit for the next test."""
        cgroups.thaw_all(CGROUP_PARENT)
        for pid in processes:
            self.run("kill", "-KILL", pid)
        for path in cgroups.below(CGROUP_PARENT):
            with suppress(OSError):
                path.rmdir()


def _until_hang_up(fd: int) -> Iterator[bytes]:
    """What comes out of a terminal until its last user has closed it, which reads as EIO."""
    while True:
        try:
            data = os.read(fd, 4096)
        except OSError:
            return
        if not data:
            return
        yield data


def succeeded(result: Result) -> str:
    """The output of a command that has to work."""
    assert result.returncode == 0, str(result)
    return result.stdout


def split(args: Sequence[object]) -> tuple[list[object], list[object]]:
    """Leading arguments with a dash, which are an engine's, and the program with its own."""
    first = next((i for i, each in enumerate(args) if not str(each).startswith("-")), len(args))
    return list(args[:first]), list(args[first:])
