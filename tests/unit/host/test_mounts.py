"""The lines of cgroups and of resctrl in /proc/self/mountinfo."""

from __future__ import annotations

from pyruntime.host.mounts import cgroup_mounts, resctrl_mount, unescape

ROOT = "1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw"


def test_other_mounts_are_left_out() -> None:
    text = f"{ROOT}\n2 1 0:4 / /proc rw - proc proc rw\n3 1 0:5 / /sys rw - sysfs sysfs rw\n"

    assert cgroup_mounts(text) == []


def test_a_mount_has_its_root_its_mountpoint_and_the_options_of_its_super_block() -> None:
    line = "33 32 0:30 /docker/1f /sys/fs/cgroup/cpu ro,nosuid master:9 shared:2 - cgroup cgroup rw,cpu,cpuacct"

    (mount,) = cgroup_mounts(line)

    assert mount.root == "/docker/1f"
    assert mount.mountpoint == "/sys/fs/cgroup/cpu"
    assert mount.fstype == "cgroup"
    assert mount.options == ("rw", "cpu", "cpuacct")


def test_a_later_mount_hides_what_was_mounted_below_its_mountpoint() -> None:
    text = "\n".join(
        [
            "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw",
            "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu",
            "40 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw",
        ]
    )

    assert [mount.fstype for mount in cgroup_mounts(text)] == ["cgroup2"]


def test_a_fresh_sysfs_hides_every_cgroup_mount() -> None:
    text = "\n".join(
        [
            "40 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw",
            "41 1 0:39 / /sys rw - sysfs sysfs rw",
        ]
    )

    assert cgroup_mounts(text) == []


def test_a_mountpoint_with_a_similar_name_hides_nothing() -> None:
    text = "\n".join(
        [
            "32 31 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset",
            "33 31 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu",
        ]
    )

    assert len(cgroup_mounts(text)) == 2


def test_a_mounted_file_whose_name_looks_like_a_cgroup_mount_is_none() -> None:
    line = r"50 1 8:1 / /mnt/x\040-\040cgroup rw - ext4 /dev/vdb rw"

    assert cgroup_mounts(line) == []


def test_octal_escapes_are_undone() -> None:
    assert unescape(r"/a\040b\011c\012d\134e") == "/a b\tc\nd\\e"
    assert unescape(r"/plain") == "/plain"
    assert unescape(r"/m\303\274nze") == "/münze"
    assert unescape(r"/odd\9") == r"/odd\9"


def test_a_broken_line_is_ignored() -> None:
    assert cgroup_mounts("31 - cgroup\n - cgroup cgroup rw") == []


def test_resctrl_is_where_it_is_mounted_last_and_not_hidden() -> None:
    first = "40 23 0:40 / /sys/fs/resctrl rw - resctrl resctrl rw"
    second = "41 23 0:40 / /mnt/a\\040b rw - resctrl resctrl rw"
    part = "42 23 0:40 /gold /mnt/gold rw - resctrl resctrl rw"
    hides = "43 1 0:5 / /sys rw - sysfs sysfs rw"

    assert resctrl_mount(ROOT) == ""
    assert resctrl_mount(f"{ROOT}\n{first}\n") == "/sys/fs/resctrl"
    assert resctrl_mount(f"{first}\n{second}\n") == "/mnt/a b"
    assert resctrl_mount(f"{first}\n{part}\n") == "/sys/fs/resctrl"
    assert resctrl_mount(f"{first}\n{hides}\n") == ""
    assert resctrl_mount(f"{hides}\n{first}\n") == "/sys/fs/resctrl"
