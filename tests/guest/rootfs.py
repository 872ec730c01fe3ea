"""The guest's root directory: Debian by debootstrap, as recipe.toml says, kept under a hash of what it is made by."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from guest import space
from guest.space import GuestError

HERE = Path(__file__).resolve().parent
RECIPE = HERE / "recipe.toml"
FINISH = HERE / "finish.sh"
LOG = "build.log"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pyruntime-guest"


def say(message: str) -> None:
    print(f"guest.py: {message}", file=sys.stderr, flush=True)


@contextmanager
def locked(cache: Path) -> Iterator[None]:
    """One maker at a time; the others wait, and find it made."""
    (cache / "stage").mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def fresh(path: Path) -> Path:
    """The empty directory in which *path* is made; what an interrupted attempt left in it goes."""
    partial = path.with_name(path.name + ".partial")
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir()
    return partial


def kept(target: Path, *, others: int, make: Callable[[Path], None]) -> Path:
    """*target*, made by *make* under another name if it is not there; the *others* last used of its kind stay too."""
    if not target.is_dir():
        with locked(target.parent):
            if not target.is_dir():
                begun = time.monotonic()
                partial = fresh(target)
                make(partial)
                partial.rename(target)
                say(f"{target} made in {time.monotonic() - begun:.0f} s")
                forget(target, others)
    os.utime(target)
    return target


def forget(target: Path, others: int) -> None:
    kind = target.name.split("-")[0]
    found = [path for path in target.parent.glob(f"{kind}-*") if path != target]
    for path in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)[others:]:
        shutil.rmtree(path)


def ensure(cache: Path, mirror: str) -> Path:
    """The root directory, made now if there is none."""
    parts = [RECIPE.read_bytes(), FINISH.read_bytes(), platform.machine().encode()]
    root = cache / ("root-" + hashlib.sha256(b"\0".join(parts)).hexdigest()[:12])

    def make_it(partial: Path) -> None:
        make(partial, mirror or machine_mirror(), cache / LOG)

    return kept(root, others=1, make=make_it)


def make(target: Path, mirror: str, log: Path) -> None:
    if not shutil.which("debootstrap"):
        raise GuestError(
            "debootstrap is missing: apt-get install debootstrap debian-archive-keyring"
        )
    recipe = tomllib.loads(RECIPE.read_text())
    say(f"making {target.name} from {mirror}, about 100 s; log in {log}")
    log.write_bytes(b"")
    debootstrap = [
        "debootstrap",
        "--variant=minbase",
        "--force-check-gpg",
        "--include=" + ",".join(recipe["packages"]),
        recipe["suite"],
        str(target),
        mirror,
    ]
    # A chroot's mounts end with the namespace, whatever interrupts debootstrap.
    script = space.script(
        ["env", *(f"{name}={value}" for name, value in apt_proxies().items()), *debootstrap],
        ["cp", FINISH, target / "finish.sh"],
    )
    space.logged(space.private(script), log, "debootstrap")
    unpack(recipe["kernel_package"], recipe["kernel_suite"], mirror, target, log)
    script = space.script(
        ["chroot", target, "sh", "/finish.sh"],
        ["rm", target / "finish.sh"],
    )
    space.logged(space.private(script), log, FINISH.name)


def unpack(package: str, suite: str, mirror: str, target: Path, log: Path) -> None:
    """Put a package of another *suite* into *target*, past its dpkg. This machine's apt finds it, with lists apart."""
    own = fresh(target.with_name(package))
    (own / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror} {suite} main\n")
    (own / "lists").mkdir()
    settings = {
        "Dir::Etc::SourceList": own / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": own / "lists",
        "Dir::Cache": own,
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", *(f"-o{key}={value}" for key, value in settings.items())]
    script = space.script(
        ["cd", own],
        [*apt, "update"],
        [*apt, "download", package],
        ["sh", "-c", 'dpkg-deb --extract "$1"_*.deb "$2"', "sh", package, target],
    )
    space.logged(space.private(script), log, f"{package} of {suite}")
    shutil.rmtree(own)


def machine_mirror() -> str:
    """The Debian mirror that this machine's apt is configured with."""
    query = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(COMPONENT) $(REPO_URI)"]
    answer = subprocess.run(
        [*query, "Created-By: Packages", "Label: Debian"],
        capture_output=True,
        text=True,
        check=False,
    )
    for line in answer.stdout.splitlines():
        origin, component, uri = line.split(" ", 2)
        if (origin, component) == ("Debian", "main") and uri.startswith(("http://", "https://")):
            return uri
    raise GuestError(
        "this machine's apt knows no Debian mirror (`apt-get update` may be due): name one with --mirror"
    )


def apt_proxies() -> dict[str, str]:
    """What apt goes through, as variables for debootstrap's wget."""
    names = {"http_proxy": "Acquire::http::Proxy", "https_proxy": "Acquire::https::Proxy"}
    shell = ["apt-config", "shell", *(word for pair in names.items() for word in pair)]
    answer = subprocess.run(shell, capture_output=True, text=True, check=False)
    return dict(word.split("=", 1) for word in shlex.split(answer.stdout))


def clean(cache: Path) -> None:
    """Guests that run from it lose their root directory."""
    if cache.is_dir():
        with locked(cache):
            shutil.rmtree(cache)
