"""`spec`: write an example config.json into a bundle, or list every fault of one (--check)."""

from __future__ import annotations

import os
import sys

from pyruntime.errors import AlreadyExists, KernelError
from pyruntime.spec import example
from pyruntime.spec.load import encode, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.cli.parse import Call

NAME = "config.json"


def run(call: Call) -> int:
    if call.options["check"]:
        return check(call.options["check"])
    write(call.options["bundle"], rootless=call.options["rootless"])
    return 0


def check(path: str) -> int:
    """Print every fault of the file at *path* as `POINTER: message`; 1 if there is one."""
    from pyruntime.spec.faults import faults
    from pyruntime.spec.warnings import warnings

    config = load(path, pipe=True)
    found = faults(config)
    for pointer, message in found:
        print(one_line(f"{pointer}: {message}" if pointer else message))  # noqa: T201
    if not found:
        for pointer, message in warnings(config):
            print(one_line(f"{pointer}: warning: {message}"), file=sys.stderr)  # noqa: T201
    return 1 if found else 0


def one_line(text: str) -> str:
    """*text* with what could move a terminal's cursor escaped: it may quote the file."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def write(bundle: str, *, rootless: bool) -> None:
    config = example.config(rootless=rootless, uid=os.geteuid(), gid=os.getegid())
    path = os.path.join(bundle, NAME)
    try:
        # 0666 and the umask, as any editor would; O_EXCL so that nobody's work is overwritten.
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        raise AlreadyExists(f"File {NAME} exists. Remove it first") from None
    except OSError as error:
        raise KernelError(f"open({path})", error.errno or 0) from None
    with open(fd, "wb") as file:
        file.write(encode(config, indent=4) + b"\n")
