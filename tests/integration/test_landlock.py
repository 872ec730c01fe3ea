"""Landlock by annotation: what the process may no longer do, seen from inside; and exec's process likewise."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

import requires
from support.config import Config, bind, drop_namespace
from support.container import MakeContainer

pytestmark = [pytest.mark.ours, requires.landlock(1)]

ANNOTATION = "org.pyruntime.landlock"
PROGRAM = {"paths": ["/bin/inside"], "allowedAccess": ["execute"]}


def restrict(config: Config, **policy: Any) -> None:
    config["annotations"] = {ANNOTATION: json.dumps(policy)}


def allow(*paths: str, access: list[str], **more: Any) -> dict[str, Any]:
    return {"paths": list(paths), "allowedAccess": access, **more}


def test_writing_is_denied_where_no_rule_allows_it(
    container: MakeContainer, config: Config
) -> None:
    restrict(
        config,
        handledAccessFS=["write_file", "make_reg", "make_dir"],
        rules=[allow("/tmp", access=["write_file", "make_reg"])],
    )
    c = container(config, "touch", "/etc/x", ";", "touch", "/tmp/x", ";", "mkdir", "/tmp/d", ";",
                  "open", "/etc/passwd", "r", ";", "open", "/etc/passwd", "w")  # fmt: skip
    (c.rootfs / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")

    result = c.run(expect=1)

    assert result.sections == ["EACCES", "ok", "EACCES", "ok", "EACCES"]
    assert (c.rootfs / "tmp/x").exists()
    assert not (c.rootfs / "etc/x").exists()


def test_reading_is_denied_where_no_rule_allows_it(
    container: MakeContainer, config: Config
) -> None:
    restrict(
        config,
        handledAccessFS=["read_file", "read_dir", "execute"],
        rules=[
            # The kernel reads the programs that it executes.
            allow("/bin/inside", access=["execute", "read_file"]),
            allow("/etc", access=["read_file"]),
        ],
    )
    c = container(config, "cat", "/etc/a", ";", "ls", "/etc", ";", "cat", "/var/a")
    for name in ("etc", "var"):
        (c.rootfs / name / "a").write_text("text\n")

    assert c.run(expect=1).sections == ["text", "EACCES", "EACCES"]


def test_starting_programs_is_denied_where_no_rule_allows_it(
    container: MakeContainer, config: Config
) -> None:
    restrict(config, handledAccessFS=["execute"], rules=[PROGRAM])
    c = container(config, "exec", "/bin/copy", ";", "exec", "/bin/inside", "print", "here")
    (c.rootfs / "bin/copy").write_bytes((c.rootfs / "bin/inside").read_bytes())
    (c.rootfs / "bin/copy").chmod(0o755)

    assert c.run(expect=None).sections == ["EACCES", "here"]


def test_a_program_that_may_not_be_executed_is_not(
    container: MakeContainer, config: Config
) -> None:
    restrict(config, handledAccessFS=["execute"])

    assert "permission denied" in container(config).run(expect=126).stderr


@requires.landlock(4)
def test_ports_are_denied_but_for_those_in_a_rule(container: MakeContainer, config: Config) -> None:
    restrict(
        config,
        handledAccessNet=["bind_tcp", "connect_tcp"],
        rules=[
            {"ports": [8080], "allowedAccess": ["bind_tcp"]},
            {"ports": [5432], "allowedAccess": ["connect_tcp"]},
        ],
    )
    commands = ("tcp-bind 8080", "tcp-bind 8081", "tcp-connect 5432", "tcp-connect 8080")
    words = [word for command in commands for word in (*command.split(), ";")]

    result = container(config, *words[:-1]).run(expect=1)

    assert result.sections == ["ok", "EACCES", "ECONNREFUSED", "EACCES"]


@requires.landlock(6)
@pytest.mark.parametrize("scoped", [True, False])
def test_abstract_sockets_of_others_are_out_of_reach(
    container: MakeContainer, config: Config, scoped: bool
) -> None:
    drop_namespace(config, "network")
    restrict(config, scoped=["abstract_unix_socket"] if scoped else ["signal"])
    c = container(config)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0{c.id}")
        listener.listen()
        c.config["process"]["args"] = ["/bin/inside", "abstract-connect", c.id]
        c.write_config()

        result = c.run(expect=1 if scoped else 0)

    assert result.sections == ["EPERM" if scoped else "ok"]


@requires.landlock(6)
@pytest.mark.parametrize("scoped", [True, False])
def test_signals_do_not_leave_the_domain(
    container: MakeContainer, config: Config, scoped: bool
) -> None:
    restrict(config, scoped=["signal"] if scoped else ["abstract_unix_socket"])
    c = container(config, "trap", "7", "15")
    c.detach()
    c.wait_for_output()

    result = c.exec("signal", "1", "15", expect=1 if scoped else 0)

    assert result.sections == ["EPERM" if scoped else "ok"]
    if scoped:
        c.kill("TERM")  # from outside: not concerned
    assert c.wait_stopped() == 7


def test_an_exec_process_is_restricted_like_init(
    container: MakeContainer, config: Config, work: Path
) -> None:
    restrict(
        config,
        handledAccessFS=["write_file", "make_reg"],
        rules=[allow("/tmp", access=["write_file", "make_reg"])],
    )
    process = work / "process.json"
    process.write_text(
        json.dumps(
            {"args": ["/bin/inside", "touch", "/etc/y"], "cwd": "/", "user": {"uid": 0, "gid": 0}}
        )
    )
    c = container(config, "pause")
    c.detach()
    c.wait_for_output()

    by_words = c.exec("touch", "/etc/x", ";", "touch", "/tmp/x", expect=1)
    by_file = c.verb("exec", "--process", process, expect=1)

    assert by_words.sections == ["EACCES", "ok"]
    assert by_file.sections == ["EACCES"]


def test_it_holds_without_no_new_privs_and_as_another_user(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["noNewPrivileges"] = False
    config["process"]["user"] = {"uid": 1000, "gid": 1000}
    restrict(config, handledAccessFS=["make_reg"], rules=[allow("/mnt", access=["make_reg"])])
    c = container(config, "touch", "/tmp/x", ";", "touch", "/mnt/x", ";", "confinement")
    (c.rootfs / "mnt").chmod(0o777)

    result = c.run(expect=1)

    assert result.sections[:2] == ["EACCES", "ok"]
    assert "no_new_privs=0" in result.sections[2]


@pytest.mark.parametrize("no_new_privs", [True, False])
def test_a_filter_need_not_know_of_it(
    container: MakeContainer, config: Config, no_new_privs: bool
) -> None:
    config["process"]["noNewPrivileges"] = no_new_privs
    names = ["landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"]
    config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": names, "action": "SCMP_ACT_ERRNO"}],
    }
    restrict(config, handledAccessFS=["make_reg"])

    result = container(config, "touch", "/tmp/x", ";", "confinement").run(expect=1)

    assert result.sections[0] == "EACCES"
    assert "seccomp=2" in result.sections[1]


def test_it_holds_in_a_user_namespace(container: MakeContainer, config: Config) -> None:
    maps = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    config["linux"]["namespaces"].append({"type": "user"})
    config["linux"].update(uidMappings=maps, gidMappings=maps)
    config["mounts"] = [m for m in config["mounts"] if m["destination"] in ("/proc", "/dev")]
    restrict(config, handledAccessFS=["make_reg"], rules=[allow("/dev", access=["make_reg"])])

    result = container(config, "touch", "/dev/x", ";", "touch", "/tmp/x").run(expect=1)

    assert result.sections == ["ok", "EACCES"]


def test_rules_are_about_the_container_with_its_mounts(
    container: MakeContainer, config: Config, work: Path
) -> None:
    (work / "data").mkdir()
    config["mounts"].append(bind(work / "data", "/mnt"))
    restrict(
        config,
        handledAccessFS=["make_reg"],
        rules=[allow("/link", access=["make_reg"])],
    )
    c = container(config, "touch", "/mnt/x", ";", "touch", "/tmp/x")
    # An absolute link is the container's: it leads to the mount, and not to the host's /mnt.
    (c.rootfs / "link").symlink_to("/mnt")

    assert c.run(expect=1).sections == ["ok", "EACCES"]
    assert (work / "data/x").exists()


def test_a_path_that_is_missing_is_an_error_unless_it_is_optional(
    container: MakeContainer, config: Config
) -> None:
    restrict(config, handledAccessFS=["execute"], rules=[allow("/no", access=["execute"])])
    c = container(config)

    message = c.refuses("create")

    assert "annotations[org.pyruntime.landlock] /rules/0: landlock_path" in message
    assert "no such file or directory" in message
    assert '"optional": true' in message
    assert not c.exists

    restrict(
        config,
        handledAccessFS=["execute"],
        rules=[PROGRAM, allow("/no", access=["execute"], optional=True)],
    )
    assert container(config, "print", "here").run().sections == ["here"]


def test_a_rule_for_a_file_allows_what_files_have(container: MakeContainer, config: Config) -> None:
    restrict(
        config,
        handledAccessFS=["read_dir"],
        rules=[allow("/bin/inside", access=["read_dir"])],
    )

    assert "a rule for a file can allow only" in container(config).refuses("create")


def test_hooks_in_the_container_are_restricted_as_the_program_is(
    container: MakeContainer, config: Config
) -> None:
    config["hooks"] = {
        "createContainer": [
            {"path": "/bin/touch", "args": ["touch", "made-by-create"]},
        ],
        "startContainer": [{"path": "/bin/inside", "args": ["inside", "touch", "/tmp/by-start"]}],
    }
    restrict(config, handledAccessFS=["make_reg"])
    c = container(config)
    c.create()

    message = c.refuses("start")

    assert "startContainer" in message
    assert (c.rootfs / "made-by-create").exists()
    assert not (c.rootfs / "tmp/by-start").exists()


def test_a_created_container_keeps_no_descriptor_of_it(
    container: MakeContainer, config: Config
) -> None:
    restrict(config, handledAccessFS=["make_reg"])
    c = container(config)
    c.create()

    descriptors = Path(f"/proc/{c.init_pid}/fd")

    assert not [fd for fd in descriptors.iterdir() if "landlock" in str(fd.readlink())]
    c.start()


def test_the_plan_shows_what_is_kept(container: MakeContainer, config: Config) -> None:
    restrict(config, handledAccessFS=["make_reg"], rules=[allow("/tmp", access=["make_reg"])])
    c = container(config)

    shown = c.runtime("plan", "--bundle", c.bundle).stdout

    assert "version 1, make_reg)" in shown
    assert "/tmp, make_reg)" in shown
