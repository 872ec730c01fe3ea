"""What the container calls itself and the kernel's settings of its namespaces: host name, domain name, sysctl."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from support.config import Config, drop_namespace
from support.container import MakeContainer


def test_host_name_is_set_inside_and_only_there(container: MakeContainer, config: Config) -> None:
    config["hostname"] = "name.of-the.container"

    assert "hostname=name.of-the.container " in container(config, "names").run().stdout
    assert os.uname().nodename != "name.of-the.container"


@pytest.mark.deviates(runc="domainname came with 1.2")
def test_domain_name_is_set_inside_and_only_there(container: MakeContainer, config: Config) -> None:
    config["domainname"] = "domain.example"

    assert "domainname=domain.example " in container(config, "names").run().stdout
    assert Path("/proc/sys/kernel/domainname").read_text() != "domain.example\n"


@pytest.mark.parametrize(
    "name",
    ["hostname", pytest.param("domainname", marks=pytest.mark.deviates(runc="came with 1.2"))],
)
def test_a_name_without_a_uts_namespace_is_refused(
    container: MakeContainer, config: Config, name: str
) -> None:
    drop_namespace(config, "uts")
    del config["hostname"]
    config[name] = "stolen"

    container(config).refuses("create")


def test_too_long_host_name_is_an_error(container: MakeContainer, config: Config) -> None:
    config["hostname"] = "x" * 65

    container(config).refuses("create")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("net.ipv4.ip_forward", "1"),
        ("kernel.shmmax", "123456"),
        ("kernel.msgmax", "4321"),
        ("fs.mqueue.msg_max", "17"),
        ("net/ipv4/ip_default_ttl", "33"),
    ],
)
def test_sysctl_is_set_inside_and_only_there(
    container: MakeContainer, config: Config, key: str, value: str
) -> None:
    config["linux"]["sysctl"] = {key: value}
    path = "/proc/sys/" + key.replace(".", "/")
    before = Path(path).read_text()

    result = container(config, "cat", path).run()

    assert result.stdout.strip() == value
    assert Path(path).read_text() == before


@pytest.mark.parametrize(
    "key",
    [
        "vm.swappiness",
        "kernel.pid_max",
        "kernel.core_pattern",
        "fs.file-max",
        "net/../vm/swappiness",
        "",
    ],
)
def test_sysctl_of_the_whole_host_is_refused(
    container: MakeContainer, config: Config, key: str
) -> None:
    before = Path("/proc/sys/vm/swappiness").read_text()
    config["linux"]["sysctl"] = {key: "7"}

    message = container(config).refuses("create")

    assert ".." in key or key in message
    assert Path("/proc/sys/vm/swappiness").read_text() == before


@pytest.mark.parametrize(
    ("kind", "key"), [("network", "net.ipv4.ip_forward"), ("ipc", "kernel.shmmax")]
)
def test_sysctl_without_its_namespace_is_refused(
    container: MakeContainer, config: Config, kind: str, key: str
) -> None:
    before = Path("/proc/sys/" + key.replace(".", "/")).read_text()
    drop_namespace(config, kind)
    config["mounts"] = [
        m for m in config["mounts"] if m["destination"] not in ("/sys", "/dev/mqueue")
    ]
    config["linux"]["sysctl"] = {key: "1"}

    container(config).refuses("create")

    assert Path("/proc/sys/" + key.replace(".", "/")).read_text() == before


@pytest.mark.deviates(runc="replaces every dot when there is no slash first")
def test_a_slash_after_a_dot_stands_for_a_dot(container: MakeContainer, config: Config) -> None:
    # sysctl(8). There is no interface "lo.1"; the parameter that cannot be found is that one's.
    config["linux"]["sysctl"] = {"net.ipv4.conf.lo/1.forwarding": "1"}

    assert "net/ipv4/conf/lo.1/forwarding" in container(config).refuses("create")


@pytest.mark.parametrize("key", ["net/ipv4/conf/lo/forwarding", "net.ipv4.conf.lo.forwarding"])
def test_both_spellings_of_a_sysctl_are_one(
    container: MakeContainer, config: Config, key: str
) -> None:
    config["linux"]["sysctl"] = {key: "1"}

    result = container(config, "cat", "/proc/sys/net/ipv4/conf/lo/forwarding").run()

    assert result.stdout.strip() == "1"


@pytest.mark.parametrize(
    ("kind", "file", "change"),
    [
        ("network", "net", {"linux": {"sysctl": {"net.ipv4.ip_forward": "1"}}}),
        ("ipc", "ipc", {"linux": {"sysctl": {"kernel.shmmax": "1"}}}),
        ("uts", "uts", {"hostname": "changed"}),
        ("mount", "mnt", {}),
        ("uts", "uts", {"domainname": "changed"}),
    ],
)
@pytest.mark.deviates(runc="looks at the network namespace only")
def test_what_would_change_the_runtimes_own_namespace_is_refused(
    container: MakeContainer, config: Config, kind: str, file: str, change: dict[str, Any]
) -> None:
    before = (os.uname(), Path("/proc/sys/net/ipv4/ip_forward").read_text())
    drop_namespace(config, kind)
    del config["hostname"]
    config["mounts"] = [
        m for m in config["mounts"] if m["destination"] not in ("/sys", "/dev/mqueue")
    ]
    config["linux"]["namespaces"].append({"type": kind, "path": f"/proc/{os.getpid()}/ns/{file}"})
    config["linux"].update(change.get("linux", {}))
    config.update({name: value for name, value in change.items() if name != "linux"})

    message = container(config).refuses("create")

    assert "would change the host" in message
    assert before == (os.uname(), Path("/proc/sys/net/ipv4/ip_forward").read_text())


def test_unknown_sysctl_is_an_error_that_names_it(container: MakeContainer, config: Config) -> None:
    config["linux"]["sysctl"] = {"net.no.such.key": "1"}

    assert "net.no.such.key" in container(config).refuses("create").replace("/", ".")
