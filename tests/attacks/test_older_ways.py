"""What an older kernel lacks is done in another way, and never in a weaker one.

At c4f41aa a path without openat2(2) was looked up by name: a link on the way to a cgroup was followed, and a file that another file of
procfs had been mounted over was written. And after the pivot mount(2) was given paths below the container's own /proc.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import requires
from support.config import Config
from support.container import MakeContainer
from support.runtime import Runtime

pytestmark = pytest.mark.ours

CALLS = pytest.mark.parametrize("missing", [(), ("openat2",)], ids=["openat2", "no openat2"])

SCRIPT = """
import errno, json, os, sys
from pathlib import Path
import pyruntime
from pyruntime import where
from pyruntime.container.executor import Executor
from pyruntime.plan import ops
from pyruntime.plan.step import ENTRY, Plan, Step
from pyruntime.plan.wire import encode

where.directory = str(Path(pyruntime.__path__[0]).parent)
name, *args = json.loads(sys.argv[1])
plan = Plan()
end = [ops.find_executable("true", "/bin", capable=False), ops.exec(["true"], [])]
plan += [Step(ENTRY, op) for op in (ops.open_proc(), getattr(ops, name)(*args), *end)]
executor = Executor()
executor.begin(encode(plan)[0])
record = executor.next()
executor.close()
executor.reap()
print("done" if record is None else errno.errorcode[record[2]])
"""


def carried_out(deny: Path, missing: tuple[str, ...], *op: object, before: str = ":") -> str:
    """What becomes of one op, in namespaces of its own after *before* has been done there."""
    inner = [sys.executable, "-P", "-c", SCRIPT, json.dumps(op)]
    if missing:
        inner = [str(deny), *missing, "--", *inner]
    command = ["unshare", "--mount", "--uts", "sh", "-c", f'{before} && exec "$@"', "sh", *inner]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@requires.root
@CALLS
def test_a_link_on_the_way_to_a_cgroup_is_not_followed(
    deny_binary: Path, missing: tuple[str, ...], cgroup_parent: str, tmp_path: Path
) -> None:
    cgroups = Path("/sys/fs/cgroup")
    directory = next(p for p in [cgroups / "pids", cgroups] if (p / "cgroup.procs").exists())
    (tmp_path / "link").symlink_to(directory.parent)
    there, linked = str(directory), f"{tmp_path}/link/{directory.name}"
    flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW

    assert carried_out(deny_binary, missing, "open_cgroup", 0, there, flags) == "done"
    assert carried_out(deny_binary, missing, "open_cgroup", 0, linked, flags) == "ELOOP"
    file = ("open_cgroup", 0, f"{there}/cgroup.procs", os.O_WRONLY)
    assert carried_out(deny_binary, missing, *file) == "done"


@requires.root
@CALLS
def test_a_file_of_procfs_over_another_one_is_not_written(
    deny_binary: Path, missing: tuple[str, ...]
) -> None:
    """CVE-2025-52881: the type of the file system says nothing."""
    name = "/proc/sys/kernel/hostname"
    over = f"mount --bind {name} /proc/sys/kernel/domainname"
    op = ("write_proc", "sys/kernel/domainname", "somewhere")

    assert carried_out(deny_binary, missing, *op) == "done"
    assert carried_out(deny_binary, missing, *op, before=over) == "EXDEV"
    assert carried_out(deny_binary, missing, "write_proc", "self/oom_score_adj", "1") == "done"


@pytest.mark.parametrize("option", ["ro", "rw"])
def test_the_images_own_proc_leads_no_mount_astray(
    container: MakeContainer, config: Config, runtime: Runtime, deny_binary: Path, option: str
) -> None:
    """After the pivot /proc is the image's: what it calls descriptors are links to another mount."""
    api = ("open_tree", "move_mount", "fsopen", "fsmount", "fsconfig", "mount_setattr")
    runtime.prefix = [str(deny_binary), *api, "--"]
    tmpfs = {"type": "tmpfs", "source": "tmpfs"}
    config["mounts"] = [
        {"destination": "/real", "options": [option], **tmpfs},
        {"destination": "/decoy", **tmpfs},
    ]
    for name in ("maskedPaths", "readonlyPaths"):
        config["linux"].pop(name, None)
    c = container(config, "touch", "/real/x", ";", "touch", "/decoy/x")
    links = c.rootfs / "proc" / "self" / "fd"
    links.mkdir(parents=True)
    for number in range(64):
        (links / str(number)).symlink_to("/decoy")

    real, decoy = c.run(expect=None).sections

    assert ("EROFS" in real) == (option == "ro")
    assert "EROFS" not in decoy
