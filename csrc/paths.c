/* Paths inside the container's root: resolved once, here, and only the descriptor is used from then on.
 *
 * openat2(2) with RESOLVE_IN_ROOT where the kernel has it (5.6); else, and whenever something has to be made on the way, a
 * walk of our own, a component at a time with O_NOFOLLOW, that keeps the directories it went through: ".." goes back to one
 * of them, never above the root, whatever is renamed meanwhile. (CVE-2021-30465, CVE-2024-45310: a path that is checked as a
 * string and then used as a string is two paths.) */
#define _GNU_SOURCE
#include "plan.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_DEPTH = 200, MAX_LINKS = 40, MAX_RETRIES = 64 };

struct walk {
    int flags;
    int depth;
    int links;
    int fds[MAX_DEPTH]; /* fds[0] is the root and not ours to close */
    char todo[2 * PATH_MAX];
};

static struct walk walk; /* one at a time: a step resolves its paths one after the other */

static void pop_to(int depth)
{
    while (walk.depth > depth)
        close(walk.fds[walk.depth--]);
}

/* Take the first component off todo, into *name*. Gives its length, 0 at the end. */
static size_t next_component(char *name)
{
    const char *start = walk.todo + strspn(walk.todo, "/");
    size_t length = strcspn(start, "/");

    if (length > NAME_MAX)
        return (size_t)fail(CALL_openat, ENAMETOOLONG);
    memcpy(name, start, length);
    name[length] = 0;
    memmove(walk.todo, start + length, strlen(start + length) + 1);
    return length;
}

static int at_end(void)
{
    return walk.todo[strspn(walk.todo, "/")] == 0;
}

/* Open *name* below the directory reached; make it when it is missing and the walk may. */
static int open_or_make(const char *name)
{
    int top = walk.fds[walk.depth];
    int fd = call_openat(top, name, O_PATH | O_NOFOLLOW, 0);
    int made;

    if (fd != -ENOENT || !(walk.flags & (WALK_DIRECTORIES | WALK_FILE)))
        return fd;
    if (at_end() && walk.flags & WALK_FILE) {
        made = call_openat(top, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0644);
        if (made >= 0)
            close(made);
    } else {
        made = mkdirat(top, name, 0755) < 0 ? failed(CALL_mkdirat) : 0;
    }
    /* Somebody else may have been quicker: containers that share a rootfs start in parallel. */
    if (made < 0 && made != -EEXIST)
        return made;
    return call_openat(top, name, O_PATH | O_NOFOLLOW, 0);
}

/* Put what the link *fd* says in front of what is left to do. */
static int follow(int fd)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(fd, "", target, sizeof(target) - 1);
    size_t rest = strlen(walk.todo);

    if (length < 0)
        return failed(CALL_readlinkat);
    if (walk.flags & WALK_NO_SYMLINKS || ++walk.links > MAX_LINKS)
        return fail(CALL_openat, ELOOP);
    if ((size_t)length + 1 + rest + 1 > sizeof(walk.todo))
        return fail(CALL_openat, ENAMETOOLONG);
    memmove(walk.todo + length + 1, walk.todo, rest + 1);
    memcpy(walk.todo, target, (size_t)length);
    walk.todo[length] = '/';
    if (target[0] == '/')
        pop_to(0);
    return 0;
}

static int enter(const char *name)
{
    struct stat status;
    fd_auto fd = open_or_make(name);

    if (fd < 0)
        return fd;
    if (fstat(fd, &status) < 0)
        return failed(CALL_fstat);
    if (S_ISLNK(status.st_mode) && !(at_end() && walk.flags & WALK_NOFOLLOW))
        return follow(fd);
    if (walk.depth + 1 >= MAX_DEPTH)
        return fail(CALL_openat, ENAMETOOLONG);
    walk.fds[++walk.depth] = take_fd(&fd);
    return 0;
}

static int walk_in_root(const char *path, int flags)
{
    char name[NAME_MAX + 1];
    int result = 0, fd;

    if (strlen(path) >= PATH_MAX)
        return fail(CALL_openat, ENAMETOOLONG);
    walk.flags = flags;
    walk.depth = walk.links = 0;
    walk.fds[0] = root_fd;
    memcpy(walk.todo, path, strlen(path) + 1);
    while (result == 0 && !at_end()) {
        ssize_t length = (ssize_t)next_component(name);

        if (length < 0)
            result = (int)length;
        else if (strcmp(name, "..") == 0)
            pop_to(walk.depth > 0 ? walk.depth - 1 : 0);
        else if (strcmp(name, ".") != 0)
            result = enter(name);
    }
    if (result < 0)
        fd = result;
    else if (walk.depth == 0)
        fd = call_openat(root_fd, ".", O_PATH | O_DIRECTORY, 0);
    else
        fd = take_fd(&walk.fds[walk.depth--]);
    pop_to(0);
    return fd;
}

int open_in_root(const char *path, int flags)
{
    uint64_t resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    int fd = -EAGAIN;

    if (flags & WALK_NO_SYMLINKS)
        resolve |= RESOLVE_NO_SYMLINKS;
    /* EAGAIN: a rename was under way somewhere while ".." was resolved. openat2(2). */
    for (int retry = 0; fd == -EAGAIN && retry < MAX_RETRIES; retry++)
        fd = call_openat2(root_fd, *path ? path : ".",
                          O_PATH | (flags & WALK_NOFOLLOW ? O_NOFOLLOW : 0), 0, resolve);
    if (fd == -ENOSYS || fd == -EPERM || fd == -EAGAIN ||
        (fd == -ENOENT && flags & (WALK_DIRECTORIES | WALK_FILE)))
        fd = walk_in_root(path, flags);
    return fd;
}

/* Whether *fd* is the root itself. What is mounted on it lies below the root that init enters later, seen by nobody: a mask
 * or a read-only bind would be lost without a word. Another mount of the same directory is not the root. */
int is_root(int fd)
{
    struct stat root, status;
    uint64_t root_mount, mount;

    if (fstat(root_fd, &root) < 0 || fstat(fd, &status) < 0)
        return 0;
    if (root.st_dev != status.st_dev || root.st_ino != status.st_ino)
        return 0;
    root_mount = call_mount_id(root_fd);
    mount = call_mount_id(fd);
    return root_mount == 0 || mount == 0 || root_mount == mount;
}

/* After the pivot, and after close_fds: from the root that the process itself has. */
int open_from_root(const char *path)
{
    fd_auto fd = call_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
    int old_root = root_fd, result;

    if (fd < 0)
        return fd;
    root_fd = fd;
    result = open_in_root(path, 0);
    root_fd = old_root;
    return result;
}

/* The directory of *path*'s last component, which is given back in *name*; missing parents are made. */
int open_parent(const char *path, const char **name)
{
    static char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;

    if (length >= sizeof(parent))
        return fail(CALL_openat, ENAMETOOLONG);
    memcpy(parent, path, length);
    parent[length] = 0;
    *name = slash ? slash + 1 : path;
    if (!**name || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0)
        return fail(CALL_openat, EINVAL);
    return open_in_root(parent, WALK_DIRECTORIES);
}

/* openat2(2) where it may not be called: the same walk, with *directory_fd* for the root. */
static int walk_below(int directory_fd, const char *path, int flags)
{
    int old_root = root_fd, fd;

    root_fd = directory_fd;
    fd = walk_in_root(path, flags);
    root_fd = old_root;
    return fd;
}

static int same_mount(int fd, int other_fd)
{
    struct stat status, other;

    return fstat(fd, &status) == 0 && fstat(other_fd, &other) == 0 &&
           status.st_dev == other.st_dev && call_mount_id(fd) == call_mount_id(other_fd);
}

/* CVE-2025-52881: "it is some file of procfs" is not enough, a mount or a link may lead to another one. From the verified
 * root of procfs, without crossing a mount and without magic links, the name decides. */
int open_proc_file(const char *path, int flags)
{
    fd_auto place_fd = -EBADF;
    int fd = call_openat2(proc_fd, path, (uint64_t)flags, 0,
                          RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS);

    if (fd != -ENOSYS && fd != -EPERM)
        return fd;
    if ((place_fd = walk_below(proc_fd, path, 0)) < 0)
        return place_fd;
    return same_mount(place_fd, proc_fd) ? reopen(place_fd, flags) : fail(CALL_openat, EXDEV);
}

/* A path of which nothing may be a symbolic link. */
int open_without_links(const char *path, int flags)
{
    fd_auto root = -EBADF, place_fd = -EBADF;
    int fd = call_openat2(AT_FDCWD, path, (uint64_t)flags, 0, RESOLVE_NO_SYMLINKS);

    if (fd != -ENOSYS && fd != -EPERM)
        return fd;
    if ((root = call_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0)) < 0)
        return root;
    place_fd = walk_below(root, path, WALK_NO_SYMLINKS);
    return place_fd < 0 ? place_fd : reopen(place_fd, flags & ~O_NOFOLLOW);
}

/* Another descriptor of the file that *fd*, perhaps an O_PATH one, holds. No name is looked up again but the kernel's own,
 * below the verified procfs. */
int reopen(int fd, int flags)
{
    return call_openat(proc_fd, fd_link(fd), flags, 0);
}

const char *fd_link(int fd)
{
    return fd_path(fd) + strlen("/proc/");
}

const char *fd_path(int fd)
{
    static char path[32] = "/proc/self/fd/";
    char digits[12];
    int i = 0, at = 14;

    do
        digits[i++] = (char)('0' + fd % 10);
    while ((fd /= 10) > 0);
    while (i > 0)
        path[at++] = digits[--i];
    path[at] = 0;
    return path;
}
