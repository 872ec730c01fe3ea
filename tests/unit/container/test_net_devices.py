"""Which addresses come along with a device, and how they are given to it again. config-linux.md, "Network Devices"."""

from __future__ import annotations

import pytest

from pyruntime.container import net_devices
from pyruntime.errors import KernelError
from pyruntime.linux import rtnetlink
from pyruntime.linux.rtnetlink import Address, Link

INET, INET6 = 2, 10
TEMPORARY, NODAD, PERMANENT, TENTATIVE, NOPREFIXROUTE = 0x01, 0x02, 0x80, 0x40, 0x200
UNIVERSE, SITE, LINK, HOST = 0, 200, 253, 254


def address(family: int = INET, flags: int = PERMANENT, scope: int = UNIVERSE) -> Address:
    return Address(family, 24, flags, scope, {rtnetlink.IFA_LOCAL: b"\x0a\1\2\3"})


@pytest.mark.parametrize(
    ("one", "kept", "restored"),
    [
        (address(), True, True),
        (address(flags=PERMANENT | TEMPORARY), True, True),  # a second one of its network
        (address(flags=0), False, True),  # a lease
        (address(scope=LINK), False, True),
        (address(scope=HOST), False, True),
        (address(INET6), True, True),
        (address(INET6, flags=0), False, True),  # by a router's advertisement
        (address(INET6, flags=TEMPORARY), False, False),
        (address(INET6, scope=LINK), False, False),
        (address(INET6, scope=SITE), False, True),
    ],
)
def test_permanent_addresses_of_global_scope_are_kept(
    one: Address, kept: bool, restored: bool
) -> None:
    assert net_devices.is_kept(one) is kept
    assert net_devices.is_restored(one) is restored


def test_flags_that_were_asked_for_are_kept_and_no_state() -> None:
    one = address(INET6, flags=PERMANENT | TENTATIVE | NODAD | NOPREFIXROUTE)

    assert net_devices.copy_of(one, "v0", "eth0").flags == NODAD | NOPREFIXROUTE


@pytest.mark.parametrize(
    ("label", "copied"),
    [
        ("v0", "eth0"),
        ("v0:1", "eth0:1"),
        ("other", "other"),
        ("v0:" + "x" * 12, "eth0:" + "x" * 10),  # 15 bytes are all that there are
    ],
)
def test_label_follows_the_devices_name(label: str, copied: str) -> None:
    one = address()
    one.attributes[rtnetlink.IFA_LABEL] = label.encode() + b"\0"

    found = net_devices.copy_of(one, "v0", "eth0").attributes

    assert found[rtnetlink.IFA_LABEL] == copied.encode() + b"\0"
    assert one.attributes[rtnetlink.IFA_LABEL] == label.encode() + b"\0"


def test_attributes_that_only_the_kernel_tells_are_not_sent_back() -> None:
    one = address()
    one.attributes[rtnetlink.IFA_FLAGS] = one.attributes[99] = b"abcd"

    assert set(net_devices.copy_of(one, "v0", "v0").attributes) == {rtnetlink.IFA_LOCAL}


class Recording:
    """Stands for the host's socket: refuses to give one address, and remembers what else it was asked for."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def add_address(self, _index: int, address: Address) -> None:
        if address.prefix_length == 8:
            raise KernelError("RTM_NEWADDR", 99)
        self.done.append(f"address/{address.prefix_length}")

    def enslave(self, _index: int, master: int) -> None:
        self.done.append(f"master {master}")

    def set_up(self, _index: int) -> None:
        self.done.append("up")


def test_one_address_that_cannot_come_back_does_not_keep_the_rest_away() -> None:
    move = net_devices.Move.__new__(net_devices.Move)
    host = Recording()
    move.host = host  # type: ignore[assignment]
    move.link = Link(5, "v0", up=True, master=7)
    move.addresses = [address(), address(), address()]
    move.addresses[0].prefix_length = 8

    with pytest.raises(KernelError, match="RTM_NEWADDR"):
        move._restore(5)
    assert host.done == ["address/24", "address/24", "master 7", "up"]
