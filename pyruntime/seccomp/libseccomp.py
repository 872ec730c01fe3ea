"""libseccomp through cffi, opened when the first profile is compiled.

`Context` is one filter under construction. libseccomp answers with negative errnos that mean no system
call: they become errors that name the place in config.json, in terms of the profile.
"""

from __future__ import annotations

import errno
import os

from pyruntime.errors import Error, SpecError, Unsupported, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

SONAME = "libseccomp.so.2"

# Of enum scmp_filter_attr; 2 sorts the system calls into a binary tree (libseccomp 2.5).
_SCMP_FLTATR_CTL_OPTIMIZE = 8
_BINARY_TREE = 2

_library: tuple[Any, Any] | None = None


def _open() -> tuple[Any, Any]:
    """The cffi instance and the library."""
    global _library
    if _library is None:
        try:
            from pyruntime.seccomp._libseccomp_cffi import ffi  # generated: csrc/seccomp_build.py

            _library = ffi, ffi.dlopen(SONAME)
        except (ImportError, OSError) as error:
            raise Unsupported(
                f"/linux/seccomp: {SONAME}: {error}",
                hint="install libseccomp (Debian's package is libseccomp2)",
            ) from None
    return _library


def version() -> tuple[int, int, int]:
    """The version of the library that is installed."""
    _, lib = _open()
    found = lib.seccomp_version()
    return found.major, found.minor, found.micro


def api_level() -> int:
    """What library and running kernel can do together: seccomp_api_get(3)."""
    _, lib = _open()
    return int(lib.seccomp_api_get())


def native_token() -> int:
    """The token of the architecture that the library was built for."""
    _, lib = _open()
    return int(lib.seccomp_arch_native())


def number_of(name: str) -> int | None:
    """*name*'s number for `Context.add_rule`; below -1 where only other architectures have it."""
    _, lib = _open()
    number = int(lib.seccomp_syscall_resolve_name(name.encode()))
    return None if number == -1 else number


def number_on(token: int, name: str) -> int | None:
    """*name*'s number on the architecture *token*, None where it has none."""
    _, lib = _open()
    number = int(lib.seccomp_syscall_resolve_name_arch(token, name.encode()))
    return None if number < 0 else number


def file_path() -> str:
    """The file that the loader opened, "" when it can't be told."""
    _open()
    with open("/proc/self/maps") as maps:
        for line in maps:
            path = line.rstrip("\n").partition("/")[2]
            if path.rpartition("/")[2].startswith("libseccomp.so"):
                return "/" + path
    return ""


class Context:
    """A filter under construction; knows the native architecture from the start."""

    def __init__(self, default_action: int, pointer: str) -> None:
        self._ffi, self._lib = _open()
        self._context = self._lib.seccomp_init(default_action)
        if self._context == self._ffi.NULL:
            raise Unsupported(f"{pointer}: {_name()} refuses the action {default_action:#x}")

    def __enter__(self) -> Context:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lib.seccomp_release(self._context)

    def add_architecture(self, token: int, name: str, pointer: str) -> None:
        """Let the filter decide for *name* too; otherwise its calls kill the process."""
        result = self._lib.seccomp_arch_add(self._context, token)
        if result == -errno.EINVAL:
            raise Unsupported(f"{pointer}: {_name()} does not know {name}")
        if result == -errno.EDOM:
            raise SpecError(pointer, f"{name} has another byte order than this machine")
        if result not in (0, -errno.EEXIST):
            raise _unexpected(pointer, "seccomp_arch_add", result)

    def use_binary_tree(self) -> None:
        """Find a system call in log(n) comparisons."""
        # Older libraries refuse the attribute; the filter decides the same without.
        self._lib.seccomp_attr_set(self._context, _SCMP_FLTATR_CTL_OPTIMIZE, _BINARY_TREE)

    def add_rule(
        self, number: int, action: int, comparisons: list[tuple[int, int, int, int]], pointer: str
    ) -> None:
        """*action* for the call *number* on every architecture that has it."""
        result = self._lib.seccomp_rule_add_array(
            self._context, action, number, len(comparisons), comparisons
        )
        if result == -errno.EEXIST:
            raise SpecError(pointer, "contradicts an earlier rule for the same system call")
        if result != 0:
            raise _unexpected(pointer, "seccomp_rule_add_array", result)

    def export(self) -> bytes:
        """The program."""
        # seccomp_export_bpf_mem is newer (2.6) than what distributions have.
        fd = os.memfd_create("seccomp", os.MFD_CLOEXEC)
        try:
            result = self._lib.seccomp_export_bpf(self._context, fd)
            if result != 0:
                raise _unexpected("/linux/seccomp", "seccomp_export_bpf", result)
            return os.pread(fd, os.fstat(fd).st_size, 0)
        finally:
            os.close(fd)


def _name() -> str:
    return "libseccomp {}.{}.{}".format(*version())


def _unexpected(pointer: str, call: str, result: int) -> Error:
    return Error(f"{pointer}: {call} of {_name()}: {reason(-result)}")
