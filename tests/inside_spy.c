/* inside COMMAND [ARG...] [";" COMMAND ...]: see inside.c.
 * What a hostile process of a container does to whoever comes in. The executor's name is the number of the descriptor that
 * it was executed from; a program's is not. */
#define _GNU_SOURCE
#include "inside.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SEEN, EXE, FD, MEM, PTRACE, PROGRAM, COUNTS };

static const char *const names[COUNTS] = {"seen", "exe", "fd", "mem", "ptrace", "program"};
static int counts[COUNTS];

static int open_at(const char *pid, const char *file, int flags)
{
    char path[300];

    snprintf(path, sizeof path, "/proc/%s/%s", pid, file);
    return open(path, flags | O_CLOEXEC);
}

static int is_executor(const char *pid)
{
    char name[16] = "";
    int fd = open_at(pid, "comm", O_RDONLY);
    int digits = fd >= 0 && read(fd, name, sizeof name) > 0 && isdigit((unsigned char)*name);

    if (fd >= 0)
        close(fd);
    return digits;
}

/* The kernel lets a process be read again a moment before execve gives it its new name: its program tells better. */
static int runs_executor(const char *pid)
{
    char path[300], target[64] = "";

    snprintf(path, sizeof path, "/proc/%s/exe", pid);
    return readlink(path, target, sizeof target - 1) > 0 && strstr(target, "memfd:");
}

/* A descriptor that is closed by execve: the way back to the runtime. */
static int try_descriptors(const char *pid)
{
    int fd = open_at(pid, "fd", O_RDONLY | O_DIRECTORY), found = 0;
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    char target[64];

    while (directory && (entry = readdir(directory)))
        if (atoi(entry->d_name) > 2)
            found |= readlinkat(fd, entry->d_name, target, sizeof target) > 0;
    if (directory)
        closedir(directory);
    return found;
}

static int try_memory(const char *pid)
{
    int fd = open_at(pid, "mem", O_RDWR), found = fd >= 0 && runs_executor(pid);

    if (fd >= 0)
        close(fd);
    return found;
}

static void try_all(const char *name)
{
    int pid = atoi(name);

    counts[SEEN] += is_executor(name);
    counts[EXE] += runs_executor(name);
    counts[FD] += try_descriptors(name);
    counts[MEM] += try_memory(name);
    if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0)
        return;
    counts[runs_executor(name) ? PTRACE : PROGRAM]++;
    ptrace(PTRACE_INTERRUPT, pid, 0, 0);
    waitpid(pid, NULL, __WALL);
    ptrace(PTRACE_DETACH, pid, 0, 0);
}

/* spy STOP: until the file STOP is there; then how often what has succeeded. */
static int spy(char **arg)
{
    struct dirent *entry;

    puts("ready");
    fflush(stdout);
    while (access(arg[0], F_OK) < 0) {
        DIR *proc = opendir("/proc");

        while (proc && (entry = readdir(proc)))
            if (isdigit((unsigned char)*entry->d_name) && atoi(entry->d_name) != getpid() &&
                atoi(entry->d_name) != 1)
                try_all(entry->d_name);
        if (proc)
            closedir(proc);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
    }
    for (int i = 0; i < COUNTS; i++)
        printf("%s=%d\n", names[i], counts[i]);
    return 0;
}

const struct command spy_commands[] = {
    {"spy", 1, spy},
    {0, 0, 0},
};
