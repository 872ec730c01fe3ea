"""What the fast parser accepts, in every spelling that engines use, and what it leaves to click."""

from __future__ import annotations

import pytest

from pyruntime.cli.parse import Call, Declined, parse
from pyruntime.cli.table import GLOBALS, VERBS


def test_options_not_given_have_their_defaults() -> None:
    call = parse(["create", "web"])

    assert (call.verb, call.arguments) == ("create", ["web"])
    assert call.options == {
        "bundle": ".",
        "console_socket": "",
        "pid_file": "",
        "no_pivot": False,
        "no_new_keyring": False,
        "preserve_fds": 0,
        "strict": False,
    }
    assert call.globals["log_format"] == "text"
    assert call.globals["rootless"] == "auto"


@pytest.mark.parametrize(
    "words",
    [
        ["--bundle", "/b"],
        ["--bundle=/b"],
        ["-bundle", "/b"],
        ["-bundle=/b"],
        ["-b", "/b"],
        ["-b=/b"],
        ["--b", "/b"],
        ["-b", "/a", "--bundle=/b"],
    ],
    ids=" ".join,
)
def test_every_spelling_of_an_option_is_the_same(words: list[str]) -> None:
    assert parse(["create", *words, "web"]).options["bundle"] == "/b"


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("--all", True),
        ("-a", True),
        ("--all=true", True),
        ("-all=1", True),
        ("--all=false", False),
        ("-a=F", False),
    ],
)
def test_a_flag_takes_a_value_only_with_an_equals_sign(word: str, value: bool) -> None:
    call = parse(["kill", word, "web", "9"])

    assert call.options["all"] is value
    assert call.arguments == ["web", "9"]


def test_a_value_may_look_like_an_option() -> None:
    assert parse(["create", "--bundle", "--pid-file", "web"]).options["bundle"] == "--pid-file"


def test_an_empty_value_is_a_value() -> None:
    assert parse(["create", "--bundle=", "web"]).options["bundle"] == ""


def test_lists_grow_and_do_not_leak_into_the_next_call() -> None:
    first = parse(["exec", "-e", "A=1", "--env=B=2", "web", "sh"])
    second = parse(["exec", "web", "sh"])

    assert first.options["env"] == ["A=1", "B=2"]
    assert second.options["env"] == []


def test_options_may_follow_the_id() -> None:
    call = parse(["delete", "web", "--force"])

    assert (call.options["force"], call.arguments) == (True, ["web"])


def test_a_signal_may_have_a_dash() -> None:
    assert parse(["kill", "web", "-9"]).arguments == ["web", "-9"]


@pytest.mark.parametrize("verb", ["exec", "ps"])
def test_what_follows_the_id_is_left_alone(verb: str) -> None:
    words = ["web", "-f", "--", "--help", "-t", "x"]

    assert parse([verb, *words]).arguments == words


def test_two_dashes_end_the_options() -> None:
    assert parse(["delete", "--", "--force"]).arguments == ["--force"]
    assert parse(["--debug", "--", "state", "web"]).verb == "state"


def test_a_lone_dash_is_an_argument() -> None:
    assert parse(["state", "-"]).arguments == ["-"]


def test_global_options_may_be_repeated() -> None:
    call = parse(
        ["--root=/a", "--systemd-cgroup", "--systemd-cgroup", "-root", "/b", "state", "web"]
    )

    assert call.globals["root"] == "/b"
    assert call.globals["systemd_cgroup"] is True


@pytest.mark.parametrize(
    "words", [["--version"], ["-v"], ["--root", "/a", "-v"], ["-v", "list"]], ids=" ".join
)
def test_version_is_a_call(words: list[str]) -> None:
    assert parse(words).verb == "version"


@pytest.mark.parametrize(
    "command",
    [
        "--root /run/containerd/runc/ns --log /b/log.json --log-format json create --bundle /b"
        " --pid-file /b/init.pid --console-socket /s --no-pivot --no-new-keyring web",
        "--root /run/containerd/runc/ns --log /b/log.json --log-format json exec"
        " --process /tmp/runc-process1 --console-socket /s --detach --pid-file /b/1.pid web",
        "--root /r --log /l --log-format json kill --all web 9",
        "--root /r --log /l --log-format json delete --force web",
        "--systemd-cgroup create --bundle /b --pid-file /p web",
        "--log-format=json --log=/l --cgroup-manager disabled start web",
        "exec --pid-file /p --process /f --detach --preserve-fds 2 web",
        "--root /r --rootless=true state web",
        "run --bundle /b --no-pivot --keep web",
        "kill web KILL",
        "features",
    ],
    ids=lambda command: command.split(" --")[-1],
)
def test_command_lines_of_engines_are_taken_by_the_fast_parser(command: str) -> None:
    assert isinstance(parse(command.split()), Call)


@pytest.mark.parametrize(
    "command",
    [
        "",
        "nonsense",
        "--nonsense state web",
        "state",
        "state a b",
        "state --nonsense web",
        "state --help",
        "state web -h",
        "help state",
        "create --bundle",
        "create -- --bundle x",
        "kill --all=maybe web",
        "kill a b c",
        "kill -ab web",
        "kill --- web",
        "kill --=x web",
        "list --format xml",
        "create --preserve-fds x web",
        "create --preserve-fds -1 web",
        "create --preserve-fds 1_0 web",
        "create --preserve-fds ٣ web",
        "create --preserve-fds 4294967296 web",
        "spec web",
        "--log-format xml list",
    ],
)
def test_everything_else_is_declined(command: str) -> None:
    with pytest.raises(Declined):
        parse(command.split())


@pytest.mark.parametrize("name", ["(global)", *VERBS])
def test_no_two_options_of_a_verb_share_a_name(name: str) -> None:
    options = VERBS[name].options if name in VERBS else GLOBALS
    names = [option.long for option in options] + [
        option.short for option in options if option.short
    ]

    assert len(names) == len(set(names))
    assert not {"h", "help"} & set(names)
