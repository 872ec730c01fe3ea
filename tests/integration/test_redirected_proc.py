"""A /proc that is not the kernel's, or leads elsewhere: what is written below it would go astray (CVE-2019-19921, CVE-2025-52881)."""

from __future__ import annotations

import pytest

import requires
from support.config import Config
from support.container import MakeContainer

pytestmark = [pytest.mark.ours, requires.as_root("mounts on the host")]


def with_mounts(script: str) -> list[str]:
    """Run the runtime in a mount namespace of its own, after *script*."""
    return ["unshare", "--mount", "sh", "-ec", f'{script}; exec "$@"', "-"]


def test_a_proc_that_is_no_procfs_is_refused(container: MakeContainer, config: Config) -> None:
    c = container(config)

    c.refuses("create", prefix=with_mounts("mount -t tmpfs fake /proc"))

    assert not c.exists


def test_a_sysctl_does_not_go_to_a_directory_mounted_over_it(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["sysctl"] = {"fs.mqueue.msg_max": "20"}
    c = container(config)
    fake = c.bundle / "fake"
    (fake / "mqueue").mkdir(parents=True)
    (fake / "mqueue/msg_max").write_text("")

    message = c.refuses("create", prefix=with_mounts(f"mount --bind {fake} /proc/sys/fs"))

    assert "fs.mqueue.msg_max" in message
    assert (fake / "mqueue/msg_max").read_text() == ""
    assert not c.exists
