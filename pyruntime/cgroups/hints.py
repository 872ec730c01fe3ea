"""What errors of cgroup files really mean. Loaded only when there is one."""

from __future__ import annotations

import errno

#  file (or how its name begins), errno, hint
HINTS = (
    (
        "memory.memsw.",
        (errno.ENOENT, errno.EOPNOTSUPP),
        "swap accounting is off: boot with swapaccount=1, or leave linux.resources.memory.swap out",
    ),
    ("memory.memsw.", (errno.EINVAL,), "memory and swap together cannot have less than memory"),
    ("memory.swap.max", (errno.ENOENT,), "this kernel has no swap accounting"),
    ("memory.limit_in_bytes", (errno.EBUSY,), "the cgroup uses more memory than that already"),
    ("memory.soft_limit_in_bytes", (errno.EINVAL,), "a PREEMPT_RT kernel has no soft limit"),
    ("memory.oom_control", (errno.EINVAL,), "the OOM killer of the hierarchy's root stays on"),
    (
        "cpuset.",
        (errno.EINVAL, errno.EACCES, errno.ENODEV, errno.ERANGE, errno.ENOSPC),
        "each must be online, and one of the parent cgroup's",
    ),
    (
        "cpu.cfs_",
        (errno.EINVAL,),
        "the period is 1 ms to 1 s, the quota at least 1 ms, in relation to the period not more than"
        " the parent's, the burst not more than the quota",
    ),
    (
        "cpu.max",
        (errno.EINVAL, errno.ERANGE),
        "the period is 1 ms to 1 s, the quota at least 1 ms, the burst not more than the quota",
    ),
    (
        "cpu.rt_",
        (errno.EINVAL, errno.EBUSY, errno.ENOENT, errno.EPERM),
        "the parent cgroup needs a cpu.rt_runtime_us of at least that, and the kernel real-time groups",
    ),
    ("devices.", (errno.EPERM,), "the parent cgroup does not allow that itself"),
    ("hugetlb.", (errno.ENOENT,), "no such page size: see /sys/kernel/mm/hugepages"),
    (
        "blkio.",
        (errno.ENOENT,),
        "the block scheduler in use has no such control",
    ),
    ("blkio.", (errno.ENODEV, errno.ENXIO), "no such block device (a partition is none)"),
    ("io.", (errno.ENODEV, errno.ENXIO), "no such block device (a partition is none)"),
    ("cpu.idle", (errno.ENOENT,), "Linux 5.15 or newer is needed"),
    ("cgroup.procs", (errno.EBUSY,), "a cgroup whose children have controllers takes no processes"),
    ("cgroup.procs", (errno.EOPNOTSUPP,), "the cgroup is below a threaded one"),
    (
        "",
        (errno.ENOENT,),
        "the controller is not enabled for this cgroup, or the kernel has no such file",
    ),
    ("", (errno.EROFS,), "the cgroup file system is mounted read-only"),
    ("", (errno.EACCES, errno.EPERM), "only root, or the user it was delegated to, may do that"),
)


def hint_for(file: str, number: int) -> str:
    """The first hint that fits; "" if none does. *file* is "" for what is done to a directory."""
    for name, numbers, hint in HINTS:
        if number in numbers and file.startswith(name) and (file or number != errno.ENOENT):
            return hint
    return ""
