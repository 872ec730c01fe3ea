"""What is read of init below /proc, all through one descriptor of its directory that is seen to be init's.

Rule of the file: init may die at any moment, and what is then missing was never "not there". An entry that cannot be
read is an error; and after everything has been read, `check` asks the pidfd whether all of it was about a living init.

A descriptor of /proc/PID belongs to one process for ever, whoever is given the number later. It was opened by number, so
it is init's only if init lived after that: then the number was still its own.
"""

from __future__ import annotations

import errno
import os

from pyruntime.container import interrupts, status
from pyruntime.errors import KernelError
from pyruntime.linux.namespaces import TYPES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from pyruntime.spec.types import Spec

GONE = (errno.ENOENT, errno.ESRCH)


class InitProc:
    """The directory of *pid*, which *pidfd* refers to; for *action*, as in `status`."""

    __slots__ = ("action", "fd", "pid", "pidfd")

    def __init__(self, pid: int, pidfd: int, action: str) -> None:
        self.pid = pid
        self.pidfd = pidfd
        self.action = action
        try:
            self.fd = os.open(f"/proc/{pid}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            self._fail("open", "", error)
        try:
            self.check()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the directory; the pidfd is the caller's."""
        os.close(self.fd)

    def has_ended(self) -> bool:
        """Whether init has; its parent may not have waited for it yet."""
        return interrupts.wait(self.pidfd, 0)

    def check(self) -> None:
        """WrongState if init has ended."""
        if self.has_ended():
            status.after(self.action, status.STOPPED)

    def read(self, name: str) -> str:
        """A small file."""
        try:
            fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.fd)
            try:
                parts = []
                while part := os.read(fd, 65536):
                    parts.append(part)
            finally:
                os.close(fd)
        except OSError as error:
            self._fail("read", name, error)
        return b"".join(parts).decode("utf-8", "surrogateescape")

    def namespaces(self, spec: Spec) -> list[str]:
        """The types in which init is elsewhere than we are; joining one's own is an error for some.

        Those that were made for the container must be among them, whatever is seen.
        """
        found = []
        for name, (_, file) in TYPES.items():
            here = _own(file)
            if here is None:
                continue  # a type that this kernel does not have, and so nobody is in one
            try:
                # The pid namespace that a process is in, not the one of its children.
                there = os.stat(f"ns/{file}", dir_fd=self.fd)
            except OSError as error:
                self._fail("stat", f"ns/{file}", error)
            if there.st_ino != here.st_ino or there.st_dev != here.st_dev:
                found.append(name)
        for namespace in (spec.get("linux") or {}).get("namespaces") or ():
            if not namespace.get("path") and namespace["type"] not in found:
                self.check()
                text = f"the container's {namespace['type']} namespace is not its own: init is in the runtime's"
                raise KernelError(f"/proc/{self.pid}/ns: {text}", 0)
        return found

    def _fail(self, call: str, name: str, error: OSError) -> NoReturn:
        if error.errno in GONE:
            status.after(self.action, status.STOPPED)
        raise KernelError(f"{call}(/proc/{self.pid}/{name})", error.errno or 0) from None


def _own(file: str) -> os.stat_result | None:
    try:
        return os.stat(f"/proc/self/ns/{file}")
    except FileNotFoundError:
        return None
