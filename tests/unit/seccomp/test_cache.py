"""The cache: what is a hit, what is not, and what a hit loads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pyruntime.errors import SpecError
from pyruntime.linux import flags
from pyruntime.seccomp import cache, libseccomp, rules
from pyruntime.seccomp import compile as compiler
from pyruntime.seccomp.filter import Filter
from unit.seccomp.profiles import Profile, docker_like, rule, simple

PROFILE = simple("SCMP_ACT_ALLOW", rule("read"))
MACHINE = os.uname().machine


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Grows by one whenever a profile is compiled; the compiler itself is the real one."""
    done: list[object] = []
    original = compiler.compile_profile

    def counting(profile: rules.Profile) -> Filter:
        done.append(profile)
        return original(profile)

    monkeypatch.setattr(compiler, "compile_profile", counting)
    return done


def load(profile: Profile, directory: Path | str, architecture: str = MACHINE) -> Filter:
    return cache.load(profile, architecture=architecture, cache_dir=str(directory))


def same(one: Filter, other: Filter) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in Filter.__slots__)


def entry(directory: Path) -> Path:
    (only,) = directory.iterdir()
    return only


def test_the_second_load_is_a_hit(directory: Path, compilations: list[object]) -> None:
    for profile in (PROFILE, docker_like(), simple(flags=["SECCOMP_FILTER_FLAG_LOG"])):
        compilations.clear()

        first, second = load(profile, directory), load(profile, directory)

        assert len(compilations) == 1
        assert same(first, second)
        assert same(first, compiler.compile_profile(rules.read(profile)))


def test_entries_are_for_the_owner_alone(directory: Path) -> None:
    load(PROFILE, directory)

    assert directory.stat().st_mode & 0o777 == 0o700
    assert entry(directory).stat().st_mode & 0o777 == 0o600


def test_a_hit_loads_no_compiler(directory: Path) -> None:
    load(PROFILE, directory)
    code = f"""
import sys
sys.path[:] = {sys.path!r}
from pyruntime.seccomp import cache
cache.load({PROFILE!r}, architecture={MACHINE!r}, cache_dir={str(directory)!r})
print(*(name for name in sys.modules if name.startswith("pyruntime.") or "cffi" in name))
"""

    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )

    assert set(run.stdout.split()) == {
        "pyruntime.errors",
        "pyruntime.seccomp",
        "pyruntime.seccomp.cache",
        "pyruntime.seccomp.filter",
    }


@pytest.mark.parametrize(
    "other",
    [
        simple("SCMP_ACT_ALLOW", rule("write")),
        simple("SCMP_ACT_LOG", rule("read")),
        simple("SCMP_ACT_ALLOW", rule("read", errnoRet=2)),
        simple("SCMP_ACT_ALLOW", rule("read"), flags=[]),
    ],
)
def test_another_profile_is_another_entry(directory: Path, other: Profile) -> None:
    first = load(PROFILE, directory)

    assert not same(load(other, directory), first)
    assert len(list(directory.iterdir())) == 2


def test_architecture_and_kernel_are_part_of_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    here = cache.key_of(PROFILE, "x86_64")

    assert cache.key_of(PROFILE, "aarch64") != here
    names = list(os.uname())
    names[2] = "9.9.9"
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(names))
    assert cache.key_of(PROFILE, "x86_64") != here


def test_an_upgraded_libseccomp_makes_a_miss(
    directory: Path, compilations: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    library = tmp_path / "libseccomp.so.2"
    library.write_bytes(b"one")
    monkeypatch.setattr(libseccomp, "file_path", lambda: str(library))
    load(PROFILE, directory)
    load(PROFILE, directory)
    assert len(compilations) == 1

    replacement = tmp_path / "new"
    replacement.write_bytes(b"two")
    replacement.rename(library)
    load(PROFILE, directory)
    assert len(compilations) == 2

    library.unlink()
    load(PROFILE, directory)
    assert len(compilations) == 3


def test_the_librarys_file_is_found() -> None:
    assert Path(libseccomp.file_path()).name.startswith("libseccomp.so")


@pytest.mark.parametrize("length", [0, 5, 30, 100, -8, -1])
def test_a_truncated_entry_is_compiled_anew(
    directory: Path, compilations: list[object], length: int
) -> None:
    first = load(PROFILE, directory)
    content = entry(directory).read_bytes()
    entry(directory).write_bytes(content[:length])

    assert same(load(PROFILE, directory), first)
    assert len(compilations) == 2
    assert entry(directory).read_bytes() == content


def test_an_entry_with_a_flipped_bit_is_compiled_anew(
    directory: Path, compilations: list[object]
) -> None:
    first = load(PROFILE, directory)
    content = entry(directory).read_bytes()

    for at in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[at] ^= 1
        entry(directory).write_bytes(damaged)
        assert same(load(PROFILE, directory), first)
    assert len(compilations) == 1 + len(range(0, len(content), 7))


def test_an_entry_under_another_profiles_name_is_not_used(
    directory: Path, compilations: list[object]
) -> None:
    load(simple("SCMP_ACT_ALLOW"), directory)
    entry(directory).rename(directory / cache.key_of(PROFILE, MACHINE))

    assert same(load(PROFILE, directory), compiler.compile_profile(rules.read(PROFILE)))


@pytest.mark.parametrize("mode", [0o777, 0o750, 0o701])
def test_a_directory_that_others_may_enter_is_not_used(directory: Path, mode: int) -> None:
    load(PROFILE, directory)
    used = entry(directory).read_bytes()
    entry(directory).write_bytes(b"")
    directory.chmod(mode)

    assert load(PROFILE, directory).bpf

    assert entry(directory).read_bytes() == b""
    assert used


def test_a_directory_of_somebody_else_is_not_used(directory: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("requires root")
    directory.mkdir(0o700)
    os.chown(directory, 1234, 1234)

    assert load(PROFILE, directory).bpf

    assert not list(directory.iterdir())


def test_a_link_to_a_directory_is_not_followed(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(0o700)
    directory.symlink_to(tmp_path / "real")

    assert load(PROFILE, directory).bpf

    assert not list((tmp_path / "real").iterdir())


def test_an_entry_that_is_a_link_or_a_directory_is_not_read(directory: Path) -> None:
    load(PROFILE, directory)
    name = entry(directory)
    content = name.read_bytes()
    name.unlink()
    name.symlink_to("/dev/zero")
    load(PROFILE, directory)
    assert name.read_bytes() == content

    name.unlink()
    name.mkdir()
    assert load(PROFILE, directory).bpf
    assert list(directory.iterdir()) == [name]


def test_without_a_directory_nothing_is_kept(tmp_path: Path) -> None:
    assert load(PROFILE, "").bpf
    assert load(PROFILE, tmp_path / "missing" / "cache").bpf
    assert not list(tmp_path.iterdir())


def test_the_oldest_entries_make_room(
    directory: Path, monkeypatch: pytest.MonkeyPatch, compilations: list[object]
) -> None:
    monkeypatch.setattr(cache, "MOST_ENTRIES", 3)
    profiles = [simple("SCMP_ACT_ERRNO", defaultErrnoRet=n) for n in range(1, 6)]
    for n, profile in enumerate(profiles):
        load(profile, directory)
        os.utime(directory / cache.key_of(profile, MACHINE), ns=(n, n))

    kept = {cache.key_of(profile, MACHINE) for profile in profiles[2:]}
    assert {path.name for path in directory.iterdir()} == kept


def test_the_listener_is_not_part_of_the_entry(directory: Path, compilations: list[object]) -> None:
    profile = simple("SCMP_ACT_ALLOW", rule("read", action="SCMP_ACT_NOTIFY"))

    one = load({**profile, "listenerPath": "/a", "listenerMetadata": "x"}, directory)
    two = load({**profile, "listenerPath": "/b"}, directory)

    assert (one.listener_path, one.listener_metadata, one.notify) == ("/a", "x", True)
    assert (two.listener_path, two.listener_metadata, two.notify) == ("/b", "", True)
    assert two.flags & flags.SECCOMP_FILTER_FLAG_NEW_LISTENER
    assert len(compilations) == 1
    assert len(list(directory.iterdir())) == 1


def test_a_listener_without_a_notifying_rule_is_ignored(directory: Path) -> None:
    found = load({**PROFILE, "listenerPath": "/a", "listenerMetadata": "x"}, directory)

    assert (found.listener_path, found.listener_metadata, found.notify) == ("", "", False)


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (
            simple("SCMP_ACT_ALLOW", rule("read", action="SCMP_ACT_NOTIFY")),
            "/linux/seccomp/listenerPath: missing, but a rule uses SCMP_ACT_NOTIFY",
        ),
        (
            simple(listenerMetadata="x"),
            "/linux/seccomp/listenerMetadata: given without a listenerPath",
        ),
        (simple(listenerPath=1), "/linux/seccomp/listenerPath: not a string"),
        ("x", "/linux/seccomp: not an object"),
    ],
)
def test_a_wrong_listener_is_refused_by_a_hit_too(
    directory: Path, profile: Profile, message: str
) -> None:
    for _ in "12":
        with pytest.raises(SpecError) as caught:
            load(profile, directory)
        assert str(caught.value) == message
