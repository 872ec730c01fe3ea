/* Hooks that run in the container's namespaces (createContainer, startContainer). runtime-spec, config.md, "POSIX-platform
 * Hooks". The state goes to the hook's standard input through a pipe that is filled before the hook starts: a hook that
 * does not read cannot stop us, and no SIGPIPE can. What it prints goes to our standard error. */
#define _GNU_SOURCE
#include "plan.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int op_hook(struct args *a);

static int put(int fd, const char *text, size_t length)
{
    return write(fd, text, length) == (ssize_t)length ? 0 : fail(CALL_write, EFBIG);
}

/* BEFORE, our pid as the container sees it, AFTER. */
static int open_state(const char *before, const char *after)
{
    char digits[12];
    int at = sizeof(digits), pipe_fds[2], result;
    size_t length = strlen(before) + strlen(after) + sizeof(digits);

    for (int pid = getpid(); pid > 0 || at == sizeof(digits); pid /= 10)
        digits[--at] = (char)('0' + pid % 10);
    if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return failed(CALL_pipe2);
    if (length > 65536)
        fcntl(pipe_fds[1], F_SETPIPE_SZ, (int)length);
    result = put(pipe_fds[1], before, strlen(before));
    if (result >= 0)
        result = put(pipe_fds[1], digits + at, sizeof(digits) - (size_t)at);
    if (result >= 0)
        result = put(pipe_fds[1], after, strlen(after));
    close(pipe_fds[1]);
    if (result >= 0)
        fcntl(pipe_fds[0], F_SETFL, 0);
    else
        close(pipe_fds[0]);
    return result < 0 ? result : pipe_fds[0];
}

static _Noreturn void run(struct args *a, int state_fd, char **argv, char **envp)
{
    setsid();
    if (root_fd >= 0 && fchdir(root_fd) < 0)
        _exit(126);
    if (dup2(state_fd, 0) < 0 || dup2(2, 1) < 0)
        _exit(126);
    if (call_close_range(3, ~0U, 0) < 0)
        close_each(3, ~0U);
    execve(a->s[0], argv, envp);
    _exit(errno == ENOENT ? 127 : 126);
}

/* Wait for *pid*, at most *seconds* (0: for ever); its whole session is killed when it takes longer. */
static int wait_hook(int pid, int64_t seconds)
{
    int status = 0;

    if (seconds > 0) {
        fd_auto pid_fd = call_pidfd_open(pid);
        struct pollfd poll_fd = {.fd = pid_fd, .events = POLLIN};
        /* A hook that cannot be watched has not run past anything: it is ended, and the reason is told. */
        int error = pid_fd < 0 ? -pid_fd : ETIME;
        int ready =
            pid_fd < 0 ? 0 : poll(&poll_fd, 1, (int)(seconds > 2000000 ? -1 : seconds * 1000));

        if (ready == 0) {
            kill(-pid, SIGKILL);
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return fail(pid_fd < 0 ? CALL_pidfd_open : CALL_hook, error);
        }
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return failed(CALL_waitid);
    if (status == 0)
        return 0;
    /* The status goes back in the place of errno, above all errnos. */
    return fail(CALL_hook, 4096 + status);
}

/* hook PATH TIMEOUT ARGC STATE_BEFORE STATE_AFTER ARGUMENT... VARIABLE... */
int op_hook(struct args *a)
{
    static char *argv[MAX_ARGS + 1], *envp[MAX_ARGS + 1];
    int64_t argc = a->n[2];
    int pid;
    fd_auto state_fd = open_state(a->s[3], a->s[4]);

    if (state_fd < 0)
        return state_fd;
    if (argc < 0 || argc > a->count - 5)
        return fail(CALL_plan, EINVAL);
    if (access(a->s[0], X_OK) < 0)
        return failed(CALL_execve);
    for (int i = 5; i < a->count; i++) {
        if (i < 5 + argc)
            argv[i - 5] = (char *)(uintptr_t)a->s[i];
        else
            envp[i - 5 - argc] = (char *)(uintptr_t)a->s[i];
    }
    argv[argc] = NULL;
    envp[a->count - 5 - argc] = NULL;
    pid = fork();
    if (pid < 0)
        return failed(CALL_clone);
    if (pid == 0)
        run(a, state_fd, argv, envp);
    return wait_hook(pid, a->n[1]);
}
