/*
 * The program that runs inside the containers of the tests: one static binary, no shell, no libc of the rootfs.
 *
 *     inside COMMAND [ARG...] [';' COMMAND [ARG...]]...
 *
 * A command prints plain lines. One that fails prints the name of the errno and makes the exit status 1; the
 * following commands still run. A line "--" stands between the outputs of two commands. Called as "true" it does nothing.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "inside.h"

extern char **environ;

int copy_fd(int from, int to)
{
    char buffer[65536];
    ssize_t size;

    fflush(stdout);
    while ((size = read(from, buffer, sizeof buffer)) > 0)
        if (write(to, buffer, size) != size)
            return -1;
    return size < 0 ? -1 : 0;
}

static int cat(char **arg)
{
    int fd = open(arg[0], O_RDONLY | O_CLOEXEC);
    int result = fd < 0 ? -1 : copy_fd(fd, 1);

    if (fd >= 0)
        close(fd);
    return result;
}

/* open FILE r|w|rw|c: prints "ok"; "c" creates. */
static int open_file(char **arg)
{
    int flags = !strcmp(arg[1], "r") ? O_RDONLY : !strcmp(arg[1], "w") ? O_WRONLY : O_RDWR;
    int fd = open(arg[0], flags | O_NONBLOCK | O_NOCTTY | (*arg[1] == 'c' ? O_CREAT : 0), 0666);

    if (fd < 0)
        return -1;
    close(fd);
    puts("ok");
    return 0;
}

static int write_file(char **arg)
{
    int fd = open(arg[0], O_WRONLY | O_TRUNC | O_CLOEXEC);
    ssize_t size = strlen(arg[1]);

    if (fd < 0)
        return -1;
    if (write(fd, arg[1], size) != size) {
        close(fd);
        return -1;
    }
    puts("ok");
    return close(fd);
}

static int ok(int result)
{
    if (result == 0)
        puts("ok");
    return result;
}

static int touch(char **arg)
{
    int fd = open(arg[0], O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

    return fd < 0 ? -1 : ok(close(fd));
}

static int make_directory(char **arg)
{
    return ok(mkdir(arg[0], 0777));
}

static int remove_file(char **arg)
{
    return ok(remove(arg[0]));
}

static int make_node(char **arg)
{
    mode_t type = *arg[1] == 'c' ? S_IFCHR : *arg[1] == 'b' ? S_IFBLK : S_IFIFO;

    return ok(mknod(arg[0], type | 0666, makedev(atoi(arg[2]), atoi(arg[3]))));
}

static int mount_tmpfs(char **arg)
{
    return ok(mount("tmpfs", arg[0], "tmpfs", 0, ""));
}

static int unmount(char **arg)
{
    return ok(umount2(arg[0], MNT_DETACH));
}

static int list(char **arg)
{
    DIR *directory = opendir(arg[0]);
    struct dirent *entry;

    if (!directory)
        return -1;
    while ((entry = readdir(directory)))
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            puts(entry->d_name);
    return closedir(directory);
}

static const char *type_name(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG: return "file";
    case S_IFDIR: return "dir";
    case S_IFLNK: return "link";
    case S_IFCHR: return "char";
    case S_IFBLK: return "block";
    case S_IFIFO: return "fifo";
    default: return "other";
    }
}

static int show_stat(char **arg)
{
    struct stat st;

    if (lstat(arg[0], &st) < 0)
        return -1;
    printf("type=%s mode=%04o uid=%u gid=%u rdev=%u:%u size=%lld\n", type_name(st.st_mode),
           st.st_mode & 07777, st.st_uid, st.st_gid, major(st.st_rdev), minor(st.st_rdev),
           (long long)st.st_size);
    return 0;
}

static int show_link(char **arg)
{
    char target[4096];
    ssize_t size = readlink(arg[0], target, sizeof target - 1);

    if (size < 0)
        return -1;
    printf("%.*s\n", (int)size, target);
    return 0;
}

static int show_environment(char **arg)
{
    (void)arg; /* A command that takes none. */
    for (char **variable = environ; *variable; variable++)
        puts(*variable);
    return 0;
}

static int show_cwd(char **arg)
{
    char path[4096];

    (void)arg;
    return getcwd(path, sizeof path) ? puts(path) < 0 : -1;
}

static int print(char **arg)
{
    return puts(arg[0]) < 0;
}

static int print_error(char **arg)
{
    return fprintf(stderr, "%s\n", arg[0]) < 0;
}

static int echo(char **arg)
{
    (void)arg;
    return copy_fd(0, 1);
}

static int leave(char **arg)
{
    fflush(stdout);
    _exit(atoi(arg[0]));
}

static const struct command file_commands[] = {
    {"cat", 1, cat},
    {"open", 2, open_file},
    {"write", 2, write_file},
    {"touch", 1, touch},
    {"mkdir", 1, make_directory},
    {"remove", 1, remove_file},
    {"mknod", 4, make_node},
    {"mount-tmpfs", 1, mount_tmpfs},
    {"umount", 1, unmount},
    {"ls", 1, list},
    {"stat", 1, show_stat},
    {"readlink", 1, show_link},
    {"env", 0, show_environment},
    {"cwd", 0, show_cwd},
    {"print", 1, print},
    {"error", 1, print_error},
    {"echo", 0, echo},
    {"exit", 1, leave},
    {0, 0, 0},
};

static const struct command *find(const char *name)
{
    const struct command *const tables[] = {file_commands,   process_commands, action_commands,
                                            socket_commands, tree_commands,    spy_commands,
                                            change_commands};

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct command *command = tables[i]; command->name; command++)
            if (!strcmp(command->name, name))
                return command;
    return NULL;
}

int run_command(char **arg)
{
    const struct command *command = find(arg[0]);
    int count = 0;

    while (arg[count + 1])
        count++;
    if (!command || count < command->arguments) {
        fprintf(stderr, "inside: %s: unknown, or too few arguments\n", arg[0]);
        return 2;
    }
    if (command->run(arg + 1) >= 0)
        return 0;
    puts(errno_name(errno));
    return 1;
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0] ? argv[0] : "", '/');
    int status = 0;

    if (argv[0] && !strcmp(slash ? slash + 1 : argv[0], "true"))
        return 0;
    for (int first = 1, i = 1; i <= argc && first < argc; i++) {
        if (i < argc && strcmp(argv[i], ";"))
            continue;
        argv[i] = NULL;
        if (first > 1)
            puts("--");
        if (argv[first]) {
            int result = run_command(argv + first);

            status = result > status ? result : status;
        }
        fflush(stdout);
        first = i + 1;
    }
    return status;
}
