"""The verb `spec`: what it writes, what it refuses to overwrite, and what --check prints."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pyruntime.commands import spec
from pyruntime.errors import AlreadyExists, KernelError, SpecError
from pyruntime.spec import example
from pyruntime.spec.faults import faults
from pyruntime.spec.load import load
from pyruntime.spec.validate import validate


def run(**options: Any) -> int:
    given = {"bundle": ".", "rootless": False, "check": ""} | options
    call: Any = SimpleNamespace(options=given, arguments=[])
    return spec.run(call)


@pytest.mark.parametrize("rootless", [False, True])
def test_the_example_has_no_fault(rootless: bool) -> None:
    config = example.config(rootless=rootless, uid=1000, gid=1000)

    assert validate(config) == []
    assert faults(config) == []


def test_the_example_is_a_shell_in_a_terminal() -> None:
    config = example.config()

    assert config["process"]["args"] == ["sh"]
    assert config["process"]["terminal"] is True
    assert config["process"]["noNewPrivileges"] is True
    assert config["root"] == {"path": "rootfs", "readonly": True}


def test_the_rootless_example_needs_no_privilege() -> None:
    config = example.config(rootless=True, uid=1000, gid=1001)
    options = {option for mount in config["mounts"] for option in mount.get("options", ())}

    assert {"type": "user"} in config["linux"]["namespaces"]
    assert {"type": "network"} not in config["linux"]["namespaces"]
    assert config["linux"]["uidMappings"] == [{"containerID": 0, "hostID": 1000, "size": 1}]
    assert config["linux"]["gidMappings"] == [{"containerID": 0, "hostID": 1001, "size": 1}]
    assert "resources" not in config["linux"]
    assert "gid=5" not in options


def test_examples_do_not_share_their_lists() -> None:
    example.config()["process"]["args"].append("x")
    example.config()["linux"]["maskedPaths"].append("x")

    assert example.config()["process"]["args"] == ["sh"]
    assert "x" not in example.config()["linux"]["maskedPaths"]


def test_a_config_is_written_into_the_bundle(tmp_path: Path) -> None:
    assert run(bundle=str(tmp_path)) == 0

    text = (tmp_path / "config.json").read_text()
    assert json.loads(text) == load(str(tmp_path / "config.json")) == example.config()
    assert text.endswith("}\n")
    assert '"path": "rootfs"' in text


def test_a_config_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("mine")

    with pytest.raises(AlreadyExists, match=r"^File config.json exists. Remove it first$"):
        run(bundle=str(tmp_path))
    assert (tmp_path / "config.json").read_text() == "mine"


def test_a_missing_bundle_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(KernelError, match=r"no/config\.json\): no such file or directory"):
        run(bundle=str(tmp_path / "no"))


def test_check_lists_every_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.json"
    file.write_text('{"ociVersion": 1, "process": {"args": ["\\u001b[2J"], "cwd": "\\u001b"}}')

    assert run(check=str(file)) == 1
    assert capsys.readouterr().out.splitlines() == [
        'must have "root"',
        "/ociVersion: must be a string, not 1",
        '/process/cwd: must be absolute, not "\\x1b"',
    ]


def test_check_of_a_good_file_is_silent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(bundle=str(tmp_path))

    assert run(check=str(tmp_path / "config.json")) == 0
    assert capsys.readouterr() == ("", "")


def test_check_tells_what_is_odd_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.json"
    file.write_text('{"ociVersion": "1.99.0", "root": {"path": "r"}}')

    assert run(check=str(file)) == 0
    assert capsys.readouterr() == (
        "",
        "/ociVersion: warning: 1.99.0 is newer than 1.3, known here\n",
    )


def test_check_of_what_is_no_json_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text("{")

    with pytest.raises(SpecError, match=r"x\.json:1:2: expecting property name"):
        run(check=str(file))
