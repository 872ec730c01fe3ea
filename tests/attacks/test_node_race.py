"""Somebody who can write to the image while its device nodes are made puts a link, or a node of his own, in their place.

At c4f41aa `fchownat` and `fchmodat` by name followed: the file of the host that the link led to became 0666. The window after
mknodat(2) is held open here, so that each round of the attack hits it.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import requires
from support.config import Config, drop_mount
from support.container import MakeContainer

pytestmark = [pytest.mark.root, requires.as_root("makes device nodes"), requires.program("strace")]

WINDOW = "mknodat:delay_exit=30000"  # microseconds


@contextmanager
def _whenever_made(node: Path, attack: Callable[[], None]) -> Iterator[list[int]]:
    """Do *attack* each time that *node* has become a device; how often is in the list."""
    ended, hits = threading.Event(), [0]

    def watch() -> None:
        while not ended.is_set():
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISCHR(os.lstat(node).st_mode):
                    attack()
                    hits[0] += 1
                    return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield hits
    finally:
        ended.set()
        thread.join()


def _slowly() -> list[str]:
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=mknodat", "-e", f"inject={WINDOW}"]  # fmt: skip


@pytest.mark.parametrize("by", ["a link", "a node of his own"])
@pytest.mark.parametrize("configured", [False, True], ids=["default device", "configured device"])
def test_only_the_node_that_was_made_is_changed(
    container: MakeContainer, config: Config, work: Path, by: str, *, configured: bool
) -> None:
    secret = work / "secret"
    secret.write_text("of the host\n")
    secret.chmod(0o600)
    drop_mount(config, "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
    if configured:
        config["linux"]["devices"] = [
            {"path": "/dev/mine", "type": "c", "major": 1, "minor": 7, "fileMode": 0o666, "uid": 5, "gid": 5}
        ]  # fmt: skip
    c = container(config, "true")
    node = c.rootfs / "dev" / ("mine" if configured else "full")
    his = c.rootfs / "dev" / ".his"
    if by == "a link":
        his.symlink_to(secret)
    else:
        os.mknod(his, 0o20600, os.makedev(1, 7))
        os.link(his, c.rootfs / "dev" / ".kept")  # so that he can look at it afterwards
    runtime = c.runtime
    runtime.prefix = _slowly()

    with _whenever_made(node, lambda: os.rename(his, node)) as hits:
        result = runtime("run", "--bundle", c.bundle, c.id)

    runtime.prefix = []
    assert hits == [1], "the attack hit"
    assert "Traceback" not in result.stderr
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert (secret.stat().st_uid, secret.stat().st_gid) == (0, 0)
    if by == "a node of his own":
        st = os.stat(c.rootfs / "dev" / ".kept")
        assert (stat.S_IMODE(st.st_mode), st.st_uid) == (0o600, 0)
