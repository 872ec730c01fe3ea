"""containerd runs its containers with the runtime under test. ctr sets no PATH: programs are named absolutely."""

from __future__ import annotations

import pytest

import requires
from engines.containerd import Containerd
from engines.rootfs import USER_ID
from engines.sandbox import CGROUP_PARENT, succeeded
from support import cgroups
from support.wait import wait_until

pytestmark = requires.root

SLEEP = ("/bin/sleep", "100")


def _detached(containerd: Containerd, id: str, *args: object) -> None:
    succeeded(containerd(*containerd.new(id, "--detach", *args)))


def test_output_of_the_container_arrives_on_the_streams_it_was_written_to(
    containerd: Containerd,
) -> None:
    result = containerd.run("streams", "/bin/sh", "-c", "echo to-stdout; echo to-stderr >&2")

    assert (result.stdout, result.stderr) == ("to-stdout\n", "to-stderr\n"), str(result)


@pytest.mark.parametrize("code", [0, 7])
def test_exit_code_of_the_container_is_ctrs(containerd: Containerd, code: int) -> None:
    assert containerd.run("code", "/bin/sh", "-c", f"exit {code}").returncode == code


def test_stdin_reaches_the_container(containerd: Containerd) -> None:
    # Not until the end of the input: ctr forgets to close it when it ends before the task is there.
    result = containerd.run("stdin", "/bin/head", "-n1", input="some text\n")

    assert succeeded(result) == "some text\n"


def test_a_terminal_is_one_inside(containerd: Containerd) -> None:
    result = containerd.in_terminal(*containerd.new("tty", "--rm", "--tty", "/bin/tty"))

    assert result.lines[-1] == "/dev/pts/0", str(result)


def test_a_detached_container_runs_is_killed_and_removed(containerd: Containerd) -> None:
    _detached(containerd, "long", *SLEEP)
    running = containerd.status("long")
    succeeded(containerd("task", "kill", "--signal=SIGKILL", "long"))
    wait_until(lambda: containerd.status("long") == "STOPPED", "stopped")

    assert running == "RUNNING"
    assert containerd.remove("long") == 137
    succeeded(containerd("container", "rm", "long"))
    assert containerd.status("long") == ""


def test_kill_with_all_reaches_every_process(containerd: Containerd) -> None:
    _detached(containerd, "family", "/bin/sh", "-c", "/bin/sleep 100 & wait")
    succeeded(containerd("task", "kill", "--all", "--signal=SIGKILL", "family"))

    wait_until(lambda: containerd.status("family") == "STOPPED", "stopped")


def test_a_container_ends_by_a_signal_that_it_handles(containerd: Containerd) -> None:
    _detached(
        containerd,
        "trap",
        "/bin/sh",
        "-c",
        "trap 'exit 9' TERM; : > /dev/shm/ready; while :; do /bin/sleep 0.05; done",
    )
    wait_until(
        lambda: (
            containerd(
                "task", "exec", "--exec-id=look", "trap", "/bin/ls", "/dev/shm/ready"
            ).returncode
            == 0
        ),
        "ready",
    )
    succeeded(containerd("task", "kill", "--signal=SIGTERM", "trap"))
    wait_until(lambda: containerd.status("trap") == "STOPPED", "stopped")

    assert containerd.remove("trap") == 9


def test_exec_prints_and_ends_with_its_own_code(containerd: Containerd) -> None:
    _detached(containerd, "exec", *SLEEP)
    script = "echo in exec; echo to-stderr >&2; /bin/head -n1; exit 5"
    result = containerd(
        "task", "exec", "--exec-id=one", "exec", "/bin/sh", "-c", script, input="text\n"
    )

    assert result.returncode == 5, str(result)
    assert result.stdout == "in exec\ntext\n"
    assert "to-stderr\n" in result.stderr


def test_exec_takes_user_directory_and_terminal(containerd: Containerd) -> None:
    _detached(containerd, "exec", *SLEEP)
    flags = ("--exec-id=two", f"--user={USER_ID}:{USER_ID}", "--cwd=/tmp", "--tty")
    result = containerd.in_terminal(
        "task", "exec", *flags, "exec", "/bin/sh", "-c", "/bin/id -u; pwd; /bin/tty"
    )

    # ctr sends the size of its terminal at once, and grumbles when the program is not there yet.
    lines = [line for line in result.lines if "resize pty" not in line]

    assert lines == [str(USER_ID), "/tmp", "/dev/pts/0"], str(result)


def test_exec_of_a_missing_program_fails_and_the_container_lives(containerd: Containerd) -> None:
    _detached(containerd, "exec", *SLEEP)
    result = containerd("task", "exec", "--exec-id=three", "exec", "/no/such/program")

    assert result.returncode != 0
    assert "no such file or directory" in result.stderr.lower()
    assert containerd.status("exec") == "RUNNING"


def test_a_paused_task_stands_still_until_resumed(containerd: Containerd) -> None:
    _detached(containerd, "pause", *SLEEP)
    succeeded(containerd("task", "pause", "pause"))
    paused = containerd.status("pause")
    succeeded(containerd("task", "resume", "pause"))

    assert paused == "PAUSED"
    assert containerd.status("pause") == "RUNNING"


def test_ps_lists_the_pids_of_the_container(containerd: Containerd) -> None:
    _detached(containerd, "ps", *SLEEP)
    pid = succeeded(containerd("task", "ps", "ps")).splitlines()[1].split()[0]

    assert containerd.sandbox.path(f"/proc/{pid}/comm").read_text() == "sleep\n"


def test_metrics_are_read_from_the_containers_cgroup(containerd: Containerd) -> None:
    _detached(containerd, "metrics", *SLEEP)

    assert "pids.current" in succeeded(containerd("task", "metrics", "metrics"))


def test_a_memory_limit_is_set_in_the_cgroup_that_was_asked_for(containerd: Containerd) -> None:
    _detached(containerd, "limit", f"--memory-limit={64 << 20}", *SLEEP)
    group = cgroups.directory("memory", f"{CGROUP_PARENT}/limit")
    file = group / ("memory.max" if cgroups.UNIFIED else "memory.limit_in_bytes")

    assert file.read_text().strip() == str(64 << 20)


def test_a_read_only_root_refuses_writing(containerd: Containerd) -> None:
    result = containerd.run("readonly", "--read-only", "/bin/touch", "/file")

    assert result.returncode == 1
    assert "Read-only file system" in result.stderr


def test_the_default_profile_filters(containerd: Containerd) -> None:
    result = containerd.run("seccomp", "--seccomp", "/bin/grep", "^Seccomp:", "/proc/self/status")

    assert succeeded(result).split() == ["Seccomp:", "2"]


def test_environment_directory_and_mount_are_as_asked(containerd: Containerd) -> None:
    flags = (
        "--env=NAME=value",
        "--cwd=/tmp",
        "--mount=type=bind,src=/etc/hostname,dst=/mnt/name,options=rbind:ro",
    )
    result = containerd.run(
        "settings",
        *flags,
        "/bin/sh",
        "-c",
        "echo $NAME; pwd; /bin/cat /mnt/name > /dev/null && echo read",
    )

    assert succeeded(result).split() == ["value", "/tmp", "read"]


@pytest.mark.parametrize(
    ("program", "text"),
    [
        ("/no/such/program", "no such file or directory"),
        ("/etc/not-a-program", "permission denied"),
    ],
    ids=["missing", "not executable"],
)
def test_a_program_that_cannot_run_is_told_by_the_runtimes_words(
    containerd: Containerd, program: str, text: str
) -> None:
    result = containerd.run("bad", program)
    containerd("container", "rm", "bad")

    assert result.returncode != 0
    assert text in result.stderr.lower(), str(result)
    # containerd takes the words from the last line of the log file that it hands to the runtime.
    assert "failed to create" in result.stderr
