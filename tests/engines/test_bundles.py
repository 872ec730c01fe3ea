"""Bundles that other tools made run as they are, but for the program and the place in the cgroup tree."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import requires
from engines import bundles
from engines.rootfs import USER_ID
from engines.sandbox import CGROUP_PARENT, Sandbox, succeeded
from support.runtime import Result
from support.wait import wait_until

pytestmark = requires.root

MAKERS: dict[str, Callable[[pytest.FixtureRequest, Path], Path]] = {
    "runc-spec": lambda _, target: bundles.runc_spec_bundle(target),
    "umoci": lambda _, target: bundles.umoci_bundle(target),
    "podman": lambda request, target: bundles.podman_bundle(
        request.getfixturevalue("podman_program"), target
    ),
    "docker": lambda request, target: bundles.docker_bundle(
        request.getfixturevalue("docker_daemon"), target
    ),
}
_numbers = itertools.count(1)


class Bundle:
    """One bundle, the runtime's verbs on it, and an id."""

    def __init__(self, sandbox: Sandbox, runtime: Path, path: Path, original: str) -> None:
        self.sandbox = sandbox
        self.path = path
        self.id = f"bundle{next(_numbers)}"
        self._program = [str(runtime), "--root", "/run/pyruntime"]
        (path / "config.json").write_text(original)

    def change(self, **process: object) -> None:
        bundles.change(self.path, cgroup=f"{CGROUP_PARENT}/{self.id}", **process)

    def __call__(self, *args: object, input: str = "") -> Result:
        return self.sandbox.run(*self._program, *args, input=input)

    def run(self, *program: str, input: str = "") -> Result:
        self.change(terminal=False, args=list(program))
        return self("run", "--bundle", self.path, self.id, input=input)

    def in_terminal(self, *args: object) -> Result:
        return self.sandbox.run_in_terminal(*self._program, *args)

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(succeeded(self("state", self.id)))
        return found


@pytest.fixture(scope="module", params=sorted(MAKERS))
def made(request: pytest.FixtureRequest, sandbox: Sandbox) -> tuple[Path, str]:
    """A bundle, and what its config.json held at first."""
    target = sandbox.work / f"bundle-{request.param}"
    path = MAKERS[request.param](request, target)
    return path, (path / "config.json").read_text()


@pytest.fixture
def bundle(made: tuple[Path, str], sandbox: Sandbox, runtime_path: Path) -> Iterator[Bundle]:
    with sandbox.leak_check():
        bundle = Bundle(sandbox, runtime_path, *made)
        yield bundle
        bundle("delete", "--force", bundle.id)


def without_warnings(text: str) -> str:
    """What the runtime warns of goes to stderr too: `runc spec` asks for ambient capabilities that nobody can raise."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("pyruntime: warning: "))


@pytest.mark.parametrize("code", [0, 7])
def test_run_passes_streams_and_exit_code(bundle: Bundle, code: int) -> None:
    result = bundle.run("sh", "-c", f"cat; echo to-stderr >&2; exit {code}", input="text\n")

    said = without_warnings(result.stderr)
    assert (result.returncode, result.stdout, said) == (code, "text\n", "to-stderr\n"), str(result)


def test_the_container_is_alone_in_its_namespaces(bundle: Bundle) -> None:
    result = bundle.run(
        "sh", "-c", "echo $$; ls -d /proc/[0-9]* | wc -l; ls /sys/class/net; hostname"
    )
    pid, _processes, *interfaces, name = succeeded(result).split()

    assert pid == "1"
    assert interfaces == ["lo"]
    assert name == bundles.read(bundle.path)["hostname"]


def test_the_bundles_own_program_environment_and_directory_are_used(bundle: Bundle) -> None:
    config = bundles.read(bundle.path)
    bundle.change(terminal=False)
    succeeded(bundle("run", "--detach", "--bundle", bundle.path, bundle.id))
    inside = bundle.sandbox.path(f"/proc/{bundle.state()['pid']}")
    expected = set(config["process"]["env"])

    assert expected <= set((inside / "environ").read_text().rstrip("\0").split("\0"))
    assert (inside / "cwd").readlink() == Path(config["process"]["cwd"])
    succeeded(bundle("kill", bundle.id, "KILL"))


def test_a_configured_terminal_is_one_inside(bundle: Bundle) -> None:
    bundle.change(terminal=True, args=["tty"])
    result = bundle.in_terminal("run", "--bundle", bundle.path, bundle.id)

    assert (result.returncode, without_warnings(result.stdout).strip()) == (0, "/dev/pts/0"), str(
        result
    )


def test_the_life_of_a_container_step_by_step(bundle: Bundle) -> None:
    bundle.change(terminal=False, args=["sleep", "100"])
    seen = []
    succeeded(bundle("create", "--bundle", bundle.path, bundle.id))
    seen.append(bundle.state()["status"])
    succeeded(bundle("start", bundle.id))
    seen.append(bundle.state()["status"])
    executed = bundle("exec", bundle.id, "sh", "-c", "echo in exec; exit 5")
    succeeded(bundle("pause", bundle.id))
    seen.append(bundle.state()["status"])
    succeeded(bundle("resume", bundle.id))
    succeeded(bundle("kill", bundle.id, "KILL"))
    wait_until(lambda: bundle.state()["status"] == "stopped", "stopped")
    succeeded(bundle("delete", bundle.id))

    assert seen == ["created", "running", "paused"]
    assert (executed.returncode, executed.stdout) == (5, "in exec\n"), str(executed)


def test_exec_as_another_user_keeps_the_filter(bundle: Bundle) -> None:
    bundle.change(terminal=False, args=["sleep", "100"])
    succeeded(bundle("run", "--detach", "--bundle", bundle.path, bundle.id))
    filtered = "2" if "seccomp" in bundles.read(bundle.path)["linux"] else "0"
    result = bundle(
        "exec",
        "--user",
        f"{USER_ID}:{USER_ID}",
        bundle.id,
        "sh",
        "-c",
        "id -u; grep ^Seccomp: /proc/self/status",
    )

    assert succeeded(result).split() == [str(USER_ID), "Seccomp:", filtered]
    succeeded(bundle("kill", bundle.id, "KILL"))


@requires.cgroup_v1
def test_limits_of_the_configuration_hold(bundle: Bundle) -> None:
    limit = bundles.limit_memory(bundle.path, 64 << 20)
    result = bundle.run("cat", "/sys/fs/cgroup/memory/memory.limit_in_bytes")

    assert succeeded(result).strip() == str(limit)


@pytest.mark.ours
def test_the_plan_names_the_program(bundle: Bundle) -> None:
    result = bundle("plan", "--bundle", bundle.path, bundle.id)

    steps = [line for line in succeeded(result).splitlines() if not line.startswith("warning: ")]
    assert "exec(" in steps[-1]


@pytest.mark.ours
def test_the_configuration_has_no_fault(bundle: Bundle) -> None:
    succeeded(bundle("spec", "--check", bundle.path / "config.json"))
