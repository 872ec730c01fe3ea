"""ps: the processes of a container, as the host's ps shows them, or as a JSON list of pids."""

from __future__ import annotations

import os

from pyruntime.commands._common import write
from pyruntime.container import interrupts, own_cgroups, store
from pyruntime.errors import Error, reason
from pyruntime.spec.load import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.cli.parse import Call

SECONDS = 10
LARGEST = 64 << 20


def run(call: Call) -> int:
    """Print them."""
    id, *arguments = call.arguments
    with store.find(call.globals["root"], id) as container:
        record = container.settled_record()
        own_cgroups.check(record, "list processes")
        cgroup = own_cgroups.cgroup_for(record)
        if not cgroup.paths:
            raise Error("the container has no cgroup, so its processes are not known")
        pids = cgroup.processes()
    if call.options["format"] == "json":
        write(encode(sorted(pids) or None).decode() + "\n")
        return 0
    lines = _ps(arguments or ["-ef"]).split("\n")
    columns = lines[0].split()
    if "PID" not in columns:
        raise Error(f"couldn't find PID field in the output of ps: {lines[0]}")
    column = columns.index("PID")
    wanted = set(map(str, pids))
    shown = [line for line in lines[1:] if line and line.split()[column] in wanted]
    write("\n".join([lines[0], *shown]) + "\n")
    return 0


def _ps(arguments: list[str]) -> str:
    read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
    path = os.environ.get("PATH") or "/usr/sbin:/usr/bin:/sbin:/bin"
    try:
        pid = os.posix_spawnp(
            "ps",
            ["ps", *arguments],
            dict(os.environ, PATH=path),
            file_actions=[(os.POSIX_SPAWN_DUP2, write_fd, 1)],
        )
    except OSError as error:
        os.close(read_fd)
        raise Error(f"ps: {reason(error.errno or 0)}") from None
    finally:
        os.close(write_fd)
    pid_fd = os.pidfd_open(pid)
    try:
        text = _output(read_fd, pid_fd)
    except BaseException:
        os.kill(pid, 9)  # our child, not yet waited for: the pid is its own
        os.waitpid(pid, 0)
        raise
    finally:
        os.close(read_fd)
        os.close(pid_fd)
    if os.waitpid(pid, 0)[1]:
        raise Error(f"ps {' '.join(arguments)}: it failed")
    return text.decode("utf-8", "surrogateescape")


def _output(fd: int, pid_fd: int) -> bytes:
    """All that the program prints, which is not ours: of a limited size, within a limited time."""
    from time import monotonic

    text = bytearray()
    end = monotonic() + SECONDS
    while interrupts.wait(fd, max(0, end - monotonic())):
        data = os.read(fd, 65536)
        if not data and interrupts.wait(pid_fd, max(0, end - monotonic())):
            return bytes(text)
        if not data:
            break
        text += data
        if len(text) > LARGEST:
            raise Error(f"ps: its output is longer than {LARGEST >> 20} MiB")
    raise Error(f"ps: it did not end within {SECONDS} s")
