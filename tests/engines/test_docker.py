"""dockerd runs its containers with the runtime under test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import requires
from engines.docker import RUNTIME, Docker
from engines.rootfs import NO_FORMAT, NO_INTERPRETER, USER_ID
from engines.sandbox import succeeded
from support.wait import wait_until

pytestmark = requires.root


def _detached(docker: Docker, *args: object) -> str:
    return succeeded(docker(*docker.new("run", "--detach", *args))).strip()


def test_output_of_the_container_arrives_on_the_streams_it_was_written_to(docker: Docker) -> None:
    result = docker.run("sh", "-c", "echo to-stdout; echo to-stderr >&2")

    assert (result.stdout, result.stderr) == ("to-stdout\n", "to-stderr\n"), str(result)


def test_the_container_runs_with_the_runtime_under_test(docker: Docker, runtime_path: Path) -> None:
    id = _detached(docker, "sleep", "100")

    assert docker.inspect(id)["HostConfig"]["Runtime"] == RUNTIME
    options = json.loads((docker.bundle(id) / "options.json").read_text())
    assert options["binary_name"] == str(runtime_path)


@pytest.mark.parametrize("code", [0, 7])
def test_exit_code_of_the_container_is_dockers(docker: Docker, code: int) -> None:
    assert docker.run("sh", "-c", f"exit {code}").returncode == code


def test_stdin_reaches_the_container(docker: Docker) -> None:
    assert succeeded(docker.run("--interactive", "cat", input="some text\n")) == "some text\n"


def test_a_terminal_is_one_inside_and_has_the_callers_size(docker: Docker) -> None:
    result = docker.in_terminal(*docker.new("run", "--rm", "--tty", "--interactive", "tty"))

    assert result.stdout.strip() == "/dev/pts/0", str(result)


def test_exec_prints_and_ends_with_its_own_code(docker: Docker) -> None:
    id = _detached(docker, "sleep", "100")
    result = docker(
        "exec", "--interactive", id, "sh", "-c", "echo in exec; cat; exit 5", input="text\n"
    )

    assert (result.returncode, result.stdout) == (5, "in exec\ntext\n"), str(result)


def test_exec_takes_user_environment_directory_and_terminal(docker: Docker) -> None:
    id = _detached(docker, "sleep", "100")
    flags = ("--tty", "--interactive", "--user=user", "--env=NAME=value", "--workdir=/tmp")
    result = docker.in_terminal("exec", *flags, id, "sh", "-c", "id -u; echo $NAME; pwd; tty")

    assert result.stdout.split() == [str(USER_ID), "value", "/tmp", "/dev/pts/0"], str(result)


@pytest.mark.parametrize(
    ("program", "code"),
    [("/no/such/program", 127), ("/etc/not-a-program", 126)],
    ids=["missing", "not executable"],
)
def test_a_program_that_cannot_run_is_told_by_the_exit_code(
    docker: Docker, program: str, code: int
) -> None:
    result = docker.run(program)

    assert result.returncode == code, str(result)


@pytest.mark.parametrize(
    ("program", "code", "words"),
    [
        (NO_INTERPRETER, 127, "no such file or directory"),
        (NO_FORMAT, 126, "exec format error"),
    ],
)
def test_a_program_that_the_kernel_refuses_has_said_so_in_the_logs(
    docker: Docker, program: str, code: int, words: str
) -> None:
    id = _detached(docker, program)
    succeeded(docker("wait", id))
    state = docker.inspect(id)["State"]

    assert (state["Status"], state["ExitCode"]) == ("exited", code)
    assert f"exec {program}: {words}" in docker("logs", id).stderr


def test_stop_asks_first_and_the_handlers_exit_code_is_kept(docker: Docker) -> None:
    script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done"
    id = _detached(docker, "sh", "-c", script)
    wait_until(lambda: docker("logs", id).stdout == "ready\n", "ready")
    succeeded(docker("stop", "--time=20", id))
    state = docker.inspect(id)["State"]

    assert (state["Status"], state["ExitCode"]) == ("exited", 9)
    succeeded(docker("rm", id))
    assert not succeeded(docker("ps", "--all", "--quiet"))


def test_kill_ends_a_container(docker: Docker) -> None:
    id = _detached(docker, "sleep", "100")
    succeeded(docker("kill", id))

    assert succeeded(docker("wait", id)).strip() == "137"


def test_a_stopped_container_starts_again(docker: Docker) -> None:
    id = succeeded(
        docker(*docker.new("create", "sh", "-c", "echo run >> /count; cat /count"))
    ).strip()

    assert succeeded(docker("start", "--attach", id)) == "run\n"
    assert succeeded(docker("start", "--attach", id)) == "run\nrun\n"


def test_a_paused_container_stands_still_until_unpaused(docker: Docker) -> None:
    id = _detached(docker, "sleep", "100")
    succeeded(docker("pause", id))
    paused = docker.inspect(id)["State"]["Status"]
    succeeded(docker("unpause", id))

    assert paused == "paused"
    succeeded(docker("exec", id, "true"))


def test_top_lists_the_processes_of_the_container(docker: Docker) -> None:
    id = _detached(docker, "sleep", "100")

    assert "sleep 100" in succeeded(docker("top", id))


@requires.cgroup_v1
def test_limits_are_seen_inside(docker: Docker) -> None:
    files = "memory/memory.limit_in_bytes pids/pids.max cpu/cpu.shares"
    result = docker.run(
        "--memory=64m",
        "--pids-limit=50",
        "--cpu-shares=512",
        "sh",
        "-c",
        f"cd /sys/fs/cgroup; cat {files}",
    )

    assert succeeded(result).split() == [str(64 << 20), "50", "512"]


@requires.cgroup_v1
def test_limits_can_be_changed(docker: Docker) -> None:
    id = _detached(docker, "sleep", "100")
    succeeded(docker("update", "--memory=48m", "--memory-swap=96m", "--pids-limit=9", id))
    files = "/sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max"

    assert succeeded(docker("exec", id, "cat", *files.split())).split() == [str(48 << 20), "9"]


def test_a_process_over_the_memory_limit_is_reported_as_killed_for_it(docker: Docker) -> None:
    script = "dd if=/dev/zero of=/dev/null bs=64M count=1"
    name = "over"
    result = docker(
        *docker.new(
            "run",
            f"--name={name}",
            "--memory=16m",
            "--memory-swap=16m",
            "sh",
            "-c",
            f"exec {script}",
        )
    )

    assert result.returncode == 137, str(result)
    assert wait_until(lambda: docker.inspect(name)["State"]["OOMKilled"], "reported")


def test_a_read_only_root_refuses_writing(docker: Docker) -> None:
    result = docker.run(
        "--read-only", "--tmpfs=/tmp", "sh", "-c", "echo x > /tmp/file && echo y > /file"
    )

    assert result.returncode == 1
    assert "Read-only file system" in result.stderr


def test_the_default_profile_filters_and_user_is_as_asked(docker: Docker) -> None:
    flags = ("--user=user", "--hostname=inside", "--env=NAME=value", "--workdir=/tmp")
    script = "grep ^Seccomp: /proc/self/status; id -u; hostname; echo $NAME; pwd"
    result = docker.run(*flags, "sh", "-c", script)

    assert succeeded(result).split() == ["Seccomp:", "2", str(USER_ID), "inside", "value", "/tmp"]


def test_no_new_privileges_and_dropped_capabilities_arrive(docker: Docker) -> None:
    flags = ("--security-opt=no-new-privileges", "--cap-drop=ALL", "--cap-add=CHOWN")
    result = docker.run(*flags, "grep", "-E", "^(CapEff|NoNewPrivs):", "/proc/self/status")

    assert succeeded(result).split() == ["CapEff:", "0000000000000001", "NoNewPrivs:", "1"]


@pytest.mark.deviates(
    runc="fails where a capability is not to be had (CAP_SYS_RESOURCE in a virtual machine)"
)
def test_privileged_sees_the_devices_of_the_host(docker: Docker) -> None:
    result = docker.run(
        "--privileged",
        "sh",
        "-c",
        "grep ^Seccomp: /proc/self/status; test -e /dev/kmsg && echo kmsg",
    )

    assert succeeded(result).split() == ["Seccomp:", "0", "kmsg"]


def test_the_hook_that_docker_adds_moves_the_network(docker: Docker) -> None:
    """dockerd finds the network namespace through a prestart hook; without it no container has a loopback device that is up."""
    id = _detached(docker, "sleep", "100")
    hooks = json.loads((docker.bundle(id) / "config.json").read_text())["hooks"]

    assert hooks["prestart"][0]["args"][0] == "libnetwork-setkey"
    assert "127.0.0.1" in succeeded(docker("exec", id, "ip", "address", "show", "lo"))


def test_init_of_docker_is_process_1(docker: Docker) -> None:
    result = docker.run("--init", "sh", "-c", "cat /proc/1/comm")

    assert succeeded(result).strip() == "docker-init"
