"""Mounts: an option that was meant to restrict is never lost; ids that are none are refused."""

from __future__ import annotations

from typing import Any

import pytest

from pyruntime.errors import SpecError
from pyruntime.plan import mount_options
from pyruntime.spec.mount_rules import RESTRICTING, meant_by
from pyruntime.spec.validate import validate
from unit.spec.spec_documents import minimal


def with_mount(*options: str, type: str = "bind", **more: Any) -> Any:
    mount = {"destination": "/data", "type": type, "source": "/x", "options": list(options), **more}
    return minimal() | {"mounts": [mount]}


def test_the_restricting_options_are_those_of_the_planner() -> None:
    setting = [name for name, (_, clear) in mount_options.ATTRIBUTES.items() if not clear]
    recursive = [name for name, plain in mount_options.RECURSIVE.items() if plain in setting]
    cutting = [name for name in mount_options.PROPAGATIONS if "shared" not in name]
    times = ("nodiratime", "rnodiratime")  # They are about speed.

    assert {*setting, *recursive, *cutting} - {*times} == {*RESTRICTING}


@pytest.mark.parametrize("option", mount_options.known())
def test_an_option_that_is_known_means_itself(option: str) -> None:
    assert meant_by(option) == ""


@pytest.mark.parametrize(
    "option",
    [
        "z",
        "Z",
        "U",
        "O",
        "nocopy",
        "copy",
        "cached",
        "delegated",
        "consistent",
        "size=64k",
        "mode=755",
        "uid=1000",
        "x-systemd.automount",
        "nouuid",
        "_netdev",
        "nofail",
        "noauto",
        "user",
        "users",
        "discard",
        "data=ordered",
        "nobarrier",
        "lowerdir=/ro:/a",
        "upperdir=/ro",
    ],
)
def test_what_engines_write_beside_is_only_without_effect(option: str) -> None:
    assert meant_by(option) == ""
    validate(with_mount("rbind", option))


@pytest.mark.parametrize(
    ("option", "meant"),
    [
        ("readonly", "ro"),
        ("read-only", "ro"),
        ("read_only", "ro"),
        ("ReadOnly", "ro"),
        ("readony", "ro"),
        ("raedonly", "ro"),
        ("readonly=true", "ro"),
        ("RO", "ro"),
        ("r-o", "ro"),
        (" ro", "ro"),
        ("ro=1", "ro"),
        ("rdonly", "ro"),
        ("no-exec", "noexec"),
        ("noexe", "noexec"),
        ("noexecute", "noexec"),
        ("NOEXEC", "noexec"),
        ("nosiud", "nosuid"),
        ("nosuids", "nosuid"),
        ("no_suid", "nosuid"),
        ("nodevs", "nodev"),
        ("Nodev", "nodev"),
        ("nosymlinks", "nosymfollow"),
        ("privte", "private"),
        ("Private", "private"),
        ("ro,nosuid", "ro"),
        ("rbind,readonly", "ro"),
        ("size=1,noexec", "noexec"),
    ],
)
@pytest.mark.parametrize("type", ["bind", "cgroup"])
def test_what_was_meant_to_restrict_is_refused(option: str, meant: str, type: str) -> None:
    with pytest.raises(SpecError) as caught:
        validate(with_mount("nosuid", option, type=type))

    assert caught.value.pointer == "/mounts/0/options/1"
    assert f'must be "{meant}", not "{option}"' in str(caught.value)


@pytest.mark.parametrize(
    "option",
    [
        "uid=4294967295",
        "gid=4294967295",
        "uid=-1",
        "gid=-1",
        "uid=0xffffffff",
        "gid=+4294967295",
        "uid=037777777777",
        "mode=755,uid=4294967295",
        "uid=4294967296",
        "gid= -1",
    ],
)
def test_an_owner_that_is_no_id_is_refused(option: str) -> None:
    with pytest.raises(SpecError, match="must be an id from 0 to 4294967294"):
        validate(with_mount(option, type="tmpfs"))


@pytest.mark.parametrize("option", ["uid=0", "gid=4294967294", "uid=0x10", "uid=root", "uid="])
def test_an_owner_that_may_be_one_is_the_kernels(option: str) -> None:
    validate(with_mount(option, type="tmpfs"))


@pytest.mark.parametrize("type", ["", "none"])
def test_a_mount_of_no_type_has_to_be_a_bind(type: str) -> None:
    with pytest.raises(SpecError, match="/mounts/0/type: missing, and the options do not say bind"):
        validate(with_mount("ro", type=type))

    validate(with_mount("rbind", type=type))
    validate(with_mount("remount", "ro", type=type))


def test_a_bind_needs_a_source() -> None:
    with pytest.raises(SpecError, match="/mounts/0/source: a bind mount needs one"):
        validate(with_mount("ro", source=""))
