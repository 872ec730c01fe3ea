/*
 * The commands of `inside` that try to change what a file is: mode, owner, times, attributes, size, name.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "inside.h"

static void tell(const char *what, int result)
{
    printf("%s %s\n", what, result == 0 ? "ok" : errno_name(errno));
}

/* tamper FILE: tries each change, and prints what became of it. */
static int tamper(char **arg)
{
    struct timespec times[2] = {{.tv_sec = 978307200}, {.tv_sec = 978307200}};
    char name[4096];

    snprintf(name, sizeof name, "%s.moved", arg[0]);
    tell("chmod", chmod(arg[0], 04777));
    tell("chown", chown(arg[0], 1, 1));
    tell("lchown", lchown(arg[0], 2, 2));
    tell("utimensat", utimensat(AT_FDCWD, arg[0], times, 0));
    tell("setxattr user", setxattr(arg[0], "user.tampered", "x", 1, 0));
    tell("setxattr trusted", setxattr(arg[0], "trusted.tampered", "x", 1, 0));
    tell("setxattr security", setxattr(arg[0], "security.tampered", "x", 1, 0));
    tell("truncate", truncate(arg[0], 0));
    tell("rename", rename(arg[0], name));
    tell("unlink", unlink(arg[0]));
    return 0;
}

/* map-executable FILE: a private mapping that may be executed. */
static int map_executable(char **arg)
{
    int fd = open(arg[0], O_RDONLY | O_CLOEXEC);
    void *memory;

    if (fd < 0)
        return -1;
    memory = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    close(fd);
    if (memory == MAP_FAILED)
        return -1;
    puts("ok");
    return munmap(memory, 4096);
}

const struct command change_commands[] = {
    {"tamper", 1, tamper},
    {"map-executable", 1, map_executable},
    {0, 0, 0},
};
