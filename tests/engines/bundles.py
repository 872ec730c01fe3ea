"""Bundles as other tools make them: `runc spec`, umoci, podman, dockerd.

By hand, for measurements: `python -m engines.bundles DIRECTORY` (in tests/, as root) writes DIRECTORY/podman and
DIRECTORY/docker, which need nothing else to run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from engines import packages, rootfs
from engines.docker import Docker
from engines.podman import Podman
from engines.sandbox import Sandbox, succeeded

Config = dict[str, Any]
PROGRAM = ("sh", "-c", "exec sleep 100")


def read(bundle: Path) -> Config:
    config: Config = json.loads((bundle / "config.json").read_text())
    return config


def change(bundle: Path, **process: object) -> None:
    """Replace properties of `process`; `cgroup`, if given, becomes the cgroup's path."""
    config = read(bundle)
    if cgroup := process.pop("cgroup", None):
        config["linux"]["cgroupsPath"] = str(cgroup)
    config["process"].update(process)
    (bundle / "config.json").write_text(json.dumps(config))


def limit_memory(bundle: Path, limit_bytes: int) -> int:
    """The memory limit of *bundle*, which becomes *limit_bytes* if there is none."""
    config = read(bundle)
    memory = config["linux"].setdefault("resources", {}).setdefault("memory", {})
    limit: int = memory.setdefault("limit", limit_bytes)
    (bundle / "config.json").write_text(json.dumps(config))
    return limit


def runc_spec_bundle(target: Path) -> Path:
    rootfs.make(target / "rootfs")
    _tool(["runc", "spec"], target)
    change(target, args=PROGRAM)
    return target


def umoci_bundle(target: Path) -> Path:
    """busybox packed into an OCI image, and that image unpacked again."""
    work = target.parent / f"{target.name}.image"
    work.mkdir()
    image = "--image=layout:test"
    _tool(["umoci", "init", "--layout=layout"], work)
    _tool(["umoci", "new", image], work)
    _tool(["umoci", "unpack", image, "first"], work)
    rootfs.make(work / "first/rootfs")
    _tool(["umoci", "repack", image, "first"], work)
    command = [f"--config.cmd={word}" for word in PROGRAM]
    _tool(
        [
            "umoci",
            "config",
            image,
            *command,
            "--config.env=NAME=from the image",
            "--config.workingdir=/tmp",
        ],
        work,
    )
    _tool(["umoci", "unpack", image, str(target)], work)
    shutil.rmtree(work)
    return target


def podman_bundle(podman: Podman, target: Path) -> Path:
    """The config.json that podman wrote for `run --memory ... sleep`, with its files beside it."""
    flags = ("--memory=64m", "--pids-limit=100", "--hostname=from-podman", "--env=NAME=from podman")
    id = succeeded(podman(*podman.new("create", *flags, *PROGRAM))).strip()
    succeeded(podman("init", id))
    found = json.loads(succeeded(podman("inspect", id)))[0]
    _copy(podman.sandbox, podman.sandbox.path(found["OCIConfigPath"]).parent, target)
    podman.remove_all()
    return target


def docker_bundle(docker: Docker, target: Path) -> Path:
    """The config.json that dockerd wrote. Its hook, which calls dockerd, is left out."""
    flags = (
        "--detach",
        "--memory=64m",
        "--pids-limit=100",
        "--hostname=from-docker",
        "--env=NAME=from docker",
    )
    id = succeeded(docker(*docker.new("run", *flags, *PROGRAM))).strip()
    _copy(docker.sandbox, docker.bundle(id), target)
    docker.remove_all()
    return target


def _copy(sandbox: Sandbox, bundle: Path, target: Path) -> None:
    """A copy of *bundle* that does not need its engine: root, sources of bind mounts, no hooks."""
    target.mkdir()
    config = read(bundle)
    _tree(sandbox.path(config["root"]["path"]), target / "rootfs")
    config["root"]["path"] = "rootfs"
    config.pop("hooks", None)
    for number, mount in enumerate(config["mounts"]):
        if {"bind", "rbind"} & set(mount.get("options", ())):
            copy = target / "mounts" / str(number)
            _tree(sandbox.path(mount["source"]), copy)
            mount["source"] = str(copy)
    (target / "config.json").write_text(json.dumps(config))


def _tree(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    # What an engine mounts below its root file system belongs to the container, not to the image.
    subprocess.run(["cp", "-a", "--one-file-system", source, target], check=True)


def _tool(command: list[str], directory: Path) -> None:
    environment = {**os.environ, "PATH": packages.SBIN}
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")


def main(target: Path) -> None:
    packages.install(packages.missing())
    target.mkdir(parents=True)
    target = target.resolve()
    runc = Path(shutil.which("runc", path=packages.SBIN) or "/usr/sbin/runc")
    with TemporaryDirectory(prefix="pyruntime-bundles-") as name:
        sandbox = Sandbox(Path(name))
        try:
            root = rootfs.make(sandbox.work / "rootfs")
            podman_bundle(Podman(sandbox, sandbox.work / "podman", runc, root), target / "podman")
            docker_bundle(Docker(sandbox, sandbox.work / "docker", runc, root), target / "docker")
        finally:
            sandbox.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
