/* Ops that make files in the root: device nodes, links, the working directory. */
#define _GNU_SOURCE
#include "plan.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

/* What is there already is the image's, or was mounted by the configuration: it stays as it is, whoever owns it. A node that
 * is configured must be the one asked for (config-linux.md, "Devices"). */
static int check_existing(int parent_fd, const char *name, mode_t mode, dev_t device)
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

/* Owner and mode of the node just made. Its name may lead elsewhere by now, to a link or to a file that somebody put in its
 * place: the name is looked up once more, without following a link, and what is found must be a fresh node of this kind.
 * From then on only the descriptor counts. */
static int settle_node(int parent_fd, const char *name, struct args *a, dev_t device)
{
    mode_t mode = (mode_t)a->n[1];
    struct stat status;
    fd_auto fd = call_openat(parent_fd, name, O_PATH | O_NOFOLLOW, 0);

    if (fd < 0)
        return fd;
    if (fstat(fd, &status) < 0)
        return failed(CALL_fstat);
    if ((status.st_mode & S_IFMT) != (mode & S_IFMT) || status.st_nlink != 1 ||
        (!S_ISFIFO(mode) && status.st_rdev != device))
        return fail(CALL_mknodat, EEXIST);
    if ((status.st_uid != (uid_t)a->n[4] || status.st_gid != (gid_t)a->n[5]) &&
        fchownat(fd, "", (uid_t)a->n[4], (gid_t)a->n[5], AT_EMPTY_PATH) < 0)
        return failed(CALL_fchownat);
    /* The umask is 0; an ACL of the directory may have changed the mode all the same. */
    if ((status.st_mode & 07777) != (mode & 07777) &&
        fchmodat(proc_fd, fd_link(fd), mode & 07777, 0) < 0)
        return failed(CALL_fchmodat);
    return 0;
}

/* mknod PATH MODE MAJOR MINOR UID GID LEAVE: relative to the resolved parent, never by path (CVE-2026-41579). LEAVE:
 * whatever is there already is left alone, and need not be such a node. */
static int op_mknod(struct args *a)
{
    const char *name;
    mode_t mode = (mode_t)a->n[1];
    dev_t device = makedev((unsigned)a->n[2], (unsigned)a->n[3]);
    fd_auto parent_fd = open_parent(a->s[0], &name);

    if (parent_fd < 0)
        return parent_fd;
    if (mknodat(parent_fd, name, mode, S_ISFIFO(mode) ? 0 : device) == 0)
        return settle_node(parent_fd, name, a, device);
    if (errno != EEXIST)
        return failed(CALL_mknodat);
    return a->n[6] ? 0 : check_existing(parent_fd, name, mode, device);
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
    {"mknod", "snnniin", op_mknod},
    {"symlink", "ssn", op_symlink},
    {"make_directory", "s", op_make_directory},
    {"label", "ss", op_label},
    {NULL, NULL, NULL},
};
