/* Ops that make a directory the root: propagation, the rootfs as a mount of its own, pivot_root and what stands in for it. */
#define _GNU_SOURCE
#include "plan.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
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

/* bind_rootfs PATH PROPAGATION (of the root alone, not of what is mounted below it; 0: as the runtime's copy has it) */
static int op_bind_rootfs(struct args *a)
{
    fd_auto tree_fd = call_open_tree(AT_FDCWD, a->s[0], OPEN_TREE_CLONE | AT_RECURSIVE);
    fd_auto place_fd =
        tree_fd < 0 ? tree_fd : call_openat(AT_FDCWD, a->s[0], O_PATH | O_DIRECTORY, 0);
    int result = place_fd < 0 ? place_fd : 0;

    if (result >= 0 && a->n[1])
        result = call_mount_setattr(tree_fd, 0, 0, 0, (uint64_t)a->n[1], -1);
    if (result >= 0)
        result = call_move_mount(tree_fd, place_fd);
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

    if (result >= 0 && a->n[1])
        result = call_mount(NULL, a->s[0], NULL, (unsigned long)a->n[1], NULL);
    return result < 0 ? result : op_open_rootfs(a);
}

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
    {"propagate_all", "n", op_propagate_all}, {"private_parent", "s", op_private_parent},
    {"bind_rootfs", "sn", op_bind_rootfs},    {"bind_rootfs_classic", "sn", op_bind_rootfs_classic},
    {"open_rootfs", "s", op_open_rootfs},     {"pivot_root", "", op_pivot_root},
    {"move_root", "", op_move_root},          {"chroot", "", op_chroot},
    {"readonly_root", "", op_readonly_root},  {"change_root", "n", op_change_root},
    {"enter_root", "", op_enter_root},        {NULL, NULL, NULL},
};
