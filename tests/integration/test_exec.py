"""`exec`: another process in a running container, as confined as the first."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from support import cgroups, namespaces
from support.config import Config, drop_namespace, join_owner
from support.container import INSIDE, Container, MakeContainer
from support.wait import wait_for_exit, wait_until

RUNC_WRAPS = pytest.mark.deviates(runc="1.1 takes the number modulo 2**32: it is root")


@pytest.fixture
def running(container: MakeContainer, config: Config) -> Container:
    c = container(config, "pause")
    c.detach()
    c.wait_for_output()
    return c


def process_file(work: Path, *args: str, **properties: Any) -> Path:
    """A process object as engines write it."""
    path = work / "process.json"
    process = {
        "args": [INSIDE, *args],
        "cwd": "/",
        "user": {"uid": 0, "gid": 0},
        "env": ["PATH=/bin"],
        **properties,
    }
    path.write_text(json.dumps(process))
    return path


@pytest.mark.parametrize("code", [0, 1, 42, 255])
def test_exec_ends_with_the_programs_exit_status(running: Container, code: int) -> None:
    running.exec("exit", code, expect=code)

    assert running.status == "running"


def test_exec_ends_with_128_plus_the_signal(running: Container) -> None:
    running.exec("kill-self", 9, expect=137)


def test_standard_files_pass_through_exec(running: Container) -> None:
    result = running.exec("echo", ";", "error", "to stderr", input="typed\n" * 10_000)

    assert result.sections[0] == "typed\n" * 9_999 + "typed"
    assert result.stderr == "to stderr\n"


def test_arguments_that_look_like_options_are_the_programs(running: Container) -> None:
    assert running.exec("print", "--tty").stdout == "--tty\n"


def test_exec_process_is_in_the_containers_namespaces(running: Container) -> None:
    kinds = ["pid", "mount", "network", "uts", "ipc", "cgroup", "user"]
    args: list[str] = []
    for kind in kinds:
        args += [";", "readlink", f"/proc/self/ns/{namespaces.file_of(kind)}"]

    result = running.exec(*args[1:])

    assert result.sections == [namespaces.inode(running.pid, kind) for kind in kinds]


def test_exec_process_is_in_the_containers_cgroups(running: Container, work: Path) -> None:
    running.exec("pause", flags=("--detach", "--pid-file", work / "pid"))
    pid = int((work / "pid").read_text())

    theirs = cgroups.of_process(pid)

    assert theirs == cgroups.of_process(running.pid)
    os.kill(pid, signal.SIGKILL)
    wait_for_exit(pid)


def test_exec_process_has_the_containers_confinement(running: Container) -> None:
    confinement = (
        "caps",
        ";",
        "confinement",
        ";",
        "limits",
        ";",
        "umask",
        ";",
        "id",
        ";",
        "cwd",
        ";",
        "env",
    )
    running.config["process"]["args"] = [INSIDE, *confinement]
    other = Container(
        running.runtime, running.id + "-init", running.bundle, running.config, running.cgroup
    )
    other.config["linux"]["cgroupsPath"] = f"{running.cgroup}-init"
    other.write_config()
    try:
        of_init = other.run()
    finally:
        other.discard()

    of_exec = running.exec(*confinement)

    assert of_exec.sections[0] == of_init.sections[0]
    assert of_exec.sections[1] == of_init.sections[1]
    assert of_exec.sections[2] == of_init.sections[2]
    assert of_exec.sections[4:6] == of_init.sections[4:6]
    assert sorted(of_exec.sections[6].split()) == sorted(of_init.sections[6].split())


def test_exec_adds_no_inheritable_or_ambient_capability(
    container: MakeContainer, config: Config
) -> None:
    # CVE-2022-29162
    config["process"]["capabilities"]["inheritable"] = []
    config["process"]["capabilities"]["ambient"] = []
    c = container(config, "pause")
    c.detach()

    result = c.exec("caps", flags=("--cap", "CAP_CHOWN"))

    sets = dict(line.split("=") for line in result.lines)
    assert sets["inheritable"] == sets["ambient"] == "0"
    assert int(sets["effective"], 16) & 1
    assert int(sets["bounding"], 16) & 1


def test_exec_sees_the_containers_seccomp_filter(container: MakeContainer, config: Config) -> None:
    config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["getcwd"], "action": "SCMP_ACT_ERRNO", "errnoRet": 61}],
    }
    # A filter in force must not stop the runtime's own check of the working directory.
    c = container(config, "pause")
    c.detach()

    assert "seccomp=2" in c.exec("confinement").stdout
    assert c.exec("cwd", expect=1).stdout == "E61\n"


def test_env_adds_to_the_containers_environment(running: Container) -> None:
    result = running.exec(
        "env", flags=("--env", "A=1", "--env", "B=two words", "--env=PATH=/changed:/bin")
    )

    assert {"A=1", "B=two words", "TERM=xterm", "PATH=/changed:/bin"} <= set(result.lines)
    assert "PATH=/usr/bin:/bin" not in result.lines


def test_environment_of_the_caller_does_not_reach_exec(running: Container) -> None:
    result = running.exec("env", environment={**running.runtime.environment, "LEAKED": "yes"})

    assert not [line for line in result.lines if "LEAKED" in line]


def test_cwd_sets_the_working_directory(running: Container) -> None:
    assert running.exec("cwd", flags=("--cwd", "/tmp")).stdout == "/tmp\n"


@pytest.mark.parametrize("number", range(3, 12))
def test_cwd_by_a_descriptor_does_not_reach_the_host(running: Container, number: int) -> None:
    # CVE-2024-21626
    result = running.exec(
        "cwd", ";", "ls", "../../../../..", flags=("--cwd", f"/proc/self/fd/{number}"), expect=None
    )

    assert "pyruntime-test" not in result.stdout
    assert "boot" not in result.stdout.split()


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("1000", "uid=1000,1000,1000 gid=0,0,0"),
        ("1000:1001", "uid=1000,1000,1000 gid=1001,1001,1001"),
        ("0:5", "uid=0,0,0 gid=5,5,5"),
    ],
)
def test_user_is_who_the_process_runs_as(running: Container, user: str, expected: str) -> None:
    assert running.exec("id", flags=("--user", user)).stdout.startswith(expected)


@pytest.mark.parametrize(
    "user",
    [
        "1x",
        "-1",
        ":5",
        "1000:x",
        pytest.param("4294967296", marks=RUNC_WRAPS),
        "root",
        "1 2",
        "0x0",
    ],
)
def test_user_that_is_no_number_is_refused_and_never_root(running: Container, user: str) -> None:
    # CVE-2026-30892, CVE-2016-3697
    result = running.exec("id", flags=("--user", user), expect=None)

    assert result.returncode != 0, str(result)
    assert "uid=" not in result.stdout


@pytest.mark.deviates(runc="1.1 takes an id with nothing after the colon")
def test_user_with_an_empty_group_is_refused(running: Container) -> None:
    assert running.exec("id", flags=("--user", "1000:"), expect=None).returncode != 0


def test_additional_groups_are_set(running: Container) -> None:
    assert running.exec("id", flags=("-g", "7", "-g", "8")).stdout.rstrip().endswith("groups=7,8")


def test_process_file_decides_everything(running: Container, work: Path) -> None:
    path = process_file(
        work,
        *(
            "id",
            ";",
            "env",
            ";",
            "cwd",
            ";",
            "umask",
            ";",
            "limits",
            ";",
            "caps",
            ";",
            "confinement",
        ),
        user={"uid": 3, "gid": 4, "additionalGids": [9]},
        cwd="/tmp",
        env=["ONLY=this", "HOME=/x"],
        rlimits=[{"type": "RLIMIT_FSIZE", "soft": 77777, "hard": 88888}],
        capabilities={
            "bounding": ["CAP_CHOWN"],
            "effective": [],
            "permitted": [],
            "inheritable": [],
            "ambient": [],
        },
        noNewPrivileges=True,
        oomScoreAdj=500,
    )

    result = running.verb("exec", "--process", path)

    assert result.sections[0] == "uid=3,3,3 gid=4,4,4 groups=9"
    assert sorted(result.sections[1].split()) == ["HOME=/x", "ONLY=this"]
    assert result.sections[2] == "/tmp"
    assert result.sections[3] == "0022"
    assert "RLIMIT_FSIZE 77777 88888" in result.sections[4].splitlines()
    assert result.sections[5].splitlines()[0] == "bounding=1"
    assert "no_new_privs=1" in result.sections[6]


@pytest.mark.deviates(runc="1.1 does not look at it")
def test_umask_of_the_process_file_counts(running: Container, work: Path) -> None:
    path = process_file(work, "umask", user={"uid": 0, "gid": 0, "umask": 0o27})

    assert running.verb("exec", "--process", path).stdout == "0027\n"


def test_process_file_without_capabilities_takes_the_containers(
    running: Container, work: Path
) -> None:
    result = running.verb("exec", "--process", process_file(work, "caps"))

    assert result.stdout == running.exec("caps").stdout


def test_options_may_stand_in_any_order_before_the_id(running: Container, work: Path) -> None:
    path = process_file(work, "print", "x")

    assert running.runtime("exec", "-p", path, running.id).stdout == "x\n"
    assert running.runtime("exec", f"--process={path}", running.id).stdout == "x\n"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"args": []}', '{"args": ["/bin/true"], "cwd": 5}']
)
def test_bad_process_file_is_refused(running: Container, work: Path, text: str) -> None:
    (work / "process.json").write_text(text)

    running.refuses("exec", "--process", work / "process.json")
    assert running.status == "running"


def test_missing_process_file_is_named(running: Container, work: Path) -> None:
    message = running.refuses("exec", "--process", work / "missing.json")

    assert "missing.json" in message
    assert "no such file or directory" in message.lower()


def test_detached_exec_returns_at_once_and_writes_the_pid_file(
    running: Container, work: Path
) -> None:
    running.exec("pause", flags=("--detach", "--pid-file", work / "pid"))

    text = (work / "pid").read_bytes()
    assert text.isdigit()
    pid = int(text)
    assert pid in running.processes()
    assert pid != running.pid
    os.kill(pid, signal.SIGKILL)
    assert wait_for_exit(pid) == 137
    assert running.status == "running"


def test_exit_status_of_a_detached_exec_reaches_whoever_waits(
    running: Container, work: Path
) -> None:
    running.exec("exit", 23, flags=("-d", "--pid-file", work / "pid"))

    assert wait_for_exit(int((work / "pid").read_text())) == 23


def test_exec_process_leads_a_session_of_its_own(running: Container) -> None:
    values = dict(part.split("=") for part in running.exec("pids").stdout.split())

    assert values["pid"] == values["sid"] == values["pgid"]


def test_signals_to_exec_are_forwarded(running: Container) -> None:
    spawned = running.runtime.spawn("exec", running.id, INSIDE, "trap", "9", "15")
    wait_until(lambda: "ready" in spawned.stdout, "the process ready")

    spawned.process.send_signal(signal.SIGTERM)

    assert spawned.wait().returncode == 9
    assert running.status == "running"


def test_program_that_is_not_found_is_named(running: Container) -> None:
    message = running.refuses("exec", after=("no-such-program",))

    assert "executable file not found in $PATH" in message
    assert "no-such-program" in message


def test_program_that_is_missing_is_no_such_file(running: Container) -> None:
    result = running.verb("exec", after=("/bin/missing",), expect=255)

    assert "no such file or directory" in result.stderr.lower()


def test_program_that_is_not_executable_is_permission_denied(running: Container) -> None:
    (running.rootfs / "bin" / "data").write_text("")

    assert (
        "permission denied" in running.verb("exec", after=("/bin/data",), expect=255).stderr.lower()
    )


def test_exec_without_a_program_is_refused(running: Container) -> None:
    running.refuses("exec")


def test_exec_in_a_stopped_container_is_refused(running: Container) -> None:
    running.kill("KILL")
    running.wait_stopped()

    assert "cannot exec in a stopped container" in running.refuses("exec", after=("/bin/true",))


def test_exec_in_a_paused_container_is_refused_and_does_not_hang(running: Container) -> None:
    running.verb("pause")

    assert "paused container" in running.refuses("exec", after=("/bin/true",), timeout_s=20)
    running.verb("resume")


def test_exec_in_a_created_container_works(container: MakeContainer, config: Config) -> None:
    c = container(config, "pause")
    c.create()

    assert c.exec("print", "early").stdout == "early\n"
    assert c.status == "created"


def test_exec_joins_namespaces_given_by_path_and_leaves_out_those_not_listed(
    container: MakeContainer, config: Config
) -> None:
    drop_namespace(config, "ipc")
    config["mounts"] = [m for m in config["mounts"] if m["destination"] != "/dev/mqueue"]
    with namespaces.holder("network") as pid:
        next(e for e in config["linux"]["namespaces"] if e["type"] == "network")["path"] = (
            f"/proc/{pid}/ns/net"
        )
        join_owner(config, pid)
        c = container(config, "pause")
        c.detach()

        result = c.exec("readlink", "/proc/self/ns/net", ";", "readlink", "/proc/self/ns/ipc")

        assert result.sections == [
            namespaces.inode(pid, "network"),
            namespaces.inode("self", "ipc"),
        ]
        c.delete("--force")


def test_many_processes_can_be_executed_at_once(running: Container) -> None:
    spawned = [
        running.runtime.spawn("exec", running.id, INSIDE, "print", str(i)) for i in range(10)
    ]

    assert [each.wait().stdout for each in spawned] == [f"{i}\n" for i in range(10)]


def test_exec_leaves_no_process_behind(running: Container) -> None:
    before = running.processes()

    running.exec("child", "exit", "3")

    assert running.processes() == before
