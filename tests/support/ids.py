"""Who runs the tests: the host's root, or a user with subordinate ids."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path
from typing import Any

PRIVILEGED = os.geteuid() == 0


def subordinate(kind: str) -> tuple[int, int]:
    """The first range of this user in /etc/subuid or /etc/subgid: its beginning and size; (0, 0) if there is none."""
    names = {str(os.getuid()), pwd.getpwuid(os.getuid()).pw_name}
    file = Path(f"/etc/sub{kind}")
    for line in file.read_text().splitlines() if file.exists() else ():
        name, first, size = line.split(":")
        if name in names:
            return int(first), int(size)
    return 0, 0


def maps(kind: str) -> list[dict[str, Any]]:
    """The mappings of a container of this user: 0 is the user, 1 and up are the subordinate ids."""
    own = os.getuid() if kind == "uid" else os.getgid()
    found = [{"containerID": 0, "hostID": own, "size": 1}]
    first, size = subordinate(kind)
    if size:
        found.append({"containerID": 1, "hostID": first, "size": size})
    return found


def chown(path: Path, uid: int, gid: int) -> None:
    """To ids of the host; an ordinary user may give away what is the user's, to the user's subordinate ids."""
    if PRIVILEGED:
        os.lchown(path, uid, gid)
        return
    inside = [_inside("uid", uid), _inside("gid", gid)]
    as_all = ["unshare", "--map-root-user", "--map-auto"]
    subprocess.run([*as_all, "chown", "-h", ":".join(map(str, inside)), path], check=True)


def _inside(kind: str, host: int) -> int:
    for entry in maps(kind):
        if entry["hostID"] <= host < entry["hostID"] + entry["size"]:
            return int(entry["containerID"] + host - entry["hostID"])
    raise ValueError(f"{kind} {host} is none of this user's")
