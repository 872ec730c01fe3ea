"""The layouts of cgroups that hosts have, from what their /proc says; and this host's own facts."""

from __future__ import annotations

import os
import time

import pytest

from pyruntime.host.facts import collect, kernel_version, layout, read

DEBIAN_V1 = (
    """\
25 30 0:23 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
31 25 0:27 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:9 - tmpfs tmpfs ro,mode=755
33 31 0:29 / /sys/fs/cgroup/systemd rw,relatime shared:11 - cgroup cgroup rw,xattr,name=systemd
36 31 0:32 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:15 - cgroup cgroup rw,cpu,cpuacct
37 31 0:33 / /sys/fs/cgroup/net_cls,net_prio rw,relatime shared:16 - cgroup cgroup rw,net_cls,net_prio
38 31 0:34 / /sys/fs/cgroup/memory rw,relatime shared:17 - cgroup cgroup rw,memory
39 31 0:35 / /sys/fs/cgroup/cpuset rw,relatime shared:18 - cgroup cgroup rw,cpuset,clone_children
""",
    """\
10:memory:/user.slice
9:net_cls,net_prio:/
5:cpuset:/
4:cpu,cpuacct:/user.slice
3:rdma:/
1:name=systemd:/user.slice/user-0.slice/session-1.scope
""",
)

SYSTEMD_HYBRID = (
    DEBIAN_V1[0]
    + "32 31 0:28 / /sys/fs/cgroup/unified rw,relatime shared:10 - cgroup2 cgroup2 rw,nsdelegate\n",
    DEBIAN_V1[1] + "0::/user.slice/user-0.slice/session-1.scope\n",
)

SYSTEMD_V2 = (
    """\
25 30 0:23 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
30 25 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:8 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
""",
    "0::/system.slice/containerd.service\n",
)

V2_IN_A_CGROUP_NAMESPACE = (
    """\
612 611 0:26 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate
""",
    "0::/\n",
)

V2_MOUNTED_BEFORE_THE_NAMESPACE = (
    """\
612 611 0:26 /../.. /sys/fs/cgroup rw - cgroup2 cgroup rw,nsdelegate
""",
    "0::/\n",
)

V1_IN_A_CONTAINER = (
    """\
700 690 0:60 / /sys/fs/cgroup rw,nosuid - tmpfs tmpfs rw,mode=755
701 700 0:34 /docker/1f3a /sys/fs/cgroup/memory ro,nosuid master:17 - cgroup cgroup rw,memory
702 700 0:32 /docker/1f3a /sys/fs/cgroup/cpu,cpuacct ro,nosuid master:15 - cgroup cgroup rw,cpu,cpuacct
""",
    "4:memory:/docker/1f3a\n2:cpu,cpuacct:/docker/1f3a\n",
)

WITHOUT_SYSTEMD = (
    """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
""",
    "9:name=systemd:/\n2:cpuacct:/\n1:cpu:/work/6c81\n0::/\n",
)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (DEBIAN_V1, "v1"),
        (SYSTEMD_HYBRID, "hybrid"),
        (SYSTEMD_V2, "v2"),
        (V2_IN_A_CGROUP_NAMESPACE, "v2"),
        (V1_IN_A_CONTAINER, "v1"),
        (WITHOUT_SYSTEMD, "hybrid"),
        (("", ""), "none"),
        (("", "0::/\n"), "none"),
        (("", SYSTEMD_HYBRID[1]), "none"),
    ],
)
def test_the_layout_is_recognised(host: tuple[str, str], expected: str) -> None:
    assert layout(*host).layout == expected


def test_controllers_mounted_together_are_one_hierarchy() -> None:
    facts = layout(*DEBIAN_V1)

    both = [each for each in facts.v1 if "cpuacct" in each.controllers]

    assert [each.controllers for each in both] == [("cpu", "cpuacct")]
    assert both[0].mountpoint == "/sys/fs/cgroup/cpu,cpuacct"


def test_a_hierarchy_that_is_not_mounted_is_left_out() -> None:
    assert "rdma" not in {name for each in layout(*DEBIAN_V1).v1 for name in each.controllers}


def test_the_runtimes_own_cgroup_is_known_by_controller() -> None:
    own = layout(*SYSTEMD_HYBRID).own

    assert own["cpu"] == own["cpuacct"] == own["memory"] == "/user.slice"
    assert own["name=systemd"] == own[""] == "/user.slice/user-0.slice/session-1.scope"


def test_the_unified_hierarchy_of_a_hybrid_host_is_beside_the_others() -> None:
    unified = layout(*SYSTEMD_HYBRID).unified

    assert unified is not None
    assert unified.mountpoint == "/sys/fs/cgroup/unified"


def test_the_root_of_a_bound_hierarchy_is_kept() -> None:
    assert {each.root for each in layout(*V1_IN_A_CONTAINER).v1} == {"/docker/1f3a"}


def test_the_root_of_a_mount_from_outside_a_cgroup_namespace_is_kept() -> None:
    unified = layout(*V2_MOUNTED_BEFORE_THE_NAMESPACE).unified

    assert unified is not None
    assert unified.root == "/../.."


def test_cgroup2_over_a_v1_layout_is_v2() -> None:
    mountinfo = WITHOUT_SYSTEMD[0] + "90 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"

    facts = layout(mountinfo, WITHOUT_SYSTEMD[1])

    assert facts.layout == "v2"
    assert facts.v1 == ()


def test_a_cgroup2_mount_somewhere_else_does_not_make_a_v1_host_hybrid() -> None:
    mountinfo = DEBIAN_V1[0] + "90 30 0:38 / /mnt/experiment rw - cgroup2 cgroup2 rw\n"

    assert layout(mountinfo, DEBIAN_V1[1]).layout == "v1"


def test_of_many_mounts_of_a_hierarchy_the_one_below_sys_counts() -> None:
    mountinfo = "20 1 0:34 /x /var/lib/bound/memory rw - cgroup cgroup rw,memory\n" + DEBIAN_V1[0]

    (memory,) = [
        each for each in layout(mountinfo, DEBIAN_V1[1]).v1 if "memory" in each.controllers
    ]

    assert memory.mountpoint == "/sys/fs/cgroup/memory"


def test_a_mountpoint_with_a_space_is_unescaped() -> None:
    text = r"40 1 0:26 / /sys/fs/my\040cgroups rw - cgroup2 cgroup2 rw"

    unified = layout(text, "0::/\n").unified

    assert unified is not None
    assert unified.mountpoint == "/sys/fs/my cgroups"


@pytest.mark.parametrize(
    ("release", "version"),
    [
        ("6.18.44-generic", (6, 18)),
        ("5.4", (5, 4)),
        ("6.1-rc3", (6, 1)),
        ("4.19+", (4, 19)),
        ("next", (0, 0)),
    ],
)
def test_a_kernel_release_has_two_numbers(release: str, version: tuple[int, int]) -> None:
    assert kernel_version(release) == version


def test_what_cannot_be_read_is_empty() -> None:
    assert read("/proc/self/no-such-file") == ""
    assert read("/proc/self") == ""


def test_the_facts_of_this_host_are_true() -> None:
    facts = collect(frozenset({"openat2"}))

    assert facts.features == {"openat2"}
    assert facts.architecture == os.uname().machine
    assert facts.euid == os.geteuid()
    assert facts.last_capability >= 37
    for hierarchy in (*facts.cgroup.v1, facts.cgroup.unified):
        assert hierarchy is None or os.path.ismount(hierarchy.mountpoint)


def test_collecting_the_facts_takes_less_than_a_few_milliseconds() -> None:
    collect(frozenset())
    best = min(_seconds() for _ in range(20))

    assert (
        best < 0.003
    )  # 0.0002 on a quiet machine; a reading of everything would take 10 times that


def _seconds() -> float:
    start = time.perf_counter()
    collect(frozenset())
    return time.perf_counter() - start
