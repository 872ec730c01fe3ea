"""A resctrl file system for machines that have none: the interface of its files, by FUSE, without the hardware.

    python resctrl.py DIRECTORY

What resctrl does to a runtime is here: directories come with their files and go with them, a write is one line of one
resource, masks are made of ones side by side, a task is in one class, and in a monitoring group of that class only,
the numbers of both are limited, and info/last_cmd_status has the reason of a refusal. (On this machine's kernel the
file system's type is "fuse", so the tests tell the runtime where it is.)

What was done is in the file `log` at the top, which resctrl does not have: a line an operation, in its order.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import sys
from collections.abc import Callable
from pathlib import Path

CLASSES, MONITORS = 4, 4
INFO = {"info": ["last_cmd_status", "MB"], "info/MB": ["bandwidth_gran"]}
WIDTH = 0xFF

# linux/fuse.h
LOOKUP, FORGET, GETATTR, SETATTR, MKDIR, RMDIR, OPEN, READ, WRITE = 1, 2, 3, 4, 9, 11, 14, 15, 16
RELEASE, FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, INTERRUPT, BATCH_FORGET = (
    18, 25, 26, 27, 28, 29, 36, 42,
)  # fmt: skip
REQUEST = struct.Struct("=IIQQIIII")
ATTR = struct.Struct("=QQQQQQIIIIIIIIII")
FOPEN_DIRECT_IO = 1


class Refused(Exception):
    """With an errno, and words for last_cmd_status."""

    def __init__(self, number: int, words: str = "") -> None:
        super().__init__(number, words)
        self.number = number
        self.words = words


class Group:
    """A class of service, or a monitoring group in one."""

    def __init__(self, above: Group | None) -> None:
        self.above = above
        self.tasks: set[int] = set()
        self.schemata = {"L3": {"0": WIDTH, "1": WIDTH}, "MB": {"0": 100, "1": 100}}


class Resctrl:
    """The state, and what the operations on paths do to it. Nothing here knows FUSE."""

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {"": Group(None)}
        self.status = "ok"
        self.log: list[str] = []

    def entries(self, path: str) -> list[str]:
        """The names in a directory."""
        below = [os.path.basename(p) for p in self.groups if p and os.path.dirname(p) == path]
        if path in self.groups:
            files = ["tasks"] if self.groups[path].above else ["tasks", "schemata", "mon_groups"]
            return [*files, *below, *([] if path else ["info", "log"])]
        if path in INFO:
            return INFO[path]
        above = os.path.dirname(path)
        if os.path.basename(path) == "mon_groups" and above in self.groups:
            return below
        raise Refused(errno.ENOTDIR)

    def is_directory(self, path: str) -> bool:
        """Refused(ENOENT) if it is nothing."""
        if path in self.groups or path in INFO:
            return True
        above, name = os.path.split(path)
        try:
            known = name in self.entries(above)
        except Refused:
            known = False
        if not known:
            raise Refused(errno.ENOENT)
        return name == "mon_groups"

    def mkdir(self, path: str) -> None:
        above = os.path.dirname(path)
        monitoring = os.path.basename(above) == "mon_groups"
        if not monitoring and above:
            raise Refused(errno.EPERM)
        kind = [g for g in self.groups.values() if (g.above is not None) == monitoring]
        if len(kind) >= (MONITORS if monitoring else CLASSES):
            raise Refused(errno.ENOSPC, "Out of RMIDs" if monitoring else "Out of CLOSIDs")
        self.groups[path] = Group(self.groups[os.path.dirname(above)] if monitoring else None)

    def rmdir(self, path: str) -> None:
        if path not in self.groups or not path:
            raise Refused(errno.EPERM)
        for one in [p for p in self.groups if p == path or p.startswith(path + "/")]:
            gone = self.groups.pop(one)
            if gone.above is None:
                self.groups[""].tasks |= gone.tasks

    def read(self, path: str) -> str:
        above, name = os.path.split(path)
        if name == "last_cmd_status":
            return self.status + "\n"
        if name == "bandwidth_gran":
            return "10\n"
        if name == "log":
            return "".join(line + "\n" for line in self.log)
        group = self.groups[above]
        if name == "tasks":
            alive = sorted(pid for pid in group.tasks if os.path.exists(f"/proc/{pid}"))
            return "".join(f"{pid}\n" for pid in alive)
        masks = ";".join(f"{d}={v:02x}" for d, v in group.schemata["L3"].items())
        parts = ";".join(f"{d}={v:3}" for d, v in group.schemata["MB"].items())
        return f"    MB:{parts}\n    L3:{masks}\n"

    def write(self, path: str, text: str) -> None:
        above, name = os.path.split(path)
        if name == "tasks":
            self._write_task(self.groups[above], text)
        elif name == "schemata":
            self._write_schemata(self.groups[above], text)
        else:
            raise Refused(errno.EACCES)

    def _write_task(self, group: Group, text: str) -> None:
        pid = int(text)
        if not os.path.exists(f"/proc/{pid}"):
            raise Refused(errno.ESRCH, f"No task {pid}")
        if group.above is not None and pid not in group.above.tasks:
            raise Refused(errno.EINVAL, "Can't move task to different control group")
        for other in self.groups.values():
            if (other.above is None) == (group.above is None):
                other.tasks.discard(pid)
        group.tasks.add(pid)

    def _write_schemata(self, group: Group, text: str) -> None:
        if not text.endswith("\n"):
            raise Refused(errno.EINVAL)
        for line in text.splitlines():
            name, _, domains = line.partition(":")
            if name not in group.schemata:
                raise Refused(errno.EINVAL, f"Unknown or unsupported resource name '{name}'")
            for domain, _, value in (part.partition("=") for part in domains.split(";")):
                if domain not in group.schemata[name]:
                    raise Refused(errno.EINVAL, f"Bad domain {domain}")
                group.schemata[name][domain] = self._number(name, value)

    @staticmethod
    def _number(name: str, value: str) -> int:
        number = int(value, 16 if name == "L3" else 10)
        if name == "L3":
            ones = f"{number:b}".strip("0")
            if number == 0 or number > WIDTH or "0" in ones:
                raise Refused(errno.EINVAL, f"The mask {value} has non-consecutive 1-bits")
            return number
        if not 10 <= number <= 100:
            raise Refused(errno.EINVAL, f"MB value {number} out of range [10,100]")
        return -(-number // 10) * 10


class Server:
    """FUSE requests to operations on paths."""

    def __init__(self, fd: int, files: Resctrl) -> None:
        self.fd = fd
        self.files = files
        self.paths = {1: ""}
        self.nodes = {"": 1}
        self.handlers: dict[int, Callable[[str, bytes], bytes]] = {
            INIT: lambda _p, _b: struct.pack("=IIIIHHIIHHI28x", 7, 19, 65536, 0, 8, 8, 65536, 1, 0, 0, 0),
            LOOKUP: lambda p, b: self._entry(self._below(p, b)),
            GETATTR: lambda p, _b: struct.pack("=QII", 0, 0, 0) + self._attr(p),
            SETATTR: lambda p, _b: struct.pack("=QII", 0, 0, 0) + self._attr(p),
            MKDIR: self._mkdir,
            RMDIR: self._rmdir,
            OPEN: lambda _p, _b: struct.pack("=QII", 0, FOPEN_DIRECT_IO, 0),
            OPENDIR: lambda _p, _b: struct.pack("=QII", 0, 0, 0),
            READ: self._read,
            WRITE: self._write,
            READDIR: self._readdir,
        }  # fmt: skip

    def serve(self) -> None:
        """Until it is unmounted."""
        while True:
            try:
                data = os.read(self.fd, 1 << 18)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                continue  # the request was taken back
            _, code, unique, node, *_ = REQUEST.unpack_from(data)
            if code in (FORGET, BATCH_FORGET, INTERRUPT):
                continue
            number, content = self._do(code, self.paths.get(node, ""), data[REQUEST.size :])
            os.write(self.fd, struct.pack("=IiQ", 16 + len(content), -number, unique) + content)

    def _do(self, code: int, path: str, body: bytes) -> tuple[int, bytes]:
        if code in (RELEASE, RELEASEDIR, FLUSH):
            return 0, b""
        if code not in self.handlers:
            return errno.ENOSYS, b""
        try:
            return 0, self.handlers[code](path, body)
        except Refused as refused:
            if code in (MKDIR, WRITE):
                self.files.status = refused.words or "refused"
            return refused.number, b""
        except (ValueError, KeyError):
            return errno.EINVAL, b""

    def _below(self, path: str, body: bytes) -> str:
        name = body.split(b"\0")[0].decode()
        return f"{path}/{name}" if path else name

    def _attr(self, path: str) -> bytes:
        directory = self.files.is_directory(path) if path else True
        mode = stat.S_IFDIR | 0o755 if directory else stat.S_IFREG | 0o644
        node = self._node(path)
        return ATTR.pack(
            node, 0, 0, 0, 0, 0, 0, 0, 0, mode, 2 if directory else 1, 0, 0, 0, 4096, 0
        )

    def _node(self, path: str) -> int:
        if path not in self.nodes:
            self.nodes[path] = len(self.paths) + 1
            self.paths[self.nodes[path]] = path
        return self.nodes[path]

    def _entry(self, path: str) -> bytes:
        attr = self._attr(path)
        return struct.pack("=QQQQII", self._node(path), 0, 0, 0, 0, 0) + attr

    def _mkdir(self, path: str, body: bytes) -> bytes:
        target = self._below(path, body[8:])
        self.files.mkdir(target)
        self._done(f"mkdir {target}")
        return self._entry(target)

    def _rmdir(self, path: str, body: bytes) -> bytes:
        target = self._below(path, body)
        self.files.rmdir(target)
        # No number is given twice, as in kernfs.
        for one in [p for p in self.nodes if p == target or p.startswith(target + "/")]:
            self.paths[self.nodes.pop(one)] = one
        self._done(f"rmdir {target}")
        return b""

    def _read(self, path: str, body: bytes) -> bytes:
        offset, size = struct.unpack_from("=8xQI", body)
        return self.files.read(path).encode()[offset : offset + size]

    def _write(self, path: str, body: bytes) -> bytes:
        (size,) = struct.unpack_from("=16xI", body)
        text = body[40 : 40 + size].decode()
        self.files.write(path, text)
        # The pid changes from run to run.
        self._done(f"write {path}" + ("" if path.endswith("tasks") else f" {text.rstrip()}"))
        return struct.pack("=II", size, 0)

    def _done(self, what: str) -> None:
        self.files.status = "ok"
        self.files.log.append(what)

    def _readdir(self, path: str, body: bytes) -> bytes:
        (offset,) = struct.unpack_from("=8xQ", body)
        found = b""
        for number, name in enumerate([".", "..", *self.files.entries(path)], 1):
            if number > offset:
                raw = name.encode()
                entry = struct.pack("=QQII", 1000 + number, number, len(raw), 0) + raw
                found += entry.ljust(-(-len(entry) // 8) * 8, b"\0")
        return found


def main(directory: str) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from support import kernel

    fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other"
    kernel.mount("resctrl", directory, "fuse", 0, options)
    Server(fd, Resctrl()).serve()


if __name__ == "__main__":
    main(sys.argv[1])
