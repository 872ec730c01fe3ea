/* Trees of directories that make trouble: deeper than a path may be long, or very broad. */
#define _GNU_SOURCE
#include "inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* nest DIRECTORY DEPTH LENGTH: one in the other, each with a name of LENGTH letters. It stays there. */
static int nest(char **arg)
{
    char name[256] = {0};

    memset(name, 'n', (size_t)atoi(arg[2]) % sizeof name);
    if (chdir(arg[0]) < 0)
        return -1;
    for (int i = atoi(arg[1]); i > 0; i--)
        if (mkdir(name, 0777) < 0 || chdir(name) < 0)
            return -1;
    return puts("ok");
}

/* brood DIRECTORY COUNT: side by side; the name of the first has a newline in it. */
static int brood(char **arg)
{
    char name[32];

    if (chdir(arg[0]) < 0)
        return -1;
    for (int i = atoi(arg[1]); i > 0; i--) {
        snprintf(name, sizeof name, "b%d", i);
        if (mkdir(name, 0777) < 0)
            return -1;
    }
    if (mkdir("\xff with\nnewline", 0777) < 0 && errno != EINVAL)
        return -1;
    return puts("ok");
}

/* churn DIRECTORY: make and remove cgroups for ever, in one another and side by side. */
static int churn(char **arg)
{
    if (chdir(arg[0]) < 0)
        return -1;
    puts("ready");
    fflush(stdout);
    for (unsigned i = 0;; i++) {
        char name[32], below[64];

        snprintf(name, sizeof name, "c%u", i % 20);
        snprintf(below, sizeof below, "%s/d", name);
        mkdir(name, 0777);
        mkdir(below, 0777);
        if (i % 3) {
            rmdir(below);
            rmdir(name);
        }
    }
}

const struct command tree_commands[] = {
    {"nest", 3, nest},
    {"brood", 2, brood},
    {"churn", 1, churn},
    {0, 0, 0},
};
