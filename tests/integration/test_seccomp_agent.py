"""seccomp's SCMP_ACT_NOTIFY: the listener reaches the agent before any call has to be answered."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import requires
from support.agent import Agent
from support.config import Config, add_user_namespace
from support.container import INSIDE, Container, MakeContainer
from support.wait import wait_until

pytestmark = [
    requires.kernel(5, 5),  # an agent that lets a call go on
    pytest.mark.skipif(
        platform.machine() != "x86_64", reason="requires x86_64: numbers of system calls"
    ),
]

PERSONALITY, WRITE, READ, CLOSE, EXECVE, CAPSET, EXIT_GROUP = 135, 1, 0, 3, 59, 126, 231
SENDMSG = 46
EVERYTHING = {"defaultAction": "SCMP_ACT_NOTIFY"}
CREATES = ["create", "run", "detach"]


@pytest.fixture
def agent(work: Path) -> Iterator[Agent]:
    with Agent(work / "agent.sock", {PERSONALITY: -61}) as agent:
        yield agent


def notify(listener: Path | str, *names: str, **more: Any) -> dict[str, Any]:
    """A profile that asks about *names*; without any, about every call."""
    rules = [{"names": list(names), "action": "SCMP_ACT_NOTIFY"}] if names else []
    default = "SCMP_ACT_ALLOW" if names else "SCMP_ACT_NOTIFY"
    return {
        "defaultAction": default,
        "syscalls": rules,
        "listenerPath": str(listener),
        **more,
    }


def live(c: Container, how: str) -> str:
    """Create it in one of three ways, and wait for its end; what it printed."""
    if how == "run":
        return c.run(expect=None).stdout
    if how == "detach":
        c.detach()
    else:
        c.create()
        c.start()
    c.wait_stopped()
    return c.output()


@pytest.mark.parametrize("no_new_privs", [True, False])
@pytest.mark.parametrize("how", CREATES)
def test_call_is_answered_by_the_agent(
    container: MakeContainer, config: Config, agent: Agent, how: str, no_new_privs: bool
) -> None:
    config["process"]["noNewPrivileges"] = no_new_privs
    config["linux"]["seccomp"] = notify(agent.path, "personality")
    c = container(config, "syscall", PERSONALITY, "0xffffffff", ";", "confinement")

    printed = live(c, how)

    assert printed.startswith("E61\n--\n")
    assert len(agent.asked(PERSONALITY)) == 1
    assert len(agent.messages) == 1


@pytest.mark.parametrize("how", CREATES)
def test_agent_gets_the_state_of_a_container_that_is_being_created(
    container: MakeContainer, config: Config, agent: Agent, how: str
) -> None:
    config["annotations"] = {"key": "value"}
    config["linux"]["seccomp"] = notify(
        agent.path, "personality", listenerMetadata="for \u00fc you"
    )
    c = container(config, "pause")
    if how == "create":
        c.create()
    else:
        c.detach()

    message = agent.message()

    assert message == {
        "ociVersion": message["ociVersion"],
        "fds": ["seccompFd"],
        "pid": c.init_pid,
        "metadata": "for \u00fc you",
        "state": {
            "ociVersion": message["ociVersion"],
            "id": c.id,
            "status": "creating",
            "pid": c.init_pid,
            "bundle": str(c.bundle),
            "annotations": {"key": "value"},
        },
    }
    assert message["ociVersion"].startswith("1.")


def test_metadata_is_left_out_where_there_is_none(
    container: MakeContainer, config: Config, agent: Agent
) -> None:
    config["linux"]["seccomp"] = notify(agent.path, "personality")
    container(config).run()

    assert "metadata" not in agent.message()
    assert "annotations" not in agent.message()["state"]


@pytest.mark.deviates(runc="refuses write; the others hang")
@pytest.mark.parametrize("no_new_privs", [True, False])
@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["write"], id="write"),
        pytest.param(["sendmsg", "sendto", "socket", "connect"], id="sendmsg"),
        pytest.param(["close", "close_range"], id="close"),
        pytest.param(["execve"], id="execve"),
        pytest.param(["read", "futex", "poll", "ppoll", "sched_yield"], id="read"),
        pytest.param(["prctl", "capset", "setgroups", "setresuid", "setresgid"], id="capset"),
        pytest.param([], id="everything"),
    ],
)
@pytest.mark.parametrize("how", CREATES)
def test_calls_of_the_runtime_itself_may_be_asked_about(
    container: MakeContainer,
    config: Config,
    agent: Agent,
    how: str,
    names: list[str],
    no_new_privs: bool,
) -> None:
    config["process"]["noNewPrivileges"] = no_new_privs
    config["process"]["user"] = {"uid": 1000, "gid": 1000}
    config["linux"]["seccomp"] = notify(agent.path, *names)
    c = container(config, "print", "alive")

    assert live(c, how) == "alive\n"

    assert len(agent.messages) == 1
    if "execve" in names or not names:
        assert agent.asked(EXECVE)
    if "write" in names or not names:
        assert agent.asked(WRITE)


@pytest.mark.parametrize("no_new_privs", [True, False])
@pytest.mark.parametrize("names", [["personality", "write"], []], ids=["write", "everything"])
def test_process_of_an_exec_has_a_listener_of_its_own(
    container: MakeContainer, config: Config, agent: Agent, names: list[str], no_new_privs: bool
) -> None:
    config["process"]["noNewPrivileges"] = no_new_privs
    config["annotations"] = {"key": "value"}
    config["linux"]["seccomp"] = notify(agent.path, *names, listenerMetadata="m")
    c = container(config, "pause")
    c.detach()
    pid_file = c.bundle.parent / "exec.pid"

    result = c.exec(
        "syscall", PERSONALITY, "0xffffffff", flags=("--pid-file", pid_file), expect=None
    )

    assert result.stdout
    assert agent.message(1) == {
        "ociVersion": agent.message(0)["ociVersion"],
        "fds": ["seccompFd"],
        "pid": int(pid_file.read_text()),
        "metadata": "m",
        "state": c.state(),
    }
    assert agent.message(1)["state"]["status"] == "running"
    assert agent.asked(PERSONALITY) == [int(pid_file.read_text())]


def test_exec_in_a_created_container_tells_its_status(
    container: MakeContainer, config: Config, agent: Agent
) -> None:
    config["linux"]["seccomp"] = notify(agent.path, "personality")
    c = container(config)
    c.create()

    c.exec("print", "x")

    assert agent.message(1)["state"]["status"] == "created"
    c.start()


@pytest.mark.parametrize("how", ["create", "exec"])
def test_nothing_of_the_handover_remains_in_the_container(
    container: MakeContainer, config: Config, agent: Agent, how: str
) -> None:
    config["linux"]["seccomp"] = notify(agent.path, "personality")
    c = container(config, "fds", ";", "pids", ";", "pause")
    c.create()
    waiting = {os.readlink(f"/proc/{c.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{c.pid}/fd")}
    assert not [link for link in waiting if "socket" in link or "anon_inode" in link]
    c.start()
    c.wait_for_output("--")

    text = c.output() if how == "create" else c.exec("fds", ";", "pids").stdout

    assert "seccomp" not in text
    assert "socket" not in text
    assert "eventfd" not in text


def test_message_larger_than_a_socket_holds_arrives(
    container: MakeContainer, config: Config, agent: Agent
) -> None:
    config["annotations"] = {"big": "x" * 1_000_000}
    config["linux"]["seccomp"] = notify(agent.path, "write")

    assert container(config, "print", "x").run().stdout == "x\n"
    assert len(agent.message()["state"]["annotations"]["big"]) == 1_000_000


def test_path_of_the_listener_may_be_long(
    container: MakeContainer, config: Config, work: Path
) -> None:
    directory = work / ("d" * 100) / ("e" * 100)
    directory.mkdir(parents=True)
    with Agent(directory / "agent.sock") as agent:
        config["linux"]["seccomp"] = notify(agent.path, "personality")
        container(config).run()
        assert agent.message()
    shutil.rmtree(work / ("d" * 100))


@requires.as_root("runs a container without a user namespace")
def test_container_in_a_user_namespace_has_an_agent_too(
    container: MakeContainer, config: Config, agent: Agent
) -> None:
    add_user_namespace(config)
    config["linux"]["seccomp"] = notify(agent.path, "write")
    c = container(config, "print", "x")
    for path in (c.bundle, c.rootfs):
        path.chmod(0o755)

    assert c.run().stdout == "x\n"
    assert agent.message()["pid"] > 1


def test_flags_hold_for_a_notifying_filter(
    container: MakeContainer, config: Config, agent: Agent
) -> None:
    flags = ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG"]
    config["linux"]["seccomp"] = notify(agent.path, "write", flags=flags)

    assert container(config, "print", "x").run().stdout == "x\n"


@requires.kernel(5, 19)
def test_waiting_for_the_agent_may_be_killable_only(
    container: MakeContainer, config: Config, agent: Agent
) -> None:
    flags = ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]
    config["linux"]["seccomp"] = notify(agent.path, "write", flags=flags)

    assert container(config, "print", "x").run().stdout == "x\n"


@pytest.mark.parametrize("verb", ["create", "run"])
def test_an_agent_that_is_not_there_is_an_error(
    container: MakeContainer, config: Config, work: Path, verb: str
) -> None:
    config["linux"]["seccomp"] = notify(work / "nobody.sock", "personality")
    c = container(config)

    message = c.refuses(verb)

    assert "linux.seccomp.listenerPath" in message
    assert "nobody.sock" in message
    assert "o such file" in message
    assert not c.exists


def test_an_agent_that_does_not_listen_is_an_error(
    container: MakeContainer, config: Config, work: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as bound:
        bound.bind(str(work / "deaf.sock"))
        config["linux"]["seccomp"] = notify(work / "deaf.sock", "personality")
        c = container(config)

        assert "onnection refused" in c.refuses("create")
        assert not c.exists
    (work / "deaf.sock").unlink()


def test_an_agent_with_another_kind_of_socket_is_an_error(
    container: MakeContainer, config: Config, work: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(work / "datagrams.sock"))
        config["linux"]["seccomp"] = notify(work / "datagrams.sock", "personality")

        assert "linux.seccomp.listenerPath" in container(config).refuses("create")
    (work / "datagrams.sock").unlink()


@contextlib.contextmanager
def bad_agent(path: Path, *, hangs_up: bool) -> Iterator[None]:
    """Takes connections and reads nothing."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as bound:
        bound.bind(str(path))
        bound.listen(8)

        def hang_up() -> None:
            connection, _ = bound.accept()
            connection.close()

        thread = threading.Thread(target=hang_up if hangs_up else lambda: None, daemon=True)
        thread.start()
        yield
        thread.join(10)
    path.unlink()


@pytest.mark.parametrize("no_new_privs", [True, False])
@pytest.mark.parametrize("verb", ["create", "run", "exec"])
def test_a_message_that_cannot_be_sent_is_an_error(
    container: MakeContainer, config: Config, work: Path, verb: str, no_new_privs: bool
) -> None:
    config["process"]["noNewPrivileges"] = no_new_privs
    # More than a socket holds: however late the agent hangs up, the message is not through.
    config["annotations"] = {"big": "x" * 1_000_000}
    config["linux"]["seccomp"] = notify(work / "agent.sock", "write", "exit_group")
    c = container(config, "pause")
    if verb == "exec":
        with Agent(work / "agent.sock"):
            c.detach()
    with bad_agent(work / "agent.sock", hangs_up=True):
        message = c.refuses(verb, after=(INSIDE, "print", "x") if verb == "exec" else ())

    assert "linux.seccomp: seccomp_notify(" in message
    assert "sendmsg: " in message
    assert c.exists == (verb == "exec")


def test_an_agent_that_does_not_read_is_not_waited_for(
    container: MakeContainer, config: Config, work: Path
) -> None:
    config["annotations"] = {"big": "x" * 1_000_000}
    config["linux"]["seccomp"] = notify(work / "agent.sock", "write")
    c = container(config)

    with bad_agent(work / "agent.sock", hangs_up=False):
        message = c.refuses("create")

    assert "linux.seccomp: seccomp_notify(" in message
    assert not c.exists


def test_killed_while_it_hands_over(container: MakeContainer, config: Config, work: Path) -> None:
    """The runtime is gone, init must not go on, and delete finds everything."""
    config["annotations"] = {"big": "x" * 1_000_000}
    config["linux"]["seccomp"] = notify(work / "agent.sock", "write")
    c = container(config)
    with bad_agent(work / "agent.sock", hangs_up=False):
        spawned = c.runtime.spawn("create", "--bundle", c.bundle, c.id)
        wait_until(lambda: any(is_filtered(pid) for pid in c.processes()), "the filter is loaded")
        spawned.process.kill()
        spawned.wait()
        c.delete("--force")

    assert not c.exists


def is_filtered(pid: int) -> bool:
    try:
        return "\nSeccomp:\t2\n" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_a_listener_that_no_rule_uses_is_ignored(
    container: MakeContainer, config: Config, work: Path
) -> None:
    config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "listenerPath": str(work / "nobody.sock"),
    }

    container(config).run()


@pytest.mark.ours
def test_metadata_for_nobody_is_refused(container: MakeContainer, config: Config) -> None:
    config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "x"}

    assert "/linux/seccomp" in container(config).refuses("create")


def test_profile_from_the_cache_notifies_too(
    container: MakeContainer, config: Config, work: Path
) -> None:
    for name in ("a.sock", "b.sock"):
        with Agent(work / name) as agent:
            config["linux"]["seccomp"] = notify(agent.path, "write", listenerMetadata=name)
            assert container(config, "print", "x").run().stdout == "x\n"
            assert agent.message()["metadata"] == name


def test_start_container_hook_is_under_the_filter(
    container: MakeContainer, config: Config, agent: Agent
) -> None:
    hook = {"path": INSIDE, "args": ["inside", "syscall", str(PERSONALITY), "0xffffffff"]}
    config["hooks"] = {"startContainer": [hook]}
    config["linux"]["seccomp"] = notify(agent.path, "personality")
    c = container(config, "pause")
    c.create()
    assert not agent.asked(PERSONALITY)

    assert "hooks.startContainer[0]" in c.refuses("start")
    assert len(agent.asked(PERSONALITY)) == 1


@pytest.mark.ours
def test_plan_shows_the_handover_and_makes_no_connection(
    container: MakeContainer, config: Config, work: Path
) -> None:
    config["linux"]["seccomp"] = notify(work / "nobody.sock", "write")
    c = container(config)

    printed = c.runtime("plan", "--bundle", c.bundle).stdout

    assert "seccomp_notify(" in printed
    assert f"{work}/nobody.sock" in printed
    assert json.dumps("seccompFd") in printed
