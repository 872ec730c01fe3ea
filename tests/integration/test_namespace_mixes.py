"""Each pair of namespace types in each pair of states: new, joined by path, the runtime's own."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import requires
from support import namespaces
from support.config import Config, bind, drop_mount, mount
from support.container import MakeContainer
from support.wait import wait_for_exit, wait_until

pytestmark = [
    requires.as_root("runs a container without a user namespace"),
    requires.time_namespaces,
    requires.cgroup_namespaces,
    pytest.mark.deviates(runc="time namespaces came with 1.2; no /sys of a namespace of others"),
]

TYPES = ("user", "network", "pid", "ipc", "uts", "cgroup", "time")
NEW, JOINED, OWN = range(3)
NAMES = ("new", "joined", "own")

# Columns that are pairwise independent over the three digits: 27 rows have each pair of types in each pair of states.
COLUMNS = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1))
ROWS = [
    tuple(sum(a * b for a, b in zip(column, digits, strict=True)) % 3 for column in COLUMNS)
    for digits in itertools.product(range(3), repeat=3)
]


def test_the_rows_have_every_pair() -> None:
    for first, second in itertools.combinations(range(len(TYPES)), 2):
        assert len({(row[first], row[second]) for row in ROWS}) == 9


@contextmanager
def holder() -> Iterator[int]:
    """A process in namespaces of all types, the user namespace being the owner of the others."""
    flags = "--user --map-root-user --net --pid --fork --kill-child --ipc --uts --cgroup --time"
    process = subprocess.Popen(["unshare", *flags.split(), "sleep", "600"])
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    try:
        child = int(wait_until(lambda: children.read_text(), "the child of unshare"))
        wait_until(lambda: "sleep" in Path(f"/proc/{child}/comm").read_text(), "its program")
        yield child
    finally:
        process.kill()
        process.wait()
        wait_for_exit(child)


def configure(config: Config, row: tuple[int, ...], pid: int) -> None:
    states = dict(zip(TYPES, row, strict=True))
    config["linux"]["namespaces"] = [{"type": "mount"}] + [
        {"type": kind}
        if state == NEW
        else {"type": kind, "path": f"/proc/{pid}/ns/{namespaces.file_of(kind)}"}
        for kind, state in states.items()
        if state != OWN
    ]
    drop_mount(config, "/dev/mqueue", "/dev/pts", "/sys", "/sys/fs/cgroup")
    config["mounts"].append(mount("/sys", "sysfs", "sysfs", "ro", "nosuid", "nodev", "noexec"))
    if states["uts"] == OWN:
        del config["hostname"]
    if states["user"] == NEW:
        for maps in ("uidMappings", "gidMappings"):
            config["linux"][maps] = [{"containerID": 0, "hostID": 0, "size": 1}]
        if states["pid"] == JOINED:
            # The owner of that pid namespace is another: nobody can mount its proc in the container.
            drop_mount(config, "/proc")
            config["linux"]["maskedPaths"] = config["linux"]["readonlyPaths"] = []
    if states["time"] == NEW:
        config["linux"]["timeOffsets"] = {"boottime": {"secs": 7000}}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(NAMES[state] for state in row))
def test_every_type_is_as_configured(
    container: MakeContainer, config: Config, row: tuple[int, ...]
) -> None:
    with holder() as pid:
        configure(config, row, pid)
        c = container(config, "pause")
        c.detach()
        try:
            for kind, state in zip(TYPES, row, strict=True):
                found = namespaces.inode(c.init_pid, kind)
                ours, theirs = namespaces.inode("self", kind), namespaces.inode(pid, kind)
                wanted = {JOINED: {theirs}, OWN: {ours}}.get(state, {found} - {ours, theirs})
                assert found in wanted, f"{kind} is not {NAMES[state]}"
            if row[TYPES.index("time")] == NEW:
                offsets = Path(f"/proc/{c.init_pid}/timens_offsets").read_text().split()
                assert offsets[-3:] == ["boottime", "7000", "0"]
            assert c.exec("id").stdout.startswith("uid=0,0,0")
            assert os.path.isdir(f"/proc/{c.init_pid}")
        finally:
            c.delete("--force")
            wait_for_exit(c.init_pid)


@requires.kernel(6, 3)  # The source is on a tmpfs, which can be idmapped since then.
def test_idmap_without_maps_means_those_of_the_user_namespace_that_is_joined(
    container: MakeContainer, config: Config, work: Path
) -> None:
    source = work / "source"
    source.mkdir()
    (source / "file").write_text("")
    os.chown(source / "file", 7, 7)
    process = subprocess.Popen(["unshare", "--user", "sleep", "600"])
    try:
        own = namespaces.inode("self", "user")
        wait_until(lambda: namespaces.inode(process.pid, "user") != own, "the namespace")
        for kind in ("uid_map", "gid_map"):
            Path(f"/proc/{process.pid}/{kind}").write_text("0 100000 10")
        path = {"type": "user", "path": f"/proc/{process.pid}/ns/user"}
        config["linux"]["namespaces"].append(path)
        drop_mount(config, "/dev/pts")
        config["mounts"].append(bind(source, "/mnt", "bind", "idmap"))
        c = container(config, "stat", "/mnt/file")
        for each in (c.rootfs, *c.rootfs.rglob("*")):
            os.chown(each, 100000, 100000, follow_symlinks=False)

        assert "uid=7 gid=7" in c.run().stdout
    finally:
        process.kill()
        process.wait()
