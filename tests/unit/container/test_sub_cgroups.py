"""`--cgroup` of exec."""

from __future__ import annotations

import pytest

from pyruntime.container.sub_cgroups import EVERY, parse
from pyruntime.errors import UsageError


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([], {}),
        (["a/b"], {EVERY: "a/b"}),
        (["/a:b"], {EVERY: "/a:b"}),
        (["cpu:a"], {"cpu": "a"}),
        (["cpu,memory:/a:b", "c"], {"cpu": "/a:b", "memory": "/a:b", EVERY: "c"}),
        (["name=systemd:a"], {"name=systemd": "a"}),
        (["cpu:"], {"cpu": ""}),
    ],
)
def test_each_controller_has_its_path(values: list[str], found: dict[str, str]) -> None:
    assert parse(values) == found


@pytest.mark.parametrize("values", [["a", "b"], ["cpu:a", "memory,cpu:b"], [":a"], ["cpu,:a"]])
def test_what_says_nothing_or_two_things_is_refused(values: list[str]) -> None:
    with pytest.raises(UsageError, match="--cgroup"):
        parse(values)
