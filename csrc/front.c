/*
 * The `pyruntime` command: finds the package and an interpreter, cleans the environment, and
 * becomes `python -I -S`. It decides nothing about containers.
 *
 * A script with a shebang would not do: podman calls its runtime without PATH, and a console script
 * of pip runs `site` and whatever .pth files are installed. The process stays the same through
 * execve, so a caller's PR_SET_PDEATHSIG, its descriptors and its signal mask reach Python.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot.h" /* csrc/boot.py as BOOT, what Python runs */

#ifndef PYTHON
#define PYTHON "/usr/bin/python3" /* the interpreter of the build */
#endif
#ifndef PYTHON_VERSION
#define PYTHON_VERSION "3"
#endif

/* Where the package may be, seen from the directory of this program. */
static const char *const PACKAGES[] = {
    "/../lib/pyruntime", /* make install */
    "/../lib/python" PYTHON_VERSION "/site-packages",
    "/../lib64/python" PYTHON_VERSION "/site-packages",
    "/../lib/python" PYTHON_VERSION "/dist-packages", /* Debian's /usr/local */
    "/../local/lib/python" PYTHON_VERSION "/dist-packages",
    "/../lib/python3/dist-packages",
};

/* Where an interpreter may be: absolute, or beside this program. The build's own comes first. */
static const char *const INTERPRETERS[] = {
    PYTHON,
    "python" PYTHON_VERSION,
    "python3",
    "/usr/bin/python" PYTHON_VERSION,
    "/usr/local/bin/python" PYTHON_VERSION,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void say(const char *text)
{
    /* There is nobody to tell when stderr can not be written. */
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));

    (void)ignored;
}

/* As errors.py has it: strerror(3) without its capital letter. */
static const char *reason(int number)
{
    static char text[128];

    strncpy(text, strerror(number), sizeof(text) - 1);
    if (text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z')
        text[0] = (char)(text[0] + 'a' - 'A');
    return text;
}

static _Noreturn void die(const char *path, const char *what)
{
    say("pyruntime: ");
    say(path);
    say(path[0] ? ": " : "");
    say(what);
    say("\n");
    _exit(1);
}

/* *a* and *b* one after the other in a buffer of PATH_MAX bytes; false if they are too long. */
static bool join(char *buffer, const char *a, const char *b)
{
    size_t length = strlen(a), more = strlen(b);

    if (length + more >= PATH_MAX)
        return false;
    memcpy(buffer, a, length);
    memcpy(buffer + length, b, more + 1);
    return true;
}

/* Python would take a file that it opens itself for stdin, stdout or stderr. */
static void open_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            _exit(1);
}

/* The directory of this program's file, symbolic links resolved. */
static void find_own_directory(char *directory)
{
    ssize_t length = readlink("/proc/self/exe", directory, PATH_MAX - 1);

    if (length > 0) {
        directory[length] = '\0';
    } else {
        /* No /proc. What the kernel was asked to execute is as good, if it is a path. */
        const char *asked = (const char *)getauxval(AT_EXECFN); /* NOLINT: an address by contract */

        if (!asked || !realpath(asked, directory))
            die("", "can not find its own file: is /proc mounted?");
    }
    char *slash = strrchr(directory, '/');

    if (!slash)
        die(directory, "is no absolute path");
    *slash = '\0';
}

/* Into *package* the real path of the first candidate that holds pyruntime/cli. */
static void find_package(char *package, const char *own_directory)
{
    char candidate[PATH_MAX], inside[PATH_MAX];
    struct stat st;

    for (size_t i = 0; i < COUNT(PACKAGES); i++)
        if (join(candidate, own_directory, PACKAGES[i]) &&
            join(inside, candidate, "/pyruntime/cli") && stat(inside, &st) == 0 &&
            realpath(candidate, package))
            return;
    die(own_directory, "finds no package pyruntime in ../lib");
}

/* Whether this user namespace has owners that it can not name: they show as 65534. */
static bool has_unmapped_owners(void)
{
    char map[64] = "";
    int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, map, sizeof(map) - 1);

    if (fd >= 0)
        close(fd);
    return length > 0 && !strstr(map, " 4294967295");
}

/* What is wrong with *st*, a directory on the way to the package; NULL if nothing. */
static const char *distrust(const struct stat *st, bool is_package)
{
    uid_t euid = geteuid();

    /* In a user namespace the root of the host is 65534. So is any other stranger, but the same
     * program is trusted outside, and here it has only the powers of the user who started it. */
    if (st->st_uid != 0 && st->st_uid != euid && !(st->st_uid == 65534 && has_unmapped_owners()))
        return "belongs to neither root nor the caller; not used";
    /* In a sticky directory (/tmp) nobody can replace what belongs to root or the caller. */
    if (!is_package && (st->st_mode & S_ISVTX))
        return NULL;
    if (st->st_mode & S_IWOTH)
        return "can be written by others; not used";
    /* Distributions give each user a group and umask 002: then that group is the user. */
    if ((st->st_mode & S_IWGRP) && !(euid != 0 && st->st_uid == euid && st->st_gid == getegid()))
        return "can be written by its group; not used";
    return NULL;
}

/* Whoever can write the package, or a directory above it, could run code as the caller, often root.
 */
static void refuse_untrusted(const char *package)
{
    char inside[PATH_MAX], real[PATH_MAX];
    struct stat st;

    if (!join(inside, package, "/pyruntime") || !realpath(inside, real))
        die(package, "is too long a path");
    for (char *end = real;; end++) {
        if (*end != '/' && *end != '\0')
            continue;
        char kept = *end;

        *end = '\0';
        const char *directory = real[0] ? real : "/";
        const char *fault = stat(directory, &st) < 0 ? reason(errno) : distrust(&st, kept == '\0');

        if (fault)
            die(directory, fault);
        if (kept == '\0')
            return;
        *end = kept;
    }
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Python shows a traceback if it is interrupted while it begins; boot.py lets the signal in again. */
static bool hold_interrupt(void)
{
    sigset_t held, before;

    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigprocmask(SIG_BLOCK, &held, &before);
    return !sigismember(&before, SIGINT);
}

/* Copy what is not Python's or the locale's. LC_ALL says what Python would otherwise "coerce" and
 * leave in the environment of every hook: PEP 538 sets LC_CTYPE even with -I. */
static void clean_environment(char **clean, char **environment)
{
    static char locale[] = "LC_ALL=C.UTF-8";

    for (char **variable = environment; *variable; variable++)
        if (!starts_with(*variable, "PYTHON") && !starts_with(*variable, "LC_") &&
            !starts_with(*variable, "LANG=") && !starts_with(*variable, "LANGUAGE="))
            *clean++ = *variable;
    *clean++ = locale;
    *clean = NULL;
}

static size_t count(char **words)
{
    size_t n = 0;

    while (words[n])
        n++;
    return n;
}

/* Returns only if there is no interpreter. */
static void become_python(const char *own_directory, char **words, char **environment)
{
    char beside[PATH_MAX], directory[PATH_MAX];

    if (!join(directory, own_directory, "/"))
        return;
    for (size_t i = 0; i < COUNT(INTERPRETERS); i++) {
        const char *interpreter = INTERPRETERS[i];

        if (interpreter[0] != '/') {
            if (!join(beside, directory, interpreter))
                continue;
            interpreter = beside;
        }
        words[0] = (char *)interpreter;
        execve(interpreter, words, environment);
        if (errno == E2BIG)
            die(interpreter, reason(errno));
    }
}

int main(int argc, char **argv, char **environment)
{
    /* -B: a missing .pyc is not written with the umask that happens to be the caller's. */
    const char *options[] = {NULL,     "-I", "-S",          "-B", "-X",
                             "utf8=1", "-X", "sigint=kept", "-c", BOOT};
    char own_directory[PATH_MAX], package[PATH_MAX];
    size_t given = argc > 0 ? (size_t)argc - 1 : 0;
    char *words[COUNT(options) + 1 + given + 1];
    char *clean[count(environment) + 2];

    if (hold_interrupt())
        options[7] = "sigint=held";
    open_standard_descriptors();
    find_own_directory(own_directory);
    find_package(package, own_directory);
    refuse_untrusted(package);
    clean_environment(clean, environment);
    memcpy(words, options, sizeof(options));
    words[COUNT(options)] = package;
    if (given)
        memcpy(words + COUNT(options) + 1, argv + 1, given * sizeof(*words));
    words[COUNT(options) + 1 + given] = NULL;
    become_python(own_directory, words, clean);
    die("",
        "finds no interpreter: tried " PYTHON ", python" PYTHON_VERSION " and python3 beside it");
}
