"""A caller who is not root: what works without privileges works, what does not says so."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import requires
from support import cgroups
from support.config import Config, drop_mount
from support.console import open_pty
from support.container import Container, MakeContainer
from support.wait import wait_for_exit

UID = 54321
AS_USER = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]

pytestmark = [requires.user_namespaces, requires.as_root("becomes another user")]


@pytest.fixture
def unprivileged(container: MakeContainer, config: Config) -> Container:
    """A bundle of that user, with a user namespace that maps only the user, and without cgroups."""
    config["linux"]["namespaces"] = [
        {"type": kind} for kind in ("user", "pid", "mount", "ipc", "uts")
    ]
    for maps in ("uidMappings", "gidMappings"):
        config["linux"][maps] = [{"containerID": 0, "hostID": UID, "size": 1}]
    del config["linux"]["resources"]
    config["process"]["user"] = {"uid": 0, "gid": 0}
    drop_mount(config, "/sys", "/sys/fs/cgroup", "/dev/pts")
    config["mounts"].append(
        {
            "destination": "/dev/pts",
            "type": "devpts",
            "source": "devpts",
            "options": ["newinstance", "ptmxmode=0666"],
        }
    )
    c = container(config, "id", cgroup=False)
    give_to_user(c)
    return c


def give_to_user(c: Container) -> None:
    """The bundle, and where commands write."""
    work = c.runtime.work
    for path in (work, c.bundle, work / "tmp", work / "out", *c.bundle.rglob("*")):
        if not path.is_symlink() and path.name not in ("inside", "true"):
            os.chown(path, UID, UID)


SUBORDINATE = 1_000_000


@pytest.fixture
def subordinate(unprivileged: Container) -> Iterator[Container]:
    """The same user, who has a name and 1000 more ids."""
    files = {
        "passwd": f"somebody:x:{UID}:{UID}::/:/bin/sh\n",
        "subuid": f"somebody:{SUBORDINATE}:1000\n",
        "subgid": f"somebody:{SUBORDINATE}:1000\n",
    }
    mounted = []
    try:
        for name, line in files.items():
            ours = unprivileged.runtime.work / name
            ours.write_text(line + Path(f"/etc/{name}").read_text())
            subprocess.run(["mount", "--bind", ours, f"/etc/{name}"], check=True)
            mounted.append(f"/etc/{name}")
        yield unprivileged
    finally:
        for path in mounted:
            subprocess.run(["umount", path], check=True)


def map_ids(c: Container, *more: tuple[int, int, int]) -> None:
    """The own id as root, and *more*."""
    for maps in ("uidMappings", "gidMappings"):
        c.config["linux"][maps] = [
            {"containerID": inside, "hostID": outside, "size": size}
            for inside, outside, size in ((0, UID, 1), *more)
        ]
    c.write_config()


@pytest.fixture
def delegated(unprivileged: Container) -> Iterator[tuple[Container, list[str]]]:
    """With a cgroup that is the user's, and how to run a command in it: all of v2, or the pids hierarchy of v1."""
    name = f"/{unprivileged.id}-delegated"
    top = cgroups.directory("pids", name)
    top.mkdir()
    try:
        prefix = AS_USER
        if cgroups.UNIFIED:
            (cgroups.HIERARCHIES[""] / "cgroup.subtree_control").write_text("+pids")
            session = top / "session"
            session.mkdir()
            join = f'echo 0 > {session}/cgroup.procs && exec "$@"'
            prefix = ["sh", "-c", join, "sh", *AS_USER]
        for path in (top, *top.rglob("cgroup.procs"), *top.glob("cgroup.subtree_control")):
            os.chown(path, UID, UID)
        unprivileged.config["linux"]["cgroupsPath"] = f"{name}/container"
        unprivileged.cgroup = f"{name}/container"
        unprivileged.write_config()
        yield unprivileged, prefix
    finally:
        cgroups.remove_tree(top)


def environment(c: Container) -> dict[str, str]:
    return {
        **c.runtime.environment,
        "XDG_RUNTIME_DIR": str(c.runtime.work),
        "HOME": str(c.runtime.work),
    }


def test_program_runs_as_root_of_its_own_user_namespace(unprivileged: Container) -> None:
    result = unprivileged.run(prefix=AS_USER, environment=environment(unprivileged))

    assert result.stdout.startswith("uid=0,0,0 gid=0,0,0")


def test_whole_lifecycle_works(unprivileged: Container) -> None:
    c = unprivileged
    c.config["process"]["args"] = ["/bin/inside", "pause"]
    c.write_config()
    how: dict[str, Any] = {"prefix": AS_USER, "environment": environment(c)}

    c.detach(**how)
    try:
        assert os.stat(f"/proc/{c.init_pid}").st_uid == UID
        assert '"running"' in c.verb("state", **how).stdout
        assert c.exec("id", **how).stdout.startswith("uid=0,0,0")
    finally:
        c.delete("--force", **how)


def test_state_root_of_another_user_is_refused(unprivileged: Container) -> None:
    unprivileged.runtime.state_root.mkdir(mode=0o700)

    message = unprivileged.refuses("create", prefix=AS_USER, environment=environment(unprivileged))

    assert str(unprivileged.runtime.state_root) in message


def test_without_a_user_namespace_the_refusal_says_what_is_missing(unprivileged: Container) -> None:
    unprivileged.config["linux"]["namespaces"] = [{"type": kind} for kind in ("pid", "mount")]
    del (
        unprivileged.config["linux"]["uidMappings"],
        unprivileged.config["linux"]["gidMappings"],
        unprivileged.config["hostname"],
    )
    unprivileged.write_config()

    message = unprivileged.refuses(
        "create", prefix=AS_USER, environment=environment(unprivileged)
    ).lower()

    assert "user namespace" in message or "rootless" in message or "root" in message


def test_map_of_ids_that_are_not_ones_own_is_refused(unprivileged: Container) -> None:
    for maps in ("uidMappings", "gidMappings"):
        unprivileged.config["linux"][maps] = [{"containerID": 0, "hostID": 0, "size": 1}]
    unprivileged.write_config()

    unprivileged.refuses("create", prefix=AS_USER, environment=environment(unprivileged))


@pytest.mark.ours
@requires.program("newuidmap")
def test_newuidmap_maps_more_than_the_own_id(subordinate: Container) -> None:
    c = subordinate
    map_ids(c, (1, SUBORDINATE, 1000))
    c.config["process"]["args"] = ["/bin/inside", "id", ";", "cat", "/proc/self/uid_map"]
    c.config["process"]["user"] = {"uid": 7, "gid": 8, "additionalGids": [5, 9]}
    c.write_config()

    result = c.run(prefix=AS_USER, environment=environment(c))

    who, maps = result.sections
    assert who.startswith("uid=7,7,7 gid=8,8,8 groups=5,9")
    assert [line.split() for line in maps.splitlines()] == [
        ["0", str(UID), "1"],
        ["1", str(SUBORDINATE), "1000"],
    ]


@pytest.mark.ours
@requires.program("newuidmap")
def test_ids_of_others_are_refused_with_those_that_are_allowed(subordinate: Container) -> None:
    map_ids(subordinate, (1, 5, 10))

    message = subordinate.refuses("create", prefix=AS_USER, environment=environment(subordinate))

    assert "linux.uidMappings" in message
    assert f"/etc/subuid allows {SUBORDINATE}-{SUBORDINATE + 999} to somebody" in message


@pytest.mark.ours
@requires.program("newuidmap")
def test_exec_kill_and_delete_work_for_the_same_user(subordinate: Container) -> None:
    c = subordinate
    map_ids(c, (1, SUBORDINATE, 1000))
    c.config["process"]["args"] = ["/bin/inside", "pause"]
    c.config["process"]["user"] = {"uid": 7, "gid": 8}
    c.write_config()
    how: dict[str, Any] = {"prefix": AS_USER, "environment": environment(c)}

    c.detach(**how)
    try:
        assert os.stat(f"/proc/{c.init_pid}").st_uid == SUBORDINATE + 6
        assert c.exec("id", **how).stdout.startswith("uid=7,7,7 gid=8,8,8")
    finally:
        c.delete("--force", **how)


@pytest.mark.ours
def test_without_the_helpers_subordinate_ids_are_refused(unprivileged: Container) -> None:
    map_ids(unprivileged, (1, SUBORDINATE, 1000))

    # No line of /etc/subuid is about this user, who has no name either.
    message = unprivileged.refuses("create", prefix=AS_USER, environment=environment(unprivileged))

    assert "linux.uidMappings" in message
    assert "newuidmap" in message


@pytest.mark.ours
def test_groups_without_setgroups_are_refused(unprivileged: Container) -> None:
    unprivileged.config["process"]["user"]["additionalGids"] = [0]
    unprivileged.write_config()

    message = unprivileged.refuses("create", prefix=AS_USER, environment=environment(unprivileged))

    assert "/process/user/additionalGids" in message
    assert "setgroups" in message


@pytest.mark.ours
@requires.controller("pids")
def test_limits_hold_in_a_delegated_cgroup(delegated: tuple[Container, list[str]]) -> None:
    c, prefix = delegated
    c.config["linux"]["resources"] = {"pids": {"limit": 20}}
    c.config["process"]["args"] = ["/bin/inside", "pause"]
    c.write_config()
    how: dict[str, Any] = {"prefix": prefix, "environment": environment(c)}

    c.detach(**how)
    try:
        directory = c.cgroup_directory("pids")
        assert (directory / "pids.max").read_text() == "20\n"
        assert str(c.init_pid) in (directory / "cgroup.procs").read_text().split()
        assert directory.stat().st_uid == UID
        with_exec = c.exec("cat", "/proc/self/cgroup", **how).stdout
        assert with_exec
        c.kill("--all", "KILL", **how)
        wait_for_exit(c.init_pid)
    finally:
        c.delete("--force", **how)
    assert not directory.exists()


@pytest.mark.ours
def test_limits_without_delegation_are_refused_by_name(unprivileged: Container) -> None:
    unprivileged.config["linux"]["resources"] = {"pids": {"limit": 20}}
    unprivileged.write_config()

    message = unprivileged.refuses("create", prefix=AS_USER, environment=environment(unprivileged))

    assert "linux.resources.pids.limit" in message
    assert "writable" in message


@pytest.mark.ours
def test_a_cgroup_that_is_asked_for_and_not_delegated_is_refused(unprivileged: Container) -> None:
    c = unprivileged
    c.config["linux"]["cgroupsPath"] = f"/{c.id}"
    c.write_config()
    how: dict[str, Any] = {"prefix": AS_USER, "environment": environment(c)}

    message = c.refuses("create", **how)

    assert "linux.cgroupsPath" in message
    assert "writable" in message
    result = c.run(options=["--rootless=true"], **how)
    assert "no cgroup of its own" in result.stderr


@pytest.mark.ours
@requires.cgroup_v2
def test_a_caller_outside_of_the_delegated_cgroup_is_told(
    delegated: tuple[Container, list[str]],
) -> None:
    c, _ = delegated
    c.config["linux"]["resources"] = {"pids": {"limit": 20}}
    c.write_config()

    message = c.refuses("create", prefix=AS_USER, environment=environment(c))

    assert "outside of what is delegated" in message


IN_USER_NAMESPACE = [*AS_USER, "unshare", "--user", "--map-root-user"]


def without_user_namespace(c: Container) -> None:
    """What an engine writes that has made the user namespace itself: it calls us as root in there."""
    linux = c.config["linux"]
    linux["namespaces"] = [n for n in linux["namespaces"] if n["type"] != "user"]
    del linux["uidMappings"], linux["gidMappings"]
    c.write_config()


def add_mount(c: Container, destination: str, kind: str, *options: str) -> None:
    mount = {"destination": destination, "type": kind, "source": kind, "options": list(options)}
    c.config["mounts"].append(mount)
    c.write_config()


def options_below(mountinfo: str, top: str) -> list[set[str]]:
    """The options of each mount on *top* and below."""
    fields = [line.split() for line in mountinfo.splitlines()]
    return [set(f[5].split(",")) for f in fields if f"{f[4]}/".startswith(f"{top}/")]


@pytest.mark.ours
class TestInsideAUserNamespace:
    def test_container_runs_with_the_users_id(self, unprivileged: Container) -> None:
        without_user_namespace(unprivileged)

        result = unprivileged.run(prefix=IN_USER_NAMESPACE, environment=environment(unprivileged))

        assert result.stdout.startswith("uid=0,0,0 gid=0,0,0")

    def test_groups_are_refused_as_the_namespace_denies_them(self, unprivileged: Container) -> None:
        without_user_namespace(unprivileged)
        unprivileged.config["process"]["user"]["additionalGids"] = [0]
        unprivileged.write_config()

        message = unprivileged.refuses(
            "create", prefix=IN_USER_NAMESPACE, environment=environment(unprivileged)
        )

        assert "additionalGids: setgroups(2) is denied" in message

    def test_own_network_has_a_sysfs_of_its_own(self, unprivileged: Container) -> None:
        c = unprivileged
        without_user_namespace(c)
        c.config["linux"]["namespaces"].append({"type": "network"})
        c.config["process"]["args"] = ["/bin/inside", "ls", "/sys/class/net"]
        add_mount(c, "/sys", "sysfs", "ro")

        result = c.run(prefix=IN_USER_NAMESPACE, environment=environment(c))

        assert result.stdout.split() == ["lo"]
        assert "bound" not in result.stderr

    def test_sysfs_of_the_hosts_network_is_bound_and_read_only_throughout(
        self, unprivileged: Container
    ) -> None:
        c = unprivileged
        without_user_namespace(c)
        c.config["process"]["args"] = [
            *("/bin/inside", "cat", "/proc/self/mountinfo", ";"),
            *("ls", "/sys/class/net"),
        ]
        add_mount(c, "/sys", "sysfs", "rw")

        result = c.run(prefix=IN_USER_NAMESPACE, environment=environment(c))

        mounts, devices = result.sections
        assert sorted(devices.split()) == sorted(os.listdir("/sys/class/net"))
        below = options_below(mounts, "/sys")
        assert below
        assert all({"ro", "nosuid", "nodev", "noexec"} <= options for options in below)
        assert "the runtime's /sys is bound, read-only" in result.stderr


@pytest.mark.ours
def test_file_systems_of_the_hosts_namespaces_are_bound(unprivileged: Container) -> None:
    c = unprivileged
    c.config["linux"]["namespaces"] = [{"type": "user"}, {"type": "mount"}]
    del c.config["hostname"]
    if not os.path.isdir("/dev/mqueue"):
        drop_mount(c.config, "/dev/mqueue")
    c.config["process"]["args"] = ["/bin/inside", "cat", "/proc/self/mountinfo", ";", "pids"]
    add_mount(c, "/sys", "sysfs", "ro")

    result = c.run(prefix=AS_USER, environment=environment(c))

    mounts, pids = result.sections
    assert "pid=1" not in pids.split()
    # What is masked has mounts of its own below.
    assert {"nosuid", "nodev", "noexec"} <= options_below(mounts, "/proc")[0]
    assert "the runtime's /proc is bound" in result.stderr


@pytest.mark.ours
def test_the_example_for_users_runs_as_it_is(unprivileged: Container) -> None:
    c = unprivileged
    (c.bundle / "config.json").unlink()
    how: dict[str, Any] = {"prefix": AS_USER, "environment": environment(c)}
    assert c.runtime("spec", "--rootless", "--bundle", c.bundle, **how).returncode == 0
    c.config = json.loads((c.bundle / "config.json").read_text())
    c.config["process"]["args"] = ["/bin/inside", "tty", ";", "id"]
    c.write_config()
    terminal, line = open_pty()
    process = subprocess.Popen(
        [*AS_USER, "setsid", "--ctty", "--wait", *c.runtime.command("run", "-b", c.bundle, c.id)],
        stdin=line,
        stdout=line,
        stderr=line,
        env=environment(c),
    )
    os.close(line)

    with terminal:
        text = terminal.read_all()
    assert process.wait() == 0, text
    assert "isatty=111" in text
    assert "uid=0,0,0 gid=0,0,0" in text


@pytest.mark.ours
def test_state_root_is_in_the_runtime_directory_and_stays_there(unprivileged: Container) -> None:
    c = unprivileged
    given = c.runtime.work / "xdg"
    given.mkdir(mode=0o700)
    os.chown(given, UID, UID)
    command = [*AS_USER, str(c.runtime.path), "run", "--bundle", str(c.bundle), c.id]
    variables = {**environment(c), "XDG_RUNTIME_DIR": str(given), "USER": "root"}

    subprocess.run(command, env=variables, check=True, stdin=subprocess.DEVNULL)

    # The sticky bit keeps who clears old files away from it.
    assert (given / "pyruntime").stat().st_mode & 0o7777 == 0o1700
    del variables["XDG_RUNTIME_DIR"]
    refused = subprocess.run(
        command,
        env=variables,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 1
    assert "give --root or set XDG_RUNTIME_DIR" in refused.stderr


@pytest.mark.ours
def test_with_rootless_false_a_cgroup_is_not_left_out(unprivileged: Container) -> None:
    message = unprivileged.refuses(
        "create",
        prefix=AS_USER,
        environment=environment(unprivileged),
        options=["--rootless=false"],
    )

    assert "linux.cgroupsPath" in message
    assert "mkdir" in message


@pytest.mark.ours
def test_plan_says_how_the_container_is_made_without_root(unprivileged: Container) -> None:
    c = unprivileged
    how: dict[str, Any] = {"prefix": AS_USER, "environment": environment(c)}

    text = c.runtime("plan", "--bundle", c.bundle, **how).stdout
    of_root = c.runtime("plan", "--bundle", c.bundle, options=["--rootless=false"], **how).stdout

    assert "deny_setgroups()" in text
    assert "make_cgroups" not in text
    assert "deny_setgroups()" not in of_root
    assert "make_cgroups" in of_root


@pytest.mark.ours
def test_another_container_joins_the_user_namespace_by_path(
    unprivileged: Container, container: MakeContainer
) -> None:
    first = unprivileged
    how: dict[str, Any] = {"prefix": AS_USER, "environment": environment(first)}
    first.config["process"]["args"] = ["/bin/inside", "pause"]
    first.write_config()
    first.detach(**how)
    try:
        config = json.loads(json.dumps(first.config))
        for maps in ("uidMappings", "gidMappings"):
            del config["linux"][maps]
        config["linux"]["namespaces"] = [
            {"type": "user", "path": f"/proc/{first.init_pid}/ns/user"},
            {"type": "ipc", "path": f"/proc/{first.init_pid}/ns/ipc"},
            *({"type": kind} for kind in ("pid", "mount", "uts", "network")),
        ]
        second = container(config, "id", ";", "readlink", "/proc/self/ns/user", cgroup=False)
        give_to_user(second)

        who, name = second.run(**how).sections

        assert who.startswith("uid=0,0,0 gid=0,0,0")
        assert name.strip() == os.readlink(f"/proc/{first.init_pid}/ns/user")
    finally:
        first.delete("--force", **how)


@pytest.mark.ours
@requires.time_namespaces
def test_time_namespace_in_a_user_namespace(unprivileged: Container) -> None:
    c = unprivileged
    c.config["linux"]["namespaces"].append({"type": "time"})
    c.config["linux"]["timeOffsets"] = {"boottime": {"secs": 7000}}
    c.config["process"]["args"] = ["/bin/inside", "cat", "/proc/self/timens_offsets"]
    c.write_config()

    result = c.run(prefix=AS_USER, environment=environment(c))

    assert result.stdout.split()[-3:] == ["boottime", "7000", "0"]


@pytest.mark.ours
@requires.time_namespaces
def test_time_namespace_beside_a_user_namespace_that_is_joined(
    unprivileged: Container, container: MakeContainer
) -> None:
    first = unprivileged
    how: dict[str, Any] = {"prefix": AS_USER, "environment": environment(first)}
    first.config["process"]["args"] = ["/bin/inside", "pause"]
    first.write_config()
    first.detach(**how)
    try:
        config = json.loads(json.dumps(first.config))
        for maps in ("uidMappings", "gidMappings"):
            del config["linux"][maps]
        config["linux"]["namespaces"] = [
            {"type": "user", "path": f"/proc/{first.init_pid}/ns/user"},
            *({"type": kind} for kind in ("pid", "mount", "uts", "ipc", "time")),
        ]
        config["linux"]["timeOffsets"] = {"monotonic": {"secs": 9}, "boottime": {"secs": 7000}}
        second = container(config, "cat", "/proc/self/timens_offsets", cgroup=False)
        give_to_user(second)

        words = second.run(**how).stdout.split()

        assert words == ["monotonic", "9", "0", "boottime", "7000", "0"]
    finally:
        first.delete("--force", **how)
