"""The system calls in which a step can fail: the order of CALLS in csrc/calls.h, which a test compares."""

from __future__ import annotations

CALLS = (
    *(["none", "open", "openat", "openat2", "read", "write", "fstat", "fstatfs", "mkdirat"]),
    *(
        [
            "mknodat",
            "symlinkat",
            "unlinkat",
            "readlinkat",
            "fchownat",
            "fchmodat",
            "mount",
            "umount2",
        ]
    ),
    *(["pivot_root", "open_tree", "move_mount", "mount_setattr", "fsopen", "fsconfig", "fsmount"]),
    *(
        [
            "clone3",
            "clone",
            "unshare",
            "setns",
            "chdir",
            "fchdir",
            "chroot",
            "getcwd",
            "sethostname",
        ]
    ),
    *(["setdomainname", "setrlimit", "prctl", "capset", "setgroups", "setresgid", "setresuid"]),
    *(["seccomp", "setsid", "ioctl", "keyctl", "socket", "connect", "sendmsg", "pipe2", "execve"]),
    *(["close_range", "bpf", "access", "waitid", "getdents64", "faccessat", "pidfd_open"]),
    *(["sched_setaffinity", "memory", "plan", "hook", "lookup", "personality"]),
    *(["sched_setattr", "ioprio_set", "set_mempolicy", "fork", "waitpid"]),
    *(["landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "setxattr"]),
    "eventfd",
)

HOOK_STATUS = 4096
"""A report of the call "hook" carries this plus the wait status in the place of errno."""
