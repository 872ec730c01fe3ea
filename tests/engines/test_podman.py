"""podman runs its containers with the runtime under test."""

from __future__ import annotations

import json

import pytest

import requires
from engines.podman import Podman
from engines.rootfs import USER_ID
from engines.sandbox import succeeded
from support.wait import wait_until

pytestmark = requires.root


def _detached(podman: Podman, *args: object) -> str:
    return succeeded(podman(*podman.new("run", "--detach", *args))).strip()


def _status(podman: Podman, id: str) -> str:
    return succeeded(podman("inspect", "--format={{.State.Status}}", id)).strip()


def test_output_of_the_container_arrives_on_the_streams_it_was_written_to(podman: Podman) -> None:
    result = podman.run("sh", "-c", "echo to-stdout; echo to-stderr >&2")

    assert (result.stdout, result.stderr) == ("to-stdout\n", "to-stderr\n"), str(result)


@pytest.mark.parametrize("code", [0, 7])
def test_exit_code_of_the_container_is_podmans(podman: Podman, code: int) -> None:
    assert podman.run("sh", "-c", f"exit {code}").returncode == code


def test_stdin_reaches_the_container(podman: Podman) -> None:
    assert succeeded(podman.run("--interactive", "cat", input="some text\n")) == "some text\n"


def test_a_terminal_is_one_inside(podman: Podman) -> None:
    result = podman.in_terminal(
        *podman.new(
            "run", "--rm", "--tty", "--interactive", "sh", "-c", "tty; test -t 1 && echo yes"
        )
    )

    assert result.stdout.split() == ["/dev/pts/0", "yes"], str(result)


def test_exec_prints_and_ends_with_its_own_code(podman: Podman) -> None:
    id = _detached(podman, "sleep", "100")
    result = podman("exec", id, "sh", "-c", "echo $$ in exec; exit 5")

    assert result.returncode == 5, str(result)
    assert result.stdout.endswith(" in exec\n")
    assert not result.stdout.startswith("1 ")


def test_exec_takes_user_environment_directory_and_input(podman: Podman) -> None:
    id = _detached(podman, "sleep", "100")
    flags = ("--interactive", "--user=user", "--env=NAME=value", "--workdir=/tmp")
    result = podman("exec", *flags, id, "sh", "-c", "id -u; echo $NAME; pwd; cat", input="text\n")

    assert succeeded(result).split() == [str(USER_ID), "value", "/tmp", "text"]


def test_exec_with_a_terminal_has_one(podman: Podman) -> None:
    id = _detached(podman, "sleep", "100")
    result = podman.in_terminal("exec", "--tty", "--interactive", id, "tty")

    assert result.stdout.strip() == "/dev/pts/0", str(result)


def test_exec_of_a_missing_program_is_127(podman: Podman) -> None:
    id = _detached(podman, "sleep", "100")

    assert podman("exec", id, "/no/such/program").returncode == 127


def test_a_detached_container_is_listed_stopped_and_removed(podman: Podman) -> None:
    id = _detached(
        podman, "--name=listed", "sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.05; done"
    )
    listed = succeeded(podman("ps", "--format={{.Names}} {{.State}}"))
    succeeded(podman("stop", "--time=20", id))

    assert listed.split()[:2] == ["listed", "Up"]
    assert succeeded(
        podman("inspect", "--format={{.State.Status}} {{.State.ExitCode}}", id)
    ).split() == ["exited", "9"]
    succeeded(podman("rm", id))
    assert not succeeded(podman("ps", "--all", "--quiet"))


@pytest.mark.parametrize("signal", ["KILL", "SIGKILL", "9"])
def test_kill_ends_a_container(podman: Podman, signal: str) -> None:
    id = _detached(podman, "sleep", "100")
    succeeded(podman("kill", f"--signal={signal}", id))

    assert succeeded(podman("wait", id)).strip() == "137"


def test_a_running_container_is_removed_by_force(podman: Podman) -> None:
    id = _detached(podman, "sleep", "100")
    succeeded(podman("rm", "--force", "--time=0", id))

    assert not succeeded(podman("ps", "--all", "--quiet"))


def test_a_created_container_starts_later_and_again(podman: Podman) -> None:
    id = succeeded(podman(*podman.new("create", "echo", "started"))).strip()

    for _ in range(2):
        assert succeeded(podman("start", "--attach", id)) == "started\n"


def test_a_paused_container_stands_still_until_unpaused(podman: Podman) -> None:
    id = _detached(podman, "sleep", "100")
    succeeded(podman("pause", id))
    paused = _status(podman, id)
    refused = podman("exec", id, "true")
    succeeded(podman("unpause", id))

    assert paused == "paused"
    assert refused.returncode != 0
    assert _status(podman, id) == "running"
    succeeded(podman("exec", id, "true"))


def test_logs_hold_what_a_detached_container_printed(podman: Podman) -> None:
    id = _detached(podman, "echo", "in the log")
    podman("wait", id)

    assert wait_until(lambda: succeeded(podman("logs", id)), "logged") == "in the log\n"


@requires.cgroup_v1
def test_limits_are_seen_inside(podman: Podman) -> None:
    files = ("memory/memory.limit_in_bytes", "pids/pids.max", "cpu/cpu.shares")
    result = podman.run(
        "--memory=64m",
        "--pids-limit=50",
        "--cpu-shares=512",
        "sh",
        "-c",
        f"cd /sys/fs/cgroup; cat {' '.join(files)}",
    )

    assert succeeded(result).split() == [str(64 << 20), "50", "512"]


@requires.cgroup_v2
def test_limits_are_seen_inside_on_v2(podman: Podman) -> None:
    result = podman.run(
        "--memory=64m", "--pids-limit=50", "sh", "-c", "cd /sys/fs/cgroup; cat memory.max pids.max"
    )

    assert succeeded(result).split() == [str(64 << 20), "50"]


def test_a_read_only_root_refuses_writing_and_its_tmpfs_takes_it(podman: Podman) -> None:
    result = podman.run(
        "--read-only", "sh", "-c", "echo x > /file; echo x > /tmp/file && cat /tmp/file"
    )

    assert result.stdout == "x\n", str(result)
    assert "Read-only file system" in result.stderr


def test_the_default_profile_filters_and_capabilities_are_reduced(podman: Podman) -> None:
    result = podman.run("grep", "-E", "^(Seccomp|CapEff|CapBnd):", "/proc/self/status")
    status = dict(line.split(":\t") for line in succeeded(result).splitlines())

    assert status["Seccomp"] == "2"
    assert status["CapEff"] == status["CapBnd"] != "000001ffffffffff"


def test_privileged_has_neither_a_filter_nor_masked_paths(podman: Podman) -> None:
    result = podman.run(
        "--privileged",
        "sh",
        "-c",
        "grep ^Seccomp: /proc/self/status; test -w /proc/sys/kernel/hostname && echo writable",
    )

    assert succeeded(result).split() == ["Seccomp:", "0", "writable"]


def test_user_environment_directory_and_hostname_are_as_asked(podman: Podman) -> None:
    flags = ("--user=user", "--env=NAME=some value", "--workdir=/tmp", "--hostname=inside")
    result = podman.run(*flags, "sh", "-c", "id -u; id -g; echo $NAME; pwd; hostname")

    assert succeeded(result).splitlines() == [
        str(USER_ID),
        str(USER_ID),
        "some value",
        "/tmp",
        "inside",
    ]


def test_a_user_namespace_maps_root_to_another_id(podman: Podman) -> None:
    result = podman.run(
        "--uidmap=0:100000:5000",
        "--gidmap=0:100000:5000",
        "sh",
        "-c",
        "id -u; cat /proc/self/uid_map",
    )

    assert succeeded(result).split() == ["0", "0", "100000", "5000"]


def test_volumes_devices_and_sysctls_arrive(podman: Podman) -> None:
    volume = podman.work / "volume"
    volume.mkdir(exist_ok=True)
    (volume / "file").write_text("from outside\n")
    flags = (
        f"--volume={volume}:/mnt/volume:ro",
        "--device=/dev/null:/dev/other-null",
        "--sysctl=kernel.msgmax=4096",
    )
    script = "cat /mnt/volume/file; touch /mnt/volume/new; echo x > /dev/other-null && cat /proc/sys/kernel/msgmax"
    result = podman.run(*flags, "sh", "-c", script)

    assert succeeded(result) == "from outside\n4096\n"
    assert "Read-only file system" in result.stderr


def test_a_container_joins_the_namespaces_of_another(podman: Podman) -> None:
    _detached(podman, "--name=first", "sleep", "100")
    flags = ("--rm", "--ipc=container:first", "--pid=container:first")
    result = podman(*podman.new("run", *flags, "ps", "-o", "args", network="container:first"))

    assert "sleep 100" in succeeded(result)


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("no-such-program", 127),
        ("/no/such/program", 127),
        ("/etc/not-a-program", 126),
        ("/etc", 126),
    ],
    ids=["missing in PATH", "missing file", "not executable", "directory"],
)
def test_a_program_that_cannot_run_is_told_by_the_exit_code(
    podman: Podman, program: str, code: int
) -> None:
    assert podman.run(program).returncode == code


def test_inspect_shows_the_runtime_and_a_living_process(podman: Podman) -> None:
    id = _detached(podman, "sleep", "100")
    found = json.loads(succeeded(podman("inspect", id)))[0]

    assert found["State"]["Running"]
    assert podman.sandbox.path(f"/proc/{found['State']['Pid']}/comm").read_text() == "sleep\n"


def test_top_lists_the_processes_of_the_container(podman: Podman) -> None:
    id = _detached(podman, "sleep", "100")

    assert "sleep 100" in succeeded(podman("top", id, "args"))


def test_info_names_the_runtime_and_its_version(podman: Podman) -> None:
    found = json.loads(succeeded(podman("info", "--format={{json .Host.OCIRuntime}}")))

    assert found["version"]
    assert "spec: 1." in found["version"]
