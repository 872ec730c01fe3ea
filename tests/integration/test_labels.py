"""AppArmor and SELinux: the profile that a program runs under, and the refusal where there are no profiles."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import requires
from support.config import Config
from support.container import INSIDE, MakeContainer

PROFILE = "pyruntime-test"
OTHER = "pyruntime-test-other"


def rules(name: str, denied: str) -> str:
    # The flags of engines' profiles: standard files of the host have no path in the container.
    flags = "flags=(attach_disconnected,mediate_deleted)"
    return f"profile {name} {flags} {{ file, capability, signal, network, deny {denied} w, }}\n"


@pytest.fixture
def profiles(work: Path) -> Iterator[None]:
    """Two profiles in the kernel: one keeps /tmp/first from being written, the other /tmp/second."""
    source = work / "profiles"
    source.write_text(rules(PROFILE, "/**/first") + rules(OTHER, "/**/second"))
    subprocess.run(["apparmor_parser", "--replace", "--skip-cache", source], check=True)
    yield
    subprocess.run(["apparmor_parser", "--remove", source], check=True)


BOTH = ("touch", "/tmp/first", ";", "touch", "/tmp/second")
NAME = ("cat", "/proc/self/attr/current")


@requires.apparmor
@requires.program("apparmor_parser")
@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize("no_new_privs", [True, False])
def test_program_runs_under_its_profile(
    container: MakeContainer, config: Config, no_new_privs: bool
) -> None:
    config["process"]["apparmorProfile"] = PROFILE
    config["process"]["noNewPrivileges"] = no_new_privs

    result = container(config, *BOTH, ";", *NAME).run(expect=1)

    assert result.sections == ["EACCES", "ok", f"{PROFILE} (enforce)"]


@requires.apparmor
@requires.program("apparmor_parser")
@pytest.mark.usefixtures("profiles")
def test_exec_runs_under_the_containers_profile_or_the_one_asked_for(
    container: MakeContainer, config: Config, work: Path
) -> None:
    config["process"]["apparmorProfile"] = PROFILE
    c = container(config, "pause")
    c.detach()
    c.wait_for_output()
    process = work / "process.json"
    described: dict[str, Any] = {"args": [INSIDE, *NAME], "cwd": "/"}
    process.write_text(json.dumps(described))
    own = work / "own.json"
    own.write_text(json.dumps({**described, "apparmorProfile": OTHER}))

    assert c.exec(*BOTH, expect=1).sections == ["EACCES", "ok"]
    assert c.exec(*BOTH, flags=("--apparmor", OTHER), expect=1).sections == ["ok", "EACCES"]
    assert c.verb("exec", "--process", process).sections == [f"{PROFILE} (enforce)"]
    assert c.verb("exec", "--process", own).sections == [f"{OTHER} (enforce)"]


@requires.apparmor
@requires.program("apparmor_parser")
@pytest.mark.usefixtures("profiles")
def test_hooks_in_the_container_run_under_the_profile_and_those_on_the_host_do_not(
    container: MakeContainer, config: Config, work: Path
) -> None:
    config["process"]["apparmorProfile"] = PROFILE
    config["hooks"] = {
        "createRuntime": [{"path": "/usr/bin/touch", "args": ["touch", str(work / "first")]}],
        "startContainer": [{"path": INSIDE, "args": ["inside", "touch", "/tmp/first"]}],
    }
    c = container(config)
    c.create()

    assert "startContainer" in c.refuses("start")
    assert (work / "first").exists()
    assert not (c.rootfs / "tmp/first").exists()


@requires.apparmor
def test_profile_that_is_not_loaded_is_an_error(container: MakeContainer, config: Config) -> None:
    config["process"]["apparmorProfile"] = "no-such-profile"
    c = container(config)

    message = c.refuses("create")

    assert "process.apparmorProfile" in message
    assert "no such file or directory" in message
    assert not c.exists


@requires.no_apparmor
def test_profile_is_refused_where_there_are_none(container: MakeContainer, config: Config) -> None:
    config["process"]["apparmorProfile"] = PROFILE
    c = container(config)

    assert "pparmor" in c.refuses("create").lower()
    assert not c.exists


@requires.no_apparmor
@pytest.mark.ours
def test_unconfined_is_no_profile(container: MakeContainer, config: Config) -> None:
    config["process"]["apparmorProfile"] = "unconfined"

    assert container(config, "print", "here").run().sections == ["here"]


@requires.no_selinux
@pytest.mark.ours
@pytest.mark.parametrize(("part", "name"), [("process", "selinuxLabel"), ("linux", "mountLabel")])
def test_label_is_refused_where_there_are_none(
    container: MakeContainer, config: Config, part: str, name: str
) -> None:
    config[part][name] = "system_u:object_r:container_file_t:s0:c1,c2"
    c = container(config)

    assert f"/{part}/{name}: SELinux is not enabled" in c.refuses("create")
    assert not c.exists


@requires.no_apparmor
@requires.no_selinux
@pytest.mark.ours
@pytest.mark.parametrize(
    ("option", "named"),
    [("--apparmor", "/process/apparmorProfile"), ("--process-label", "/process/selinuxLabel")],
)
def test_exec_with_a_label_is_refused_where_there_are_none(
    container: MakeContainer, config: Config, option: str, named: str
) -> None:
    c = container(config, "pause")
    c.detach()
    c.wait_for_output()

    assert f"{named}: " in c.refuses("exec", option, "x", after=(INSIDE, "print", "here"))
    assert c.status == "running"
