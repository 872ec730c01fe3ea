"""The container's process: who it is, where it starts, what it may do, and how a program is found."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

import requires
from support import ids
from support.config import Config, add_user_namespace, on_host
from support.container import Container, MakeContainer

CAP_NAMES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
CAP_SET = 1 << 29 | 1 << 5 | 1 << 10
SETS = ("bounding", "effective", "permitted", "inheritable", "ambient")


def capability_sets(text: str) -> dict[str, int]:
    return {name: int(value, 16) for name, value in (line.split("=") for line in text.splitlines())}


# Users and groups


def test_user_and_groups_are_those_of_the_config(container: MakeContainer, config: Config) -> None:
    config["process"]["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [5, 6, 7]}

    assert (
        container(config, "id").run().stdout
        == "uid=1000,1000,1000 gid=1001,1001,1001 groups=5,6,7\n"
    )


@requires.as_root("gives the caller groups")
def test_groups_of_the_caller_are_dropped(container: MakeContainer, config: Config) -> None:
    c = container(config, "id")

    assert c.run(prefix=["setpriv", "--groups", "4,20"]).stdout == "uid=0,0,0 gid=0,0,0 groups=\n"


@pytest.mark.deviates(runc="1.1 takes no id above 2147483647")
@requires.as_root("uses an id that is not mapped")
def test_a_user_needs_no_entry_in_the_images_passwd(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["user"] = {"uid": 4294967294, "gid": 4294967294}

    assert "uid=4294967294,4294967294,4294967294" in container(config, "id").run().stdout


@pytest.mark.deviates(runc="0022 unless configured")
@pytest.mark.parametrize(
    ("umask", "expected"), [(None, "0023"), (0, "0000"), (0o77, "0077"), (0o7, "0007")]
)
def test_umask_is_the_configured_one_or_the_callers(
    container: MakeContainer, config: Config, umask: int | None, expected: str
) -> None:
    if umask is not None:
        config["process"]["user"]["umask"] = umask
    c = container(config, "umask")
    result = c.run(umask=0o023)

    assert result.stdout == expected + "\n"


# Working directory


def test_working_directory_is_entered(container: MakeContainer, config: Config) -> None:
    config["process"]["cwd"] = "/tmp"

    assert container(config, "cwd").run().stdout == "/tmp\n"


def test_missing_working_directory_is_created(container: MakeContainer, config: Config) -> None:
    config["process"]["cwd"] = "/new/work/dir"
    c = container(config, "cwd", ";", "stat", "/new/work/dir")

    result = c.run()

    assert result.sections[0] == "/new/work/dir"
    assert "type=dir mode=0755 uid=0 gid=0" in result.sections[1]


def test_working_directory_that_is_a_file_is_an_error(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["cwd"] = "/bin/true"

    message = container(config).refuses("create")

    assert "/bin/true" in message
    assert "not a directory" in message.lower()


@requires.user_namespaces
@requires.as_root("uses an id that is not mapped")
def test_working_directory_that_neither_root_nor_the_user_may_enter_is_an_error(
    container: MakeContainer, config: Config
) -> None:
    # The runtime enters it as the container's root where it can; here its owner is not mapped, so that root is nobody.
    add_user_namespace(config)
    config["process"]["user"] = {"uid": 1000, "gid": 1000}
    config["process"]["cwd"] = "/root/private"
    c = container(config)
    (c.rootfs / "root" / "private").mkdir()
    (c.rootfs / "root" / "private").chmod(0o700)

    message = c.refuses("run")

    assert "/root/private" in message
    assert "permission denied" in message.lower()
    assert not c.exists


def test_working_directory_that_only_the_user_may_enter_works(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["user"] = {"uid": 1000, "gid": 1000}
    config["process"]["capabilities"] = {}
    config["process"]["cwd"] = "/home"
    c = container(config, "cwd")
    (c.rootfs / "home").mkdir(mode=0o700)
    owner = on_host(config, 1000)
    ids.chown(c.rootfs / "home", owner, owner)

    assert c.run().stdout == "/home\n"


@pytest.mark.parametrize("number", range(3, 12))
def test_working_directory_by_an_inherited_descriptor_does_not_reach_the_host(
    container: MakeContainer, config: Config, number: int
) -> None:
    # CVE-2024-21626: a descriptor of the runtime that refers to a directory of the host.
    config["process"]["cwd"] = f"/proc/self/fd/{number}"
    c = container(config, "cwd", ";", "ls", "../../../../..")

    result = c.runtime("run", "--bundle", c.bundle, c.id)

    assert "pyruntime-test" not in result.stdout
    assert "boot" not in result.stdout.split()
    assert "Traceback" not in result.stderr


def test_relative_working_directory_is_refused(container: MakeContainer, config: Config) -> None:
    config["process"]["cwd"] = "tmp"

    assert "cwd" in container(config).refuses("create").lower()


# Environment


def test_environment_is_exactly_the_configured_one(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["env"] = [
        "PATH=/bin",
        "HOME=/somewhere",
        "A=1",
        "EMPTY=",
        "EQUALS=a=b=c",
        "UNICODE=ü",
        "SPACE=a b\tc",
    ]
    c = container(config, "env")

    result = c.run(environment={**c.runtime.environment, "LEAKED": "yes", "LD_PRELOAD": ""})

    assert sorted(result.lines) == sorted(config["process"]["env"])


def test_home_comes_from_the_images_passwd_when_it_is_not_set(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["user"] = {"uid": 1000, "gid": 1000}
    c = container(config, "env")
    (c.rootfs / "etc" / "passwd").write_text(
        "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n"
    )

    assert "HOME=/home/user" in c.run().lines


@pytest.mark.parametrize(("uid", "home"), [(0, "/root"), (1000, "/")])
def test_home_has_a_default_without_a_passwd(
    container: MakeContainer, config: Config, uid: int, home: str
) -> None:
    config["process"]["user"] = {"uid": uid, "gid": 0}

    seen = [line for line in container(config, "env").run().lines if line.startswith("HOME=")]

    # runc says "/" for anyone whom the image does not know, root included.
    assert seen in ([f"HOME={home}"], ["HOME=/"])


def test_of_two_values_of_a_variable_the_last_counts(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["env"] += ["A=first", "A=last"]

    lines = container(config, "env").run().lines

    # getenv(3) takes the first: only one may be left.
    assert [line for line in lines if line.startswith("A=")] == ["A=last"]


def test_long_arguments_and_environment_arrive(container: MakeContainer, config: Config) -> None:
    long = "x" * 100_000
    config["process"]["env"].append(f"LONG={long}")

    result = container(config, "print", long, ";", "env").run()

    assert result.sections[0] == long
    assert f"LONG={long}" in result.sections[1].splitlines()


def test_arguments_arrive_unchanged(container: MakeContainer, config: Config) -> None:
    for text in ("", " ", "a b", "ü\n\t\"'\\$`", "-x", "--", "%s%n"):
        assert container(config, "print", text).run().stdout == text + "\n"


# Finding the program


def failure_to_find(container: MakeContainer, config: Config, *args: str) -> tuple[Container, str]:
    config["process"]["args"] = list(args)
    c = container(config)
    return c, c.refuses("run").lower()


def test_program_is_looked_up_in_the_containers_path(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["args"] = ["inside", "print", "found"]
    config["process"]["env"] = ["PATH=/nowhere:/bin"]

    assert container(config).run().stdout == "found\n"


def test_relative_program_is_found_from_the_working_directory(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["args"] = ["./inside", "print", "found"]
    config["process"]["cwd"] = "/bin"

    assert container(config).run().stdout == "found\n"


def test_program_that_is_not_in_the_path_is_an_error_at_create(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["args"] = ["no-such-program"]
    c = container(config)

    message = c.refuses("create")

    assert "executable file not found in $PATH" in message
    assert "no-such-program" in message
    assert not c.exists


def test_program_that_is_missing_is_no_such_file(container: MakeContainer, config: Config) -> None:
    c, message = failure_to_find(container, config, "/bin/missing")

    assert "/bin/missing" in message
    assert "no such file or directory" in message
    assert not c.exists


def test_program_that_is_not_executable_is_permission_denied(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["args"] = ["/bin/script"]
    c = container(config)
    (c.rootfs / "bin" / "script").write_text("#!/bin/inside\n")

    assert "permission denied" in c.refuses("run").lower()


def test_program_that_is_a_directory_is_an_error(container: MakeContainer, config: Config) -> None:
    _, message = failure_to_find(container, config, "/bin")

    assert "is a directory" in message or "permission denied" in message


def test_script_runs_through_its_interpreter(container: MakeContainer, config: Config) -> None:
    config["process"]["args"] = ["/bin/script"]
    c = container(config)
    (c.rootfs / "bin" / "script").write_text("#!/bin/inside cat\nthe script's text\n")
    (c.rootfs / "bin" / "script").chmod(0o755)

    assert "the script's text" in c.run().stdout


# Limits


@pytest.mark.parametrize(
    ("kind", "soft", "hard"),
    [
        ("RLIMIT_NOFILE", 100, 200),
        ("RLIMIT_CORE", 0, 0),
        ("RLIMIT_NPROC", 500, 600),
        ("RLIMIT_STACK", 1 << 20, 1 << 24),
        ("RLIMIT_AS", 1 << 33, 1 << 34),
        ("RLIMIT_CPU", 100, 200),
        ("RLIMIT_FSIZE", 12345, 23456),
        ("RLIMIT_MEMLOCK", 4096, 8192),
        ("RLIMIT_SIGPENDING", 7, 8),
        ("RLIMIT_MSGQUEUE", 1000, 2000),
        ("RLIMIT_RTTIME", 1000, 2000),
    ],
)
def test_rlimit_is_in_effect(
    container: MakeContainer, config: Config, kind: str, soft: int, hard: int
) -> None:
    config["process"]["rlimits"] = [{"type": kind, "soft": soft, "hard": hard}]

    assert f"{kind} {soft} {hard}" in container(config, "limits").run().lines


@requires.as_root("gives files to other users")
@pytest.mark.parametrize("deny", [(), ("faccessat2",)], ids=["", "before 5.8"])
@pytest.mark.parametrize(
    ("mode", "capable", "works"),
    [(0o700, True, True), (0o700, False, False), (0o600, True, False), (0o010, True, True)],
)
def test_what_only_a_capability_may_execute(
    request: pytest.FixtureRequest,
    container: MakeContainer,
    config: Config,
    mode: int,
    capable: bool,
    works: bool,
    deny: tuple[str, ...],
) -> None:
    """CAP_DAC_OVERRIDE executes what anybody may; nobody executes what nobody may."""
    config["process"]["user"] = {"uid": 1000, "gid": 1000}
    names = ["CAP_DAC_OVERRIDE"] if capable else []
    config["process"]["capabilities"] = dict.fromkeys(
        ("bounding", "effective", "permitted", "inheritable", "ambient"), names
    )
    c = container(config)
    if deny:
        c.runtime.prefix = [str(request.getfixturevalue("deny_binary")), *deny, "--"]
    program = c.rootfs / "bin" / "theirs"
    shutil.copy(c.rootfs / "bin" / "true", program)
    os.chown(program, 2000, 2000)
    program.chmod(mode)
    config["process"]["args"] = ["/bin/theirs", "print", "ran"]
    c.write_config()

    if works:
        assert c.run().stdout == "ran\n"
    else:
        assert "permission denied" in c.refuses("create")


LOW = [
    ("RLIMIT_NOFILE", 3),
    ("RLIMIT_NOFILE", 0),
    ("RLIMIT_NPROC", 1),
    ("RLIMIT_CPU", 1),
    ("RLIMIT_MEMLOCK", 0),
    ("RLIMIT_SIGPENDING", 0),
    ("RLIMIT_MSGQUEUE", 0),
    ("RLIMIT_CORE", 0),
    ("RLIMIT_AS", 1 << 22),
    ("RLIMIT_DATA", 1 << 20),
    ("RLIMIT_STACK", 1 << 18),
]
"""As low as a small static program can live with."""


@pytest.mark.deviates(runc="1.1 cannot close descriptors when it may open none")
@pytest.mark.parametrize("uid", [0, 1000])
@pytest.mark.parametrize(("kind", "value"), LOW)
def test_a_low_limit_is_the_programs_and_hinders_nobody_else(
    container: MakeContainer, config: Config, kind: str, value: int, uid: int
) -> None:
    config["process"]["rlimits"] = [{"type": kind, "soft": value, "hard": value}]
    config["process"]["user"] = {"uid": uid, "gid": uid}
    config["process"]["cwd"] = "/tmp"
    config["process"]["capabilities"] = {}
    c = container(config, "limits", ";", "cwd", ";", "pause")
    c.create()
    c.start()
    c.wait_for_output()

    for sections in (c.output().split("--\n"), c.exec("limits", ";", "cwd").sections):
        assert f"{kind} {value} {value}" in sections[0].splitlines()
        assert sections[1].strip() == "/tmp"


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param([{"type": "RLIMIT_NONSENSE", "soft": 1, "hard": 1}], id="unknown"),
        pytest.param([{"type": "RLIMIT_NOFILE", "soft": 20, "hard": 10}], id="soft above hard"),
        pytest.param(
            [
                {"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20},
                {"type": "RLIMIT_NOFILE", "soft": 30, "hard": 40},
            ],
            id="twice",
            marks=pytest.mark.deviates(runc="takes the last of two"),
        ),
    ],
)
def test_bad_rlimit_is_refused(container: MakeContainer, config: Config, limits: list[Any]) -> None:
    config["process"]["rlimits"] = limits
    c = container(config)

    c.refuses("create")
    assert not c.exists


# Capabilities and privileges


def test_capabilities_are_exactly_those_of_the_five_sets(
    container: MakeContainer, config: Config
) -> None:
    sets = capability_sets(container(config, "caps").run().stdout)

    assert sets == dict.fromkeys(SETS, CAP_SET)


def test_each_capability_set_is_its_own(container: MakeContainer, config: Config) -> None:
    config["process"]["capabilities"] = {
        "bounding": ["CAP_KILL", "CAP_CHOWN", "CAP_FOWNER"],
        "permitted": ["CAP_KILL", "CAP_CHOWN"],
        "effective": ["CAP_KILL"],
        "inheritable": ["CAP_CHOWN"],
        "ambient": [],
    }
    # As another user than root: for root, execve fills permitted and effective from the bounding set.
    config["process"]["user"] = {"uid": 1000, "gid": 1000}

    sets = capability_sets(container(config, "caps").run().stdout)

    assert sets["bounding"] == 1 << 5 | 1 << 0 | 1 << 3
    assert sets["inheritable"] == 1 << 0
    assert sets["effective"] == sets["permitted"] == sets["ambient"] == 0


@pytest.mark.ours
def test_ambient_capability_that_cannot_be_raised_is_a_warning(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["user"] = {"uid": 1000, "gid": 1000}
    config["process"]["capabilities"]["inheritable"].remove("CAP_KILL")

    result = container(config, "caps").run()

    assert not capability_sets(result.stdout)["ambient"] & 1 << 5
    assert "ambient: CAP_KILL" in result.stderr


def test_ambient_capabilities_survive_the_change_of_user(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["user"] = {"uid": 1000, "gid": 1000}

    sets = capability_sets(container(config, "caps").run().stdout)

    assert sets == dict.fromkeys(SETS, CAP_SET)


@pytest.mark.parametrize("value", [{}, None], ids=["empty", "absent"])
def test_no_capabilities_means_none(container: MakeContainer, config: Config, value: Any) -> None:
    if value is None:
        del config["process"]["capabilities"]
    else:
        config["process"]["capabilities"] = value

    sets = capability_sets(container(config, "caps").run().stdout)

    assert sets == dict.fromkeys(SETS, 0)


def test_unknown_capability_is_a_warning(container: MakeContainer, config: Config) -> None:
    for name in SETS:
        config["process"]["capabilities"][name].append("CAP_TO_FLY")

    result = container(config, "caps").run()

    assert capability_sets(result.stdout) == dict.fromkeys(SETS, CAP_SET)
    assert "CAP_TO_FLY" in result.stderr


@requires.no_cap_sys_resource
@pytest.mark.deviates(runc="1.1 fails")
def test_capability_that_cannot_be_granted_is_no_error(
    container: MakeContainer, config: Config
) -> None:
    for name in SETS:
        config["process"]["capabilities"][name].append("CAP_SYS_RESOURCE")

    assert (
        capability_sets(container(config, "caps").run().stdout)["bounding"] & ~(1 << 24) == CAP_SET
    )


@pytest.mark.parametrize("value", [True, False, None])
def test_no_new_privileges_is_as_configured(
    container: MakeContainer, config: Config, value: bool | None
) -> None:
    if value is None:
        del config["process"]["noNewPrivileges"]
    else:
        config["process"]["noNewPrivileges"] = value

    assert f"no_new_privs={int(bool(value))} " in container(config, "confinement").run().stdout


@pytest.mark.parametrize("uid", [0, 1000])
@pytest.mark.parametrize("value", [100, 1000, 0])
def test_oom_score_adjustment_is_written(
    container: MakeContainer, config: Config, uid: int, value: int
) -> None:
    config["process"]["oomScoreAdj"] = value
    config["process"]["user"] = {"uid": uid, "gid": uid}

    assert container(config, "cat", "/proc/self/oom_score_adj").run().stdout == f"{value}\n"


def test_oom_score_adjustment_is_inherited_when_not_configured(
    container: MakeContainer, config: Config
) -> None:
    own = Path("/proc/self/oom_score_adj").read_text()

    assert container(config, "cat", "/proc/self/oom_score_adj").run().stdout == own


def test_signals_are_neither_blocked_nor_ignored(container: MakeContainer, config: Config) -> None:
    c = container(config, "signals")

    # Python's subprocess ignores SIGPIPE unless told otherwise; env(1) ignores two more.
    result = c.run(prefix=["env", "--ignore-signal=INT,TERM,USR1", "--block-signal=HUP,CHLD"])

    assert result.stdout == ""


def test_no_signal_is_ignored_as_the_kernel_has_it(
    container: MakeContainer, config: Config
) -> None:
    # 32 and 33 are a C library's own: it leaves them ignored, and does not tell.
    c = container(config, "cat", "/proc/self/status", ";", "pause")
    c.detach()
    c.wait_for_output()

    for text in (c.output(), c.exec("cat", "/proc/self/status").stdout):
        masks = [line.split()[1] for line in text.splitlines() if line[:6] in ("SigIgn", "SigBlk")]
        assert masks == ["0" * 16] * 2


def test_process_is_the_leader_of_a_session_of_its_own(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["namespaces"] = [e for e in config["linux"]["namespaces"] if e["type"] != "pid"]

    values = dict(part.split("=") for part in container(config, "pids").run().stdout.split())

    assert values["pid"] == values["sid"] == values["pgid"]
    assert int(values["sid"]) != os.getsid(0)


def test_process_is_dumpable_by_its_own_owner(container: MakeContainer, config: Config) -> None:
    assert "dumpable=1" in container(config, "confinement").run().stdout


@pytest.mark.parametrize("no_new_keyring", [False, True])
def test_session_keyring_is_the_containers_own_unless_declined(
    container: MakeContainer, config: Config, no_new_keyring: bool
) -> None:
    c = container(config, "keyring")

    result = c.runtime(
        "run", "--bundle", c.bundle, *(["--no-new-keyring"] if no_new_keyring else []), c.id
    )

    if not no_new_keyring and result.returncode == 0:
        assert c.id in result.stdout
    else:
        assert c.id not in result.stdout


@pytest.mark.deviates(runc="came with 1.2")
def test_personality_is_in_effect(container: MakeContainer, config: Config) -> None:
    config["linux"]["personality"] = {"domain": "LINUX32"}

    assert "personality=8" in container(config, "scheduling").run().stdout


def test_standard_files_of_another_user_belong_to_that_user(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["user"] = {"uid": 1000, "gid": 1000}
    c = container(config, "open", "/proc/self/fd/1", "w")

    # The runtime gives the files of stdout and stderr to the user, so that they can be opened again.
    c.run()


def test_rootfs_files_made_by_root_inside_belong_to_root(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "touch", "/made")

    c.run()

    st = (c.rootfs / "made").stat()
    root = on_host(config, 0)
    assert (st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)) == (root, root, 0o644)
