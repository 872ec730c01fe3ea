"""A container of cgroup v2 that manages cgroups of its own. config-linux.md, "Cgroup ownership"."""

from __future__ import annotations

from pathlib import Path

import pytest

import requires
from support import cgroups
from support.config import Config, add_user_namespace
from support.container import Container, MakeContainer

pytestmark = [
    requires.cgroup_v2,
    requires.as_root("runs a container without a user namespace"),
]
CGROUP = "/sys/fs/cgroup"


def delegated(config: Config, *, writable: bool = True) -> None:
    config["linux"]["namespaces"].append({"type": "cgroup"})
    for mount in config["mounts"]:
        if mount["destination"] == CGROUP and writable:
            mount["options"].remove("ro")


def owners(c: Container) -> dict[str, int]:
    directory = c.cgroup_directory("")
    files = {each.name: each.stat().st_uid for each in directory.iterdir() if each.is_file()}
    return {"": directory.stat().st_uid, **files}


def given() -> set[str]:
    return {"", *Path("/sys/kernel/cgroup/delegate").read_text().split()}


@requires.user_namespaces
def test_root_of_a_user_namespace_manages_its_cgroups(
    container: MakeContainer, config: Config
) -> None:
    add_user_namespace(config)
    delegated(config)
    make = ["mkdir", f"{CGROUP}/init", ";", "write", f"{CGROUP}/init/cgroup.procs", "0"]
    hand_down = ["write", f"{CGROUP}/cgroup.subtree_control", "+pids"]
    limit = ["write", f"{CGROUP}/init/pids.max", "7"]
    own_limit = ["write", f"{CGROUP}/pids.max", "max"]
    config["linux"]["resources"]["pids"] = {"limit": 50}
    c = container(config, *make, ";", *hand_down, ";", *limit, ";", *own_limit, ";", "pause")

    c.detach()

    sections = c.wait_for_output().split("--\n")
    assert [section.strip() for section in sections[:5]] == ["ok", "ok", "ok", "ok", "EACCES"]
    directory = c.cgroup_directory("pids")
    assert (directory / "pids.max").read_text() == "50\n"
    assert (directory / "init" / "pids.max").read_text() == "7\n"
    mine = {name for name, uid in owners(c).items() if uid == 100000}
    assert mine == given() & set(owners(c))
    assert c.exec("cat", "/proc/self/cgroup").stdout == "0::/init\n"


@requires.user_namespaces
@pytest.mark.parametrize("why", ["read-only", "no cgroup namespace", "root of the host"])
def test_otherwise_all_of_it_stays_roots(
    container: MakeContainer, config: Config, why: str
) -> None:
    if why != "root of the host":
        add_user_namespace(config)
    if why != "no cgroup namespace":
        delegated(config, writable=why != "read-only")
    c = container(config, "pause")

    c.create()

    assert set(owners(c).values()) == {0}


def test_a_user_without_a_user_namespace_owns_it_too(
    container: MakeContainer, config: Config
) -> None:
    delegated(config)
    config["process"]["user"] = {"uid": 1000, "gid": 1000}
    c = container(config, "mkdir", f"{CGROUP}/a", ";", "pause")

    c.detach()

    assert c.wait_for_output().startswith("ok")
    assert {name for name, uid in owners(c).items() if uid == 1000} == given() & set(owners(c))
    assert cgroups.below(str(c.cgroup)) == [c.cgroup_directory("") / "a"]
