/* Ops that make files in the root: device nodes, links, the working directory. */
#define _GNU_SOURCE
#include "plan.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

/* A node that is there already must be the one asked for. config-linux.md, devices. */
static int check_node(int parent_fd, const char *name, mode_t mode, dev_t device)
{
    struct stat status;

    if (fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return failed(CALL_fstat);
    if ((status.st_mode & S_IFMT) != (mode & S_IFMT))
        return fail(CALL_mknodat, EEXIST);
    if (!S_ISFIFO(mode) && status.st_rdev != device)
        return fail(CALL_mknodat, EEXIST);
    return 0;
}

/* mknod PATH MODE MAJOR MINOR UID GID: relative to the resolved parent, never by path (CVE-2026-41579). */
static int op_mknod(struct args *a)
{
    const char *name;
    mode_t mode = (mode_t)a->n[1];
    dev_t device = makedev((unsigned)a->n[2], (unsigned)a->n[3]);
    fd_auto parent_fd = open_parent(a->s[0], &name);
    int result = 0;

    if (parent_fd < 0)
        return parent_fd;
    if (mknodat(parent_fd, name, mode, S_ISFIFO(mode) ? 0 : device) < 0)
        result = errno == EEXIST ? check_node(parent_fd, name, mode, device) : failed(CALL_mknodat);
    if (result >= 0 &&
        fchownat(parent_fd, name, (uid_t)a->n[4], (gid_t)a->n[5], AT_SYMLINK_NOFOLLOW) < 0)
        result = failed(CALL_fchownat);
    if (result >= 0 && fchmodat(parent_fd, name, mode & 07777, 0) < 0)
        result = failed(CALL_fchmodat);
    return result;
}

/* symlink TEXT PATH REPLACE */
static int op_symlink(struct args *a)
{
    const char *name;
    fd_auto parent_fd = open_parent(a->s[1], &name);

    if (parent_fd < 0)
        return parent_fd;
    if (a->n[2] && unlinkat(parent_fd, name, 0) < 0 && errno != ENOENT)
        return failed(CALL_unlinkat);
    if (symlinkat(a->s[0], parent_fd, name) < 0 && errno != EEXIST)
        return failed(CALL_symlinkat);
    return 0;
}

/* label PATH CONTEXT: SELinux keeps it with the file. */
static int op_label(struct args *a)
{
    fd_auto fd = open_in_root(a->s[0], 0);

    if (fd < 0)
        return fd;
    if (setxattr(fd_path(fd), "security.selinux", a->s[1], strlen(a->s[1]), 0) < 0)
        return failed(CALL_setxattr);
    return 0;
}

static int op_make_directory(struct args *a)
{
    fd_auto fd = open_in_root(a->s[0], WALK_DIRECTORIES);
    struct stat status;

    if (fd < 0)
        return fd;
    if (fstat(fd, &status) < 0)
        return failed(CALL_fstat);
    return S_ISDIR(status.st_mode) ? 0 : fail(CALL_mkdirat, ENOTDIR);
}

const struct op file_ops[] = {
    {"mknod", "snnnii", op_mknod},
    {"symlink", "ssn", op_symlink},
    {"make_directory", "s", op_make_directory},
    {"label", "ss", op_label},
    {NULL, NULL, NULL},
};
