/* Ops of the last stretch: terminal, hooks, working directory, program; the wait for `start`; execve. */
#define _GNU_SOURCE
#include "plan.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int op_console(struct args *a); /* console.c */
int op_hook(struct args *a);    /* hook.c */
int op_home(struct args *a);    /* home.c */
const char *home_variable(void);

static char executable[PATH_MAX]; /* what find_executable found */

static char listen_pid[32]; /* the variable, if it was asked for */

static int in_directory; /* whether chdir has succeeded */

/* chdir PATH MAY_FAIL. CVE-2024-21626: a magic link (/proc/self/fd/N) is not followed, and where we end up must have a name
 * inside the root. With MAY_FAIL, a directory that root may not enter is tried again as the container's user. */
static int op_chdir(struct args *a)
{
    char where[PATH_MAX];
    fd_auto fd = open_from_root(a->s[0]);
    int result = 0;

    if (fd < 0)
        result = fd;
    else if (fchdir(fd) < 0)
        result = failed(CALL_chdir);
    if (a->n[1] && (result == -EACCES || result == -EPERM))
        return 0;
    if (result < 0)
        return result;
    if (syscall(SYS_getcwd, where, sizeof(where)) < 0)
        return fail(CALL_getcwd, errno);
    /* A directory outside of the root is shown as "(unreachable)/...". */
    if (where[0] != '/')
        return fail(CALL_getcwd, EXDEV);
    in_directory = 1;
    return 0;
}

static int op_chdir_again(struct args *a)
{
    a->n[1] = 0;
    return in_directory ? 0 : op_chdir(a);
}

/* own_pipes UID: of the host, before the clone. What is a file stays whose it is. */
static int op_own_pipes(struct args *a)
{
    struct stat status;

    for (int fd = 0; fd < 3; fd++) {
        if (fstat(fd, &status) < 0 || !S_ISFIFO(status.st_mode))
            continue;
        if (status.st_uid != (uid_t)a->n[0] && fchown(fd, (uid_t)a->n[0], (gid_t)-1) < 0 &&
            errno != EPERM && errno != EROFS && errno != EINVAL)
            return failed(CALL_fchownat);
    }
    return 0;
}

/* What is not a device becomes the user's, who can then open /dev/stdout; a file system that refuses is right. */
static int op_own_stdio(struct args *a)
{
    struct stat status;

    for (int fd = 0; fd < 3; fd++) {
        if (fstat(fd, &status) < 0 || S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode))
            continue;
        if (status.st_uid != (uid_t)a->n[0] && fchown(fd, (uid_t)a->n[0], (gid_t)-1) < 0 &&
            errno != EPERM && errno != EROFS && errno != EINVAL)
            return failed(CALL_fchownat);
    }
    return 0;
}

/* Only which error comes first depends on this: execve is the judge. faccessat(2) leaves the capabilities of whoever is not
 * root out; where faccessat2(2) is missing (before 5.8) or the filter hides it, one bit for anybody is what the kernel wants. */
static int is_executable(const char *path, int capable)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return failed(CALL_lookup);
    if (S_ISDIR(status.st_mode))
        return fail(CALL_lookup, EISDIR);
    if (syscall(SYS_faccessat, AT_FDCWD, path, X_OK) == 0)
        return 0;
    if (errno != EACCES || !capable)
        return failed(CALL_lookup);
    if (syscall(SYS_faccessat2, AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
        return 0;
    if (errno != ENOSYS && errno != EPERM)
        return failed(CALL_lookup);
    return status.st_mode & 0111 ? 0 : fail(CALL_lookup, EACCES);
}

static int join_path(const char *directory, size_t length, const char *name)
{
    if (length + 1 + strlen(name) + 1 > sizeof(executable))
        return fail(CALL_lookup, ENAMETOOLONG);
    memcpy(executable, directory, length);
    executable[length] = '/';
    strcpy(executable + length + 1, name);
    return 0;
}

/* find_executable NAME PATH CAPABLE: as execvp(3) looks it up, so that a missing program is an error of create. */
static int op_find_executable(struct args *a)
{
    const char *name = a->s[0], *path = a->s[1];
    int best = fail(CALL_lookup, ENOENT), capable = a->n[2] != 0;

    if (strchr(name, '/')) {
        if (strlen(name) >= sizeof(executable))
            return fail(CALL_lookup, ENAMETOOLONG);
        strcpy(executable, name);
        return is_executable(executable, capable);
    }
    for (; *name; path++) {
        size_t length = strcspn(path, ":");
        int result = length ? join_path(path, length, name) : join_path(".", 1, name);

        if (result >= 0)
            result = is_executable(executable, capable);
        if (result >= 0)
            return 0;
        if (result == -EACCES)
            best =
                result; /* as execvp: a found one that may not be run says more than "not found" */
        path += length;
        if (!*path)
            break;
    }
    return fail(CALL_lookup, -best);
}

/* Before 5.9 there is no close_range(2): every number that could be one. */
void close_each(unsigned first, unsigned last)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && last > limit.rlim_max)
        last = (unsigned)limit.rlim_max;
    for (unsigned fd = first; fd <= last; fd++)
        close((int)fd);
}

/* Close FIRST and up, but for what the way back needs. */
static int close_from(unsigned first, int keep_fd)
{
    for (unsigned fd = first, start = first; fd < 4096; fd++) {
        if (!sync_is_ours((int)fd) && !notify_is_ours((int)fd) && (int)fd != keep_fd)
            continue;
        if (fd > start && call_close_range(start, fd - 1, 0) < 0)
            close_each(start, fd - 1);
        start = first = fd + 1;
    }
    if (call_close_range(first, ~0U, 0) < 0)
        close_each(first, ~0U);
    return 0;
}

/* close_fds FIRST KEEP: CVE-2024-21626. Nothing of the runtime's, nor what its caller left open, goes on from here; real
 * closing, not close-on-exec, because a created container waits with what it has. */
static int op_close_fds(struct args *a)
{
    root_fd = proc_fd = -EBADF;
    return close_from((unsigned)a->n[0], a->n[1] < 0 ? -1 : slot(a->n[1]));
}

/* wait_start SLOT: from here on the fifo is all that connects us with the runtime. */
static int op_wait_start(struct args *a)
{
    int fd = slot(a->n[0]);

    if (fd < 0)
        return fd;
    sync_switch(fd);
    return sync_wait();
}

/* LISTEN_PID: only here, in its pid namespace, the pid is known. */
static int op_listen_pid(struct args *a)
{
    int at = sizeof(listen_pid) - 1;
    static const char name[] = "LISTEN_PID=";

    (void)a;
    for (int pid = getpid(); pid > 0; pid /= 10)
        listen_pid[--at] = (char)('0' + pid % 10);
    memmove(listen_pid + sizeof(name) - 1, listen_pid + at, sizeof(listen_pid) - (size_t)at);
    memcpy(listen_pid, name, sizeof(name) - 1);
    return 0;
}

static int take_number(const char **at)
{
    unsigned value = 0;

    for (; **at >= '0' && **at <= '9'; (*at)++)
        value = value * 10 + (unsigned)(**at - '0');
    *at += **at == ' ';
    return (int)value;
}

/* Where the program would have complained, whether somebody reads that or not (a pipe that is full is not waited for);
 * *status* is the program's. */
static _Noreturn void complain(const char *text, size_t length, int status)
{
    struct pollfd to = {.fd = 2, .events = POLLOUT};

    signal(SIGPIPE, SIG_IGN);
    while (length > 0 && poll(&to, 1, 0) > 0) {
        ssize_t done = write(2, text, length < PIPE_BUF ? length : PIPE_BUF);

        if (done < 0 && errno != EINTR)
            break;
        text += done < 0 ? 0 : done;
        length -= done < 0 ? 0 : (size_t)done;
    }
    _exit(status);
}

/* FAILURES has a line for each errno, "ERRNO STATUS TEXT"; 0 stands for all that have none. */
static void end_instead(const char *failures, int error)
{
    for (const char *at = failures; *at;) {
        int which = take_number(&at), status = take_number(&at);
        size_t length = strcspn(at, "\n");

        length += at[length] == '\n';
        if (which == error || which == 0)
            complain(at, length, status);
        at += length;
    }
}

/* exec ARGC ENVC FAILURES ARGUMENT... VARIABLE... */
static int op_exec(struct args *a)
{
    static const char *environment[MAX_ARGS + 3];
    int64_t argc = a->n[0], envc = a->n[1];
    int count = 0, error;

    if (argc < 1 || envc < 0 || argc + envc + 3 != a->count)
        return fail(CALL_plan, EINVAL);
    for (int64_t i = 0; i < envc; i++)
        environment[count++] = a->s[3 + argc + i];
    if (home_variable())
        environment[count++] = home_variable();
    if (listen_pid[0])
        environment[count++] = listen_pid;
    environment[count] = NULL;
    a->s[3 + argc] = NULL;
    execve(executable, (char *const *)(uintptr_t)(a->s + 3), (char *const *)(uintptr_t)environment);
    error = errno;
    end_instead(a->s[2], error);
    return fail(CALL_execve, error);
}

const struct op start_ops[] = {
    {"console", "nnninn", op_console},
    {"hook", "snnss*", op_hook},
    {"home", "is", op_home},
    {"chdir", "sn", op_chdir},
    {"chdir_again", "s", op_chdir_again},
    {"own_pipes", "i", op_own_pipes},
    {"own_stdio", "i", op_own_stdio},
    {"find_executable", "ssn", op_find_executable},
    {"close_fds", "nn", op_close_fds},
    {"listen_pid", "", op_listen_pid},
    {"wait_start", "n", op_wait_start},
    {"exec", "nns*", op_exec},
    {NULL, NULL, NULL},
};
