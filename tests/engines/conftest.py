"""One sandbox and one daemon of each engine for all tests of a session; every test is checked for what it leaves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from engines import packages, rootfs
from engines.containerd import Containerd
from engines.docker import Docker
from engines.podman import Podman
from engines.sandbox import Sandbox

Engine = TypeVar("Engine", Podman, Containerd, Docker)
SHOWN_LINES = 30


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.engines)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Below a failure stand the last lines of the daemon's log."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.failed:
        for engine in getattr(item, "funcargs", {}).values():
            if isinstance(engine, (Containerd, Docker)):
                lines = engine.log.read_text(errors="replace").splitlines()[-SHOWN_LINES:]
                report.sections.append(
                    (f"log of {type(engine).__name__.lower()}", "\n".join(lines))
                )


@pytest.fixture(scope="session")
def engine_packages() -> None:
    if os.geteuid() != 0:
        pytest.skip("requires root")
    packages.install(packages.missing())


@pytest.fixture(scope="session")
def runtime_path(request: pytest.FixtureRequest) -> Path:
    path: Path = request.config.getoption("--runtime")
    if not path.exists():
        pytest.fail(f"no runtime at {path}; name one with --runtime")
    return path.absolute()


@pytest.fixture(scope="session")
def sandbox(isolated_session: Path, engine_packages: None) -> Iterator[Sandbox]:
    work = isolated_session / "e"
    work.mkdir()
    sandbox = Sandbox(work)
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="session")
def busybox_rootfs(isolated_session: Path, engine_packages: None) -> Path:
    return rootfs.make(isolated_session / "e-rootfs")


def _engine(kind: type[Engine], sandbox: Sandbox, runtime: Path, rootfs: Path) -> Engine:
    return kind(sandbox, sandbox.work / kind.__name__.lower(), runtime, rootfs)


def _checked(engine: Engine) -> Iterator[Engine]:
    with engine.sandbox.leak_check():
        yield engine
        engine.remove_all()


@pytest.fixture(scope="session")
def podman_program(sandbox: Sandbox, runtime_path: Path, busybox_rootfs: Path) -> Podman:
    engine = _engine(Podman, sandbox, runtime_path, busybox_rootfs)
    engine("ps")  # It makes its storage at the first command, and mounts it.
    return engine


@pytest.fixture(scope="session")
def containerd_daemon(sandbox: Sandbox, runtime_path: Path, busybox_rootfs: Path) -> Containerd:
    return _engine(Containerd, sandbox, runtime_path, busybox_rootfs)


@pytest.fixture(scope="session")
def docker_daemon(sandbox: Sandbox, runtime_path: Path, busybox_rootfs: Path) -> Docker:
    return _engine(Docker, sandbox, runtime_path, busybox_rootfs)


@pytest.fixture
def podman(podman_program: Podman) -> Iterator[Podman]:
    yield from _checked(podman_program)


@pytest.fixture
def containerd(containerd_daemon: Containerd) -> Iterator[Containerd]:
    yield from _checked(containerd_daemon)


@pytest.fixture
def docker(docker_daemon: Docker) -> Iterator[Docker]:
    yield from _checked(docker_daemon)
