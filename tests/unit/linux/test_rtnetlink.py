"""Messages of rtnetlink: what is sent, byte for byte, and what is made of what comes back."""

from __future__ import annotations

import errno
import struct
import sys

import pytest

from pyruntime.errors import KernelError
from pyruntime.linux import rtnetlink
from pyruntime.linux.rtnetlink import NLMSG_DONE, NLMSG_ERROR

LITTLE = pytest.mark.skipif(sys.byteorder != "little", reason="requires x86_64")


@LITTLE
def test_request_as_the_kernel_reads_it() -> None:
    body = rtnetlink.LINK.pack(0, 0, 5, 1, 1) + rtnetlink.attribute(3, b"eth0\0")

    message = rtnetlink.message(rtnetlink.RTM_NEWLINK, 0x5, 7, body)

    assert message.hex(" ", 4) == " ".join(
        [
            *["2c000000", "10000500", "07000000", "00000000"],  # length 44, type, flags, sequence
            *["00000000", "05000000", "01000000", "01000000"],  # index 5, IFF_UP of IFF_UP
            *["09000300", "65746830", "00000000"],  # IFLA_IFNAME, 9 bytes and padding
        ]
    )


def test_attributes_are_read_as_they_were_written() -> None:
    values = {1: b"\x0a\x01\x02\x03", 3: b"v0:1\0", 8: b""}
    data = b"".join(rtnetlink.attribute(kind, value) for kind, value in values.items())

    assert len(data) % 4 == 0
    assert rtnetlink.attributes_of(data) == values


def test_nested_bit_is_no_part_of_the_type() -> None:
    assert rtnetlink.attributes_of(rtnetlink.attribute(0x8000 | 52, b"abcd")) == {52: b"abcd"}


@pytest.mark.parametrize("data", [b"", b"\1", b"\0\0\1\0", b"\xff\0\1\0abcd"])
def test_attributes_that_are_cut_short_end_the_list(data: bytes) -> None:
    assert rtnetlink.attributes_of(data) == {}


def test_messages_of_one_packet_are_taken_apart() -> None:
    packet = rtnetlink.message(20, 2, 9, b"abcde").ljust(24, b"\0") + rtnetlink.message(
        3, 2, 9, b""
    )

    assert rtnetlink.messages(packet) == [(20, 2, 9, b"abcde"), (3, 2, 9, b"")]


@pytest.mark.parametrize("packet", [b"", b"\x10\0\0\0", struct.pack("=IHHII", 8, 1, 0, 0, 0)])
def test_packet_that_is_no_message_has_none(packet: bytes) -> None:
    assert rtnetlink.messages(packet) == []


def test_acknowledgement_is_no_error() -> None:
    rtnetlink.check("RTM_NEWLINK", NLMSG_ERROR, 0, struct.pack("=i", 0) + bytes(16))
    rtnetlink.check("RTM_GETADDR", NLMSG_DONE, 0, struct.pack("=i", 0))
    rtnetlink.check("RTM_GETADDR", NLMSG_DONE, 0, b"")


def test_refusal_has_the_call_and_the_errno() -> None:
    with pytest.raises(KernelError, match=r"^RTM_NEWLINK: file exists$") as caught:
        rtnetlink.check("RTM_NEWLINK", NLMSG_ERROR, 0, struct.pack("=i", -errno.EEXIST))

    assert rtnetlink.is_errno(caught.value, "EEXIST")
    assert not rtnetlink.is_errno(caught.value, "ENODEV")


@pytest.mark.parametrize("capped", [True, False])
def test_refusal_has_the_kernels_own_words(capped: bool) -> None:
    request = rtnetlink.message(16, 5, 1, b"" if capped else bytes(20))
    flags = 0x200 | (0x100 if capped else 0)
    words = rtnetlink.attribute(1, b"The interface netns is immutable\0")
    content = struct.pack("=i", -errno.EINVAL) + request + words

    with pytest.raises(KernelError, match=r'says "The interface netns is immutable"$'):
        rtnetlink.check("RTM_NEWLINK", NLMSG_ERROR, flags, content)


def test_loopback_is_found_by_name_and_by_index() -> None:
    with_socket = rtnetlink.Socket()
    try:
        found = with_socket.link("lo")

        assert (found.index, found.name, found.master) == (1, "lo", 0)
        assert with_socket.link(index=1).name == "lo"
        assert all(a.prefix_length in (8, 128) for a in with_socket.addresses(1))
        with pytest.raises(KernelError, match="RTM_GETLINK: no such device"):
            with_socket.link("missing0")
    finally:
        with_socket.close()
