"""JSON in and out without the `json` package, which loads `re` and `enum` (9 ms of a 12 ms start).

`_json.make_scanner` is the C half of json.decoder. It takes one value at an index and returns it with
the index behind it; white space around the document is the caller's. It needs json.decoder to say
what is wrong, so the text is read a second time, by `json`, once it is known to be bad.

What Go's decoder lets through and the specification doesn't is refused: a repeated name (glossary.md),
NaN and Infinity, a byte order mark, half a surrogate pair, NUL.
"""

from __future__ import annotations

import _json
import os

from pyruntime.errors import KernelError, SpecError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, NoReturn

# Engines write 3 to 30 KB, a thousand mounts are 200 KB. Python's objects take up to 25 times the
# size of the text, so this also bounds the memory: less than half a GiB.
LARGEST = 16 << 20

# Go's decoder refuses an exponent for an integer at all; the limit keeps 1e999999999 from being built.
LARGEST_EXPONENT = 400

# The specification's own objects are eight deep. What is deeper than this is for nobody, and would reach the
# limits of whoever walks or writes it later.
DEEPEST = 100

# Of one object. Nothing real comes near it; with colliding names a dictionary takes the square of this in time.
MOST_MEMBERS = 1 << 16

WHITE_SPACE = " \t\n\r"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def load(path: str, *, pipe: bool = False) -> dict[str, Any]:
    """The object in the file at *path*."""
    value = decode(read(path, pipe=pipe), name=path)
    if not isinstance(value, dict):
        raise SpecError("", f"{path}: must be an object")
    return value


def read(path: str, *, pipe: bool = False) -> bytes:
    """The bytes of *path*, a file; no more than are needed to see that they are too many.

    With *pipe* it may be one: for what a person names on the command line, who can also end it.
    """
    # O_NONBLOCK: opening a fifo that nobody writes to does not wait.
    fd = _open(path)
    try:
        kind = os.fstat(fd).st_mode & 0o170000
        if kind == 0o010000 and pipe:
            os.set_blocking(fd, True)
        elif kind != 0o100000:
            what = {0o040000: "a directory", 0o010000: "a pipe"}.get(kind, "a device")
            raise SpecError("", f"{path}: must be a file, not {what}")
        return _read_all(fd, path)
    finally:
        os.close(fd)


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        raise KernelError(f"open({path})", error.errno or 0) from None
    except ValueError:
        raise SpecError("", f"{path!r}: must be a path without NUL") from None


def _read_all(fd: int, path: str) -> bytes:
    data = bytearray()
    try:
        while len(data) <= LARGEST and (part := os.read(fd, 1 << 18)):
            data += part
    except OSError as error:
        raise KernelError(f"read({path})", error.errno or 0) from None
    return bytes(data)


def decode(data: bytes, *, name: str = "config.json", surrogates: bool = False) -> object:
    """The JSON value in *data*; *name* is what errors call it.

    With *surrogates* a lone one is no error: that is how `encode` keeps a path that isn't UTF-8.
    """
    if len(data) > LARGEST:
        raise SpecError("", f"{name}: must not be larger than {LARGEST >> 20} MiB")
    text = _text(data, name)
    try:
        value, end = _SCAN(text, len(text) - len(text.lstrip(WHITE_SPACE)))
        if text[end:].strip(WHITE_SPACE):
            _explain(text, name)
    except _RefusedError as refused:
        raise SpecError("", f"{name}: {refused}") from None
    except RecursionError:
        raise SpecError("", f"{name}: is nested too deeply") from None
    except (StopIteration, ValueError, SystemError):
        # 3.11 and 3.12 raise SystemError where json.decoder isn't loaded yet, others load it.
        _explain(text, name)
    if text.count("[") + text.count("{") > DEEPEST:
        _refuse_depth(value, name)
    # Only an escape can bring these in, so most documents need no walk.
    if "\\u0000" in text or (not surrogates and "\\ud" in text.lower()):
        _refuse_characters(value, name, surrogates=surrogates)
    return value


def _refuse_depth(value: object, name: str) -> None:
    """Level by level, so that no recursion is needed to look."""
    level: list[Any] = [value] if type(value) in (dict, list) else []
    for _ in range(DEEPEST):
        level = [
            each
            for holder in level
            for each in (holder.values() if isinstance(holder, dict) else holder)
            if type(each) in (dict, list)
        ]
        if not level:
            return
    raise SpecError("", f"{name}: is nested too deeply")


def _text(data: bytes, name: str) -> str:
    if data.startswith(BYTE_ORDER_MARK):
        raise SpecError("", f"{name}: must not begin with a byte order mark")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line, column = _place(data, error.start)
        raise SpecError("", f"{name}:{line}:{column}: is not UTF-8") from None


def _place(data: bytes, index: int) -> tuple[int, int]:
    """Line and column of the byte at *index*, both from 1."""
    return data.count(b"\n", 0, index) + 1, index - data.rfind(b"\n", 0, index)


def _explain(text: str, name: str) -> NoReturn:
    """Say what is wrong with *text*, which the scanner didn't take."""
    if not text.strip(WHITE_SPACE):
        raise SpecError("", f"{name}: is empty")
    try:
        import json
    except ImportError:  # An embedded interpreter may come without it.
        raise SpecError("", f"{name}: is not JSON") from None
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        message = error.msg[:1].lower() + error.msg[1:].removesuffix(" at").removesuffix(
            " starting"
        )
        raise SpecError("", f"{name}:{error.lineno}:{error.colno}: {message}") from None
    except ValueError:
        raise SpecError("", f"{name}: has a number of thousands of digits") from None
    raise SpecError("", f"{name}: is not JSON")


class _RefusedError(Exception):
    """Well-formed JSON that is refused all the same."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MOST_MEMBERS:
        raise _RefusedError(f"has an object of more than {MOST_MEMBERS} members")
    members = dict(pairs)
    if len(members) != len(pairs):
        seen = set()
        for key, _ in pairs:
            if key in seen:
                raise _RefusedError(f'has the name "{key}" twice in one object')
            seen.add(key)
    return members


def _number(text: str) -> int | float:
    """A number written with a point or an exponent: an int if it is whole, exactly."""
    mantissa, _, exponent = text.lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).rstrip("0")
    shift = int(exponent or "0") - len(fraction) + len(whole + fraction) - len(digits)
    if digits in ("", "-"):
        return 0
    if shift > LARGEST_EXPONENT:
        raise _RefusedError(f"has the number {text[:40]}, which is too large")
    return int(digits) * 10**shift if shift >= 0 else float(text)


def _constant(text: str) -> NoReturn:
    raise _RefusedError(f"has {text}, which is not JSON")


class _Context:
    """What the scanner asks of a json.JSONDecoder."""

    strict = True
    object_hook = None
    object_pairs_hook = staticmethod(_object)
    parse_float = staticmethod(_number)
    parse_int = int
    parse_constant = staticmethod(_constant)


_SCAN = _json.make_scanner(_Context)  # type: ignore[arg-type]


def _refuse_characters(value: object, name: str, *, surrogates: bool) -> None:
    for pointer, text in _texts(value):
        what = "a NUL character" if "\0" in text else ""
        if not surrogates and any("\ud800" <= c <= "\udfff" for c in text):
            what = "half a surrogate pair"
        if what:
            error = SpecError(pointer, f"must not hold {what}")
            error.context.append(name)
            raise error


def _texts(value: object) -> Iterator[tuple[str, str]]:
    """Every string in *value*, names too, with its pointer; without recursion."""
    left: list[tuple[str, object]] = [("", value)]
    while left:
        pointer, value = left.pop()
        if isinstance(value, str):
            yield pointer, value
        elif isinstance(value, list):
            left.extend((f"{pointer}/{index}", item) for index, item in enumerate(value))
        elif isinstance(value, dict):
            for key, item in value.items():
                yield pointer, key
                left.append((f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}", item))


def encode(value: object, *, indent: int = 0) -> bytes:
    """*value* as JSON in UTF-8: on one line, or with *indent* columns per level."""
    try:
        return _write(value, indent, _json.encode_basestring).encode()
    except UnicodeEncodeError:
        # A path that isn't UTF-8 came in as lone surrogates (PEP 383); as escapes they survive.
        return _write(value, indent, _json.encode_basestring_ascii).encode()


def _write(value: object, indent: int, quote: Callable[[str], str]) -> str:
    return _pretty(value, indent, "\n", quote) if indent else _compact(value, quote)


def _compact(value: object, quote: Callable[[str], str]) -> str:
    # markers, default, encoder, indent, separators, sort_keys, skipkeys, allow_nan
    write = _json.make_encoder(None, _cannot_encode, quote, None, ":", ",", False, False, False)
    return "".join(write(value, 0))


def _cannot_encode(value: object) -> NoReturn:
    raise TypeError(f"not a JSON value: {value!r}")


def _pretty(value: object, indent: int, line: str, quote: Callable[[str], str]) -> str:
    deeper = line + " " * indent
    if isinstance(value, dict) and value:
        members = [
            f"{quote(key)}: {_pretty(item, indent, deeper, quote)}" for key, item in value.items()
        ]
        return "{" + deeper + ("," + deeper).join(members) + line + "}"
    if isinstance(value, list) and value:
        items = [_pretty(item, indent, deeper, quote) for item in value]
        return "[" + deeper + ("," + deeper).join(items) + line + "]"
    return _compact(value, quote)
