"""The configurations of the golden plans: a name, a host, and what is different from the base.

The base has no devices of its own, no mounts but /proc, no hooks: a plan that shows one property is short.
"""

from __future__ import annotations

import json
from typing import Any

Config = dict[str, Any]

NAMESPACES = ("pid", "network", "ipc", "uts", "mount")


def base() -> Config:
    """The smallest configuration that people would still call a container."""
    return {
        "ociVersion": "1.3.0",
        "root": {"path": "rootfs"},
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": ["/bin/true"],
            "env": ["PATH=/bin", "HOME=/root"],
            "cwd": "/",
            "noNewPrivileges": True,
        },
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
        "linux": {"namespaces": [{"type": name} for name in NAMESPACES]},
    }


def merged(config: Config, changes: Config) -> Config:
    """*config* with *changes*: objects are merged, everything else is replaced; None removes."""
    result = dict(config)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def namespaces(*more: Config, without: tuple[str, ...] = ()) -> Config:
    """`linux.namespaces`: the usual ones less *without*, and *more*."""
    usual = [{"type": name} for name in NAMESPACES if name not in without]
    return {"linux": {"namespaces": [*usual, *more]}}


def mounts(*some: Config) -> Config:
    return {"mounts": list(some)}


def mount(destination: str, kind: str, *options: str, source: str = "") -> Config:
    return {
        "destination": destination,
        "type": kind,
        "source": source or kind,
        "options": list(options),
    }


def bind(*options: str, **more: Any) -> Config:
    return {"destination": "/mnt", "source": "/src", "options": ["bind", *options], **more}


def hook(path: str, **more: Any) -> Config:
    return {"path": path, "args": [path, "now"], "env": ["A=b"], **more}


def landlock(**policy: Any) -> Config:
    return {"annotations": {"org.pyruntime.landlock": json.dumps(policy)}}


PROCESS_LABEL = "system_u:system_r:container_t:s0:c124,c675"
MOUNT_LABEL = "system_u:object_r:container_file_t:s0:c124,c675"
# Everything that Landlock has, which takes the last version of it.
WHOLE_POLICY = {
    "handledAccessFS": [
        *("execute", "write_file", "read_file", "read_dir", "remove_dir", "remove_file"),
        *("make_char", "make_dir", "make_reg", "make_sock", "make_fifo", "make_block", "make_sym"),
        *("refer", "truncate", "ioctl_dev"),
    ],
    "handledAccessNet": ["bind_tcp", "connect_tcp"],
    "scoped": ["abstract_unix_socket", "signal"],
    "restrictSelf": ["log_same_exec_off", "log_new_exec_on", "log_subdomains_off"],
    "rules": [
        {"paths": ["/bin", "/lib"], "allowedAccess": ["execute", "read_file", "read_dir"]},
        {"paths": ["/dev/tty"], "allowedAccess": ["ioctl_dev"], "optional": True},
        {"ports": [80, 443], "allowedAccess": ["connect_tcp"]},
    ],
}


def own_id(*more: Config) -> Config:
    """Maps of a user who has the id 1000, and perhaps others."""
    maps = [{"containerID": 0, "hostID": 1000, "size": 1}, *more]
    return {"linux": {"uidMappings": maps, "gidMappings": maps}}


SUBORDINATE = {"containerID": 1, "hostID": 100000, "size": 65536}
KERNEL_MOUNTS = (
    mount("/proc", "proc"),
    mount("/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"),
    mount("/dev/mqueue", "mqueue", "nosuid", "noexec", "nodev"),
    mount("/sys/fs/cgroup", "cgroup", "nosuid", "noexec", "nodev", "ro"),
)
MAP = [{"containerID": 0, "hostID": 100000, "size": 65536}]
USER = merged(namespaces({"type": "user"}), {"linux": {"uidMappings": MAP, "gidMappings": MAP}})
DEV = mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k")
ENGINE_CAPABILITIES = ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"]

AGENT = {
    "linux": {
        "seccomp": {
            "defaultAction": "SCMP_ACT_ALLOW",
            "listenerPath": "/run/agent.sock",
            "listenerMetadata": "for you",
            "syscalls": [{"names": ["write"], "action": "SCMP_ACT_NOTIFY"}],
        }
    }
}

# By name: the host, and what is different from the base.
CASES: dict[str, tuple[str, Config]] = {
    "base": ("v2", {}),
    "base on cgroup v1": ("v1", {}),
    "base on a hybrid host": ("hybrid", {}),
    "base without cgroups": ("no cgroups", {}),
    "base before mount_setattr": ("before 5.12", {}),
    "base on an old kernel": ("before 5.2", {}),
    "no process": ("v2", {"process": None}),
    # namespaces
    "no namespaces at all": ("v2", {"linux": {"namespaces": []}, "mounts": []}),
    "namespaces joined by path": (
        "v2",
        namespaces({"type": "network", "path": "/run/netns/a"}, without=("network",)),
    ),
    "cgroup namespace joined by path": (
        "v2",
        namespaces({"type": "cgroup", "path": "/proc/1/ns/cgroup"}),
    ),
    "user namespace joined by path": (
        "v2",
        namespaces(
            {"type": "user", "path": "/proc/1/ns/user"},
            {"type": "ipc", "path": "/proc/1/ns/ipc"},
            without=("ipc",),
        ),
    ),
    "user namespace": ("v2", USER),
    "user namespace with binds": ("v2", merged(USER, mounts(bind("ro"), DEV))),
    "user namespace on an old kernel": ("before 5.2", merged(USER, mounts(bind("ro")))),
    "cgroup namespace": ("v2", namespaces({"type": "cgroup"})),
    "time namespace": (
        "v2",
        merged(
            namespaces({"type": "time"}),
            {
                "linux": {
                    "timeOffsets": {
                        "monotonic": {"secs": -100, "nanosecs": 5},
                        "boottime": {"secs": 5},
                    }
                }
            },
        ),
    ),
    "unprivileged user": ("unprivileged", merged(USER, own_id())),
    "unprivileged user with subordinate ids": (
        "unprivileged, delegated",
        merged(
            merged(USER, own_id(SUBORDINATE)),
            {
                "linux": {"resources": {"pids": {"limit": 20}}},
                "process": {"user": {"additionalGids": [5]}},
            },
        ),
    ),
    "unprivileged user who keeps the namespaces of the host": (
        "unprivileged, namespaces of the host",
        merged(
            merged(USER, own_id()),
            {
                "linux": {"namespaces": [{"type": name} for name in ("user", "mount")]},
                "mounts": [
                    mount("/proc", "proc"),
                    mount("/sys", "sysfs", "nosuid", "noexec", "nodev", "rw"),
                    mount("/dev/mqueue", "mqueue", "nosuid", "noexec", "nodev"),
                    mount("/sys/fs/cgroup", "cgroup"),
                ],
            },
        ),
    ),
    "unprivileged user who joins a user namespace": (
        "unprivileged",
        namespaces(
            {"type": "network", "path": "/proc/7/ns/net"},
            {"type": "user", "path": "/proc/7/ns/user"},
            without=("network",),
        ),
    ),
    "time namespace beside a user namespace that is joined": (
        "v2",
        merged(
            namespaces({"type": "user", "path": "/proc/7/ns/user"}, {"type": "time"}),
            {"linux": {"timeOffsets": {"monotonic": {"secs": 7}, "boottime": {"secs": 5}}}},
        ),
    ),
    "host name of a UTS namespace that is joined, in a new user namespace": (
        "v2",
        merged(
            USER,
            {
                "hostname": "h",
                "domainname": "d",
                "linux": {
                    "namespaces": [
                        {"type": "uts", "path": "/proc/7/ns/uts"},
                        *({"type": name} for name in ("user", "pid", "mount", "network", "ipc")),
                    ]
                },
            },
        ),
    ),
    "idmapped bind by a user namespace that is joined": (
        "v2",
        merged(
            namespaces({"type": "user", "path": "/proc/7/ns/user"}), mounts(bind("ridmap", "rbind"))
        ),
    ),
    "runtime in a user namespace": (
        "in a user namespace",
        merged(namespaces({"type": "cgroup"}), mounts(*KERNEL_MOUNTS)),
    ),
    "runtime in a user namespace with the network of the host": (
        "in a user namespace, network of the host",
        merged(namespaces(without=("network",)), mounts(*KERNEL_MOUNTS)),
    ),
    # mounts
    "mounts of every ordinary kind": (
        "v2",
        mounts(
            mount("/proc", "proc"),
            DEV,
            mount("/dev/pts", "devpts", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
            mount("/dev/shm", "tmpfs", "mode=1777"),
            mount("/dev/mqueue", "mqueue", "nosuid"),
            mount("/sys", "sysfs", "ro"),
        ),
    ),
    "mounts of every ordinary kind on an old kernel": (
        "before 5.2",
        mounts(mount("/proc", "proc"), DEV, mount("/sys", "sysfs", "ro")),
    ),
    "bind as it is": ("v2", mounts(bind())),
    "bind read-only": ("v2", mounts(bind("ro", "nosuid", "nodev", "noexec"))),
    "bind that clears flags": ("v2", mounts(bind("rw", "suid", "dev", "exec"))),
    "bind recursively read-only": ("v2", mounts(bind("rbind", "rro", "rnosuid"))),
    "bind with access times": ("v2", mounts(bind("noatime", "nodiratime"))),
    "bind, the last of two options wins": ("v2", mounts(bind("ro", "rw", "noexec", "exec", "ro"))),
    "bind with propagation": ("v2", mounts(bind("rprivate"))),
    "bind with two propagations": ("v2", mounts(bind("rslave", "rshared"))),
    "bind relative to the bundle": ("v2", mounts(bind(source="data"))),
    "bind with data": ("v2", mounts(bind("mode=755"))),
    "bind on an old kernel": ("before 5.2", mounts(bind("ro", "nosuid", "rprivate"))),
    "bind of a file of procfs": ("v2", mounts(bind(destination="/proc/meminfo"))),
    "idmapped bind": ("v2", mounts(bind("ridmap", uidMappings=MAP, gidMappings=MAP))),
    "idmapped bind without an option": (
        "v2",
        mounts(bind("rbind", uidMappings=MAP, gidMappings=MAP)),
    ),
    "idmapped bind with the container's maps": ("v2", merged(USER, mounts(bind("idmap")))),
    "tmpfs with tmpcopyup": ("v2", mounts(mount("/etc", "tmpfs", "tmpcopyup"))),
    "tmpfs read-only": ("v2", mounts(mount("/run", "tmpfs", "ro"))),
    "remount of a bind": ("v2", mounts(bind(), bind("remount", "ro"))),
    "remount of a file system": ("v2", mounts(mount("/proc", "proc", "remount", "ro"))),
    "shared tmpfs": ("v2", mounts(mount("/run", "tmpfs", "shared"))),
    "option that only mount(2) knows": (
        "v2",
        mounts(mount("/mnt", "ext4", "iversion", source="/dev/x")),
    ),
    "overlay": (
        "v2",
        mounts(mount("/mnt", "overlay", "lowerdir=/a:/b,upperdir=/c,workdir=/d", source="overlay")),
    ),
    "overlay with long options": (
        "v2",
        mounts(mount("/mnt", "overlay", "lowerdir=" + ":".join(["/layer"] * 50), source="overlay")),
    ),
    "relative destination": ("v2", mounts(mount("run/../tmp", "tmpfs"))),
    "cgroup2 in its namespace": (
        "v2",
        merged(namespaces({"type": "cgroup"}), mounts(mount("/sys/fs/cgroup", "cgroup", "ro"))),
    ),
    "cgroup2 without a namespace": ("v2", mounts(mount("/sys/fs/cgroup", "cgroup", "ro"))),
    "cgroup v1 in its namespace": (
        "v1",
        merged(namespaces({"type": "cgroup"}), mounts(mount("/sys/fs/cgroup", "cgroup", "ro"))),
    ),
    "cgroup v1 without a namespace": ("v1", mounts(mount("/sys/fs/cgroup", "cgroup", "ro"))),
    # root
    "readonly root": ("v2", {"root": {"readonly": True}}),
    "readonly root on an old kernel": ("before 5.2", {"root": {"readonly": True}}),
    "masked and readonly paths": (
        "v2",
        {"linux": {"maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"]}},
    ),
    "masked and readonly paths on an old kernel": (
        "before 5.2",
        {"linux": {"maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"]}},
    ),
    **{
        f"{name} root": ("v2", {"linux": {"rootfsPropagation": name}})
        for name in ("shared", "slave", "private", "unbindable")
    },
    # devices
    "devices": (
        "v2",
        {
            "linux": {
                "devices": [
                    {
                        "path": "/dev/fuse",
                        "type": "c",
                        "major": 10,
                        "minor": 229,
                        "fileMode": 0o600,
                    },
                    {"path": "/dev/pipe", "type": "p", "uid": 1, "gid": 2},
                    {"path": "/dev/null", "type": "c", "major": 1, "minor": 3},
                ]
            }
        },
    ),
    "dev of the host": ("v2", mounts(bind(destination="/dev", source="/dev"))),
    # process
    "another user": (
        "v2",
        {"process": {"user": {"uid": 1000, "gid": 1001, "additionalGids": [5, 6], "umask": 0o77}}},
    ),
    "capabilities": (
        "v2",
        {
            "process": {
                "user": {"uid": 1000, "gid": 1000},
                "capabilities": {
                    "bounding": ENGINE_CAPABILITIES,
                    "permitted": ENGINE_CAPABILITIES,
                    "effective": ENGINE_CAPABILITIES,
                    "inheritable": ["CAP_KILL"],
                    "ambient": ["CAP_KILL", "CAP_CHOWN", "CAP_NOBODY_KNOWS"],
                },
            }
        },
    ),
    "limits": (
        "v2",
        {
            "process": {
                "rlimits": [
                    {"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200},
                    {"type": "RLIMIT_CORE", "soft": 0, "hard": 2**64 - 1},
                ],
                "oomScoreAdj": 500,
            }
        },
    ),
    "limits in a user namespace": (
        "v2",
        merged(
            USER,
            {"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]}},
        ),
    ),
    "scheduling": (
        "v2",
        {
            "process": {
                "scheduler": {"policy": "SCHED_BATCH", "nice": 5},
                "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4},
            },
            "linux": {
                "personality": {"domain": "LINUX32"},
                "memoryPolicy": {
                    "mode": "MPOL_BIND",
                    "nodes": "0",
                    "flags": ["MPOL_F_STATIC_NODES"],
                },
            },
        },
    ),
    "scheduling in real time": (
        "v2",
        {
            "process": {
                "user": {"uid": 1000, "gid": 1000},
                "scheduler": {
                    "policy": "SCHED_RR",
                    "priority": 10,
                    "flags": ["SCHED_FLAG_RESET_ON_FORK"],
                },
                "ioPriority": {"class": "IOPRIO_CLASS_RT", "priority": 0},
            },
            "linux": {
                "memoryPolicy": {"mode": "MPOL_LOCAL"},
                "personality": {"domain": "LINUX", "flags": []},
            },
        },
    ),
    "affinity of an exec is not init's": (
        "v2",
        {"process": {"execCPUAffinity": {"initial": "0", "final": "0-1"}}},
    ),
    "scheduling with a deadline": (
        "v2",
        {
            "process": {
                "scheduler": {
                    "policy": "SCHED_DEADLINE",
                    "flags": ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM"],
                    "runtime": 10_000_000,
                    "deadline": 30_000_000,
                    "period": 2**63,
                },
            },
        },
    ),
    "terminal": ("v2", {"process": {"terminal": True, "consoleSize": {"height": 24, "width": 80}}}),
    "new privileges with a filter": ("v2", {"process": {"noNewPrivileges": False}}),
    "no new privileges with a filter": ("v2", {}),
    "names": ("v2", {"hostname": "web", "domainname": "example"}),
    "home from the container": ("v2", {"process": {"env": ["PATH=/bin"]}}),
    "sysctl": (
        "v2",
        {"linux": {"sysctl": {"net.ipv4.ip_forward": "1", "net/ipv4/conf/eth0.1/forwarding": "0"}}},
    ),
    "sysctl of an interface with a dot in its name": (
        "v2",
        {"linux": {"sysctl": {"net.ipv4.conf.eth0/1.forwarding": "0"}}},
    ),
    "annotations": ("v2", {"annotations": {"org.example.key": "value"}}),
    "seccomp profile": (
        "v2",
        {
            "linux": {
                "seccomp": {
                    "defaultAction": "SCMP_ACT_ERRNO",
                    "defaultErrnoRet": 38,
                    "architectures": ["SCMP_ARCH_X86_64"],
                    "flags": ["SECCOMP_FILTER_FLAG_LOG"],
                    "syscalls": [
                        {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
                        {
                            "names": ["socket"],
                            "action": "SCMP_ACT_ERRNO",
                            "errnoRet": 22,
                            "args": [
                                {
                                    "index": 0,
                                    "value": 255,
                                    "valueTwo": 16,
                                    "op": "SCMP_CMP_MASKED_EQ",
                                }
                            ],
                        },
                    ],
                }
            }
        },
    ),
    "a class of service of its own": ("with resctrl", {"linux": {"intelRdt": {}}}),
    "the default class of service": (
        "with resctrl",
        {"linux": {"intelRdt": {"closID": "/", "enableMonitoring": True}}},
    ),
    "a named class of service": (
        "with resctrl",
        {
            "linux": {
                "intelRdt": {
                    "closID": "gold",
                    "l3CacheSchema": "L3:0=7f0;1=1f",
                    "memBwSchema": "MB:0=20;1=70",
                    "schemata": ["L2:0=f;1=f", "MB:1=50"],
                    "enableMonitoring": True,
                },
                "netDevices": {"eth1": {"name": "eth0"}},
            }
        },
    ),
    "a prepared class of service": (
        "with resctrl",
        {"linux": {"intelRdt": {"closID": "gold"}}},
    ),
    "network devices": (
        "v1",
        {"linux": {"netDevices": {"eth1": {}, "eth2": {"name": "net%d"}}}},
    ),
    "network devices in a user namespace": (
        "v2",
        merged(USER, {"linux": {"netDevices": {"eth1": {"name": "eth0"}}}}),
    ),
    # hooks, resources
    "hooks": (
        "v2",
        {
            "hooks": {
                kind: [hook(f"/hooks/{kind}", timeout=3)]
                for kind in (
                    *("prestart", "createRuntime", "createContainer"),
                    *("startContainer", "poststart", "poststop"),
                )
            }
        },
    ),
    **{
        f"resources on {name}": (
            name,
            {
                "linux": {
                    "cgroupsPath": "/pods/web",
                    "resources": {
                        "memory": {"limit": 1 << 28, "reservation": 1 << 27, "swap": 1 << 29},
                        "cpu": {"shares": 512, "quota": 50000, "period": 100000, "cpus": "0-1"},
                        "pids": {"limit": 100},
                        "devices": [
                            {"allow": False, "access": "rwm"},
                            {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"},
                        ],
                    },
                }
            },
        )
        for name in ("v1", "v2", "hybrid")
    },
    "every resource of v1": (
        "every controller of v1",
        {
            "linux": {
                "cgroupsPath": "/pods/web",
                "resources": {
                    "memory": {
                        "limit": 1 << 28,
                        "reservation": 1 << 27,
                        "swap": -1,
                        "swappiness": 7,
                        "kernel": -1,
                        "kernelTCP": 1 << 20,
                        "disableOOMKiller": True,
                        "useHierarchy": True,
                        "checkBeforeUpdate": True,
                    },
                    "cpu": {
                        "shares": 512,
                        "quota": 50000,
                        "period": 100000,
                        "burst": 1000,
                        "realtimeRuntime": 950,
                        "realtimePeriod": 1000,
                        "idle": 0,
                        "cpus": "0-1",
                        "mems": "0",
                    },
                    "pids": {"limit": -1},
                    "blockIO": {
                        "weight": 500,
                        "leafWeight": 300,
                        "weightDevice": [{"major": 8, "minor": 0, "weight": 10, "leafWeight": 20}],
                        "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1}],
                        "throttleWriteBpsDevice": [{"major": 8, "minor": 0, "rate": 2}],
                        "throttleReadIOPSDevice": [{"major": 8, "minor": 0, "rate": 3}],
                        "throttleWriteIOPSDevice": [{"major": 8, "minor": 0, "rate": 0}],
                    },
                    "hugepageLimits": [{"pageSize": "2MB", "limit": 4 << 20}],
                    "network": {
                        "classID": 0x100001,
                        "priorities": [{"name": "lo", "priority": 500}],
                    },
                    "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10000}},
                },
            }
        },
    ),
    "every resource of v2": (
        "every controller of v2",
        {
            "linux": {
                "cgroupsPath": "/pods/web",
                "resources": {
                    "memory": {
                        "limit": 1 << 28,
                        "reservation": 1 << 27,
                        "swap": 1 << 29,
                        "kernel": -1,
                        "checkBeforeUpdate": True,
                    },
                    "cpu": {
                        "shares": 512,
                        "quota": 50000,
                        "period": 100000,
                        "burst": 1000,
                        "idle": 0,
                        "cpus": "0-1",
                        "mems": "0",
                    },
                    "pids": {"limit": 0},
                    "blockIO": {
                        "weight": 500,
                        "weightDevice": [{"major": 8, "minor": 0, "weight": 10}],
                        "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1}],
                        "throttleWriteIOPSDevice": [{"major": 8, "minor": 0, "rate": 0}],
                    },
                    "hugepageLimits": [{"pageSize": "1GB", "limit": 1 << 30}],
                    "rdma": {"mlx5_1": {"hcaObjects": 10000}},
                    "unified": {"misc.max": "sev 3", "memory.high": "200000000", "pids.new": "1"},
                },
            }
        },
    ),
    # labels
    "apparmor profile": ("apparmor", {"process": {"apparmorProfile": "docker-default"}}),
    "apparmor profile on an old kernel": (
        "apparmor before 5.8",
        {"process": {"apparmorProfile": "docker-default"}},
    ),
    "no apparmor profile without apparmor": (
        "v2",
        {"process": {"apparmorProfile": "unconfined"}},
    ),
    "selinux label": ("selinux", {"process": {"selinuxLabel": PROCESS_LABEL}}),
    **{
        f"mount label{name}": (
            facts,
            {
                "mounts": [
                    mount("/proc", "proc"),
                    DEV,
                    mount("/dev/pts", "devpts", "newinstance"),
                    mount("/dev/mqueue", "mqueue", "nosuid"),
                    mount("/run", "tmpfs", "mode=755", "context=system_u:object_r:tmp_t:s0"),
                    mount("/mnt", "ext4", "iversion", source="/dev/x"),
                    mount("/sys", "sysfs", "ro"),
                    mount("/sys/fs/cgroup", "cgroup", "ro"),
                    bind(),
                ],
                "linux": {"mountLabel": MOUNT_LABEL, "maskedPaths": ["/proc/acpi"]},
            },
        )
        for name, facts in (
            ("", "selinux"),
            (" with cgroup v1", "selinux with cgroup v1"),
            (" on an old kernel", "selinux before 5.2"),
        )
    },
    # landlock, by annotation
    "landlock, files": (
        "landlock 1",
        landlock(
            handledAccessFS=["write_file", "make_reg"],
            rules=[{"paths": ["/tmp"], "allowedAccess": ["write_file"]}],
        ),
    ),
    "landlock, all of it": ("landlock 7", landlock(**WHOLE_POLICY)),
    **{
        f"landlock, the best of version {version}": (
            f"landlock {version}",
            landlock(**WHOLE_POLICY, bestEffort=True),
        )
        for version in range(7)
    },
    "landlock with a filter": (
        "landlock 6",
        {"process": {"noNewPrivileges": False}, **landlock(scoped=["signal"])},
    ),
    "landlock, a filter and no new privileges": ("landlock 6", landlock(scoped=["signal"])),
    # systemd
    "systemd": ("v2", {}),
    "systemd with limits": (
        "v2",
        {
            "annotations": {
                "org.systemd.property.TimeoutStopSec": "10",
                "org.systemd.property.After": "['network.target', 'a.service']",
                "org.systemd.property.Description": "'the web'",
            },
            "linux": {
                "cgroupsPath": "machine-pod.slice:engine:web",
                "resources": {
                    "devices": [{"allow": False}, {"allow": True, "type": "b", "major": 8}],
                    "memory": {"limit": 1 << 28, "reservation": 1 << 27, "swap": 1 << 29},
                    "cpu": {
                        "shares": 512,
                        "quota": 12345,
                        "period": 50000,
                        "cpus": "0-1,8",
                        "mems": "0",
                    },
                    "pids": {"limit": 1},
                    "blockIO": {
                        "weight": 500,
                        "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1048576}],
                        "throttleWriteIOPSDevice": [{"major": 8, "minor": 0, "rate": 0}],
                    },
                    "unified": {"memory.high": "200000000", "memory.oom.group": "1"},
                },
            },
        },
    ),
    "systemd on a hybrid host": (
        "hybrid",
        {
            "linux": {
                "cgroupsPath": "-.slice::web",
                "resources": {
                    "memory": {"limit": 1 << 28},
                    "cpu": {"shares": 512, "quota": -1, "cpus": "0"},
                    "pids": {"limit": 100},
                },
            }
        },
    ),
    "systemd of an unprivileged user": (
        "unprivileged",
        merged(
            namespaces({"type": "user"}),
            {
                "linux": {
                    "cgroupsPath": "user.slice:libpod:web",
                    "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}],
                    "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}],
                    "resources": {"pids": {"limit": 100}, "devices": [{"allow": False}]},
                }
            },
        ),
    ),
    # seccomp, with a listener
    "seccomp agent": ("v2", merged(AGENT, {"annotations": {"a": "b"}})),
    "seccomp agent and new privileges": (
        "v2",
        merged(AGENT, {"process": {"noNewPrivileges": False}}),
    ),
    "seccomp agent on an old kernel": ("before 5.2", AGENT),
    "seccomp agent without a process": ("v2", {**AGENT, "process": None}),
}
WITH_FILTER = (
    "new privileges with a filter",
    "no new privileges with a filter",
    "seccomp profile",
    "landlock with a filter",
    "landlock, a filter and no new privileges",
)
BY_SYSTEMD = (
    "systemd",
    "systemd with limits",
    "systemd on a hybrid host",
    "systemd of an unprivileged user",
)
WITH_AGENT = tuple(name for name in CASES if name.startswith("seccomp agent"))
