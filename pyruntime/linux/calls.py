"""One function per system call of csrc/calls.c, by the call's name and in its order of arguments.

Each gives what the kernel gave, or raises KernelError with the call as it was made: flags by name,
descriptors with the path behind them. New descriptors are close-on-exec.
"""

from __future__ import annotations

import errno
import os
import struct

from pyruntime._native import ffi, lib
from pyruntime.errors import KernelError
from pyruntime.linux import flags as f


def openat(dir_fd: int, path: str, flags: int, mode: int = 0) -> int:
    result = lib.call_openat(dir_fd, os.fsencode(path), flags, mode)
    if result < 0:
        raise _failed(result, "openat", _fd(dir_fd), path, f"{flags:#o}")
    return int(result)


def openat2(dir_fd: int, path: str, flags: int, *, mode: int = 0, resolve: int = 0) -> int:
    result = lib.call_openat2(dir_fd, os.fsencode(path), flags, mode, resolve)
    if result < 0:
        how = f.names(resolve, f.RESOLVE_FLAGS)
        raise _failed(result, "openat2", _fd(dir_fd), path, f"{flags:#o}", how)
    return int(result)


def mount(source: str, target: str, fstype: str = "", flags: int = 0, data: str = "") -> None:
    result = lib.call_mount(*map(os.fsencode, (source, target, fstype)), flags, os.fsencode(data))
    if result < 0:
        shown = f.names(flags, f.MOUNT_FLAGS)
        raise _failed(result, "mount", source, target, fstype, shown, *([data] if data else []))


def umount2(target: str, flags: int = 0) -> None:
    result = lib.call_umount2(os.fsencode(target), flags)
    if result < 0:
        raise _failed(result, "umount2", target, f.names(flags, f.UMOUNT_FLAGS))


def pivot_root(new_root: str, put_old: str) -> None:
    result = lib.call_pivot_root(os.fsencode(new_root), os.fsencode(put_old))
    if result < 0:
        raise _failed(result, "pivot_root", new_root, put_old)


def open_tree(dir_fd: int, path: str, flags: int) -> int:
    result = lib.call_open_tree(dir_fd, os.fsencode(path), flags)
    if result < 0:
        raise _failed(result, "open_tree", _fd(dir_fd), path, f.names(flags, f.AT_FLAGS))
    return int(result)


def move_mount(from_fd: int, to_fd: int) -> None:
    """Attach the mount *from_fd* to the place *to_fd*."""
    result = lib.call_move_mount(from_fd, to_fd)
    if result < 0:
        raise _failed(result, "move_mount", _fd(from_fd), _fd(to_fd))


def mount_setattr(
    fd: int,
    flags: int = 0,
    *,
    set: int = 0,
    clear: int = 0,
    propagation: int = 0,
    userns_fd: int = -1,
) -> None:
    """Change the mount *fd*; with AT_RECURSIVE those below it too."""
    result = lib.call_mount_setattr(fd, flags, set, clear, propagation, userns_fd)
    if result < 0:
        shown = [f"set={f.names(set, f.MOUNT_ATTRS)}", f"clear={f.names(clear, f.MOUNT_ATTRS)}"]
        if propagation:
            shown.append(f"propagation={f.names(propagation, f.MOUNT_FLAGS)}")
        if userns_fd >= 0:
            shown.append(f"userns={_fd(userns_fd)}")
        raise _failed(result, "mount_setattr", _fd(fd), f.names(flags, f.AT_FLAGS), *shown)


def fsopen(fstype: str) -> int:
    result = lib.call_fsopen(os.fsencode(fstype))
    if result < 0:
        raise _failed(result, "fsopen", fstype)
    return int(result)


def fsconfig(fs_fd: int, command: int, key: str | None = None, value: str | None = None) -> None:
    result = lib.call_fsconfig(fs_fd, command, _text_or_null(key), _text_or_null(value))
    if result < 0:
        shown = next(
            (name for name, n in f.FSCONFIG_COMMANDS.items() if n == command), str(command)
        )
        raise _failed(result, "fsconfig", shown, key or "NULL", value or "NULL")


def fsmount(fs_fd: int, attributes: int = 0) -> int:
    result = lib.call_fsmount(fs_fd, attributes)
    if result < 0:
        raise _failed(result, "fsmount", f.names(attributes, f.MOUNT_ATTRS))
    return int(result)


def clone3(flags: int, *, cgroup_fd: int = -1) -> tuple[int, int]:
    """Fork with namespaces: (0, -1) in the child; its pid and a pidfd in the parent.

    Python's after-fork hooks don't run: the child may only call and `os._exit`.
    """
    pidfd = ffi.new("int *", -1)
    result = lib.call_clone3(flags, cgroup_fd, pidfd)
    if result < 0:
        where = _fd(cgroup_fd) if cgroup_fd >= 0 else "no cgroup"
        raise _failed(result, "clone3", f.names(flags, f.CLONE_FLAGS), where)
    return int(result), int(pidfd[0]) if result else -1


def unshare(flags: int) -> None:
    result = lib.call_unshare(flags)
    if result < 0:
        raise _failed(result, "unshare", f.names(flags, f.CLONE_FLAGS))


def setns(fd: int, flags: int) -> None:
    """Join the namespace *fd*, or with a pidfd all those of a process that *flags* names (5.8)."""
    result = lib.call_setns(fd, flags)
    if result < 0:
        raise _failed(result, "setns", _fd(fd), f.names(flags, f.CLONE_FLAGS))


def setgroups(groups: list[int]) -> None:
    result = lib.call_setgroups(len(groups), groups)
    if result < 0:
        raise _failed(result, "setgroups", *map(str, groups))


def setresgid(gid: int) -> None:
    """Set all three; of this thread only, as for every call that libc would spread."""
    result = lib.call_setresgid(gid)
    if result < 0:
        raise _failed(result, "setresgid", gid, gid, gid)


def setresuid(uid: int) -> None:
    """Set all three; of this thread only."""
    result = lib.call_setresuid(uid)
    if result < 0:
        raise _failed(result, "setresuid", uid, uid, uid)


def capset(effective: int, permitted: int, inheritable: int) -> None:
    result = lib.call_capset(effective, permitted, inheritable)
    if result < 0:
        raise _failed(result, "capset", *map(hex, (effective, permitted, inheritable)))


def prctl(option: int, a: int = 0, b: int = 0) -> int:
    result = lib.call_prctl(option, a, b)
    if result < 0:
        shown = next((name for name, n in f.PRCTL_OPTIONS.items() if n == option), str(option))
        raise _failed(result, "prctl", shown, a, b)
    return int(result)


def seccomp(flags: int, program: bytes) -> int:
    """Load *program* (of struct sock_filter) over this thread; a listener's descriptor, or 0."""
    instructions = ffi.from_buffer("struct sock_filter[]", program)
    filter_ = ffi.new("struct sock_fprog *", (len(instructions), instructions))
    result = lib.call_seccomp(f.SECCOMP_SET_MODE_FILTER, flags, filter_)
    if result < 0:
        shown = f.names(flags, f.SECCOMP_FILTER_FLAGS)
        raise _failed(result, "seccomp", "SECCOMP_SET_MODE_FILTER", shown)
    return int(result)


def seccomp_knows_flag(flag: int) -> bool:
    """Whether the kernel has the filter flag *flag*: it looks at flags before it looks for a program."""
    return int(lib.call_seccomp(f.SECCOMP_SET_MODE_FILTER, flag, ffi.NULL)) == -errno.EFAULT


def keyctl_join(name: str) -> int:
    """Join the session keyring *name*, a new one if there is none; its number."""
    result = lib.call_keyctl_join(os.fsencode(name))
    if result < 0:
        raise _failed(result, "keyctl", "KEYCTL_JOIN_SESSION_KEYRING", name)
    return int(result)


def sethostname(name: str) -> None:
    encoded = os.fsencode(name)
    result = lib.call_sethostname(encoded, len(encoded))
    if result < 0:
        raise _failed(result, "sethostname", name)


def setdomainname(name: str) -> None:
    encoded = os.fsencode(name)
    result = lib.call_setdomainname(encoded, len(encoded))
    if result < 0:
        raise _failed(result, "setdomainname", name)


def close_range(first: int, last: int, flags: int = 0) -> None:
    result = lib.call_close_range(first, last, flags)
    if result < 0:
        raise _failed(result, "close_range", first, last, f.names(flags, f.CLOSE_RANGE_FLAGS))


def pidfd_open(pid: int) -> int:
    result = lib.call_pidfd_open(pid)
    if result < 0:
        raise _failed(result, "pidfd_open", pid)
    return int(result)


def pidfd_getfd(pidfd: int, fd: int) -> int:
    """A duplicate of the descriptor *fd* of the process behind *pidfd*."""
    result = lib.call_pidfd_getfd(pidfd, fd)
    if result < 0:
        raise _failed(result, "pidfd_getfd", pidfd, fd)
    return int(result)


def fstatfs_type(fd: int) -> int:
    """The magic number of *fd*'s file system."""
    result = lib.call_fstatfs_type(fd)
    if result < 0:
        raise _failed(result, "fstatfs", _fd(fd))
    return int(result)


def bpf_prog_load(kind: int, program: bytes, *, name: str = "") -> int:
    """A descriptor of *program* (of struct bpf_insn), a BPF_PROG_TYPE_*."""
    code, license_ = ffi.from_buffer(program), ffi.new("char[]", b"Apache-2.0")
    attributes = struct.pack(
        "=IIQQIIQII16s",
        *(kind, len(program) // 8, _address(code), _address(license_)),
        *(0, 0, 0),  # the verifier's log
        *(0, 0, name.encode()[:15]),
    )
    what = f"{len(program) // 8} instructions"
    return _bpf(f.BPF_PROG_LOAD, attributes, "BPF_PROG_LOAD", what, name)[0]


def bpf_prog_attach(
    target_fd: int, program_fd: int, kind: int, flags: int = 0, *, replace_fd: int = 0
) -> None:
    """Attach to the cgroup *target_fd*; *kind* is a BPF_CGROUP_*, *replace_fd* goes with BPF_F_REPLACE."""
    attributes = struct.pack("=IIIII", target_fd, program_fd, kind, flags, replace_fd)
    _bpf(f.BPF_PROG_ATTACH, attributes, "BPF_PROG_ATTACH", _fd(target_fd))


def bpf_prog_detach(target_fd: int, program_fd: int, kind: int) -> None:
    attributes = struct.pack("=III", target_fd, program_fd, kind)
    _bpf(f.BPF_PROG_DETACH, attributes, "BPF_PROG_DETACH", _fd(target_fd))


def bpf_prog_ids(target_fd: int, kind: int) -> list[int]:
    """The ids of the programs of *kind* that are attached to the cgroup *target_fd* itself."""
    most = 64  # BPF_CGROUP_MAX_PROGS
    ids = ffi.new("uint32_t[]", most)
    attributes = struct.pack("=IIIIQI", target_fd, kind, 0, 0, _address(ids), most)
    _, after = _bpf(f.BPF_PROG_QUERY, attributes, "BPF_PROG_QUERY", _fd(target_fd))
    count = struct.unpack_from("=I", after, 24)[0]
    return [int(ids[i]) for i in range(count)]


def bpf_prog_fd(program_id: int) -> int:
    """A descriptor of the program *program_id*."""
    attributes = struct.pack("=II", program_id, 0)
    return _bpf(f.BPF_PROG_GET_FD_BY_ID, attributes, "BPF_PROG_GET_FD_BY_ID", program_id)[0]


def _bpf(command: int, attributes: bytes, *shown: str | int) -> tuple[int, bytes]:
    """The result, and the attributes as the kernel left them."""
    # It takes a structure that is shorter or longer than its own if what is too much is zero.
    buffer = ffi.new("char[]", attributes.ljust(128, b"\0"))
    result = lib.call_bpf(command, buffer, 128)
    if result < 0:
        raise _failed(result, "bpf", *shown)
    return int(result), bytes(ffi.buffer(buffer, 128))


def _address(data: object) -> int:
    return int(ffi.cast("uintptr_t", data))


def _text_or_null(text: str | None) -> object:
    return ffi.NULL if text is None else os.fsencode(text)


def _fd(fd: int) -> str:
    """*fd* with what it is open on, for an error."""
    if fd == f.AT_FDCWD:
        return "AT_FDCWD"
    try:
        return f"{fd}<{os.readlink(f'/proc/self/fd/{fd}')}>"
    except OSError:
        return str(fd)


def _failed(result: int, call: str, *arguments: str | int) -> KernelError:
    return KernelError(f"{call}({', '.join(map(str, arguments))})", -result)
