"""The OCI validation programs, and how their output and the lists of known failures are read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import requires
from conformance import expected, tap
from conformance.expected import Known
from conformance.program import Outcome

ROOT = Path(__file__).resolve().parent.parent
# What the peers need to run at all where cgroups are hybrid; see conformance/README.md.
PEER_OPTIONS = {"crun": ["--hide-unified", "--oci-version", "1.0.2"]}


def test_a_plan_that_is_kept_has_no_failures() -> None:
    documents = tap.parse("TAP version 13\nok 1 - a\nok 2 # SKIP no LSM\n1..2\n")

    assert tap.failures(documents) == []
    assert [one.skipped for one in documents[0].assertions] == [False, True]


def test_an_error_under_an_empty_plan_is_a_failure() -> None:
    text = 'TAP version 13\n  ---\n  {\n    "error": "hook order"\n  }\n  ...\n1..0\n'

    assert tap.failures(tap.parse(text)) == ["error: hook order"]


def test_an_error_below_a_good_assertion_is_only_a_note() -> None:
    text = 'ok 1 - delete fails\n  ---\n  {"error": "exit status 1"}\n  ...\n1..1\n'

    assert tap.failures(tap.parse(text)) == []


def test_each_document_of_an_output_counts() -> None:
    text = "TAP version 13\nok 1 - a\n1..1\nTAP version 13\nnot ok 1 - b\n1..1\n"

    assert tap.failures(tap.parse(text)) == ["b"]


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        ("ok 1 - a\n", "the output ends without a plan"),
        ("ok 1 - a\n1..3\n", "planned 3 assertions, ran 1"),
    ],
)
def test_a_program_that_stops_half_way_fails(text: str, failure: str) -> None:
    assert tap.failures(tap.parse(text)) == [failure]


@pytest.mark.parametrize(
    ("failures", "known", "verdict"),
    [
        ([], None, expected.PASS),
        (["a"], None, expected.FAIL),
        (["a"], Known("why"), expected.KNOWN),
        (["a"], Known("why", ("a",)), expected.KNOWN),
        (["a", "b"], Known("why", ("a",)), expected.OTHER),
        (["a"], Known("why", ("a", "b")), expected.OTHER),
        ([], Known("why"), expected.STALE),
        ([], Known("why", flaky=True), expected.PASS),
        (["a"], Known("why", ("a",), flaky=True), expected.FLAKY),
        (["b"], Known("why", ("a",), flaky=True), expected.OTHER),
    ],
)
def test_a_verdict_weighs_the_failures_against_the_list(
    failures: list[str], known: Known | None, verdict: str
) -> None:
    assert expected.judge(Outcome("x", passed=1, failures=failures), known) == verdict


def test_no_runtime_is_excused_from_a_program_without_a_reason() -> None:
    bar = expected.load_bar()

    assert len(bar) == len(set(bar)) == 40
    for file in (ROOT / "conformance" / "expected").glob("*.toml"):
        assert all(one.reason for one in expected.load(file).values())


def test_a_list_for_another_setting_says_what_differs(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(
        '[programs.a]\nreason = "x"\n[programs.b]\nreason = "y"\n[programs.c]\nreason = "z"\n'
    )
    (tmp_path / "other.toml").write_text(
        'base = "base.toml"\npassing = ["a"]\n[programs.b]\nreason = "otherwise"\n'
    )

    found = expected.load(tmp_path / "other.toml")

    assert {name: known.reason for name, known in found.items()} == {"b": "otherwise", "c": "z"}


def test_a_list_that_names_what_its_base_has_not_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text("")
    (tmp_path / "other.toml").write_text('base = "base.toml"\npassing = ["a"]\n')

    with pytest.raises(expected.Malformed, match="a is not in base"):
        expected.load(tmp_path / "other.toml")


@pytest.mark.root
@pytest.mark.slow
@requires.root
@requires.cgroup_v1
@requires.no_cap_sys_resource
@requires.go
def test_no_validation_program_gives_an_unexpected_result(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    runtime = request.config.getoption("--runtime")
    command = [sys.executable, str(ROOT / "conformance" / "run.py"), "--runtime", str(runtime)]

    done = subprocess.run(
        [*command, *PEER_OPTIONS.get(runtime.name, []), "--keep", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )

    assert done.returncode == 0, done.stdout + done.stderr
