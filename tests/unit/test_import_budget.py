"""What each hot verb loads, as a written list: a module more is a decision, for it costs 0.1-0.2 ms.

The verbs run for real, through a stand-in for the front door that asks Python to tell what it imports.
docs/startup.md has the prices.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import pyruntime
from support.container import MakeContainer
from support.runtime import Runtime

LIBRARY = Path(pyruntime.__file__).parents[1]
BASE_PYTHON = [sys.executable, "-I", "-S", "-B", "-X", "utf8=1", "-X", "importtime"]

BOOT = (Path(__file__).parents[2] / "csrc" / "boot.py").read_text()

# Built in, or C. Whatever brings in re, enum, typing, functools or collections is not here.
STANDARD = {"__future__", "_json", "errno", "fcntl", "gc", "select"}

CLI = """pyruntime pyruntime.errors pyruntime.where pyruntime.cli pyruntime.cli.log pyruntime.cli.main
pyruntime.cli.parse pyruntime.cli.root pyruntime.cli.table pyruntime.commands"""

# The record of a container and the cgroup in it; one of the drivers, as the host is.
RECORD = """pyruntime.cgroups pyruntime.cgroups.base pyruntime.cgroups.files pyruntime.cgroups.v1
pyruntime.cgroups.v2 pyruntime.cgroups.walk pyruntime.container pyruntime.container.interrupts pyruntime.container.lifecycle pyruntime.container.own_cgroups pyruntime.container.process
pyruntime.container.record pyruntime.container.status pyruntime.container.store pyruntime.spec
pyruntime.spec.load"""

PLAN = """pyruntime.cgroups.devices pyruntime.cgroups.placement pyruntime.cgroups.resources
pyruntime.cgroups.write pyruntime.commands._common pyruntime.container.bundle pyruntime.container.create
pyruntime.container.executor pyruntime.container.host_ops pyruntime.container.launch pyruntime.facts
pyruntime.host pyruntime.host.facts pyruntime.host.mounts pyruntime.linux
pyruntime.linux.capabilities pyruntime.linux.flags pyruntime.linux.namespaces pyruntime.plan
pyruntime.plan.cgroup pyruntime.plan.cgroup_mounts pyruntime.plan.create pyruntime.plan.devices
pyruntime.plan.hooks pyruntime.plan.identity pyruntime.plan.idmapped
pyruntime.plan.mount_attributes pyruntime.plan.mount_ops pyruntime.plan.mount_options
pyruntime.plan.mounts pyruntime.plan.namespaces pyruntime.plan.not_executed pyruntime.plan.ops pyruntime.plan.process
pyruntime.plan.request pyruntime.plan.rootfs pyruntime.plan.scheduling pyruntime.plan.step
pyruntime.plan.wire pyruntime.spec.linux_rules pyruntime.spec.places pyruntime.spec.rules
pyruntime.spec.sysctl pyruntime.spec.mount_rules pyruntime.spec.normal pyruntime.spec.validate pyruntime.spec.warnings"""

CONFIG = """pyruntime.spec._config_schema pyruntime.cgroups.resources_v1
pyruntime.cgroups.resources_v2"""

FOREGROUND = "pyruntime.container.foreground pyruntime.linux.signals"

MODULES = {
    "state": [CLI, RECORD, "pyruntime.commands._common"],
    "start": [CLI, RECORD, "pyruntime.container.starting pyruntime.plan pyruntime.plan.step"],
    "kill": [CLI, RECORD, "pyruntime.linux pyruntime.linux.signals"],
    "delete": [CLI, RECORD, "pyruntime.container.host_ops"],
    "create": [CLI, RECORD, PLAN, CONFIG],
    "run": [CLI, RECORD, PLAN, CONFIG, FOREGROUND, "pyruntime.container.running"],
    "exec": [
        CLI,
        RECORD,
        PLAN,
        FOREGROUND,
        "pyruntime.container.exec pyruntime.container.init_proc",
        "pyruntime.container.sub_cgroups pyruntime.plan.exec",
    ],
}


def loaded(log: Path) -> set[str]:
    """The modules that `-X importtime` told of."""
    lines = [line for line in log.read_text().splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines[1:]}


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What the interpreter itself loads."""
    log = tmp_path_factory.mktemp("bare") / "log"
    with log.open("w") as file:
        subprocess.run([*BASE_PYTHON, "-c", "import os"], stderr=file, check=True)
    return loaded(log)


class Watch:
    """The runtime with a list of imports for each command."""

    def __init__(self, runtime: Runtime, bare: set[str]) -> None:
        self.runtime = runtime
        self.bare = bare
        self.log = runtime.work / "imports"
        runtime.path = runtime.work / "pyruntime"
        boot = runtime.work / "boot"
        boot.write_text(BOOT)
        words = " ".join(f"'{word}'" for word in [*BASE_PYTHON, "-c"])
        words += f""" "$(cat '{boot}')" '{LIBRARY}'"""
        runtime.path.write_text(f"#!/bin/sh\nexec {words} \"$@\" 2>'{self.log}'\n")
        runtime.path.chmod(0o755)

    def imports(self) -> set[str]:
        """What the last command loaded."""
        return loaded(self.log) - self.bare


@pytest.fixture
def watch(runtime: Runtime, bare: set[str]) -> Watch:
    return Watch(runtime, bare)


def test_each_hot_verb_loads_what_is_written(watch: Watch, container: MakeContainer) -> None:
    waiting, ending = container(None, "pause"), container(None, "id")
    steps: dict[str, Callable[[], object]] = {
        "create": waiting.create,
        "state": lambda: waiting.verb("state"),
        "start": waiting.start,
        "exec": lambda: waiting.exec("id"),
        "kill": lambda: waiting.kill("KILL"),
        "run": ending.run,
        "delete": lambda: (waiting.wait_stopped(), waiting.delete()),
    }
    surprises = {}
    for verb, step in steps.items():
        step()
        written = {*STANDARD, f"pyruntime.commands.{verb}", *" ".join(MODULES[verb]).split()}
        surprises[verb] = sorted(watch.imports() - written)

    assert surprises == {verb: [] for verb in steps}
