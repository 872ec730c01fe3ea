"""linux.netDevices: a device of the host's moves into the container's network namespace with what belongs to it.

The runtime enters that namespace for as long as it takes to open one socket. All else is asked for through two sockets,
one for each side; the second keeps the namespace, and so the device, alive if init ends before the create has
succeeded: with the namespace of a dead init the kernel destroys virtual devices.
"""

from __future__ import annotations

import errno
import os

from pyruntime.errors import Error, KernelError
from pyruntime.linux import rtnetlink
from pyruntime.linux.rtnetlink import Address, Link, Socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyruntime.container.launch import Launch

CLONE_NEWNET = 0x40000000
AF_INET6 = 10

# linux/if_addr.h, linux/rtnetlink.h
IFA_F_TEMPORARY = (
    0x01  # of an IPv6 address; an IPv4 address with this bit is a second one of its network
)
IFA_F_PERMANENT = 0x80
RT_SCOPE_UNIVERSE, RT_SCOPE_LINK = 0, 253
# What was asked for with the address; the other flags tell what became of it.
# IFA_F_NODAD, IFA_F_HOMEADDRESS, IFA_F_MANAGETEMPADDR, IFA_F_NOPREFIXROUTE, IFA_F_MCAUTOJOIN
KEPT_FLAGS = 0x02 | 0x10 | 0x100 | 0x200 | 0x400
KEPT_ATTRIBUTES = (
    rtnetlink.IFA_ADDRESS,
    rtnetlink.IFA_LOCAL,
    rtnetlink.IFA_LABEL,
    rtnetlink.IFA_BROADCAST,
    rtnetlink.IFA_CACHEINFO,
    rtnetlink.IFA_RT_PRIORITY,
    rtnetlink.IFA_PROTO,
)


class Move:
    """One device on its way, and how it was on the host."""

    def __init__(self, pid: int, name: str) -> None:
        self.fds: list[int] = []
        self.host_fd = self._open("/proc/self/ns/net")
        self.container_fd = self._open(f"/proc/{pid}/ns/net")
        if os.path.sameopenfile(self.host_fd, self.container_fd):
            raise Error("the container's network namespace is the runtime's own")
        self.host = Socket()
        self.container = socket_in(self.container_fd, self.host_fd)
        self.link: Link = self.host.link(name)
        self.addresses = self.host.addresses(self.link.index)
        # A name that nothing in the container has: whatever it has cannot be in the way.
        self.passing_name = f"oci{os.urandom(4).hex()}"
        self.index = 0
        """In the container, once it is there."""

    def _open(self, path: str) -> int:
        self.fds.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
        return self.fds[-1]

    def close(self) -> None:
        """Let go of the container's namespace."""
        self.host.close()
        self.container.close()
        while self.fds:
            os.close(self.fds.pop())

    def enter(self, new_name: str) -> None:
        """Into the container: the name, then the addresses, then up."""
        if "%d" not in new_name:
            self._must_be_free(new_name)
        self.host.move(self.link.index, self.container_fd, self.passing_name)
        self.index = self.container.link(self.passing_name).index
        self.container.rename(self.index, new_name)
        name = self.container.link(index=self.index).name
        for address in self.addresses:
            if is_kept(address):
                self.container.add_address(self.index, copy_of(address, self.link.name, name))
        self.container.set_up(self.index)

    def _must_be_free(self, name: str) -> None:
        try:
            self.container.link(name)
        except KernelError as error:
            if rtnetlink.is_errno(error, "ENODEV"):
                return
            raise
        hint = f'the container\'s network namespace has a device "{name}"'
        raise KernelError("RTM_NEWLINK", errno.EEXIST, hint=hint)

    def leave(self) -> None:
        """Back to the host, as it was: for a create that failed. Its routes are not ours to know."""
        if not self.fds:
            return
        try:
            index = self.index or self._index_of_passing()
            if index:
                self.container.move(index, self.host_fd, self.link.name)
                self._restore(self.host.link(self.link.name).index)
        finally:
            self.close()

    def _index_of_passing(self) -> int:
        try:
            return self.container.link(self.passing_name).index
        except KernelError as error:
            if rtnetlink.is_errno(error, "ENODEV"):
                return 0  # it never came
            raise

    def _restore(self, index: int) -> None:
        """As much of it as possible; then the first complaint."""
        host, link = self.host, self.link
        todo: list[tuple[Callable[..., None], Any]] = [
            (host.add_address, (index, copy_of(address, link.name, link.name)))
            for address in self.addresses
            if is_restored(address)
        ]
        if link.master:
            todo.append((host.enslave, (index, link.master)))
        if link.up:
            todo.append((host.set_up, (index,)))
        failures = []
        for request, args in todo:
            try:
                request(*args)
            except KernelError as error:
                failures.append(error)
        if failures:
            raise failures[0]


def move_interface(launch: Launch, name: str, new_name: str) -> None:
    """plan.ops.move_interface."""
    move = Move(launch.pid, name)
    launch.holds.append(move)
    launch.on_failure(move.leave)
    move.enter(new_name)


def socket_in(namespace_fd: int, own_fd: int) -> Socket:
    """A socket of another network namespace. Nothing else of this process changes, and that only for this call."""
    from pyruntime.linux.calls import setns

    setns(namespace_fd, CLONE_NEWNET)
    try:
        return Socket()
    finally:
        setns(own_fd, CLONE_NEWNET)


def is_kept(address: Address) -> bool:
    """The specification: permanent and of global scope."""
    return bool(address.flags & IFA_F_PERMANENT) and address.scope == RT_SCOPE_UNIVERSE


def is_restored(address: Address) -> bool:
    """The kernel makes link-local and temporary addresses of IPv6 by itself."""
    if address.family != AF_INET6:
        return True
    return address.scope != RT_SCOPE_LINK and not address.flags & IFA_F_TEMPORARY


def copy_of(address: Address, old_name: str, new_name: str) -> Address:
    """As it is to be added again: a label has the device's name in front."""
    values = {k: v for k, v in address.attributes.items() if k in KEPT_ATTRIBUTES}
    label = rtnetlink.text_of(values.pop(rtnetlink.IFA_LABEL, b""))
    if label:
        device, colon, rest = label.partition(":")
        label = (new_name if device == old_name else device) + colon + rest
        # IFNAMSIZ: a longer name may leave no room for the rest.
        values[rtnetlink.IFA_LABEL] = rtnetlink.name_bytes(label)[:15].rstrip(b"\0") + b"\0"
    flags = address.flags & KEPT_FLAGS
    return Address(address.family, address.prefix_length, flags, address.scope, values)
