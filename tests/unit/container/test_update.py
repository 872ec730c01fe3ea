"""update: how what is asked goes over what there is, and the sizes of its options."""

from __future__ import annotations

from typing import Any

import pytest

from pyruntime.commands.update import number, size
from pyruntime.container.update import merged


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({}, {"pids": {"limit": 5}}, {"pids": {"limit": 5}}),
        (
            {"memory": {"limit": 1, "swap": 2}, "pids": {"limit": 5}},
            {"memory": {"limit": 3}},
            {"memory": {"limit": 3, "swap": 2}, "pids": {"limit": 5}},
        ),
        (
            {"hugepageLimits": [{"pageSize": "2MB", "limit": 1}, {"pageSize": "1GB", "limit": 2}]},
            {"hugepageLimits": [{"pageSize": "2MB", "limit": 3}]},
            {"hugepageLimits": [{"pageSize": "1GB", "limit": 2}, {"pageSize": "2MB", "limit": 3}]},
        ),
        (
            {"blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1}]}},
            {"blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 16, "rate": 2}]}},
            {
                "blockIO": {
                    "throttleReadBpsDevice": [
                        {"major": 8, "minor": 0, "rate": 1},
                        {"major": 8, "minor": 16, "rate": 2},
                    ]
                }
            },
        ),
        ({"cpu": {"cpus": "0"}}, {"cpu": 5}, {"cpu": 5}),
    ],
)
def test_new_goes_over_old(old: dict[str, Any], new: dict[str, Any], expected: object) -> None:
    assert merged(old, new) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4096", 4096),
        ("-1", -1),
        ("512m", 512 << 20),
        ("512MiB", 512 << 20),
        ("1g", 1 << 30),
        ("1.5K", 1536),
        ("10b", 10),
        ("0", 0),
    ],
)
def test_sizes(text: str, expected: int) -> None:
    assert size(text) == expected


@pytest.mark.parametrize(
    "text", ["", "m", "-2", "1x", "1.m", ".5m", "1_0", "1e3", "²", "1 m", "ib"]
)
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        size(text)


@pytest.mark.parametrize("text", ["", "-", "1.5", "0x10", "²", "+1", "--1"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        number(text)
