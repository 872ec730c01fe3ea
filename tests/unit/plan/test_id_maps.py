"""Who writes the maps of a new user namespace, and what becomes of setgroups(2)."""

from __future__ import annotations

from typing import Any

import pytest

from pyruntime.errors import SpecError, Unsupported
from pyruntime.facts import CgroupFacts, Facts
from pyruntime.plan.identity import become_user
from pyruntime.plan.namespaces import id_maps
from pyruntime.plan.request import Request

OWN = [{"containerID": 0, "hostID": 1000, "size": 1}]
MORE = [*OWN, {"containerID": 1, "hostID": 100000, "size": 65536}]
REQUEST = Request("web", "/bundle", "/bundle/rootfs")
SETUID, SETGID = 1 << 7, 1 << 6


def facts(capabilities: int = 0, *, helpers: bool = True, euid: int = 1000) -> Facts:
    found = Facts(
        kernel=(6, 1),
        architecture="x86_64",
        features=frozenset(),
        cgroup=CgroupFacts("none"),
        euid=euid,
        egid=euid,
        capabilities=capabilities,
    )
    if helpers:
        found.id_helpers = {"uid_map": "/bin/newuidmap", "gid_map": "/bin/newgidmap"}
    return found


def spec(uid_maps: list[Any], gid_maps: list[Any]) -> Any:
    return {
        "linux": {
            "namespaces": [{"type": "user"}],
            "uidMappings": uid_maps,
            "gidMappings": gid_maps,
        }
    }


def names(config: Any, host: Facts) -> list[str]:
    return [step.op.name for step in id_maps(config, host)]


def test_the_own_id_alone_needs_no_helper() -> None:
    assert names(spec(OWN, OWN), facts(helpers=False)) == [
        "write_id_map",
        "deny_setgroups",
        "write_id_map",
    ]


def test_more_ids_are_mapped_by_the_helpers_which_leave_setgroups() -> None:
    steps = id_maps(spec(MORE, MORE), facts())

    assert [step.op.args for step in steps] == [
        ("/bin/newuidmap", "0 1000 1\n1 100000 65536\n"),
        ("/bin/newgidmap", "0 1000 1\n1 100000 65536\n"),
    ]


@pytest.mark.parametrize(
    "foreign", [[{"containerID": 0, "hostID": 5, "size": 1}], [{**OWN[0], "size": 2}], MORE]
)
def test_what_is_not_the_own_id_alone_takes_a_helper(foreign: list[Any]) -> None:
    assert names(spec(foreign, OWN), facts())[0] == "map_ids"
    with pytest.raises(Unsupported, match=r"linux\.uidMappings.*newuidmap.*map the id 1000 alone"):
        id_maps(spec(foreign, OWN), facts(helpers=False))


def test_each_map_goes_by_its_own_capability() -> None:
    assert names(spec(MORE, MORE), facts(SETUID)) == ["write_id_map", "map_ids"]
    assert names(spec(MORE, MORE), facts(SETGID)) == ["map_ids", "write_id_map"]
    assert names(spec(MORE, MORE), facts(SETUID | SETGID)) == ["write_id_map", "write_id_map"]


def test_root_of_a_user_namespace_keeps_setgroups() -> None:
    host = facts(-1, helpers=False, euid=0)
    host.in_user_namespace = True
    own = [{"containerID": 0, "hostID": 0, "size": 1}]

    assert names(spec(own, own), host) == ["write_id_map", "write_id_map"]


def test_groups_that_cannot_be_had_are_refused() -> None:
    process: Any = {"user": {"additionalGids": [7]}}

    with pytest.raises(SpecError, match="/process/user/additionalGids: setgroups"):
        become_user(process, spec(OWN, OWN), REQUEST, facts())
    steps, _ = become_user(process, spec(MORE, MORE), REQUEST, facts())
    assert "setgroups" in [step.op.name for step in steps]


def test_where_the_namespace_around_denies_setgroups_none_are_set() -> None:
    host = facts(-1, euid=0)
    host.setgroups_denied = True
    process: Any = {"user": {"additionalGids": [7]}}

    with pytest.raises(SpecError, match="additionalGids"):
        become_user(process, {}, REQUEST, host)
    steps, _ = become_user({}, {}, REQUEST, host)
    assert "setgroups" not in [step.op.name for step in steps]


def test_groups_that_nobody_can_drop_are_a_warning() -> None:
    host = facts()
    assert become_user({}, spec(OWN, OWN), REQUEST, host)[1] == []
    host.keeps_groups = True

    assert (
        "groups of the runtime's user stay" in become_user({}, spec(OWN, OWN), REQUEST, host)[1][0]
    )
    assert become_user({}, spec(MORE, MORE), REQUEST, host)[1] == []
