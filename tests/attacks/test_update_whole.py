"""An update is done as a whole or not at all, whether the kernel refuses a part of it or a signal comes in between.

At c4f41aa what a failed update had written stayed. Later it was the configuration's values that were written again: what
it did not name, and what somebody else had set since, was lost, and a signal left whatever had been reached.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

import requires
from support import cgroups
from support.config import Config
from support.container import Container, MakeContainer

pytestmark = [pytest.mark.ours]

MIB = 1 << 20

FILES = {
    "memory": ("memory.max", "memory.swap.max", "memory.low", "memory.limit_in_bytes",
               "memory.memsw.limit_in_bytes", "memory.soft_limit_in_bytes"),
    "pids": ("pids.max",),
    "cpu": ("cpu.idle", "cpu.weight", "cpu.max", "cpu.max.burst", "cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us",
            "cpu.cfs_burst_us"),
    "cpuset": ("cpuset.cpus", "cpuset.mems"),
}  # fmt: skip

#   what is done of it before the last is refused
BEFORE_THE_FAULT: dict[str, dict[str, Any]] = {
    "what the configuration does not name": {"cpu": {"shares": 300, "quota": 20000, "burst": 100}},
    "memory is raised": {"memory": {"limit": 128 * MIB, "swap": 256 * MIB}},
    "memory is lowered": {"memory": {"limit": 16 * MIB, "swap": 16 * MIB}},
    "memory is lifted": {"memory": {"limit": -1}},
    "the cpu is made idle": {"cpu": {"idle": 1}},
    "several": {"memory": {"limit": 48 * MIB, "reservation": 8 * MIB}, "cpu": {"cpus": "0"}},
}
# Each property is right, and the kernel has nothing like it: it is the last that is written.
FAULT = {"hugepageLimits": [{"pageSize": "3MB", "limit": 0}]}


def limits(c: Container) -> dict[str, str]:
    found = {}
    for controller, names in FILES.items():
        if cgroups.has_controller(controller):
            for name in names:
                path = c.cgroup_directory(controller) / name
                if path.exists():
                    found[name] = path.read_text().strip()
    return found


def stored(c: Container) -> Any:
    config = json.loads((c.runtime.state_root / c.id / "config.json").read_text())
    return config["linux"]["resources"]


@pytest.fixture
def limited(container: MakeContainer, config: Config) -> Container:
    resources = {
        "memory": {"limit": 64 * MIB, "swap": 96 * MIB},
        "cpu": {"shares": 512},
        "pids": {"limit": 20},
    }
    config["linux"]["resources"].update(
        {name: value for name, value in resources.items() if cgroups.has_controller(name)}
    )
    c = container(config, "pause")
    c.detach()
    return c


def asked_of(wanted: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if cgroups.has_controller(name)}


@pytest.mark.parametrize("wanted", BEFORE_THE_FAULT.values(), ids=list(BEFORE_THE_FAULT))
def test_what_is_refused_in_the_middle_changes_nothing(
    limited: Container, wanted: dict[str, Any]
) -> None:
    before, configuration = limits(limited), stored(limited)
    asked = {**wanted, "pids": {"limit": 7}, **FAULT}

    said = limited.refuses("update", "--resources", "-", input=json.dumps(asked))

    assert limits(limited) == before
    assert stored(limited) == configuration
    assert "hugepageLimits" in said
    assert "is as it was before" in said


@requires.controller("pids")
@requires.as_root("writes a file of the container's cgroup")
def test_what_somebody_else_has_set_meanwhile_comes_back(limited: Container) -> None:
    file = limited.cgroup_directory("pids") / "pids.max"
    file.write_text("13")

    limited.refuses("update", "--resources", "-", input=json.dumps({"pids": {"limit": 7}, **FAULT}))

    assert file.read_text() == "13\n"


@requires.controller("cpu")
def test_an_idle_cgroup_has_its_weight_again(limited: Container) -> None:
    """Making it idle loses the weight, which is in no other file."""
    name = "cpu.weight" if cgroups.UNIFIED else "cpu.shares"
    asked = {"cpu": {"idle": 1}, **FAULT}
    assert limits(limited)["cpu.idle"] == "0"
    before = limits(limited)[name]

    limited.refuses("update", "--resources", "-", input=json.dumps(asked))

    assert limits(limited)[name] == before


WANTED: dict[str, Any] = {
    "memory": {"limit": 128 * MIB, "swap": 256 * MIB},
    "cpu": {"shares": 300, "quota": 20000, "period": 50000},
    "pids": {"limit": 7},
}


@requires.program("strace")
@requires.as_root("traces the runtime")
@pytest.mark.parametrize("call", ["write", "renameat"])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_leaves_all_of_it_or_nothing(limited: Container, call: str, name: str) -> None:
    """At every write: before the first it is nothing, after the last it is all, and in between nothing again."""
    new = {"memory.max": "134217728", "memory.limit_in_bytes": "134217728", "pids.max": "7",
           "memory.memsw.limit_in_bytes": "268435456", "memory.swap.max": "134217728", "cpu.shares": "300",
           "cpu.cfs_quota_us": "20000", "cpu.cfs_period_us": "50000", "cpu.max": "20000 50000"}  # fmt: skip
    asked = limited.bundle / "asked.json"
    asked.write_text(json.dumps(asked_of(WANTED)))
    before, configuration = limits(limited), stored(limited)
    statuses = []
    for when in range(1, 40):
        trace = limited.runtime.work / "trace"
        command = ["strace", "-qq", "-o", str(trace), "-e", f"trace={call}", "-e", f"inject={call}:signal={name}:when={when}",
                   *limited.runtime.command("update", "--resources", asked, limited.id)]  # fmt: skip
        done = subprocess.run(command, env=limited.runtime.environment, check=False)
        statuses.append(done.returncode)
        now = limits(limited)
        if done.returncode:
            assert now == before, f"{call} {when}"
            assert stored(limited) == configuration
        else:
            assert {
                file: value for file, value in new.items() if file in now
            }.items() <= now.items()
            assert stored(limited)["pids"] == {"limit": 7}
            if trace.read_text().count(f"{call}(") < when:
                break
            _again(limited, before, configuration)
    else:
        pytest.fail(f"it never ended: {statuses}")

    assert len(statuses) > 1
    assert all(status in (0, 128 + getattr(signal, name)) for status in statuses)


def _again(c: Container, before: dict[str, str], configuration: Any) -> None:
    """As it was before the update that came through."""
    document = c.runtime.state_root / c.id / "config.json"
    config = json.loads(document.read_text())
    config["linux"]["resources"] = configuration
    document.write_text(json.dumps(config))
    for _ in range(2):  # a limit may have to wait for another
        for controller, names in FILES.items():
            for file in names:
                if file in before:
                    _try_write(c.cgroup_directory(controller) / file, before[file])
    assert limits(c) == before


def _try_write(path: Path, value: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, (value or "\n").encode())
    except OSError:
        pass
    finally:
        os.close(fd)


@requires.controller("memory")
def test_memory_without_a_limit_has_no_limit_of_swap_either(limited: Container) -> None:
    """As runc does it; at c4f41aa it was refused: a swap limit needs that of memory."""
    limited.verb("update", "--memory", "-1")

    now = limits(limited)
    if cgroups.UNIFIED:
        assert now["memory.max"] == "max"
        assert now.get("memory.swap.max", "max") == "max"
    else:
        assert int(now["memory.limit_in_bytes"]) > 1 << 60
        assert int(now["memory.memsw.limit_in_bytes"]) > 1 << 60
    # And both come back, in the other order.
    limited.verb("update", "--memory", "32m", "--memory-swap", "48m")
    assert limits(limited)["memory.max" if cgroups.UNIFIED else "memory.limit_in_bytes"] == str(
        32 * MIB
    )
