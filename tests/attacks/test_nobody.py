"""4294967295 is -1, to the kernel "leave it as it is": whoever asks for it must not stay root.

At c4f41aa the executor's tests fail: setresuid(-1) succeeded, and the program ran as uid 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from native.test_executor import failure_of, plan_of
from pyruntime import where
from pyruntime.plan import mount_ops, ops
from pyruntime.plan.step import Op
from support.container import MakeContainer

pytestmark = pytest.mark.ours

NOBODY = 2**32 - 1


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    import pyruntime

    monkeypatch.setattr(where, "directory", str(Path(pyruntime.__path__[0]).parent))


@pytest.mark.parametrize("id", [NOBODY, -1, NOBODY + 1, 2**33], ids=str)
@pytest.mark.parametrize(
    "make",
    [
        ops.setresuid,
        ops.setresgid,
        ops.own_stdio,
        ops.home,
        lambda id: ops.setgroups([5, id]),
        lambda id: ops.console(0, 0, 0, id, on_dev=False, keep_lines=False),
        lambda id: mount_ops.mknod("/dev/x", 0o600, 1, 3, id, 0),
        lambda id: mount_ops.mknod("/dev/x", 0o600, 1, 3, 0, id),
    ],
    ids=["setresuid", "setresgid", "own_stdio", "home", "setgroups", "console", "mknod uid", "mknod gid"],
)  # fmt: skip
def test_the_executor_takes_it_from_nobody(make: object, id: int) -> None:
    assert callable(make)
    op: Op = make(id)

    assert failure_of(plan_of(op)) == (0, "EINVAL", "plan")


@pytest.mark.parametrize("user", [str(NOBODY), f"0:{NOBODY}", "-1", "0:-1", str(2**32)])
def test_exec_takes_it_from_nobody(container: MakeContainer, user: str) -> None:
    c = container(None, "pause")
    c.detach()

    message = c.refuses("exec", "--user", user, after=("/bin/true",))

    assert "--user" in message


def test_exec_takes_no_such_group(container: MakeContainer) -> None:
    c = container(None, "pause")
    c.detach()

    c.refuses("exec", "--additional-gids", NOBODY, after=("/bin/true",))
