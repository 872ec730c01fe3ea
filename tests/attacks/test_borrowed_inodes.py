"""What a container sees of the host's inodes without having been given them: masks, and devices that are bound.

It may look, and open a device; owner, mode, times, attributes, size and name are the host's. At c4f41aa a mask of a file
was the host's /dev/null without any attribute: `chmod` and `utimensat` of /proc/keys succeeded, and changed the host's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import requires
from support.config import Config, add_user_namespace, all_capabilities, bind
from support.container import MakeContainer
from support.runtime import Runtime

pytestmark = [pytest.mark.root, requires.as_root("reads and restores the host's devices")]

DEVICES = [f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty")]
MASKED_FILES = ["/proc/keys", "/proc/timer_list", "/proc/version"]
REFUSED = {"EROFS", "EPERM", "EACCES", "EBUSY", "ENOTSUP", "EOPNOTSUPP", "EINVAL", "ENOENT"}

OLD = ("fsopen", "fsconfig", "fsmount", "open_tree", "move_mount", "mount_setattr")


def _inode(path: str) -> tuple[object, ...]:
    st = os.stat(path)
    attributes = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    return st.st_ino, st.st_mode, st.st_uid, st.st_gid, st.st_mtime_ns, st.st_nlink, attributes


@pytest.fixture
def hosts() -> Iterator[dict[str, tuple[object, ...]]]:
    """The host's devices as they are; whatever the test finds, they are so again after it."""
    before = {path: os.stat(path) for path in DEVICES}
    yield {path: _inode(path) for path in DEVICES}
    for path, st in before.items():
        if _inode(path)[1:5] != (st.st_mode, st.st_uid, st.st_gid, st.st_mtime_ns):
            os.chown(path, st.st_uid, st.st_gid)
            os.chmod(path, st.st_mode & 0o7777)
            os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))


@pytest.fixture(params=[False, True], ids=["privileged", "user namespace"])
def powerful(request: pytest.FixtureRequest, config: Config) -> Config:
    """A container whose root has every capability there is."""
    if request.param:
        add_user_namespace(config)
    all_capabilities(config)
    return config


@pytest.fixture(params=[(), OLD], ids=["new calls", "mount(2) alone"])
def kernel(request: pytest.FixtureRequest, runtime: Runtime, deny_binary: Path) -> None:
    if request.param:
        runtime.prefix = [str(deny_binary), *request.param, "--"]


@pytest.mark.usefixtures("kernel")
def test_no_inode_of_the_host_is_changed_through_a_mask(
    container: MakeContainer, powerful: Config, hosts: dict[str, tuple[object, ...]]
) -> None:
    powerful["linux"]["maskedPaths"] = MASKED_FILES
    commands = " ; ".join(f"tamper {path}" for path in MASKED_FILES)

    result = container(powerful, *commands.split()).run(expect=None)

    answers = [line.split()[-1] for section in result.sections for line in section.splitlines()]
    assert len(answers) == 10 * len(MASKED_FILES), str(result)
    assert not set(answers) - REFUSED - {"ok"}, str(result)
    # truncate(2) of a device is no change; everything else is refused.
    assert [line for line in result.lines if line.endswith(" ok")] == [], str(result)
    assert {path: _inode(path) for path in DEVICES} == hosts


def test_no_inode_of_the_host_is_changed_through_a_device(
    container: MakeContainer, powerful: Config, hosts: dict[str, tuple[object, ...]]
) -> None:
    # Without a user namespace the nodes are the container's own, and its root may do as it likes.
    commands = " ; ".join(f"tamper {path}" for path in DEVICES)

    container(powerful, *commands.split()).run(expect=None)

    assert {path: _inode(path) for path in DEVICES} == hosts


@pytest.mark.usefixtures("kernel")
def test_a_mask_is_mounted_so_that_nothing_but_the_device_works(
    container: MakeContainer, powerful: Config
) -> None:
    powerful["linux"]["maskedPaths"] = MASKED_FILES
    c = container(powerful, "pause")
    c.detach()

    masks = [m for m in c.mounts() if m.at in MASKED_FILES]

    assert {m.at for m in masks} == set(MASKED_FILES)
    for each in masks:
        assert {"ro", "nosuid", "noexec"} <= each.options, each
        assert not each.propagation, each


def test_a_device_bound_in_a_user_namespace_is_not_noexec(
    container: MakeContainer, config: Config
) -> None:
    # A private mapping of /dev/zero that may be executed is how some programs get such memory.
    add_user_namespace(config)

    assert container(config, "map-executable", "/dev/zero").run().sections == ["ok"]


def _own_node(work: Path) -> Path:
    node = work / "node"
    os.mknod(node, 0o20600, os.makedev(1, 9))
    os.chown(node, 5, 5)
    return node


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("place", ["/dev/random", "/dev/null", "/dev/full", "/dev/ptmx"])
def test_what_is_mounted_on_a_default_device_stays_and_keeps_its_owner(
    container: MakeContainer, powerful: Config, work: Path, place: str
) -> None:
    # At c4f41aa create ended with EEXIST, or gave the mounted node to root with mode 0666.
    node = _own_node(work)
    powerful["mounts"].append(bind(node, place))
    c = container(powerful, "pause")

    c.detach()

    st, there = os.stat(node), os.stat(f"/proc/{c.pid}/root{place}")
    assert (there.st_dev, there.st_ino) == (st.st_dev, st.st_ino)
    assert (st.st_mode, st.st_uid, st.st_gid) == (0o20600, 5, 5)


@pytest.mark.usefixtures("kernel")
def test_a_file_can_be_mounted_on_a_default_device(
    container: MakeContainer, powerful: Config, work: Path
) -> None:
    (work / "name").write_text("a name\n")
    powerful["mounts"].append(bind(work / "name", "/dev/full"))

    assert container(powerful, "cat", "/dev/full").run().stdout == "a name\n"


def test_nodes_of_the_image_are_not_given_to_anybody(
    container: MakeContainer, config: Config
) -> None:
    config["mounts"] = [m for m in config["mounts"] if not m["destination"].startswith("/dev")]
    c = container(config, "true")
    node = c.rootfs / "dev/null"
    os.mknod(node, 0o20640, os.makedev(1, 3))
    os.chown(node, 7, 8)

    c.run(expect=None)

    st = os.stat(node)
    assert (st.st_mode, st.st_uid, st.st_gid) == (0o20640, 7, 8)


def test_a_read_only_root_without_a_mount_namespace_is_refused_with_its_place(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["namespaces"] = [
        each for each in config["linux"]["namespaces"] if each["type"] != "mount"
    ]
    config["mounts"] = []
    config["linux"].update(maskedPaths=[], readonlyPaths=[])
    config["root"]["readonly"] = True

    assert "/root/readonly" in container(config).refuses("create")
