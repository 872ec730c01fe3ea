"""What is not supported yet is refused by its pointer, never left out."""

from __future__ import annotations

from typing import Any

import pytest

from pyruntime.errors import Unsupported
from pyruntime.plan import unsupported


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [
        ({"process": {"apparmorProfile": "x"}}, "/process/apparmorProfile"),
        ({"process": {"selinuxLabel": "x"}}, "/process/selinuxLabel"),
        ({"linux": {"mountLabel": "x"}}, "/linux/mountLabel"),
    ],
)
def test_a_property_without_effect_is_refused(spec: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Unsupported, match=f"^{pointer}: "):
        unsupported.check(spec)


def test_an_empty_one_asks_for_nothing() -> None:
    unsupported.check({"process": {"apparmorProfile": ""}, "linux": {"mountLabel": ""}})
