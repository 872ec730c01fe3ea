"""What a container mounts never appears on the host, and what the host mounts in the rootfs not in the container.

At c4f41aa an idmapped bind was a peer of the host's mount: a tmpfs that the container mounted below it stayed on the host
for good; and the root was a slave of the mount that the rootfs lies in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import requires
from support import kernel, mountinfo
from support.config import Config, add_user_namespace, all_capabilities, bind
from support.container import MakeContainer

pytestmark = [pytest.mark.root, requires.as_root("mounts on the host"), requires.kernel(6, 3)]

SHARED, SLAVE, PRIVATE = 1 << 20, 1 << 19, 1 << 18
KINDS = {"shared": SHARED, "slave": SLAVE, "private": PRIVATE}
MAPS = [{"containerID": 0, "hostID": 100000, "size": 65536}]


@pytest.fixture(params=KINDS)
def source(request: pytest.FixtureRequest, work: Path, leak_check: None) -> Iterator[Path]:
    """A mount of the host, with that propagation, with an empty directory in it."""
    path = work / "source"
    path.mkdir()
    kernel.mount("tmpfs", path, "tmpfs")
    if request.param == "slave":
        kernel.mount("", path, "", SHARED)
        kernel.mount(path, path, "", kernel.MS_BIND)
    kernel.mount("", path, "", KINDS[request.param])
    (path / "below").mkdir()
    yield path
    for each in (path / "below", path):
        while each.is_mount():
            kernel.umount(each, kernel.MNT_DETACH)


def _kind(config: Config, kind: str, source: Path) -> None:
    mounted = bind(source, "/mnt", "rbind" if "recursive" in kind else "bind")
    if "idmapped" in kind:
        mounted["options"].append("idmap")
        mounted["uidMappings"] = mounted["gidMappings"] = MAPS
    if "user namespace" in kind:
        add_user_namespace(config)
    all_capabilities(config)
    config["mounts"].append(mounted)


BINDS = [
    *("plain", "recursive", "idmapped", "recursive idmapped"),
    *("in a user namespace", "recursive in a user namespace", "idmapped in a user namespace"),
]


@pytest.mark.ours
@pytest.mark.parametrize("kind", BINDS)
def test_what_the_container_mounts_stays_in_it(
    container: MakeContainer, config: Config, source: Path, kind: str
) -> None:
    _kind(config, kind, source)
    before = {m.at for m in mountinfo.of_process()}
    c = container(config, "mount-tmpfs", "/mnt/below", ";", "pause")
    c.detach()
    c.wait_for_output()

    inside, outside = {m.at for m in c.mounts()}, {m.at for m in mountinfo.of_process()}

    assert "/mnt/below" in inside
    assert outside == before


@pytest.mark.ours
@pytest.mark.parametrize("kind", BINDS)
def test_a_bind_that_was_not_told_otherwise_follows_a_shared_source(
    container: MakeContainer, config: Config, source: Path, kind: str
) -> None:
    # As every bind does, since the namespace of the container is a slave of the runtime's.
    _kind(config, kind, source)
    top = [m for m in mountinfo.of_process() if m.at == str(source)][-1]
    shared = "shared" in top.propagation
    c = container(config, "pause")
    c.detach()
    c.wait_for_output()

    kernel.mount("tmpfs", source / "below", "tmpfs")

    assert ("/mnt/below" in {m.at for m in c.mounts()}) == shared
    kernel.umount(source / "below", kernel.MNT_DETACH)
    assert "/mnt/below" not in {m.at for m in c.mounts()}


@pytest.mark.parametrize("kind", ["plain", "in a user namespace"])
def test_what_the_host_mounts_in_the_rootfs_later_is_not_the_containers(
    container: MakeContainer, config: Config, kind: str
) -> None:
    if kind != "plain":
        add_user_namespace(config)
    c = container(config, "pause")
    c.detach()
    c.wait_for_output()

    kernel.mount("tmpfs", c.rootfs / "var", "tmpfs")
    seen = {m.at for m in c.mounts()}
    kernel.umount(c.rootfs / "var", kernel.MNT_DETACH)

    assert "/var" not in seen
