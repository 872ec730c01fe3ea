"""The root file system: read-only, its propagation, and rootfs directories that are not what they seem."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support import mountinfo
from support.config import Config, drop_mount, drop_namespace, mount
from support.container import MakeContainer
from support.mountinfo import topmost


def test_read_only_root_cannot_be_written(container: MakeContainer, config: Config) -> None:
    config["root"]["readonly"] = True

    result = container(
        config, "touch", "/x", ";", "touch", "/tmp/x", ";", "touch", "/dev/shm/x"
    ).run(expect=1)

    assert result.sections == ["EROFS", "EROFS", "ok"]


def test_writable_root_can_be_written(container: MakeContainer, config: Config) -> None:
    c = container(config, "touch", "/x")

    c.run()

    assert (c.rootfs / "x").exists()


def test_read_only_root_leaves_the_hosts_directory_writable(
    container: MakeContainer, config: Config
) -> None:
    config["root"]["readonly"] = True
    c = container(config)

    c.run()
    (c.rootfs / "x").write_text("still writable")


RUNC_APPLIES_IT_BEFORE_THE_BIND = pytest.mark.deviates(
    runc="applies it to the old root only, not to the rootfs"
)


@pytest.mark.parametrize(
    ("propagation", "kind"),
    [
        (None, None),
        ("slave", None),
        ("rslave", None),
        ("private", None),
        ("rprivate", None),
        pytest.param("shared", "shared", marks=RUNC_APPLIES_IT_BEFORE_THE_BIND),
        pytest.param("rshared", "shared", marks=RUNC_APPLIES_IT_BEFORE_THE_BIND),
        pytest.param("unbindable", "unbindable", marks=RUNC_APPLIES_IT_BEFORE_THE_BIND),
        pytest.param("runbindable", "unbindable", marks=RUNC_APPLIES_IT_BEFORE_THE_BIND),
    ],
)
def test_rootfs_propagation_is_in_effect(
    container: MakeContainer, config: Config, propagation: str | None, kind: str | None
) -> None:
    if propagation:
        config["linux"]["rootfsPropagation"] = propagation

    mounts = mountinfo.parse(container(config, "cat", "/proc/self/mountinfo").run().lines)

    # A slave shows as one only if it has a master, which depends on the host's root.
    assert topmost(mounts, "/").propagation - {"master"} == ({kind} if kind else set())


def test_unknown_rootfs_propagation_is_refused(container: MakeContainer, config: Config) -> None:
    config["linux"]["rootfsPropagation"] = "sideways"

    assert "propagation" in container(config).refuses("create").lower()


def test_missing_rootfs_is_refused(container: MakeContainer, config: Config) -> None:
    config["root"]["path"] = "missing"
    c = container(config)

    assert "missing" in c.refuses("create")
    assert not c.exists


def test_rootfs_that_is_a_file_is_refused(container: MakeContainer, config: Config) -> None:
    config["root"]["path"] = "file"
    c = container(config)
    (c.bundle / "file").write_text("")

    assert "not a directory" in c.refuses("create").lower()


def test_rootfs_may_be_absolute(container: MakeContainer, config: Config) -> None:
    c = container(config, "print", "x")
    config["root"]["path"] = str(c.rootfs)
    c.write_config()

    assert c.run(cwd=Path("/")).stdout == "x\n"


def test_rootfs_that_is_a_symlink_is_refused_or_used_safely(
    container: MakeContainer, config: Config
) -> None:
    config["root"]["path"] = "link"
    c = container(config, "print", "x")
    (c.bundle / "link").symlink_to("rootfs")

    result = c.runtime("run", "--bundle", c.bundle, c.id)

    assert result.stdout in ("", "x\n")
    assert "Traceback" not in result.stderr


def test_missing_root_property_is_refused(container: MakeContainer, config: Config) -> None:
    del config["root"]

    assert "root" in container(config).refuses("create").lower()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("dev", marks=pytest.mark.deviates(runc="CVE-2026-41579 is open in 1.1")),
        "proc",
        "sys",
    ],
)
@pytest.mark.parametrize("kind", ["absolute", "dotdot"])
def test_symlink_in_place_of_a_system_directory_leaves_the_host_untouched(
    container: MakeContainer, config: Config, work: Path, name: str, kind: str
) -> None:
    # CVE-2019-19921, CVE-2023-27561 and what followed for /dev.
    host = work / "host"
    host.mkdir()
    c = container(config, "cat", "/proc/self/mountinfo")
    shutil.rmtree(c.rootfs / name)
    (c.rootfs / name).symlink_to(host if kind == "absolute" else "../" * 20 + str(host)[1:])

    result = c.runtime("run", "--bundle", c.bundle, c.id)

    assert list(host.iterdir()) == []
    assert "Traceback" not in result.stderr
    if name != "dev":
        assert result.returncode != 0, str(result)


def test_without_a_mount_on_dev_the_devices_are_made_in_the_rootfs(
    container: MakeContainer, config: Config
) -> None:
    drop_mount(config, "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
    c = container(config, "stat", "/dev/null", ";", "readlink", "/dev/stdin")

    result = c.run()

    assert "type=char" in result.sections[0]
    assert "rdev=1:3" in result.sections[0]
    assert result.sections[1] == "/proc/self/fd/0"


def test_links_to_descriptors_are_made_in_dev(container: MakeContainer, config: Config) -> None:
    links = {
        "/dev/fd": "/proc/self/fd",
        "/dev/stdin": "/proc/self/fd/0",
        "/dev/stdout": "/proc/self/fd/1",
        "/dev/stderr": "/proc/self/fd/2",
    }
    args: list[str] = []
    for link in links:
        args += [";", "readlink", link]

    assert container(config, *args[1:]).run().sections == list(links.values())


def test_existing_links_in_dev_of_the_image_are_no_error(
    container: MakeContainer, config: Config
) -> None:
    drop_mount(config, "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
    c = container(config, "readlink", "/dev/fd")

    for _ in range(2):
        assert c.run().stdout == "/proc/self/fd\n"


def test_no_pivot_gives_the_same_root(container: MakeContainer, config: Config) -> None:
    c = container(config, "ls", "/", ";", "cat", "/proc/self/mountinfo", ";", "stat", "/..")

    result = c.run("--no-pivot")

    assert "bin" in result.sections[0].split()
    assert "pyruntime-test" not in result.sections[0]


@pytest.mark.deviates(runc="mounts the rootfs on the host")
def test_without_a_mount_namespace_the_program_is_chrooted(
    container: MakeContainer, config: Config
) -> None:
    drop_namespace(config, "mount")
    config["mounts"] = []
    config["linux"]["maskedPaths"] = config["linux"]["readonlyPaths"] = []
    c = container(config, "ls", "/")

    # A runtime may refuse it; what it may not do is mount on the host (the leak check looks).
    result = c.runtime("run", "--bundle", c.bundle, c.id)

    assert result.returncode != 0 or "bin" in result.lines
    assert "Traceback" not in result.stderr


def test_program_cannot_reach_the_hosts_root(container: MakeContainer, config: Config) -> None:
    config["mounts"].append(mount("/mnt", "tmpfs", "tmpfs"))

    result = container(
        config, "ls", "/../../..", ";", "ls", "/proc/1/root", ";", "ls", "/proc/1/cwd"
    ).run(expect=None)

    assert "home" not in "\n".join(result.sections).split()
    assert "inside" not in result.sections[0].split()
