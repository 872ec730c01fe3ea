"""The executor by itself: hand-written plans, wrong plans, every kind of failure report. No container is made."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import requires
from pyruntime import where
from pyruntime.container import executor as protocol
from pyruntime.container.executor import Executor
from pyruntime.facts import FEATURES
from pyruntime.plan import landlock_ops, mount_ops, ops
from pyruntime.plan.calls import CALLS
from pyruntime.plan.step import ENTRY, HOST, INSIDE, Op, Plan, Step
from pyruntime.plan.wire import encode

Record = tuple[int, int, int, int]

ALLOW_ALL = b"\x06\0\0\0\0\0\xff\x7f"  # one instruction: return SECCOMP_RET_ALLOW


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    import pyruntime

    monkeypatch.setattr(where, "directory", str(Path(pyruntime.__path__[0]).parent))


@pytest.fixture
def started() -> Iterator[Executor]:
    executor = Executor()
    yield executor
    executor.close()
    executor.reap()


def plan_of(*made: Op, side: str = ENTRY) -> Plan:
    plan = Plan()
    plan += [Step(side, op) for op in made]
    return plan


def run(content: bytes) -> tuple[list[Record], int]:
    """All reports for *content*, and the executor's wait status."""
    executor = Executor()
    executor.begin(content)
    records = []
    while (record := executor.next()) is not None:
        records.append(record)
    executor.close()
    return records, executor.reap()


def failure_of(plan: Plan) -> tuple[int, str, str]:
    """Step, errno and call of the one report of a plan that fails."""
    content, _ = encode(plan)
    records, status = run(content)
    assert len(records) == 1, records
    assert os.WEXITSTATUS(status) == 1
    kind, step, value, call = records[0]
    assert kind == protocol.FAILED
    return step, errno.errorcode.get(value, str(value)), CALLS[call]


def test_the_probe_names_only_features_that_the_planner_knows(started: Executor) -> None:
    assert started.features() <= set(FEATURES)
    # Whatever kernel runs these tests is newer than openat2.
    assert "openat2" in started.features()


def test_it_ends_quietly_when_the_runtime_changes_its_mind() -> None:
    executor = Executor()
    executor.features()
    executor.close()

    assert os.WEXITSTATUS(executor.reap()) == 1


def test_its_image_is_sealed(started: Executor) -> None:
    # CVE-2019-5736: nobody can write what runs in the container.
    with pytest.raises(OSError, match=r"(?i)busy|permitted"):
        os.close(os.open(f"/proc/{started.pid}/exe", os.O_WRONLY))


def test_it_has_no_python_in_it(started: Executor) -> None:
    started.features()
    maps = Path(f"/proc/{started.pid}/maps").read_text()

    assert "python" not in maps
    assert "memfd:pyruntime" in maps


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (ops.open(0, "/no/such/file", os.O_RDONLY), ("ENOENT", "openat")),
        (ops.open(99999, "/", os.O_RDONLY), ("EBADF", "plan")),
        (ops.open_cgroup(0, "/no/such/cgroup", os.O_RDONLY), ("ENOENT", "openat2")),
        (ops.open_cgroup(0, "/proc/self/status", os.O_RDONLY), ("ELOOP", "openat2")),
        (ops.open_cgroup(0, "/proc/version", os.O_RDONLY), ("EXDEV", "fstatfs")),
        (ops.open_cgroup(0, "/", os.O_RDONLY | os.O_DIRECTORY), ("EXDEV", "fstatfs")),
        (ops.setns(7, 0, "a slot that nobody filled"), ("EBADF", "setns")),
        (ops.connect(0, "/no/such/socket"), ("ENOENT", "connect")),
        (ops.connect(0, "/" + "x" * 5000), ("ENAMETOOLONG", "connect")),
        (mount_ops.open_tree(0, "/no/such/file", recursive=True), ("ENOENT", "open_tree")),
        (ops.write_proc("self/oom_score_adj", "0"), ("EBADF", "openat2")),
        (mount_ops.label("/", "x"), ("EBADF", "openat2")),
        (ops.device_filter(0, b"\0" * 8), (None, "bpf")),
        (ops.setrlimit(1000, 0, 0), ("EINVAL", "setrlimit")),
        (
            ops.find_executable("no-such-program", "/bin:/usr/bin", capable=False),
            ("ENOENT", "lookup"),
        ),
        (ops.find_executable("/etc", "", capable=False), ("EISDIR", "lookup")),
        (ops.find_executable("/etc/passwd", "", capable=False), ("EACCES", "lookup")),
        (ops.chdir("/no/such/directory", may_fail=False), ("ENOENT", "openat2")),
        (ops.chdir("/proc/self/fd/0", may_fail=False), ("ELOOP", "openat2")),
        (ops.exec([], []), ("EINVAL", "plan")),
        (ops.seccomp(0, 0, b"\0" * 8), (None, "seccomp")),
        # Cut to 16 bits its length would be 1: a program that allows everything.
        (ops.seccomp(0, 0, ALLOW_ALL * 65537), ("E2BIG", "seccomp")),
    ],
    ids=lambda value: value.name if isinstance(value, Op) else "",
)
def test_a_failing_step_is_reported_with_its_call(op: Op, expected: tuple[str | None, str]) -> None:
    plan = plan_of(ops.umask(0o22), op, ops.umask(0))

    step, error, call = failure_of(plan)

    assert step == 1
    assert call == expected[1]
    assert expected[0] in (None, error)


@pytest.mark.parametrize(
    "op",
    [
        Op("no_such_op"),
        Op("umask"),
        Op("umask", 1, 2),
        Op("umask", "18x"),
        Op("umask", ""),
        Op("umask", "-"),
        Op("umask", 2**64),
        Op("umask", -(2**63) - 1),
        Op("capset", -1, 0, 0),
        Op("seccomp", 0, 0, "0:8"),
        Op("seccomp", 0, 0, "8"),
        Op("seccomp", 0, 0, "99999999999999999999:1"),
        Op("seccomp", 0, 0, "0:-1"),
        Op("setgroups", 1, "x"),
    ],
    ids=repr,
)
def test_a_malformed_step_is_refused(op: Op) -> None:
    assert failure_of(plan_of(ops.umask(0), op))[1:] == ("EINVAL", "plan")


def test_the_end_of_a_plan_without_exec_is_an_error() -> None:
    assert failure_of(plan_of(ops.umask(0)))[2] == "plan"


GOOD, _ = encode(plan_of(ops.umask(0o22), ops.open(0, "/no/such/file", 0)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        GOOD[:63],
        GOOD[:70],
        b"PYRPLAN2" + GOOD[8:],
        GOOD[:8] + (2**32 - 1).to_bytes(4, sys.byteorder) + GOOD[12:],
        GOOD[:8] + (0).to_bytes(4, sys.byteorder) + GOOD[12:],
        GOOD[:20] + (3).to_bytes(4, sys.byteorder) + GOOD[24:],
        GOOD[:20] + (2**31).to_bytes(4, sys.byteorder) + GOOD[24:],
        GOOD[:16] + (2**31).to_bytes(4, sys.byteorder) + GOOD[20:],
    ],
)
def test_a_truncated_or_damaged_file_is_refused(content: bytes) -> None:
    records, status = run(content)

    assert [record[0] for record in records] == [protocol.FAILED]
    assert os.WEXITSTATUS(status) == 1


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=200),
    st.integers(0, len(GOOD) - 1),
    st.integers(0, 255),
)
def test_no_input_makes_it_crash(tail: bytes, place: int, byte: int) -> None:
    damaged = bytearray(GOOD)
    damaged[place] = byte
    for content in (bytes(damaged), GOOD[:64] + tail + GOOD[64 + len(tail) :], GOOD[:24] + tail):
        _, status = run(content)
        assert os.WIFEXITED(status), os.WTERMSIG(status)


def both(executor: Executor) -> tuple[Record, Record]:
    """CLONED and BARRIER, which two processes report in no order."""
    first, second = executor.next(), executor.next()
    assert first is not None
    assert second is not None
    return min(first, second), max(first, second)


def test_a_host_step_after_the_clone_is_a_barrier() -> None:
    plan = Plan()
    plan += [Step(HOST, ops.save_record()), Step(ENTRY, ops.clone(0, ops.NO_SLOT))]
    plan += [
        Step(INSIDE, ops.umask(0)),
        Step(HOST, ops.save_record()),
        Step(HOST, ops.save_record()),
    ]
    plan += [Step(INSIDE, ops.find_executable("true", "/bin:/usr/bin", capable=False))]
    plan += [Step(INSIDE, ops.exec(["true"], []))]
    content, stamps_at = encode(plan)
    executor = Executor()
    executor.begin(content)

    first, second = both(executor)
    executor.go_on()

    assert first[:2] == (protocol.CLONED, 1)
    assert second[:2] == (protocol.BARRIER, 3)
    assert executor.next() is None  # execve closed the way back
    assert os.waitpid(first[2], 0)[1] == 0
    stamps = executor.stamps(stamps_at, len(plan))
    assert [bool(stamp) for stamp in stamps] == [False, True, True, True, False, True, True]
    executor.close()
    executor.reap()


def test_init_ends_when_the_runtime_dies_at_a_barrier() -> None:
    plan = Plan()
    plan += [Step(ENTRY, ops.clone(0, ops.NO_SLOT)), Step(HOST, ops.save_record())]
    plan += [Step(INSIDE, ops.umask(0))]
    executor = Executor()
    executor.begin(encode(plan)[0])
    cloned, _ = both(executor)
    executor.close()

    status = os.waitpid(cloned[2], 0)[1]

    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 1
    executor.reap()


# ---- labels and Landlock


def ends_well(*made: Op) -> bool:
    """Whether a plan of these steps gets as far as its program."""
    content, _ = encode(
        plan_of(*made, ops.find_executable("true", "/bin", capable=False), ops.exec(["true"], []))
    )
    records, status = run(content)
    return records == [] and status == 0


@requires.no_apparmor
@requires.no_selinux
@pytest.mark.parametrize("file", ["exec", "keycreate"])
def test_a_label_that_nobody_takes_is_a_failure(file: str) -> None:
    # The files are the kernel's own: without a module that labels, they answer EINVAL to every text.
    plan = plan_of(ops.open_proc(), ops.write_proc(f"self/attr/{file}", "exec some-profile"))

    assert failure_of(plan) == (1, "EINVAL", "write")


@requires.no_apparmor
def test_the_file_of_a_module_that_is_not_there_is_a_failure() -> None:
    plan = plan_of(ops.open_proc(), ops.write_proc("self/attr/apparmor/exec", "exec some-profile"))

    assert failure_of(plan)[1:] == ("ENOENT", "openat2")


@requires.no_selinux
@requires.security_attributes
def test_a_label_is_put_on_the_file_in_the_root() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as root:
        os.mkdir(f"{root}/mqueue")
        os.symlink("/mqueue", f"{root}/link")

        assert ends_well(mount_ops.open_rootfs(root), mount_ops.label("/link", "a:b:c:s0"))

        assert os.getxattr(f"{root}/mqueue", "security.selinux") == b"a:b:c:s0"


@requires.root
@requires.no_selinux
@pytest.mark.parametrize("classic", [False, True])
def test_a_mask_takes_the_context_to_its_file_system(tmp_path: Path, classic: bool) -> None:
    # Without SELinux tmpfs knows no such option, so the answer shows that it has got it.
    (tmp_path / "hidden").mkdir()
    context = 'context="a:b"' if classic else "a:b"
    mask = mount_ops.mask("/hidden", context, classic=classic)

    plan = plan_of(ops.open_proc(), mount_ops.open_rootfs(str(tmp_path)), mask)
    step, error, call = failure_of(plan)

    assert (step, error) == (2, "EINVAL")
    assert call == ("mount" if classic else "fsconfig")


@requires.landlock(1)
def test_landlock_holds_from_its_last_step_on(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    begin = landlock_ops.landlock_ruleset(0, 1, 1 << 1, 0, 0)
    end = landlock_ops.landlock_restrict(0, 0)
    write = ops.open(1, str(tmp_path / "file"), os.O_WRONLY)
    rule = landlock_ops.landlock_path(0, str(tmp_path), 1 << 1, optional=False)

    assert ends_well(begin, write, ops.no_new_privs(), end)
    assert failure_of(plan_of(begin, ops.no_new_privs(), end, write)) == (3, "EACCES", "openat")
    assert ends_well(begin, rule, ops.no_new_privs(), end, write)


@requires.landlock(1)
def test_landlock_is_told_what_the_version_knows() -> None:
    # The network's bits are not part of version 3's structure: what is asked is not what is planned.
    assert failure_of(plan_of(landlock_ops.landlock_ruleset(0, 3, 0, 1, 0))) == (
        0,
        "ENOMSG",
        "landlock_create_ruleset",
    )


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (landlock_ops.landlock_path(0, "/no", 1, optional=False), (1, "ENOENT", "openat2")),
        (landlock_ops.landlock_path(0, "/", 0, optional=False), (1, "ENOMSG", "landlock_add_rule")),
        (landlock_ops.landlock_path(0, "/", 4, optional=False), (1, "EINVAL", "landlock_add_rule")),
        (landlock_ops.landlock_path(9, "/", 1, optional=False), (1, "EBADF", "landlock_add_rule")),
        (landlock_ops.landlock_restrict(9, 0), (1, "EBADF", "plan")),
        (landlock_ops.landlock_restrict(0, 1 << 30), (1, "EINVAL", "landlock_restrict_self")),
    ],
    ids=repr,
)
@requires.landlock(1)
def test_a_rule_that_the_kernel_refuses_is_a_failure(
    op: Op, expected: tuple[int, str, str]
) -> None:
    assert failure_of(plan_of(landlock_ops.landlock_ruleset(0, 1, 1, 0, 0), op)) == expected
