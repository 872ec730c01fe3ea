"""Hooks: the six kinds, their order, namespaces, input, and what happens when one fails."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import requires
from support import namespaces
from support.config import Config
from support.container import INSIDE, Container, MakeContainer
from support.wait import wait_until

KINDS = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
AT_CREATE = KINDS[:3]
BEFORE_PROGRAM = KINDS[:4]
IN_CONTAINER = ["createContainer", "startContainer"]
POSTSTART_AT_CREATE = pytest.mark.deviates(runc="1.1 runs poststart hooks at create")


class Log:
    """What the hooks of a test wrote with `inside hook`: the same file, seen from the host and from inside."""

    def __init__(self, c: Container) -> None:
        self.path = c.rootfs / "log"

    def lines(self) -> list[list[str]]:
        if not self.path.exists():
            return []
        return [line.split(" ", 2) for line in self.path.read_text().splitlines()]

    def of(self, label: str, key: str) -> list[str]:
        return [
            line[2] if len(line) > 2 else "" for line in self.lines() if line[:2] == [label, key]
        ]

    def order(self) -> list[str]:
        return [line[0] for line in self.lines() if line[1] == "stdin"]

    def state(self, label: str) -> dict[str, Any]:
        (text,) = self.of(label, "stdin")
        state = json.loads(text)
        assert isinstance(state, dict)
        return state


def add_hook(
    c: Container,
    kind: str,
    *then: str,
    label: str = "",
    program: Path | str = "",
    **properties: Any,
) -> None:
    """A hook that writes down what it is given, and goes on with the commands *then*."""
    inside = kind == "startContainer"
    path = str(program) or (INSIDE if inside else str(c.rootfs / "bin" / "inside"))
    log = "/log" if inside else str(c.rootfs / "log")
    args = ["inside", "hook", log, label or kind, *([";", *then] if then else [])]
    c.config.setdefault("hooks", {}).setdefault(kind, []).append(
        {"path": path, "args": args, **properties}
    )
    c.write_config()


@pytest.fixture
def hooked(container: MakeContainer, config: Config) -> Container:
    """A container with a hook of every kind; its program writes to the same log."""
    c = container(config, "hook", "/log", "program", ";", "pause")
    for kind in KINDS:
        add_hook(c, kind)
    return c


def live(c: Container) -> None:
    """From create to delete."""
    c.create()
    c.start()
    c.wait_for_output()
    c.kill("KILL")
    c.wait_stopped()
    c.delete()


@POSTSTART_AT_CREATE
def test_hooks_run_in_the_order_of_the_specification(hooked: Container) -> None:
    log = Log(hooked)
    hooked.create()
    assert log.order() == ["prestart", "createRuntime", "createContainer"]
    hooked.start()
    hooked.wait_for_output()
    order = log.order()
    assert order[:4] == BEFORE_PROGRAM
    # The program and poststart run at the same time from here on.
    assert sorted(order[4:]) == ["poststart", "program"]
    hooked.kill("KILL")
    hooked.wait_stopped()
    assert "poststop" not in log.order()
    hooked.delete()
    assert log.order()[-1] == "poststop"


@POSTSTART_AT_CREATE
def test_hooks_run_in_a_foreground_run_too(container: MakeContainer, config: Config) -> None:
    c = container(config, "exit", 3)
    for kind in KINDS:
        add_hook(c, kind)

    c.run(expect=3)

    assert Log(c).order() == KINDS


@POSTSTART_AT_CREATE
def test_hooks_of_one_kind_run_in_the_order_listed(
    container: MakeContainer, config: Config
) -> None:
    c = container(config)
    for kind in KINDS:
        for number in range(3):
            add_hook(c, kind, label=f"{kind}{number}")

    c.run()

    assert Log(c).order() == [f"{kind}{number}" for kind in KINDS for number in range(3)]


@pytest.mark.parametrize("kind", KINDS)
def test_hook_receives_the_state_as_one_json_object(hooked: Container, kind: str) -> None:
    hooked.config["annotations"] = {"key": "value"}
    hooked.write_config()

    live(hooked)

    state = Log(hooked).state(kind)
    assert state["id"] == hooked.id
    assert state["bundle"] == str(hooked.bundle)
    assert state["annotations"] == {"key": "value"}
    assert state["ociVersion"].startswith("1.")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("prestart", "creating"),
        ("createRuntime", "creating"),
        ("createContainer", "creating"),
        ("startContainer", "created"),
        pytest.param("poststart", "running", marks=POSTSTART_AT_CREATE),
        ("poststop", "stopped"),
    ],
)
def test_status_given_to_a_hook_is_that_of_the_moment(
    hooked: Container, kind: str, status: str
) -> None:
    live(hooked)

    assert Log(hooked).state(kind)["status"] == status


def test_pid_given_to_hooks_is_that_of_their_pid_namespace(hooked: Container) -> None:
    hooked.create()
    pid = hooked.pid
    hooked.start()
    hooked.wait_for_output()
    hooked.delete("--force")

    log = Log(hooked)
    for kind in ("prestart", "createRuntime", "poststart"):
        assert log.state(kind)["pid"] == pid, kind
    for kind in IN_CONTAINER:
        assert log.state(kind)["pid"] == 1, kind
    assert log.state("poststop").get("pid", 0) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_hook_runs_in_the_namespaces_of_its_kind(hooked: Container, kind: str) -> None:
    live(hooked)

    log = Log(hooked)
    theirs = set(log.of(kind, "ns"))
    own = {namespaces.inode("self", each) for each in ("mount", "pid", "network", "uts", "ipc")}
    programs = set(log.of("program", "ns"))
    if kind == "createContainer":
        # It runs before pivot_root, with the host's /proc: the links of its pid namespace are still the container's.
        assert theirs <= programs | {"?"}
    elif kind in IN_CONTAINER:
        assert theirs == programs
    else:
        assert theirs == own


def test_create_container_hook_sees_the_rootfs_before_the_root_is_changed(
    container: MakeContainer, config: Config
) -> None:
    c = container(config)
    add_hook(c, "createContainer", "stat", str(c.rootfs / "dev" / "null"))
    c.run()

    assert Log(c).of("createContainer", "cwd") == [str(c.rootfs)]


def test_container_hook_of_start_runs_in_the_process_directory(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["cwd"] = "/tmp"
    c = container(config)
    add_hook(c, "startContainer")

    c.run()

    assert Log(c).of("startContainer", "cwd") == ["/tmp"]


@pytest.mark.parametrize("kind", KINDS)
def test_environment_of_a_hook_is_exactly_the_configured_one(
    container: MakeContainer, config: Config, kind: str
) -> None:
    c = container(config)
    add_hook(c, kind, env=["A=1", "B=two words"])

    c.run(environment={**c.runtime.environment, "LEAKED": "yes"})

    assert Log(c).of(kind, "env") == ["A=1", "B=two words"]


@pytest.mark.parametrize("kind", KINDS)
def test_hook_without_env_has_that_of_whoever_runs_it(
    container: MakeContainer, config: Config, kind: str
) -> None:
    config["process"]["env"] = ["OF=the process", "PATH=/bin"]
    c = container(config)
    add_hook(c, kind)

    c.run(environment={**c.runtime.environment, "OF": "the runtime", "LISTEN_PID": "0"})

    found = Log(c).of(kind, "env")
    assert ("OF=the process" if kind == "startContainer" else "OF=the runtime") in found
    if kind == "startContainer":
        assert not [line for line in found if line.startswith(("TMPDIR=", "LC_ALL="))]
    assert not [line for line in found if line.startswith("LISTEN_")]


@pytest.mark.deviates(runc="inherits what its caller ignores")
@pytest.mark.parametrize("kind", KINDS)
def test_hook_has_no_signal_blocked_or_ignored(
    container: MakeContainer, config: Config, kind: str
) -> None:
    c = container(config)
    add_hook(c, kind)

    c.run(prefix=["env", "--ignore-signal=INT,TERM,USR1", "--block-signal=HUP,CHLD"])

    none = "0" * 16
    assert Log(c).of(kind, "signals") == [f"SigBlk:\t{none}", f"SigIgn:\t{none}"]


@pytest.mark.parametrize("kind", KINDS)
def test_hook_with_an_empty_env_has_an_empty_one(
    container: MakeContainer, config: Config, kind: str
) -> None:
    c = container(config)
    add_hook(c, kind, env=[])

    c.run(environment={**c.runtime.environment, "LEAKED": "yes"})

    assert not [line for line in Log(c).of(kind, "env") if line]


@pytest.mark.deviates(runc="1.1 lets createContainer hooks have its own")
@pytest.mark.parametrize("kind", KINDS)
def test_hook_has_no_descriptors_but_its_standard_files(
    container: MakeContainer, config: Config, kind: str
) -> None:
    c = container(config)
    add_hook(c, kind)

    c.run(prefix=["bash", "-c", 'exec 3</ 4</ 9</; exec "$@"', "-"])

    assert {line.split()[0] for line in Log(c).of(kind, "fd")} <= {"0", "1", "2"}


def test_arguments_of_a_hook_are_its_argv(
    container: MakeContainer, config: Config, work: Path
) -> None:
    # Called as "true", the program does nothing: its argv[0] decides, not its path.
    c = container(config)
    c.config["hooks"] = {
        "createRuntime": [{"path": str(c.rootfs / "bin/inside"), "args": ["true", "exit", "1"]}]
    }
    c.write_config()

    c.run()


def test_hook_without_arguments_is_called_by_its_path(
    container: MakeContainer, config: Config
) -> None:
    c = container(config)
    c.config["hooks"] = {"createRuntime": [{"path": str(c.rootfs / "bin/true")}]}
    c.write_config()

    c.run()


def test_hook_that_does_not_read_its_input_is_no_error(
    container: MakeContainer, config: Config
) -> None:
    config["annotations"] = {"big": "x" * 300_000}
    c = container(config)
    c.config["hooks"] = {
        kind: [{"path": str(c.rootfs / "bin/true")}]
        for kind in ("prestart", "createRuntime", "poststart", "poststop")
    }
    c.write_config()

    c.run()


def test_big_state_arrives_complete(container: MakeContainer, config: Config) -> None:
    config["annotations"] = {"big": "x" * 300_000}
    c = container(config)
    add_hook(c, "createRuntime")

    c.run()

    assert len(Log(c).state("createRuntime")["annotations"]["big"]) == 300_000


@pytest.mark.parametrize("kind", AT_CREATE)
def test_hook_that_fails_at_create_fails_the_create(
    container: MakeContainer, config: Config, kind: str
) -> None:
    c = container(config)
    add_hook(c, kind, "error", "reason for people", ";", "exit", "17")

    message = c.refuses("create")

    assert "17" in message
    assert "reason for people" in message
    assert "hook" in message
    assert not c.exists


@pytest.mark.parametrize("kind", AT_CREATE)
def test_hooks_after_a_failed_one_do_not_run(
    container: MakeContainer, config: Config, kind: str
) -> None:
    c = container(config)
    add_hook(c, kind, "exit", "1")
    add_hook(c, kind, label="second")
    for later in KINDS[KINDS.index(kind) + 1 : 5]:
        add_hook(c, later)

    c.refuses("create")

    assert Log(c).order() == [kind]


def test_failed_start_container_hook_keeps_the_program_from_running(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "hook", "/log", "program")
    add_hook(c, "startContainer", "exit", "1")
    c.create()

    c.verb("start", expect=None)

    wait_until(
        lambda: c.verb("state", expect=None).returncode or c.status == "stopped", "stopped or gone"
    )
    assert Log(c).order() == ["startContainer"]


@pytest.mark.deviates(runc="its start returns before the hook has run")
def test_failed_start_container_hook_fails_the_start(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    add_hook(c, "startContainer", "exit", "9")
    c.create()

    assert "9" in c.refuses("start")


@POSTSTART_AT_CREATE
def test_failed_poststart_hook_stops_the_container(
    container: MakeContainer, config: Config
) -> None:
    # An error since the specification 1.3.
    c = container(config, "pause")
    add_hook(c, "poststart", "exit", "8")
    c.create()
    pid = c.pid

    assert "8" in c.refuses("start")

    wait_until(
        lambda: (
            not Path(f"/proc/{pid}").exists()
            or "Z" in Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1][:3]
        ),
        "init ended",
    )


@pytest.mark.deviates(runc="1.1 stops at the first failure and returns an error")
def test_failed_poststop_hook_is_a_warning_and_the_others_still_run(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "exit", 0)
    add_hook(c, "poststop", "exit", "5")
    add_hook(c, "poststop", label="second")
    c.detach()
    c.wait_stopped()

    result = c.delete()

    assert Log(c).order() == ["poststop", "second"]
    assert "5" in result.stderr
    assert not c.exists


@pytest.mark.parametrize("kind", AT_CREATE)
def test_poststop_hooks_run_after_a_failed_create(
    container: MakeContainer, config: Config, kind: str
) -> None:
    c = container(config)
    add_hook(c, kind, "exit", "1")
    add_hook(c, "poststop")

    c.refuses("create")

    assert Log(c).order() == [kind, "poststop"]


@POSTSTART_AT_CREATE
def test_poststop_hooks_run_after_a_failed_poststart_hook(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    add_hook(c, "poststart", "exit", "1")
    add_hook(c, "poststop")
    c.create()

    c.refuses("start")

    assert Log(c).order() == ["poststart", "poststop"]
    assert not c.exists


@pytest.mark.ours
def test_poststop_hooks_run_after_a_failed_start_container_hook(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    add_hook(c, "startContainer", "exit", "1")
    add_hook(c, "poststop")
    c.create()

    c.refuses("start")

    assert Log(c).order() == ["startContainer", "poststop"]
    assert not c.exists


def test_poststop_hooks_run_after_a_forced_delete(container: MakeContainer, config: Config) -> None:
    c = container(config, "pause")
    add_hook(c, "poststop")
    c.detach()

    c.delete("--force")

    assert Log(c).order() == ["poststop"]


@pytest.mark.parametrize("kind", BEFORE_PROGRAM)
def test_hook_that_takes_too_long_is_killed_and_has_failed(
    container: MakeContainer, config: Config, kind: str
) -> None:
    c = container(config, "hook", "/log", "program")
    add_hook(c, kind, "pause", timeout=1)

    result = c.runtime("run", "--bundle", c.bundle, c.id, timeout_s=20)

    assert result.returncode != 0
    assert Log(c).order() == [kind]
    assert not c.exists or c.status == "stopped"


def test_timeout_says_so(container: MakeContainer, config: Config) -> None:
    c = container(config)
    add_hook(c, "createRuntime", "pause", timeout=1)

    message = c.refuses("create")

    assert "1" in message
    assert "time" in message or "past" in message


def test_hook_within_its_time_is_no_failure(container: MakeContainer, config: Config) -> None:
    c = container(config)
    add_hook(c, "createRuntime", "nap", "50", timeout=10)

    c.run()


@pytest.mark.parametrize("kind", KINDS[:5])
def test_hook_whose_program_is_missing_has_failed(
    container: MakeContainer, config: Config, kind: str
) -> None:
    c = container(config, "pause")
    add_hook(c, kind, program="/no/such/hook")

    result = c.runtime("run", "--detach", "--bundle", c.bundle, c.id)

    if kind != "startContainer" or c.runtime.is_ours:
        assert result.returncode != 0
        assert "/no/such/hook" in result.stderr
        assert "no such file or directory" in result.stderr.lower()


@pytest.mark.ours
@pytest.mark.parametrize(
    "hook",
    [
        pytest.param({"path": "relative"}, id="relative path"),
        pytest.param({}, id="no path"),
        pytest.param({"path": "/bin/true", "timeout": 0}, id="no time"),
        pytest.param({"path": "/bin/true", "timeout": -1}, id="negative time"),
        pytest.param({"path": "/bin/true", "args": "text"}, id="args no list"),
        pytest.param({"path": "/bin/true", "env": [1]}, id="env of numbers"),
    ],
)
def test_bad_hook_is_refused_with_its_place(
    container: MakeContainer, config: Config, hook: dict[str, Any]
) -> None:
    config["hooks"] = {"prestart": [{"path": "/bin/true"}, hook]}

    assert "/hooks/prestart/1" in container(config).refuses("create")


def test_hook_killed_by_a_signal_has_failed(container: MakeContainer, config: Config) -> None:
    c = container(config)
    add_hook(c, "createRuntime", "kill-self", "9")

    message = c.refuses("create")

    assert "SIGKILL" in message or "killed" in message


@requires.as_root("enters a network namespace from outside")
def test_create_runtime_hook_can_use_the_containers_namespaces(
    container: MakeContainer, config: Config, work: Path
) -> None:
    # What a network plug-in does: enter the namespace of the pid that it is told.
    script = work / "hook"
    script.write_text(
        "#!/bin/bash\nread -rd '' state\npid=$(grep -o '\"pid\": *[0-9]*' <<<\"$state\" | grep -o '[0-9]*')\n"
        f"nsenter --target $pid --net ip link add plug type veth peer name other 2>>{work}/err\n"
    )
    script.chmod(0o755)
    config["hooks"] = {
        "createRuntime": [{"path": str(script), "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}]
    }
    c = container(config, "cat", "/proc/net/dev")

    assert "plug:" in c.run().stdout, (work / "err").read_text()


def test_privileges_of_the_program_do_not_bind_runtime_hooks(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["user"] = {"uid": 1000, "gid": 1000}
    c = container(config)
    for kind in ("prestart", "createRuntime", "poststart", "poststop"):
        add_hook(c, kind)

    c.run()

    log = Log(c)
    assert {
        uid
        for kind in ("prestart", "createRuntime", "poststart", "poststop")
        for uid in log.of(kind, "uid")
    } == {str(os.getuid())}
