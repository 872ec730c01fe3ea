"""File systems of namespaces that are not the container's: bound if that is the same thing, else refused."""

from __future__ import annotations

from typing import Any

import pytest

from pyruntime.errors import Unsupported
from pyruntime.facts import FEATURES, CgroupFacts, Facts
from pyruntime.linux.flags import MOUNT_ATTR_RDONLY
from pyruntime.plan import borrowed
from pyruntime.plan.mount_options import MountOptions


def facts(*foreign: str, features: tuple[str, ...] = FEATURES) -> Facts:
    found = Facts(
        kernel=(6, 1),
        architecture="x86_64",
        features=frozenset(features),
        cgroup=CgroupFacts("none"),
    )
    found.foreign = frozenset(foreign)
    return found


def bound(fstype: str, host: Facts, spec: Any = None, *options: str) -> list[str]:
    """The attributes of the bind, RECURSIVE:SET:CLEAR:PROPAGATION each."""
    given: Any = spec or {}
    op = borrowed.bind("/mounts/0", "/at", fstype, 0, MountOptions(list(options)), given, host)
    return [str(arg) for arg in op.args[4:]]


def test_only_the_file_systems_of_foreign_namespaces_are_borrowed() -> None:
    assert borrowed.borrows("sysfs", facts("network"))
    assert not borrowed.borrows("proc", facts("network"))
    assert not borrowed.borrows("tmpfs", facts("network", "pid", "ipc"))


@pytest.mark.parametrize("asked", ["rw", "ro", "dev", "exec", "suid", "rrw"])
def test_sysfs_is_read_only_with_all_below_whatever_is_asked(asked: str) -> None:
    recursive, set_, clear, _ = map(int, bound("sysfs", facts("network"), {}, asked)[0].split(":"))

    assert recursive == 1
    assert set_ & (MOUNT_ATTR_RDONLY | borrowed.SAFE) == MOUNT_ATTR_RDONLY | borrowed.SAFE
    assert clear == 0


def test_proc_is_read_only_if_that_is_asked() -> None:
    assert not int(bound("proc", facts("pid"))[0].split(":")[1]) & MOUNT_ATTR_RDONLY
    assert int(bound("proc", facts("pid"), {}, "ro")[0].split(":")[1]) & MOUNT_ATTR_RDONLY


@pytest.mark.parametrize(("fstype", "kind"), [("proc", "pid"), ("mqueue", "ipc")])
def test_what_shows_another_namespace_is_refused(fstype: str, kind: str) -> None:
    spec = {"linux": {"namespaces": [{"type": kind, "path": "/proc/7/ns/x"}]}}

    with pytest.raises(Unsupported, match=f"/mounts/0: no {fstype} .* {kind} namespace"):
        bound(fstype, facts(kind), spec)


def test_without_mount_setattr_it_is_refused() -> None:
    with pytest.raises(Unsupported, match=r"5\.12"):
        bound("sysfs", facts("network", features=()))
