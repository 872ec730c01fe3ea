"""Namespaces: new, inherited, joined by path; the user namespace's maps as seen from both sides."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import requires
from support import ids, namespaces
from support.config import (
    Config,
    add_user_namespace,
    drop_mount,
    drop_namespace,
    join_owner,
    namespace,
    on_host,
)
from support.container import Container, MakeContainer
from support.wait import wait_for_exit

KINDS = ["pid", "network", "ipc", "uts", "mount"]


def own_rootfs(c: Container, config: Config) -> None:
    """Give the rootfs to the user that is root with the maps of *config*: nothing else lets it write there."""
    owner = on_host(config, 0)
    for path in (c.rootfs, *c.rootfs.rglob("*")):
        if path.lstat().st_uid != owner:
            os.lchown(path, owner, owner)


@pytest.fixture
def mapped(container: MakeContainer, config: Config) -> Container:
    add_user_namespace(config)
    c = container(config, "pause")
    own_rootfs(c, config)
    return c


@pytest.mark.parametrize("kind", [*KINDS, pytest.param("cgroup", marks=requires.cgroup_namespaces)])
def test_listed_namespace_is_a_new_one(container: MakeContainer, config: Config, kind: str) -> None:
    if not namespace(config, kind):
        config["linux"]["namespaces"].append({"type": kind})
    c = container(config, "pause")
    c.detach()

    assert namespaces.inode(c.pid, kind) != namespaces.inode("self", kind)


@pytest.mark.parametrize(
    "kind",
    [
        "pid",
        "network",
        "ipc",
        "uts",
        "cgroup",
        pytest.param("user", marks=requires.as_root("runs a container without a user namespace")),
    ],
)
def test_namespace_that_is_not_listed_is_the_runtimes_own(
    container: MakeContainer, config: Config, kind: str
) -> None:
    drop_namespace(config, kind)
    if kind == "uts":
        del config["hostname"]
    if kind == "ipc":
        drop_mount(config, "/dev/mqueue")
    if kind == "network":
        drop_mount(config, "/sys")
    c = container(config, "pause")
    c.detach()

    assert namespaces.inode(c.pid, kind) == namespaces.inode("self", kind)


@pytest.mark.parametrize("kind", ["network", "ipc", "uts", "pid"])
def test_namespace_given_by_path_is_joined(
    container: MakeContainer, config: Config, kind: str
) -> None:
    with namespaces.holder(kind) as pid:
        entry = namespace(config, kind)
        assert entry
        name = "pid_for_children" if kind == "pid" else namespaces.file_of(kind)
        entry["path"] = f"/proc/{pid}/ns/{name}"
        join_owner(config, pid)
        wanted = os.readlink(entry["path"])
        c = container(config, "pause")
        c.detach()

        assert namespaces.inode(c.pid, kind) == wanted
        c.delete("--force")


def test_mount_namespace_given_by_path_is_joined(container: MakeContainer, config: Config) -> None:
    with namespaces.holder("mount") as pid:
        entry = namespace(config, "mount")
        assert entry
        entry["path"] = f"/proc/{pid}/ns/mnt"
        join_owner(config, pid)
        c = container(config, "pause")

        # What a runtime mounts there stays there: this must not be seen by the host.
        result = c.runtime("run", "--detach", "--bundle", c.bundle, c.id)

        assert "Traceback" not in result.stderr
        if result.returncode == 0:
            assert namespaces.inode(c.pid, "mount") == namespaces.inode(pid, "mount")
            c.delete("--force")


def test_two_containers_share_the_namespaces_of_the_first(
    container: MakeContainer, config: Config
) -> None:
    first = container(config, "pause")
    first.detach()
    second_config = {
        **config,
        "linux": {**config["linux"], "cgroupsPath": f"{first.cgroup}-second"},
    }
    second_config["process"] = {**config["process"]}
    second_config["linux"]["namespaces"] = [
        {"type": kind, "path": f"/proc/{first.pid}/ns/{namespaces.file_of(kind)}"}
        for kind in (
            "network",
            "ipc",
            "uts",
            "pid",
            *(["user"] if namespace(config, "user") else []),
        )
    ] + [{"type": "mount"}]
    for key in ("uidMappings", "gidMappings"):
        second_config["linux"].pop(key, None)
    del second_config["hostname"]
    second = container(second_config, "pids", ";", "names", ";", "pause")
    second.detach()
    second.wait_for_output()

    for kind in ("network", "ipc", "uts", "pid"):
        assert namespaces.inode(second.pid, kind) == namespaces.inode(first.pid, kind), kind
    assert "pid=1 " not in second.output()
    assert "hostname=container" in second.output()
    second.delete("--force")
    # The first one's init cannot end while a process of its pid namespace is a zombie.
    wait_for_exit(second.init_pid)
    assert first.status == "running"


@pytest.mark.parametrize("kind", KINDS)
def test_namespace_path_that_is_missing_is_an_error_that_names_it(
    container: MakeContainer, config: Config, kind: str
) -> None:
    entry = namespace(config, kind)
    assert entry
    entry["path"] = "/proc/self/ns/missing"
    if not ids.PRIVILEGED:  # A user's plan has no mount of a namespace that may be another's.
        drop_mount(config, "/proc", "/dev/mqueue")
        config["linux"]["maskedPaths"] = config["linux"]["readonlyPaths"] = []
    c = container(config)

    message = c.refuses("create")

    assert "/proc/self/ns/missing" in message
    assert "no such file or directory" in message.lower()
    assert not c.exists


def test_namespace_path_of_another_type_is_an_error(
    container: MakeContainer, config: Config
) -> None:
    entry = namespace(config, "ipc")
    assert entry
    with namespaces.holder("network") as pid:
        entry["path"] = f"/proc/{pid}/ns/net"
        join_owner(config, pid)
        c = container(config)

        c.refuses("create")
        assert not c.exists


def test_namespace_path_that_is_no_namespace_is_an_error(
    container: MakeContainer, config: Config, work: Path
) -> None:
    (work / "file").write_text("")
    entry = namespace(config, "uts")
    assert entry
    entry["path"] = str(work / "file")

    container(config).refuses("create")


@pytest.mark.parametrize("kind", KINDS)
def test_namespace_listed_twice_is_an_error(
    container: MakeContainer, config: Config, kind: str
) -> None:
    config["linux"]["namespaces"].append({"type": kind})

    assert kind in container(config).refuses("create")


def test_unknown_namespace_is_an_error_that_names_it(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["namespaces"].append({"type": "parallel"})

    assert "parallel" in container(config).refuses("create")


def test_first_process_of_a_pid_namespace_is_number_one(
    container: MakeContainer, config: Config
) -> None:
    assert container(config, "pids").run().stdout == "pid=1 ppid=0 pgid=1 sid=1\n"


def test_new_network_namespace_has_a_loopback_that_is_up(
    container: MakeContainer, config: Config
) -> None:
    drop_mount(config, "/sys")
    config["mounts"].append({"destination": "/sys", "type": "sysfs", "source": "sysfs"})

    result = container(config, "cat", "/sys/class/net/lo/flags", ";", "cat", "/proc/net/dev").run()

    assert int(result.sections[0], 16) & 1
    assert "eth" not in result.sections[1]


@pytest.mark.ours
@pytest.mark.parametrize("missing", ["uidMappings", "gidMappings"])
def test_new_user_namespace_without_mappings_is_refused_with_its_place(
    container: MakeContainer, config: Config, missing: str
) -> None:
    add_user_namespace(config)
    del config["linux"][missing]

    assert f"/linux/{missing}: missing" in container(config).refuses("create")


@requires.cgroup_namespaces
def test_cgroup_namespace_shows_the_containers_cgroup_as_the_root(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["namespaces"].append({"type": "cgroup"})

    lines = container(config, "cat", "/proc/self/cgroup").run().lines

    ours = [line for line in lines if not line.startswith("0::")] or lines
    assert {line.split(":", 2)[2] for line in ours} == {"/"}


def test_container_without_any_namespace_but_mount_runs(
    container: MakeContainer, config: Config
) -> None:
    drop_namespace(config, "pid", "network", "ipc", "uts")
    drop_mount(config, "/sys", "/dev/mqueue")
    del config["hostname"]

    assert container(config, "print", "x").run().stdout == "x\n"


@requires.time_namespaces
@pytest.mark.deviates(runc="time namespaces came with 1.2")
def test_time_namespace_has_the_configured_offsets(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["namespaces"].append({"type": "time"})
    config["linux"]["timeOffsets"] = {
        "boottime": {"secs": 1_000_000},
        "monotonic": {"secs": 5000, "nanosecs": 7},
    }

    result = container(config, "cat", "/proc/uptime", ";", "cat", "/proc/self/timens_offsets").run()

    assert float(result.sections[0].split()[0]) > 1_000_000
    offsets = {line.split()[0]: line.split()[1:] for line in result.sections[1].splitlines()}
    assert offsets["monotonic"] == ["5000", "7"]
    assert offsets["boottime"] == ["1000000", "0"]


def test_inside_a_user_namespace_ids_are_those_of_the_map(mapped: Container) -> None:
    mapped.config["process"]["args"] = [
        "/bin/inside",
        "id",
        ";",
        "cat",
        "/proc/self/uid_map",
        ";",
        "stat",
        "/bin",
    ]
    mapped.write_config()

    result = mapped.run()

    assert result.sections[0].startswith("uid=0,0,0 gid=0,0,0")
    maps = mapped.config["linux"]["uidMappings"]
    wanted = [[str(entry[key]) for key in ("containerID", "hostID", "size")] for entry in maps]
    assert [line.split() for line in result.sections[1].splitlines()] == wanted
    assert "uid=0 gid=0" in result.sections[2]


def test_outside_the_process_has_the_mapped_ids_and_makes_files_with_them(
    mapped: Container,
) -> None:
    mapped.config["process"]["args"] = ["/bin/inside", "touch", "/tmp/made", ";", "pause"]
    mapped.write_config()
    mapped.detach()
    mapped.wait_for_output()

    st = (mapped.rootfs / "tmp" / "made").stat()
    root = on_host(mapped.config, 0)
    assert (st.st_uid, st.st_gid) == (root, root)
    assert os.stat(f"/proc/{mapped.pid}").st_uid == root
    assert namespaces.inode(mapped.pid, "user") != namespaces.inode("self", "user")


def test_user_in_a_user_namespace_is_mapped_too(mapped: Container) -> None:
    mapped.config["process"]["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [50, 60]}
    mapped.config["process"]["args"] = ["/bin/inside", "id", ";", "pause"]
    mapped.write_config()
    mapped.detach()
    mapped.wait_for_output()

    assert "uid=1000,1000,1000 gid=1001,1001,1001 groups=50,60" in mapped.output()
    status = Path(f"/proc/{mapped.pid}/status").read_text()
    uid, gid = on_host(mapped.config, 1000), on_host(mapped.config, 1001)
    assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}" in status
    assert f"Gid:\t{gid}\t{gid}\t{gid}\t{gid}" in status


def test_all_maps_are_written(mapped: Container) -> None:
    root = on_host(mapped.config, 0)
    maps = [
        {"containerID": 0, "hostID": root, "size": 1},
        {"containerID": 1, "hostID": 100100, "size": 10},
        {"containerID": 500, "hostID": 100500, "size": 5},
    ]
    mapped.config["linux"]["uidMappings"] = mapped.config["linux"]["gidMappings"] = maps
    mapped.config["mounts"] = [m for m in mapped.config["mounts"] if m["destination"] != "/dev/pts"]
    mapped.config["process"]["args"] = [
        "/bin/inside",
        "cat",
        "/proc/self/uid_map",
        ";",
        "cat",
        "/proc/self/gid_map",
    ]
    mapped.write_config()

    result = mapped.run()

    for section in result.sections:
        assert [line.split() for line in section.splitlines()] == [
            ["0", str(root), "1"],
            ["1", "100100", "10"],
            ["500", "100500", "5"],
        ]


def test_runtime_does_not_change_the_owners_in_the_rootfs(
    container: MakeContainer, config: Config
) -> None:
    add_user_namespace(config)
    c = container(config)
    (c.rootfs / "etc" / "file").write_text("")

    c.run()

    assert (c.rootfs / "etc" / "file").stat().st_uid == os.geteuid()


@pytest.mark.parametrize(
    "maps",
    [
        pytest.param([{"containerID": 0, "hostID": 100000, "size": 10}, {"containerID": 5, "hostID": 200000, "size": 10}], id="overlapping"),
        pytest.param([{"containerID": 0, "hostID": 100000, "size": 0}], id="empty"),
    ],
)  # fmt: skip
def test_maps_that_the_kernel_refuses_are_an_error(
    container: MakeContainer, config: Config, maps: list[Config]
) -> None:
    add_user_namespace(config)
    config["linux"]["uidMappings"] = maps
    c = container(config)

    c.refuses("create")
    assert not c.exists


def test_user_namespace_joined_by_path(
    mapped: Container, container: MakeContainer, config: Config
) -> None:
    mapped.detach()
    second = Config(config)
    second["linux"] = {**config["linux"], "cgroupsPath": f"{mapped.cgroup}-second"}
    for key in ("uidMappings", "gidMappings"):
        second["linux"].pop(key, None)
    second["linux"]["namespaces"] = [
        {"type": kind, "path": f"/proc/{mapped.pid}/ns/{namespaces.file_of(kind)}"}
        for kind in ("user", "network", "ipc", "uts")
    ] + [{"type": "mount"}, {"type": "pid"}]
    del second["hostname"]
    c = container(second, "id", ";", "readlink", "/proc/self/ns/user")
    own_rootfs(c, config)

    result = c.run()

    assert result.sections[0].startswith("uid=0,0,0")
    assert result.sections[1] == namespaces.inode(mapped.pid, "user")


def test_proc_and_sys_and_pts_can_be_mounted_in_a_user_namespace(mapped: Container) -> None:
    mapped.config["process"]["args"] = [
        "/bin/inside",
        "ls",
        "/proc/1",
        ";",
        "ls",
        "/sys/class",
        ";",
        "ls",
        "/dev/pts",
    ]
    mapped.write_config()

    result = mapped.run()

    assert "status" in result.sections[0].split()
    assert "net" in result.sections[1].split()
    assert "ptmx" in result.sections[2].split()
