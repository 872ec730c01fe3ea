"""podman with this runtime on cgroup v2: root's and a user's, without systemd and with it."""

from __future__ import annotations

import pytest

from guest.settings import CHECKOUT, guest

pytestmark = [pytest.mark.guest, pytest.mark.root, pytest.mark.slow, pytest.mark.engines]

ANSWERS = [
    "out",
    "status 7",
    str(64 << 20),
    "50",
    "0::/",
    "a cgroup of cgroupfs",
    "paused",
    "exited 137",
    "no cgroup left",
]


@pytest.mark.parametrize("systemd", [(), ("--systemd",)], ids=["without systemd", "with systemd"])
@pytest.mark.parametrize("user", ["root", "tester"])
def test_a_container_lives_and_leaves_nothing(user: str, systemd: tuple[str, ...]) -> None:
    options = ("--from", CHECKOUT, "--user", user, *systemd, "--timeout", 300)

    done = guest("run", *options, "--", "sh", "/guest/podman.sh", "cgroupfs", timeout_s=1800)

    assert done.stdout.splitlines() == ANSWERS, done.stderr
    assert done.returncode == 0
