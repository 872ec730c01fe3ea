"""The order of an exec where it matters."""

from __future__ import annotations

from golden.facts import host
from pyruntime.plan.exec import Target
from pyruntime.plan.exec import exec as plan_exec
from pyruntime.plan.request import Request
from pyruntime.plan.show import op_text
from pyruntime.plan.step import Plan


def plan(*kinds: str, without: tuple[str, ...] = (), **program: object) -> Plan:
    target = Target(7, 9, list(kinds), [], "/sys/fs/cgroup/c")
    process = {"args": ["/bin/true"], "cwd": "/", "env": ["HOME=/"], **program}
    request = Request("web", "/bundle", "/bundle/rootfs")
    return plan_exec(process, {}, request, target, host(without=without))  # type: ignore[arg-type]


def order(found: Plan, *words: str) -> list[str]:
    """Those steps whose text begins with one of *words*, with their side."""
    steps = [(step.side, op_text(step.op)) for step in found]
    return [f"{side} {text}" for side, text in steps if text.startswith(words)]


def test_the_cgroup_namespace_is_joined_after_the_clone_into_its_cgroup() -> None:
    assert order(plan("pid", "cgroup"), "open_cgroup", "setns", "clone") == [
        "entry open_cgroup(#0, /sys/fs/cgroup/c, O_DIRECTORY|O_NOFOLLOW|O_PATH)",
        "entry setns(#1, pid, /proc/7)",
        "entry clone(no namespace, #0)",
        "inside setns(#1, cgroup, /proc/7)",
    ]


def test_in_a_user_namespace_the_cgroup_is_joined_first_and_the_namespaces_together() -> None:
    assert order(plan("cgroup", "user"), "join_cgroup", "setns", "clone") == [
        "entry join_cgroup(#0)",
        "entry setns(#1, cgroup|user, /proc/7)",
        "entry clone(no namespace)",
    ]


def test_the_initial_affinity_is_set_before_the_cgroup_is_joined_and_the_final_one_after() -> None:
    affinity = {"initial": "0", "final": "1"}

    for kinds in (("pid",), ("pid", "user")):
        found = order(plan(*kinds, execCPUAffinity=affinity), "cpu_aff", "join_cgroup", "clone")
        assert found[0] == "entry cpu_affinity(0)"
        assert found[-1] == "inside cpu_affinity(1)"
        assert len(found) >= 3


def test_nobody_is_cloned_into_a_cgroup_that_was_there_before() -> None:
    target = Target(7, 9, ["cgroup"], [], "/sys/fs/cgroup/c", existing=True)
    program = {"args": ["/bin/true"], "cwd": "/", "env": ["HOME=/"]}
    request = Request("web", "/bundle", "/bundle/rootfs")
    found = plan_exec(program, {}, request, target, host())  # type: ignore[arg-type]

    assert order(found, "open_cgroup", "join_cgroup", "setns", "clone") == [
        "entry open_cgroup(#0, /sys/fs/cgroup/c/cgroup.procs, O_WRONLY)",
        "entry join_cgroup(#0)",
        "entry setns(#1, cgroup, /proc/7)",
        "entry clone(no namespace)",
    ]
