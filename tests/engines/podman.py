"""podman with its storage, state, locks and settings below one directory."""

from __future__ import annotations

from pathlib import Path

from engines.sandbox import CGROUP_PARENT, Sandbox, split
from support.runtime import Result

# default_ulimits: without them podman asks for a million descriptors, more than a machine may have to give.
_CONTAINERS_CONF = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
events_logger = "file"
[network]
network_config_dir = "{work}/networks"
"""
# On vfs nothing is asked of the file system below.
_STORAGE_CONF = """
[storage]
driver = "vfs"
runroot = "{work}/runroot"
graphroot = "{work}/root"
"""


class Podman:
    def __init__(self, sandbox: Sandbox, work: Path, runtime: Path, rootfs: Path) -> None:
        work.mkdir()
        self.sandbox = sandbox
        self.work = work
        self.rootfs = rootfs
        for name, text in (("containers", _CONTAINERS_CONF), ("storage", _STORAGE_CONF)):
            (work / f"{name}.conf").write_text(text.format(work=work))
        self._program = [
            "/usr/bin/podman",
            f"--runtime={runtime}",
            f"--root={work}/root",
            f"--runroot={work}/runroot",
            f"--tmpdir={work}/tmp",
            "--cgroup-manager=cgroupfs",
            "--events-backend=file",
        ]
        self._environment = {
            **sandbox.environment,
            "CONTAINERS_CONF": f"{work}/containers.conf",
            "CONTAINERS_STORAGE_CONF": f"{work}/storage.conf",
        }

    def __call__(self, *args: object, input: str = "") -> Result:
        return self.sandbox.run(*self._program, *args, input=input, environment=self._environment)

    def in_terminal(self, *args: object) -> Result:
        return self.sandbox.run_in_terminal(*self._program, *args, environment=self._environment)

    def new(self, verb: str, *args: object, network: str = "none") -> list[object]:
        """The arguments of `run` or `create`; leading *args* with a dash are podman's, the rest is the program."""
        flags, program = split(args)
        parent = f"--cgroup-parent={CGROUP_PARENT}"
        return [verb, f"--network={network}", parent, *flags, "--rootfs", self.rootfs, *program]

    def run(self, *args: object, input: str = "") -> Result:
        return self(*self.new("run", "--rm", *args), input=input)

    def remove_all(self) -> None:
        self("rm", "--all", "--force", "--time=0")
