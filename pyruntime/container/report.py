"""From the executor's (step, errno, call) to the sentence. The step knows its origin, this file knows the traps.

Some texts are contract: podman, Docker and their tests look for them (`executable file not found in`, ...).
"""

from __future__ import annotations

import errno
import os

from pyruntime.errors import Error, HookError, KernelError, reason
from pyruntime.plan.calls import CALLS, HOOK_STATUS
from pyruntime.plan.show import op_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.cgroups.base import Cgroup
    from pyruntime.plan.step import Step

SIGKILL, SIGSYS = 9, 31

ON_A_TARGET = (
    *("mount", "mount_classic", "bind", "bind_classic"),
    *("mask", "mask_classic", "readonly", "readonly_classic"),
)

#    (op, errno): hint
HINTS = {
    **{
        (op, errno.EBUSY): "it leads to the container's root, where a mount would be lost"
        for op in ON_A_TARGET
    },
    ("bind", errno.ENOENT): "the source of a bind mount must exist",
    ("bind_classic", errno.ENOENT): "the source of a bind mount must exist",
    ("open_tree", errno.ENOENT): "the source of a bind mount must exist",
    (
        "mount",
        errno.ELOOP,
    ): "the destination is reached through a symbolic link in the root file system",
    ("mount", errno.ENODEV): "this kernel has no such file system",
    (
        "mount",
        errno.EPERM,
    ): "inside procfs; or in a user namespace that does not own what the file system shows; or, for proc and sysfs, "
    "something is mounted over parts of the runtime's own, which must not come to light",
    ("bind_rootfs", errno.ENOENT): "root.path is looked up relative to the bundle",
    ("clone", errno.EPERM): "new namespaces need root, or a user namespace as well",
    ("clone", errno.ENOSPC): "the limit of /proc/sys/user/max_*_namespaces is reached",
    ("clone", errno.EINVAL): "one of these namespace types is not in this kernel",
    ("setns", errno.EINVAL): "the path is not a namespace of this type",
    ("setresuid", errno.EINVAL): "the id is not in linux.uidMappings",
    ("setresgid", errno.EINVAL): "the id is not in linux.gidMappings",
    ("setgroups", errno.EINVAL): "an id is not in linux.gidMappings",
    ("setrlimit", errno.EPERM): "raising a hard limit needs CAP_SYS_RESOURCE",
    ("join_cgroup", errno.ENOSPC): "its cpuset has no processors or no memory nodes",
    ("open_cgroup", errno.EXDEV): "that is not in a file system of cgroups",
    ("open_cgroup", errno.ELOOP): "no part of the path of a cgroup may be a symbolic link",
    ("scheduler", errno.EPERM): "real-time, a lower nice value and deadlines need CAP_SYS_NICE; "
    "real-time also time for its cgroup (cpu.realtimeRuntime), a deadline all processors",
    ("scheduler", errno.EINVAL): "the policy does not take these values: sched(7)",
    ("scheduler", errno.EBUSY): "the processors have no such bandwidth left: sched(7)",
    ("scheduler", errno.EOPNOTSUPP): "this kernel has no utilization clamping",
    ("write_proc", errno.EACCES): "lowering the score needs CAP_SYS_RESOURCE",
    ("write_proc", errno.ENOENT): "no profile of this name is loaded in the kernel",
    (
        "connect",
        errno.EAGAIN,
    ): "whoever listens has not accepted for 5 seconds, and no more may wait",
    ("connect", errno.ECONNREFUSED): "nobody listens on this socket",
    ("connect", errno.EPROTOTYPE): "the socket is not one of type SOCK_STREAM",
    ("seccomp", errno.EINVAL): "this kernel lacks one of these flags",
    ("seccomp_notify", errno.EINVAL): "this kernel lacks one of these flags",
    (
        "seccomp_notify",
        errno.EBUSY,
    ): "the runtime itself is under a filter with a listener, and the kernel takes one",
    ("seccomp_notify", errno.EAGAIN): "the agent does not read what it is sent",
    ("seccomp_notify", errno.EPIPE): "the agent has closed the connection",
    ("console", errno.ENOENT): "a terminal needs a mount of type devpts on /dev/pts",
    ("sysctl", errno.ENOENT): "this kernel has no such parameter",
    (
        "landlock_path",
        errno.ENOENT,
    ): 'rules are about paths in the container; "optional": true lets one be missing',
    (
        "landlock_path",
        errno.EINVAL,
    ): "a rule for a file can allow only execute, write_file, read_file, truncate and ioctl_dev",
    (
        "landlock_restrict",
        errno.EPERM,
    ): "a process without noNewPrivileges needs CAP_SYS_ADMIN for it",
}


def failure(step: Step, error: int, call: int) -> Error:
    """The error of a step that reported one."""
    if step.op.name == "hook":
        found: Error = _hook(step, error, call)
    elif step.op.name == "find_executable":
        found = Error(_lookup(str(step.op.args[0]), error))
    elif step.op.name.startswith("chdir"):
        cwd = str(step.op.args[0])
        text = f'chdir to cwd ("{cwd}") set in config.json failed: {reason(error)}'
        found = KernelError(text, 0, hint=_chdir_hint(error))
    else:
        found = _plain(step, error, call)
    if step.origin:
        found.context.append(step.origin)
    return found


def _plain(step: Step, error: int, call: int) -> Error:
    name = CALLS[call] if 0 <= call < len(CALLS) else "?"
    text = op_text(step.op)
    if name not in ("none", step.op.name):
        text += f": {name}"
    return KernelError(text, error, hint=HINTS.get((step.op.name, error), ""))


def _lookup(name: str, error: int) -> str:
    if error == errno.ENOENT:
        if "/" in name:
            return f'exec: "{name}": stat {name}: no such file or directory'
        return f'exec: "{name}": executable file not found in $PATH'
    if error == errno.EISDIR:
        return f'exec: "{name}": is a directory'
    return f'exec: "{name}": {reason(error)}'


def _chdir_hint(error: int) -> str:
    if error == errno.EACCES:
        return "the user has no execute permission on it, or on a directory above it"
    if error in (errno.ELOOP, errno.EXDEV):
        return "it leads out of the container"
    return ""


def _hook(step: Step, error: int, call: int) -> Error:
    path, timeout_s = str(step.op.args[0]), str(step.op.args[1])
    if CALLS[call] == "hook" and error >= HOOK_STATUS:
        return HookError(f"{path}: {wait_status(error - HOOK_STATUS)}")
    if error == errno.ETIME:
        return HookError(f"{path}: hook ran past specified timeout of {timeout_s}.0s")
    return HookError(f"{path}: {CALLS[call]}: {reason(error)}")


def death(step: Step, status: int, cgroup: Cgroup) -> Error:
    """The error of a process that ended in a step, or on its way there, without a word; its wait status tells why."""
    place = step.origin or step.op.name
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if number == SIGKILL and cgroup.oom_kills():
        return Error(f"{place}: container init was OOM-killed (memory limit too low?)")
    what = "init ended"
    if step.op.name == "exec":
        what = f'exec: "{step.op.args[3]!s}": the process ended before it'
    return Error(f"{place}: {what}: {wait_status(status)}", hint=_death_hint(step, number))


def _death_hint(step: Step, number: int) -> str:
    """What is known to end a process with this signal."""
    if number == SIGSYS:
        return "linux.seccomp kills for a system call that comes before the program: execve at least must be allowed"
    if number != SIGKILL or step.op.name != "clone":
        return ""
    return (
        "kernels since 6.14 kill what is cloned out of a cgroup in which cgroup.kill has ever been written:"
        " start the runtime in another cgroup"
    )


def wait_status(value: int) -> str:
    """`exit status 1`, or `signal SIGKILL`. wait(2)."""
    if os.WIFSIGNALED(value):
        from pyruntime.linux.signals import name

        return f"signal {name(os.WTERMSIG(value))}"
    return f"exit status {os.WEXITSTATUS(value)}"
