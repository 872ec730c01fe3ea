"""The state directory: containers by id. Whatever is written is written whole (a temporary name, then rename).

`mkdir` of the id's directory is what makes an id taken; flock(2) on it keeps two commands from changing one
container at a time. A directory without an init is a container that is being created (the lock is held) or
whose creation was cut short (it is not): it counts as stopped, and `delete --force` removes it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from pyruntime.container import status
from pyruntime.container.process import PF_FORKNOEXEC, Init
from pyruntime.container.record import Record, record_of
from pyruntime.errors import AlreadyExists, Error, KernelError, NotFound, UsageError
from pyruntime.spec.load import decode, encode

ID_LENGTH = 1024
LAST = ("record.json", "ended", "config.json")  # to be removed, in this order
LARGEST = 64 << 20  # bytes of a file of ours; config.json is the largest
ID_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.")


def check_id(id: str) -> str:
    """*id*, if it is one; it becomes a file name."""
    if not id or id in (".", "..") or not ID_LETTERS.issuperset(id) or len(id) > ID_LENGTH:
        raise UsageError(f"invalid container ID format: {id!r}")
    return id


class Container:
    """One container's directory, open and locked (exclusively, shared, or not at all)."""

    __slots__ = ("_directory_fd", "id", "path")

    def __init__(self, root: str, id: str, directory_fd: int) -> None:
        self.id = id
        self.path = f"{root}/{id}"
        self._directory_fd = directory_fd

    def close(self) -> None:
        """Give the lock back."""
        if self._directory_fd >= 0:
            os.close(self._directory_fd)
        self._directory_fd = -1

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ---- files

    def read(self, name: str) -> bytes:
        """The content of a file of ours; a fifo or a device would keep us waiting, or never end."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        damaged = Error(f"{self.path}/{name}: damaged: not a regular file of ours")
        try:
            fd = os.open(name, flags, dir_fd=self._directory_fd)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                raise damaged from None
            raise
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                raise damaged
            if found.st_size > LARGEST:
                raise Error(f"{self.path}/{name}: damaged: more than {LARGEST} bytes")
            parts = []
            while part := os.read(fd, 1 << 20):
                parts.append(part)
            return b"".join(parts)
        finally:
            os.close(fd)

    def write(self, name: str, content: bytes) -> None:
        """Put *content* in place of the file."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        fd = os.open(f".{name}", flags, 0o600, dir_fd=self._directory_fd)
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(fd, view) :]
        finally:
            os.close(fd)
        os.rename(f".{name}", name, src_dir_fd=self._directory_fd, dst_dir_fd=self._directory_fd)

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        try:
            os.stat(name, dir_fd=self._directory_fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def unlink(self, name: str) -> None:
        """Remove a file; a missing one is removed already."""
        try:
            os.unlink(name, dir_fd=self._directory_fd)
        except FileNotFoundError:
            pass
        except IsADirectoryError:
            os.rmdir(name, dir_fd=self._directory_fd)

    def make_fifo(self, name: str) -> str:
        """A fifo for the owner alone; its path."""
        os.mkfifo(name, 0o600, dir_fd=self._directory_fd)
        return f"{self.path}/{name}"

    # ---- what the files say

    def record(self) -> Record:
        """The record."""
        try:
            document = decode(
                self.read("record.json"), name=f"{self.path}/record.json", surrogates=True
            )
            if isinstance(document, dict):
                return record_of(document)
        except FileNotFoundError as error:
            raise Error(f"{self.path}/record.json: no record of a container ({error!r})") from None
        except OSError as error:
            # It may well be there: "there is none" is no answer to that.
            raise KernelError(f"read({self.path}/record.json)", error.errno or 0) from None
        except (KeyError, TypeError, ValueError) as error:
            raise Error(f"{self.path}/record.json: no record of a container ({error!r})") from None
        raise Error(f"{self.path}/record.json: no record of a container")

    def is_begun(self) -> bool:
        """Whether there is nothing of a container yet: its create ended before the record was written, which is before
        anything else is made."""
        return not any(self.exists(name) for name in ("record.json", "init", "steps"))

    def settled_record(self) -> Record:
        """The record, by one who has no lock: a container that is only being made, or has just been deleted, is none yet."""
        try:
            return self.record()
        except KernelError:
            raise
        except Error:
            if not self._lock(fcntl.LOCK_SH) or self.is_removed() or self.is_begun():
                raise NotFound("container does not exist") from None
            return self.record()  # Nobody is at it: what is missing now is missing.

    def write_record(self, record: Record) -> None:
        """Write it down."""
        self.write("record.json", encode(record.document()))

    def init(self) -> Init | None:
        """Init as it was when the container was created; None before that."""
        try:
            pid, start_time, boot_id = self.read("init").decode("ascii").split()
            init = Init(int(pid), int(start_time), boot_id)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise KernelError(f"read({self.path}/init)", error.errno or 0) from None
        except ValueError:
            raise Error(f"{self.path}/init: damaged") from None
        if not 0 < init.pid < 2**31 or init.start_time < 0:
            raise Error(f"{self.path}/init: damaged")
        return init

    def write_init(self, init: Init) -> None:
        """The container is created."""
        self.write("init", b"%d %d %s\n" % (init.pid, init.start_time, init.boot_id.encode()))

    def status(self, *, locked: bool) -> str:
        """The status but for "paused", which is the cgroup's to say. *locked*: we hold the lock ourselves."""
        init = self.init()
        if init is None:
            stopped = locked or self.exists("ended") or self._lock(fcntl.LOCK_SH)
            return status.STOPPED if stopped else status.CREATING
        flags = init.flags()
        if flags is None:
            return status.STOPPED
        # The kernel's word: a `start` that is killed half-way leaves files that say something else.
        return status.CREATED if flags & PF_FORKNOEXEC else status.RUNNING

    def _lock(self, how: int) -> bool:
        try:
            fcntl.flock(self._directory_fd, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def try_lock(self) -> bool:
        """Take the exclusive lock if nobody has it."""
        return self._lock(fcntl.LOCK_EX)

    def lock(self, *, end_holder: bool = False) -> None:
        """Wait for the exclusive lock, then see that the container was not deleted meanwhile.

        Not for ever: whoever holds it longer is named, or ended if *end_holder*, with the hook that it waits for.
        """
        if not self.try_lock():
            from pyruntime.container.locks import wait_for_lock

            wait_for_lock(self._directory_fd, end_holder=end_holder)
        if self.is_removed():
            raise NotFound("container does not exist")

    def is_removed(self) -> bool:
        """Whether the directory has gone since it was opened."""
        return os.fstat(self._directory_fd).st_nlink == 0

    def remove(self) -> None:
        """Remove the directory and all that is in it.

        Whoever ends us in between leaves a stopped container with all that `delete` needs, or none (`is_begun`).
        """
        if self.exists("init"):
            os.rename("init", "ended", src_dir_fd=self._directory_fd, dst_dir_fd=self._directory_fd)
        for name in sorted(
            os.listdir(self._directory_fd), key=lambda n: LAST.index(n) if n in LAST else -1
        ):
            self.unlink(name)
        os.rmdir(self.path)


def create(root: str, id: str) -> Container:
    """Take the id: a new directory, locked."""
    check_id(id)
    ensure_root(root)
    try:
        _make(root, id)
    except FileExistsError:
        raise AlreadyExists("container with given ID already exists") from None
    except OSError as error:
        raise KernelError(f"mkdir({root}/{id})", error.errno or 0) from None
    # Another create may have taken the empty directory for one that had been left behind, and have made its own in its place.
    exists = AlreadyExists("container with given ID already exists")
    try:
        container = Container(root, id, _open_directory(f"{root}/{id}"))
        container.lock()
    except (FileNotFoundError, NotFound):
        raise exists from None
    if not container.is_begun():
        container.close()
        raise exists
    return container


def _make(root: str, id: str) -> None:
    """A new directory, also in place of what a create that was killed has left before it made anything."""
    path = f"{root}/{id}"
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        try:
            left = Container(root, id, _open_directory(path))
        except OSError:
            raise FileExistsError from None
        with left:
            # One that has been removed meanwhile is nobody's: what has its name now is another's.
            if not left.try_lock() or left.is_removed() or not left.is_begun():
                raise FileExistsError from None
            left.remove()
        os.mkdir(path, 0o700)


def find(root: str, id: str, *, lock: bool = False, end_holder: bool = False) -> Container:
    """The container called *id*, or NotFound. *end_holder*: as in `Container.lock`."""
    check_id(id)
    check_root(root)
    try:
        container = Container(root, id, _open_directory(f"{root}/{id}"))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise NotFound("container does not exist") from None
        raise KernelError(f"open({root}/{id})", error.errno or 0) from None
    if lock:
        try:
            container.lock(end_holder=end_holder)
        except BaseException:
            container.close()
            raise
    return container


def ids(root: str) -> list[str]:
    """Every id, sorted; a missing root has none."""
    check_root(root)
    try:
        names = os.listdir(root)
    except FileNotFoundError:
        return []
    # What else is there (the cache of filters) has a name that no id can have.
    return sorted(n for n in names if ID_LETTERS.issuperset(n) and os.path.isdir(f"{root}/{n}"))


def _open_directory(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def ensure_root(root: str) -> None:
    """The state root: ours alone, since who can write there decides what later commands kill and remove.

    Missing parents get the ordinary mode, whatever the umask: a caller's 0 would let everybody replace the root.
    """
    try:
        # Sticky: below XDG_RUNTIME_DIR what is not is removed when it is some hours old. XDG Base Directory Specification.
        umask = os.umask(0o022)
        try:
            os.makedirs(root, 0o1700, exist_ok=True)
        finally:
            os.umask(umask)
    except OSError as error:
        raise KernelError(f"mkdir({root})", error.errno or 0) from None
    check_root(root)


def check_root(root: str) -> None:
    """Nobody else may write there: root's `delete --force` would run the hooks that a user has put into it. A missing one is right."""
    try:
        found = os.stat(root)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise KernelError(f"stat({root})", error.errno or 0) from None
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise Error(f"{root}: a state root that others may write is not used")
