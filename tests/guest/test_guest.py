"""The tool that makes guests: what comes back from them, and what they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from guest.settings import SERVICE, Done, guest

pytestmark = [pytest.mark.guest, pytest.mark.root, pytest.mark.slow]


@pytest.fixture(scope="module")
def _built() -> None:
    """Making the root directory is no part of any test's time."""
    made = guest("build", timeout_s=1200)
    assert made.returncode == 0, made.stderr


def run(script: str, *options: object) -> Done:
    return guest("run", *options, "--timeout", 120, "--", "sh", "-c", script)


@pytest.mark.usefixtures("_built")
def test_the_only_hierarchy_is_that_of_cgroup_v2() -> None:
    done = run(
        "stat -fc %T /sys/fs/cgroup; cat /proc/self/cgroup /sys/fs/cgroup/cgroup.controllers"
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["cgroup2fs", "0::/", "cpu io memory pids"]


@pytest.mark.usefixtures("_built")
def test_both_streams_and_the_exit_status_come_back() -> None:
    done = run("seq 100000; echo to stderr >&2; exit 7")

    assert done.returncode == 7
    assert done.stdout.split() == [str(number) for number in range(1, 100001)]
    assert done.stderr == "to stderr\n"


@pytest.mark.usefixtures("_built")
def test_a_signal_is_128_and_its_number() -> None:
    assert run("kill -KILL $$").returncode == 137


@pytest.mark.usefixtures("_built")
def test_what_the_command_leaves_running_does_not_hold_the_guest() -> None:
    assert run("setsid sleep 1000 & echo done").stdout == "done\n"


@pytest.mark.usefixtures("_built")
def test_a_share_is_at_its_own_path_and_only_a_writable_one_can_be_changed(tmp_path: Path) -> None:
    for name in ("fixed", "open"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    shares = ("--share", tmp_path / "fixed", "--writable", tmp_path / "open", "--cwd", tmp_path)

    done = run("cat fixed/file open/file; echo new >open/new; echo new >fixed/new", *shares)

    assert done.stdout == "fixedopen"
    assert "fixed/new: Read-only file system" in done.stderr
    assert (tmp_path / "open" / "new").read_text() == "new\n"
    assert not (tmp_path / "fixed" / "new").exists()


@pytest.mark.usefixtures("_built")
def test_a_guest_whose_time_is_up_is_gone_with_all_its_processes() -> None:
    mark = f"a-guest-of-{os.getpid()}"

    done = guest("run", "--timeout", 5, "--env", f"MARK={mark}", "--", "sleep", 1000)

    assert done.returncode == 124
    assert "not done in 5 s" in done.stderr
    assert not any(mark in command for command in command_lines())


def command_lines() -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.append((entry / "cmdline").read_text(errors="replace"))
            except OSError:
                continue  # It ended.
    return found


@pytest.mark.usefixtures("_built")
def test_a_guest_that_crashes_shows_its_console() -> None:
    done = run("echo c >/proc/sysrq-trigger")

    assert done.returncode == 125
    assert "the guest ended without a status" in done.stderr
    assert "Kernel panic" in done.stderr


# What `runc spec` writes, with limits, in a cgroup at the top.
BUNDLE = """
mkdir -p /tmp/bundle/rootfs/bin && cd /tmp/bundle && cp /bin/busybox rootfs/bin/
runc spec
python3 - <<'EOF'
import json
config = json.load(open("config.json"))
show = "for file in memory.max pids.max cpu.max; do busybox cat /sys/fs/cgroup/$file; done"
config["process"].update(terminal=False, args=["busybox", "sh", "-c", show])
config["linux"]["cgroupsPath"] = "/limited"
config["linux"]["resources"].update(
    memory={"limit": 64 << 20}, pids={"limit": 20}, cpu={"quota": 50000, "period": 100000})
json.dump(config, open("config.json", "w"))
EOF
"""


@pytest.mark.parametrize("runtime", ["crun", "runc"])
@pytest.mark.usefixtures("_built")
def test_limits_of_a_container_are_those_of_its_cgroup(runtime: str) -> None:
    done = run(f"{BUNDLE} {runtime} run container; ls -d /sys/fs/cgroup/limited")

    assert done.stdout.splitlines() == [str(64 << 20), "20", "50000 100000"], done.stderr


@pytest.mark.usefixtures("_built")
def test_with_systemd_the_command_is_a_service() -> None:
    done = run(
        "cat /proc/1/comm /proc/self/cgroup; systemctl is-system-running --wait", "--systemd"
    )

    assert done.stdout.splitlines() == [
        "systemd",
        f"0::{SERVICE}/session",
        "running",
    ], done.stderr


# The processes go into a leaf, so that the cgroup above may have controllers.
DELEGATED = """
import os
own = "/sys/fs/cgroup" + open("/proc/self/cgroup").read().strip().removeprefix("0::")
os.mkdir(own + "/leaf")
for pid in open(own + "/cgroup.procs").read().split():
    open(own + "/leaf/cgroup.procs", "w").write(pid)
open(own + "/cgroup.subtree_control", "w").write("+memory +pids")
os.mkdir(own + "/limited")
open(own + "/limited/pids.max", "w").write("10")
print(os.getuid(), open(own + "/limited/pids.max").read())
"""


@pytest.mark.parametrize("systemd", [(), ("--systemd",)], ids=["without systemd", "with systemd"])
@pytest.mark.usefixtures("_built")
def test_an_ordinary_user_can_make_cgroups_with_limits(systemd: tuple[str, ...]) -> None:
    done = run(f"exec python3 -c '{DELEGATED}'", "--user", "tester", *systemd)

    assert done.stdout.split() == ["1000", "10"], done.stderr
