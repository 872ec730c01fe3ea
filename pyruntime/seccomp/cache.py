"""`load`: a profile's filter, from a file where it was compiled before.

Compiling takes some 15 ms and libseccomp; reading takes a fraction of one and loads nothing but this
module and `filter`. An entry is named by a digest of all that decides about its content:

    profile      without the listener's address, which is a container's own
    architecture, kernel release      libseccomp asks the running kernel what it supports
    FORMAT       of the entry, and of the stub

and says which libseccomp made it: path, device, inode, size, modification time. An upgrade replaces
that file, and a stat(2) that differs makes a miss; so no version need be asked, nothing opened.

    pyruntime seccomp FORMAT\\n  digest of the rest\\n  flags optional-flags\\n  libseccomp\\n  BPF
"""

from __future__ import annotations

import os
import time
from _blake2 import blake2b

from pyruntime.errors import SpecError
from pyruntime.seccomp.filter import POINTER, Filter, listener_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Change it whenever other BPF comes out of the same profile.
FORMAT = 2
MAGIC = b"pyruntime seccomp %d" % FORMAT

# An entry of Docker's profile has 10 KiB; the state root is in memory.
MOST_ENTRIES = 64
LARGEST_ENTRY = 64 * 1024

_NEW_LISTENER = 8  # SECCOMP_FILTER_FLAG_NEW_LISTENER; linux.flags isn't loaded for one number


def load(profile: dict[str, Any], *, architecture: str, cache_dir: str) -> Filter:
    """The filter of *profile* (linux.seccomp) on *architecture* (of uname).

    *cache_dir* is made if missing (its parent is not); "" keeps nothing. A directory that others could
    write to is not used.
    """
    if not isinstance(profile, dict):
        raise SpecError(POINTER, "not an object")
    key = key_of(profile, architecture)
    directory_fd = _open_directory(cache_dir)
    try:
        entry = None if directory_fd is None else _read(directory_fd, key)
        if entry is None:
            entry = _compile(profile)
            if directory_fd is not None:
                _write(directory_fd, key, entry)
    finally:
        if directory_fd is not None:
            os.close(directory_fd)
    path, metadata = listener_of(profile, notify=entry.notify)
    entry.listener_path, entry.listener_metadata = path, metadata
    return entry


def key_of(profile: dict[str, Any], architecture: str) -> str:
    """The name of *profile*'s entry."""
    relevant = {k: v for k, v in profile.items() if k not in ("listenerPath", "listenerMetadata")}
    text = repr((MAGIC, architecture, os.uname().release, relevant))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()


def _compile(profile: dict[str, Any]) -> Filter:
    from pyruntime.seccomp import compile, rules

    return compile.compile_profile(rules.read(profile))


def _open_directory(path: str) -> int | None:
    """A descriptor of the cache; None where there is none to be trusted."""
    if not path:
        return None
    try:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            os.mkdir(path, 0o700)
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        # A read-only or full state root makes a container slower, not impossible.
        return None
    status = os.fstat(fd)
    # Who can write here decides what containers may do.
    if status.st_uid == os.geteuid() and status.st_mode & 0o077 == 0:
        return fd
    os.close(fd)
    return None


def _read(directory_fd: int, key: str) -> Filter | None:
    """The entry *key*; None when it is missing, damaged, or of another libseccomp."""
    try:
        fd = os.open(key, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=directory_fd)
    except OSError:
        return None
    try:
        content = os.read(fd, LARGEST_ENTRY)
    except OSError:
        return None
    finally:
        os.close(fd)
    magic, _, rest = content.partition(b"\n")
    digest, _, rest = rest.partition(b"\n")
    if magic != MAGIC or digest != _digest(key, rest):
        return None
    numbers, library, bpf = rest.split(b"\n", 2)
    if library != _identity(library.split(b" ", 4)[-1]):
        return None
    required, optional = map(int, numbers.split())
    return Filter(
        bpf, flags=required, optional_flags=optional, notify=bool(required & _NEW_LISTENER)
    )


def _write(directory_fd: int, key: str, entry: Filter) -> None:
    from pyruntime.seccomp import libseccomp

    library = _identity(os.fsencode(libseccomp.file_path()))
    if library is None:
        return
    rest = b"%d %d\n%s\n%s" % (entry.flags, entry.optional_flags, library, entry.bpf)
    content = b"\n".join((MAGIC, _digest(key, rest), rest))
    temporary = f".{os.getpid()}.{time.monotonic_ns()}"
    try:
        _remove_oldest(directory_fd)
        fd = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode=0o600, dir_fd=directory_fd
        )
        try:
            os.write(fd, content)
            os.rename(temporary, key, src_dir_fd=directory_fd, dst_dir_fd=directory_fd)
        except OSError:
            os.unlink(temporary, dir_fd=directory_fd)
        finally:
            os.close(fd)
    except OSError:
        # As in `_open_directory`. What a crash leaves, or a full disk cuts short, is no valid entry.
        return


def _remove_oldest(directory_fd: int) -> None:
    """Make room for one entry."""
    with os.scandir(directory_fd) as found:
        entries = [(one.stat(follow_symlinks=False).st_mtime_ns, one.name) for one in found]
    for _, name in sorted(entries)[: max(0, len(entries) + 1 - MOST_ENTRIES)]:
        os.unlink(name, dir_fd=directory_fd)


def _identity(path: bytes) -> bytes | None:
    """What changes when the file *path* is replaced, with the path behind it."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    numbers = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    return b"%d %d %d %d %s" % (*numbers, path)


def _digest(key: str, rest: bytes) -> bytes:
    # The name is part of it: an entry that was renamed belongs to another profile.
    return blake2b(key.encode() + rest, digest_size=20).hexdigest().encode()
