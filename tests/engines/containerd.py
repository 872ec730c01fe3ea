"""containerd with its own directories and socket, and ctr that talks to it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from engines.sandbox import CGROUP_PARENT, Sandbox, split, succeeded
from support.runtime import Result
from support.wait import wait_until

_CONFIG = """
version = 2
root = "{work}/root"
state = "{work}/state"
temp = "{work}/tmp"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
    "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
address = "{socket}"
[ttrpc]
address = "{socket}.ttrpc"
"""


class Containerd:
    def __init__(self, sandbox: Sandbox, work: Path, runtime: Path, rootfs: Path) -> None:
        work.mkdir()
        self.sandbox = sandbox
        self.runtime = runtime
        self.rootfs = rootfs
        self.log = work / "log"
        socket = work / "socket"
        (work / "config.toml").write_text(_CONFIG.format(work=work, socket=socket))
        self._daemon: subprocess.Popen[bytes] = sandbox.start(
            "/usr/bin/containerd", "--config", work / "config.toml", log=self.log
        )
        self._program = ["/usr/bin/ctr", f"--address={socket}"]
        wait_until(self._answers, "containerd answers")

    def _answers(self) -> bool:
        if self._daemon.poll() is not None:
            raise RuntimeError(f"containerd has ended:\n{self.log.read_text()}")
        return self("version").returncode == 0

    def __call__(self, *args: object, input: str = "") -> Result:
        return self.sandbox.run(*self._program, *args, input=input)

    def new(self, id: str, *args: object) -> list[object]:
        """The arguments of `ctr run`: leading *args* with a dash are ctr's, the rest is the program."""
        flags, program = split(args)
        cgroup = f"--cgroup={CGROUP_PARENT}/{id}"
        return [
            "run",
            f"--runc-binary={self.runtime}",
            cgroup,
            *flags,
            "--rootfs",
            self.rootfs,
            id,
            *program,
        ]

    def run(self, id: str, *args: object, input: str = "") -> Result:
        return self(*self.new(id, "--rm", *args), input=input)

    def in_terminal(self, *args: object) -> Result:
        return self.sandbox.run_in_terminal(*self._program, *args)

    def status(self, id: str) -> str:
        """What `ctr task ls` says of *id*: RUNNING, PAUSED, STOPPED, or nothing."""
        for line in self("task", "ls").lines[1:]:
            name, _pid, status = line.split()
            if name == id:
                return status
        return ""

    def remove(self, id: str) -> int:
        """Remove a stopped task; its exit code, which ctr gives in words when it is not 0."""
        result = self("task", "rm", id)
        succeeded(result)
        _, found, code = result.stderr.partition("exit with non-zero exit code ")
        return int(code.strip().strip('"')) if found else 0

    def remove_all(self) -> None:
        for line in self("task", "ls").lines[1:]:
            id = line.split()[0]
            self("task", "resume", id)
            self("task", "kill", "--all", "--signal=SIGKILL", id)
            wait_until(lambda id=id: self.status(id) != "RUNNING", "ended", deadline_s=5)  # type: ignore[misc]
            self("task", "rm", "--force", id)
        for id in self("container", "ls", "--quiet").lines:
            self("container", "rm", id)
