/* One thin wrapper per system call that libc lacks or wraps in ways we do not want. Each returns what the kernel
 * returned, or -errno. Linked into the executor and into the Python extension `_native`, so that tests can call each alone.
 *
 * The kernel's own headers give the constants and structures; <sys/mount.h> of glibc 2.36 cannot be included beside
 * <linux/mount.h>, so nothing here uses it. */
#pragma once

#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Every call an op can fail in. The order is the wire's: pyruntime/plan/calls.py holds the same list, a test compares them. */
/* clang-format off */
#define CALLS(X) \
    X(none) X(open) X(openat) X(openat2) X(read) X(write) X(fstat) X(fstatfs) X(mkdirat) \
    X(mknodat) X(symlinkat) X(unlinkat) X(readlinkat) X(fchownat) X(fchmodat) X(mount) \
    X(umount2) X(pivot_root) X(open_tree) X(move_mount) X(mount_setattr) X(fsopen) X(fsconfig) \
    X(fsmount) X(clone3) X(clone) X(unshare) X(setns) X(chdir) X(fchdir) X(chroot) X(getcwd) \
    X(sethostname) X(setdomainname) X(setrlimit) X(prctl) X(capset) X(setgroups) X(setresgid) \
    X(setresuid) X(seccomp) X(setsid) X(ioctl) X(keyctl) X(socket) X(connect) X(sendmsg) \
    X(pipe2) X(execve) X(close_range) X(bpf) X(access) X(waitid) X(getdents64) X(faccessat) \
    X(pidfd_open) X(sched_setaffinity) X(memory) X(plan) X(hook) X(lookup) X(personality) \
    X(sched_setattr) X(ioprio_set) X(set_mempolicy) X(fork) X(waitpid) \
    X(landlock_create_ruleset) X(landlock_add_rule) X(landlock_restrict_self) X(setxattr) \
    X(eventfd)
/* clang-format on */

enum call {
#define X(name) CALL_##name,
    CALLS(X)
#undef X
};

extern int last_call; /* an `enum call`: the last one that failed, for the report */

int failed(int call);          /* remembers *call* and gives -errno */
int fail(int call, int error); /* the same with an errno of our own: gives -error */

int call_openat(int dirfd, const char *path, int flags, unsigned mode);
int call_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
uint64_t call_mount_id(int fd); /* 0: the kernel does not tell */
int call_mount(const char *source, const char *target, const char *fstype, unsigned long flags,
               const char *data);
int call_umount2(const char *target, int flags);
int call_pivot_root(const char *new_root, const char *put_old);
int call_open_tree(int dirfd, const char *path, unsigned flags);
int call_move_mount(int from_fd, int to_fd);
int call_mount_setattr(int fd, unsigned flags, uint64_t set, uint64_t clear, uint64_t propagation,
                       int userns_fd);
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
int call_landlock_create_ruleset(const void *attributes, size_t size, unsigned flags);
int call_landlock_add_rule(int ruleset_fd, int type, const void *attributes);
int call_landlock_restrict_self(int ruleset_fd, unsigned flags);
int64_t call_fstatfs_type(int fd);
