"""The generated modules, made here when the tests run from a checkout that nobody has built."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest
from hypothesis import configuration

import pyruntime.spec

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
PACKAGE = Path(next(iter(pyruntime.spec.__path__)))


# What hypothesis keeps belongs with the other caches; and a busy machine is no failure.
configuration.set_hypothesis_home_dir(ROOT / ".cache" / "hypothesis")
hypothesis.settings.register_profile("unit", database=None, deadline=None)
hypothesis.settings.load_profile("unit")


def _generator() -> ModuleType:
    file = ROOT / "schemas" / "generate.py"
    wanted = importlib.util.spec_from_file_location("schemas_generate", file)
    assert wanted
    assert wanted.loader
    module = importlib.util.module_from_spec(wanted)
    wanted.loader.exec_module(module)
    return module


GENERATOR = _generator()


def _write_if_other(path: Path, text: str) -> None:
    if path.exists() and path.read_text() == text:
        return
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(text)
    os.replace(temporary, path)


if PACKAGE == ROOT / "pyruntime" / "spec":
    for name, write in GENERATOR.MODULES.items():
        _write_if_other(PACKAGE / name, write())


@pytest.fixture
def generator() -> ModuleType:
    return GENERATOR
