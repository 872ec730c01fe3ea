"""Install the validation programs of opencontainers/runtime-tools at one pinned version.

Nothing of the suite is kept in this repository: the Go client fetches the module by name,
checks it against the checksum database, and builds it into a cache directory.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

MODULE = "github.com/opencontainers/runtime-tools"
# The state of 2025-12-05. The last tag, v0.9.0, is of 2019: it has no go.mod, and its texts are specification 1.0's.
VERSION = "v0.9.1-0.20251205004911-5e639034dcdc"
PROGRAMS = 58

GO_PLACES = ("/usr/local/go/bin/go", "/usr/lib/go/bin/go", "/snap/bin/go")
GO_ARCHITECTURES = {"x86_64": "amd64", "i686": "386"}


class Unavailable(Exception):
    """The suite can't be had on this machine; the text says what is missing."""


@dataclass(frozen=True)
class Suite:
    """Where the built programs, runtimetest and the root file system archive are."""

    directory: Path

    @property
    def runtimetest(self) -> Path:
        return self.directory / "bin" / "runtimetest"

    @property
    def rootfs(self) -> Path:
        return self.directory / rootfs_name()

    def program(self, name: str) -> Path:
        return self.directory / "bin" / name

    def names(self) -> list[str]:
        found = (entry.name for entry in (self.directory / "bin").iterdir())
        return sorted(name for name in found if name != "runtimetest")


def rootfs_name() -> str:
    """The archive that the programs unpack: its name carries Go's word for the architecture."""
    try:
        return f"rootfs-{GO_ARCHITECTURES[platform.machine()]}.tar.gz"
    except KeyError:
        raise Unavailable(f"the suite has no root file system for {platform.machine()}") from None


def cache_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "pyruntime-conformance" / VERSION


def find_go() -> str:
    for candidate in (shutil.which("go"), *GO_PLACES):
        if candidate and os.access(candidate, os.X_OK):
            return candidate
    raise Unavailable("no go command: the suite is built by the Go client (Go 1.21 or newer)")


def install() -> Suite:
    """The suite, from the cache or freshly built."""
    target = cache_directory()
    if not (target / "bin").is_dir():
        build(find_go(), target)
    suite = Suite(target)
    if len(suite.names()) != PROGRAMS:
        raise Unavailable(
            f"{target} holds {len(suite.names())} programs, not {PROGRAMS}: remove it"
        )
    return suite


def build(go: str, target: Path) -> None:
    """Fetch and build into a neighbour of *target*, then rename: a half-built cache is never seen."""
    partial = target.with_name(f"{target.name}.{os.getpid()}")
    (partial / "bin").mkdir(parents=True)
    try:
        module = module_directory(go, partial)
        shutil.copyfile(module / rootfs_name(), partial / rootfs_name())
        compile_programs(go, partial)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def module_directory(go: str, cwd: Path) -> Path:
    answer = run_go(go, ["mod", "download", "-json", f"{MODULE}@{VERSION}"], cwd)
    return Path(str(json.loads(answer)["Dir"]))


def compile_programs(go: str, partial: Path) -> None:
    """`go install` names each program after its directory; runtimetest must run without a libc."""
    packages = [f"{MODULE}/{part}@{VERSION}" for part in ("validation/...", "cmd/runtimetest")]
    run_go(go, ["install", "-p", "2", "-ldflags=-s -w", *packages], partial)


def run_go(go: str, arguments: list[str], cwd: Path) -> str:
    environment = {
        **os.environ,
        "GOBIN": str(cwd / "bin"),
        "CGO_ENABLED": "0",
        "GOWORK": "off",
        "GOFLAGS": "",
    }
    done = subprocess.run(
        [go, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip()
        raise Unavailable(f"go {arguments[0]} {arguments[1]}: {words}")
    return done.stdout
