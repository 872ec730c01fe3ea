"""A config.json that is wrong: a message that says where, exit status 1, and nothing left behind (the leak check looks)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from support.config import Config
from support.container import Container, MakeContainer

PROPERTIES: list[tuple[str, Any]] = [
    ("ociVersion", 1),
    ("ociVersion", None),
    ("process", []),
    ("process", "text"),
    ("root", "rootfs"),
    ("root", []),
    ("hostname", 5),
    ("domainname", {}),
    ("mounts", {}),
    ("mounts", [5]),
    ("hooks", []),
    ("annotations", []),
    ("linux", []),
    ("linux", "text"),
]
PLACES: list[tuple[str, Any]] = [
    ("/process/terminal", "yes"),
    ("/process/args", "sh"),
    ("/process/args", [1]),
    ("/process/args", []),
    ("/process/env", {"A": "1"}),
    ("/process/cwd", 1),
    ("/process/user", 0),
    ("/process/user/uid", "root"),
    ("/process/user/uid", -1),
    ("/process/user/uid", 1 << 32),
    ("/process/user/gid", 1.5),
    ("/process/user/additionalGids", [True]),
    ("/process/user/umask", "022"),
    ("/process/oomScoreAdj", 1001),
    ("/process/oomScoreAdj", -1001),
    ("/process/rlimits", {}),
    ("/process/rlimits/0/soft", -1),
    ("/process/rlimits/0/hard", 1 << 64),
    ("/process/noNewPrivileges", 1),
    ("/process/capabilities", []),
    ("/process/capabilities/bounding", "CAP_KILL"),
    ("/root/path", 1),
    ("/root/readonly", "no"),
    ("/mounts/0/destination", 1),
    ("/mounts/0/options", "ro"),
    ("/mounts/0/source", {}),
    ("/linux/namespaces", {}),
    ("/linux/namespaces/0/type", 1),
    ("/linux/namespaces/0/type", "parallel"),
    ("/linux/resources", []),
    ("/linux/resources/memory", 5),
    ("/linux/resources/memory/limit", "64M"),
    ("/linux/resources/memory/limit", 1 << 64),
    ("/linux/resources/pids/limit", "10"),
    ("/linux/resources/devices/0/allow", "no"),
    ("/linux/devices", {}),
    ("/linux/maskedPaths", "/proc"),
    ("/linux/readonlyPaths", [1]),
    ("/linux/sysctl", []),
    ("/linux/sysctl", {"net.ipv4.ip_forward": 1}),
    ("/linux/uidMappings", [{"containerID": "0", "hostID": 0, "size": 1}]),
    ("/linux/cgroupsPath", 5),
    ("/linux/rootfsPropagation", 7),
    ("/linux/seccomp", []),
    ("/annotations", {"key": 5}),
]


def set_at(config: Config, pointer: str, value: Any) -> None:
    config["linux"]["resources"].setdefault("devices", [{"allow": False, "access": "rwm"}])
    *parents, last = pointer.strip("/").split("/")
    at: Any = config
    for part in parents:
        at = at[int(part)] if isinstance(at, list) else at.setdefault(part, {})
    at[last] = value


def refused(c: Container, verb: str = "create") -> str:
    message = c.refuses(verb)
    assert not c.exists
    if c.runtime.is_ours:
        assert message.count("\n") == 1, "one line is a promise"
    return message


@pytest.fixture
def raw(container: MakeContainer) -> Callable[[bytes], Container]:
    """A container whose config.json is these bytes."""

    def make(text: bytes) -> Container:
        c = container()
        (c.bundle / "config.json").write_bytes(text)
        return c

    return make


def test_missing_config_is_named(container: MakeContainer) -> None:
    c = container()
    (c.bundle / "config.json").unlink()

    assert "config.json" in refused(c)


def test_missing_bundle_is_named(container: MakeContainer) -> None:
    c = container()

    result = c.runtime("create", "--bundle", c.bundle / "missing", c.id)

    assert result.returncode == 1
    assert "missing" in result.stderr
    assert "no such file or directory" in result.stderr.lower()


def test_config_that_is_a_directory_is_refused(container: MakeContainer) -> None:
    c = container()
    (c.bundle / "config.json").unlink()
    (c.bundle / "config.json").mkdir()

    refused(c)


@pytest.mark.parametrize(
    "text",
    [b"", b" \n", b"{", b"[", b"null", b"[]", b"5", b'"text"', b"{}", b'{"ociVersion": "1.0.0"', b"\xff\xfe{}", b"{}{}", b"{'a': 1}"],
    ids=repr,
)  # fmt: skip
def test_what_is_no_config_is_refused(raw: Callable[[bytes], Container], text: bytes) -> None:
    refused(raw(text))


def test_config_cut_off_anywhere_is_refused(container: MakeContainer, config: Config) -> None:
    c = container(config)
    text = (c.bundle / "config.json").read_bytes()

    for part in range(1, 8):
        (c.bundle / "config.json").write_bytes(text[: len(text) * part // 8])
        refused(c)


@pytest.mark.ours
def test_place_of_a_syntax_error_is_told(raw: Callable[[bytes], Container]) -> None:
    message = refused(raw(b'{\n "ociVersion": "1.0.0",\n "process": oops\n}'))

    assert "config.json" in message
    assert "line 3" in message or ":3" in message


@pytest.mark.ours
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b'{"ociVersion": "1.0.0", "ociVersion": "1.0.1"}', id="duplicate"),
        pytest.param(b'{"ociVersion": "1.0.0", "hostname": "\xff"}', id="invalid UTF-8"),
        pytest.param(b'{"ociVersion": "1.0.0", "hostname": "\\ud800"}', id="lone surrogate"),
        pytest.param(b'{"ociVersion": "1.0.0", "x": NaN}', id="NaN"),
        pytest.param(b'{"ociVersion": "1.0.0", "x": Infinity}', id="Infinity"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b'{"a":' * 100_000, id="deep objects"),
    ],
)
def test_what_json_readers_disagree_about_is_refused(
    raw: Callable[[bytes], Container], text: bytes
) -> None:
    refused(raw(text))


@pytest.mark.ours
def test_duplicate_key_deep_inside_is_named(container: MakeContainer, config: Config) -> None:
    c = container(config)
    text = (c.bundle / "config.json").read_text()
    (c.bundle / "config.json").write_text(text.replace('"cwd": "/"', '"cwd": "/", "cwd": "/tmp"'))

    assert "cwd" in refused(c)


@pytest.mark.ours
@pytest.mark.parametrize(
    ("name", "value"), PROPERTIES, ids=[f"{name}={value!r}" for name, value in PROPERTIES]
)
def test_wrong_type_of_a_property_is_refused_with_its_place(
    container: MakeContainer, config: Config, name: str, value: Any
) -> None:
    c = container(config)
    c.config[name] = value
    c.write_config()

    assert f"/{name}" in refused(c)


@pytest.mark.ours
@pytest.mark.parametrize(
    ("pointer", "value"), PLACES, ids=[f"{pointer}={value!r}" for pointer, value in PLACES]
)
def test_wrong_value_is_refused_with_its_place(
    container: MakeContainer, config: Config, pointer: str, value: Any
) -> None:
    c = container(config)
    set_at(c.config, pointer, value)
    c.write_config()

    message = refused(c)

    # A value that no longer is of any allowed kind may be told at its parent.
    assert pointer in message or pointer.rsplit("/", 1)[0] in message


@pytest.mark.parametrize("name", ["process", "root", "linux", "mounts", "hostname"])
def test_property_that_is_null_is_absent_or_refused(
    container: MakeContainer, config: Config, name: str
) -> None:
    c = container(config)
    c.config[name] = None
    c.write_config()

    assert "Traceback" not in c.runtime("run", "--bundle", c.bundle, c.id).stderr


@pytest.mark.ours
@pytest.mark.parametrize("version", ["", "x", "1", "1.0", "2.0.0", "0.9.0", "1.0.0.0"])
def test_version_that_is_not_one_of_ours_is_refused(
    container: MakeContainer, config: Config, version: str
) -> None:
    config["ociVersion"] = version

    assert "ociVersion" in refused(container(config))


@pytest.mark.parametrize(
    "version", ["1.0.0", "1.0.2-dev", "1.1.0-rc.1", "1.2.1", "1.3.0", "1.99.0", "1.0.0+build"]
)
def test_any_version_of_the_first_series_is_accepted(
    container: MakeContainer, config: Config, version: str
) -> None:
    config["ociVersion"] = version

    container(config).run()


def test_unknown_properties_are_ignored_everywhere(
    container: MakeContainer, config: Config
) -> None:
    for part in (config, config["process"], config["process"]["user"], config["root"], config["linux"], config["mounts"][0],
                 config["linux"]["resources"], config["linux"]["namespaces"][0]):  # fmt: skip
        part["com.example.unknown"] = {"any": ["thing"]}
    config["vm"] = {"kernel": {"path": "/x"}}
    config["solaris"] = {}

    container(config, "print", "x").run()


@pytest.mark.parametrize(
    "pointer",
    [
        pytest.param("/hostname", marks=pytest.mark.deviates(runc="cuts it off")),
        "/process/cwd",
        "/root/path",
        "/process/args",
        "/process/env",
        "/mounts/0/destination",
        "/linux/cgroupsPath",
    ],
)
def test_nul_byte_in_a_string_is_refused(
    container: MakeContainer, config: Config, pointer: str
) -> None:
    c = container(config)
    value: Any = "/a\0b"
    set_at(c.config, pointer, [value] if pointer in ("/process/args", "/process/env") else value)
    c.write_config()

    refused(c)


@pytest.mark.ours
def test_control_characters_do_not_reach_the_readers_terminal(
    container: MakeContainer, config: Config
) -> None:
    config["process"]["args"] = ["\x1b[31mred\nsecond line"]

    message = refused(container(config))

    assert "\x1b" not in message


def test_huge_config_is_no_problem(container: MakeContainer, config: Config) -> None:
    config["annotations"] = {f"key{i}": "x" * 100 for i in range(20_000)}

    container(config).run()


def test_bad_bundle_leaves_an_existing_container_alone(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "pause")
    c.detach()
    (c.bundle / "config.json").write_text("{")

    c.refuses("create")
    assert c.status == "running"


@pytest.mark.parametrize("option", ["--no-such-option", "--bundle"])
def test_bad_option_is_refused_and_named(container: MakeContainer, option: str) -> None:
    c = container()

    result = c.runtime("create", option)

    assert result.returncode != 0
    assert option.lstrip("-") in result.stderr + result.stdout


def test_unknown_verb_is_refused(container: MakeContainer) -> None:
    result = container().runtime("dance", "x")

    assert result.returncode != 0
    assert "dance" in result.stderr + result.stdout


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_error_is_in_the_log_too(container: MakeContainer, config: Config, log_format: str) -> None:
    config["process"]["args"] = ["no-such-program"]
    c = container(config)
    log = c.bundle / "log"

    result = c.runtime(
        "create", "--bundle", c.bundle, c.id, options=("--log", log, "--log-format", log_format)
    )

    assert result.returncode == 1
    assert "executable file not found" in result.stderr
    text = log.read_text()
    assert "executable file not found" in text
    if log_format == "json":
        entries = [json.loads(line) for line in text.splitlines()]
        (error,) = [entry for entry in entries if entry["level"] == "error"]
        assert set(error) >= {"level", "msg", "time"}


@pytest.mark.ours
def test_check_lists_all_faults_at_once(container: MakeContainer, config: Config) -> None:
    c = container(config)
    set_at(c.config, "/process/user/uid", "root")
    set_at(c.config, "/mounts/0/destination", 5)
    set_at(c.config, "/linux/namespaces/0/type", "parallel")
    c.write_config()

    result = c.runtime("spec", "--check", c.bundle / "config.json")

    text = result.stdout + result.stderr
    assert result.returncode != 0
    for pointer in ("/process/user/uid", "/mounts/0/destination", "/linux/namespaces/0/type"):
        assert pointer in text


@pytest.mark.ours
def test_log_has_warnings_and_what_is_done_and_the_containers_stderr_has_not(
    container: MakeContainer, config: Config
) -> None:
    """Fails at c4f41aa: the warning was in what engines keep as the container's output."""
    config["process"]["capabilities"]["bounding"].append("CAP_OF_NOBODY")
    c = container(config, "print", "x")
    log = c.bundle / "log"

    result = c.runtime(
        *("run", "--bundle", c.bundle, c.id),
        options=("--debug", "--log", log, "--log-format", "json"),
    )

    assert (result.returncode, result.stderr) == (0, "")
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    assert any(e["level"] == "warning" and "CAP_OF_NOBODY" in e["msg"] for e in entries)
    told = " ".join(e["msg"] for e in entries if e["level"] == "debug")
    for word in ("run", c.id, "executor", "step", "cloned process", "exit status 0"):
        assert word in told
