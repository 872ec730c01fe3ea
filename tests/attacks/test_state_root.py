"""A state root that somebody else may write is used by no verb."""

from __future__ import annotations

import os
import stat

import pytest

from support.config import Config
from support.container import MakeContainer

VERBS = [
    ["state"],
    ["kill"],
    ["delete", "--force"],
    ["start"],
    ["pause"],
    ["ps"],
    ["update", "--pids-limit", "9"],
]


@pytest.mark.deviates(runc="asks nobody whose it is")
@pytest.mark.parametrize("verb", VERBS, ids=lambda words: " ".join(words))
def test_no_verb_uses_it(container: MakeContainer, config: Config, verb: list[str]) -> None:
    """Fails at c4f41aa: only `create` looks, and root's `delete --force` runs the hooks in a user's state root."""
    c = container(config, "pause")
    c.create()
    os.chown(c.runtime.state_root, 1000, 1000)
    try:
        refusal = c.refuses(*verb)
        listed = c.runtime("list")
    finally:
        os.chown(c.runtime.state_root, 0, 0)

    assert "a state root that others may write" in refusal
    assert listed.returncode != 0
    assert c.status == "created"


@pytest.mark.deviates(runc="takes the caller's umask")
def test_its_parents_are_nobody_elses_to_write(container: MakeContainer, config: Config) -> None:
    """Fails at c4f41aa: with an umask of 0 the parents are 0777, and the root can be exchanged."""
    c = container(config, "pause")
    above = c.runtime.work / "above"
    root = above / "between" / "root"
    c.runtime("--root", root, "create", "--bundle", c.bundle, c.id, umask=0)
    c.runtime("--root", root, "delete", "--force", c.id)

    modes = [stat.S_IMODE(path.stat().st_mode) for path in (above, root.parent, root)]
    assert modes == [0o755, 0o755, 0o1700]
