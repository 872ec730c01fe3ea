"""Too few descriptors to ask the kernel with: every verb's answer is true, or it is an error."""

from __future__ import annotations

import pytest

from support.config import Config
from support.container import MakeContainer

VERBS = {
    "state": ["state"],
    "kill": ["kill"],
    "delete": ["delete"],
    "delete --force": ["delete", "--force"],
}
LIMITS = range(3, 16)


@pytest.mark.deviates(runc="needs more descriptors than this to begin with")
@pytest.mark.parametrize("verb", VERBS)
def test_a_live_init_is_never_said_to_be_gone(
    container: MakeContainer, config: Config, verb: str
) -> None:
    """Fails at c4f41aa: `kill` says "container not running", and `delete --force` forgets a live init."""
    c = container(config, "pause")
    c.detach()

    for limit in LIMITS:
        result = c.runtime(*VERBS[verb], c.id, prefix=["prlimit", f"--nofile={limit}:{limit}"])
        if not c.exists:
            assert verb == "delete --force", str(result)
            assert not c.processes(), f"with {limit} descriptors: {result}"
            c.detach()
            continue
        assert "not running" not in result.stderr, f"with {limit} descriptors: {result}"
        assert '"stopped"' not in result.stdout, f"with {limit} descriptors: {result}"
        if verb != "state":
            assert result.returncode != 0 or verb == "kill", f"with {limit} descriptors: {result}"
        if verb == "kill" and result.returncode == 0:
            break
