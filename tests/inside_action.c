/*
 * The commands of `inside` that do something: system calls, signals, children, memory.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inside.h"

static int sleep_for_ever(char **arg)
{
    (void)arg;
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
    return 0;
}

static volatile int exit_code;

static void on_signal(int signal_number)
{
    char line[] = "got 00\n";

    line[4] = '0' + signal_number / 10;
    line[5] = '0' + signal_number % 10;
    (void)!write(1, line, sizeof line - 1); /* Nothing could be done about it here. */
    if (exit_code >= 0)
        _exit(exit_code);
}

/* trap CODE SIGNAL...: exits with CODE on each of the signals (numbers); -1 goes on waiting. */
static int trap(char **arg)
{
    exit_code = atoi(*arg++);
    for (; *arg; arg++)
        signal(atoi(*arg), on_signal);
    return sleep_for_ever(arg);
}

static int kill_self(char **arg)
{
    signal(atoi(arg[0]), SIG_DFL);
    return kill(getpid(), atoi(arg[0]));
}

/* child COMMAND...: runs it in a child and prints its status. A way to be killed without being pid 1. */
static int in_child(char **arg)
{
    int status;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        int result = run_command(arg);

        fflush(stdout);
        _exit(result);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return -1;
    if (WIFSIGNALED(status))
        printf("signal %d\n", WTERMSIG(status));
    else
        printf("exit %d\n", WEXITSTATUS(status));
    return 0;
}

/* background: leaves a child behind that sleeps for ever in its own session. */
static int background(char **arg)
{
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        setsid();
        for (;;)
            pause();
    }
    (void)arg;
    return child < 0 ? -1 : (printf("%d\n", child), 0);
}

/*
 * stranger PID: leaves a child of our parent behind that has this number and sleeps for ever. clone3's set_tid is in
 * every kernel from 5.5 on; /proc/sys/kernel/ns_last_pid only where checkpoints are.
 */
static int stranger(char **arg)
{
    struct clone_args args = {.flags = CLONE_PARENT, .set_tid_size = 1};
    pid_t number = atoi(arg[0]);
    long child;

    args.set_tid = (unsigned long)&number;
    fflush(stdout);
    child = syscall(SYS_clone3, &args, sizeof args);
    if (child == 0) {
        close(1);
        close(2);
        for (;;)
            pause();
    }
    return child < 0 ? -1 : (printf("%ld\n", child), 0);
}

static int execute(char **arg)
{
    fflush(stdout);
    return execv(arg[0], arg);
}

/* nap MILLISECONDS */
static int nap(char **arg)
{
    return usleep(1000 * atoi(arg[0]));
}

/* syscall NUMBER [ARG...]: prints "ok" or the errno. */
static int any_syscall(char **arg)
{
    long number = atol(arg[0]), a[6] = {0};

    for (int i = 0; i < 6 && arg[i + 1]; i++)
        a[i] = strtol(arg[i + 1], NULL, 0);
    fflush(stdout);
    if (syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]) < 0)
        return -1;
    puts("ok");
    return 0;
}

/* alloc MIB: touches so much memory. */
static int allocate(char **arg)
{
    size_t size = (size_t)atoi(arg[0]) << 20;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return -1;
    for (size_t i = 0; i < size; i += 4096)
        memory[i] = 1;
    puts("ok");
    return munmap(memory, size);
}

/* forks N: tries N children that stay until the end; prints how many there were. */
static int fork_many(char **arg)
{
    int wanted = atoi(arg[0]), made = 0;
    pid_t children[256];

    fflush(stdout);
    for (int i = 0; i < wanted && i < 256; i++) {
        pid_t child = fork();

        if (child == 0)
            for (;;)
                pause();
        if (child > 0)
            children[made++] = child;
    }
    for (int i = 0; i < made; i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
    printf("%d\n", made);
    return 0;
}

/* bomb: every process of it forks again and again, until there can be no more, and then whenever one has gone. */
static int bomb(char **arg)
{
    (void)arg;
    puts("ready");
    fflush(stdout);
    while (fork() >= 0 || usleep(500) == 0)
        ;
    return -1;
}

static int change_user(char **arg)
{
    return setresuid(atoi(arg[0]), atoi(arg[0]), atoi(arg[0]));
}

const struct command action_commands[] = {
    {"pause", 0, sleep_for_ever},  {"trap", 2, trap},
    {"kill-self", 1, kill_self},   {"child", 1, in_child},
    {"background", 0, background}, {"stranger", 1, stranger},
    {"exec", 1, execute},          {"nap", 1, nap},
    {"syscall", 1, any_syscall},   {"alloc", 1, allocate},
    {"forks", 1, fork_many},       {"bomb", 0, bomb},
    {"setuid", 1, change_user},    {0, 0, 0},
};
