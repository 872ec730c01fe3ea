"""--cgroup-manager: who makes the cgroups, or that nobody does."""

from __future__ import annotations

import os
from typing import Any

import pytest

import requires
from support import cgroups
from support.config import Config, all_capabilities, drop_mount
from support.container import MakeContainer

pytestmark = [
    pytest.mark.ours,
    requires.as_root("runs a container without a user namespace"),
]

DISABLED = ("--cgroup-manager", "disabled")


@pytest.fixture
def modest(config: Config) -> Config:
    """A configuration that asks for nothing of a cgroup."""
    drop_mount(config, "/sys/fs/cgroup")
    config["linux"].pop("resources", None)
    config["linux"].pop("cgroupsPath", None)
    return config


def test_a_container_without_cgroups_is_in_the_callers(
    container: MakeContainer, modest: Config
) -> None:
    c = container(modest, "pause")

    c.create(options=DISABLED)

    assert cgroups.of_process(c.pid) == cgroups.of_process(os.getpid())
    assert not cgroups.directories(str(c.cgroup))


def test_it_is_started_killed_and_deleted_without_the_option(
    container: MakeContainer, modest: Config
) -> None:
    c = container(modest, "pause")
    c.create(options=DISABLED)

    c.start()
    c.wait_for_output()
    assert c.exec("print", "x").stdout == "x\n"
    c.kill("KILL")
    c.wait_stopped()
    c.delete()

    assert not c.exists


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"resources": {"pids": {"limit": 5}}}, "pids"),
        pytest.param(
            {"resources": {"devices": [{"allow": False, "access": "rwm"}]}},
            "devices",
            marks=requires.as_root("restricts devices"),
        ),
    ],
    ids=["limit", "devices"],
)
def test_what_needs_a_cgroup_is_refused(
    container: MakeContainer, modest: Config, change: dict[str, Any], place: str
) -> None:
    modest["linux"].update(change)
    c = container(modest)

    message = c.refuses("create", options=DISABLED)

    assert place in message


@pytest.mark.parametrize("private", [True, False], ids=["own namespace", "no namespace"])
def test_the_callers_cgroup_can_be_seen_and_not_changed(
    container: MakeContainer, modest: Config, private: bool
) -> None:
    # CVE-2023-25809
    all_capabilities(modest)
    modest["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"})
    if private:
        modest["linux"]["namespaces"].append({"type": "cgroup"})
    directory = "/sys/fs/cgroup" if cgroups.UNIFIED else "/sys/fs/cgroup/pids"
    c = container(modest, "mkdir", f"{directory}/x", ";", "touch", f"{directory}/x")

    assert "ok" not in c.run(options=DISABLED, expect=1).sections


def test_the_file_system_is_the_default(container: MakeContainer, config: Config) -> None:
    c = container(config, "pause")

    c.create(options=("--cgroup-manager=cgroupfs",))

    assert c.processes() == {c.pid}


@pytest.mark.parametrize("other", ["cgroupfs", "disabled"])
def test_two_managers_at_once_are_refused(
    container: MakeContainer, config: Config, other: str
) -> None:
    options = ("--systemd-cgroup", f"--cgroup-manager={other}")

    assert "contradicts" in container(config).refuses("create", options=options)


def test_the_plan_shows_that_there_is_none(container: MakeContainer, modest: Config) -> None:
    c = container(modest)

    plan = c.runtime("plan", "--bundle", c.bundle, options=DISABLED).stdout

    assert "make_cgroups" not in plan
    assert "exec(" in plan
