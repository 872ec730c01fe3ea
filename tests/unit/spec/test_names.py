"""Versions, sysctls and lists of CPUs: what is one and what isn't."""

from __future__ import annotations

import pytest

from pyruntime.spec.places import is_cpu_list
from pyruntime.spec.rules import version
from pyruntime.spec.sysctl import needed_namespace, sysctl_path


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("1.2.3", (1, 2, 3)),
        ("0.0.0", (0, 0, 0)),
        ("1.0.0-alpha.1", (1, 0, 0)),
        ("1.0.0-0.3.7", (1, 0, 0)),
        ("1.0.0-x-y-z.--", (1, 0, 0)),
        ("1.0.0+001", (1, 0, 0)),
        ("1.0.0-beta+exp.sha.5114f85", (1, 0, 0)),
        ("1.0.0+21AF26D3---117B344092BD", (1, 0, 0)),
        ("1.0.0-01", None),
        ("01.0.0", None),
        ("1.0", None),
        ("1.0.0.0", None),
        ("1.0.0-", None),
        ("1.0.0+", None),
        ("1.0.0-a..b", None),
        ("1.0.0-a_b", None),
        ("1.0.0+a+b", None),
        ("-1.0.0", None),
        ("1.0.0 ", None),
        ("1.\u0660.0", None),
        ("1.0.9999999999", None),
    ],
)
def test_versions_follow_semver(text: str, parts: tuple[int, int, int] | None) -> None:
    assert version(text) == parts


@pytest.mark.parametrize(
    ("name", "path", "kind"),
    [
        ("net.ipv4.ip_forward", "net/ipv4/ip_forward", "network"),
        ("net/ipv4/ip_forward", "net/ipv4/ip_forward", "network"),
        ("net.ipv4.conf.eth0/100.forwarding", "net/ipv4/conf/eth0.100/forwarding", "network"),
        ("net/ipv4/conf/eth0.100/forwarding", "net/ipv4/conf/eth0.100/forwarding", "network"),
        ("kernel.sem", "kernel/sem", "ipc"),
        ("kernel.shm_rmid_forced", "kernel/shm_rmid_forced", "ipc"),
        ("kernel.semx", "kernel/semx", None),
        ("fs.mqueue.queues_max", "fs/mqueue/queues_max", "ipc"),
        ("fs.file-max", "fs/file-max", None),
        ("kernel.domainname", "kernel/domainname", "uts"),
        ("network.x", "network/x", None),
    ],
)
def test_sysctl_names_have_two_separators(name: str, path: str, kind: str | None) -> None:
    assert sysctl_path(name) == path
    assert needed_namespace(path) == kind


@pytest.mark.parametrize(
    "name",
    ["", "kernel", ".", "..", "net..x", "net.", "/net", "net/./x", "net/../kernel/sem", "net.//.x"],
)
def test_names_that_leave_proc_sys_are_no_sysctls(name: str) -> None:
    assert sysctl_path(name) is None


@pytest.mark.parametrize("text", ["", " ", "0", "0-3,7", "0 , 1-2", "8191"])
def test_lists_of_cpus_are_recognised(text: str) -> None:
    assert is_cpu_list(text)


@pytest.mark.parametrize("text", [",", "a", "1-", "-1", "2-1", "1,,2", "1-2-3", "\u0661", "1" * 7])
def test_other_texts_are_no_lists_of_cpus(text: str) -> None:
    assert not is_cpu_list(text)
