"""The image's /etc/passwd, where HOME is looked up by a process that is still root: whatever it is, create neither hangs nor
leaves the root.

At c4f41aa a link to /dev/zero was read for ever, and a huge file to its end.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from support.config import Config, bind
from support.container import Container, MakeContainer

pytestmark = pytest.mark.ours

MARK = "/of-the-host"


def link_to_zero(place: Path, _work: Path) -> None:
    place.symlink_to("/dev/zero")


def link_to_terminal(place: Path, _work: Path) -> None:
    place.symlink_to("/dev/tty")


def fifo(place: Path, _work: Path) -> None:
    os.mkfifo(place)


def directory(place: Path, _work: Path) -> None:
    place.mkdir()


def loop(place: Path, _work: Path) -> None:
    place.symlink_to("passwd")


def link_out(place: Path, work: Path) -> None:
    (work / "passwd").write_text(f"x:x:0:0::{MARK}:/bin/sh\n")
    up = "/".join([".."] * 40)
    place.symlink_to(f"{up}{work}/passwd")


def magic_link(place: Path, _work: Path) -> None:
    place.symlink_to("/proc/self/root/etc/passwd")


def process_file(place: Path, _work: Path) -> None:
    place.symlink_to("/proc/kmsg")


@pytest.mark.parametrize(
    "make", [link_to_zero, link_to_terminal, fifo, directory, loop, link_out, magic_link, process_file]
)  # fmt: skip
@pytest.mark.parametrize("verb", ["run", "exec"])
def test_what_is_no_regular_file_of_the_image_says_nothing(
    container: MakeContainer, config: Config, make: object, work: Path, verb: str
) -> None:
    assert callable(make)
    c = container(config, "env")

    home = home_of(c, lambda: make(c.rootfs / "etc" / "passwd", work), verb)

    assert home == "HOME=/"


def home_of(c: Container, prepare: object, verb: str) -> str:
    """What *verb* gives the program for HOME."""
    assert callable(prepare)
    if verb == "run":
        prepare()
        result = c.run(timeout_s=20)
    else:
        c.config["process"]["args"] = ["/bin/inside", "pause"]
        c.write_config()
        c.detach()
        c.wait_for_output()
        prepare()
        result = c.exec("env", timeout_s=20)
    return next(line for line in result.lines if line.startswith("HOME="))


@pytest.mark.parametrize("verb", ["run", "exec"])
def test_a_huge_file_is_refused_by_name(container: MakeContainer, verb: str) -> None:
    c = container(None, "pause")
    if verb == "exec":
        c.detach()
    with (c.rootfs / "etc" / "passwd").open("wb") as file:
        file.truncate(1 << 40)

    message = c.refuses(verb, after=("/bin/true",) if verb == "exec" else (), timeout_s=20)

    assert "/etc/passwd" in message
    assert "file too large" in message.lower()


def test_sixteen_mebibytes_are_read(container: MakeContainer) -> None:
    c = container(None, "env")
    with (c.rootfs / "etc" / "passwd").open("w") as file:
        file.write("#" * 70 + "\n")
        file.seek((16 << 20) - 40)
        file.write("\nroot:x:0:0::/last:/bin/sh\n")

    assert "HOME=/last" in c.run().lines


def test_a_file_that_is_bound_from_elsewhere_is_read(
    container: MakeContainer, config: Config, work: Path
) -> None:
    (work / "passwd").write_text("root:x:0:0::/bound:/bin/sh\n")
    (work / "passwd").chmod(0o644)
    config["mounts"].append(bind(work / "passwd", "/etc/passwd", "ro"))
    c = container(config, "env")
    shutil.copy(work / "passwd", c.rootfs / "etc" / "passwd")

    assert "HOME=/bound" in c.run().lines
