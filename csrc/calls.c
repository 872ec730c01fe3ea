/* See calls.h. Nothing here knows what a container is. */
#define _GNU_SOURCE
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

int last_call;

int fail(int call, int error)
{
    last_call = call;
    return -error;
}

int failed(int call)
{
    return fail(call, errno);
}

#define RETURN(name, expression)                                                                   \
    do {                                                                                           \
        long result_ = (expression);                                                               \
        return result_ < 0 ? failed(CALL_##name) : (int)result_;                                   \
    } while (0)

int call_openat(int dirfd, const char *path, int flags, unsigned mode)
{
    RETURN(openat, syscall(SYS_openat, dirfd, path, flags | O_CLOEXEC | O_LARGEFILE, mode));
}

int call_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
    struct open_how how = {.flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve};

    RETURN(openat2, syscall(SYS_openat2, dirfd, path, &how, sizeof(how)));
}

/* statx(2) with STATX_MNT_ID, Linux 5.8; the C library may be older. stx_mask is the first word, stx_mnt_id the 19th of 8 bytes. */
uint64_t call_mount_id(int fd)
{
    const unsigned wanted = 0x1000;
    union {
        uint32_t mask;
        uint64_t words[32];
    } found = {0};

    if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, wanted, &found) < 0 || !(found.mask & wanted))
        return 0;
    return found.words[18];
}

int call_mount(const char *source, const char *target, const char *fstype, unsigned long flags,
               const char *data)
{
    RETURN(mount, syscall(SYS_mount, source, target, fstype, flags, data));
}

int call_umount2(const char *target, int flags)
{
    RETURN(umount2, syscall(SYS_umount2, target, flags));
}

int call_pivot_root(const char *new_root, const char *put_old)
{
    RETURN(pivot_root, syscall(SYS_pivot_root, new_root, put_old));
}

int call_open_tree(int dirfd, const char *path, unsigned flags)
{
    RETURN(open_tree, syscall(SYS_open_tree, dirfd, path, flags | OPEN_TREE_CLOEXEC));
}

int call_move_mount(int from_fd, int to_fd)
{
    RETURN(move_mount, syscall(SYS_move_mount, from_fd, "", to_fd, "",
                               MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}

int call_mount_setattr(int fd, unsigned flags, uint64_t set, uint64_t clear, uint64_t propagation,
                       int userns_fd)
{
    struct mount_attr attr = {
        .attr_set = set,
        .attr_clr = clear,
        .propagation = propagation,
        .userns_fd = userns_fd < 0 ? 0 : (uint64_t)userns_fd,
    };

    RETURN(mount_setattr,
           syscall(SYS_mount_setattr, fd, "", flags | AT_EMPTY_PATH, &attr, sizeof(attr)));
}

int call_fsopen(const char *fstype)
{
    RETURN(fsopen, syscall(SYS_fsopen, fstype, FSOPEN_CLOEXEC));
}

int call_fsconfig(int fs_fd, unsigned command, const char *key, const char *value)
{
    RETURN(fsconfig, syscall(SYS_fsconfig, fs_fd, command, key, value, 0));
}

int call_fsmount(int fs_fd, unsigned attributes)
{
    RETURN(fsmount, syscall(SYS_fsmount, fs_fd, FSMOUNT_CLOEXEC, attributes));
}

/* Like fork(2) with flags: the child goes on with a copy of this stack. CLONE_INTO_CGROUP when *cgroup_fd* >= 0 (5.7). */
int call_clone3(uint64_t flags, int cgroup_fd, int *pidfd)
{
    struct clone_args args = {
        .flags = flags | (pidfd ? CLONE_PIDFD : 0) | (cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0),
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        /* With CLONE_PARENT the kernel takes the creator's own exit signal and wants 0 here. clone(2). */
        .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
        .cgroup = cgroup_fd < 0 ? 0 : (uint64_t)cgroup_fd,
    };

    RETURN(clone3, syscall(SYS_clone3, &args, sizeof(args)));
}

int call_unshare(int flags)
{
    RETURN(unshare, syscall(SYS_unshare, flags));
}

int call_setns(int fd, int flags)
{
    RETURN(setns, syscall(SYS_setns, fd, flags));
}

int call_setgroups(size_t count, const uint32_t *groups)
{
    RETURN(setgroups, syscall(SYS_setgroups, count, groups));
}

int call_setresgid(uint32_t gid)
{
    RETURN(setresgid, syscall(SYS_setresgid, gid, gid, gid));
}

int call_setresuid(uint32_t uid)
{
    RETURN(setresuid, syscall(SYS_setresuid, uid, uid, uid));
}

int call_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
        {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)},
    };

    RETURN(capset, syscall(SYS_capset, &header, data));
}

int call_prctl(int option, unsigned long a, unsigned long b)
{
    RETURN(prctl, syscall(SYS_prctl, option, a, b, 0, 0));
}

int call_seccomp(unsigned operation, unsigned flags, void *arguments)
{
    RETURN(seccomp, syscall(SYS_seccomp, operation, flags, arguments));
}

int call_keyctl_join(const char *name)
{
    RETURN(keyctl, syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name));
}

int call_setdomainname(const char *name, size_t length)
{
    RETURN(setdomainname, syscall(SYS_setdomainname, name, length));
}

int call_sethostname(const char *name, size_t length)
{
    RETURN(sethostname, syscall(SYS_sethostname, name, length));
}

int call_close_range(unsigned first, unsigned last, unsigned flags)
{
    RETURN(close_range, syscall(SYS_close_range, first, last, flags));
}

int call_bpf(int command, void *attributes, unsigned size)
{
    RETURN(bpf, syscall(SYS_bpf, command, attributes, size));
}

int call_pidfd_open(pid_t pid)
{
    RETURN(pidfd_open, syscall(SYS_pidfd_open, pid, 0));
}

int call_pidfd_getfd(int pidfd, int fd)
{
    RETURN(pidfd_open, syscall(SYS_pidfd_getfd, pidfd, fd, 0));
}

/* The file system's magic number (statfs(2)), or -errno. */
int64_t call_fstatfs_type(int fd)
{
    struct statfs fs;

    if (fstatfs(fd, &fs) < 0)
        return failed(CALL_fstatfs);
    return (int64_t)(uint32_t)fs.f_type;
}

int call_landlock_create_ruleset(const void *attributes, size_t size, unsigned flags)
{
    RETURN(landlock_create_ruleset, syscall(SYS_landlock_create_ruleset, attributes, size, flags));
}

int call_landlock_add_rule(int ruleset_fd, int type, const void *attributes)
{
    RETURN(landlock_add_rule, syscall(SYS_landlock_add_rule, ruleset_fd, type, attributes, 0));
}

int call_landlock_restrict_self(int ruleset_fd, unsigned flags)
{
    RETURN(landlock_restrict_self, syscall(SYS_landlock_restrict_self, ruleset_fd, flags));
}
