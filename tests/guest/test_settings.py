"""The integration tests and the OCI validation programs again, in every setting that a guest makes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

import requires
from guest.settings import AS_ROOT, CHECKOUT, SETTINGS, Setting, conformance, guest, integration

pytestmark = [pytest.mark.guest, pytest.mark.root, pytest.mark.slow]


@pytest.fixture(scope="module")
def _installed() -> None:
    """Making the root directory and building pyruntime for it is no part of any test's time."""
    for words in (("build",), ("install", "--from", CHECKOUT)):
        done = guest(*words, timeout_s=1800)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
@pytest.mark.usefixtures("_installed")
def test_the_integration_tests_pass_in_setting(setting: Setting) -> None:
    done = integration(setting)

    for each in done:
        print(each.stdout[-20000:], each.stderr[-5000:])
    assert [each.returncode for each in done] == [0] * len(done)
    assert all(" passed" in each.stdout for each in done)


@requires.go
@pytest.mark.usefixtures("_installed")
def test_no_validation_program_gives_an_unexpected_result() -> None:
    """In the settings with root, for the programs need it; at the same time, each guest being one CPU."""
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(conformance, AS_ROOT))

    for each in done:
        print(each.stdout[-20000:], each.stderr[-5000:])
    assert [each.returncode for each in done] == [0] * len(done)
