"""The runtime under test as a callable: one command line, one result."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# A caller's environment may hold anything; what a test sees must not depend on who runs it.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
}


@dataclass(frozen=True)
class Result:
    """What a command printed and how it ended. A detached container's output is in it as far as it had come."""

    args: Sequence[str]
    returncode: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[str]:
        return self.stdout.splitlines()

    @property
    def sections(self) -> list[str]:
        """The outputs of several commands of `inside`."""
        return [part.strip("\n") for part in ("\n" + self.stdout).split("\n--\n")]

    def __str__(self) -> str:
        return f"{' '.join(self.args)}: exit status {self.returncode}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


class Runtime:
    """*path* with its own state directory; every command's output goes to files below *work*."""

    def __init__(self, path: Path, work: Path, prefix: Sequence[str] = ()) -> None:
        self.path = path
        self.work = work
        self.prefix = prefix
        self.state_root = work / "state"
        self.environment = {**ENVIRONMENT, "TMPDIR": str(work / "tmp")}
        (work / "tmp").mkdir()
        (work / "out").mkdir()
        self._count = 0

    @property
    def is_ours(self) -> bool:
        return self.path.name == "pyruntime"

    def command(self, *args: object, options: Sequence[object] = ()) -> list[str]:
        return [str(self.path), "--root", str(self.state_root), *map(str, options), *map(str, args)]

    def spawn(
        self,
        *args: object,
        options: Sequence[object] = (),
        stdin: int | None = subprocess.DEVNULL,
        pass_fds: Sequence[int] = (),
        cwd: Path | None = None,
        environment: dict[str, str] | None = None,
        prefix: Sequence[str] = (),
        umask: int = -1,
    ) -> Spawned:
        """Start a command and come back at once."""
        self._count += 1
        out, err = (self.work / "out" / f"{self._count}.{name}" for name in ("out", "err"))
        command = [*prefix, *self.prefix, *self.command(*args, options=options)]
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env=environment or self.environment,
                pass_fds=pass_fds,
                cwd=cwd,
                umask=umask,
            )
        return Spawned(process, command, out, err)

    def __call__(
        self, *args: object, input: str | None = None, timeout_s: float = 60, **how: object
    ) -> Result:
        """Run a command to its end, whatever that is."""
        if input is not None:
            how["stdin"] = subprocess.PIPE
        spawned = self.spawn(*args, **how)  # type: ignore[arg-type]
        if input is not None:
            assert spawned.process.stdin
            spawned.process.stdin.write(input.encode())
            spawned.process.stdin.close()
        return spawned.wait(timeout_s=timeout_s)


class Spawned:
    """A command under way. Its output is in files, so a detached container that holds them blocks nobody."""

    def __init__(
        self, process: subprocess.Popen[bytes], command: Sequence[str], out: Path, err: Path
    ) -> None:
        self.process = process
        self.command = command
        self.out = out
        self.err = err

    @property
    def stdout(self) -> str:
        return self.out.read_text(errors="replace")

    @property
    def stderr(self) -> str:
        return self.err.read_text(errors="replace")

    def has_open(self, path: Path) -> bool:
        for each in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # It is at work.
                if each.readlink() == path:
                    return True
        return False

    def wait(self, *, timeout_s: float = 60) -> Result:
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        return Result(self.command, code, self.stdout, self.stderr)


def leftovers(runtime: Runtime) -> list[str]:
    """What the runtime should have removed: entries of its state directory and of TMPDIR."""
    found = []
    for directory in (runtime.state_root, runtime.work / "tmp"):
        if directory.is_dir():
            found += [str(entry) for entry in directory.iterdir() if not _is_cache(entry)]
    return found


def _is_cache(entry: Path) -> bool:
    """What the runtime keeps for itself (locks, compiled filters) has a name that no container can have."""
    return entry.name[0] in ".~" and not entry.is_symlink()
