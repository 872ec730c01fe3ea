"""Fixtures for tests with real containers, the choice of the runtime under test, and the account of skips.

The session lives in a mount namespace of its own, with a tmpfs for everything that the tests write: what others mount
on this machine is not seen, and nothing of ours can remain. It is a subreaper, so that no process of a container hides.
"""

from __future__ import annotations

import copy
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
# At the end: the package under test is the installed one.
sys.path.append(str(Path(__file__).parent.parent))

from support import cgroups, ids, kernel, leaks, summary
from support.config import Config, default_config
from support.container import INSIDE, Container, MakeContainer, make_rootfs
from support.runtime import Runtime
from support.skips import ExpectedSkips
from support.wait import wait_until

HERE = Path(__file__).parent
EXPECTED: pytest.StashKey[ExpectedSkips | None] = pytest.StashKey()
SKIPPED: list[tuple[str, str]] = []
INTEGRATION: Counter[str] = Counter()
"""Outcomes of the integration tests of this very session."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("containers")
    default = Path(sys.executable).parent / "pyruntime"
    group.addoption(
        "--runtime",
        type=Path,
        default=default,
        help="runtime under test (default: pyruntime beside python)",
    )
    group.addoption(
        "--expect-skips",
        type=Path,
        action="append",
        default=[],
        help="file of allowed skip reasons, more than one may be given; any other skip fails the run",
    )
    group.addoption(
        "--deny",
        default="",
        metavar="CALLS",
        help="run the runtime without these system calls (openat2,clone3,...), as on an older kernel",
    )
    group.addoption(
        "--cgroup",
        default="/"
        if ids.PRIVILEGED
        else os.path.dirname(cgroups.of_process(os.getpid()).get("", "/")),
        metavar="PATH",
        help="the cgroup to make cgroups in (default: / for root, for a user that above the user's own)",
    )
    group.addoption(
        "--sweep-every",
        type=int,
        default=29,
        metavar="N",
        help="stop verbs at every Nth of their system calls (1: at all of them)",
    )
    parser.addoption(
        "--fuzz-examples",
        type=int,
        default=0,
        metavar="N",
        help="try so many examples of each kind, others each time (default: some, and the same ones)",
    )
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden plans anew; the change is then reviewed as a diff",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "ours: about a verb, a text or a property that only pyruntime has"
    )
    config.addinivalue_line(
        "markers",
        "deviates(**runtimes): the named runtime is known to do otherwise; the value says how",
    )
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        # What a caller had us ignore (nohup) would be ignored by what we test.
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    files = config.getoption("--expect-skips")
    config.stash[EXPECTED] = ExpectedSkips(files) if files else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    name = item.config.getoption("--runtime").name
    if name == "pyruntime":
        return
    if item.get_closest_marker("ours"):
        pytest.skip("ours: only pyruntime has it")
    for mark in item.iter_markers("deviates"):
        if name in mark.kwargs:
            pytest.skip(f"deviates: {mark.kwargs[name]}")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and isinstance(report.longrepr, tuple) and not hasattr(report, "wasxfail"):
        SKIPPED.append((report.nodeid, report.longrepr[2]))
    if report.nodeid.startswith("tests/integration/"):
        if report.when == "call" or report.outcome != "passed":
            INTEGRATION[report.outcome] += 1
        INTEGRATION["milliseconds"] += round(report.duration * 1000)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    expected = session.config.stash[EXPECTED]
    if expected and not hasattr(session.config, "workerinput"):
        for test, reason in SKIPPED:
            expected.see(test, reason)
        if expected.unexpected and exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    expected = config.stash[EXPECTED]
    if expected and expected.unexpected:
        terminalreporter.section("skips that nobody declared")
        for line in expected.unexpected:
            terminalreporter.line(line)
    if summary.LINES:
        terminalreporter.section("the integration tests in their settings")
        summary.add_counts("host", INTEGRATION, INTEGRATION["milliseconds"] / 1000)
        for line in summary.LINES:
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def cgroup_parent(request: pytest.FixtureRequest) -> str:
    """The session's cgroup in every hierarchy; those of its containers are in it."""
    return os.path.join(request.config.getoption("--cgroup"), f"pyruntime-test-{os.getpid()}")


@pytest.fixture(scope="session")
def isolated_session(cgroup_parent: str) -> Iterator[Path]:
    """The directory for everything the session writes; 0755, for a mapped user must reach a rootfs in it."""
    kernel.become_subreaper()
    with private_directory() if ids.PRIVILEGED else users_directory() as base:
        yield base
        leaks.clean(cgroup_parent, set())
        cgroups.remove_all(cgroup_parent)


@contextmanager
def private_directory() -> Iterator[Path]:
    """A tmpfs in a mount namespace of our own."""
    kernel.enter_private_mount_namespace()
    base = Path(tempfile.mkdtemp(prefix="pyruntime-test-", dir="/tmp"))
    kernel.mount("tmpfs", base, "tmpfs", 0, "mode=755")
    try:
        yield base
    finally:
        kernel.umount(base, kernel.MNT_DETACH)
        base.rmdir()


@contextmanager
def users_directory() -> Iterator[Path]:
    """A directory; what containers have made there may belong to the user's subordinate ids."""
    base = Path(tempfile.mkdtemp(prefix="pyruntime-test-", dir="/tmp"))
    base.chmod(0o755)
    try:
        yield base
    finally:
        as_all = ["unshare", "--map-root-user", "--map-auto"] if ids.subordinate("uid")[1] else []
        subprocess.run([*as_all, "rm", "-rf", base], check=True)


@pytest.fixture(scope="session")
def inside_binary(isolated_session: Path) -> Path:
    """tests/inside*.c as one static program."""
    target = isolated_session / "inside"
    compile_static(target, sorted(HERE.glob("inside*.c")))
    return target


def compile_static(target: Path, sources: list[Path]) -> None:
    """With musl where it is: the kernel's headers are then those of the system."""
    compiler = ["gcc"]
    if shutil.which("musl-gcc"):
        multiarch = subprocess.run(
            ["gcc", "-print-multiarch"], capture_output=True, text=True, check=True
        ).stdout.strip()
        headers = ["/usr/include", f"/usr/include/{multiarch}"]
        compiler = ["musl-gcc", *[f"-idirafter{path}" for path in headers]]
    flags = ["-static", "-Os", "-s", "-Wall", "-Werror", "-o", str(target)]
    subprocess.run([*compiler, *flags, *map(str, sources)], check=True)


@pytest.fixture(scope="session")
def busybox() -> Path:
    path = Path("/bin/busybox")
    if not path.exists():
        pytest.skip("requires program busybox")
    return path


_numbers = itertools.count(1)


@pytest.fixture
def work(isolated_session: Path) -> Path:
    """A directory of the test's own with a short name (a socket's path must fit in 108 bytes), mode 0755."""
    path = isolated_session / str(next(_numbers))
    path.mkdir()
    path.chmod(0o755)
    return path


@pytest.fixture(scope="session")
def deny_binary(isolated_session: Path) -> Path:
    """tests/deny.c: runs a command on a kernel that lacks some calls."""
    compile_static(isolated_session / "deny", [HERE / "deny.c"])
    return isolated_session / "deny"


@pytest.fixture(scope="session")
def prefix(request: pytest.FixtureRequest) -> list[str]:
    """What the runtime is run by: `deny`, if calls are to be missing."""
    calls = [call for call in request.config.getoption("--deny").split(",") if call]
    return [str(request.getfixturevalue("deny_binary")), *calls, "--"] if calls else []


@pytest.fixture
def runtime(request: pytest.FixtureRequest, work: Path, prefix: list[str]) -> Runtime:
    path = request.config.getoption("--runtime")
    if not path.exists():
        pytest.fail(f"no runtime at {path}; name one with --runtime")
    return Runtime(path.absolute(), work, prefix)


@pytest.fixture
def leak_check(runtime: Runtime, cgroup_parent: str) -> Iterator[None]:
    """After the test and the removal of its containers nothing is left that was not there before."""
    before, known = leaks.Snapshot(), set(leaks.descendants())
    yield
    try:
        wait_until(
            lambda: not leaks.remains(runtime, cgroup_parent, before, known), "clean", deadline_s=3
        )
    except TimeoutError:
        found = leaks.remains(runtime, cgroup_parent, before, known)
        leaks.clean(cgroup_parent, known)
        pytest.fail("left behind:\n  " + "\n  ".join(found))


@pytest.fixture
def config() -> Config:
    """A fresh config.json as a dictionary, for the test to change."""
    return copy.deepcopy(default_config())


@pytest.fixture
def container(
    runtime: Runtime, work: Path, inside_binary: Path, cgroup_parent: str, leak_check: None
) -> Iterator[MakeContainer]:
    """Make a bundle and an id: `container(config, "cat", "/etc/x")` will run `inside cat /etc/x`."""
    made: list[Container] = []

    def make(
        config: Config | None = None, *args: object, id: str = "", cgroup: bool = True
    ) -> Container:
        config = default_config() if config is None else config
        id = id or f"t{os.getpid()}-{next(_numbers)}"
        bundle = work / f"bundle{len(made)}"
        bundle.mkdir()
        make_rootfs(bundle / "rootfs", inside_binary)
        if args:
            config["process"]["args"] = [INSIDE, *map(str, args)]
        if cgroup:
            config["linux"].setdefault("cgroupsPath", f"{cgroup_parent}/{id}")
        made.append(
            Container(runtime, id, bundle, config, config.get("linux", {}).get("cgroupsPath"))
        )
        return made[-1]

    yield make
    problems = [problem for each in reversed(made) if (problem := each.discard())]
    if problems:
        pytest.fail("\n".join(problems))
