"""Whether a class has what a schema says."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyruntime.container.resctrl import has_line, remove, undo_make

# As resctrl shows them: padded, masks in hexadecimal, bandwidths in decimal.
SCHEMATA = "    MB:0= 20;1=100\n    L3:0=00f;1=7f0\nL3CODE:0=3\n"


@pytest.mark.parametrize(
    "line",
    [
        "L3:0=f;1=7f0",
        "L3:1=7F0",
        "L3:0=0f;",
        "MB:0=20",
        "MB:1=100;0=20",
        "L3CODE:0=3",
        " L3: 0 = f",
    ],
)
def test_a_line_is_there_however_it_is_written(line: str) -> None:
    assert has_line(SCHEMATA, line)


@pytest.mark.parametrize(
    "line", ["L3:0=1f", "L3:2=f", "MB:0=14", "MB:0=30;1=100", "L2:0=f", "L3:0=x", "nothing", ""]
)
def test_another_value_domain_or_resource_is_not(line: str) -> None:
    assert not has_line(SCHEMATA, line)


def test_a_bandwidth_that_was_rounded_up_is_the_same() -> None:
    assert has_line(SCHEMATA, "MB:0=15", granularity=10)
    assert not has_line(SCHEMATA, "MB:0=15", granularity=1)
    assert not has_line(SCHEMATA, "MB:0=25", granularity=10)


def test_what_is_no_number_is_compared_as_it_is() -> None:
    assert has_line("MB:0=max", "MB:0=max")
    assert not has_line("MB:0=max", "MB:0=min")


def test_class_that_somebody_else_has_joined_stays_when_the_create_fails(tmp_path: Path) -> None:
    for name, tasks in (("alone", ""), ("shared", "4711\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tasks").write_text(tasks)
    (tmp_path / "alone" / "tasks").unlink()

    for name in ("alone", "shared"):
        undo_make(str(tmp_path / name))

    assert not (tmp_path / "alone").exists()
    assert (tmp_path / "shared").exists()


def test_what_has_gone_is_removed_already(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    remove([str(tmp_path / "missing"), str(tmp_path / "there")])

    assert list(tmp_path.iterdir()) == []
