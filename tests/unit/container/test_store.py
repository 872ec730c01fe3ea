"""The state directory, seen by a command that holds no lock."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyruntime.container import store
from pyruntime.errors import NotFound


def test_a_container_that_is_only_being_made_does_not_exist_yet(tmp_path: Path) -> None:
    with (
        store.create(str(tmp_path), "one"),
        store.find(str(tmp_path), "one") as found,
        pytest.raises(NotFound, match="does not exist"),
    ):
        found.settled_record()


def test_one_that_was_deleted_while_it_was_looked_at_does_not_exist(tmp_path: Path) -> None:
    made = store.create(str(tmp_path), "one")
    with store.find(str(tmp_path), "one") as found:
        made.remove()
        made.close()

        with pytest.raises(NotFound, match="does not exist"):
            found.settled_record()


def test_one_whose_making_was_cut_short_does_not_exist(tmp_path: Path) -> None:
    store.create(str(tmp_path), "one").close()

    with (
        store.find(str(tmp_path), "one") as found,
        pytest.raises(NotFound, match="container does not exist"),
    ):
        found.settled_record()
