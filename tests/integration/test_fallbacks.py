"""Kernels that lack calls: the planned fallbacks give the same container, and what has no fallback is refused by name.

The whole suite can be run so: `pytest tests/integration --deny openat2,clone3,...`; these are the tests about it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import requires
from support.config import Config, bind
from support.container import MakeContainer
from support.runtime import Runtime

# A filter of an ordinary user takes the privileges of newuidmap(1).
pytestmark = [pytest.mark.root, pytest.mark.ours, requires.as_root("denies calls to the runtime")]

OLD = ("openat2", "clone3", "close_range")
MOUNT_API = ("fsopen", "fsconfig", "fsmount", "open_tree", "move_mount", "mount_setattr")
SETS = {
    "before 5.12": ("mount_setattr",),
    "before 5.6": ("openat2", "close_range"),
    "before 5.3": OLD,
    "before 5.2": (*OLD, *MOUNT_API),
}


@pytest.fixture(params=SETS, ids=list(SETS))
def old_kernel(request: pytest.FixtureRequest, runtime: Runtime, deny_binary: Path) -> None:
    runtime.prefix = [str(deny_binary), *SETS[request.param], "--"]


@pytest.mark.usefixtures("old_kernel")
def test_the_container_is_the_same(
    container: MakeContainer, config: Config, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("of the host\n")
    tmp_path.chmod(0o755)
    config["root"]["readonly"] = True
    config["mounts"].append(bind(source, "/mnt", "rbind", "ro", "rprivate"))
    commands = "cat /mnt/file ; touch /mnt/x ; touch /x ; write /proc/sys/kernel/domainname x ; cat /proc/keys"

    result = container(config, *commands.split(" ")).run(expect=None)

    assert result.sections == ["of the host", "EROFS", "EROFS", "EROFS", ""], str(result)


@pytest.mark.usefixtures("old_kernel")
def test_a_destination_through_symbolic_links_stays_inside(
    container: MakeContainer, config: Config, tmp_path: Path
) -> None:
    # CVE-2021-30465, CVE-2024-45310
    outside = tmp_path / "outside"
    outside.mkdir()
    tmp_path.chmod(0o755)
    c = container(config, "cat", "/proc/self/mountinfo")
    (c.rootfs / "absolute").symlink_to(outside)
    (c.rootfs / "up").symlink_to("../../../../../../../../../../../../tmp")
    for destination in ("/absolute/a/b", "/up/made"):
        c.config["mounts"].append(
            {"destination": destination, "type": "tmpfs", "source": "tmpfs", "options": []}
        )
    c.write_config()

    text = c.run().stdout

    assert f" {outside}/a/b " in text
    assert " /tmp/made " in text
    assert list(outside.iterdir()) == []


def test_recursive_options_are_refused_by_name(
    container: MakeContainer, config: Config, runtime: Runtime, deny_binary: Path, tmp_path: Path
) -> None:
    # Never silently weaker: without mount_setattr the submounts would stay writable.
    runtime.prefix = [str(deny_binary), "mount_setattr", "--"]
    config["mounts"].append(bind(tmp_path, "/mnt", "rbind", "rro"))

    assert "mount_setattr (Linux 5.12)" in container(config).refuses("create")


def test_idmapped_mounts_are_refused_by_name(
    container: MakeContainer, config: Config, runtime: Runtime, deny_binary: Path, tmp_path: Path
) -> None:
    runtime.prefix = [str(deny_binary), "mount_setattr", "--"]
    maps = [{"containerID": 0, "hostID": 1000, "size": 1}]
    config["mounts"].append(
        {**bind(tmp_path, "/mnt", "idmap"), "uidMappings": maps, "gidMappings": maps}
    )

    assert "idmapped mounts need mount_setattr" in container(config).refuses("create")


@pytest.mark.parametrize("best_effort", [True, False])
def test_without_landlock_a_policy_is_refused_or_left_out_with_a_warning(
    container: MakeContainer,
    config: Config,
    runtime: Runtime,
    deny_binary: Path,
    best_effort: bool,
) -> None:
    runtime.prefix = [str(deny_binary), "landlock_create_ruleset", "--"]
    policy = {"handledAccessFS": ["make_reg"], "bestEffort": best_effort}
    config["annotations"] = {"org.pyruntime.landlock": json.dumps(policy)}
    c = container(config, "touch", "/tmp/x")

    if best_effort:
        result = c.run()
        assert result.sections == ["ok"]
        assert "make_reg: needs version 1 of Landlock (Linux 5.13), this kernel has none" in (
            result.stderr
        )
        assert "it restricts nothing" in result.stderr
    else:
        message = c.refuses("create")
        assert "/annotations/org.pyruntime.landlock: /handledAccessFS: make_reg" in message
        assert not c.exists
