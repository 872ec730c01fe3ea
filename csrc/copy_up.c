/* tmpcopyup: what a tmpfs is about to hide is copied into it. Directories, files, links and nodes, with owner, mode and
 * modification time; from descriptor to descriptor, never following a link. */
#define _GNU_SOURCE
#include "plan.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_DEPTH = 64 };

struct entry { /* linux_dirent64, getdents64(2) */
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

int copy_up(int from_fd, int to_fd);
static int copy_directory(int from_fd, int to_fd, int depth);

static int copy_file(int from, int to, const char *name, const struct stat *status)
{
    /* *from* is what was looked at: opening a device or a fifo that has taken its name would have effects. */
    fd_auto in_fd = reopen(from, O_RDONLY);
    fd_auto out_fd = -EBADF;
    ssize_t copied;

    if (in_fd < 0)
        return in_fd;
    if ((out_fd = call_openat(to, name, O_WRONLY | O_CREAT | O_EXCL, status->st_mode & 0777)) < 0)
        return out_fd;
    while ((copied = sendfile(out_fd, in_fd, NULL, 1 << 20)) > 0)
        ;
    return copied < 0 ? failed(CALL_write) : 0;
}

static int copy_link(int from, int to, const char *name)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(from, "", target, sizeof(target) - 1);

    if (length < 0)
        return failed(CALL_readlinkat);
    target[length] = 0;
    return symlinkat(target, to, name) < 0 ? failed(CALL_symlinkat) : 0;
}

static int copy_subdirectory(int from, int to, const char *name, int depth)
{
    fd_auto in_fd = reopen(from, O_RDONLY | O_DIRECTORY);
    fd_auto out_fd = -EBADF;

    if (in_fd < 0)
        return in_fd;
    if (mkdirat(to, name, 0700) < 0)
        return failed(CALL_mkdirat);
    out_fd = call_openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    return out_fd < 0 ? out_fd : copy_directory(in_fd, out_fd, depth + 1);
}

/* The source is the image's, where somebody may rename things at the same time: its name is looked up once. The target is a
 * file system that nobody else has. */
static int copy_entry(int directory_fd, int to, const char *name, int depth)
{
    struct stat status;
    fd_auto from = call_openat(directory_fd, name, O_PATH | O_NOFOLLOW, 0);
    int result;

    if (from < 0)
        return from;
    if (fstat(from, &status) < 0)
        return failed(CALL_fstat);
    if (S_ISDIR(status.st_mode))
        result = copy_subdirectory(from, to, name, depth);
    else if (S_ISREG(status.st_mode))
        result = copy_file(from, to, name, &status);
    else if (S_ISLNK(status.st_mode))
        result = copy_link(from, to, name);
    else
        result = mknodat(to, name, status.st_mode, status.st_rdev) < 0 ? failed(CALL_mknodat) : 0;
    if (result < 0)
        return result;
    if (fchownat(to, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return failed(CALL_fchownat);
    if (!S_ISLNK(status.st_mode) && fchmodat(to, name, status.st_mode & 07777, 0) < 0)
        return failed(CALL_fchmodat);
    utimensat(to, name, (struct timespec[2]){status.st_atim, status.st_mtim}, AT_SYMLINK_NOFOLLOW);
    return 0;
}

static int copy_directory(int from_fd, int to_fd, int depth)
{
    _Alignas(struct entry) char buffer[4096];
    long length, at;

    if (depth > MAX_DEPTH)
        return fail(CALL_getdents64, ELOOP);
    while ((length = syscall(SYS_getdents64, from_fd, buffer, sizeof(buffer))) > 0) {
        for (at = 0; at < length; at += ((struct entry *)(buffer + at))->length) {
            const char *name = ((struct entry *)(buffer + at))->name;
            int result = 0;

            if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
                result = copy_entry(from_fd, to_fd, name, depth);
            if (result < 0)
                return result;
        }
    }
    return length < 0 ? failed(CALL_getdents64) : 0;
}

int copy_up(int from_fd, int to_fd)
{
    /* The target is an O_PATH descriptor; reading it needs a real one. */
    fd_auto fd = call_openat(from_fd, ".", O_RDONLY | O_DIRECTORY, 0);

    return fd < 0 ? fd : copy_directory(fd, to_fd, 0);
}
