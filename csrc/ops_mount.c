/* Ops that mount. A mount is made detached, is given all of its attributes, and only then is moved to its place: nobody can
 * ever see it with weaker ones. The *_classic ops do the same with mount(2) alone, for kernels before 5.2 and 5.12.
 *
 * Targets are paths inside the root; missing ones are made. Sources are paths of the runtime's mount namespace, of which
 * ours is still a copy, or "@N": the detached tree in slot N. */
#define _GNU_SOURCE
#include "plan.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { TARGET_STRICT = 1, TARGET_IN_PROC = 2, TARGET_COPY_UP = 4, TARGET_KEEP_MODE = 8 };

int copy_up(int from_fd, int to_fd); /* copy_up.c */

static int is_directory_fd(int fd)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return failed(CALL_fstat);
    return S_ISDIR(status.st_mode);
}

/* CVE-2019-16884, CVE-2019-19921: no link takes /proc or /sys elsewhere, and nothing is mounted inside procfs but what the
 * planner lists. */
static int open_target(const char *path, int is_directory, int64_t flags)
{
    int walk = is_directory ? WALK_DIRECTORIES : WALK_FILE;
    fd_auto fd = open_in_root(path, walk | (flags & TARGET_STRICT ? WALK_NO_SYMLINKS : 0));

    if (fd < 0)
        return fd;
    if (!(flags & TARGET_IN_PROC) && call_fstatfs_type(fd) == PROC_SUPER_MAGIC)
        return fail(CALL_fstatfs, EPERM);
    if (is_root(fd))
        return fail(CALL_move_mount, EBUSY);
    /* The kernel's own word for this is EINVAL. */
    if (is_directory_fd(fd) != is_directory)
        return fail(CALL_move_mount, ENOTDIR);
    return take_fd(&fd);
}

/* A tmpfs has the mode of the directory that it hides; one that is made for it has none to give. */
static int keeps_mode(struct args *a)
{
    int walk = a->n[4] & TARGET_STRICT ? WALK_NO_SYMLINKS : 0;
    fd_auto fd = a->n[4] & TARGET_KEEP_MODE ? open_in_root(a->s[0], walk) : -ENOENT;

    return fd >= 0;
}

/* "RECURSIVE:SET:CLEAR:PROPAGATION": one mount_setattr(2). */
static int set_attributes(int fd, const char *text)
{
    int64_t value[4];
    char digits[24];

    for (int i = 0; i < 4; i++) {
        size_t length = strcspn(text, ":");

        if (length >= sizeof(digits))
            return fail(CALL_plan, EINVAL);
        memcpy(digits, text, length);
        digits[length] = 0;
        if (number(digits, &value[i]) < 0)
            return fail(CALL_plan, EINVAL);
        text += length + (text[length] == ':');
    }
    return call_mount_setattr(fd, value[0] ? AT_RECURSIVE : 0, (uint64_t)value[1],
                              (uint64_t)value[2], (uint64_t)value[3], -1);
}

static int set_all_attributes(int fd, struct args *a, int first)
{
    int result = 0;

    for (int i = first; i < a->count && result >= 0; i++)
        result = set_attributes(fd, a->s[i]);
    return result;
}

/* One option of the file system: "key=value", or a word. */
static int configure(int fs_fd, const char *option)
{
    char key[256];
    const char *equals = strchr(option, '=');

    if (!equals)
        return call_fsconfig(fs_fd, FSCONFIG_SET_FLAG, option, NULL);
    if ((size_t)(equals - option) >= sizeof(key))
        return fail(CALL_fsconfig, ENAMETOOLONG);
    memcpy(key, option, (size_t)(equals - option));
    key[equals - option] = 0;
    return call_fsconfig(fs_fd, FSCONFIG_SET_STRING, key, equals + 1);
}

/* A tmpfs without mode= has the mode of the directory that it hides. */
static int configure_mode(int fs_fd, int target_fd)
{
    struct stat status;
    char mode[5];

    if (fstat(target_fd, &status) < 0)
        return failed(CALL_fstat);
    for (int i = 3; i >= 0; i--, status.st_mode >>= 3)
        mode[i] = (char)('0' + (status.st_mode & 7));
    mode[4] = 0;
    return call_fsconfig(fs_fd, FSCONFIG_SET_STRING, "mode", mode);
}

/* mount TARGET FSTYPE SOURCE ATTRIBUTES TARGET_FLAGS PROPAGATION OPTION... */
static int op_mount(struct args *a)
{
    int keeps = keeps_mode(a);
    fd_auto target_fd = open_target(a->s[0], 1, a->n[4]);
    fd_auto fs_fd = target_fd < 0 ? target_fd : call_fsopen(a->s[1]);
    fd_auto mount_fd = -EBADF;
    int result = fs_fd < 0 ? fs_fd : 0;

    if (result >= 0 && a->s[2][0])
        result = call_fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", a->s[2]);
    if (result >= 0 && keeps)
        result = configure_mode(fs_fd, target_fd);
    for (int i = 6; i < a->count && result >= 0; i++)
        result = configure(fs_fd, a->s[i]);
    if (result >= 0)
        result = call_fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL);
    if (result >= 0)
        result = mount_fd = call_fsmount(fs_fd, (unsigned)a->n[3]);
    if (result >= 0 && a->n[4] & TARGET_COPY_UP)
        result = copy_up(target_fd, mount_fd);
    if (result >= 0 && a->n[5])
        result = call_mount_setattr(mount_fd, 0, 0, 0, (uint64_t)a->n[5], -1);
    return result < 0 ? result : call_move_mount(mount_fd, target_fd);
}

/* mount(2) from and to descriptors; *source_fd* < 0: from *source*, which is absolute. It knows only paths, and the /proc that
 * an absolute one leads through may be an image's: so the verified one is the working directory meanwhile. */
int mount_by_fd(const char *source, int source_fd, int target_fd, const char *fstype,
                unsigned long flags, const char *data)
{
    char link[32];
    fd_auto here_fd = call_openat(AT_FDCWD, ".", O_PATH | O_DIRECTORY, 0);
    int result;

    if (here_fd < 0)
        return here_fd;
    if (fchdir(proc_fd) < 0)
        return failed(CALL_fchdir);
    if (source_fd >= 0)
        source = strcpy(link, fd_link(source_fd));
    result = call_mount(source, fd_link(target_fd), fstype, flags, data);
    if (fchdir(here_fd) < 0)
        return failed(CALL_fchdir);
    return result;
}

/* mount_classic TARGET FSTYPE SOURCE MS_FLAGS TARGET_FLAGS DATA. On an existing tmpfs a mode= is in DATA already. */
static int op_mount_classic(struct args *a)
{
    int keeps = keeps_mode(a);
    fd_auto target_fd = open_target(a->s[0], 1, a->n[4]);
    fd_auto old_fd = -EBADF, new_fd = -EBADF;
    struct stat status;
    int result;

    if (target_fd < 0)
        return target_fd;
    if (fstat(target_fd, &status) < 0)
        return failed(CALL_fstat);
    if (a->n[4] & TARGET_COPY_UP &&
        (old_fd = call_openat(target_fd, ".", O_RDONLY | O_DIRECTORY, 0)) < 0)
        return old_fd;
    result = mount_by_fd(a->s[2], -1, target_fd, a->s[1], (unsigned long)a->n[3], a->s[5]);
    if (result < 0 || !(a->n[4] & TARGET_COPY_UP || keeps))
        return result;
    if ((new_fd = open_target(a->s[0], 1, a->n[4])) < 0)
        return new_fd;
    if (keeps && fchmodat(new_fd, ".", status.st_mode & 07777, 0) < 0)
        return failed(CALL_fchmodat);
    return a->n[4] & TARGET_COPY_UP ? copy_up(old_fd, new_fd) : 0;
}

static int open_source(const char *source, int recursive)
{
    int64_t number_of_slot;

    if (source[0] == '@' && number(source + 1, &number_of_slot) == 0) {
        int fd = slot(number_of_slot);

        return fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    }
    return call_open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | (recursive ? AT_RECURSIVE : 0));
}

/* bind TARGET SOURCE RECURSIVE TARGET_FLAGS ATTRIBUTES... */
static int op_bind(struct args *a)
{
    fd_auto tree_fd = open_source(a->s[1], a->n[2] != 0);
    fd_auto target_fd = -EBADF;
    int result;

    if (tree_fd < 0)
        return tree_fd;
    if ((result = is_directory_fd(tree_fd)) < 0)
        return result;
    if ((target_fd = open_target(a->s[0], result, a->n[3])) < 0)
        return target_fd;
    result = set_all_attributes(tree_fd, a, 4);
    return result < 0 ? result : call_move_mount(tree_fd, target_fd);
}

/* FLAGS is one mount(2); "SET:CLEAR" a remount that keeps what the bind inherited and the plan did not clear, so that
 * read-only never becomes writable on this path either. */
static int change_classic(int fd, const char *text)
{
    const char *colon = strchr(text, ':');
    char digits[24];
    struct statfs fs;
    int64_t set, clear;

    if (!colon)
        return number(text, &set) < 0 ? fail(CALL_plan, EINVAL)
                                      : mount_by_fd(NULL, -1, fd, NULL, (unsigned long)set, NULL);
    if ((size_t)(colon - text) >= sizeof(digits))
        return fail(CALL_plan, EINVAL);
    memcpy(digits, text, (size_t)(colon - text));
    digits[colon - text] = 0;
    if (number(digits, &set) < 0 || number(colon + 1, &clear) < 0)
        return fail(CALL_plan, EINVAL);
    if (fstatfs(fd, &fs) < 0)
        return failed(CALL_fstatfs);
    set |= fs.f_flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC) & ~clear;
    return mount_by_fd(NULL, -1, fd, NULL, MS_REMOUNT | MS_BIND | (unsigned long)set, NULL);
}

/* bind_classic TARGET SOURCE RECURSIVE TARGET_FLAGS CHANGE... */
static int op_bind_classic(struct args *a)
{
    struct stat status;
    fd_auto target_fd = -EBADF;
    int result;

    if (stat(a->s[1], &status) < 0)
        return failed(CALL_fstat);
    if ((target_fd = open_target(a->s[0], S_ISDIR(status.st_mode), a->n[3])) < 0)
        return target_fd;
    result = mount_by_fd(a->s[1], -1, target_fd, NULL, MS_BIND | (a->n[2] ? MS_REC : 0), NULL);
    for (int i = 4; i < a->count && result >= 0; i++) {
        /* The new mount covers the target: the path leads to it, the descriptor to what is below. */
        fd_auto top_fd = open_in_root(a->s[0], a->n[3] & TARGET_STRICT ? WALK_NO_SYMLINKS : 0);

        result = top_fd < 0 ? top_fd : change_classic(top_fd, a->s[i]);
    }
    return result;
}

/* change_mount TARGET TARGET_FLAGS ATTRIBUTES...: what "remount" and later propagation options ask of a mount in place. */
static int op_change_mount(struct args *a)
{
    fd_auto fd = open_in_root(a->s[0], a->n[1] & TARGET_STRICT ? WALK_NO_SYMLINKS : 0);

    return fd < 0 ? fd : set_all_attributes(fd, a, 2);
}

/* remount TARGET MS_FLAGS DATA: mount(2), for the superblock's own options, which mount_setattr cannot change. */
static int op_remount(struct args *a)
{
    fd_auto fd = open_in_root(a->s[0], 0);

    return fd < 0 ? fd : mount_by_fd(NULL, -1, fd, NULL, (unsigned long)a->n[1], a->s[2]);
}

const struct op mount_ops[] = {
    {"mount", "sssnnn*", op_mount},
    {"mount_classic", "sssnns", op_mount_classic},
    {"bind", "ssnn*", op_bind},
    {"bind_classic", "ssnn*", op_bind_classic},
    {"change_mount", "sn*", op_change_mount},
    {"remount", "sns", op_remount},
    {NULL, NULL, NULL},
};
