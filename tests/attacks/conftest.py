"""Every attack is checked for what it leaves behind, whether it asks for a container or not."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _leaves_nothing(leak_check: None) -> None:
    """By its dependency."""
