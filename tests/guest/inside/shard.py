"""A pytest plugin: `--shard 1/2` takes every second test, beginning with the first, so that two guests share the work."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shard", default="1/1", metavar="N/COUNT")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    number, count = map(int, config.getoption("--shard").split("/"))
    items[:] = items[number - 1 :: count]
