"""rtnetlink(7): the few requests that a network device needs to be moved with what belongs to it.

A socket is of the network namespace that its maker was in, and stays so. Nothing imports this but for netDevices.
"""

from __future__ import annotations

import _socket
import errno
import struct

from pyruntime.errors import KernelError

# linux/netlink.h
NETLINK_ROUTE = 0
SOL_NETLINK = 270
NETLINK_CAP_ACK = 10
NETLINK_EXT_ACK = 11
NLM_F_REQUEST, NLM_F_ACK = 0x1, 0x4
NLM_F_DUMP_INTR = 0x10
NLM_F_DUMP = 0x300
NLM_F_EXCL, NLM_F_CREATE = 0x200, 0x400
NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x100, 0x200
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLMSGERR_ATTR_MSG = 1
TYPE_MASK = 0x3FFF  # without NLA_F_NESTED, NLA_F_NET_BYTEORDER

# linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h, linux/if.h
RTM_NEWLINK, RTM_GETLINK, RTM_NEWADDR, RTM_GETADDR = 16, 18, 20, 22
IFLA_IFNAME, IFLA_MASTER, IFLA_NET_NS_FD = 3, 10, 28
IFA_ADDRESS, IFA_LOCAL, IFA_LABEL, IFA_BROADCAST = 1, 2, 3, 4
IFA_CACHEINFO, IFA_FLAGS, IFA_RT_PRIORITY, IFA_PROTO = 6, 8, 9, 11
IFF_UP = 1

HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
LINK = struct.Struct("=BxHiII")  # struct ifinfomsg
ADDRESS = struct.Struct("=BBBBI")  # struct ifaddrmsg
ATTRIBUTE = struct.Struct("=HH")  # struct nlattr
NUMBER = struct.Struct("=I")

CALLS = {
    RTM_NEWLINK: "RTM_NEWLINK",
    RTM_GETLINK: "RTM_GETLINK",
    RTM_NEWADDR: "RTM_NEWADDR",
    RTM_GETADDR: "RTM_GETADDR",
}


class Link:
    """A network device."""

    __slots__ = ("index", "master", "name", "up")

    def __init__(self, index: int, name: str, *, up: bool, master: int) -> None:
        self.index = index
        self.name = name
        self.up = up
        self.master = master
        """The index of the bridge or bond that it is a port of; 0: none."""


class Address:
    """An address of a device: what the kernel said of it, its attributes as they came."""

    __slots__ = ("attributes", "family", "flags", "prefix_length", "scope")

    def __init__(
        self, family: int, prefix_length: int, flags: int, scope: int, attributes: dict[int, bytes]
    ) -> None:
        self.family = family
        self.prefix_length = prefix_length
        self.flags = flags
        self.scope = scope
        self.attributes = attributes


class Socket:
    """A conversation with the kernel about the network namespace in which this was made."""

    def __init__(self) -> None:
        kind = _socket.SOCK_RAW | _socket.SOCK_CLOEXEC
        self._socket = _socket.socket(_socket.AF_NETLINK, kind, NETLINK_ROUTE)
        self._sequence = 0
        for option in (NETLINK_CAP_ACK, NETLINK_EXT_ACK):
            try:
                self._socket.setsockopt(SOL_NETLINK, option, 1)
            except OSError:
                pass  # before 4.3, 4.12: a failure has no words then, only its errno
        # Connected to the kernel: what other processes send is not received.
        self._socket.connect((0, 0))

    def close(self) -> None:
        """The namespace lives for as long as one of its sockets is open."""
        self._socket.close()

    def link(self, name: str = "", index: int = 0) -> Link:
        """The device called *name*, or with this index; KernelError(ENODEV) if there is none."""
        attributes = attribute(IFLA_IFNAME, name_bytes(name)) if name else b""
        reply = self._ask(RTM_GETLINK, NLM_F_ACK, LINK.pack(0, 0, index, 0, 0) + attributes)[0]
        _, _, found, flags, _ = LINK.unpack_from(reply)
        values = attributes_of(reply[LINK.size :])
        return Link(
            found,
            text_of(values[IFLA_IFNAME]),
            up=bool(flags & IFF_UP),
            master=number_of(values.get(IFLA_MASTER)),
        )

    def move(self, index: int, namespace_fd: int, name: str) -> None:
        """To another network namespace, to be called *name* there."""
        body = attribute(IFLA_NET_NS_FD, NUMBER.pack(namespace_fd))
        self._change(index, body + attribute(IFLA_IFNAME, name_bytes(name)))

    def rename(self, index: int, name: str) -> None:
        """The kernel puts a number in the place of %d."""
        self._change(index, attribute(IFLA_IFNAME, name_bytes(name)))

    def enslave(self, index: int, master: int) -> None:
        """Make it a port of *master*."""
        self._change(index, attribute(IFLA_MASTER, NUMBER.pack(master)))

    def set_up(self, index: int) -> None:
        """IFF_UP."""
        self._ask(RTM_NEWLINK, NLM_F_ACK, LINK.pack(0, 0, index, IFF_UP, IFF_UP))

    def _change(self, index: int, attributes: bytes) -> None:
        self._ask(RTM_NEWLINK, NLM_F_ACK, LINK.pack(0, 0, index, 0, 0) + attributes)

    def addresses(self, index: int) -> list[Address]:
        """All of the device's, in the kernel's order."""
        found = []
        for reply in self._ask(RTM_GETADDR, NLM_F_DUMP, ADDRESS.pack(0, 0, 0, 0, 0)):
            family, length, flags, scope, owner = ADDRESS.unpack_from(reply)
            if owner == index:
                values = attributes_of(reply[ADDRESS.size :])
                # The header has room for the first eight flags only.
                flags = number_of(values.get(IFA_FLAGS)) or flags
                found.append(Address(family, length, flags, scope, values))
        return found

    def add_address(self, index: int, address: Address) -> None:
        """Give it to the device."""
        a = address
        body = ADDRESS.pack(a.family, a.prefix_length, a.flags & 0xFF, a.scope, index)
        values = {**a.attributes, IFA_FLAGS: NUMBER.pack(a.flags)}
        for kind, value in values.items():
            body += attribute(kind, value)
        self._ask(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body)

    def _ask(self, kind: int, flags: int, body: bytes) -> list[bytes]:
        """What the kernel answers, without its headers; KernelError if it refuses."""
        while True:
            self._sequence += 1
            self._socket.send(message(kind, NLM_F_REQUEST | flags, self._sequence, body))
            replies = self._replies(CALLS[kind])
            if replies is not None:
                return replies

    def _replies(self, call: str) -> list[bytes] | None:
        """Up to the acknowledgement or the end of the dump; None if the table changed during the dump."""
        found: list[bytes] = []
        interrupted = False
        while True:
            for kind, flags, sequence, content in messages(self._socket.recv(1 << 17)):
                if sequence != self._sequence:
                    continue
                interrupted = interrupted or bool(flags & NLM_F_DUMP_INTR)
                if kind in (NLMSG_ERROR, NLMSG_DONE):
                    check(call, kind, flags, content)
                    return None if interrupted else found
                found.append(content)


def check(call: str, kind: int, flags: int, content: bytes) -> None:
    """KernelError if an NLMSG_ERROR (or NLMSG_DONE) carries an errno; the kernel's own words are the hint."""
    code = struct.unpack_from("=i", content)[0] if len(content) >= 4 else 0
    if code >= 0:
        return
    words = ""
    if flags & NLM_F_ACK_TLVS:
        at = 4
        if kind == NLMSG_ERROR:
            # The request follows: its header only, if it is capped.
            at += (
                HEADER.size if flags & NLM_F_CAPPED else aligned(NUMBER.unpack_from(content, 4)[0])
            )
        words = text_of(attributes_of(content[at:]).get(NLMSGERR_ATTR_MSG, b""))
    raise KernelError(call, -code, hint=f'the kernel says "{words}"' if words else "")


def is_errno(error: KernelError, *names: str) -> bool:
    """Whether it is one of these."""
    return errno.errorcode.get(error.errno) in names


def message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    """A request with its header."""
    return HEADER.pack(HEADER.size + len(body), kind, flags, sequence, 0) + body


def messages(data: bytes) -> list[tuple[int, int, int, bytes]]:
    """Type, flags, sequence number and content of each message in *data*."""
    found = []
    at = 0
    while at + HEADER.size <= len(data):
        length, kind, flags, sequence, _ = HEADER.unpack_from(data, at)
        if length < HEADER.size or at + length > len(data):
            break
        found.append((kind, flags, sequence, data[at + HEADER.size : at + length]))
        at += aligned(length)
    return found


def attribute(kind: int, value: bytes) -> bytes:
    """With its header and padding."""
    size = ATTRIBUTE.size + len(value)
    return ATTRIBUTE.pack(size, kind) + value.ljust(aligned(size) - ATTRIBUTE.size, b"\0")


def attributes_of(data: bytes) -> dict[int, bytes]:
    """The attributes of a message, by type."""
    found = {}
    at = 0
    while at + ATTRIBUTE.size <= len(data):
        size, kind = ATTRIBUTE.unpack_from(data, at)
        if size < ATTRIBUTE.size or at + size > len(data):
            break
        found[kind & TYPE_MASK] = data[at + ATTRIBUTE.size : at + size]
        at += aligned(size)
    return found


def aligned(size: int) -> int:
    """NLMSG_ALIGN."""
    return (size + 3) & ~3


def name_bytes(name: str) -> bytes:
    """As the kernel wants it, with its NUL."""
    return name.encode("utf-8", "surrogateescape") + b"\0"


def text_of(value: bytes) -> str:
    """A name or a sentence of the kernel's."""
    return value.rstrip(b"\0").decode("utf-8", "surrogateescape")


def number_of(value: bytes | None) -> int:
    """Of 32 bits; 0 if there is none."""
    return int(NUMBER.unpack(value)[0]) if value else 0
