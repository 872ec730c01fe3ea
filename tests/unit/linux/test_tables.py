"""The tables of pyruntime.linux, without any system call."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from pyruntime.errors import UsageError
from pyruntime.linux import capabilities, flags, namespaces, signals


def test_flags_are_named_in_the_order_of_their_table() -> None:
    value = flags.MS_NODEV | flags.MS_NOSUID

    assert flags.names(value, flags.MOUNT_FLAGS) == "MS_NOSUID|MS_NODEV"


def test_bits_without_a_name_are_shown_in_hexadecimal() -> None:
    assert flags.names(1 << 40 | 1, flags.MOUNT_FLAGS) == "MS_RDONLY|0x10000000000"
    assert flags.names(0, flags.MOUNT_FLAGS) == "0"


def test_every_flag_table_names_single_bits() -> None:
    tables = (flags.MOUNT_FLAGS, flags.MOUNT_ATTRS, flags.CLONE_FLAGS, flags.AT_FLAGS)

    for table in tables:
        assert all(value.bit_count() == 1 for value in table.values())
        assert len(set(table.values())) == len(table)


def test_limits_are_the_standard_librarys() -> None:
    import resource

    for name, number in flags.RLIMITS.items():
        # RLIMIT_LOCKS means nothing since Linux 2.4; the library leaves it out.
        assert getattr(resource, name, number) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("TERM", 15),
        ("SIGTERM", 15),
        ("sigterm", 15),
        ("term", 15),
        ("15", 15),
        ("0", 0),
        ("64", 64),
        ("RTMIN", 34),
        ("RTMIN+3", 37),
        ("SIGRTMIN+3", 37),
        ("RTMAX-1", 63),
        ("SIGRTMAX", 64),
        ("CLD", 17),
        ("POLL", 29),
    ],
)
def test_a_signal_is_found_by_name_and_by_number(text: str, number: int) -> None:
    assert signals.number(text) == number


@pytest.mark.parametrize(
    "text",
    [
        *("", "SIG", "65", "-1", "+1", "1.0", "٣", "9" * 5000, "SIGSIGTERM", "TERM "),
        *("RTMIN+", "RTMIN+31", "RTMIN-1", "RTMAX+1", "RTMIN+-1"),
    ],
)
def test_an_unknown_signal_is_quoted_as_it_was_given(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        signals.number(text)

    assert str(caught.value) == f'unknown signal "{text}"'


def test_signal_numbers_are_the_machines() -> None:
    for name, number in signals.NUMBERS.items():
        assert getattr(signal, f"SIG{name}", number) == number
    assert (signal.SIGRTMIN, signal.SIGRTMAX) == (signals.RTMIN, signals.RTMAX)


def test_every_signal_of_kill_l_is_known() -> None:
    listing = subprocess.run(
        ["bash", "-c", "kill -l"], capture_output=True, text=True, check=True
    ).stdout.split()
    pairs = dict(zip(listing[1::2], listing[::2], strict=True))

    assert {name: signals.number(name) for name in pairs} == {
        name: int(number.rstrip(")")) for name, number in pairs.items()
    }


def test_a_name_leads_back_to_its_number() -> None:
    assert [signals.name(number) for number in (15, 34, 37, 64, 99)] == [
        "SIGTERM",
        "SIGRTMIN",
        "SIGRTMIN+3",
        "SIGRTMIN+30",
        "99",
    ]
    assert all(signals.number(signals.name(number)) == number for number in range(1, 65))


def test_capability_names_become_bits() -> None:
    names = ["CAP_CHOWN", "CAP_CHECKPOINT_RESTORE", "CAP_CHOWN"]

    assert capabilities.mask(names, 40) == (1 | 1 << 40, [])


def test_capabilities_that_the_kernel_lacks_are_given_back() -> None:
    names = ["CAP_NONSENSE", "CAP_BPF", "cap_chown", "CAP_KILL"]

    assert capabilities.mask(names, 38) == (1 << 5, ["CAP_NONSENSE", "CAP_BPF", "cap_chown"])


def test_a_mask_leads_back_to_its_names() -> None:
    assert capabilities.names_of(0b11 | 1 << 41) == ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_41"]


def test_every_capability_of_this_kernel_has_a_name() -> None:
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())

    assert last < len(capabilities.NAMES)


def test_every_namespace_type_has_its_file_in_proc() -> None:
    for flag, name in namespaces.TYPES.values():
        assert flags.names(flag, flags.CLONE_FLAGS).startswith("CLONE_NEW")
        assert Path(f"/proc/self/ns/{name}").exists()
