/* HOME, when config.json leaves it out: from the container's own /etc/passwd, "/" when the user is not there. No NSS: the
 * file is the container's, and nothing that it names may be loaded. */
#define _GNU_SOURCE
#include "plan.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int op_home(struct args *a);
const char *home_variable(void);

enum { MAX_SIZE = 16 << 20 };

static char variable[4096 + 6];

const char *home_variable(void)
{
    return variable[0] ? variable : NULL;
}

/* name:password:uid:gid:gecos:directory:shell, passwd(5). Gives the directory of the line if it is *uid*'s. */
static int home_of_line(const char *line, size_t length, int64_t uid)
{
    const char *field[7] = {line};
    size_t home_length;
    char digits[16];
    int64_t value;
    int count = 1;

    for (size_t i = 0; i < length && count < 7; i++)
        if (line[i] == ':')
            field[count++] = line + i + 1;
    if (count < 7 || (size_t)(field[3] - field[2]) > sizeof(digits))
        return 0;
    memcpy(digits, field[2], (size_t)(field[3] - field[2] - 1));
    digits[field[3] - field[2] - 1] = 0;
    if (number(digits, &value) < 0 || value != uid)
        return 0;
    home_length = (size_t)(field[6] - field[5] - 1);
    if (home_length == 0 || home_length >= sizeof(variable) - 6)
        return 0;
    memcpy(variable + 5, field[5], home_length);
    variable[5 + home_length] = 0;
    return 1;
}

/* The image is not to be trusted: whatever is not a regular file (a link to /dev/zero, a FIFO) is never opened for reading,
 * and nothing is looked up twice. */
static int open_passwd(const char *path)
{
    struct stat status;
    fd_auto place_fd = open_in_root(path, 0);

    if (place_fd < 0 || fstat(place_fd, &status) < 0 || !S_ISREG(status.st_mode))
        return -ENOENT;
    if (status.st_size > MAX_SIZE)
        return fail(CALL_read, EFBIG);
    /* Below the runtime's own /proc, which has the name of each of our descriptors. */
    return call_openat(proc_fd, fd_link(place_fd), O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
}

/* Read the lines of *fd*, up to that of *uid*. One that is longer than the buffer is nobody's. */
static int look_for(int fd, int64_t uid)
{
    static char buffer[16384];
    size_t filled = 0, total = 0;
    ssize_t got;

    while ((got = read(fd, buffer + filled, sizeof(buffer) - filled)) > 0) {
        char *line = buffer, *end;

        filled += (size_t)got;
        total += (size_t)got;
        if (total > MAX_SIZE)
            return fail(CALL_read, EFBIG);
        while ((end = memchr(line, '\n', filled - (size_t)(line - buffer)))) {
            if (home_of_line(line, (size_t)(end - line), uid))
                return 0;
            line = end + 1;
        }
        filled -= (size_t)(line - buffer);
        memmove(buffer, line, filled);
        if (filled == sizeof(buffer))
            filled = 0;
    }
    if (filled)
        home_of_line(buffer, filled, uid);
    return 0;
}

/* home UID PATH */
int op_home(struct args *a)
{
    fd_auto fd = open_passwd(a->s[1]);

    strcpy(variable, "HOME=/");
    if (fd < 0)
        return fd == -EFBIG ? fd : 0;
    return look_for(fd, a->n[0]);
}
