"""update: new limits for a container that exists, in its cgroup and for later readers of its configuration."""

from __future__ import annotations

import json
from typing import Any

import pytest

import requires
from support import cgroups
from support.config import Config
from support.container import Container, MakeContainer

MIB = 1 << 20
MEMORY = "memory.max" if cgroups.UNIFIED else "memory.limit_in_bytes"


@pytest.fixture
def limited(container: MakeContainer, config: Config) -> Container:
    config["linux"]["resources"].update(memory={"limit": 64 * MIB}, pids={"limit": 20})
    c = container(config, "pause")
    c.detach()
    return c


def value(c: Container, controller: str, file: str) -> str:
    return (c.cgroup_directory(controller) / file).read_text().strip()


def update(c: Container, resources: object) -> None:
    c.verb("update", "--resources", "-", input=json.dumps(resources))


@requires.controller("memory")
@requires.controller("pids")
def test_options_are_limits(limited: Container) -> None:
    limited.verb("update", "--memory", "32m", "--pids-limit=7")

    assert value(limited, "memory", MEMORY) == str(32 * MIB)
    assert value(limited, "pids", "pids.max") == "7"


@requires.controller("memory")
@requires.controller("pids")
def test_resources_come_as_json_and_what_they_do_not_name_stays(limited: Container) -> None:
    # As an engine sends it: 0 and "" for what is not changed.
    update(limited, {"memory": {"limit": 0}, "cpu": {"cpus": "", "mems": ""}, "pids": {"limit": 9}})

    assert value(limited, "memory", MEMORY) == str(64 * MIB)
    assert value(limited, "pids", "pids.max") == "9"


@requires.controller("pids")
def test_a_limit_can_be_taken_away_also_of_a_paused_container(limited: Container) -> None:
    limited.verb("pause")
    limited.verb("update", "--pids-limit", "-1")
    limited.verb("resume")

    assert value(limited, "pids", "pids.max") == "max"


@requires.controller("cpu")
def test_quota_and_period_belong_together(container: MakeContainer, config: Config) -> None:
    config["linux"]["resources"]["cpu"] = {"quota": 20000, "period": 40000}
    c = container(config, "pause")
    c.create()

    c.verb("update", "--cpu-quota", "10000")

    if cgroups.UNIFIED:
        assert value(c, "cpu", "cpu.max") == "10000 40000"
    else:
        assert value(c, "cpu", "cpu.cfs_quota_us") == "10000"
        assert value(c, "cpu", "cpu.cfs_period_us") == "40000"


@requires.controller("memory")
@pytest.mark.ours
def test_what_is_wrong_is_named_and_changes_nothing(limited: Container) -> None:
    refused = limited.refuses(
        "update", "--resources", "-", input='{"memory": {"limit": "much"}, "pids": {"limit": 3}}'
    )

    assert "/linux/resources/memory/limit" in refused
    assert value(limited, "memory", MEMORY) == str(64 * MIB)


@requires.controller("memory")
@requires.controller("pids")
@pytest.mark.ours
def test_what_was_set_is_set_back_when_a_later_limit_is_refused(limited: Container) -> None:
    wanted: dict[str, Any] = {
        "pids": {"limit": 3},
        "hugepageLimits": [{"pageSize": "3MB", "limit": 0}],
    }

    limited.refuses("update", "--resources", "-", input=json.dumps(wanted))
    # A later update starts from what holds.
    limited.verb("update", "--memory", "48m")

    assert value(limited, "pids", "pids.max") == "20"
    assert value(limited, "memory", MEMORY) == str(48 * MIB)


@requires.controller("pids")
def test_a_second_update_goes_over_the_first(limited: Container) -> None:
    update(limited, {"pids": {"limit": 9}})
    update(limited, {"pids": {"limit": 11}})

    assert value(limited, "pids", "pids.max") == "11"


@pytest.mark.ours
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--memory", "lots"), "--memory: 'lots' is not a size"),
        (("--pids-limit", "1.5"), "--pids-limit: '1.5' is not a number"),
        (("--resources", "-", "--memory", "1m"), "--resources"),
        ((), "no limit is given"),
    ],
    ids=str,
)
def test_bad_options_are_refused(limited: Container, words: tuple[str, ...], said: str) -> None:
    assert said in limited.refuses("update", *words, input="{}")


@pytest.mark.ours
def test_device_rules_that_update_would_not_change_are_refused(limited: Container) -> None:
    rules = '{"devices": [{"allow": true, "access": "rwm"}]}'

    said = limited.refuses("update", "--resources", "-", input=rules)

    assert "update does not change device rules" in said


def test_a_stopped_container_has_no_limits_to_change(limited: Container) -> None:
    limited.kill("KILL")
    limited.wait_stopped()

    limited.refuses("update", "--pids-limit", "5")


@pytest.mark.ours
@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ({"Memory": {"limit": 1 << 28}}, "/linux/resources/Memory: must be spelled"),
        ({"memory": {"Limit": 1 << 28}}, "/linux/resources/memory/Limit: must be spelled"),
        ({"memroy": {"limit": 1 << 28}}, "/linux/resources/memroy: is not known"),
        ({"memory": {"limits": 1 << 28}}, "/linux/resources/memory/limits: is not known"),
        (
            {"devices": [{"allow": False, "type": "c", "access": "w"}]},
            "does not change device rules",
        ),
    ],
    ids=str,
)
def test_what_an_update_does_not_understand_is_refused(
    container: MakeContainer, asked: dict[str, object], place: str
) -> None:
    c = container(None, "pause")
    c.create()

    result = c.verb("update", "--resources", "-", input=json.dumps(asked), expect=1)

    assert place in result.stderr
