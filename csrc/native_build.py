"""Write the C source of pyruntime._native: csrc/calls.h for Python, in cffi's API mode.

    python3 csrc/native_build.py OUTPUT

The compiler checks every signature against calls.h, and gives the value of every constant that
pyruntime/linux/flags.py names (tests/unit/linux/test_constants.py compares the two).
"""

from __future__ import annotations

import sys
from pathlib import Path

from cffi import FFI

CALLS = """
    typedef int... pid_t;

    int call_openat(int dirfd, const char *path, int flags, unsigned mode);
    int call_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
    int call_mount(const char *source, const char *target, const char *fstype, unsigned long flags,
                   const char *data);
    int call_umount2(const char *target, int flags);
    int call_pivot_root(const char *new_root, const char *put_old);
    int call_open_tree(int dirfd, const char *path, unsigned flags);
    int call_move_mount(int from_fd, int to_fd);
    int call_mount_setattr(int fd, unsigned flags, uint64_t set, uint64_t clear,
                           uint64_t propagation, int userns_fd);
    int call_fsopen(const char *fstype);
    int call_fsconfig(int fs_fd, unsigned command, const char *key, const char *value);
    int call_fsmount(int fs_fd, unsigned attributes);
    int call_clone3(uint64_t flags, int cgroup_fd, int *pidfd);
    int call_unshare(int flags);
    int call_setns(int fd, int flags);
    int call_setgroups(size_t count, const uint32_t *groups);
    int call_setresgid(uint32_t gid);
    int call_setresuid(uint32_t uid);
    int call_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable);
    int call_prctl(int option, unsigned long a, unsigned long b);
    int call_seccomp(unsigned operation, unsigned flags, void *arguments);
    int call_keyctl_join(const char *name);
    int call_setdomainname(const char *name, size_t length);
    int call_sethostname(const char *name, size_t length);
    int call_close_range(unsigned first, unsigned last, unsigned flags);
    int call_bpf(int command, void *attributes, unsigned size);
    int call_pidfd_open(pid_t pid);
    int call_pidfd_getfd(int pidfd, int fd);
    int64_t call_fstatfs_type(int fd);

    struct sock_filter { uint16_t code; uint8_t jt, jf; uint32_t k; };
    struct sock_fprog { unsigned short len; struct sock_filter *filter; };
"""

# <sys/mount.h> has these and cannot be included beside <linux/mount.h> (glibc before 2.37).
UNCHECKED = {"MNT_FORCE", "MNT_DETACH", "MNT_EXPIRE", "UMOUNT_NOFOLLOW"}

# Macros that the oldest headers we build with may lack: Linux 5.15 has all others. An enumerator
# couldn't be tested for like this.
NEWER = ("MOVE_MOUNT_SET_GROUP", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")

INCLUDES = """
#include "calls.h"
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <linux/bpf.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
"""


def main(output: str) -> None:
    constants = read_constants()
    ffi = FFI()
    ffi.cdef(CALLS + "\n".join(f"#define {name} ..." for name in constants))
    fallbacks = [f"#ifndef {name}\n#define {name} {constants[name]}\n#endif" for name in NEWER]
    ffi.set_source("pyruntime._native", INCLUDES + "\n".join(fallbacks))
    ffi.emit_c_code(output)


def read_constants() -> dict[str, int]:
    """The integers of linux/flags.py. The file is run by itself: nothing of the package is needed."""
    path = Path(__file__).parent.parent / "pyruntime" / "linux" / "flags.py"
    namespace: dict[str, object] = {}
    exec(compile(path.read_bytes(), str(path), "exec"), namespace)
    return {
        name: value
        for name, value in namespace.items()
        if isinstance(value, int) and not name.startswith("__") and name not in UNCHECKED
    }


if __name__ == "__main__":
    main(sys.argv[1])
