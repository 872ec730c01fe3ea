"""A caller who is not root: what works without privileges works, what does not says so."""

from __future__ import annotations

import os
from typing import Any

import pytest

import requires
from support.config import Config, drop_mount
from support.container import Container, MakeContainer

UID = 54321
AS_USER = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]

pytestmark = requires.user_namespaces


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
    work = c.runtime.work
    for path in (work, c.bundle, work / "tmp", work / "out", *c.bundle.rglob("*")):
        if not path.is_symlink() and path.name not in ("inside", "true"):
            os.chown(path, UID, UID)
    return c


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
