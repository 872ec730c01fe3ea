"""ps: the processes of a container, as the host's ps shows them, or as a JSON list of pids."""

from __future__ import annotations

import os

from pyruntime.commands._common import write
from pyruntime.container import lifecycle, store
from pyruntime.errors import Error, reason
from pyruntime.spec.load import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.cli.parse import Call


def run(call: Call) -> int:
    """Print them."""
    id, *arguments = call.arguments
    with store.find(call.globals["root"], id) as container:
        pids = lifecycle.cgroup_for(container.record()).processes()
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
    with open(read_fd, encoding="utf-8", errors="surrogateescape") as output:
        text = output.read()
    if os.waitpid(pid, 0)[1]:
        raise Error(f"ps {' '.join(arguments)}: it failed")
    return text
