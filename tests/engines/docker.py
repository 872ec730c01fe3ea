"""dockerd with its own directories and socket, and the distribution's docker client."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from engines.sandbox import CGROUP_PARENT, Sandbox, split, succeeded
from support.runtime import Result
from support.wait import wait_until

IMAGE = "busybox:test"
RUNTIME = "under-test"


class Docker:
    def __init__(self, sandbox: Sandbox, work: Path, runtime: Path, rootfs: Path) -> None:
        work.mkdir()
        self.sandbox = sandbox
        self.work = work
        self.log = work / "log"
        (work / "daemon.json").write_text("{}")
        socket = f"unix://{work}/socket"
        self._daemon: subprocess.Popen[bytes] = sandbox.start(
            "/usr/sbin/dockerd",
            f"--config-file={work}/daemon.json",
            f"--data-root={work}/data",
            # Short: a shim's socket is somewhere below, and its path must fit in 108 bytes.
            "--exec-root=/run/docker",
            f"--pidfile={work}/pid",
            f"--host={socket}",
            f"--add-runtime={RUNTIME}={runtime}",
            f"--cgroup-parent={CGROUP_PARENT}",
            "--exec-opt=native.cgroupdriver=cgroupfs",
            "--bridge=none",
            "--iptables=false",
            "--ip-forward=false",
            "--ip-masq=false",
            log=self.log,
        )
        self._program = ["/usr/bin/docker", f"--host={socket}"]
        wait_until(self._answers, "dockerd answers", deadline_s=60)
        archive = work / "busybox.tar"
        subprocess.run(["tar", "-C", rootfs, "-cf", archive, "."], check=True)
        succeeded(self("import", archive, IMAGE))

    def _answers(self) -> bool:
        if self._daemon.poll() is not None:
            raise RuntimeError(f"dockerd has ended:\n{self.log.read_text()}")
        return self("version").returncode == 0

    def __call__(self, *args: object, input: str = "") -> Result:
        return self.sandbox.run(*self._program, *args, input=input)

    def new(self, verb: str, *args: object) -> list[object]:
        """The arguments of `run` or `create`: leading *args* with a dash are docker's, the rest is the program."""
        flags, program = split(args)
        return [verb, f"--runtime={RUNTIME}", "--network=none", *flags, IMAGE, *program]

    def run(self, *args: object, input: str = "") -> Result:
        return self(*self.new("run", "--rm", *args), input=input)

    def in_terminal(self, *args: object) -> Result:
        return self.sandbox.run_in_terminal(*self._program, *args)

    def inspect(self, name: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads(succeeded(self("inspect", name)))
        return found[0]

    def bundle(self, name: str) -> Path:
        """The bundle of a running container, as the tests reach it."""
        tasks = "/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby"
        return self.sandbox.path(f"{tasks}/{self.inspect(name)['Id']}")

    def remove_all(self) -> None:
        if ids := self("ps", "--all", "--quiet").lines:
            self("rm", "--force", *ids)
