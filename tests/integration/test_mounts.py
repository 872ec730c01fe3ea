"""Mounts: each kind, the effect of each option, the order, and that no destination leaves the root."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

import requires
from support import cgroups, ids, kernel, mountinfo
from support.config import Config, all_capabilities, bind, drop_mount, mount, on_host
from support.container import MakeContainer
from support.mountinfo import Mount, topmost
from support.runtime import Result


def mounts_of(result: Result) -> list[Mount]:
    return mountinfo.parse(result.lines)


@pytest.fixture
def source(work: Path) -> Path:
    """A directory of the host with a file, and (for root) a tmpfs mounted on its sub-directory `sub`."""
    path = work / "source"
    (path / "sub").mkdir(parents=True)
    if ids.PRIVILEGED:
        kernel.mount("tmpfs", path / "sub", "tmpfs")
    (path / "file").write_text("of the host\n")
    (path / "sub" / "inner").write_text("of the submount\n")
    return path


@pytest.fixture(autouse=True)
def _unmount_source(work: Path, leak_check: None) -> object:
    yield
    for path in (work / "source" / "sub", work / "source"):
        while path.is_mount():
            kernel.umount(path, kernel.MNT_DETACH)


def test_the_usual_mounts_are_there_with_their_options(
    container: MakeContainer, config: Config
) -> None:
    mounts = mounts_of(container(config, "cat", "/proc/self/mountinfo").run())

    seen = {m.at: m for m in mounts}
    assert seen["/proc"].fstype == "proc"
    assert seen["/dev"].fstype == "tmpfs"
    assert {"nosuid"} <= seen["/dev"].options
    assert not {"noatime", "relatime"} & seen["/dev"].options
    assert {"mode=755", "size=65536k"} <= seen["/dev"].data
    assert seen["/dev/pts"].fstype == "devpts"
    assert {f"gid={on_host(config, 5)}", "mode=620", "ptmxmode=666"} <= seen["/dev/pts"].data
    assert {"nosuid", "noexec"} <= seen["/dev/pts"].options
    assert {"nosuid", "noexec", "nodev"} <= seen["/dev/shm"].options
    assert seen["/dev/mqueue"].fstype == "mqueue"
    assert seen["/sys"].fstype == "sysfs"
    assert {"ro", "nosuid", "noexec", "nodev"} <= seen["/sys"].options


def test_no_mount_of_the_host_is_left_in_the_container(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "cat", "/proc/self/mountinfo")

    mounts = mounts_of(c.run())

    assert not [m for m in mounts if m.at.startswith("/..") or "pyruntime-test" in m.at]
    assert mounts[0].at == "/"


def test_shm_has_its_mode_whatever_the_callers_umask(
    container: MakeContainer, config: Config
) -> None:
    c = container(config, "stat", "/dev/shm", ";", "stat", "/dev", ";", "stat", "/proc")
    result = c.run(umask=0o077)

    assert "mode=1777" in result.sections[0]
    assert "mode=0755" in result.sections[1]
    assert "mode=0555" in result.sections[2]


@requires.cgroup_v1
def test_cgroup_mount_shows_each_hierarchy(container: MakeContainer, config: Config) -> None:
    c = container(
        config,
        "ls",
        "/sys/fs/cgroup",
        ";",
        "cat",
        "/proc/self/mountinfo",
        ";",
        "touch",
        "/sys/fs/cgroup/pids/x",
    )
    result = c.run(expect=1)

    names = set(result.sections[0].split())
    assert {name for name in cgroups.HIERARCHIES if name and "=" not in name} <= names
    mounts = {m.at: m for m in mountinfo.parse(result.sections[1].splitlines())}
    assert mounts["/sys/fs/cgroup/pids"].fstype == "cgroup"
    assert {"ro", "nosuid", "noexec", "nodev"} <= mounts["/sys/fs/cgroup/pids"].options
    assert result.sections[2] == "EROFS"


@requires.cgroup_v1
def test_cgroup_mount_without_a_cgroup_namespace_shows_only_the_containers_part(
    container: MakeContainer, config: Config
) -> None:
    c = container(
        config, "cat", "/proc/self/mountinfo", ";", "cat", "/sys/fs/cgroup/pids/cgroup.procs"
    )

    result = c.run()

    mounts = {m.at: m for m in mountinfo.parse(result.sections[0].splitlines())}
    assert mounts["/sys/fs/cgroup/pids"].root == c.cgroup
    assert result.sections[1] == "1"


@requires.cgroup_v2
def test_cgroup2_mount_shows_the_containers_cgroup_as_its_root(
    container: MakeContainer, config: Config
) -> None:
    config["linux"]["namespaces"].append({"type": "cgroup"})
    result = container(
        config, "cat", "/sys/fs/cgroup/cgroup.procs", ";", "cat", "/proc/self/cgroup"
    ).run()

    assert result.sections == ["1", "0::/"]


# Options whose effect is a word in the mount's own options (field 6), on a tmpfs and on a bind.
OPTION_EFFECTS = [
    ("ro", {"ro"}, {"rw"}),
    ("rw", {"rw"}, {"ro"}),
    ("nosuid", {"nosuid"}, set()),
    ("nodev", {"nodev"}, set()),
    ("noexec", {"noexec"}, set()),
    ("noatime", {"noatime"}, {"relatime"}),
    ("nodiratime", {"nodiratime"}, set()),
    ("relatime", {"relatime"}, {"noatime"}),
    ("strictatime", set(), {"relatime", "noatime"}),
    ("suid", set(), {"nosuid"}),
    ("dev", set(), {"nodev"}),
    ("exec", set(), {"noexec"}),
]


@pytest.mark.parametrize(
    ("option", "present", "absent"), OPTION_EFFECTS, ids=[name for name, _, _ in OPTION_EFFECTS]
)
@pytest.mark.parametrize("kind", ["tmpfs", "bind"])
def test_option_is_in_effect(
    container: MakeContainer,
    config: Config,
    source: Path,
    kind: str,
    option: str,
    present: set[str],
    absent: set[str],
) -> None:
    if kind == "bind" and not ids.PRIVILEGED and option.endswith("atime"):
        pytest.skip("requires root: changes the access times of a mount of the host")
    new = (
        bind(source, "/mnt", option) if kind == "bind" else mount("/mnt", "tmpfs", "tmpfs", option)
    )
    config["mounts"].append(new)

    options = topmost(
        mounts_of(container(config, "cat", "/proc/self/mountinfo").run()), "/mnt"
    ).options

    assert present <= options
    assert not absent & options


@pytest.mark.parametrize(
    ("options", "present", "absent"),
    [
        (("ro", "rw"), "rw", "ro"),
        (("rw", "ro"), "ro", "rw"),
        (("nosuid", "suid"), None, "nosuid"),
        (("ro", "nosuid", "nodev", "noexec", "noatime"), "noexec", "rw"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, tuple) else None,
)
def test_of_conflicting_options_the_last_counts(
    container: MakeContainer,
    config: Config,
    options: tuple[str, ...],
    present: str | None,
    absent: str,
) -> None:
    config["mounts"].append(mount("/mnt", "tmpfs", "tmpfs", *options))

    seen = topmost(
        mounts_of(container(config, "cat", "/proc/self/mountinfo").run()), "/mnt"
    ).options

    assert present is None or present in seen
    assert absent not in seen


@pytest.mark.parametrize(
    ("option", "word"), [("sync", "sync"), ("dirsync", "dirsync"), ("lazytime", "lazytime")]
)
def test_option_of_the_superblock_is_in_effect(
    container: MakeContainer, config: Config, option: str, word: str
) -> None:
    config["mounts"].append(mount("/mnt", "tmpfs", "tmpfs", option))

    assert (
        word
        in topmost(mounts_of(container(config, "cat", "/proc/self/mountinfo").run()), "/mnt").data
    )


@pytest.mark.deviates(runc="hands it to the file system as data")
def test_defaults_is_accepted_on_any_mount(container: MakeContainer, config: Config) -> None:
    config["mounts"].append(mount("/mnt", "tmpfs", "tmpfs", "nosuid", "defaults"))

    container(config).run()


@pytest.mark.parametrize("option", ["async", "loud", "silent", "nolazytime", "iversion", "noiversion", "mand", "nomand",
                                    "norelatime", "nostrictatime", "diratime", "atime", "symfollow", "noacl", "acl"])  # fmt: skip
def test_option_without_a_visible_effect_is_accepted(
    container: MakeContainer, config: Config, work: Path, option: str
) -> None:
    if option in ("noacl", "acl", "symfollow"):
        config["mounts"].append(bind(work, "/mnt", option))
    else:
        config["mounts"].append(mount("/mnt", "tmpfs", "tmpfs", option))

    container(config).run()


@requires.kernel(5, 12)
@pytest.mark.parametrize(
    ("option", "word", "expected"),
    [
        ("rro", "ro", True),
        ("rnosuid", "nosuid", True),
        ("rnodev", "nodev", True),
        ("rnoexec", "noexec", True),
        ("rnoatime", "noatime", True),
        ("rnodiratime", "nodiratime", True),
        ("rrelatime", "relatime", True),
        ("rstrictatime", "relatime", False),
        ("rrw", "ro", False),
        ("rsuid", "nosuid", False),
        ("rdev", "nodev", False),
        ("rexec", "noexec", False),
        ("rdiratime", "nodiratime", False),
        ("ratime", "noatime", False),
        ("rnorelatime", "noatime", False),
        ("rnostrictatime", "noatime", False),
    ],
    ids=lambda value: str(value),
)
@requires.as_root("mounts on the host")
def test_recursive_option_reaches_submounts(
    container: MakeContainer, config: Config, source: Path, option: str, word: str, expected: bool
) -> None:
    config["mounts"].append(bind(source, "/mnt", "rbind", option))

    mounts = mounts_of(container(config, "cat", "/proc/self/mountinfo").run())

    assert (word in topmost(mounts, "/mnt").options) is expected
    assert (word in topmost(mounts, "/mnt/sub").options) is expected


@requires.as_root("mounts on the host")
def test_plain_read_only_bind_does_not_reach_submounts(
    container: MakeContainer, config: Config, source: Path
) -> None:
    config["mounts"].append(bind(source, "/mnt", "rbind", "ro"))

    result = container(config, "touch", "/mnt/x", ";", "touch", "/mnt/sub/x").run(expect=1)

    assert result.sections == ["EROFS", "ok"]


@requires.kernel(5, 12)
@requires.as_root("mounts on the host")
def test_recursively_read_only_bind_cannot_be_written_anywhere(
    container: MakeContainer, config: Config, source: Path
) -> None:
    config["mounts"].append(bind(source, "/mnt", "rbind", "rro"))

    result = container(config, "touch", "/mnt/x", ";", "touch", "/mnt/sub/x").run(expect=1)

    assert result.sections == ["EROFS", "EROFS"]


@requires.as_root("mounts on the host")
def test_bind_without_recursion_does_not_show_submounts(
    container: MakeContainer, config: Config, source: Path
) -> None:
    config["mounts"].append(bind(source, "/mnt", "bind"))

    result = container(config, "ls", "/mnt/sub", ";", "cat", "/mnt/file").run()

    assert result.sections == ["", "of the host"]


def test_bind_of_a_file_replaces_and_creates(
    container: MakeContainer, config: Config, source: Path
) -> None:
    config["mounts"] += [
        bind(source / "file", "/etc/existing", "ro"),
        bind(source / "file", "/new/dir/created", "ro"),
    ]
    c = container(
        config,
        "cat",
        "/etc/existing",
        ";",
        "cat",
        "/new/dir/created",
        ";",
        "write",
        "/etc/existing",
        "x",
    )
    (c.rootfs / "etc" / "existing").write_text("of the image\n")

    result = c.run(expect=1)

    assert result.sections == ["of the host", "of the host", "EROFS"]
    assert (c.rootfs / "etc" / "existing").read_text() == "of the image\n"
    assert (c.rootfs / "new/dir/created").stat().st_size == 0


def test_writes_through_a_bind_reach_the_source(
    container: MakeContainer, config: Config, source: Path
) -> None:
    config["mounts"].append(bind(source, "/mnt", "rbind", "rw"))

    container(config, "write", "/mnt/file", "from inside").run()

    assert (source / "file").read_text() == "from inside"


def test_bind_source_may_be_relative_to_the_bundle(
    container: MakeContainer, config: Config
) -> None:
    config["mounts"].append(bind("data/dir", "/mnt", "rbind"))
    c = container(config, "cat", "/mnt/x")
    (c.bundle / "data" / "dir").mkdir(parents=True)
    (c.bundle / "data" / "dir" / "x").write_text("found\n")

    assert c.run(cwd=Path("/")).stdout == "found\n"


def test_bind_follows_a_symlink_as_its_source(
    container: MakeContainer, config: Config, source: Path
) -> None:
    (source.parent / "link").symlink_to(source)
    config["mounts"].append(bind(source.parent / "link", "/mnt", "rbind"))

    assert container(config, "cat", "/mnt/file").run().stdout == "of the host\n"


@pytest.mark.deviates(runc="1.1 wants the option")
def test_type_bind_without_the_option_is_a_bind(
    container: MakeContainer, config: Config, source: Path
) -> None:
    config["mounts"].append(mount("/mnt", "bind", str(source), "ro"))

    assert container(config, "cat", "/mnt/file").run().stdout == "of the host\n"


@requires.as_root("mounts on the host")
def test_bind_does_not_change_the_hosts_own_mount(
    container: MakeContainer, config: Config, source: Path
) -> None:
    before = topmost(mountinfo.of_process(), str(source / "sub"))
    config["mounts"].append(bind(source / "sub", "/mnt", "bind", "ro", "nosuid", "private"))

    container(config).run()

    assert topmost(mountinfo.of_process(), str(source / "sub")) == before


@pytest.mark.parametrize(
    ("option", "recursive", "kinds"),
    [
        ("private", False, set()),
        ("rprivate", True, set()),
        ("slave", False, {"master"}),
        ("rslave", True, {"master"}),
        ("shared", False, {"shared", "master"}),
        ("rshared", True, {"shared", "master"}),
        ("unbindable", False, {"unbindable"}),
        ("runbindable", True, {"unbindable"}),
    ],
)
def test_propagation_option_is_in_effect(
    container: MakeContainer,
    config: Config,
    source: Path,
    option: str,
    recursive: bool,
    kinds: set[str],
) -> None:
    config["mounts"].append(bind(source, "/mnt", "rbind", option))

    mounts = mounts_of(container(config, "cat", "/proc/self/mountinfo").run())

    # The runtime's own mount namespace is a slave of ours, so "shared" keeps its master; nothing need be shared for a user.
    kinds = kinds if ids.PRIVILEGED else kinds - {"master"}
    assert topmost(mounts, "/mnt").propagation == kinds
    if recursive and ids.PRIVILEGED:
        assert topmost(mounts, "/mnt/sub").propagation == kinds


@requires.as_root("mounts on the host")
def test_slave_mount_sees_what_the_host_mounts_later(
    container: MakeContainer, config: Config, source: Path
) -> None:
    config["mounts"].append(bind(source, "/mnt", "rbind", "rslave"))
    config["linux"]["rootfsPropagation"] = "rslave"
    c = container(config, "pause")
    (source / "late").mkdir()
    c.detach()

    kernel.mount("tmpfs", source / "late", "tmpfs")
    try:
        (source / "late" / "x").write_text("seen\n")
        seen = c.exec("cat", "/mnt/late/x").stdout
    finally:
        kernel.umount(source / "late")

    assert seen == "seen\n"


@requires.as_root("mounts on the host")
def test_private_mount_does_not_see_what_the_host_mounts_later(
    container: MakeContainer, config: Config, source: Path
) -> None:
    config["mounts"].append(bind(source, "/mnt", "rbind", "rprivate"))
    c = container(config, "pause")
    (source / "late").mkdir()
    c.detach()

    kernel.mount("tmpfs", source / "late", "tmpfs")
    try:
        (source / "late" / "x").write_text("not seen\n")
        seen = c.exec("ls", "/mnt/late").stdout
    finally:
        kernel.umount(source / "late", kernel.MNT_DETACH)

    assert seen == ""


def test_tmpcopyup_brings_the_images_files_into_the_tmpfs(
    container: MakeContainer, config: Config
) -> None:
    all_capabilities(config)
    config["mounts"].append(mount("/etc", "tmpfs", "tmpfs", "tmpcopyup"))
    c = container(config, "cat", "/etc/dir/file", ";", "stat", "/etc/dir/file", ";", "readlink", "/etc/link", ";",
                  "stat", "/etc/dir", ";", "touch", "/etc/new")  # fmt: skip
    (c.rootfs / "etc/dir").mkdir()
    (c.rootfs / "etc/dir").chmod(0o750)
    (c.rootfs / "etc/dir/file").write_text("copied\n")
    (c.rootfs / "etc/dir/file").chmod(0o640)
    ids.chown(c.rootfs / "etc/dir/file", on_host(config, 12), on_host(config, 34))
    (c.rootfs / "etc/link").symlink_to("/absolute/target")

    result = c.run()

    assert result.sections[0] == "copied"
    assert "mode=0640 uid=12 gid=34" in result.sections[1]
    assert result.sections[2] == "/absolute/target"
    assert "mode=0750" in result.sections[3]
    assert not (c.rootfs / "etc/new").exists()


@pytest.mark.deviates(runc="1.1 puts the mode of the directory beneath over mode=")
def test_tmpfs_data_options_are_in_effect(container: MakeContainer, config: Config) -> None:
    config["mounts"].append(
        mount("/mnt", "tmpfs", "tmpfs", "size=128k", "mode=0751", "uid=7", "gid=8", "nr_inodes=64")
    )

    result = container(config, "stat", "/mnt", ";", "cat", "/proc/self/mountinfo").run()

    assert "mode=0751 uid=7 gid=8" in result.sections[0]
    data = topmost(mountinfo.parse(result.sections[1].splitlines()), "/mnt").data
    assert {"size=128k", "nr_inodes=64"} <= data


def test_tmpfs_without_a_mode_takes_that_of_the_directory_beneath(
    container: MakeContainer, config: Config
) -> None:
    config["mounts"].append(mount("/mnt", "tmpfs", "tmpfs"))
    c = container(config, "stat", "/mnt")
    (c.rootfs / "mnt").chmod(0o711)

    assert "mode=0711" in c.run().stdout


def test_bad_data_option_is_an_error_that_names_the_place(
    container: MakeContainer, config: Config
) -> None:
    config["mounts"].append(mount("/mnt", "tmpfs", "tmpfs", "no-such-option"))

    message = container(config).refuses("create")

    assert "/mnt" in message
    assert "invalid argument" in message.lower()


def test_unknown_filesystem_is_an_error_that_names_it(
    container: MakeContainer, config: Config
) -> None:
    config["mounts"].append(mount("/mnt", "nosuchfs", "none"))

    message = container(config).refuses("create")

    assert "/mnt" in message
    assert "no such device" in message.lower()


def test_missing_bind_source_is_an_error_that_names_it(
    container: MakeContainer, config: Config, work: Path
) -> None:
    config["mounts"].append(bind(work / "missing", "/mnt"))

    message = container(config).refuses("create")

    assert str(work / "missing") in message
    assert "no such file or directory" in message.lower()


@pytest.mark.deviates(runc="1.1 applies the caller's umask")
def test_missing_destination_is_created_with_0755(container: MakeContainer, config: Config) -> None:
    config["mounts"].append(mount("/a/b/c", "tmpfs", "tmpfs", "mode=700"))
    c = container(config, "touch", "/a/b/c/x")
    c.run(umask=0o077)

    assert stat.S_IMODE((c.rootfs / "a/b").stat().st_mode) == 0o755
    assert not list((c.rootfs / "a/b/c").iterdir())


def test_relative_destination_is_below_the_root(container: MakeContainer, config: Config) -> None:
    config["mounts"].append(mount("some/where", "tmpfs", "tmpfs"))

    result = container(config, "cat", "/proc/self/mountinfo").run()

    assert topmost(mounts_of(result), "/some/where").fstype == "tmpfs"


def test_mounts_are_made_in_the_order_listed(
    container: MakeContainer, config: Config, source: Path
) -> None:
    config["mounts"] += [
        mount("/mnt", "tmpfs", "first"),
        mount("/mnt", "tmpfs", "second"),
        mount("/mnt/nested", "tmpfs", "third"),
        bind(source / "file", "/mnt/nested/file"),
    ]

    result = container(config, "cat", "/proc/self/mountinfo", ";", "cat", "/mnt/nested/file").run()

    mounts = mountinfo.parse(result.sections[0].splitlines())
    assert [m.source for m in mounts if m.at.startswith("/mnt") and m.fstype == "tmpfs"][:3] == [
        "first",
        "second",
        "third",
    ]
    assert result.sections[1] == "of the host"


def test_later_mount_hides_an_earlier_one(container: MakeContainer, config: Config) -> None:
    config["mounts"] += [mount("/mnt/nested", "tmpfs", "inner"), mount("/mnt", "tmpfs", "outer")]

    assert container(config, "ls", "/mnt").run().stdout == ""


@pytest.mark.parametrize("link", ["absolute", "relative", "dotdot"])
@pytest.mark.parametrize("what", ["tmpfs", "directory", "file"])
def test_destination_through_a_symlink_stays_in_the_root(
    container: MakeContainer, config: Config, source: Path, work: Path, link: str, what: str
) -> None:
    host = work / "host"
    host.mkdir()
    new = {
        "tmpfs": mount("/link/target", "tmpfs", "tmpfs"),
        "directory": bind(source, "/link/target", "rbind"),
        "file": bind(source / "file", "/link/target"),
    }[what]
    config["mounts"].append(new)
    c = container(config, "cat", "/proc/self/mountinfo")
    target = {"absolute": str(host), "relative": "mnt", "dotdot": "../" * 20 + str(host)[1:]}[link]
    (c.rootfs / "link").symlink_to(target)

    mounts = mounts_of(c.run())

    expected = "/mnt/target" if link == "relative" else f"{host}/target"
    assert topmost(mounts, expected).at == expected
    assert list(host.iterdir()) == []


def test_destination_with_dotdot_stays_in_the_root(
    container: MakeContainer, config: Config, work: Path
) -> None:
    config["mounts"].append(mount("/../../../../mnt/../escape", "tmpfs", "tmpfs"))
    before = set(os.listdir("/"))

    result = container(config, "cat", "/proc/self/mountinfo").run()

    assert topmost(mounts_of(result), "/escape").fstype == "tmpfs"
    assert set(os.listdir("/")) == before


def test_destination_that_is_a_dangling_symlink_touches_nothing_of_the_host(
    container: MakeContainer, config: Config, source: Path, work: Path
) -> None:
    config["mounts"].append(bind(source / "file", "/link"))
    c = container(config, "true-is-not-needed")
    config["process"]["args"] = ["/bin/true"]
    c.write_config()
    (c.rootfs / "link").symlink_to(work / "not-there")

    c.runtime("run", "--bundle", c.bundle, c.id)

    assert not (work / "not-there").exists()


def test_mount_over_a_symlink_made_by_an_earlier_bind_stays_in_the_root(
    container: MakeContainer, config: Config, source: Path, work: Path
) -> None:
    # CVE-2021-30465: the link comes from a volume that another container may write.
    host = work / "host"
    host.mkdir()
    (source / "link").symlink_to(host)
    config["mounts"] += [
        bind(source, "/volume", "rbind"),
        mount("/volume/link/x", "tmpfs", "tmpfs"),
    ]
    c = container(config)

    c.runtime("run", "--bundle", c.bundle, c.id)

    assert list(host.iterdir()) == []


def test_file_bind_onto_a_directory_is_an_error(
    container: MakeContainer, config: Config, source: Path
) -> None:
    config["mounts"].append(bind(source / "file", "/mnt"))

    assert "not a directory" in container(config).refuses("create").lower()


def test_a_thousand_mounts(container: MakeContainer, config: Config, source: Path) -> None:
    config["mounts"] += [bind(source / "file", f"/mnt/{i:04}", "ro") for i in range(1000)]

    result = container(config, "cat", "/proc/self/mountinfo", ";", "cat", "/mnt/0999").run()

    assert (
        sum(m.at.startswith("/mnt/") for m in mountinfo.parse(result.sections[0].splitlines()))
        == 1000
    )
    assert result.sections[1] == "of the host"


@pytest.mark.deviates(runc="needs /proc")
def test_a_container_without_any_mounts_runs(container: MakeContainer, config: Config) -> None:
    config["mounts"] = []

    result = container(config, "ls", "/proc", ";", "id").run()

    assert result.sections[0] == ""
    assert result.sections[1].startswith("uid=0,0,0")


@pytest.mark.parametrize(
    "destination",
    [
        "/proc/self",
        "/proc/net/dev",
        pytest.param("/proc/sys", marks=pytest.mark.deviates(runc="1.1 allows a tmpfs")),
    ],
)
def test_mounts_below_proc_are_refused(
    container: MakeContainer, config: Config, destination: str
) -> None:
    # CVE-2019-16884: what security depends on must not be replaced.
    config["mounts"].append(mount(destination, "tmpfs", "tmpfs"))

    assert destination in container(config).refuses("create")


def test_read_only_remount_of_a_tmpfs_happens_after_everything_was_put_into_it(
    container: MakeContainer, config: Config
) -> None:
    drop_mount(config, "/dev/mqueue")
    next(m for m in config["mounts"] if m["destination"] == "/dev")["options"].append("ro")

    result = container(config, "stat", "/dev/null", ";", "touch", "/dev/x").run(expect=1)

    assert "type=char" in result.sections[0]
    assert result.sections[1] == "EROFS"


@requires.kernel(6, 3)  # The rootfs is on a tmpfs, which can be idmapped since then.
@pytest.mark.deviates(runc="idmapped mounts came with 1.2")
@requires.as_root("maps the ids of a mount of the host")
def test_idmapped_bind_shows_shifted_owners(
    container: MakeContainer, config: Config, source: Path
) -> None:
    os.chown(source / "file", 1000, 1000)
    new = bind(source, "/mnt", "bind", "idmap")
    new["uidMappings"] = new["gidMappings"] = [{"containerID": 1000, "hostID": 5000, "size": 10}]
    config["mounts"].append(new)

    assert "uid=5000 gid=5000" in container(config, "stat", "/mnt/file").run().stdout


@pytest.mark.deviates(runc="came with 1.2")
@requires.kernel(5, 14)
@pytest.mark.parametrize("option", ["nosymfollow", "rnosymfollow"])
def test_nosymfollow_refuses_to_follow(
    container: MakeContainer, config: Config, source: Path, option: str
) -> None:
    (source / "link").symlink_to("file")
    config["mounts"].append(bind(source, "/mnt", "rbind", option))

    assert container(config, "cat", "/mnt/link", ";", "cat", "/mnt/file").run(
        expect=1
    ).sections == ["ELOOP", "of the host"]


@pytest.mark.deviates(runc="came with 1.2")
@requires.kernel(5, 14)
@pytest.mark.parametrize("recursive", ["", "r"])
def test_symfollow_takes_nosymfollow_back(
    container: MakeContainer, config: Config, source: Path, recursive: str
) -> None:
    (source / "link").symlink_to("file")
    options = (f"{recursive}nosymfollow", f"{recursive}symfollow")
    config["mounts"].append(bind(source, "/mnt", "rbind", *options))

    assert container(config, "cat", "/mnt/link").run().stdout == "of the host\n"


def test_mount_on_the_root_itself_is_refused_or_harmless(
    container: MakeContainer, config: Config
) -> None:
    config["mounts"].append(mount("/", "tmpfs", "tmpfs"))
    c = container(config)

    result = c.runtime("run", "--bundle", c.bundle, c.id)

    assert "Traceback" not in result.stderr


def test_overlay_of_directories_in_the_bundle(container: MakeContainer, config: Config) -> None:
    all_capabilities(config)
    c = container(config, "cat", "/mnt/lower", ";", "write", "/mnt/lower", "changed")
    for name in ("lower", "upper", "work"):
        (c.bundle / name).mkdir()
    (c.bundle / "lower" / "lower").write_text("of the lower layer\n")
    c.config["mounts"].append(
        mount(
            "/mnt",
            "overlay",
            "overlay",
            f"lowerdir={c.bundle}/lower,upperdir={c.bundle}/upper,workdir={c.bundle}/work",
        )
    )
    c.write_config()

    result = c.run()

    assert result.sections[0] == "of the lower layer"
    assert (c.bundle / "upper" / "lower").read_text() == "changed"
