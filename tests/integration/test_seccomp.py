"""seccomp: what a profile lets through, answers, and kills."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

import pytest

import requires
from support.config import Config
from support.container import MakeContainer

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="requires x86_64: numbers of system calls"
)

PERSONALITY, FUTURE = "135", "4000"
PODMANS = Path("/usr/share/containers/seccomp.json")


def allow_but(*rules: dict[str, Any], **profile: Any) -> dict[str, Any]:
    return {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": list(rules), **profile}


def errno_rule(*names: str, action: str = "SCMP_ACT_ERRNO", **more: Any) -> dict[str, Any]:
    return {"names": list(names), "action": action, **more}


def test_call_is_answered_with_eperm_by_default(container: MakeContainer, config: Config) -> None:
    config["linux"]["seccomp"] = allow_but(errno_rule("getcwd"))

    result = container(config, "cwd", ";", "names", ";", "confinement").run(expect=1)

    assert result.sections[0] == "EPERM"
    assert result.sections[1].startswith("hostname=")
    assert "seccomp=2" in result.sections[2]


def test_call_is_answered_with_the_configured_errno(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["seccomp"] = allow_but(errno_rule("getcwd", errnoRet=61))

    assert container(config, "cwd").run(expect=1).stdout == "E61\n"


@pytest.mark.parametrize(
    "action", ["SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"]
)
def test_call_kills_with_sigsys(container: MakeContainer, config: Config, action: str) -> None:
    config["linux"]["seccomp"] = allow_but(errno_rule("getcwd", action=action))

    assert container(config, "child", "cwd", ";", "print", "alive").run().sections == [
        "signal 31",
        "alive",
    ]


@pytest.mark.parametrize("action", ["SCMP_ACT_LOG", "SCMP_ACT_ALLOW"])
def test_call_goes_through(container: MakeContainer, config: Config, action: str) -> None:
    config["linux"]["seccomp"] = allow_but(errno_rule("getcwd", action=action))

    assert container(config, "cwd").run().stdout == "/\n"


def test_condition_on_an_argument_decides(container: MakeContainer, config: Config) -> None:
    args = [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]
    config["linux"]["seccomp"] = allow_but(errno_rule("personality", errnoRet=13, args=args))

    result = container(config, "syscall", PERSONALITY, "8", ";", "syscall", PERSONALITY, "0").run(
        expect=1
    )

    assert result.sections == ["EACCES", "ok"]


@pytest.mark.parametrize(
    ("op", "value", "value_two", "caught"),
    [
        ("SCMP_CMP_NE", 0, 0, [False, True, True]),
        ("SCMP_CMP_LT", 8, 0, [True, False, False]),
        ("SCMP_CMP_LE", 8, 0, [True, True, False]),
        ("SCMP_CMP_EQ", 8, 0, [False, True, False]),
        ("SCMP_CMP_GE", 8, 0, [False, True, True]),
        ("SCMP_CMP_GT", 8, 0, [False, False, True]),
        ("SCMP_CMP_MASKED_EQ", 8, 8, [False, True, False]),
    ],
)
def test_every_comparison(
    container: MakeContainer,
    config: Config,
    op: str,
    value: int,
    value_two: int,
    caught: list[bool],
) -> None:
    args = [{"index": 0, "value": value, "valueTwo": value_two, "op": op}]
    config["linux"]["seccomp"] = allow_but(errno_rule("personality", errnoRet=13, args=args))

    result = container(config, "syscall", PERSONALITY, "0", ";", "syscall", PERSONALITY, "8", ";",
                       "syscall", PERSONALITY, "0x40000").run(expect=1)  # fmt: skip

    assert [section == "EACCES" for section in result.sections] == caught


def test_conditions_on_two_arguments_must_both_hold(
    container: MakeContainer, config: Config
) -> None:
    args = [
        {"index": 0, "value": 1, "op": "SCMP_CMP_EQ"},
        {"index": 1, "value": 2, "op": "SCMP_CMP_EQ"},
    ]
    config["linux"]["seccomp"] = allow_but(errno_rule("dup2", errnoRet=61, args=args))

    result = container(config, "syscall", "33", "1", "2", ";", "syscall", "33", "1", "1").run(
        expect=1
    )

    assert result.sections == ["E61", "ok"]


def podmans_profile(
    *without: str, action: str = "SCMP_ACT_ERRNO", errno: int | None = None
) -> dict[str, Any]:
    """podman's default profile as podman writes it for a container without further capabilities."""
    if not PODMANS.exists():
        pytest.skip("requires podman's seccomp profile")
    source = json.loads(PODMANS.read_text())
    rules = []
    for rule in source["syscalls"]:
        includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
        if (
            includes.get("caps")
            or "amd64" not in includes.get("arches", ["amd64"])
            or "amd64" in excludes.get("arches", [])
        ):
            continue
        kept = {key: rule[key] for key in ("action", "args", "errnoRet") if rule.get(key)}
        rules.append({**kept, "names": [name for name in rule["names"] if name not in without]})
    profile = {
        "defaultAction": action,
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "syscalls": rules,
    }
    return profile if errno is None else {**profile, "defaultErrnoRet": errno}


def test_default_action_answers_what_is_not_listed(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["seccomp"] = podmans_profile("getcwd", errno=61)

    result = container(config, "cwd", ";", "names").run(expect=1)

    assert result.sections[0] == "E61"
    assert result.sections[1].startswith("hostname=")


@pytest.mark.parametrize("no_new_privs", [True, False])
def test_profile_of_podman_loads_and_programs_run(
    container: MakeContainer, config: Config, no_new_privs: bool
) -> None:
    config["linux"]["seccomp"] = podmans_profile(errno=38)
    config["process"]["noNewPrivileges"] = no_new_privs

    result = container(config, "id", ";", "confinement", ";", "ls", "/").run()

    assert result.sections[0].startswith("uid=0,0,0")
    assert "seccomp=2" in result.sections[1]


def test_call_newer_than_the_profile_does_not_exist(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["seccomp"] = podmans_profile()

    assert container(config, "syscall", FUTURE).run(expect=1).stdout == "ENOSYS\n"


def test_call_as_old_as_the_profile_is_answered_by_it(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["seccomp"] = podmans_profile("getcwd")

    assert container(config, "cwd").run(expect=1).stdout == "EPERM\n"


def test_names_that_nobody_knows_are_passed_over(container: MakeContainer, config: Config) -> None:
    rule = {"names": ["getcwd", "no_such_call"], "action": "SCMP_ACT_ALLOW"}
    config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_LOG", "syscalls": [rule]}

    container(config, "cwd").run()


def test_a_name_that_nobody_knows_is_refused_where_it_would_stay_allowed(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["seccomp"] = allow_but(errno_rule("getcwd", "no_such_call"))

    assert '"no_such_call", so it would stay allowed' in container(config).run(expect=1).stderr


def test_filter_is_loaded_without_new_privileges_being_forbidden(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["noNewPrivileges"] = False
    config["process"]["user"] = {"uid": 1000, "gid": 1000}
    config["linux"]["seccomp"] = allow_but(errno_rule("personality"))

    result = container(config, "syscall", PERSONALITY, "0", ";", "confinement").run(expect=1)

    assert result.sections[0] == "EPERM"
    assert "no_new_privs=0 seccomp=2" in result.sections[1]


def test_filter_does_not_hinder_the_runtimes_own_last_steps(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["seccomp"] = allow_but(
        errno_rule(
            "chdir",
            "setuid",
            "setgid",
            "setgroups",
            "setresuid",
            "setresgid",
            "capset",
            "mount",
            "pivot_root",
            "setsid",
            "getcwd",
        )
    )

    assert container(config, "confinement").run().stdout.startswith("no_new_privs=1 seccomp=2")


@pytest.mark.deviates(runc="flags came with 1.2")
@pytest.mark.parametrize(
    "flag",
    ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"],
)
def test_flag_is_accepted(container: MakeContainer, config: Config, flag: str) -> None:
    config["linux"]["seccomp"] = allow_but(errno_rule("getcwd"), flags=[flag])

    assert container(config, "cwd").run(expect=1).stdout == "EPERM\n"


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(
            {"syscalls": []}, id="no default action", marks=pytest.mark.deviates(runc="accepts it")
        ),
        pytest.param({"defaultAction": "SCMP_ACT_DANCE"}, id="unknown action"),
        pytest.param(
            allow_but(errno_rule("getcwd", action="SCMP_ACT_DANCE")), id="unknown action of a rule"
        ),
        pytest.param(allow_but(architectures=["SCMP_ARCH_ABACUS"]), id="unknown architecture"),
        pytest.param(
            allow_but(errno_rule("getcwd", args=[{"index": 0, "value": 1, "op": "SCMP_CMP_FEEL"}])),
            id="unknown operator",
        ),
        pytest.param(
            allow_but(errno_rule("getcwd", args=[{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}])),
            id="argument 6",
        ),
        pytest.param(
            allow_but(errno_rule("getcwd", action="SCMP_ACT_NOTIFY")),
            id="nobody to notify",
        ),
    ],
)
def test_bad_profile_is_refused(
    container: MakeContainer, config: Config, profile: dict[str, Any]
) -> None:
    config["linux"]["seccomp"] = profile
    c = container(config)

    c.refuses("create")
    assert not c.exists


@pytest.mark.ours
@pytest.mark.parametrize(
    ("profile", "pointer"),
    [
        ({"defaultAction": "SCMP_ACT_DANCE"}, "/linux/seccomp/defaultAction"),
        (allow_but(errno_rule()), "/linux/seccomp/syscalls/0/names"),
        (
            allow_but(errno_rule("getcwd", action="SCMP_ACT_ALLOW", errnoRet=1)),
            "/linux/seccomp/syscalls/0/errnoRet",
        ),
        (allow_but(listenerMetadata="x"), "/linux/seccomp"),
    ],
    ids=["action", "no names", "errno of an action without one", "metadata for nobody"],
)
def test_refusal_of_a_profile_has_its_place(
    container: MakeContainer, config: Config, profile: dict[str, Any], pointer: str
) -> None:
    config["linux"]["seccomp"] = profile

    assert pointer in container(config).refuses("create")


@requires.kernel(5, 0)
def test_containers_with_the_same_profile_run_one_after_the_other(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["seccomp"] = allow_but(errno_rule("getcwd", errnoRet=7))
    c = container(config, "cwd")

    for _ in range(3):
        assert c.run(expect=1).stdout == "E2BIG\n"
