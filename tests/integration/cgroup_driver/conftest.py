"""Cgroups on this machine's hierarchies: in the layout that it has, and in cgroup v2 alone where it is mounted."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyruntime.cgroups import cgroup_of
from pyruntime.cgroups.base import Cgroup
from pyruntime.facts import Facts
from support.cgroup_driver import PARENT, Spawn, host_facts, placed_at, tops, unified_facts


@pytest.fixture
def leak_check() -> None:
    """No runtime is run here; `parent` sees to the cgroups."""


@pytest.fixture(params=[host_facts, unified_facts], ids=["host", "unified"])
def facts(request: pytest.FixtureRequest) -> Facts:
    found: Facts = request.param()
    return found


@pytest.fixture
def parent(facts: Facts) -> Iterator[str]:
    """A cgroup for the test alone; afterwards there is neither a process nor a cgroup in it."""
    yield PARENT
    for top in tops(host_facts()):
        for directory, _, _ in os.walk(top, topdown=False):
            Path(directory).rmdir()


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start a program; at the end it is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*args: str) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(args or ("sleep", "1000")))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def cgroup(facts: Facts, parent: str) -> Iterator[Cgroup]:
    """A cgroup that is made, with everything allowed."""
    placed = placed_at(facts, f"{parent}/one")
    cgroup = cgroup_of(placed.driver, placed.paths)
    cgroup.make()
    yield cgroup
    cgroup.kill()
    cgroup.remove()
