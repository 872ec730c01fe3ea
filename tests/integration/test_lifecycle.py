"""create, start, state, kill, delete: the operations of the specification and what each status allows."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
from pathlib import Path

import jsonschema
import pytest

import requires
from support import cgroups
from support.config import Config
from support.container import Container, MakeContainer
from support.runtime import Runtime
from support.wait import wait_for_exit, wait_until


@pytest.fixture
def created(container: MakeContainer, config: Config) -> Container:
    c = container(config, "touch", "/started", ";", "pause")
    c.create()
    return c


@pytest.fixture
def running(created: Container) -> Container:
    created.start()
    created.wait_for_output()
    return created


@pytest.fixture
def stopped(running: Container) -> Container:
    running.kill("KILL")
    running.wait_stopped()
    return running


def test_a_container_goes_through_created_running_and_stopped(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "trap", 3, int(signal.SIGTERM))
    c.create()
    assert c.status == "created"
    c.start()
    assert c.status == "running"
    c.wait_for_output()
    c.kill("TERM")
    assert c.wait_stopped() == 3
    assert c.status == "stopped"
    c.delete()
    assert not c.exists


def test_the_program_does_not_run_before_start(created: Container) -> None:
    assert not (created.rootfs / "started").exists()
    created.start()
    wait_until((created.rootfs / "started").exists, "the program's file")


@pytest.mark.parametrize("status", ["created", "running"])
def test_state_has_what_the_specification_requires(
    request: pytest.FixtureRequest, status: str
) -> None:
    c: Container = request.getfixturevalue(status)

    state = c.state()

    assert state["id"] == c.id
    assert state["status"] == status
    assert state["bundle"] == str(c.bundle)
    assert state["ociVersion"].split(".")[0] == "1"
    assert isinstance(state["pid"], int)
    assert (Path("/proc") / str(state["pid"])).exists()
    assert not state.get("annotations")


@pytest.mark.ours
def test_state_has_nothing_but_what_the_specification_names(created: Container) -> None:
    assert set(created.state()) - {"annotations"} == {"ociVersion", "id", "status", "pid", "bundle"}


@pytest.mark.parametrize("status", ["created", "running", "stopped"])
def test_state_fits_its_schema(request: pytest.FixtureRequest, status: str) -> None:
    c: Container = request.getfixturevalue(status)
    schema = json.loads((Path(__file__).parents[2] / "schemas/state.json").read_text())

    assert list(jsonschema.Draft202012Validator(schema).iter_errors(c.state())) == []


def test_state_of_a_stopped_container_names_no_process(stopped: Container) -> None:
    state = stopped.state()

    assert state["status"] == "stopped"
    assert state.get("pid", 0) == 0


def test_state_carries_the_annotations(container: MakeContainer, config: Config) -> None:
    config["annotations"] = {
        "org.example.key": "value",
        "empty": "",
        "unicode": 'ünïcödé "quoted"\n',
    }
    c = container(config, "pause")
    c.create()

    assert c.state()["annotations"] == config["annotations"]


def test_state_gives_an_absolute_bundle_for_a_relative_one(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")

    c.verb("create", "--bundle", c.bundle.name, cwd=c.bundle.parent)

    assert c.state()["bundle"] == str(c.bundle)


def test_edits_of_config_json_after_create_have_no_effect(created: Container) -> None:
    created.config["process"]["args"] = ["/bin/inside", "print", "edited"]
    created.config["annotations"] = {"edited": "yes"}
    created.config["hostname"] = "edited"
    created.write_config()

    created.start()
    created.wait_for_output("ready")

    assert "edited" not in created.output()
    assert "edited" not in json.dumps(created.state())
    assert "hostname=container " in created.exec("names").stdout


@pytest.mark.deviates(runc="1.1 reads the bundle's config.json again at exec")
def test_config_json_may_vanish_after_create(created: Container) -> None:
    (created.bundle / "config.json").unlink()

    created.start()
    created.wait_for_output()
    assert created.exec("print", "x").stdout == "x\n"
    created.kill("KILL")
    created.wait_stopped()
    created.delete()

    assert not created.exists


def test_pid_file_holds_the_number_and_nothing_else(
    container: MakeContainer, config: Config, work: Path
) -> None:
    c = container(config, "pause")

    c.create("--pid-file", work / "pid")

    assert (work / "pid").read_bytes() == str(c.pid).encode()
    assert [entry.name for entry in work.iterdir() if "pid" in entry.name] == ["pid"]


def test_pid_file_replaces_an_older_one(
    container: MakeContainer, config: Config, work: Path
) -> None:
    (work / "pid").write_text("12345678901234567890\n")
    c = container(config, "pause")

    c.create("--pid-file", work / "pid")

    assert (work / "pid").read_bytes() == str(c.pid).encode()


def test_pid_file_in_a_missing_directory_fails_and_leaves_nothing(
    container: MakeContainer, config: Config, work: Path
) -> None:
    c = container(config, "pause")

    assert (
        "no such file or directory"
        in c.refuses("create", "--pid-file", work / "missing" / "pid").lower()
    )
    assert not c.exists


def test_the_same_id_twice_is_refused_and_the_first_is_untouched(created: Container) -> None:
    before = created.state()

    assert "already exists" in created.refuses("create")
    assert created.state() == before
    assert created.processes() == {created.pid}


def test_an_id_may_be_used_again_after_delete(created: Container) -> None:
    for _ in range(3):
        created.delete("--force")
        created.create()
        assert created.status == "created"


@pytest.mark.parametrize(
    "id",
    ["a/b", "../x", ".", "..", "a b", "a\nb", "ä", "a:b", "a*", "", "/abs", "x" * 1025],
    ids=repr,
)
@pytest.mark.parametrize("verb", ["create", "state", "start", "kill", "delete"])
def test_invalid_ids_are_refused_by_every_verb(
    runtime: Runtime, container: MakeContainer, verb: str, id: str
) -> None:
    c = container()
    flags = ("--bundle", c.bundle) if verb == "create" else ()

    result = runtime(verb, *flags, id)

    assert result.returncode != 0, str(result)
    assert result.stderr.strip() or result.stdout.strip(), str(result)
    assert "Traceback" not in result.stderr
    assert not cgroups.below(str(c.cgroup).rsplit("/", 1)[0])


@pytest.mark.parametrize("id", ["a", "A.b-c_d+e", "0", "x" * 200])
def test_ordinary_ids_are_accepted(container: MakeContainer, config: Config, id: str) -> None:
    c = container(config, "pause", id=id)

    c.create()

    assert c.state()["id"] == id


@pytest.mark.parametrize(
    "verb", ["state", "start", "kill", "delete", "pause", "resume", "exec", "ps"]
)
def test_verbs_on_an_unknown_id_say_that_it_does_not_exist(
    container: MakeContainer, verb: str
) -> None:
    c = container()

    message = c.refuses(verb, after=("/bin/true",) if verb == "exec" else ())

    assert "does not exist" in message


@pytest.mark.parametrize(
    "verb", ["state", "start", "kill", "delete", "create", "run", "exec", "pause", "resume"]
)
def test_verbs_without_an_id_fail(runtime: Runtime, verb: str) -> None:
    result = runtime(verb)

    assert result.returncode != 0
    assert "Traceback" not in result.stderr


def test_forced_delete_of_an_unknown_id_succeeds_silently(container: MakeContainer) -> None:
    result = container().delete("--force")

    assert result.stdout == result.stderr == ""


@pytest.mark.parametrize("status", ["running", "stopped"])
def test_start_of_a_container_that_is_not_created_fails_without_effect(
    request: pytest.FixtureRequest, status: str
) -> None:
    c: Container = request.getfixturevalue(status)

    c.refuses("start")

    assert c.status == status


def test_start_twice_runs_the_program_once(running: Container) -> None:
    running.refuses("start")

    assert running.output().count("ready") == 1


def test_kill_of_a_stopped_container_says_that_it_is_not_running(stopped: Container) -> None:
    assert "container not running" in stopped.refuses("kill", after=("KILL",))
    assert stopped.status == "stopped"


def test_delete_of_a_running_container_is_refused_without_effect(running: Container) -> None:
    message = running.refuses("delete")

    assert "is not stopped" in message or "running" in message
    assert running.status == "running"


@pytest.mark.parametrize("status", ["created", "running", "stopped"])
def test_forced_delete_removes_a_container_in_any_status(
    request: pytest.FixtureRequest, status: str
) -> None:
    c: Container = request.getfixturevalue(status)
    pid = c.state().get("pid", 0)

    c.delete("--force")

    assert not c.exists
    assert not pid or wait_for_exit(pid) in (137, None)
    assert cgroups.directories(str(c.cgroup)) == []


def test_forced_delete_removes_a_paused_container(running: Container) -> None:
    running.verb("pause")

    running.delete("--force")

    assert not running.exists


@pytest.mark.deviates(runc="kills and deletes it")
def test_delete_of_a_created_container_is_refused_without_effect(created: Container) -> None:
    assert "is not stopped" in created.refuses("delete")
    assert created.status == "created"

    created.start()
    created.wait_for_output()


def test_delete_leaves_the_bundle_alone(stopped: Container) -> None:
    before = sorted(str(path) for path in stopped.bundle.rglob("*"))

    stopped.delete()

    assert sorted(str(path) for path in stopped.bundle.rglob("*")) == before


def test_a_container_whose_init_ended_unseen_is_stopped(created: Container) -> None:
    created.start()
    os.kill(created.pid, signal.SIGKILL)

    # We are its parent and have not waited for it yet: a zombie counts as stopped.
    wait_until(lambda: created.status == "stopped", "stopped while a zombie")
    created.delete()

    assert not created.exists


@requires.as_root("gives a process a number")
def test_a_stranger_with_inits_old_number_is_left_alone(
    running: Container, inside_binary: Path
) -> None:
    running.kill("KILL")
    running.wait_stopped()
    subprocess.run([inside_binary, "stranger", str(running.init_pid)], check=True)
    stranger = os.pidfd_open(running.init_pid)
    try:
        assert running.status == "stopped"
        running.refuses("kill", after=("KILL",))
        running.delete("--force")
        # A signal sent is acted upon before the sender's command has ended.
        assert os.waitid(os.P_PIDFD, stranger, os.WEXITED | os.WNOHANG) is None
    finally:
        signal.pidfd_send_signal(stranger, signal.SIGKILL)
        os.waitid(os.P_PIDFD, stranger, os.WEXITED)
        os.close(stranger)


def test_a_created_container_whose_init_was_killed_is_stopped(created: Container) -> None:
    os.kill(created.pid, signal.SIGKILL)
    created.wait_stopped()

    created.refuses("start")
    created.delete()


def test_a_created_container_can_be_killed(created: Container) -> None:
    pid = created.pid

    created.kill("KILL")

    assert wait_for_exit(pid) == 137
    wait_until(lambda: created.status == "stopped", "stopped")
    assert not (created.rootfs / "started").exists()


def test_every_verb_works_from_another_directory_and_environment(
    container: MakeContainer, config: Config, work: Path
) -> None:
    c = container(config, "pause")
    c.create(cwd=work)

    c.start(cwd=Path("/"), environment={})
    assert c.verb("state", cwd=Path("/proc"), environment={"PATH": ""}).returncode == 0
    c.kill("KILL", cwd=Path("/"), environment={})
    c.wait_stopped()
    c.delete(cwd=Path("/"), environment={})

    assert not c.exists


def test_state_directory_is_not_readable_by_others(created: Container) -> None:
    root = created.runtime.state_root

    assert stat.S_IMODE(root.stat().st_mode) & 0o066 == 0
    for path in root.rglob("*"):
        if path.is_file():
            assert stat.S_IMODE(path.stat().st_mode) & 0o022 == 0, path


def test_create_does_not_wait_for_the_programs_standard_input(
    container: MakeContainer, config: Config
) -> None:
    read, write = os.pipe()
    try:
        c = container(config, "echo")
        c.create(stdin=read)
        os.close(read)
        c.start()
        os.write(write, b"late\n")
        c.wait_for_output("late")
    finally:
        os.close(write)
    assert c.wait_stopped() == 0


@pytest.mark.ours
def test_create_without_a_process_succeeds_and_start_fails(
    container: MakeContainer, config: Config
) -> None:
    del config["process"]
    c = container(config)

    c.create()

    assert c.status == "created"
    c.refuses("start")


def test_version_names_the_runtime_and_the_specification(runtime: Runtime) -> None:
    result = runtime("--version")

    assert result.returncode == 0
    assert result.lines[0].startswith(f"{runtime.path.name} version ")
    assert any(line.startswith("spec: 1.") for line in result.lines)
