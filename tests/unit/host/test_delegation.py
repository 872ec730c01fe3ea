"""Which cgroups may be made: directories of a temporary one, as a user who is not root sees them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyruntime.facts import CgroupFacts, Hierarchy
from pyruntime.host import delegation


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A tree like that of a user who is given `user`, with `user/session` for the runtime; we are that user."""
    for path in ("user", "user/session", "other"):
        (tmp_path / path).mkdir()
        for file in ("cgroup.procs", "cgroup.controllers"):
            (tmp_path / path / file).write_text("cpu pids\n" if "controllers" in file else "")
    (tmp_path / "cgroup.procs").write_text("")
    return tmp_path


@pytest.fixture
def denied(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Paths that access(2) refuses: root may everything, so it is not asked."""
    paths: set[str] = set()
    real = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: str(path) not in paths and real(path, mode)
    )
    return paths


def facts(top: Path, own: str = "/user/session", layout: str = "v2") -> CgroupFacts:
    return CgroupFacts(layout, unified=Hierarchy(("memory",), str(top)), own={"": own})


def test_a_delegated_tree_is_open_and_says_which_controllers_it_has(
    top: Path, denied: set[str]
) -> None:
    denied |= {str(top), str(top / "cgroup.procs")}
    found = facts(top)

    delegation.look_around(found)
    delegation.look_at(found, {"": str(top / "user/web")})

    assert not found.closed
    assert not found.below_own
    assert found.unified is not None
    assert found.unified.controllers == ("cpu", "pids")


def test_where_the_cgroup_beside_is_closed_it_is_below(top: Path, denied: set[str]) -> None:
    denied.add(str(top / "user"))
    found = facts(top)

    delegation.look_around(found)

    assert found.below_own


def test_where_both_are_closed_there_is_a_reason(top: Path, denied: set[str]) -> None:
    denied |= {str(top / "user"), str(top / "user/session")}
    found = facts(top)

    delegation.look_around(found)
    delegation.look_at(found, {"": str(top / "user/web")})

    assert not found.below_own
    assert found.closed == {"": f"{top}/user is not writable for the runtime"}


def test_an_open_tree_is_of_no_use_to_who_is_outside_of_it(top: Path, denied: set[str]) -> None:
    denied.add(str(top / "cgroup.procs"))
    found = facts(top, own="/other")

    delegation.look_at(found, {"": str(top / "user/web")})

    assert f"{top}/cgroup.procs" in found.closed[""]


def test_an_existing_cgroup_has_to_take_processes(top: Path, denied: set[str]) -> None:
    denied.add(str(top / "user/session/cgroup.procs"))
    found = facts(top, own="/user")

    delegation.look_at(found, {"": str(top / "user/session")})

    assert "user/session/cgroup.procs is not writable" in found.closed[""]


def test_hierarchies_of_v1_are_looked_at_one_by_one(top: Path, denied: set[str]) -> None:
    denied.add(str(top / "other"))
    found = CgroupFacts("v1")

    delegation.look_at(found, {"cpu": str(top / "other/web"), "pids": str(top / "user/web")})

    assert found.closed.keys() == {"cpu"}
