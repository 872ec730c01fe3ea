"""Device nodes in /dev, and which devices the container may open."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

import requires
from support import ids
from support.config import Config, add_user_namespace, all_capabilities, drop_mount, on_host
from support.container import MakeContainer

NOBODY = 65534
NODES = requires.as_root("makes device nodes")
RULES = requires.as_root("restricts devices")
DEFAULT = {
    "null": "1:3",
    "zero": "1:5",
    "full": "1:7",
    "random": "1:8",
    "urandom": "1:9",
    "tty": "5:0",
}


@pytest.mark.parametrize(("name", "number"), DEFAULT.items())
def test_default_device_is_there_and_can_be_opened(
    container: MakeContainer, config: Config, name: str, number: str
) -> None:
    how = "ENXIO" if name == "tty" else "ok"  # There is no controlling terminal.

    result = container(config, "stat", f"/dev/{name}", ";", "open", f"/dev/{name}", "rw").run(
        expect=None
    )

    owner = 0 if ids.PRIVILEGED else NOBODY  # Of a node of the host that is bound.
    assert result.sections[0].startswith(f"type=char mode=0666 uid={owner} gid={owner}")
    assert f"rdev={number}" in result.sections[0]
    assert result.sections[1] == how


def test_ptmx_is_that_of_the_containers_devpts(container: MakeContainer, config: Config) -> None:
    result = container(
        config,
        "readlink",
        "/dev/ptmx",
        ";",
        "open",
        "/dev/ptmx",
        "rw",
        ";",
        "stat",
        "/dev/pts/ptmx",
    ).run()

    assert result.sections[0] in ("pts/ptmx", "/dev/pts/ptmx")
    assert result.sections[1] == "ok"
    assert "mode=0666" in result.sections[2]


def test_nothing_else_of_the_hosts_dev_is_there(container: MakeContainer, config: Config) -> None:
    names = set(container(config, "ls", "/dev").run().lines)

    allowed = {
        *DEFAULT,
        "ptmx",
        "pts",
        "shm",
        "mqueue",
        "fd",
        "stdin",
        "stdout",
        "stderr",
        "core",
        "console",
    }
    assert names <= allowed
    assert set(DEFAULT) <= names


def test_default_devices_ignore_the_callers_umask(container: MakeContainer, config: Config) -> None:
    c = container(config, "stat", "/dev/null")
    result = c.run(umask=0o777 if ids.PRIVILEGED else 0o077)

    assert "mode=0666" in result.stdout


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ({"type": "c", "major": 1, "minor": 5}, "type=char mode=0666 uid=0 gid=0 rdev=1:5"),
        ({"type": "u", "major": 1, "minor": 5}, "type=char mode=0666 uid=0 gid=0 rdev=1:5"),
        ({"type": "b", "major": 7, "minor": 200, "fileMode": 0o640}, "type=block mode=0640 uid=0 gid=0 rdev=7:200"),
        ({"type": "p", "fileMode": 0o604, "uid": 3, "gid": 4}, "type=fifo mode=0604 uid=3 gid=4 rdev=0:0"),
        ({"type": "c", "major": 1, "minor": 3, "fileMode": 0o460, "uid": 11, "gid": 22}, "type=char mode=0460 uid=11 gid=22 rdev=1:3"),
        ({"type": "c", "major": 4095, "minor": 1048575, "fileMode": 0}, "type=char mode=0000 uid=0 gid=0 rdev=4095:1048575"),
    ],
    ids=["char", "unbuffered", "block", "fifo", "owner", "large numbers"],
)  # fmt: skip
@NODES
@pytest.mark.parametrize("path", ["/dev/mine", "/dev/sub/dir/mine", "/outside/mine"])
def test_configured_node_is_made_as_described(
    container: MakeContainer, config: Config, device: dict[str, Any], expected: str, path: str
) -> None:
    config["linux"]["devices"] = [{"path": path, **device}]
    result = container(config, "stat", path).run()

    assert result.stdout.startswith(expected), result.stdout


@NODES
def test_configured_node_replaces_a_default_one(container: MakeContainer, config: Config) -> None:
    config["linux"]["devices"] = [
        {"path": "/dev/full", "type": "c", "major": 1, "minor": 7, "fileMode": 0o600}
    ]

    assert "mode=0600" in container(config, "stat", "/dev/full").run().stdout


@NODES
def test_configured_node_that_exists_and_matches_is_accepted(
    container: MakeContainer, config: Config
) -> None:
    drop_mount(config, "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
    config["linux"]["devices"] = [{"path": "/dev/mine", "type": "c", "major": 1, "minor": 5}]
    c = container(config, "stat", "/dev/mine")
    os.mknod(c.rootfs / "dev" / "mine", stat.S_IFCHR | 0o666, os.makedev(1, 5))

    assert "rdev=1:5" in c.run().stdout


@pytest.mark.deviates(runc="accepts whatever is there")
def test_configured_node_where_something_else_exists_is_an_error(
    container: MakeContainer, config: Config
) -> None:
    drop_mount(config, "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
    config["linux"]["devices"] = [{"path": "/dev/mine", "type": "c", "major": 1, "minor": 5}]
    c = container(config, "stat", "/dev/mine")
    (c.rootfs / "dev" / "mine").write_text("a file")

    assert "/dev/mine" in c.refuses("create")


@pytest.mark.deviates(runc="accepts whatever is there")
@pytest.mark.parametrize(
    ("kind", "number"),
    [
        pytest.param(stat.S_IFCHR, (1, 7), id="another number"),
        pytest.param(stat.S_IFBLK, (1, 5), id="another type"),
        pytest.param(stat.S_IFIFO, (0, 0), id="a fifo"),
    ],
)
@NODES
def test_configured_node_where_another_node_exists_is_an_error(
    container: MakeContainer, config: Config, kind: int, number: tuple[int, int]
) -> None:
    drop_mount(config, "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
    config["linux"]["devices"] = [{"path": "/dev/mine", "type": "c", "major": 1, "minor": 5}]
    c = container(config, "stat", "/dev/mine")
    os.mknod(c.rootfs / "dev" / "mine", kind | 0o666, os.makedev(*number))

    assert "/dev/mine" in c.refuses("create")


@NODES
def test_one_device_may_have_two_paths(container: MakeContainer, config: Config) -> None:
    config["linux"]["devices"] = [
        {"path": path, "type": "c", "major": 1, "minor": 5} for path in ("/dev/one", "/dev/two")
    ]

    result = container(config, "stat", "/dev/one", ";", "stat", "/dev/two").run()

    assert all("rdev=1:5" in section for section in result.sections)


def test_configured_node_through_a_symlink_leaves_the_host_untouched(
    container: MakeContainer, config: Config, work: Path
) -> None:
    host = work / "host"
    host.mkdir()
    config["linux"]["devices"] = [{"path": "/link/mine", "type": "c", "major": 1, "minor": 5}]
    c = container(config)
    (c.rootfs / "link").symlink_to(host)

    c.runtime("run", "--bundle", c.bundle, c.id)

    assert list(host.iterdir()) == []


@pytest.mark.parametrize(
    "device",
    [
        pytest.param({"type": "x", "path": "/dev/x", "major": 1, "minor": 1}, id="unknown type"),
        pytest.param(
            {"type": "c", "major": 1, "minor": 1},
            id="no path",
            marks=pytest.mark.deviates(runc="ignores it"),
        ),
    ],
)
def test_bad_device_is_refused(
    container: MakeContainer, config: Config, device: dict[str, Any]
) -> None:
    config["linux"]["devices"] = [device]

    container(config).refuses("create")


@RULES
def test_other_devices_cannot_be_opened_by_default(
    container: MakeContainer, config: Config
) -> None:
    all_capabilities(config)
    result = container(config, "mknod", "/dev/kmsg", "c", "1", "11", ";", "open", "/dev/kmsg", "r", ";",
                       "mknod", "/dev/loop", "b", "7", "0", ";", "open", "/dev/loop", "r").run(expect=1)  # fmt: skip

    # Nodes may be made (the default allows mknod of anything), opening them is denied.
    assert result.sections == ["ok", "EPERM", "ok", "EPERM"]


@RULES
def test_an_allowed_device_can_be_opened_in_the_allowed_way_only(
    container: MakeContainer, config: Config
) -> None:
    all_capabilities(config)
    config["linux"]["resources"]["devices"].append(
        {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "r"}
    )
    config["linux"]["devices"] = [
        {"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11, "fileMode": 0o666}
    ]

    result = container(config, "open", "/dev/kmsg", "r", ";", "open", "/dev/kmsg", "rw").run(
        expect=1
    )

    assert result.sections == ["ok", "EPERM"]


@RULES
def test_device_rules_apply_in_the_order_listed(container: MakeContainer, config: Config) -> None:
    all_capabilities(config)
    config["linux"]["resources"]["devices"] += [
        {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "rwm"},
        {"allow": False, "type": "c", "major": 1, "minor": 11, "access": "w"},
    ]
    config["linux"]["devices"] = [
        {"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11, "fileMode": 0o666}
    ]

    result = container(config, "open", "/dev/kmsg", "r", ";", "open", "/dev/kmsg", "w").run(
        expect=1
    )

    assert result.sections == ["ok", "EPERM"]


def test_allowing_everything_allows_everything(container: MakeContainer, config: Config) -> None:
    all_capabilities(config)
    config["linux"]["resources"]["devices"] = [{"allow": True, "access": "rwm"}]
    config["linux"]["devices"] = [{"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11}]

    assert container(config, "open", "/dev/kmsg", "r").run().stdout == "ok\n"


@requires.user_namespaces
def test_default_devices_work_in_a_user_namespace(container: MakeContainer, config: Config) -> None:
    # mknod is not possible there; the host's nodes are bound.
    add_user_namespace(config)
    c = container(
        config, "open", "/dev/null", "rw", ";", "open", "/dev/zero", "r", ";", "stat", "/dev/null"
    )
    owner = on_host(config, 0)
    for path in (c.rootfs, *c.rootfs.rglob("*")):
        if path.lstat().st_uid != owner:
            os.lchown(path, owner, owner)

    result = c.run()

    assert result.sections[:2] == ["ok", "ok"]
    assert "rdev=1:3" in result.sections[2]


def test_hosts_null_device_keeps_owner_and_mode_when_it_is_the_standard_input(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["user"] = {"uid": 1000, "gid": 1000}
    before = os.stat("/dev/null")

    container(config).run()

    after = os.stat("/dev/null")
    assert (after.st_uid, after.st_gid, after.st_mode) == (
        before.st_uid,
        before.st_gid,
        before.st_mode,
    )
