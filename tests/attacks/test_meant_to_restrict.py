"""What was meant to restrict is honoured or refused; a container never starts with less than was asked for.

At c4f41aa each case but the last few started: with a writable root, a writable bind, all system calls; the misspelt
member was dropped in silence, the option with a warning.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.config import Config, bind
from support.container import Container, MakeContainer

pytestmark = pytest.mark.ours


def renamed(*way: str, to: str) -> Callable[[Any], None]:
    def change(config: Any) -> None:
        place = config
        for name in way[:-1]:
            place = place[name]
        place[to] = place.pop(way[-1])

    return change


MISSPELT = {
    "/root/readOnly": renamed("root", "readonly", to="readOnly"),
    "/root/Readonly": renamed("root", "readonly", to="Readonly"),
    "/Root": renamed("root", to="Root"),
    "/process/noNewprivileges": renamed("process", "noNewPrivileges", to="noNewprivileges"),
    "/process/Capabilities": renamed("process", "capabilities", to="Capabilities"),
    "/process/Rlimits": renamed("process", "rlimits", to="Rlimits"),
    "/process/User": renamed("process", "user", to="User"),
    "/Linux": renamed("linux", to="Linux"),
    "/linux/maskedpaths": renamed("linux", "maskedPaths", to="maskedpaths"),
    "/linux/readOnlyPaths": renamed("linux", "readonlyPaths", to="readOnlyPaths"),
    "/linux/Seccomp": renamed("linux", "seccomp", to="Seccomp"),
    "/linux/seccomp/Syscalls": renamed("linux", "seccomp", "syscalls", to="Syscalls"),
    "/linux/Namespaces": renamed("linux", "namespaces", to="Namespaces"),
    "/linux/resources/Devices": renamed("linux", "resources", "devices", to="Devices"),
    "/linux/resources/Memory": renamed("linux", "resources", "memory", to="Memory"),
    "/linux/resources/memory/Limit": renamed("linux", "resources", "memory", "limit", to="Limit"),
    "/linux/Resources": renamed("linux", "resources", to="Resources"),
    "/hooks/preStart": renamed("hooks", "prestart", to="preStart"),
    "/Hooks": renamed("hooks", to="Hooks"),
    "/Mounts": renamed("mounts", to="Mounts"),
}


def confined(config: Config) -> Config:
    config["root"]["readonly"] = True
    config["process"]["noNewPrivileges"] = True
    config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 64}]
    config["hooks"] = {"prestart": []}
    config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["swapon"], "action": "SCMP_ACT_ERRNO"}],
    }
    config["linux"].setdefault("resources", {})["memory"] = {"limit": 1 << 30}
    config["linux"]["resources"].setdefault("devices", [])
    return config


@pytest.mark.parametrize("place", MISSPELT)
def test_a_member_in_the_wrong_case_starts_nothing(
    container: MakeContainer, config: Config, place: str
) -> None:
    c = container(confined(config))
    MISSPELT[place](c.config)
    c.write_config()

    assert f"{place}: must be spelled" in refused(c)


def refused(c: Container) -> str:
    result = c.verb("create", "--bundle", c.bundle, expect=1)
    assert c.verb("state", expect=None).returncode == 1
    return result.stderr


@pytest.mark.parametrize("option", ["readonly", "read-only", "RO", "ro,nosuid", "readony"])
def test_a_bind_that_was_meant_to_be_read_only_starts_nothing(
    container: MakeContainer, config: Config, work: Path, option: str
) -> None:
    source = work / "data"
    source.mkdir()
    config["mounts"].append(bind(source, "/mnt", option))
    config["process"]["args"] = ["/bin/inside", "write", "/mnt/x", "x"]

    assert 'must be "ro"' in refused(container(config))
    assert not list(source.iterdir())


FRAGMENTS: list[tuple[str, Callable[[Any], None]]] = [
    ("/process/user/uid", lambda c: c["process"]["user"].update(uid=2**32 - 1)),
    ("/process/user/gid", lambda c: c["process"]["user"].update(gid=2**32 - 1)),
    ("/process/user/additionalGids/1", lambda c: c["process"]["user"].update(additionalGids=[5, 2**32 - 1])),
    ("/process/user/umask", lambda c: c["process"]["user"].update(umask=0o1000)),
    ("/linux/devices/0/uid", lambda c: device(c, uid=2**32 - 1)),
    ("/linux/devices/0/gid", lambda c: device(c, gid=2**32 - 1)),
    ("/linux/devices/0/fileMode", lambda c: device(c, fileMode=0o200600)),
    ("/linux/devices/0/fileMode", lambda c: device(c, fileMode=0o060600)),
    ("/linux/devices/0/minor", lambda c: device(c, minor=-1)),
    ("/linux/maskedPaths/0", lambda c: c["linux"].update(maskedPaths=["proc/kcore"])),
    ("/linux/maskedPaths/0", lambda c: c["linux"].update(maskedPaths=[""])),
    ("/linux/readonlyPaths/0", lambda c: c["linux"].update(readonlyPaths=["sys"])),
    ("/linux/seccomp/syscalls/0", lambda c: seccomp(c, names=["no_such_call"])),
    ("/linux/seccomp/syscalls/0/action", lambda c: seccomp(c, action="SCMP_ACT_DENY")),
    ("/linux/seccomp/syscalls/0/names", lambda c: seccomp(c, names=[])),
    ("/linux/seccomp/syscalls/0/args/0/index", lambda c: seccomp(c, args=[{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}])),
    ("/linux/seccomp/syscalls/0/args/0/op", lambda c: seccomp(c, args=[{"index": 0, "value": 0, "op": "=="}])),
    ("/linux/resources/devices/0/access", lambda c: c["linux"]["resources"].update(devices=[{"allow": False, "access": "rx"}])),
    ("/linux/resources/devices/0/type", lambda c: c["linux"]["resources"].update(devices=[{"allow": False, "type": "d"}])),
    ("/annotations/org.pyruntime.Landlock", lambda c: c.update(annotations={"org.pyruntime.Landlock": "{}"})),
    ("/annotations/org.pyruntime.landlok", lambda c: c.update(annotations={"org.pyruntime.landlok": "{}"})),
]  # fmt: skip


def device(config: Any, **more: int) -> None:
    made = {"type": "c", "path": "/dev/x", "major": 1, "minor": 3, **more}
    config["linux"]["devices"] = [made]


def seccomp(config: Any, **more: Any) -> None:
    rule = {"names": ["swapon"], "action": "SCMP_ACT_ERRNO", **more}
    config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}


@pytest.mark.parametrize("number", range(len(FRAGMENTS)), ids=lambda n: f"{n}-{FRAGMENTS[n][0]}")
def test_what_cannot_be_done_as_asked_starts_nothing(
    container: MakeContainer, config: Config, number: int
) -> None:
    place, change = FRAGMENTS[number]
    change(confined(config))

    assert place in refused(container(config))


def test_null_and_missing_numbers_are_what_they_are_to_others(
    container: MakeContainer, config: Config
) -> None:
    del config["process"]["user"]["gid"]
    config["hooks"] = None
    config["process"]["apparmorProfile"] = None
    c = container(config, "id")

    result = c.run()

    assert '/process/user: must have "gid": taken as 0' in result.stderr
    assert "/hooks: must not be null: taken as absent" in result.stderr


def test_strict_refuses_what_others_only_take_for_something(
    container: MakeContainer, config: Config
) -> None:
    config["hooks"] = None
    c = container(config)

    result = c.verb("create", "--strict", "--bundle", c.bundle, expect=1)

    assert "/hooks: must not be null" in result.stderr


def test_later_verbs_see_what_create_understood(container: MakeContainer, config: Config) -> None:
    config["annotations"] = None
    config["hooks"] = {"poststop": None}
    del config["process"]["user"]["gid"]
    c = container(config, "pause")
    c.create()
    c.start()

    c.exec("id")
    c.kill("KILL")
    c.wait_stopped()
    c.delete()


@pytest.mark.parametrize("make", ["fifo", "directory", "device", "link to a fifo"])
def test_a_config_that_is_no_file_does_not_hang(container: MakeContainer, make: str) -> None:
    import os

    c = container(None)
    file = c.bundle / "config.json"
    file.unlink()
    if make == "fifo":
        os.mkfifo(file)
    elif make == "directory":
        file.mkdir()
    elif make == "device":
        file.symlink_to("/dev/zero")
    else:
        os.mkfifo(c.bundle / "other")
        file.symlink_to("other")

    writer = os.open(file, os.O_RDWR | os.O_NONBLOCK) if "fifo" in make else None
    message = refused(c)
    if writer is not None:
        os.close(writer)

    assert "config.json: must be a file, not a" in message


@pytest.mark.parametrize(
    "text",
    [
        '{"a":' * 150 + "1" + "}" * 150,
        "[" * 5000 + "]" * 5000,
        "[" * 500000,
        '{"x": ' + "9" * 4000 + "e" + "9" * 100 + "}",
        "{" + ",".join(f'"k{n}": 1' for n in range(70000)) + "}",
        '{"hostname": "\\ud800"}',
        '{"hostname": "\\u0000"}',
        '{"a": 1, "a": 2}',
        '{"a": NaN}',
    ],
    ids=["deep", "deeper", "deepest", "huge", "members", "surrogate", "nul", "twice", "nan"],
)
def test_hostile_json_is_one_line(container: MakeContainer, text: str) -> None:
    c = container(None)
    (c.bundle / "config.json").write_text(text)

    message = refused(c)

    assert message.count("\n") == 1
    assert "this is a bug" not in message
