"""What is kept of a container (schemas/record.json), beside its config.json and its init.

ROOT/ID/               one directory a container, locked with flock(2)
    config.json        as it was at create: later edits of the bundle have no effect
    record.json        the intent, written before anything else is made: what there is to undo; then which cgroups it became
    init               "PID START BOOT": written when the container is created
    ended              what was init, as soon as the directory is being removed
    start.fifo         until it is started
    steps              what start can fail in: a line a step, so that `start` can name it
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VERSION = 1


class Record:
    """One container's record.json.

    namespaces: the types that are not the runtime's: made, or joined by path.
    made_cgroups: directories that did not exist before; nothing else is ever removed.
    unit: the scope that systemd made its cgroups for; user_unit: the user's own systemd.
    resctrl: the directories of resctrl whose tasks its processes are; made_resctrl: those that go with the container.
    inodes: in *boot*, the numbers of the directories of cgroups and resctrl (own_cgroups.py). None: none was made yet.
    """

    __slots__ = (
        "annotations",
        "boot",
        "bundle",
        "cgroup_driver",
        "cgroup_paths",
        "created",
        "id",
        "inodes",
        "made_cgroups",
        "made_resctrl",
        "namespaces",
        "oci_version",
        "owner",
        "preserve_fds",
        "resctrl",
        "rootfs",
        "unit",
        "user_unit",
    )

    def __init__(
        self,
        *,
        id: str,
        oci_version: str,
        bundle: str,
        rootfs: str,
        created: str,
        owner: str = "",
        annotations: dict[str, str] | None = None,
        namespaces: list[str] | None = None,
        cgroup_driver: str = "none",
        cgroup_paths: dict[str, str] | None = None,
        made_cgroups: list[str] | None = None,
        unit: str = "",
        user_unit: bool = False,
        preserve_fds: int = 0,
        resctrl: list[str] | None = None,
        made_resctrl: list[str] | None = None,
        boot: str = "",
        inodes: dict[str, int] | None = None,
    ) -> None:
        self.id = id
        self.oci_version = oci_version
        self.bundle = bundle
        self.rootfs = rootfs
        self.created = created
        self.owner = owner
        self.annotations = annotations or {}
        self.namespaces = namespaces or []
        self.cgroup_driver = cgroup_driver
        self.cgroup_paths = cgroup_paths or {}
        self.made_cgroups = made_cgroups or []
        self.unit = unit
        self.user_unit = user_unit
        self.preserve_fds = preserve_fds
        self.resctrl = resctrl or []
        self.made_resctrl = made_resctrl or []
        self.boot = boot
        self.inodes = inodes or {}

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "version": VERSION,
            "ociVersion": self.oci_version,
            "id": self.id,
            "bundle": self.bundle,
            "rootfs": self.rootfs,
            "created": self.created,
            "owner": self.owner,
            "annotations": self.annotations,
            "systemdCgroup": bool(self.unit),
            "cgroup": {
                "driver": self.cgroup_driver,
                "paths": self.cgroup_paths,
                "made": self.made_cgroups,
                "unit": self.unit,
                "userUnit": self.user_unit,
            },
            "namespaces": self.namespaces,
            "preserveFds": self.preserve_fds,
            "resctrl": {"joined": self.resctrl, "made": self.made_resctrl},
            "boot": self.boot,
            "inodes": self.inodes,
        }


def record_of(document: dict[str, Any]) -> Record:
    """The record that `document` gave; KeyError or TypeError when it is not one."""
    cgroup, resctrl = _typed(document["cgroup"], dict), _typed(document["resctrl"], dict)
    return Record(
        id=_typed(document["id"], str),
        oci_version=_typed(document["ociVersion"], str),
        bundle=_typed(document["bundle"], str),
        rootfs=_typed(document["rootfs"], str),
        created=_typed(document["created"], str),
        owner=_typed(document["owner"], str),
        annotations=_texts_by_name(document["annotations"]),
        namespaces=_texts(document["namespaces"]),
        cgroup_driver=_typed(cgroup["driver"], str),
        cgroup_paths=_texts_by_name(cgroup["paths"]),
        made_cgroups=_texts(cgroup["made"]),
        unit=_typed(cgroup.get("unit", ""), str),
        user_unit=_typed(cgroup.get("userUnit", False), bool),
        preserve_fds=_typed(document["preserveFds"], int),
        resctrl=_texts(resctrl["joined"]),
        made_resctrl=_texts(resctrl["made"]),
        boot=_typed(document.get("boot", ""), str),
        inodes={
            name: _typed(n, int) for name, n in _typed(document.get("inodes", {}), dict).items()
        },
    )


def _typed(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r:.60} is no {kind.__name__}")
    return value


def _texts(value: Any) -> list[str]:
    return [_typed(each, str) for each in _typed(value, list)]


def _texts_by_name(value: Any) -> dict[str, str]:
    return {name: _typed(each, str) for name, each in _typed(value, dict).items()}
