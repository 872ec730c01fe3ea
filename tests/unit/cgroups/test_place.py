"""Where `linux.cgroupsPath` leads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyruntime.cgroups.placement import place
from pyruntime.errors import SpecError
from pyruntime.facts import CgroupFacts, Facts, Hierarchy


def on_v2(own: str, root: str = "/") -> Facts:
    unified = Hierarchy(("memory",), "/sys/fs/cgroup", root)
    cgroup = CgroupFacts("v2", unified=unified, own={"": own})
    return Facts(kernel=(6, 1), architecture="x86_64", features=frozenset(), cgroup=cgroup)


def on_v1(own: str, root: str = "/") -> Facts:
    memory = Hierarchy(("memory",), "/sys/fs/cgroup/memory", root)
    cgroup = CgroupFacts("v1", v1=(memory,), own={"memory": own})
    return Facts(kernel=(6, 1), architecture="x86_64", features=frozenset(), cgroup=cgroup)


def test_an_absolute_path_counts_from_the_mount_point(v1: Facts, v2: Facts) -> None:
    assert place("/a/b", "web", v2) == {"": "/sys/fs/cgroup/a/b"}
    assert place("/a/b", "web", v1)["memory"] == "/sys/fs/cgroup/memory/a/b"


def test_every_hierarchy_has_a_directory_and_the_unified_one_is_last(hybrid: Facts) -> None:
    paths = place("/a", "web", hybrid)

    assert paths["cpu,cpuacct"] == "/sys/fs/cgroup/cpu,cpuacct/a"
    assert paths["name=systemd"] == "/sys/fs/cgroup/systemd/a"
    assert list(paths)[-1] == ""
    assert paths[""] == "/sys/fs/cgroup/unified/a"


def test_a_relative_path_counts_from_the_runtimes_own_cgroup_in_v1(v1: Facts) -> None:
    paths = place("a/b", "web", v1)

    assert paths["memory"] == "/sys/fs/cgroup/memory/user.slice/a/b"
    assert paths["devices"] == "/sys/fs/cgroup/devices/a/b"


def test_a_relative_path_counts_from_the_parent_of_the_runtimes_own_cgroup_in_v2(v2: Facts) -> None:
    assert place("a/b", "web", v2) == {"": "/sys/fs/cgroup/system.slice/a/b"}
    assert place("a", "web", on_v2("/")) == {"": "/sys/fs/cgroup/a"}
    assert place("a", "web", on_v2("/init.scope")) == {"": "/sys/fs/cgroup/a"}


def test_no_path_means_the_containers_id_as_a_relative_path(v1: Facts, v2: Facts) -> None:
    assert place("", "web", v2) == {"": "/sys/fs/cgroup/system.slice/web"}
    assert place("", "web", v1)["memory"] == "/sys/fs/cgroup/memory/user.slice/web"


def test_the_form_that_systemd_uses_is_a_name_like_any_other(v2: Facts) -> None:
    assert place("system.slice:docker:1f", "web", v2)[""].endswith("/system.slice:docker:1f")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("//a//./b/", "/sys/fs/cgroup/a/b"),
        ("./a", "/sys/fs/cgroup/system.slice/a"),
        ("..a/b..", "/sys/fs/cgroup/system.slice/..a/b.."),
    ],
)
def test_a_path_is_cleaned(path: str, expected: str, v2: Facts) -> None:
    assert place(path, "web", v2) == {"": expected}


@pytest.mark.parametrize("path", ["/../../a", "/a/../../b", "../../a", "a/../../../b", "a/b/.."])
def test_a_path_that_goes_up_is_refused(path: str, v2: Facts) -> None:
    with pytest.raises(SpecError, match=r"must not have \.\. in it") as caught:
        place(path, "web", v2)

    assert caught.value.pointer == "/linux/cgroupsPath"


@pytest.mark.parametrize("path", ["/", "//", "..", "/..", ".", "a/.."])
def test_a_path_that_leaves_no_cgroup_of_its_own_is_refused(path: str, v2: Facts) -> None:
    with pytest.raises(SpecError) as caught:
        place(path, "web", v2)

    assert caught.value.pointer == "/linux/cgroupsPath"


@pytest.mark.parametrize("path", ["/a\nb", "/a\0b"])
def test_a_name_that_no_cgroup_can_have_is_refused(path: str, v2: Facts) -> None:
    with pytest.raises(SpecError, match="not a path of a cgroup"):
        place(path, "web", v2)


def test_inside_a_container_the_mounts_root_is_taken_off_the_own_cgroup() -> None:
    assert place("a", "web", on_v1("/docker/1f", "/docker/1f"))["memory"] == (
        "/sys/fs/cgroup/memory/a"
    )
    assert place("a", "web", on_v1("/docker/1f/x", "/docker/1f"))["memory"] == (
        "/sys/fs/cgroup/memory/x/a"
    )


def test_in_a_cgroup_namespace_the_own_cgroup_is_the_root() -> None:
    assert place("a", "web", on_v2("/")) == {"": "/sys/fs/cgroup/a"}


@pytest.mark.parametrize("root", ["/..", "/../..", "/elsewhere"])
def test_a_mount_that_does_not_show_the_own_cgroup_is_used_from_its_top(root: str) -> None:
    assert place("a", "web", on_v2("/x/y", root)) == {"": "/sys/fs/cgroup/a"}


def test_an_own_cgroup_outside_of_the_namespace_cannot_lead_out() -> None:
    assert place("a", "web", on_v1("/../../x"))["memory"] == "/sys/fs/cgroup/memory/x/a"


@given(st.text(alphabet="ab./", max_size=20))
def test_whatever_the_path_the_result_is_below_the_mount_point_and_always_the_same(
    path: str,
) -> None:
    facts = on_v2("/s/t")
    try:
        (found,) = place(path, "web", facts).values()
    except SpecError:
        return

    assert found.startswith("/sys/fs/cgroup/")
    assert not {"..", ".", ""} & set(found[1:].split("/"))
    assert list(place(path, "web", facts).values()) == [found]
