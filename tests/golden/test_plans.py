"""What we decide: every case's plan, as text, against the file that was reviewed. A change of behaviour is a diff here."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.cases import BY_SYSTEMD, CASES, WITH_AGENT, WITH_FILTER, Config, base, merged
from golden.exec_cases import EXEC_CASES
from golden.facts import HOSTS
from pyruntime.cgroups.placement import Placement, placement
from pyruntime.cgroups.systemd_placement import ManagerFacts
from pyruntime.cgroups.systemd_placement import placement as systemd_placement
from pyruntime.plan.create import create
from pyruntime.plan.exec import check
from pyruntime.plan.exec import exec as plan_exec
from pyruntime.plan.request import Request
from pyruntime.plan.show import plan_text
from pyruntime.plan.step import ENTRY, HOST, Plan
from pyruntime.seccomp.filter import Filter
from pyruntime.spec.validate import validate
from support.specification import properties, rows, used

PLANS = Path(__file__).parent / "plans"
EVERY = [*CASES, *EXEC_CASES]
FILTER = Filter(bytes(80), flags=0, optional_flags=4, notify=False)
AGENT = Filter(
    bytes(80),
    flags=8,
    optional_flags=4,
    notify=True,
    listener_path="/run/agent.sock",
    listener_metadata="for you",
)


def text_of(name: str) -> str:
    return plan_text(plan_of(name))


def plan_of(name: str) -> Plan:
    return plan_of_exec(name) if name in EXEC_CASES else plan_of_create(name)


def plan_of_create(name: str) -> Plan:
    host, changes = CASES[name]
    facts = HOSTS[host]
    spec = merged(base(), changes)
    validate(spec)
    terminal = (spec.get("process") or {}).get("terminal")
    request = Request(
        "web",
        "/bundle",
        "/bundle/rootfs",
        placement=placement_of(name, spec),
        filter=AGENT if name in WITH_AGENT else FILTER if name in WITH_FILTER else None,
        fifo="/run/pyruntime/web/start.fifo",
        console_socket="/run/console.sock" if terminal else "",
        pid_file="/run/web.pid" if name == "base" else "",
    )
    return create(spec, request, facts)  # type: ignore[arg-type]


def placement_of(name: str, spec: Config) -> Placement:
    facts = HOSTS[CASES[name][0]]
    if name not in BY_SYSTEMD:
        return placement(spec, "web", facts)
    own = "/user.slice/user-1000.slice/user@1000.service" if facts.rootless else ""
    return systemd_placement(spec, "web", facts, ManagerFacts(257, own, user=facts.rootless))


def plan_of_exec(name: str) -> Plan:
    case = EXEC_CASES[name]
    spec = merged(merged(base(), case.container), {"process": case.process})
    validate(spec)
    check(spec["process"])
    request = Request(
        "web",
        "/bundle",
        "/bundle/rootfs",
        filter=AGENT if case.agent else FILTER if case.filter else None,
        **case.request,
    )
    return plan_exec(spec["process"], spec, request, case.target, HOSTS[case.host])  # type: ignore[arg-type]


def path_of(name: str) -> Path:
    return PLANS / f"{name.replace(' ', '-').replace(',', '').replace('(2)', '')}.txt"


@pytest.mark.parametrize("name", EVERY)
def test_the_plan_is_the_reviewed_one(name: str, update_golden: bool) -> None:
    text = text_of(name)
    if update_golden:
        path_of(name).write_text(text)

    assert text == path_of(name).read_text()


def test_every_reviewed_plan_has_its_case() -> None:
    assert {path.name for path in PLANS.iterdir()} == {path_of(name).name for name in EVERY}


@pytest.mark.parametrize("name", EVERY)
def test_a_plan_is_a_function_of_its_input(name: str) -> None:
    assert text_of(name) == text_of(name)


def test_every_property_is_in_some_case() -> None:
    seen = {name for _, changes in CASES.values() for name in used(merged(base(), changes))}
    refused = {row.name for row in rows("property") if row.status in ("refused", "ignored")}

    assert sorted(set(properties()) - seen - refused) == []


# ---- what holds for every plan


def position(plan: Plan, *ops: str) -> int:
    """Where the first of *ops* is; the end if there is none."""
    return next((at for at, step in enumerate(plan) if step.op.name in ops), len(plan))


def positions(plan: Plan, *ops: str) -> list[int]:
    return [at for at, step in enumerate(plan) if step.op.name in ops]


@pytest.mark.parametrize("name", EVERY)
def test_privilege_is_given_up_once_and_in_order(name: str) -> None:
    plan = plan_of(name)
    identity = ("bounding", "setgroups", "setresgid", "setresuid", "capset", "ambient")
    found = [step.op.name for step in plan if step.op.name in identity]

    # A user namespace with a single gid has setgroups denied.
    assert found in (list(identity), [one for one in identity if one != "setgroups"], [])
    if found:
        user = position(plan, "setresuid")
        assert max(positions(plan, "setrlimit", "scheduler", "io_priority"), default=0) < user
        assert position(plan, "close_fds") < position(plan, "chdir") < user


@pytest.mark.parametrize("name", EVERY)
def test_nothing_is_mounted_or_made_once_the_users_identity_is_taken(name: str) -> None:
    plan = plan_of(name)
    after = list(plan)[position(plan, "bounding") :]
    allowed = {
        *("bounding", "keep_capabilities", "setgroups", "setresgid", "setresuid", "capset"),
        *("ambient", "chdir_again", "find_executable", "seccomp", "wait_start", "hook", "exec"),
        *("prlimit", "write_pid_file", "save_record", "set_unit", "seccomp_notify", "set_dumpable"),
    }

    assert {step.op.name for step in after} <= allowed


@pytest.mark.parametrize("name", EVERY)
def test_the_filter_is_last_where_privileges_cannot_come_back(name: str) -> None:
    plan = plan_of(name)
    filters, forbidden = (
        positions(plan, "seccomp", "seccomp_notify"),
        positions(plan, "no_new_privs"),
    )
    if not filters:
        return

    # seccomp(2): without no_new_privs it takes CAP_SYS_ADMIN, which the user may not have.
    if forbidden:
        assert forbidden[0] < filters[0]
        assert filters[0] > position(plan, "find_executable")
    else:
        assert filters[0] < position(plan, "bounding")


@pytest.mark.parametrize("name", EVERY)
def test_labels_are_written_while_the_verified_proc_is_open(name: str) -> None:
    plan = plan_of(name)

    assert max(positions(plan, "write_proc"), default=0) < position(plan, "close_fds")


@pytest.mark.parametrize("name", EVERY)
def test_landlock_comes_when_all_is_mounted_and_before_the_filter_and_the_user(name: str) -> None:
    plan = plan_of(name)
    steps = positions(plan, *["landlock_ruleset", "landlock_path", "landlock_port"])
    held = positions(plan, "landlock_restrict")
    if not held:
        return

    # It denies changes of the tree of mounts; its descriptor must not be in a created container.
    assert position(plan, "close_fds") < steps[0] < steps[-1] + 1 == held[0]
    assert held[0] < position(plan, "bounding")
    assert held[0] < position(plan, "seccomp")
    for needed in positions(plan, "no_new_privs"):
        assert needed < held[0]


@pytest.mark.parametrize("name", EVERY)
def test_the_root_is_read_only_last_of_all_mounts(name: str) -> None:
    plan = plan_of(name)
    root = positions(plan, "readonly_root")
    made = ("mount", "bind", "mknod", "symlink", "make_directory", "console", "mask", "readonly")
    if root:
        assert max(positions(plan, *made)) < root[0]


@pytest.mark.parametrize("name", CASES)
def test_masks_are_those_of_the_runtime(name: str) -> None:
    # CVE-2025-31133: after the pivot the null device would be the image's.
    plan = plan_of(name)
    hidden = positions(plan, "mask", "mask_classic", "readonly", "readonly_classic")

    assert max(hidden, default=-1) < position(plan, "pivot_root", "move_root", "chroot")


@pytest.mark.parametrize("name", EVERY)
def test_the_last_step_is_the_program_or_the_wait_for_it(name: str) -> None:
    last = list(plan_of(name))[-1]

    assert last.op.name == (
        "wait_start" if name.endswith(("no process", "without a process")) else "exec"
    )


@pytest.mark.parametrize("name", EVERY)
def test_the_runtimes_side_comes_before_the_clone_or_stops_init(name: str) -> None:
    plan = plan_of(name)
    clone = position(plan, "clone", "clone_classic")

    assert [step.side for step in list(plan)[:clone] if step.side not in (HOST, ENTRY)] == []
    assert [step.side for step in list(plan)[clone + 1 :] if step.side == ENTRY] == []


@pytest.mark.parametrize("name", EVERY)
def test_an_agent_is_reached_before_namespaces_are_joined_and_gets_one_listener(name: str) -> None:
    plan = plan_of(name)
    reached, filters = positions(plan, "hand_over"), positions(plan, "seccomp_notify")
    clone = position(plan, "clone", "clone_classic")

    assert len(reached) == len(filters) <= 1
    # The executor stays for it, with the same descriptors: CLONE_FILES.
    assert bool(int(plan.steps[clone].op.args[0]) & 0x400) == bool(filters)
    for one in reached:
        assert one < min([*positions(plan, "setns"), clone])
