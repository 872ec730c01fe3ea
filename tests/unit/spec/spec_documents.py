"""Documents for the tests of `spec`: one with every property, ways to change one, and what engines write."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from pyruntime.errors import SpecError
from pyruntime.spec.faults import faults
from pyruntime.spec.validate import validate

Config = dict[str, Any]

UNSET = 2**64 - 1
"""What Go writes for an unsigned -1."""

MAPPINGS = [
    {"containerID": 0, "hostID": 100000, "size": 1000},
    {"containerID": 1000, "hostID": 1000, "size": 1},
]
THROTTLE = [{"major": 8, "minor": 0, "rate": 2**64 - 1}]
HOOK = {"path": "/bin/true", "args": ["true"], "env": ["A=b"], "timeout": 1}

FULL: Config = {
    "ociVersion": "1.3.0-rc.1+build.007",
    "process": {
        "args": ["sh"],
        "cwd": "/",
        "env": ["PATH=/bin", "EMPTY="],
        "terminal": True,
        "consoleSize": {"height": 25, "width": 80},
        "user": {"uid": 0, "gid": 2**32 - 2, "umask": 18, "additionalGids": [5]},
        "rlimits": [
            {"type": "RLIMIT_NOFILE", "soft": 1, "hard": UNSET},
            {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
        ],
        "capabilities": {
            "bounding": ["CAP_CHOWN"],
            "effective": ["CAP_KILL"],
            "inheritable": ["CAP_BPF"],
            "permitted": ["CAP_KILL"],
            "ambient": ["CAP_CHECKPOINT_RESTORE"],
        },
        "noNewPrivileges": True,
        "oomScoreAdj": -1000,
        "apparmorProfile": "docker-default",
        "selinuxLabel": "system_u:system_r:svirt_lxc_net_t:s0:c124,c675",
        "scheduler": {
            "policy": "SCHED_DEADLINE",
            "nice": 0,
            "priority": 0,
            "flags": ["SCHED_FLAG_RESET_ON_FORK"],
            "runtime": 1000,
            "deadline": 2000,
            "period": 3000,
        },
        "ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 7},
        "execCPUAffinity": {"initial": "7", "final": "0-3,7"},
    },
    "root": {"path": "rootfs", "readonly": True},
    "hostname": "h",
    "domainname": "d",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"]},
        {
            "destination": "/data",
            "source": "data",
            "options": ["rbind", "ridmap"],
            "uidMappings": MAPPINGS,
            "gidMappings": MAPPINGS,
        },
        {"destination": "/own", "source": "own", "options": ["bind", "idmap"]},
    ],
    "hooks": {
        "prestart": [HOOK],
        "createRuntime": [HOOK],
        "createContainer": [HOOK],
        "startContainer": [HOOK],
        "poststart": [HOOK],
        "poststop": [HOOK],
    },
    "annotations": {"com.example/key~": "value"},
    "linux": {
        "namespaces": [
            {"type": "pid"},
            {"type": "network", "path": "/run/netns/a"},
            {"type": "mount"},
            {"type": "ipc"},
            {"type": "uts"},
            {"type": "user"},
            {"type": "cgroup"},
            {"type": "time"},
        ],
        "uidMappings": MAPPINGS,
        "gidMappings": MAPPINGS,
        "timeOffsets": {
            "monotonic": {"secs": -(2**63), "nanosecs": 999999999},
            "boottime": {"secs": 1},
        },
        "devices": [
            {
                "type": "c",
                "path": "/dev/fuse",
                "major": 10,
                "minor": 229,
                "fileMode": 438,
                "uid": 0,
                "gid": 0,
            },
            {"type": "p", "path": "/run/fifo"},
        ],
        "netDevices": {"eth0": {"name": "net%d"}, "ens4": {}},
        "cgroupsPath": "/a/b",
        "resources": {
            "devices": [
                {"allow": False, "access": "rwm"},
                {"allow": True, "type": "c", "major": -1, "minor": -1, "access": "m"},
            ],
            "memory": {
                "limit": 2**20,
                "reservation": -1,
                "swap": -1,
                "kernel": -1,
                "kernelTCP": -1,
                "swappiness": 100,
                "disableOOMKiller": False,
                "useHierarchy": True,
                "checkBeforeUpdate": True,
            },
            "cpu": {
                "shares": 1024,
                "quota": 50000,
                "burst": 50000,
                "period": 100000,
                "realtimeRuntime": 950000,
                "realtimePeriod": 1000000,
                "cpus": "0-1",
                "mems": "0",
                "idle": 1,
            },
            "pids": {"limit": -1},
            "blockIO": {
                "weight": 10,
                "leafWeight": 10,
                "weightDevice": [{"major": 8, "minor": 0, "weight": 500, "leafWeight": 300}],
                "throttleReadBpsDevice": THROTTLE,
                "throttleWriteBpsDevice": THROTTLE,
                "throttleReadIOPSDevice": THROTTLE,
                "throttleWriteIOPSDevice": THROTTLE,
            },
            "hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}],
            "network": {"classID": 1048577, "priorities": [{"name": "eth0", "priority": 500}]},
            "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10000}},
            "unified": {"io.max": "259:0 rbps=2097152"},
        },
        "intelRdt": {
            "closID": "guaranteed",
            "l3CacheSchema": "L3:0=7f0",
            "memBwSchema": "MB:0=20",
            "schemata": ["L2:0=f"],
            "enableMonitoring": True,
        },
        "memoryPolicy": {
            "mode": "MPOL_INTERLEAVE",
            "nodes": "2-3",
            "flags": ["MPOL_F_STATIC_NODES"],
        },
        "sysctl": {
            "net.ipv4.ip_forward": "1",
            "kernel/shmmax": "1",
            "user.max_user_namespaces": "1",
        },
        "seccomp": {
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": 38,
            "architectures": ["SCMP_ARCH_X86_64"],
            "flags": ["SECCOMP_FILTER_FLAG_LOG"],
            "listenerPath": "/run/agent",
            "listenerMetadata": "x",
            "syscalls": [
                {
                    "names": ["socket"],
                    "action": "SCMP_ACT_TRACE",
                    "errnoRet": 22,
                    "args": [
                        {"index": 5, "value": UNSET, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ"}
                    ],
                },
                {"names": ["mount"], "action": "SCMP_ACT_NOTIFY"},
            ],
        },
        "rootfsPropagation": "rslave",
        "maskedPaths": ["/proc/kcore"],
        "readonlyPaths": ["/proc/sys"],
        "mountLabel": "system_u:object_r:svirt_sandbox_file_t:s0:c715,c811",
        "personality": {"domain": "LINUX32", "flags": []},
    },
}


def full() -> Config:
    # Not deepcopy, which keeps what is one object one object.
    return cast("Config", json.loads(json.dumps(FULL)))


def minimal() -> Config:
    return {"ociVersion": "1.0.0", "root": {"path": "rootfs"}}


def parts(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def changed(config: Config, pointer: str, value: Any) -> Config:
    """*config* with the value at JSON pointer *pointer* replaced; what is missing on the way is made."""
    *way, last = parts(pointer)
    place: Any = config
    for part in way:
        place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
    place[int(last) if isinstance(place, list) else last] = value
    return config


def without(config: Config, pointer: str) -> Config:
    """*config* without the member at JSON pointer *pointer*."""
    *way, last = parts(pointer)
    place: Any = config
    for part in way:
        place = place[int(part)] if isinstance(place, list) else place[part]
    del place[last]
    return config


def resolved(node: Any, schema: dict[str, Any]) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        node = schema["$defs"][node["$ref"].removeprefix("#/$defs/")]
    return node


def walk(value: Any, node: Any, schema: dict[str, Any], pointer: str = "") -> list[tuple[str, Any]]:
    """Every place of *value* that *schema* knows, with its node."""
    node = resolved(node, schema)
    found = [(pointer, node)]
    if isinstance(value, list):
        for index, item in enumerate(value):
            found += walk(item, node["items"], schema, f"{pointer}/{index}")
    elif isinstance(value, dict):
        for name, item in value.items():
            wanted = node.get("properties", {}).get(name, node.get("additionalProperties"))
            escaped = name.replace("~", "~0").replace("/", "~1")
            if wanted is not None:
                found += walk(item, wanted, schema, f"{pointer}/{escaped}")
    return found


def only_fault(config: Config) -> tuple[str, str]:
    """The one fault of *config*, of which `validate` says the same."""
    found = faults(config)
    assert len(found) == 1, found
    pointer, message = found[0]
    with pytest.raises(SpecError) as caught:
        validate(config)
    assert caught.value.pointer == pointer
    assert str(caught.value) == (f"{pointer}: {message}" if pointer else message)
    return found[0]
