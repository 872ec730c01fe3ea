"""Masked and read-only paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import mountinfo
from support.config import MASKED, READONLY, Config, drop_mount
from support.container import MakeContainer


def test_masked_file_is_empty_and_cannot_be_written(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["maskedPaths"] = ["/etc/secret"]
    c = container(
        config, "cat", "/etc/secret", ";", "stat", "/etc/secret", ";", "remove", "/etc/secret"
    )
    (c.rootfs / "etc" / "secret").write_text("secret\n")

    result = c.run(expect=1)

    assert result.sections[0] == ""
    assert "rdev=1:3" in result.sections[1]
    assert result.sections[2] == "EBUSY"
    assert (c.rootfs / "etc" / "secret").read_text() == "secret\n"


def test_masked_directory_is_empty_and_cannot_be_written(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["maskedPaths"] = ["/etc/dir"]
    c = container(
        config, "ls", "/etc/dir", ";", "touch", "/etc/dir/x", ";", "cat", "/etc/dir/secret"
    )
    (c.rootfs / "etc" / "dir").mkdir()
    (c.rootfs / "etc" / "dir" / "secret").write_text("secret\n")

    assert c.run(expect=1).sections == ["", "EROFS", "ENOENT"]


@pytest.mark.parametrize("path", [path for path in MASKED if Path(path).exists()])
def test_masked_path_of_the_default_config_shows_nothing(
    container: MakeContainer, config: Config, path: str
) -> None:
    show = "ls" if Path(path).is_dir() else "cat"

    assert container(config, show, path).run().stdout == ""


@pytest.mark.parametrize("what", ["maskedPaths", "readonlyPaths"])
def test_missing_path_is_ignored(container: MakeContainer, config: Config, what: str) -> None:
    config["linux"][what] = ["/no/such/path", "/etc/no-such-file"]
    c = container(config)

    c.run()

    assert not (c.rootfs / "no").exists()


@pytest.mark.parametrize("what", ["maskedPaths", "readonlyPaths"])
def test_path_that_is_a_symlink_touches_nothing_of_the_host(
    container: MakeContainer, config: Config, work: Path, what: str
) -> None:
    config["linux"][what] = ["/etc/link"]
    (work / "secret").write_text("of the host\n")
    c = container(config, "cat", "/etc/target", ";", "write", "/etc/target", "x")
    (c.rootfs / "etc" / "link").symlink_to(work / "secret")
    (c.rootfs / "etc" / "target").write_text("of the image\n")

    result = c.runtime("run", "--bundle", c.bundle, c.id)

    assert "Traceback" not in result.stderr
    assert (work / "secret").read_text() == "of the host\n"


def test_masked_path_through_a_symlink_in_the_rootfs_masks_its_target(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["maskedPaths"] = ["/etc/link"]
    c = container(config, "cat", "/etc/target")
    (c.rootfs / "etc" / "link").symlink_to("target")
    (c.rootfs / "etc" / "target").write_text("secret\n")

    # To refuse is as good; to show it is not.
    result = c.runtime("run", "--bundle", c.bundle, c.id)

    assert "secret" not in result.stdout


def test_readonly_directory_and_file_cannot_be_written(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["readonlyPaths"] = ["/etc/dir", "/etc/file"]
    c = container(
        config,
        "touch",
        "/etc/dir/x",
        ";",
        "write",
        "/etc/file",
        "x",
        ";",
        "cat",
        "/etc/file",
        ";",
        "touch",
        "/etc/y",
    )
    (c.rootfs / "etc" / "dir").mkdir()
    (c.rootfs / "etc" / "file").write_text("readable\n")

    assert c.run(expect=1).sections == ["EROFS", "EROFS", "readable", "ok"]


@pytest.mark.parametrize("path", [path for path in READONLY if Path(path).exists()])
def test_readonly_path_of_the_default_config_is_a_read_only_mount(
    container: MakeContainer, config: Config, path: str
) -> None:
    mounts = mountinfo.parse(container(config, "cat", "/proc/self/mountinfo").run().lines)

    assert "ro" in mountinfo.topmost(mounts, path).options


def test_the_kernels_settings_cannot_be_written(container: MakeContainer, config: Config) -> None:
    assert (
        container(config, "write", "/proc/sys/kernel/hostname", "x").run(expect=1).stdout
        == "EROFS\n"
    )


def test_readonly_path_keeps_the_other_options_of_its_mount(
    container: MakeContainer, config: Config
) -> None:
    drop_mount(config, "/proc")
    config["mounts"].insert(
        0,
        {
            "destination": "/proc",
            "type": "proc",
            "source": "proc",
            "options": ["nosuid", "noexec", "nodev"],
        },
    )

    mounts = mountinfo.parse(container(config, "cat", "/proc/self/mountinfo").run().lines)

    assert {"ro", "nosuid", "noexec", "nodev"} <= mountinfo.topmost(mounts, "/proc/sys").options


def test_masked_null_device_of_the_image_is_not_trusted(
    container: MakeContainer, config: Config
) -> None:
    # CVE-2025-31133: the image's /dev/null is a link to what the container wants to write.
    drop_mount(config, "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
    config["linux"]["maskedPaths"] = ["/etc/secret"]
    c = container(config, "cat", "/etc/secret")
    (c.rootfs / "etc" / "secret").write_text("secret\n")
    (c.rootfs / "etc" / "other").write_text("other\n")
    (c.rootfs / "dev" / "null").symlink_to("/etc/other")

    result = c.runtime("run", "--bundle", c.bundle, c.id)

    assert "secret" not in result.stdout
    assert "other" not in result.stdout
