"""pyruntime as the guest gets it: a virtual environment of the guest's own Python, built from a checkout in a chroot.

It is made at /opt/pyruntime, where it will be in the guest, on the machine's network and pip configuration, and kept
under a hash of the files that it is built from.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

from guest import rootfs, space
from guest.rootfs import say
from guest.space import GuestError

NOT_BUILT_FROM = (".ci", ".github", "bench", "conformance", "demo", "docs", "tests")
EXTRAS = "[test]"

# What leads pip to its index here leads it there too, at the same paths.
PIP_FILES = (
    "/etc/pip.conf",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/ssl/certs/ca-certificates.crt",
)
PIP_SETTINGS = (
    "PIP_CLIENT_CERT",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_DISABLE_PIP_VERSION_CHECK",
    "PIP_EXTRA_INDEX_URL",
    "PIP_INDEX_URL",
    "PIP_NO_INDEX",
    "PIP_PROXY",
    "PIP_RETRIES",
    "PIP_TRUSTED_HOST",
)
PIP_PATHS = ("PIP_CERT", "PIP_CONFIG_FILE", "PIP_FIND_LINKS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


def ensure(cache: Path, root: Path, checkout: Path) -> Path:
    """The directory to be mounted at /opt/pyruntime, made now if there is none."""
    checkout = checkout.absolute()
    if not (checkout / "pyproject.toml").is_file():
        raise GuestError(f"{checkout}: no pyproject.toml there")
    files = sorted(sources(checkout))
    digest = hashlib.sha256(root.name.encode())
    for name in files:
        digest.update(b"\0" + name.encode() + b"\0" + (checkout / name).read_bytes())
    target = cache / f"install-{digest.hexdigest()[:12]}"

    def make_it(partial: Path) -> None:
        make(cache, root, checkout, files, partial)

    # Guests may still be running from some of the others.
    return rootfs.kept(target, others=7, make=make_it)


def sources(checkout: Path) -> Iterator[str]:
    """What the package is built from: tracked files and new ones, as git tells."""
    command = [
        "git",
        "-C",
        str(checkout),
        "-c",
        "safe.directory=*",
        "ls-files",
        "-z",
        "--cached",
        "--others",
    ]
    listing = subprocess.run([*command, "--exclude-standard"], capture_output=True, check=False)
    if listing.returncode == 0:
        names = listing.stdout.decode().split("\0")
    else:
        names = [str(path.relative_to(checkout)) for path in checkout.rglob("*")]
    for name in names:
        if name and name.split("/", 1)[0] not in NOT_BUILT_FROM and (checkout / name).is_file():
            yield name


def make(cache: Path, root: Path, checkout: Path, files: list[str], target: Path) -> None:
    log = cache / "install.log"
    log.write_bytes(b"")
    (cache / "pip").mkdir(exist_ok=True)
    lists = cache / "install.files"
    lists.write_text("\0".join(files))
    say(f"building {checkout} for the guest; log in {log}")
    lines = [
        space.script(
            ["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", cache / "stage"],
            ["cd", cache / "stage"],
            ["mkdir", "root"],
        ),
        space.bind(root, "root"),
        space.bind(target, "root/opt/pyruntime", writable=True),
        "mount -t proc proc root/proc",
        "mount --rbind /dev root/dev",
        "mount -t tmpfs -o mode=1777 tmpfs root/tmp",
        "mount -t tmpfs -o mode=700 tmpfs root/root",
        "mkdir -p root/root/.cache/pip root/tmp/source",
        space.bind(cache / "pip", "root/root/.cache/pip", writable=True),
        shlex.join(["tar", "-C", str(checkout), "--null", "-T", str(lists), "-cf", "source.tar"]),
        "tar -C root/tmp/source -xf source.tar --no-same-owner",
        *pip_configuration(),
        shlex.join(["exec", "env", "-i", *pip_environment(), "chroot", "root", "sh", "-ec", BUILD]),
    ]
    space.logged(space.private("set -e\n" + "\n".join(lines)), log, f"building {checkout}")


BUILD = f"""\
cd /tmp
python3 -m venv /opt/pyruntime
/opt/pyruntime/bin/pip install --root-user-action=ignore '/tmp/source{EXTRAS}'
chmod -R go-w /opt/pyruntime
"""


def pip_configuration() -> Iterator[str]:
    """Bind mounts of the files that pip and the resolver read on this machine, where the guest has a place for them."""
    for path in {*PIP_FILES, *(os.environ.get(name, "") for name in PIP_PATHS)}:
        if not os.path.exists(path) or not os.path.isabs(path):
            continue
        source, target = shlex.quote(os.path.realpath(path)), shlex.quote("root" + path)
        yield f"if [ -e {target} ]; then mount --bind {source} {target}; fi"


def pip_environment() -> Iterator[str]:
    yield "PATH=/opt/pyruntime/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    yield "HOME=/root"
    yield "LC_ALL=C.UTF-8"
    for name, value in os.environ.items():
        if name in PIP_SETTINGS or name in PIP_PATHS or name.lower().endswith("_proxy"):
            yield f"{name}={value}"
