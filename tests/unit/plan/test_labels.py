"""AppArmor profiles and SELinux labels: planned where the module is on, refused by name where it is not."""

from __future__ import annotations

from typing import Any

import pytest

from golden.cases import MOUNT_LABEL, base, merged
from golden.facts import HOSTS
from pyruntime.commands.exec import confine
from pyruntime.errors import Unsupported
from pyruntime.facts import Facts
from pyruntime.host import facts as host
from pyruntime.plan.create import create
from pyruntime.plan.identity import is_labelled, labels
from pyruntime.plan.request import Request
from pyruntime.plan.show import op_text

PROFILE = {"process": {"apparmorProfile": "x"}}
LABEL = {"process": {"selinuxLabel": "x"}}
MOUNT = {"linux": {"mountLabel": "x"}}


def plan_of(changes: dict[str, Any], facts: Facts, **request: Any) -> list[str]:
    spec: Any = merged(base(), changes)
    made = create(spec, Request("web", "/bundle", "/bundle/rootfs", **request), facts)
    return [op_text(step.op) for step in made]


@pytest.mark.parametrize(
    ("changes", "host_name", "pointer"),
    [
        (PROFILE, "v2", "/process/apparmorProfile: AppArmor"),
        (PROFILE, "selinux", "/process/apparmorProfile: AppArmor"),
        (LABEL, "v2", "/process/selinuxLabel: SELinux"),
        (LABEL, "apparmor", "/process/selinuxLabel: SELinux"),
        (MOUNT, "v2", "/linux/mountLabel: SELinux"),
        (MOUNT, "apparmor", "/linux/mountLabel: SELinux"),
    ],
)
def test_a_label_is_refused_where_nobody_looks_at_it(
    changes: dict[str, Any], host_name: str, pointer: str
) -> None:
    with pytest.raises(Unsupported, match=f"^{pointer} is not enabled on this host"):
        plan_of(changes, HOSTS[host_name])


@pytest.mark.parametrize(
    "changes",
    [
        {"process": {"apparmorProfile": "", "selinuxLabel": ""}, "linux": {"mountLabel": ""}},
        {"process": {"apparmorProfile": "unconfined"}},
    ],
)
def test_nothing_is_asked_for_by_an_empty_label_or_by_unconfined(changes: dict[str, Any]) -> None:
    assert plan_of(changes, HOSTS["v2"]) == plan_of({}, HOSTS["v2"])


def test_unconfined_is_a_profile_where_there_are_profiles() -> None:
    steps = labels({"apparmorProfile": "unconfined"}, HOSTS["apparmor"])

    assert [op_text(step.op) for step in steps] == [
        "write_proc(self/attr/apparmor/exec, exec unconfined)"
    ]


def test_without_a_keyring_no_key_is_labelled() -> None:
    steps = plan_of(LABEL, HOSTS["selinux"], keyring=False)

    assert not [step for step in steps if "keycreate" in step]
    assert "write_proc(self/attr/exec, x)" in steps


@pytest.mark.parametrize("fstype", ["proc", "sysfs", "mqueue"])
def test_file_systems_that_the_policy_labels_get_no_context(fstype: str) -> None:
    where = {"proc": "/proc", "sysfs": "/sys", "mqueue": "/dev/mqueue"}[fstype]
    mounts = [{"destination": where, "type": fstype, "source": fstype}]
    steps = plan_of({"mounts": mounts, **MOUNT}, HOSTS["selinux"])

    assert not [step for step in steps if "context=" in step]
    assert (f"label({where}, x)" in steps) == (fstype == "mqueue")


@pytest.mark.parametrize("word", ["context", "fscontext", "defcontext", "rootcontext"])
def test_a_context_of_the_mounts_own_stays_alone(word: str) -> None:
    options = [f"{word}=system_u:object_r:tmp_t:s0"]
    mounts = [{"destination": "/run", "type": "tmpfs", "source": "tmpfs", "options": options}]
    steps = plan_of({"mounts": mounts, "linux": {"mountLabel": MOUNT_LABEL}}, HOSTS["selinux"])

    assert [step.count("context=") for step in steps if step.startswith("mount(/run")] == [1]


@pytest.mark.parametrize("changes", [PROFILE, LABEL, MOUNT])
def test_the_host_is_asked_for_its_modules_only_for_a_label(changes: dict[str, Any]) -> None:
    assert is_labelled(merged(base(), changes))  # type: ignore[arg-type]
    assert not is_labelled(base())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("enabled", "files", "apparmor", "selinux"),
    [
        ("", set(), "", False),
        ("N\n", {"/proc/self/attr/apparmor/exec"}, "", False),
        ("Y\n", {"/proc/self/attr/apparmor/exec"}, "attr/apparmor/exec", False),
        ("Y\n", set(), "attr/exec", False),
        ("", {"/sys/fs/selinux/enforce"}, "", True),
    ],
)
def test_what_is_on_is_read_from_the_kernels_files(
    monkeypatch: pytest.MonkeyPatch, enabled: str, files: set[str], apparmor: str, selinux: bool
) -> None:
    monkeypatch.setattr(host, "read", {"/sys/module/apparmor/parameters/enabled": enabled}.get)
    monkeypatch.setattr("os.path.exists", files.__contains__)
    facts = Facts(kernel=(6, 1), architecture="", features=frozenset(), cgroup=HOSTS["v2"].cgroup)

    host.look_for_lsms(facts)

    assert (facts.apparmor, facts.selinux) == (apparmor, selinux)


@pytest.mark.parametrize(
    ("option", "program", "container", "expected"),
    [
        (None, "", "", None),
        (None, "", "the container's", "the container's"),
        (None, "its own", "the container's", "its own"),
        ("asked", "its own", "the container's", "asked"),
        ("asked", "", "", "asked"),
    ],
)
@pytest.mark.parametrize("name", ["apparmorProfile", "selinuxLabel"])
def test_an_exec_process_is_labelled_as_asked_or_like_the_container(
    name: str, option: str | None, program: str, container: str, expected: str | None
) -> None:
    process: dict[str, Any] = {name: program} if program else {}
    spec: Any = {"process": {name: container} if container else {}}

    confine(process, spec, {name: option})

    assert process.get(name) == expected


def test_an_exec_process_has_the_containers_capabilities_unless_it_names_its_own() -> None:
    spec: Any = {"process": {"capabilities": {"bounding": ["CAP_KILL"]}}}
    silent: dict[str, Any] = {}
    naming: dict[str, Any] = {"capabilities": {}}

    confine(silent, spec, {})
    confine(naming, spec, {})

    assert silent == {"capabilities": {"bounding": ["CAP_KILL"]}}
    assert naming == {"capabilities": {}}
