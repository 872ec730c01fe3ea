"""Programs that map ids are taken only where root has put them; who owns a namespace is asked of the kernel."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pyruntime.facts import CgroupFacts, Facts
from pyruntime.host import rootless


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(rootless, "DIRECTORIES", (str(tmp_path / "none"), str(tmp_path)))
    for name in ("newuidmap", "newgidmap"):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def owned_by(monkeypatch: pytest.MonkeyPatch, uid: int) -> None:
    real = os.stat

    class Status:
        def __init__(self, path: str) -> None:
            self.st_mode = real(path).st_mode
            self.st_uid = uid

    monkeypatch.setattr(os, "stat", Status)


def test_helpers_are_found_in_the_fixed_directories(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned_by(monkeypatch, 0)

    assert rootless.id_helpers() == {
        "uid_map": f"{directory}/newuidmap",
        "gid_map": f"{directory}/newgidmap",
    }


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o644])
def test_a_helper_that_others_may_write_or_nobody_may_run_is_not_taken(
    directory: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    (directory / "newuidmap").chmod(mode)
    owned_by(monkeypatch, 0)

    assert rootless.id_helpers().keys() == {"gid_map"}


def test_a_helper_of_a_user_is_not_taken(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert directory.is_dir()
    owned_by(monkeypatch, 1000)

    assert rootless.id_helpers() == {}


def test_a_directory_is_no_helper(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / "newuidmap").unlink()
    (directory / "newuidmap").mkdir()
    owned_by(monkeypatch, 0)

    assert rootless.id_helpers().keys() == {"gid_map"}


def foreign(*namespaces: dict[str, str]) -> frozenset[str]:
    facts = Facts(
        kernel=(6, 1), architecture="x86_64", features=frozenset(), cgroup=CgroupFacts("none")
    )
    spec: Any = {"linux": {"namespaces": list(namespaces)}}
    rootless.look(facts, spec)
    return facts.foreign


def test_a_new_user_namespace_owns_what_is_new_alone() -> None:
    assert foreign({"type": "user"}) == {"network", "pid", "ipc"}
    assert foreign({"type": "user"}, {"type": "network"}) == {"pid", "ipc"}
    assert foreign({"type": "user"}, {"type": "ipc", "path": "/proc/self/ns/ipc"}) == {
        "network",
        "pid",
        "ipc",
    }


def test_a_namespace_that_is_joined_may_be_ours() -> None:
    assert "ipc" not in foreign({"type": "user", "path": "/proc/self/ns/user"}, {"type": "ipc"})
    # What cannot be opened fails in its own step, with a better word.
    assert "ipc" not in foreign({"type": "ipc", "path": "/none"})
