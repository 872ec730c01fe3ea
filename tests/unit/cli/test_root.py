"""Where the state is kept, by who asks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyruntime.cli import root
from pyruntime.errors import UsageError


def caller(
    patch: pytest.MonkeyPatch, euid: int, *, in_user_namespace: bool = False, xdg: str = ""
) -> None:
    patch.setattr(os, "geteuid", lambda: euid)
    patch.setattr(root, "_in_user_namespace", lambda: in_user_namespace)
    patch.delenv("XDG_RUNTIME_DIR", raising=False)
    if xdg:
        patch.setenv("XDG_RUNTIME_DIR", xdg)


def test_real_root_uses_run_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    caller(monkeypatch, 0, xdg="/run/user/0")

    assert root.state_root("") == "/run/pyruntime"


@pytest.mark.parametrize(("euid", "in_user_namespace"), [(1000, False), (0, True), (1000, True)])
def test_everybody_else_uses_the_runtime_directory(
    monkeypatch: pytest.MonkeyPatch, euid: int, in_user_namespace: bool
) -> None:
    caller(monkeypatch, euid, in_user_namespace=in_user_namespace, xdg="/run/user/1000/")

    assert root.state_root("") == "/run/user/1000/pyruntime"


@pytest.mark.parametrize("user", ["root", "somebody", None])
def test_the_name_of_the_user_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, user: str | None
) -> None:
    caller(monkeypatch, 0, in_user_namespace=True, xdg="/run/user/1000")
    if user:
        monkeypatch.setenv("USER", user)
    else:
        monkeypatch.delenv("USER", raising=False)

    assert root.state_root("") == "/run/user/1000/pyruntime"


@pytest.mark.parametrize("xdg", ["", "relative"])
def test_a_user_without_a_runtime_directory_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, xdg: str
) -> None:
    caller(monkeypatch, 1000, xdg=xdg)

    with pytest.raises(UsageError, match="XDG_RUNTIME_DIR"):
        root.state_root("")


@pytest.mark.parametrize("option", ["/", "//", "/..", "/tmp/.."])
def test_the_root_directory_is_refused(option: str) -> None:
    with pytest.raises(UsageError):
        root.state_root(option)


def test_a_relative_root_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    assert root.state_root("state") == str(tmp_path / "state")
