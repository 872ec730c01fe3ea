/*
 * The commands of `inside` that tell what the process is and may do. Where there is a system call it is asked, not /proc:
 * most of these work in a container that has no /proc.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "inside.h"

extern char **environ;

const char *errno_name(int number)
{
#define NAME(e)                                                                                    \
    case e: return #e;
    /* clang-format off */
    switch (number) {
        NAME(EPERM) NAME(ENOENT) NAME(ESRCH) NAME(EINTR) NAME(EIO) NAME(ENXIO) NAME(E2BIG)
        NAME(ENOEXEC) NAME(EBADF) NAME(EAGAIN) NAME(ENOMEM) NAME(EACCES) NAME(EFAULT) NAME(EBUSY)
        NAME(EEXIST) NAME(EXDEV) NAME(ENODEV) NAME(ENOTDIR) NAME(EISDIR) NAME(EINVAL) NAME(ENFILE)
        NAME(EMFILE) NAME(ENOTTY) NAME(ETXTBSY) NAME(EFBIG) NAME(ENOSPC) NAME(EROFS) NAME(EMLINK)
        NAME(EPIPE) NAME(EDOM) NAME(ERANGE) NAME(ENAMETOOLONG) NAME(ENOSYS) NAME(ELOOP)
        NAME(EOVERFLOW) NAME(EOPNOTSUPP) NAME(EAFNOSUPPORT) NAME(ENOKEY) NAME(ECONNREFUSED)
    }
    /* clang-format on */
#undef NAME
    static char text[16];

    snprintf(text, sizeof text, "E%d", number);
    return text;
}

static int show_id(char **arg)
{
    uid_t u[3];
    gid_t g[3], groups[256];
    int count = getgroups(256, groups);

    (void)arg;
    getresuid(&u[0], &u[1], &u[2]);
    getresgid(&g[0], &g[1], &g[2]);
    printf("uid=%u,%u,%u gid=%u,%u,%u groups=", u[0], u[1], u[2], g[0], g[1], g[2]);
    for (int i = 0; i < count; i++)
        printf("%s%u", i ? "," : "", groups[i]);
    puts("");
    return 0;
}

static unsigned long long set_of(int (*has)(int))
{
    unsigned long long set = 0;

    for (int bit = 0; bit < 64; bit++)
        if (has(bit) == 1)
            set |= 1ULL << bit;
    return set;
}

static int in_bounding(int bit)
{
    return prctl(PR_CAPBSET_READ, bit, 0, 0, 0);
}

static int in_ambient(int bit)
{
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, bit, 0, 0);
}

static int show_capabilities(char **arg)
{
    struct {
        unsigned version;
        int pid;
    } header = {0x20080522, 0}; /* _LINUX_CAPABILITY_VERSION_3: musl-gcc finds no kernel headers. */
    struct {
        unsigned effective, permitted, inheritable;
    } data[2];
    unsigned long long wide[3];

    (void)arg;
    if (syscall(SYS_capget, &header, data) < 0)
        return -1;
    wide[0] = data[0].effective | (unsigned long long)data[1].effective << 32;
    wide[1] = data[0].permitted | (unsigned long long)data[1].permitted << 32;
    wide[2] = data[0].inheritable | (unsigned long long)data[1].inheritable << 32;
    printf("bounding=%llx\neffective=%llx\npermitted=%llx\ninheritable=%llx\nambient=%llx\n",
           set_of(in_bounding), wide[0], wide[1], wide[2], set_of(in_ambient));
    return 0;
}

static int show_confinement(char **arg)
{
    (void)arg;
    printf("no_new_privs=%d seccomp=%d dumpable=%d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
           prctl(PR_GET_SECCOMP, 0, 0, 0, 0), prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
    return 0;
}

static void show_fd(FILE *out, const char *label, int fd)
{
    char path[32], target[4096];
    ssize_t size;

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    size = readlink(path, target, sizeof target);
    fprintf(out, "%s%d %.*s\n", label, fd, size < 0 ? 1 : (int)size, size < 0 ? "?" : target);
}

static void show_all_fds(FILE *out, const char *label, int except)
{
    for (int fd = 0; fd < 1100; fd++)
        if (fd != except && fcntl(fd, F_GETFD) >= 0)
            show_fd(out, label, fd);
}

static int show_fds(char **arg)
{
    (void)arg;
    show_all_fds(stdout, "", -1);
    return 0;
}

static int show_names(char **arg)
{
    struct utsname name;

    (void)arg;
    if (uname(&name) < 0)
        return -1;
    printf("hostname=%s domainname=%s machine=%s\n", name.nodename, name.domainname, name.machine);
    return 0;
}

static int show_limits(char **arg)
{
    static const char *const names[] = {
        "CPU",     "FSIZE", "DATA",  "STACK",      "CORE",     "RSS",  "NPROC",  "NOFILE",
        "MEMLOCK", "AS",    "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME"};

    (void)arg;
    for (int i = 0; i < 16; i++) {
        struct rlimit limit;

        if (getrlimit(i, &limit) < 0)
            return -1;
        printf("RLIMIT_%s %lld %lld\n", names[i], (long long)limit.rlim_cur,
               (long long)limit.rlim_max);
    }
    return 0;
}

static int show_umask(char **arg)
{
    (void)arg;
    printf("%04o\n", umask(0));
    return 0;
}

static int show_pids(char **arg)
{
    (void)arg;
    printf("pid=%d ppid=%d pgid=%d sid=%d\n", getpid(), getppid(), getpgrp(), getsid(0));
    return 0;
}

static int show_tty(char **arg)
{
    struct winsize size = {0};
    char name[256] = "";
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);

    (void)arg;
    ioctl(0, TIOCGWINSZ, &size);
    if (ttyname_r(0, name, sizeof name))
        name[0] = 0;
    printf("isatty=%d%d%d name=%s rows=%d cols=%d controlling=%s foreground=%d\n", isatty(0),
           isatty(1), isatty(2), name, size.ws_row, size.ws_col, fd < 0 ? errno_name(errno) : "yes",
           tcgetpgrp(0) == getpgrp());
    if (fd >= 0)
        close(fd);
    return 0;
}

static int show_signals(char **arg)
{
    sigset_t blocked;
    struct sigaction action;

    (void)arg;
    sigprocmask(SIG_SETMASK, NULL, &blocked);
    for (int i = 1; i < 65; i++) {
        if (sigismember(&blocked, i) == 1)
            printf("blocked %d\n", i);
        if (sigaction(i, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
            printf("ignored %d\n", i);
    }
    return 0;
}

static int show_scheduling(char **arg)
{
    struct { /* struct sched_attr; musl's sched_getscheduler() answers ENOSYS */
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } a = {.size = 0};
    unsigned long nodes[64] = {0};
    int mode = -1;

    (void)arg;
    if (syscall(SYS_sched_getattr, 0, &a, sizeof a, 0) < 0)
        return -1;
    syscall(SYS_get_mempolicy, &mode, nodes, 8 * sizeof nodes, NULL, 0);
    printf("policy=%u nice=%d priority=%u flags=%x deadline=%llu/%llu/%llu ioprio=%ld "
           "personality=%x mempolicy=%x nodes=%lx\n",
           a.policy, a.nice, a.priority, (unsigned)a.flags, (unsigned long long)a.runtime,
           (unsigned long long)a.deadline, (unsigned long long)a.period,
           syscall(SYS_ioprio_get, 1, 0), personality(0xffffffff), mode, nodes[0]);
    return 0;
}

static int show_keyring(char **arg)
{
    char text[256];
    long size = syscall(SYS_keyctl, 6 /* KEYCTL_DESCRIBE */, -3 /* KEY_SPEC_SESSION_KEYRING */,
                        text, sizeof text);

    (void)arg;
    return size < 0 ? -1 : puts(text) < 0;
}

static void copy_line(FILE *out, int fd)
{
    char c;

    while (read(fd, &c, 1) == 1)
        fputc(c == '\n' ? ' ' : c, out);
    fputc('\n', out);
}

/* Straight from the kernel: a C library does not tell of the signals that it keeps for itself. */
static void copy_signals(FILE *out, const char *label)
{
    char line[256];
    FILE *status = fopen("/proc/self/status", "re");

    while (status && fgets(line, sizeof line, status))
        if (!strncmp(line, "SigIgn:", 7) || !strncmp(line, "SigBlk:", 7))
            fprintf(out, "%s signals %s", label, line);
    if (status)
        fclose(status);
}

/* hook LOG LABEL: appends what a hook is given to LOG, each line "LABEL KEY VALUE". */
static int hook(char **arg)
{
    static const char *const kinds[] = {"mnt", "pid", "net", "uts", "ipc"};
    FILE *out = fopen(arg[0], "ae");
    char path[64], label[128], target[4096];

    if (!out)
        return -1;
    fprintf(out, "%s stdin ", arg[1]);
    copy_line(out, 0);
    for (char **variable = environ; *variable; variable++)
        fprintf(out, "%s env %s\n", arg[1], *variable);
    fprintf(out, "%s cwd %s\n%s uid %d\n", arg[1], getcwd(target, sizeof target) ? target : "?",
            arg[1], getuid());
    copy_signals(out, arg[1]);
    for (int i = 0; i < 5; i++) {
        ssize_t size;

        snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
        size = readlink(path, target, sizeof target);
        fprintf(out, "%s ns %.*s\n", arg[1], size < 0 ? 1 : (int)size, size < 0 ? "?" : target);
    }
    snprintf(label, sizeof label, "%s fd ", arg[1]);
    show_all_fds(out, label, fileno(out));
    return fclose(out);
}

const struct command process_commands[] = {
    {"id", 0, show_id},
    {"caps", 0, show_capabilities},
    {"confinement", 0, show_confinement},
    {"fds", 0, show_fds},
    {"names", 0, show_names},
    {"limits", 0, show_limits},
    {"umask", 0, show_umask},
    {"pids", 0, show_pids},
    {"tty", 0, show_tty},
    {"signals", 0, show_signals},
    {"scheduling", 0, show_scheduling},
    {"keyring", 0, show_keyring},
    {"hook", 2, hook},
    {0, 0, 0},
};
