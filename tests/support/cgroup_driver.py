"""What the tests of the cgroup drivers share: facts, places and processes in them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyruntime.cgroups import cgroup_of
from pyruntime.cgroups.base import Cgroup
from pyruntime.cgroups.placement import Placement, placement
from pyruntime.errors import Error
from pyruntime.facts import CgroupFacts, Facts
from pyruntime.host.facts import collect

Spawn = Callable[..., "subprocess.Popen[bytes]"]

PARENT = f"/pyruntime-driver-{os.getpid()}"


def host_facts() -> Facts:
    """This host as it is."""
    return collect(frozenset())


def unified_facts() -> Facts:
    """The same host as if its cgroup2 mount were all there is."""
    facts = collect(frozenset())
    if facts.cgroup.unified is None:
        pytest.skip("requires a cgroup2 mount")
    facts.cgroup = CgroupFacts("v2", unified=facts.cgroup.unified, own=facts.cgroup.own)
    return facts


def tops(facts: Facts) -> list[Path]:
    """The tests' own cgroup in every hierarchy."""
    mounts = [*facts.cgroup.v1, *filter(None, [facts.cgroup.unified])]
    return [Path(each.mountpoint + PARENT) for each in mounts]


def placed_at(facts: Facts, path: str, **resources: Any) -> Placement:
    """The placement of a container with this cgroupsPath and these resources."""
    return placement({"linux": {"cgroupsPath": path, "resources": resources}}, "id", facts)


def directories(cgroup: Cgroup) -> list[Path]:
    """Its directory in every hierarchy."""
    return [Path(directory) for directory in cgroup.paths.values()]


def make_inner(cgroup: Cgroup) -> Cgroup:
    """A cgroup in *cgroup*, such as a container makes for itself."""
    inner = {key: f"{directory}/inner" for key, directory in cgroup.paths.items()}
    below = cgroup_of(cgroup.driver, inner)
    below.make()
    return below


def file_of(cgroup: Cgroup, v1_controller: str, v1_name: str, v2_name: str) -> Path:
    """The file of a limit, in whichever version its controller is."""
    for key, directory in cgroup.paths.items():
        if v1_controller in key.split(","):
            return Path(directory, v1_name)
    return Path(cgroup.paths[""], v2_name)


def need(facts: Facts, *controllers: str) -> None:
    """Skip the test on a host without these."""
    have = [name for each in facts.cgroup.v1 for name in each.controllers]
    have += facts.cgroup.unified.controllers if facts.cgroup.unified else ()
    for name in controllers:
        if name not in have:
            pytest.skip(f"requires cgroup controller {name}")


def in_child(cgroup: Cgroup, action: Callable[[], None]) -> int:
    """Do *action* in a process that is in *cgroup*: 0, or the errno, or 255 for another error."""
    pid = os.fork()
    if not pid:
        status = 255
        try:
            cgroup.add(os.getpid())
            action()
            status = 0
        except OSError as error:
            status = error.errno or 254
        except Error as error:
            print(error, file=sys.stderr)
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
