"""Each rule about config.json: what it refuses with which words, and what it must let pass."""

from __future__ import annotations

from typing import Any

import pytest

from pyruntime.spec.faults import faults
from unit.spec.spec_documents import changed, full, only_fault

BAD: list[tuple[str, Any, str, str]] = [
    # place, value, pointer below the place, message
    ("/ociVersion", "1.0", "", 'must be a SemVer 2.0.0 version such as 1.3.0, not "1.0"'),
    ("/ociVersion", "", "", 'must be a SemVer 2.0.0 version such as 1.3.0, not ""'),
    ("/ociVersion", "v1.0.0", "", 'must be a SemVer 2.0.0 version such as 1.3.0, not "v1.0.0"'),
    ("/ociVersion", "2.0.0", "", 'must be a version 1 of the runtime specification, not "2.0.0"'),
    (
        "/ociVersion",
        "0.5.0-dev",
        "",
        'must be a version 1 of the runtime specification, not "0.5.0-dev"',
    ),
    ("/hostname", "h" * 65, "", "must not be longer than 64 bytes"),
    ("/domainname", "\u00e9" * 33, "", "must not be longer than 64 bytes"),
    ("/process/cwd", "tmp", "", 'must be absolute, not "tmp"'),
    (
        "/process/rlimits",
        [
            {"type": "RLIMIT_CPU", "soft": 1, "hard": 1},
            {"type": "RLIMIT_AS", "soft": 1, "hard": 1},
            {"type": "RLIMIT_CPU", "soft": 1, "hard": 1},
        ],
        "/2/type",
        "must not repeat RLIMIT_CPU of /process/rlimits/0",
    ),
    (
        "/process/rlimits",
        [{"type": "RLIMIT_CPU", "soft": 2, "hard": 1}],
        "/0/soft",
        "must not be above hard (1)",
    ),
    (
        "/process/scheduler",
        {"policy": "SCHED_OTHER", "priority": 1},
        "/priority",
        "needs the policy SCHED_FIFO or SCHED_RR, not SCHED_OTHER",
    ),
    (
        "/process/scheduler",
        {"policy": "SCHED_FIFO", "priority": 1, "runtime": 1},
        "/runtime",
        "needs the policy SCHED_DEADLINE, not SCHED_FIFO",
    ),
    (
        "/process/scheduler",
        {"policy": "SCHED_RR", "priority": 99, "deadline": 1},
        "/deadline",
        "needs the policy SCHED_DEADLINE, not SCHED_RR",
    ),
    (
        "/process/scheduler",
        {"policy": "SCHED_BATCH", "period": 1},
        "/period",
        "needs the policy SCHED_DEADLINE, not SCHED_BATCH",
    ),
    (
        "/process/scheduler",
        {"policy": "SCHED_FIFO"},
        "/priority",
        "must be from 1 to 99 for SCHED_FIFO",
    ),
    (
        "/process/scheduler",
        {"policy": "SCHED_RR", "priority": 100},
        "/priority",
        "must be from 1 to 99 for SCHED_RR",
    ),
    (
        "/process/scheduler",
        {"policy": "SCHED_DEADLINE", "deadline": 5},
        "/runtime",
        "must be above 0 and not above deadline (5)",
    ),
    (
        "/process/scheduler",
        {"policy": "SCHED_DEADLINE", "runtime": 6, "deadline": 5},
        "/runtime",
        "must be above 0 and not above deadline (5)",
    ),
    (
        "/process/scheduler",
        {"policy": "SCHED_DEADLINE", "runtime": 4, "deadline": 5, "period": 4},
        "/period",
        "must not be below deadline (5)",
    ),
    (
        "/process/execCPUAffinity",
        {"initial": "1-"},
        "/initial",
        'must be a list of CPUs such as 0-3,7, not "1-"',
    ),
    (
        "/process/execCPUAffinity",
        {"final": "3-1"},
        "/final",
        'must be a list of CPUs such as 0-3,7, not "3-1"',
    ),
    ("/annotations", {"": "x"}, "", "must not have an empty name"),
    (
        "/hooks/poststop",
        [{"path": "/bin/true"}, {"path": "true"}],
        "/1/path",
        'must be absolute, not "true"',
    ),
    (
        "/linux/namespaces/0",
        {"type": "pid", "path": "proc/1/ns/pid"},
        "/path",
        'must be absolute, not "proc/1/ns/pid"',
    ),
    (
        "/linux/namespaces/0",
        {"type": "mount"},
        "NEXT:/linux/namespaces/2/type",
        "must not repeat mount of /linux/namespaces/0",
    ),
    (
        "/linux/timeOffsets",
        {"realtime": {"secs": 1}},
        "/realtime",
        "must be monotonic or boottime",
    ),
    (
        "/linux/namespaces/7",
        {"type": "time", "path": "/proc/1/ns/time"},
        "NEXT:/linux/timeOffsets",
        "needs a new time namespace (without a path) in /linux/namespaces",
    ),
    ("/linux/devices/0/path", "dev/fuse", "", 'must be absolute, not "dev/fuse"'),
    ("/linux/devices/0/major", 4096, "", "must be from 0 to 4095, not 4096"),
    ("/linux/devices/0/major", -1, "", "must be from 0 to 4095, not -1"),
    ("/linux/devices/0/minor", 1048576, "", "must be from 0 to 1048575, not 1048576"),
    (
        "/linux/devices",
        [{"type": "u", "path": "/d", "major": 1}],
        "/0",
        'must have "minor" because its type is u',
    ),
    ("/linux/netDevices", {"a/b": {}}, "/a~1b", "must be named as a network interface can be"),
    ("/linux/netDevices", {"..": {}}, "/..", "must be named as a network interface can be"),
    ("/linux/netDevices", {"": {}}, "/", "must be named as a network interface can be"),
    (
        "/linux/netDevices",
        {"eth0": {"name": "x" * 16}},
        "/eth0/name",
        f'must be a name for a network interface, not "{"x" * 16}"',
    ),
    (
        "/linux/netDevices",
        {"eth0": {"name": "a b"}},
        "/eth0/name",
        'must be a name for a network interface, not "a b"',
    ),
    ("/linux/netDevices", {"eth%d": {}}, "/eth%d", "must be named as a network interface can be"),
    (
        "/linux/netDevices",
        {"eth0": {"name": "e%dx"}},
        "/eth0/name",
        'must be a name for a network interface, not "e%dx"',
    ),
    (
        "/linux/netDevices",
        {"eth0": {"name": "%d%d"}},
        "/eth0/name",
        'must be a name for a network interface, not "%d%d"',
    ),
    (
        "/linux/netDevices",
        {"eth0": {"name": "x"}, "x": {}},
        "/x",
        'must not become "x" as /linux/netDevices/eth0 does',
    ),
    ("/linux/maskedPaths", ["/a/.."], "/0", "is the container's root, which cannot be hidden"),
    ("/linux/maskedPaths", ["/proc/kcore", "proc"], "/1", 'must be absolute, not "proc"'),
    ("/linux/readonlyPaths", [""], "/0", 'must be absolute, not ""'),
    ("/linux/intelRdt", {"closID": ".."}, "/closID", 'must be "/" or a single name, not ".."'),
    ("/linux/intelRdt", {"closID": "a/b"}, "/closID", 'must be "/" or a single name, not "a/b"'),
    ("/linux/intelRdt", {"l3CacheSchema": "L3:0=f\nMB:0=1"}, "/l3CacheSchema", "must be one line"),
    ("/linux/intelRdt", {"memBwSchema": "L3:0=f"}, "/memBwSchema", "must begin with MB:"),
    ("/linux/intelRdt", {"schemata": ["L3:0=f", "\n"]}, "/schemata/1", "must be one line"),
    (
        "/linux/memoryPolicy",
        {"mode": "MPOL_BIND", "nodes": "x"},
        "/nodes",
        'must be a list of memory nodes such as 0-3,7, not "x"',
    ),
    (
        "/linux/memoryPolicy",
        {"mode": "MPOL_LOCAL", "nodes": "0"},
        "/nodes",
        "must be empty for MPOL_LOCAL",
    ),
    (
        "/linux/memoryPolicy",
        {"mode": "MPOL_BIND"},
        "",
        'must have "nodes" because its mode is MPOL_BIND',
    ),
    (
        "/linux/memoryPolicy",
        {
            "mode": "MPOL_BIND",
            "nodes": "0",
            "flags": ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"],
        },
        "/flags",
        "must not have both MPOL_F_RELATIVE_NODES and MPOL_F_STATIC_NODES",
    ),
    (
        "/linux/personality",
        {"domain": "LINUX", "flags": ["X"]},
        "/flags",
        "must be empty: the specification defines no flag",
    ),
    (
        "/linux/seccomp",
        {"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1},
        "/defaultErrnoRet",
        "is not possible with SCMP_ACT_ALLOW",
    ),
    (
        "/linux/seccomp/syscalls",
        [{"names": ["x"], "action": "SCMP_ACT_KILL", "errnoRet": 0}],
        "/0/errnoRet",
        "is not possible with SCMP_ACT_KILL",
    ),
    (
        "/linux/seccomp/syscalls",
        [{"names": ["x"], "action": "SCMP_ACT_ERRNO", "errnoRet": 65536}],
        "/0/errnoRet",
        "must be at most 4095 with SCMP_ACT_ERRNO",
    ),
    (
        "/linux/seccomp/syscalls",
        [{"names": ["x"], "action": "SCMP_ACT_TRACE", "errnoRet": 65536}],
        "/0/errnoRet",
        "must be at most 65535 with SCMP_ACT_TRACE",
    ),
    (
        "/linux/seccomp",
        {
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["x"], "action": "SCMP_ACT_NOTIFY"}],
        },
        "",
        'must have "listenerPath" because it uses SCMP_ACT_NOTIFY',
    ),
    (
        "/linux/resources/devices",
        [{"allow": True, "access": "rx"}],
        "/0/access",
        'must be made of the letters r, w and m, not "rx"',
    ),
    (
        "/linux/resources/memory",
        {"swappiness": 101},
        "/swappiness",
        "must be from 0 to 100, not 101",
    ),
    ("/linux/resources/cpu", {"quota": 10, "burst": 11}, "/burst", "must not be above quota (10)"),
    (
        "/linux/resources/cpu",
        {"realtimeRuntime": 2, "realtimePeriod": 1},
        "/realtimeRuntime",
        "must not be above realtimePeriod (1)",
    ),
    (
        "/linux/resources/hugepageLimits",
        [{"pageSize": "64kB", "limit": 1}],
        "/0/pageSize",
        'must be like 64KB, 2MB or 1GB, not "64kB"',
    ),
    (
        "/linux/resources/hugepageLimits",
        [{"pageSize": "MB", "limit": 1}],
        "/0/pageSize",
        'must be like 64KB, 2MB or 1GB, not "MB"',
    ),
    (
        "/linux/resources/unified",
        {"../x": "1"},
        "/..~1x",
        "must be the name of a file in the cgroup, not a path",
    ),
    (
        "/linux/sysctl",
        {"kernel.shmmax": "1", "kernel.core_pattern": "|/x"},
        "/kernel.core_pattern",
        "must be one that the kernel keeps per namespace",
    ),
    ("/linux/sysctl", {"kernel.hostname": "x"}, "/kernel.hostname", 'must be given as "hostname"'),
    (
        "/linux/sysctl",
        {"net/../kernel/core_pattern": "x"},
        "/net~1..~1kernel~1core_pattern",
        "must be the name of a sysctl, such as net.ipv4.ip_forward",
    ),
]


@pytest.mark.parametrize(
    ("place", "value", "below", "message"), BAD, ids=[f"{row[0]} {row[3][:30]}" for row in BAD]
)
def test_what_is_wrong_is_refused_at_its_pointer(
    place: str, value: Any, below: str, message: str
) -> None:
    pointer = below.removeprefix("NEXT:") if below.startswith("NEXT:") else place + below
    found = faults(changed(full(), place, value))

    assert (pointer, message) in found
    if not below.startswith("NEXT:"):
        assert only_fault(changed(full(), place, value)) == (pointer, message)
