"""The namespace types of config.json, as the kernel calls them. namespaces(7)."""

from __future__ import annotations

from pyruntime.linux import flags

#   type in config.json   flag of clone(2)   name in /proc/PID/ns
TYPES = {
    "pid": (flags.CLONE_NEWPID, "pid"),
    "network": (flags.CLONE_NEWNET, "net"),
    "mount": (flags.CLONE_NEWNS, "mnt"),
    "ipc": (flags.CLONE_NEWIPC, "ipc"),
    "uts": (flags.CLONE_NEWUTS, "uts"),
    "user": (flags.CLONE_NEWUSER, "user"),
    "cgroup": (flags.CLONE_NEWCGROUP, "cgroup"),
    "time": (flags.CLONE_NEWTIME, "time"),
}

# unshare(2) and setns(2) of these types change only what later children get; /proc/PID/ns/X stays.
FOR_CHILDREN = {"pid": "pid_for_children", "time": "time_for_children"}
