"""When and where the process runs: scheduler, IO priority, memory policy, CPU affinity of exec; and limits that are not granted."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import pytest

import requires
from support import ids
from support.config import Config, add_user_namespace
from support.container import Container, MakeContainer


def scheduling(c: Container) -> dict[str, str]:
    return dict(word.split("=") for word in c.run().stdout.split())


@pytest.mark.parametrize(
    ("scheduler", "policy", "nice"),
    [
        ({"policy": "SCHED_OTHER", "nice": 7}, "0", "7"),
        pytest.param(
            {"policy": "SCHED_OTHER", "nice": -5},
            "0",
            "-5",
            marks=requires.as_root("raises a priority"),
        ),
        ({"policy": "SCHED_OTHER"}, "0", "0"),
        ({"policy": "SCHED_BATCH", "nice": 19}, "3", "19"),
        ({"policy": "SCHED_IDLE"}, "5", None),
    ],
    ids=str,
)
def test_policies_without_a_priority(
    container: MakeContainer,
    config: Config,
    scheduler: dict[str, Any],
    policy: str,
    nice: str | None,
) -> None:
    config["process"]["scheduler"] = scheduler

    found = scheduling(container(config, "scheduling"))

    assert found["policy"] == policy
    assert nice in (None, found["nice"])


@requires.as_root("raises a priority")
@pytest.mark.parametrize(("name", "policy"), [("SCHED_FIFO", "1"), ("SCHED_RR", "2")])
def test_real_time_is_granted_or_the_reason_is_told(
    container: MakeContainer, config: Config, name: str, policy: str
) -> None:
    config["process"]["scheduler"] = {"policy": name, "priority": 42}
    c = container(config, "scheduling")

    result = c.run(expect=None)

    if result.returncode:
        # A kernel with real-time groups: the cgroup has not been given time. test_resources.py gives it some.
        assert "process.scheduler: scheduler(" in result.stderr
        assert "cpu.realtimeRuntime" in result.stderr
        return
    found = dict(word.split("=") for word in result.stdout.split())
    assert (found["policy"], found["priority"]) == (policy, "42")


def test_a_flag_of_the_scheduler_is_set(container: MakeContainer, config: Config) -> None:
    config["process"]["scheduler"] = {
        "policy": "SCHED_BATCH",
        "nice": 3,
        "flags": ["SCHED_FLAG_RESET_ON_FORK"],
    }

    found = scheduling(container(config, "scheduling"))

    assert (found["policy"], found["flags"]) == ("3", "1")


def test_flags_that_keep_what_there_is(container: MakeContainer, config: Config) -> None:
    config["process"]["scheduler"] = {
        "policy": "SCHED_BATCH",
        "nice": 3,
        "flags": ["SCHED_FLAG_KEEP_POLICY", "SCHED_FLAG_KEEP_PARAMS"],
    }

    assert scheduling(container(config, "scheduling"))["policy"] == "0"


@pytest.mark.parametrize("flag", ["SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX"])
def test_utilization_clamps_reach_the_kernel(
    container: MakeContainer, config: Config, flag: str
) -> None:
    config["process"]["scheduler"] = {"policy": "SCHED_OTHER", "flags": [flag]}
    c = container(config, "scheduling")

    result = c.run(expect=None)

    # Without CONFIG_UCLAMP_TASK it says so; EINVAL would mean that it has not got what belongs to the flag.
    assert result.returncode == 0 or "no utilization clamping" in result.stderr, str(result)


def test_a_deadline_is_given_or_refused_by_the_kernel(
    container: MakeContainer, config: Config
) -> None:
    times = {"runtime": 1_000_000, "deadline": 20_000_000, "period": 30_000_000}
    config["process"]["scheduler"] = {
        "policy": "SCHED_DEADLINE",
        "flags": ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM"],
        **times,
    }
    c = container(config, "scheduling")

    result = c.run(expect=None)

    if result.returncode:
        # A cpuset or an affinity that is not all of the processors, or no bandwidth left.
        assert "process.scheduler: scheduler(" in result.stderr
        assert "Invalid argument" not in result.stderr
        return
    found = dict(word.split("=") for word in result.stdout.split())
    assert found["policy"] == "6"
    assert found["deadline"] == "1000000/20000000/30000000"
    assert found["flags"] == "3"


@pytest.mark.parametrize(
    ("scheduler", "says"),
    [
        ({"policy": "SCHED_FIFO"}, "priority"),
        ({"policy": "SCHED_OTHER", "priority": 5}, "priority"),
        ({"policy": "SCHED_OTHER", "nice": 20}, "nice"),
        ({"policy": "SCHED_RR", "priority": 5, "runtime": 5}, "runtime"),
        ({"policy": "SCHED_DEADLINE"}, "runtime"),
        ({"policy": "SCHED_DEADLINE", "runtime": 9, "deadline": 5}, "runtime"),
        ({"policy": "SCHED_NONSENSE"}, "policy"),
        ({"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_X"]}, "flags"),
        ({"nice": 5}, "policy"),
    ],
    ids=str,
)
@pytest.mark.ours
def test_what_a_policy_does_not_take_is_refused(
    container: MakeContainer, config: Config, scheduler: dict[str, Any], says: str
) -> None:
    config["process"]["scheduler"] = scheduler

    message = container(config).refuses("create")

    assert "/process/scheduler" in message
    assert says in message


@pytest.mark.ours
def test_a_nice_value_without_effect_is_a_warning(container: MakeContainer, config: Config) -> None:
    config["process"]["scheduler"] = {"policy": "SCHED_IDLE", "nice": 5}

    assert "/process/scheduler/nice" in container(config, "scheduling").run().stderr


def test_a_policy_that_linux_has_not_is_an_error_with_its_name(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["scheduler"] = {"policy": "SCHED_ISO"}

    assert "scheduler" in container(config).refuses("create")


@pytest.mark.parametrize(
    ("kind", "priority", "value"),
    [
        ("IOPRIO_CLASS_BE", 0, 2 << 13),
        ("IOPRIO_CLASS_BE", 7, 2 << 13 | 7),
        pytest.param(
            *("IOPRIO_CLASS_RT", 3, 1 << 13 | 3), marks=requires.as_root("raises a priority")
        ),
        ("IOPRIO_CLASS_IDLE", 0, 3 << 13),
    ],
)
def test_io_priority_is_in_effect_also_for_exec(
    container: MakeContainer, config: Config, kind: str, priority: int, value: int
) -> None:
    config["process"]["ioPriority"] = {"class": kind, "priority": priority}
    c = container(config, "scheduling", ";", "pause")
    c.detach()

    assert f"ioprio={value} " in c.wait_for_output()
    assert f"ioprio={value} " in c.exec("scheduling").stdout


@pytest.mark.parametrize(
    "priority", [{"class": "IOPRIO_CLASS_BE", "priority": 8}, {"priority": 3}, {"class": "X"}]
)
@pytest.mark.ours
def test_bad_io_priority_is_refused(
    container: MakeContainer, config: Config, priority: dict[str, Any]
) -> None:
    config["process"]["ioPriority"] = priority

    assert "/process/ioPriority" in container(config).refuses("create")


@requires.numa
@pytest.mark.parametrize(
    ("policy", "mode", "nodes"),
    [
        ({"mode": "MPOL_BIND", "nodes": "0"}, 2, "1"),
        ({"mode": "MPOL_INTERLEAVE", "nodes": "0"}, 3, "1"),
        ({"mode": "MPOL_PREFERRED", "nodes": "0"}, 1, "1"),
        ({"mode": "MPOL_LOCAL"}, 4, "0"),
        ({"mode": "MPOL_DEFAULT"}, 0, "0"),
        (
            {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]},
            1 << 15 | 2,
            "1",
        ),
    ],
    ids=str,
)
def test_memory_policy_is_in_effect(
    container: MakeContainer, config: Config, policy: dict[str, Any], mode: int, nodes: str
) -> None:
    config["linux"]["memoryPolicy"] = policy

    found = scheduling(container(config, "scheduling"))

    assert (found["mempolicy"], found["nodes"]) == (f"{mode:x}", nodes)


@requires.numa
def test_a_memory_node_that_is_not_there_is_an_error(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "900"}

    assert "memoryPolicy" in container(config).refuses("create")


def cpus(result: Any) -> str:
    for line in result.lines:
        if line.startswith("Cpus_allowed_list:"):
            return str(line.split()[1])
    raise AssertionError(result)


@requires.two_processors
@pytest.mark.parametrize(
    ("affinity", "expected"),
    [
        ({"initial": "0", "final": "1"}, "1"),
        ({"final": "0"}, "0"),
        ({"final": "0-1"}, "0-1"),
    ],
    ids=str,
)
def test_affinity_is_of_exec_processes_alone(
    container: MakeContainer, config: Config, affinity: dict[str, str], expected: str
) -> None:
    config["process"]["execCPUAffinity"] = affinity
    c = container(config, "cat", "/proc/self/status", ";", "pause")
    c.detach()
    c.wait_for_output()

    online = Path("/sys/devices/system/cpu/online").read_text().strip()
    assert f"Cpus_allowed_list:\t{online}\n" in c.output()
    assert cpus(c.exec("cat", "/proc/self/status")) == expected


@requires.two_processors
@pytest.mark.deviates(runc="1.1 keeps the caller's")
def test_the_callers_affinity_is_not_the_programs(container: MakeContainer, config: Config) -> None:
    c = container(config, "cat", "/proc/self/status", ";", "pause")
    c.detach(prefix=["taskset", "-c", "0"])
    c.wait_for_output()

    online = Path("/sys/devices/system/cpu/online").read_text().strip()
    assert f"Cpus_allowed_list:\t{online}\n" in c.output()
    assert cpus(c.exec("cat", "/proc/self/status", prefix=["taskset", "-c", "1"])) == online


@requires.two_processors
def test_affinity_is_that_of_the_cpuset(container: MakeContainer, config: Config) -> None:
    config["linux"]["resources"]["cpu"] = {"cpus": "1"}
    c = container(config, "cat", "/proc/self/status", ";", "pause")
    c.detach(prefix=["taskset", "-c", "0"])
    c.wait_for_output()

    assert "Cpus_allowed_list:\t1\n" in c.output()
    assert cpus(c.exec("cat", "/proc/self/status", prefix=["taskset", "-c", "0"])) == "1"


def test_affinity_without_such_a_processor_is_an_error(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["execCPUAffinity"] = {"final": "4000"}
    c = container(config, "pause")
    c.detach()

    assert "execCPUAffinity" in c.refuses("exec", after=("/bin/true",))
    assert c.status == "running"


# Limits and the OOM score: what takes CAP_SYS_RESOURCE


@requires.no_cap_sys_resource
@pytest.mark.parametrize("user_namespace", [False, True])
def test_a_hard_limit_that_cannot_be_raised_is_an_error_that_says_why(
    container: MakeContainer, config: Config, user_namespace: bool
) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": hard + 1, "hard": hard + 1}]
    if user_namespace:
        add_user_namespace(config)
    c = container(config)

    message = c.refuses("create")

    assert "process.rlimits" in message
    assert "RLIMIT_NOFILE" in message
    assert "CAP_SYS_RESOURCE" in message
    assert not c.exists


@requires.cap_sys_resource
@pytest.mark.parametrize("user_namespace", [False, True])
def test_a_hard_limit_is_raised(
    container: MakeContainer, config: Config, user_namespace: bool
) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_SIGPENDING)
    config["process"]["rlimits"] = [
        {"type": "RLIMIT_SIGPENDING", "soft": hard + 10, "hard": hard + 20}
    ]
    if user_namespace:
        add_user_namespace(config)

    lines = container(config, "limits").run().lines

    assert f"RLIMIT_SIGPENDING {hard + 10} {hard + 20}" in lines


@pytest.mark.parametrize("user_namespace", [False, True])
def test_a_limit_between_the_largest_number_and_unlimited_is_exact_or_refused(
    container: MakeContainer, config: Config, user_namespace: bool
) -> None:
    config["process"]["rlimits"] = [{"type": "RLIMIT_AS", "soft": 2**63, "hard": 2**64 - 2}]
    if user_namespace:
        add_user_namespace(config)
    c = container(config, "cat", "/proc/self/limits")

    result = c.run(expect=None)

    if result.returncode == 0:
        words = next(line for line in result.lines if line.startswith("Max address space")).split()
        assert words[3:5] == [str(2**63), str(2**64 - 2)]
    else:
        assert user_namespace or not ids.PRIVILEGED
        assert "process.rlimits" in result.stderr


@requires.no_cap_sys_resource
def test_a_score_that_cannot_be_lowered_is_an_error_that_says_why(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["oomScoreAdj"] = -1000

    message = container(config).refuses("create")

    assert "process.oomScoreAdj" in message
    assert "CAP_SYS_RESOURCE" in message


@requires.cap_sys_resource
def test_a_score_is_lowered(container: MakeContainer, config: Config) -> None:
    config["process"]["oomScoreAdj"] = -1000

    assert container(config, "cat", "/proc/self/oom_score_adj").run().stdout == "-1000\n"
