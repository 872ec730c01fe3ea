/* Ops that make a directory the root: propagation, the rootfs as a mount of its own, pivot_root and what stands in for it,
 * masked and readonly paths (done before the pivot, while the runtime's own /dev/null can still be had). */
#define _GNU_SOURCE
#include "plan.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#define MNT_DETACH 2

/* Before the first mount, so that nothing of ours shows up in the runtime's mount namespace, not for an instant. */
static int op_propagate_all(struct args *a)
{
    return call_mount(NULL, "/", NULL, (unsigned long)a->n[0], NULL);
}

/* pivot_root(2) wants the mount that holds the new root not to be shared. It is the first mount point on the way up. */
static int op_private_parent(struct args *a)
{
    char path[PATH_MAX];
    size_t length = strlen(a->s[0]);
    int result;

    if (length >= sizeof(path))
        return fail(CALL_mount, ENAMETOOLONG);
    memcpy(path, a->s[0], length + 1);
    for (;;) {
        result = call_mount(NULL, path, NULL, MS_PRIVATE, NULL);
        if (result != -EINVAL || strcmp(path, "/") == 0)
            return result;
        length = (size_t)(strrchr(path, '/') - path);
        path[length ? length : 1] = 0;
    }
}

static int op_bind_rootfs(struct args *a)
{
    fd_auto tree_fd = call_open_tree(AT_FDCWD, a->s[0], OPEN_TREE_CLONE | AT_RECURSIVE);
    fd_auto place_fd =
        tree_fd < 0 ? tree_fd : call_openat(AT_FDCWD, a->s[0], O_PATH | O_DIRECTORY, 0);
    int result = place_fd < 0 ? place_fd : call_move_mount(tree_fd, place_fd);

    if (result >= 0)
        root_fd = take_fd(&tree_fd);
    return result;
}

static int op_open_rootfs(struct args *a)
{
    root_fd = call_openat(AT_FDCWD, a->s[0], O_PATH | O_DIRECTORY, 0);
    return root_fd < 0 ? root_fd : 0;
}

static int op_bind_rootfs_classic(struct args *a)
{
    int result = call_mount(a->s[0], a->s[0], NULL, MS_BIND | MS_REC, NULL);

    return result < 0 ? result : op_open_rootfs(a);
}

/* ---- masked and readonly paths: a missing path is nothing to hide; any other failure is fatal */

static int bind_over(int target_fd, int source_fd, uint64_t attributes)
{
    fd_auto tree_fd = call_open_tree(
        source_fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | (attributes ? AT_RECURSIVE : 0));
    int result = tree_fd < 0 ? tree_fd : 0;

    if (result >= 0 && attributes)
        result = call_mount_setattr(tree_fd, AT_RECURSIVE, attributes, 0, 0, -1);
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
        return bind_over(target_fd, empty_fd, 0);
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
    if (fstat(fd, &status) < 0)
        return failed(CALL_fstat);
    if (S_ISDIR(status.st_mode))
        return mask_directory(fd, a->s[1]);
    null_fd = open_null();
    return null_fd < 0 ? null_fd : bind_over(fd, null_fd, 0);
}

static int op_mask_classic(struct args *a)
{
    struct stat status;
    char target[32], data[512] = "nr_blocks=1,nr_inodes=1";
    fd_auto null_fd = -EBADF;
    fd_auto fd = open_in_root(a->s[0], 0);

    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    if (fstat(fd, &status) < 0)
        return failed(CALL_fstat);
    strcpy(target, fd_path(fd));
    if (strlen(data) + strlen(a->s[1]) + 2 > sizeof(data))
        return fail(CALL_mount, ENAMETOOLONG);
    if (*a->s[1])
        strcat(strcat(data, ","), a->s[1]);
    if (S_ISDIR(status.st_mode))
        return call_mount("tmpfs", target, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                          data);
    null_fd = open_null();
    return null_fd < 0 ? null_fd : call_mount(fd_path(null_fd), target, NULL, MS_BIND, NULL);
}

static int op_readonly(struct args *a)
{
    fd_auto fd = open_in_root(a->s[0], 0);

    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    return bind_over(fd, fd, MOUNT_ATTR_RDONLY);
}

/* The bind, then a remount that keeps what the source's mount has: in a user namespace it is locked. */
static int op_readonly_classic(struct args *a)
{
    char target[32];
    struct statfs fs;
    fd_auto top_fd = -EBADF;
    fd_auto fd = open_in_root(a->s[0], 0);
    int result;

    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    strcpy(target, fd_path(fd));
    if ((result = call_mount(target, target, NULL, MS_BIND | MS_REC, NULL)) < 0)
        return result;
    if ((top_fd = open_in_root(a->s[0], 0)) < 0)
        return top_fd;
    if (fstatfs(top_fd, &fs) < 0)
        return failed(CALL_fstatfs);
    return call_mount(NULL, fd_path(top_fd), NULL,
                      MS_BIND | MS_REMOUNT | MS_RDONLY |
                          ((unsigned long)fs.f_flags & (MS_NOSUID | MS_NODEV | MS_NOEXEC)),
                      NULL);
}

/* ---- the root itself */

static int reopen_root(void)
{
    int result = chdir("/") < 0 ? failed(CALL_chdir) : 0;

    if (result < 0)
        return result;
    close(root_fd);
    root_fd = call_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
    return root_fd < 0 ? root_fd : 0;
}

/* Both roots at one place: the old one lies on top of the new one until it is detached. pivot_root(2), notes. */
static int op_pivot_root(struct args *a)
{
    fd_auto old_fd = call_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
    int result = old_fd < 0 ? old_fd : 0;

    (void)a;
    if (result >= 0 && fchdir(root_fd) < 0)
        result = failed(CALL_fchdir);
    if (result >= 0)
        result = call_pivot_root(".", ".");
    if (result >= 0 && fchdir(old_fd) < 0)
        result = failed(CALL_fchdir);
    /* The detaching must not propagate to where the old root came from. */
    if (result >= 0)
        result = call_mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL);
    if (result >= 0)
        result = call_umount2(".", MNT_DETACH);
    return result < 0 ? result : reopen_root();
}

/* --no-pivot, for a root on ramfs: full procfs and sysfs of the runtime would stay reachable below, so they are hidden. */
static int op_move_root(struct args *a)
{
    static const char *const hidden[] = {"/proc", "/sys"};
    int result = 0;

    (void)a;
    if (fchdir(root_fd) < 0)
        return failed(CALL_fchdir);
    for (int i = 0; i < 2 && result >= 0; i++) {
        result = call_umount2(hidden[i], MNT_DETACH);
        /* EINVAL: not a mount point. EPERM: locked in a user namespace; cover it. */
        if (result == -EINVAL || result == -ENOENT)
            result = 0;
        else if (result == -EPERM)
            result = call_mount("tmpfs", hidden[i], "tmpfs", MS_RDONLY, NULL);
    }
    if (result >= 0)
        result = call_mount(".", "/", NULL, MS_MOVE, NULL);
    if (result >= 0 && chroot(".") < 0)
        result = failed(CALL_chroot);
    return result < 0 ? result : reopen_root();
}

static int op_chroot(struct args *a)
{
    (void)a;
    if (fchdir(root_fd) < 0)
        return failed(CALL_fchdir);
    if (chroot(".") < 0)
        return failed(CALL_chroot);
    return reopen_root();
}

static int op_readonly_root(struct args *a)
{
    (void)a;
    return call_mount_setattr(root_fd, 0, MOUNT_ATTR_RDONLY, 0, 0, -1);
}

/* mount(2) on the root in place: propagation, or MS_REMOUNT|MS_BIND|MS_RDONLY before 5.12. */
static int op_change_root(struct args *a)
{
    return call_mount(NULL, "/", NULL, (unsigned long)a->n[0], NULL);
}

/* An exec process finds the container's root by joining its mount namespace. */
static int op_enter_root(struct args *a)
{
    (void)a;
    root_fd = call_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
    return root_fd < 0 ? root_fd : 0;
}

const struct op rootfs_ops[] = {
    {"propagate_all", "n", op_propagate_all},
    {"private_parent", "s", op_private_parent},
    {"bind_rootfs", "s", op_bind_rootfs},
    {"bind_rootfs_classic", "s", op_bind_rootfs_classic},
    {"open_rootfs", "s", op_open_rootfs},
    {"mask", "ss", op_mask},
    {"mask_classic", "ss", op_mask_classic},
    {"readonly", "s", op_readonly},
    {"readonly_classic", "s", op_readonly_classic},
    {"pivot_root", "", op_pivot_root},
    {"move_root", "", op_move_root},
    {"chroot", "", op_chroot},
    {"readonly_root", "", op_readonly_root},
    {"change_root", "n", op_change_root},
    {"enter_root", "", op_enter_root},
    {NULL, NULL, NULL},
};
