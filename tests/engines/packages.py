"""The engines come from the distribution: what is missing is installed, without starting any of its services."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SBIN = "/usr/sbin:/sbin:/usr/bin:/bin"

# Program to Debian package. Some of them only recommend others that are named here.
PACKAGES = {
    "podman": "podman",
    "conmon": "conmon",
    "containerd": "containerd",
    "ctr": "containerd",
    "dockerd": "docker.io",
    "docker": "docker-cli",
    "runc": "runc",
    "umoci": "umoci",
    "busybox": "busybox-static",
    "ip": "iproute2",
}
# Until Debian 12 the client was in docker.io.
_FORMERLY = {"docker-cli": "docker.io"}

_POLICY = Path("/usr/sbin/policy-rc.d")


def missing() -> list[str]:
    return sorted(
        {
            package
            for program, package in PACKAGES.items()
            if shutil.which(program, path=SBIN) is None
        }
    )


def install(names: list[str]) -> None:
    """apt-get install; a machine that has no apt-get keeps what it has."""
    if not names or shutil.which("apt-get", path=SBIN) is None:
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PATH": SBIN}
    with _services_stay_off():
        _apt(environment, "update")
        known = [name for name in names if _is_known(name)] + [
            _FORMERLY[n] for n in names if not _is_known(n) and n in _FORMERLY
        ]
        _apt(environment, "install", "--yes", "--no-install-recommends", *known)


def _apt(environment: dict[str, str], *args: str) -> None:
    done = subprocess.run(
        ["apt-get", "-qq", *args], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"apt-get {' '.join(args)}: {done.stderr}")


def _is_known(package: str) -> bool:
    done = subprocess.run(
        ["apt-cache", "show", package], capture_output=True, check=False, env={"PATH": SBIN}
    )
    return done.returncode == 0


@contextmanager
def _services_stay_off() -> Iterator[None]:
    """Debian's own switch: 101 from policy-rc.d means that no service is to be started now."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()
