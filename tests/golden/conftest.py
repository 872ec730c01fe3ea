from __future__ import annotations

import sys
from pathlib import Path

import pytest

# The cases are data beside the tests, not tests.
sys.path.insert(0, str(Path(__file__).parent.parent))


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))
