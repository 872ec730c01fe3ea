"""linux.netDevices: what moves, what comes along, what is refused; and that nothing is lost when a create fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import requires
from support import namespaces
from support.config import Config, add_user_namespace, drop_mount, drop_namespace, namespace
from support.container import Container, MakeContainer
from support.network import Network, of_the_runtime
from support.runtime import Runtime
from support.wait import wait_until

pytestmark = [
    requires.as_root("enters a network namespace from outside"),
    pytest.mark.deviates(runc="network devices came with 1.4"),
]

IPV6 = os.path.exists("/proc/net/if_inet6")
MAC = "02:11:22:33:44:55"


@pytest.fixture
def host(runtime: Runtime) -> Iterator[Network]:
    """The network that the runtime of the test runs in."""
    with of_the_runtime(runtime) as network:
        yield network


def in_container(c: Container) -> Network:
    return Network(c.pid)


def full(host: Network) -> None:
    """Everything about v0 that should come along, and some that should not."""
    host.ip("link set v0 mtu 1400 address", MAC)
    host.ip("link set v0 up")
    host.ip("address add 10.1.2.3/24 broadcast 10.1.2.255 label v0:1 dev v0")
    host.ip("address add 10.1.2.4/24 dev v0 metric 77 noprefixroute")
    host.ip("address add 10.9.0.1 peer 10.9.0.2/32 dev v0")
    if IPV6:
        host.ip("address add fd00::3/64 nodad dev v0")
    host.ip("address add 10.5.0.1/24 valid_lft 600 preferred_lft 500 dev v0")
    host.ip("address add 192.0.2.1/24 scope link dev v0")


def test_device_is_seen_inside_with_all_that_is_its_own(
    container: MakeContainer, config: Config, host: Network
) -> None:
    full(host)
    config["linux"]["netDevices"] = {"v0": {"name": "ceth0"}}
    files = [f"/sys/class/net/ceth0/{name}" for name in ("mtu", "address", "flags")]
    words = " ; ".join(f"cat {file}" for file in files).split()
    c = container(config, *words, ";", "pause")
    c.detach()
    sections = c.wait_for_output().split("--\n")

    assert [section.strip() for section in sections[:2]] == ["1400", MAC]
    assert int(sections[2], 16) & 1
    assert "v0" not in host.devices()
    found = in_container(c).devices()
    assert set(found) == {"lo", "ceth0"}
    assert "UP" in found["ceth0"]["flags"]


def test_permanent_global_addresses_come_along_and_no_others(
    container: MakeContainer, config: Config, host: Network
) -> None:
    full(host)
    config["linux"]["netDevices"] = {"v0": {"name": "ceth0"}}
    c = container(config, "pause")
    c.detach()

    inside = in_container(c)
    ipv6 = {"fd00::3/64"} if IPV6 else set()
    assert inside.addresses("ceth0") == {"10.1.2.3/24", "10.1.2.4/24", "10.9.0.1/32", *ipv6}
    found = {a["local"]: a for a in inside.devices()["ceth0"]["addr_info"]}
    assert found["10.1.2.3"]["broadcast"] == "10.1.2.255"
    assert found["10.1.2.3"]["label"] == "ceth0:1"
    assert found["10.1.2.4"]["label"] == "ceth0"
    assert found["10.1.2.4"]["noprefixroute"]
    assert found["10.1.2.4"]["metric"] == 77
    assert found["10.9.0.1"]["address"] == "10.9.0.2"
    assert not IPV6 or found["fd00::3"]["nodad"]


def test_device_keeps_its_name_unless_another_is_given(
    container: MakeContainer, config: Config, host: Network
) -> None:
    config["linux"]["netDevices"] = {"v0": {}}
    c = container(config, "pause")
    c.detach()

    assert set(in_container(c).devices()) == {"lo", "v0"}


def test_another_kind_of_device_moves_too(
    container: MakeContainer, config: Config, host: Network
) -> None:
    host.ip("link add link peer name dev0 type macvlan")
    config["linux"]["netDevices"] = {"dev0": {"name": "eth7"}}
    c = container(config, "pause")
    c.detach()

    assert set(in_container(c).devices()) == {"lo", "eth7"}


@pytest.mark.ours
def test_device_that_may_not_leave_its_namespace_is_an_error(
    container: MakeContainer, config: Config, host: Network
) -> None:
    host.ip("link add name dev0 type bridge")
    config["linux"]["netDevices"] = {"dev0": {"name": "eth7"}}

    message = container(config).refuses("create")

    assert "linux.netDevices dev0: RTM_NEWLINK: invalid argument" in message
    assert "dev0" in host.devices()


def test_template_gets_the_first_free_number(
    container: MakeContainer, config: Config, host: Network
) -> None:
    host.ip("link add w0 type veth peer name w1")
    config["linux"]["netDevices"] = {"v0": {"name": "net%d"}, "w0": {"name": "net%d"}}
    c = container(config, "pause")
    c.detach()

    assert set(in_container(c).devices()) == {"lo", "net0", "net1"}


def test_joined_namespace_may_have_the_template_the_index_and_the_hosts_name_taken(
    container: MakeContainer, config: Config, host: Network
) -> None:
    with namespaces.holder("network") as pid:
        there = Network(pid)
        for name in ("net0", "v0"):
            there.ip(f"link add {name} type veth peer name p{name}")
        entry = namespace(config, "network")
        assert entry
        entry["path"] = there.path
        host.ip("address add 10.1.2.3/24 dev v0")
        config["linux"]["netDevices"] = {"v0": {"name": "net%d"}}
        c = container(config, "pause")
        c.detach()

        assert there.addresses("net1") == {"10.1.2.3/24"}
        assert there.addresses("v0") == set()
        c.delete("--force")
        # The namespace is not the container's: what is in it stays.
        assert "net1" in there.devices()


@pytest.mark.ours
def test_name_that_is_taken_is_an_error_and_the_device_stays(
    container: MakeContainer, config: Config, host: Network
) -> None:
    full(host)
    before = host.ip("address show v0"), host.ip("route")
    config["linux"]["netDevices"] = {"v0": {"name": "lo"}}

    message = container(config).refuses("create")

    assert "linux.netDevices v0: RTM_NEWLINK: file exists" in message
    assert 'has a device "lo"' in message
    assert _without_lifetimes(host.ip("address show v0")) == _without_lifetimes(before[0])
    assert host.ip("route") == before[1]


def _without_lifetimes(text: str) -> list[str]:
    return [line for line in text.splitlines() if "valid_lft" not in line]


def test_missing_device_is_an_error_that_names_it(
    container: MakeContainer, config: Config, host: Network
) -> None:
    config["linux"]["netDevices"] = {"missing0": {}}
    c = container(config)

    assert "missing0" in c.refuses("create")
    assert not c.exists


@pytest.mark.ours
def test_device_that_cannot_be_set_up_is_an_error_and_comes_back(
    container: MakeContainer, config: Config, host: Network
) -> None:
    # Two of the same lower device cannot be up with one address.
    for name in ("other", "dev0"):
        host.ip(f"link add link peer name {name} address {MAC} type macvlan")
    host.ip("link set other up")
    before = host.devices()["dev0"]
    config["linux"]["netDevices"] = {"dev0": {"name": "ceth0"}}

    message = container(config).refuses("create")

    assert "linux.netDevices dev0: RTM_NEWLINK: address already in use" in message
    assert "also:" not in message
    assert host.devices()["dev0"]["address"] == before["address"]


@pytest.mark.ours
def test_kernels_own_words_are_in_the_error(
    container: MakeContainer, config: Config, host: Network
) -> None:
    config["linux"]["netDevices"] = {"lo": {"name": "loop"}}

    message = container(config).refuses("create")

    assert "linux.netDevices lo: RTM_NEWLINK: invalid argument" in message


def test_without_a_network_namespace_it_is_an_error(
    container: MakeContainer, config: Config, host: Network
) -> None:
    drop_namespace(config, "network")
    drop_mount(config, "/sys")
    config["linux"]["netDevices"] = {"v0": {}}

    message = container(config).refuses("create")

    assert "v0" in host.devices()
    if container(config).runtime.is_ours:
        assert "/linux/netDevices: needs a network namespace" in message


@pytest.mark.ours
def test_the_runtimes_own_namespace_by_path_is_an_error(
    container: MakeContainer, config: Config, host: Network
) -> None:
    entry = namespace(config, "network")
    assert entry
    entry["path"] = host.path
    drop_mount(config, "/sys")
    config["linux"]["netDevices"] = {"v0": {"name": "ceth0"}}

    message = container(config).refuses("create")

    assert "linux.netDevices v0: the container's network namespace is the runtime's own" in message
    assert "v0" in host.devices()


@pytest.mark.ours
def test_runtime_without_the_hosts_root_refuses_it_by_name(
    container: MakeContainer, config: Config, host: Network
) -> None:
    add_user_namespace(config, host_id=0, size=1)
    config["linux"]["netDevices"] = {"v0": {}}

    c = container(config)
    c.runtime.prefix = [*c.runtime.prefix, "unshare", "--user", "--map-root-user"]

    message = c.refuses("create")

    assert "/linux/netDevices: moving a network device needs root of the initial" in message
    assert "v0" in host.devices()


def test_in_a_user_namespace(container: MakeContainer, config: Config, host: Network) -> None:
    full(host)
    add_user_namespace(config)
    config["linux"]["netDevices"] = {"v0": {"name": "ceth0"}}
    c = container(config, "pause")
    for path in (c.rootfs, *c.rootfs.rglob("*")):
        os.lchown(path, 100000, 100000)
    c.detach()

    assert "10.1.2.3/24" in in_container(c).addresses("ceth0")
    assert namespaces.inode(c.pid, "user") != namespaces.inode("self", "user")


def test_traffic_goes_through(container: MakeContainer, config: Config, host: Network) -> None:
    host.ip("address add 10.1.2.3/24 dev v0")
    host.ip("address add 10.1.2.9/24 dev peer")
    config["linux"]["netDevices"] = {"v0": {"name": "ceth0"}}
    c = container(config, "pause")
    c.detach()

    # The route of the address's network is there, by the kernel, because the device is up.
    assert "dev ceth0" in in_container(c).ip("route get 10.1.2.9")
    wait_until(lambda: "LOWER_UP" in host.devices()["peer"]["flags"], "the peer's carrier")


def test_hooks_find_the_device_in_place(
    container: MakeContainer, config: Config, host: Network, work: Path
) -> None:
    config["linux"]["netDevices"] = {"v0": {"name": "ceth0"}}
    hook = work / "hook"
    hook.write_text(
        "#!/bin/sh\npid=$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/' | tr -dc 0-9)\n"
        f"nsenter --net=/proc/$pid/ns/net ip -o link show ceth0 > {work}/seen\n"
    )
    hook.chmod(0o755)
    config["hooks"] = {"createRuntime": [{"path": str(hook)}]}
    container(config).run()

    assert "ceth0" in (work / "seen").read_text()


@pytest.mark.parametrize("verb", ["create", "run"])
@pytest.mark.ours
def test_device_comes_back_when_a_later_step_fails(
    container: MakeContainer, config: Config, host: Network, verb: str
) -> None:
    full(host)
    before = host.devices()["v0"]
    config["linux"]["netDevices"] = {"v0": {"name": "ceth0"}}
    config["process"]["args"] = ["/missing"]

    message = container(config).refuses(verb)

    assert "/missing" in message
    assert "also:" not in message
    _assert_as_before(host, before)


@pytest.mark.ours
def test_device_comes_back_when_the_program_does_not_begin(
    container: MakeContainer, config: Config, host: Network
) -> None:
    full(host)
    before = host.devices()["v0"]
    config["linux"]["netDevices"] = {"v0": {"name": "ceth0"}}
    hook = {"path": "/bin/inside", "args": ["inside", "exit", "3"]}
    config["hooks"] = {"startContainer": [hook]}

    message = container(config).refuses("run")

    assert "startContainer" in message
    _assert_as_before(host, before)


@pytest.mark.ours
def test_first_device_comes_back_when_the_second_is_refused(
    container: MakeContainer, config: Config, host: Network
) -> None:
    full(host)
    host.ip("link add br0 type bridge")
    host.ip("link set v0 master br0")
    before = host.devices()["v0"]
    config["linux"]["netDevices"] = {"v0": {"name": "ceth0"}, "missing0": {}}

    message = container(config).refuses("create")

    assert "linux.netDevices missing0: RTM_GETLINK: no such device" in message
    _assert_as_before(host, before)
    assert host.devices()["v0"]["master"] == "br0"


def _assert_as_before(host: Network, before: Config) -> None:
    after = host.devices()["v0"]
    for key in ("mtu", "address", "ifname", "ifindex"):
        assert after[key] == before[key], key
    assert ("UP" in after["flags"]) == ("UP" in before["flags"])
    assert _stable(after) == _stable(before)


def _stable(device: Config) -> list[str]:
    """The addresses, but for those that the kernel makes, and what changes with time."""
    passing = ("valid_life_time", "preferred_life_time", "tentative")
    return sorted(
        str({key: value for key, value in a.items() if key not in passing})
        for a in device["addr_info"]
        if a["scope"] != "link" or a["family"] == "inet"
    )


def test_virtual_device_goes_with_the_containers_namespace(
    container: MakeContainer, config: Config, host: Network
) -> None:
    config["linux"]["netDevices"] = {"v0": {}}
    c = container(config, "pause")
    c.create()
    c.start()
    c.delete("--force")

    # Its peer is gone with it: nobody has moved it back.
    wait_until(lambda: set(host.devices()) == {"lo"}, "the pair is gone")


def test_foreground_run_does_not_keep_the_namespace(
    container: MakeContainer, config: Config, host: Network
) -> None:
    config["linux"]["netDevices"] = {"v0": {}}
    c = container(config, "pause")
    running = c.spawn_run()
    wait_until(lambda: "ready" in running.stdout, "it runs")
    # The program may be quicker than the runtime, which hears of the execve.
    wait_until(lambda: not _network_descriptors(running.process.pid), "all are closed")

    c.kill("KILL")
    running.wait()
    wait_until(lambda: set(host.devices()) == {"lo"}, "the pair is gone")


def _network_descriptors(pid: int) -> list[str]:
    directory = f"/proc/{pid}/fd"
    found = []
    for fd in os.listdir(directory):
        try:
            found.append(os.readlink(f"{directory}/{fd}"))
        except FileNotFoundError:
            continue  # closed meanwhile
    return [file for file in found if file.startswith(("net:", "socket:"))]
