/* Ops that hide paths or make them read-only: a missing path is nothing to hide, any other failure is fatal. Done before the
 * pivot, while the runtime's own /dev/null can still be had. config-linux.md, "Masked Paths", "Readonly Paths". */
#define _GNU_SOURCE
#include "plan.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

/* An inode of the host that the container was not given: it may look at it, and change nothing of it, owner, mode and times
 * included. A device works on such a mount as ever: only nodev would keep it from being opened. */
#define BORROWED (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)

static int bind_over(int target_fd, int source_fd, uint64_t attributes, uint64_t propagation)
{
    fd_auto tree_fd = call_open_tree(source_fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | AT_RECURSIVE);
    int result = tree_fd < 0 ? tree_fd : 0;

    if (result >= 0)
        result = call_mount_setattr(tree_fd, AT_RECURSIVE, attributes, 0, propagation, -1);
    return result < 0 ? result : call_move_mount(tree_fd, target_fd);
}

/* CVE-2025-31133: the device that hides a file is the runtime's, seen to be the null device, and used by descriptor. */
static int open_null(void)
{
    struct stat status;
    fd_auto fd = call_openat(AT_FDCWD, "/dev/null", O_PATH | O_NOFOLLOW, 0);

    if (fd < 0)
        return fd;
    if (fstat(fd, &status) < 0 || !S_ISCHR(status.st_mode) || status.st_rdev != makedev(1, 3))
        return fail(CALL_fstat, ENODEV);
    return take_fd(&fd);
}

/* One empty read-only tmpfs hides all directories, with an SELinux context if there is one: each superblock less is a wait
 * less when the container goes. */
static int mask_directory(int target_fd, const char *context)
{
    static int empty_fd = -EBADF;
    fd_auto fs_fd = -EBADF, mount_fd = -EBADF;
    int result;

    if (empty_fd >= 0)
        return bind_over(target_fd, empty_fd, BORROWED | MOUNT_ATTR_NODEV, MS_PRIVATE);
    if ((fs_fd = call_fsopen("tmpfs")) < 0)
        return fs_fd;
    if ((result = call_fsconfig(fs_fd, FSCONFIG_SET_STRING, "nr_blocks", "1")) < 0 ||
        (result = call_fsconfig(fs_fd, FSCONFIG_SET_STRING, "nr_inodes", "1")) < 0 ||
        (*context &&
         (result = call_fsconfig(fs_fd, FSCONFIG_SET_STRING, "context", context)) < 0) ||
        (result = call_fsconfig(fs_fd, FSCONFIG_SET_FLAG, "ro", NULL)) < 0 ||
        (result = call_fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL)) < 0)
        return result;
    mount_fd = call_fsmount(fs_fd, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                                       MOUNT_ATTR_NOEXEC);
    result = mount_fd < 0 ? mount_fd : call_move_mount(mount_fd, target_fd);
    if (result >= 0)
        empty_fd = take_fd(&mount_fd);
    return result;
}

static int op_mask(struct args *a)
{
    struct stat status;
    fd_auto null_fd = -EBADF;
    fd_auto fd = open_in_root(a->s[0], 0);

    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    if (is_root(fd))
        return fail(CALL_move_mount, EBUSY);
    if (fstat(fd, &status) < 0)
        return failed(CALL_fstat);
    if (S_ISDIR(status.st_mode))
        return mask_directory(fd, a->s[1]);
    null_fd = open_null();
    return null_fd < 0 ? null_fd : bind_over(fd, null_fd, BORROWED, MS_PRIVATE);
}

/* mount(2) changes only what is reached by a path, and the descriptor that was bound over leads below the new mount. So the
 * path is looked up again, and what it leads to has to be the very inode that was bound. Flags
 * that the bind inherited stay: in a user namespace they are locked. */
static int change_bound(const char *path, const struct stat *bound, unsigned long flags,
                        unsigned long propagation)
{
    struct stat status;
    struct statfs fs;
    fd_auto fd = open_in_root(path, 0);
    int result;

    if (fd < 0)
        return fd;
    if (fstat(fd, &status) < 0)
        return failed(CALL_fstat);
    if (status.st_dev != bound->st_dev || status.st_ino != bound->st_ino)
        return fail(CALL_fstat, EXDEV);
    if (fstatfs(fd, &fs) < 0)
        return failed(CALL_fstatfs);
    flags |= (unsigned long)fs.f_flags & (MS_NOSUID | MS_NODEV | MS_NOEXEC);
    result = mount_by_fd(NULL, -1, fd, NULL, MS_BIND | MS_REMOUNT | flags, NULL);
    if (result >= 0 && propagation)
        result = mount_by_fd(NULL, -1, fd, NULL, propagation, NULL);
    return result;
}

static int mask_file_classic(const char *path, int target_fd)
{
    struct stat status;
    fd_auto null_fd = open_null();
    int result;

    if (null_fd < 0)
        return null_fd;
    if (fstat(null_fd, &status) < 0)
        return failed(CALL_fstat);
    result = mount_by_fd(NULL, null_fd, target_fd, NULL, MS_BIND, NULL);
    return result < 0 ? result
                      : change_bound(path, &status, MS_RDONLY | MS_NOSUID | MS_NOEXEC, MS_PRIVATE);
}

static int op_mask_classic(struct args *a)
{
    struct stat status;
    char data[512] = "nr_blocks=1,nr_inodes=1";
    fd_auto fd = open_in_root(a->s[0], 0);

    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    if (is_root(fd))
        return fail(CALL_move_mount, EBUSY);
    if (fstat(fd, &status) < 0)
        return failed(CALL_fstat);
    if (strlen(data) + strlen(a->s[1]) + 2 > sizeof(data))
        return fail(CALL_mount, ENAMETOOLONG);
    if (*a->s[1])
        strcat(strcat(data, ","), a->s[1]);
    if (S_ISDIR(status.st_mode))
        return mount_by_fd("tmpfs", -1, fd, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                           data);
    return mask_file_classic(a->s[0], fd);
}

static int op_readonly(struct args *a)
{
    fd_auto fd = open_in_root(a->s[0], 0);

    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    if (is_root(fd))
        return fail(CALL_move_mount, EBUSY);
    return bind_over(fd, fd, MOUNT_ATTR_RDONLY, 0);
}

static int op_readonly_classic(struct args *a)
{
    struct stat status;
    fd_auto fd = open_in_root(a->s[0], 0);
    int result;

    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    if (is_root(fd))
        return fail(CALL_move_mount, EBUSY);
    if (fstat(fd, &status) < 0)
        return failed(CALL_fstat);
    result = mount_by_fd(NULL, fd, fd, NULL, MS_BIND | MS_REC, NULL);
    return result < 0 ? result : change_bound(a->s[0], &status, MS_RDONLY, 0);
}

const struct op hide_ops[] = {
    {"mask", "ss", op_mask},
    {"mask_classic", "ss", op_mask_classic},
    {"readonly", "s", op_readonly},
    {"readonly_classic", "s", op_readonly_classic},
    {NULL, NULL, NULL},
};
