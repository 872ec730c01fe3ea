"""What we decide: every case's plan, as text, against the file that was reviewed. A change of behaviour is a diff here."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.cases import CASES, WITH_FILTER, base, merged
from golden.facts import HOSTS
from pyruntime.cgroups.placement import placement
from pyruntime.plan.create import create
from pyruntime.plan.request import Request
from pyruntime.plan.show import plan_text
from pyruntime.seccomp.filter import Filter
from pyruntime.spec.validate import validate

PLANS = Path(__file__).parent / "plans"


def text_of(name: str) -> str:
    host, changes = CASES[name]
    facts = HOSTS[host]
    spec = merged(base(), changes)
    validate(spec)
    terminal = (spec.get("process") or {}).get("terminal")
    request = Request(
        "web",
        "/bundle",
        "/bundle/rootfs",
        placement=placement(spec, "web", facts),
        filter=Filter(bytes(80), flags=0, optional_flags=4, notify=False)
        if name in WITH_FILTER
        else None,
        fifo="/run/pyruntime/web/start.fifo",
        console_socket="/run/console.sock" if terminal else "",
        pid_file="/run/web.pid" if name == "base" else "",
    )
    return plan_text(create(spec, request, facts))  # type: ignore[arg-type]


def path_of(name: str) -> Path:
    return PLANS / f"{name.replace(' ', '-').replace(',', '').replace('(2)', '')}.txt"


@pytest.mark.parametrize("name", CASES)
def test_the_plan_is_the_reviewed_one(name: str, update_golden: bool) -> None:
    text = text_of(name)
    if update_golden:
        path_of(name).write_text(text)

    assert text == path_of(name).read_text()


def test_every_reviewed_plan_has_its_case() -> None:
    assert {path.name for path in PLANS.iterdir()} == {path_of(name).name for name in CASES}


@pytest.mark.parametrize("name", CASES)
def test_a_plan_is_a_function_of_its_input(name: str) -> None:
    assert text_of(name) == text_of(name)
