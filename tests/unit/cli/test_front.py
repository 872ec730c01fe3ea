"""The front door, built here and put beside a package that tells what reached it."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Build = Callable[[str], Path]

ROOT = Path(__file__).parents[3]
VERSION = "{}.{}".format(*sys.version_info[:2])

TELL = """
import json, os, sys
def main(argv):
    from pyruntime import where
    fds = {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in range(3)}
    with open("/proc/self/environ", "rb") as file:
        environment = file.read().decode("utf-8", "surrogateescape")
    told = dict(argv=argv, directory=where.directory, environment=environment, fds=fds, python=sys.executable,
                flags=[sys.flags.isolated, sys.flags.no_site, sys.flags.utf8_mode], pid=os.getpid())
    with open(argv[0], "w") as file:
        json.dump(told, file)
"""


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """A function that builds the front door for an interpreter."""
    compiler = "musl-gcc" if shutil.which("musl-gcc") else "gcc"
    built: dict[str, Path] = {}

    def make(python: str) -> Path:
        if python not in built:
            built[python] = tmp_path_factory.mktemp("front") / "pyruntime"
            defines = [f'-DPYTHON="{python}"', f'-DPYTHON_VERSION="{VERSION}"']
            command = [compiler, "-std=gnu17", "-static", "-Os", "-Wall", "-Wextra", "-Werror"]
            header = built[python].parent / "boot.h"
            embed = [sys.executable, "packaging/embed.py", "csrc/boot.py", str(header)]
            subprocess.run(embed, check=True, cwd=ROOT)
            files = ["-I", str(header.parent), str(ROOT / "csrc/front.c"), "-o", str(built[python])]
            subprocess.run([*command, *defines, *files], check=True)
        return built[python]

    return make


class Prefix:
    """bin/pyruntime and a package, as an installation has them."""

    def __init__(self, path: Path, front: Path, package: str) -> None:
        self.path = path
        self.command = path / "bin" / "pyruntime"
        self.library = path / package
        self.answer = path / "answer"
        self.command.parent.mkdir(parents=True)
        shutil.copy(front, self.command)
        cli = self.library / "pyruntime" / "cli"
        cli.mkdir(parents=True)
        for package_directory in (cli.parent, cli):
            (package_directory / "__init__.py").touch()
        (cli.parent / "where.py").write_text('directory = ""\n')
        (cli / "main.py").write_text(TELL)

    def run(self, *words: str | bytes, **how: object) -> dict[str, object]:
        how.setdefault("env", {})
        executable = str(how.pop("executable", self.command))
        subprocess.run([executable, str(self.answer), *words], check=True, **how)  # type: ignore[call-overload]
        told = json.loads(self.answer.read_text())
        assert isinstance(told, dict)
        return told

    def archive(self) -> Path:
        """Put the package's code into one file, as the build does."""
        target = self.library / "pyruntime" / "_modules"
        words = [
            sys.executable,
            f"{ROOT}/packaging/archive.py",
            f"{self.path}/generated",
            f"{target}",
        ]
        subprocess.run(words, check=True, cwd=self.library)
        return target

    def replace(self, old: str, new: str) -> None:
        main = self.library / "pyruntime" / "cli" / "main.py"
        main.write_text(main.read_text().replace(old, new))

    def refusal(self) -> str:
        result = subprocess.run([self.command, self.answer], capture_output=True, text=True)

        assert result.returncode == 1
        assert not self.answer.exists()
        return result.stderr


@pytest.fixture
def prefix(build: Build, tmp_path: Path) -> Prefix:
    return Prefix(tmp_path / "prefix", build(sys.executable), f"lib/python{VERSION}/site-packages")


@pytest.mark.parametrize(
    "package",
    [
        "lib/pyruntime",
        f"lib/python{VERSION}/site-packages",
        f"lib64/python{VERSION}/site-packages",
        f"lib/python{VERSION}/dist-packages",
        f"local/lib/python{VERSION}/dist-packages",
        "lib/python3/dist-packages",
    ],
)
def test_it_finds_the_package_where_installers_put_it(
    build: Build, tmp_path: Path, package: str
) -> None:
    prefix = Prefix(tmp_path / "prefix", build(sys.executable), package)

    assert prefix.run()["directory"] == str(prefix.library)


def test_it_needs_no_environment_at_all(prefix: Prefix) -> None:
    told = prefix.run(env={})

    assert told["environment"] == "LC_ALL=C.UTF-8\0"
    assert told["flags"] == [1, 1, 1]


def test_words_arrive_as_they_are(prefix: Prefix) -> None:
    words = ["-c", "--", "", "-I", "é", "a\nb", "x" * 100_000]

    assert prefix.run(*words, b"\xff")["argv"] == [str(prefix.answer), *words, "\udcff"]


def test_many_words_arrive(prefix: Prefix) -> None:
    words = ["w"] * 20_000

    assert prefix.run(*words)["argv"] == [str(prefix.answer), *words]


def test_python_and_locale_leave_the_environment_and_the_rest_stays(prefix: Prefix) -> None:
    kept = {
        "PATH": "/bin",
        "NOTIFY_SOCKET": "/n",
        "LISTEN_FDS": "1",
        "XDG_RUNTIME_DIR": "/x",
        "LANGUAGES": "1",
        "EMPTY": "",
    }
    removed = {
        "PYTHONPATH": "/evil",
        "PYTHONHOME": "/evil",
        "LC_ALL": "C",
        "LC_CTYPE": "x",
        "LANG": "de",
        "LANGUAGE": "de",
    }

    told = prefix.run(env={**kept, **removed})

    assert isinstance(told["environment"], str)
    variables = dict(entry.split("=", 1) for entry in told["environment"].split("\0") if entry)
    assert variables == {**kept, "LC_ALL": "C.UTF-8"}


def test_symbolic_links_are_followed(prefix: Prefix, tmp_path: Path) -> None:
    link = tmp_path / "runc"
    link.symlink_to(prefix.command)

    assert prefix.run(executable=link)["directory"] == str(prefix.library)


def test_its_name_does_not_matter(prefix: Prefix) -> None:
    subprocess.run(["nonsense", prefix.answer], executable=prefix.command, env={}, check=True)

    assert prefix.answer.exists()


def test_closed_standard_descriptors_are_opened(prefix: Prefix) -> None:
    def close_them() -> None:
        os.closerange(0, 3)

    told = prefix.run(preexec_fn=close_them)

    assert told["fds"] == dict.fromkeys("012", "/dev/null")


def test_the_process_stays_the_same(prefix: Prefix) -> None:
    process = subprocess.Popen([prefix.command, prefix.answer], env={})
    process.wait()

    assert json.loads(prefix.answer.read_text())["pid"] == process.pid


def test_an_interpreter_beside_it_does_when_the_builds_has_gone(
    build: Build, tmp_path: Path
) -> None:
    prefix = Prefix(tmp_path / "prefix", build("/nonexistent/python"), "lib/pyruntime")
    beside = prefix.command.parent / "python3"
    beside.symlink_to(os.path.realpath(sys.executable))

    assert prefix.run()["python"] == str(beside)


def test_without_the_package_it_says_so(prefix: Prefix) -> None:
    shutil.rmtree(prefix.library)

    assert "finds no package pyruntime" in prefix.refusal()


@pytest.mark.parametrize("which", ["package", "parent", "grandparent"])
@pytest.mark.parametrize(("mode", "who"), [(0o777, "others"), (0o775, "its group")])
def test_a_directory_that_others_may_write_is_refused(
    prefix: Prefix, which: str, mode: int, who: str
) -> None:
    package = prefix.library / "pyruntime"
    directory = {
        "package": package,
        "parent": prefix.library,
        "grandparent": prefix.library.parent,
    }[which]
    directory.chmod(mode)
    if who == "its group" and os.geteuid() != 0:
        pytest.skip("requires root: the group of a user's own directory is the user")

    line = prefix.refusal()

    assert line == f"pyruntime: {directory}: can be written by {who}; not used\n"


def test_a_package_that_belongs_to_somebody_else_is_refused(prefix: Prefix) -> None:
    if os.geteuid() != 0:
        pytest.skip("requires root")
    package = prefix.library / "pyruntime"
    os.chown(package, 12345, 12345)

    assert "belongs to neither root nor the caller" in prefix.refusal()


def test_a_link_to_an_untrusted_package_is_refused(prefix: Prefix, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o777)
    (prefix.library / "pyruntime").rename(elsewhere / "pyruntime")
    (prefix.library / "pyruntime").symlink_to(elsewhere / "pyruntime")

    assert prefix.refusal() == f"pyruntime: {elsewhere}: can be written by others; not used\n"


def test_code_comes_from_the_archive_when_there_is_one(prefix: Prefix) -> None:
    prefix.replace("argv=argv", "argv=['archive']")
    prefix.archive()
    prefix.replace("argv=['archive']", "argv=['file']")

    assert prefix.run()["argv"] == ["archive"]


def test_an_archive_of_another_python_is_left_alone(prefix: Prefix) -> None:
    prefix.replace("argv=argv", "argv=['archive']")
    archive = prefix.archive()
    archive.write_bytes(b"\0\0" + archive.read_bytes()[2:])
    prefix.replace("argv=['archive']", "argv=['file']")

    assert prefix.run()["argv"] == ["file"]


def test_a_module_that_the_archive_lacks_is_found_beside_the_others(prefix: Prefix) -> None:
    prefix.replace("    fds =", "    from pyruntime.cli import more\n    fds =")
    prefix.archive()
    (prefix.library / "pyruntime" / "cli" / "more.py").touch()

    assert prefix.run()["directory"] == str(prefix.library)


def test_no_descriptor_is_left_open(prefix: Prefix) -> None:
    prefix.replace("range(3)", "map(int, os.listdir('/proc/self/fd'))")
    prefix.replace('fds = {fd: os.readlink(f"/proc/self/fd/{fd}") for', "fds = {fd: '' for")
    prefix.archive()

    fds = prefix.run(stdin=subprocess.DEVNULL)["fds"]

    assert isinstance(fds, dict)
    assert sorted(map(int, fds)) == [0, 1, 2, 3], "3 is the directory that was listed"


def test_a_parent_death_signal_survives(prefix: Prefix) -> None:
    (prefix.library / "pyruntime" / "cli" / "main.py").write_text(
        "import os, sys\ndef main(argv):\n    os.write(1, b'.')\n    os.read(0, 1)\n"
    )
    parent = (
        "import ctypes, os, signal, subprocess, sys\n"
        "libc = ctypes.CDLL(None)\n"
        "child = subprocess.Popen([sys.argv[1]], stdin=int(sys.argv[2]), stdout=subprocess.PIPE,\n"
        f"                         preexec_fn=lambda: libc.prctl(1, {int(signal.SIGKILL)}))\n"
        "child.stdout.read(1)\n"
        "print(child.pid, flush=True)\n"
    )
    reader, writer = os.pipe()
    result = subprocess.run(
        [sys.executable, "-c", parent, str(prefix.command), str(reader)],
        pass_fds=[reader],
        capture_output=True,
        text=True,
        check=True,
    )

    assert has_ended(int(result.stdout), timeout_s=10)
    os.close(reader)
    os.close(writer)


def has_ended(pid: int, *, timeout_s: float) -> bool:
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    readable, _, _ = select.select([pidfd], [], [], timeout_s)
    os.close(pidfd)
    return bool(readable)
