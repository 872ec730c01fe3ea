"""Input that nobody would write, for whatever reads input: it is taken or refused with one line, and nothing else ever happens.

A minute by default; `make fuzz` goes on for hours (--fuzz-examples). The command line has the like in unit/cli/test_parsers_agree.py.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import requires
from golden.cases import CASES, base, merged
from golden.facts import HOSTS
from pyruntime.cgroups.placement import placement
from pyruntime.container import store
from pyruntime.errors import Error
from pyruntime.plan import ops
from pyruntime.plan.create import create
from pyruntime.plan.request import Request
from pyruntime.plan.show import plan_text
from pyruntime.plan.step import ENTRY, Plan, Step
from pyruntime.plan.wire import encode
from pyruntime.spec import load
from pyruntime.spec.validate import validate

ROOT = Path(__file__).resolve().parents[2]
NOT_OF_THE_EXECUTOR = ("front.c",)

ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, False, 0, 1, -1, 2**31, 2**32 - 1, 2**32, 2**63, -(2**63), 10**30, 0.5, 1e308),
        *("", "/", "..", "/..", "//", "a\0b", "\ud800", "x" * 5000, "-1", "0-", "\n", "é", "/proc/self/fd/1"),
        *([], {}, [[]], [None], {"": None}, [{}], ["", ""], {"a": {"b": {"c": []}}}),
    ]
)  # fmt: skip
ANYTHING = ODD | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


def examples(request: pytest.FixtureRequest, default: int) -> settings:
    wanted = request.config.getoption("--fuzz-examples") or default
    return settings(
        max_examples=wanted,
        deadline=None,
        database=None,
        derandomize=not request.config.getoption("--fuzz-examples"),
        suppress_health_check=list(HealthCheck),
    )


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key, below in value.items():
            found += places(below, (*path, key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            found += places(below, (*path, index))
    return found


def change(config: Any, path: tuple[Any, ...], how: int, value: Any) -> None:
    """Replace, remove, double or rename what is there."""
    for step in path[:-1]:
        config = config[step]
    last = path[-1]
    if how == 0:
        config[last] = copy.deepcopy(value)
    elif how == 1:
        del config[last]
    elif isinstance(config, list):
        config.insert(last, copy.deepcopy(config[last]))
    else:
        config[str(value)[:20]] = config.pop(last)


def assert_one_line(error: Error) -> None:
    for line in str(error).splitlines()[1:]:
        assert line.startswith(" "), str(error)  # further faults, each with its place
    assert str(error).strip()


def decided(text: bytes, host: str) -> None:
    """From the text to the plan as the executor gets it."""
    facts = HOSTS[host]
    try:
        spec: Any = load.decode(text, name="config.json")
        validate(spec)
        request = Request(
            "web",
            "/bundle",
            "/bundle/rootfs",
            placement=placement(spec, "web", facts),
            fifo="/run/pyruntime/web/start.fifo",
            console_socket="/run/console.sock" if (spec.get("process") or {}).get("terminal") else "",
        )  # fmt: skip
        plan = create(spec, request, facts)
        plan_text(plan)
        encode(plan)
    except Error as error:
        assert_one_line(error)


def test_any_configuration_is_a_plan_or_faults(request: pytest.FixtureRequest) -> None:
    names = sorted(CASES)

    @examples(request, 1500)
    @given(st.data())
    def run(data: st.DataObject) -> None:
        host, changes = CASES[data.draw(st.sampled_from(names))]
        config = copy.deepcopy(merged(base(), changes))
        for _ in range(data.draw(st.integers(1, 3))):
            there = places(config)
            if not there:
                break
            path = data.draw(st.sampled_from(there))
            change(config, path, data.draw(st.integers(0, 2)), data.draw(ANYTHING))
        decided(json.dumps(config).encode("utf-8", "surrogatepass"), host)

    run()


def test_any_text_is_a_configuration_or_a_fault(request: pytest.FixtureRequest) -> None:
    text = json.dumps(base()).encode()

    @examples(request, 1000)
    @given(st.integers(0, len(text)), st.integers(0, 40), st.binary(max_size=40))
    def run(at: int, length: int, piece: bytes) -> None:
        decided(text[:at] + piece + text[at + length :], "v2")

    run()


def test_any_file_of_a_container_is_read_or_an_error(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    files = ["record.json", "init", "config.json", "steps", "ended"]
    (tmp_path / "c").mkdir(mode=0o700)
    tmp_path.chmod(0o700)
    good = {
        "init": b"1 1 0",
        "record.json": b'{"version": 1, "id": "c"}',
        "steps": b"1\ta\texec\tx\t0",
    }

    @examples(request, 1000)
    @given(st.dictionaries(st.sampled_from(files), st.binary(max_size=60)), st.data())
    def run(found: dict[str, bytes], data: st.DataObject) -> None:
        for name in files:
            path = tmp_path / "c" / name
            path.unlink(missing_ok=True)
            if name in found:
                content = good.get(name, b"{}")
                at = data.draw(st.integers(0, len(content)))
                path.write_bytes(content[:at] + found[name] + content[at:])
        with store.find(str(tmp_path), "c") as container:
            for read in (container.record, container.init, container.settled_record, container.is_begun,
                         lambda: container.status(locked=False)):  # fmt: skip
                try:
                    read()
                except Error as error:
                    assert_one_line(error)

    run()


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The executor with the sanitizers of addresses and of undefined behaviour."""
    program = tmp_path_factory.mktemp("sanitized") / "executor"
    sources = [p for p in sorted((ROOT / "csrc").glob("*.c")) if p.name not in NOT_OF_THE_EXECUTOR]
    flags = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    subprocess.run(["gcc", *flags, "-o", program, *sources], check=True)
    return program


ALLOW_ALL = b"\x06\0\0\0\0\0\xff\x7f"
# Steps that nobody may take too, so that every one is reached: the arguments of a step are read when it comes.
STEPS = (
    ops.umask(0o22),
    ops.open_proc(),
    ops.open(0, "/dev/null", os.O_RDONLY),
    ops.write_proc("self/oom_score_adj", "1000"),
    ops.setrlimit(7, 64, 64),
    ops.any_cpu(),
    ops.chdir("/", may_fail=True),
    ops.no_new_privs(),
    ops.seccomp(0, 0, ALLOW_ALL),
    ops.find_executable("true", "/bin", capable=False),
    ops.exec(["true", "one"], ["A=1", "B=2"]),
)


@requires.root
def test_no_plan_makes_the_executor_misbehave(
    sanitized: Path, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """With the check of the length of a blob's place taken out (find_blob) it fails."""
    made = Plan()
    made += [Step(ENTRY, op) for op in STEPS]
    plan = tmp_path / "plan"
    plan.write_bytes(encode(made)[0])
    wanted = request.config.getoption("--fuzz-examples")
    seed = int.from_bytes(os.urandom(4), sys.byteorder) if wanted else 1
    script = Path(__file__).parent / "plan_reader.py"
    command = [sys.executable, "-P", script, sanitized, plan, seed, wanted or 600]

    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, errors="replace"
    )

    assert "Sanitizer" not in done.stderr, f"seed {seed}:\n{done.stderr}"
    assert "runtime error" not in done.stderr, f"seed {seed}:\n{done.stderr}"
    assert done.returncode == 0, f"seed {seed}:\n{done.stderr}"
