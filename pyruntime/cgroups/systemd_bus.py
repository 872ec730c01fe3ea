"""D-Bus through libsystemd's sd-bus, opened by cffi when a systemd is to be talked to.

There are no callbacks: signals are what `sd_bus_process` gives back because nothing has handled it.
"""

from __future__ import annotations

import time

from pyruntime.errors import Error, Unsupported, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SONAME = "libsystemd.so.0"
CALL_SECONDS = 25.0

# Type of D-Bus: type of C, for what is passed by its address.
NUMBERS = {
    "y": "uint8_t",
    "b": "int",
    "n": "int16_t",
    "q": "uint16_t",
    "i": "int32_t",
    "u": "uint32_t",
    "x": "int64_t",
    "t": "uint64_t",
    "d": "double",
}

_library: tuple[Any, Any] | None = None


class BusError(Error):
    """The other side refused a call; *name* is the error's, such as org.freedesktop.systemd1.UnitExists."""

    def __init__(self, call: str, name: str, message: str) -> None:
        super().__init__(f"{call}: {message or name}")
        self.name = name


def _open() -> tuple[Any, Any]:
    """The cffi instance and the library."""
    global _library
    if _library is None:
        try:
            from pyruntime.cgroups._libsystemd_cffi import ffi  # generated: csrc/systemd_build.py

            _library = ffi, ffi.dlopen(SONAME)
        except (ImportError, OSError) as error:
            raise Unsupported(
                f"--systemd-cgroup: {SONAME}: {error}",
                hint="install libsystemd (Debian's package is libsystemd0)",
            ) from None
    return _library


class Bus:
    """A connection to *address*. *client*: to a bus, not to a peer."""

    def __init__(self, address: str, *, client: bool) -> None:
        self._ffi, self._lib = _open()
        pointer = self._ffi.new("sd_bus **")
        self._check("sd_bus_new", self._lib.sd_bus_new(pointer))
        self._bus = self._ffi.gc(pointer[0], self._lib.sd_bus_close_unref)
        self._check(address, self._lib.sd_bus_set_address(self._bus, address.encode()))
        self._check(address, self._lib.sd_bus_set_bus_client(self._bus, client))
        self._check(f"connect({address})", self._lib.sd_bus_start(self._bus))

    def _check(self, call: str, result: int) -> int:
        if result < 0:
            raise Error(f"D-Bus: {call}: {reason(-result)}")
        return result

    def call(
        self,
        where: tuple[str, str, str],
        member: str,
        signature: str = "",
        *values: Any,
        answer: str = "",
    ) -> list[Any]:
        """Call *member* of *where* (destination, path, interface) with *values*; the basic values of its answer.

        *signature* is a list of types with spaces between them, as *answer* is; "v:s" is a string in a variant.
        """
        message = self._message(where, member)
        for type, value in zip(signature.split(), values, strict=True):
            self._append(message, type, value)
        error = self._ffi.new("sd_bus_error *")
        reply = self._ffi.new("sd_bus_message **")
        timeout = int(CALL_SECONDS * 1e6)
        result = self._lib.sd_bus_call(self._bus, message, timeout, error, reply)
        if result < 0:
            try:
                name, text = self._text(error.name), self._text(error.message)
            finally:
                self._lib.sd_bus_error_free(error)
            raise BusError(member, name, text or reason(-result))
        return self._read(self._owned(reply[0]), answer)

    def _message(self, where: tuple[str, str, str], member: str) -> Any:
        pointer = self._ffi.new("sd_bus_message **")
        words = [word.encode() for word in (*where, member)]
        result = self._lib.sd_bus_message_new_method_call(self._bus, pointer, *words)
        self._check(member, result)
        return self._owned(pointer[0])

    def _owned(self, message: Any) -> Any:
        return self._ffi.gc(message, self._lib.sd_bus_message_unref)

    def _text(self, pointer: Any) -> str:
        if pointer == self._ffi.NULL:
            return ""
        return str(self._ffi.string(pointer).decode("utf-8", "replace"))

    # values

    def _append(self, message: Any, type: str, value: Any) -> None:
        """*value* as one complete *type*: the form that `gvariant.parse` gives."""
        first = type[0]
        if first in NUMBERS:
            pointer = self._ffi.new(f"{NUMBERS[first]} *", int(value) if first == "b" else value)
            self._check(
                type, self._lib.sd_bus_message_append_basic(message, first.encode(), pointer)
            )
        elif first in "sog":
            text = self._ffi.new("char[]", value.encode("utf-8", "surrogateescape"))
            self._check(type, self._lib.sd_bus_message_append_basic(message, first.encode(), text))
        elif first == "v":
            self._in(message, "v", value[0], [(value[0], value[1])])
        elif type[:2] == "a{":
            for_each = [(f"e{type[2:-1]}", pair) for pair in value]
            self._in(message, "a", type[1:], for_each)
        elif first == "a":
            self._in(message, "a", type[1:], [(type[1:], one) for one in value])
        else:  # a structure, or the entry of a dictionary
            from pyruntime.cgroups.gvariant import types_in

            inner = type[1:-1] if first == "(" else type[1:]
            self._in(
                message,
                "r" if first == "(" else "e",
                inner,
                zip(types_in(inner), value, strict=True),
            )

    def _in(self, message: Any, kind: str, contents: str, values: Any) -> None:
        lib = self._lib
        result = lib.sd_bus_message_open_container(message, kind.encode(), contents.encode())
        self._check(contents, result)
        for type, value in values:
            self._append(message, type, value)
        self._check(contents, lib.sd_bus_message_close_container(message))

    def _read(self, message: Any, types: str) -> list[Any]:
        found: list[Any] = []
        for type in types.split():
            variant, _, inner = type.partition(":")
            if inner:
                result = self._lib.sd_bus_message_enter_container(message, b"v", inner.encode())
                self._check("variant", result)
            found.append(self._read_basic(message, inner or variant))
            if inner:
                self._check("variant", self._lib.sd_bus_message_exit_container(message))
        return found

    def _read_basic(self, message: Any, type: str) -> Any:
        kind = f"{NUMBERS[type]} *" if type in NUMBERS else "char **"
        pointer = self._ffi.new(kind)
        result = self._lib.sd_bus_message_read_basic(message, type.encode(), pointer)
        self._check("answer", result)
        return pointer[0] if type in NUMBERS else self._text(pointer[0])

    # signals

    def wait_for(
        self,
        interface: str,
        member: str,
        types: str,
        accept: Callable[[list[Any]], bool],
        seconds: float,
    ) -> bool:
        """Wait for a signal whose values *accept* takes; whether it came within *seconds*."""
        deadline = time.monotonic() + seconds
        pointer = self._ffi.new("sd_bus_message **")
        names = interface.encode(), member.encode()
        while True:
            pointer[0] = self._ffi.NULL
            worked = self._check("sd_bus_process", self._lib.sd_bus_process(self._bus, pointer))
            if pointer[0] != self._ffi.NULL:
                message = self._owned(pointer[0])
                is_it = self._lib.sd_bus_message_is_signal(message, *names) > 0
                if is_it and accept(self._read(message, types)):
                    return True
                continue
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if not worked:
                self._check("sd_bus_wait", self._lib.sd_bus_wait(self._bus, int(left * 1e6)))
