"""The cgroup drivers: where a container's cgroups are, and what is written there."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.cgroups.base import Cgroup


def cgroup_of(driver: str, paths: dict[str, str]) -> Cgroup:
    """The cgroups of one container: *driver* and *paths* as in its `Placement`, and later in its record."""
    if driver == "v1" and paths:
        from pyruntime.cgroups.v1 import V1

        return V1(paths)
    if driver == "v2" and paths:
        from pyruntime.cgroups.v2 import V2

        return V2(paths)
    from pyruntime.cgroups.base import Cgroup

    return Cgroup(paths)
