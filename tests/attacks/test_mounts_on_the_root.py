"""A mount on the container's root lies below what init enters, and nobody ever sees it: a secret that is not there, a mask that
hides nothing, a path that was to be read-only and is not. What cannot be done is refused, whoever leads there.

At c4f41aa each was accepted and had no effect.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.config import Config
from support.container import MakeContainer
from support.runtime import Runtime

pytestmark = pytest.mark.ours

WAYS = ["/", "//", "/.", "/a/..", "/../"]
LOST = "it leads to the container's root, where a mount would be lost"


MOUNT_API = ("open_tree", "move_mount", "fsopen", "fsmount", "fsconfig", "mount_setattr")


@pytest.fixture(params=[(), MOUNT_API], ids=["new mount API", "mount(2) alone"])
def kernel(request: pytest.FixtureRequest, runtime: Runtime, deny_binary: Path) -> None:
    if request.param:
        runtime.prefix = [str(deny_binary), *request.param, "--"]


def mounts(source: Path) -> list[dict[str, object]]:
    return [
        {"destination": "", "type": "tmpfs", "source": "tmpfs"},
        {"destination": "", "type": "bind", "source": str(source), "options": ["rbind"]},
    ]


@pytest.mark.parametrize("kind", [0, 1], ids=["tmpfs", "bind"])
@pytest.mark.parametrize("way", WAYS)
def test_a_mount_on_the_root_is_refused(
    container: MakeContainer, config: Config, work: Path, way: str, kind: int
) -> None:
    config["mounts"].append({**mounts(work)[kind], "destination": way})
    place = f"/mounts/{len(config['mounts']) - 1}/destination"

    message = container(config).refuses("create")

    assert f"{place}: is the container's root" in message


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("kind", [0, 1], ids=["tmpfs", "bind"])
@pytest.mark.parametrize("target", ["/", "..", "up", "proc/self/root"])
def test_a_link_of_the_image_does_not_lose_a_mount(
    container: MakeContainer,
    config: Config,
    work: Path,
    target: str,
    kind: int,
) -> None:
    config["mounts"].append({**mounts(work)[kind], "destination": "/here"})
    c = container(config)
    (c.rootfs / "up").symlink_to("..")
    (c.rootfs / "here").symlink_to(target)

    message = c.refuses("create")

    assert "mounts[" in message
    if target != "proc/self/root":  # of procfs no link is followed
        assert LOST in message


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("what", ["maskedPaths", "readonlyPaths"])
def test_a_link_of_the_image_does_not_lose_a_restriction(
    container: MakeContainer, config: Config, what: str
) -> None:
    config["linux"][what] = ["/here"]
    c = container(config)
    (c.rootfs / "here").symlink_to("/")

    message = c.refuses("create")

    assert f"linux.{what}[0]" in message
    assert LOST in message


@pytest.mark.parametrize("way", WAYS)
def test_the_root_cannot_be_masked(container: MakeContainer, config: Config, way: str) -> None:
    config["linux"]["maskedPaths"] = [way]

    assert "/linux/maskedPaths/0: is the container's root" in container(config).refuses("create")


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("way", WAYS)
def test_a_readonly_path_may_be_the_root(
    container: MakeContainer, config: Config, way: str
) -> None:
    config["root"]["readonly"] = False
    config["linux"]["readonlyPaths"] = ["/etc", way]

    c = container(config, "touch", "/new")

    assert "EROFS" in c.run(expect=None).stdout
    assert not (c.rootfs / "new").exists()


def test_a_mount_of_the_rootfs_itself_is_another_mount(
    container: MakeContainer, config: Config
) -> None:
    """The same directory by its inode, and no root: something can be mounted on it."""
    c = container(config, "ls", "/again")
    config["mounts"] += [
        {
            "destination": "/again",
            "type": "bind",
            "source": str(c.rootfs),
            "options": ["rbind"],
        },
        {"destination": "/again", "type": "tmpfs", "source": "tmpfs"},
    ]
    c.config["mounts"] = json.loads(json.dumps(config["mounts"]))
    c.write_config()

    assert c.run().stdout.strip() == ""


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("options", [[], ["mode=0700"]])
@pytest.mark.parametrize("there", [False, True])
def test_a_tmpfs_has_the_mode_of_what_was_there(
    container: MakeContainer,
    config: Config,
    options: list[str],
    there: bool,
) -> None:
    """Without anything there, that of the kernel: 1777. At c4f41aa it was that of the directory just made."""
    mount = {"destination": "/new/place", "type": "tmpfs", "source": "tmpfs", "options": options}
    config["mounts"].append(mount)
    c = container(config, "stat", "/new/place")
    if there:
        (c.rootfs / "new" / "place").mkdir(parents=True)
        (c.rootfs / "new" / "place").chmod(0o2751)

    mode = "0700" if options else "2751" if there else "1777"

    assert f"mode={mode}" in c.run().stdout
