/* The executor: walks the plan. Started with three descriptors: reports out, permission in, the plan.
 *
 *   runtime (Python)                      executor                          its child: init
 *      spawn ────────────────────────────► probe
 *      ◄───────────────────────── PROBED   wait
 *      writes the plan, one byte ────────► entry steps, clone ────────────► inside steps
 *      ◄───────────────────── CLONED pid   exit 0                             │
 *      ◄────────────────────────────────────────────────────────── BARRIER n  │ wait
 *      host steps, one byte ───────────────────────────────────────────────►  │ ...
 *      ◄──────────────────────── FAILED step errno call, or the end of file when execve has happened
 */
#define _GNU_SOURCE
#include "plan.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int root_fd = -EBADF;
int proc_fd = -EBADF;
int current_step;

static int slots[MAX_SLOTS]; /* the descriptor plus one, so that untouched pages mean empty */
static struct args args;
struct plan_header *plan;
static size_t plan_size;

int slot(int64_t number)
{
    if (number < 0 || number >= MAX_SLOTS || slots[number] == 0)
        return fail(CALL_plan, EBADF);
    return slots[number] - 1;
}

int set_slot(int64_t number, int fd)
{
    if (fd < 0)
        return fd;
    if (number < 0 || number >= MAX_SLOTS || slots[number] != 0)
        return fail(CALL_plan, EBADF);
    slots[number] = fd + 1;
    return 0;
}

int number(const char *text, int64_t *value)
{
    const char *digit = text + (*text == '-');
    uint64_t sum = 0;

    if (!*digit)
        return -EINVAL;
    for (; *digit; digit++) {
        if (*digit < '0' || *digit > '9' || __builtin_mul_overflow(sum, (uint64_t)10, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(*digit - '0'), &sum))
            return -EINVAL;
    }
    if (*text == '-' && sum > (uint64_t)INT64_MAX)
        return -EINVAL;
    *value = *text == '-' ? -(int64_t)sum : (int64_t)sum;
    return 0;
}

static const struct op *find_op(const char *name)
{
    static const struct op *const tables[] = {entry_ops, idmap_ops,    mount_ops,   rootfs_ops,
                                              hide_ops,  file_ops,     process_ops, schedule_ops,
                                              start_ops, landlock_ops, notify_ops,  NULL};

    for (const struct op *const *table = tables; *table; table++)
        for (const struct op *op = *table; op->name; op++)
            if (strcmp(op->name, name) == 0)
                return op;
    return NULL;
}

/* "OFFSET:LENGTH", counted from the first blob. */
static int find_blob(const char *text, struct blob *blob)
{
    char offset_text[24];
    const char *colon = strchr(text, ':');
    int64_t offset, length;

    if (!colon || (size_t)(colon - text) >= sizeof(offset_text))
        return -EINVAL;
    memcpy(offset_text, text, (size_t)(colon - text));
    offset_text[colon - text] = 0;
    if (number(offset_text, &offset) < 0 || number(colon + 1, &length) < 0)
        return -EINVAL;
    if (plan->blobs > plan_size || offset < 0 || length < 0 ||
        (size_t)offset > plan_size - plan->blobs ||
        (size_t)length > plan_size - plan->blobs - (size_t)offset)
        return -EINVAL;
    *blob = (struct blob){(const char *)plan + plan->blobs + offset, (size_t)length};
    return 0;
}

/* Check the arguments against the signature and fill in the numbers, so that no op sees a bad one. */
static int check_args(const char *signature)
{
    int i = 0;

    for (; signature[i] && signature[i] != '*'; i++) {
        if (i >= args.count || i >= MAX_NUMBERS)
            return -EINVAL;
        if (signature[i] == 'b' && find_blob(args.s[i], &args.blob) < 0)
            return -EINVAL;
        if (strchr("nui", signature[i]) && number(args.s[i], &args.n[i]) < 0)
            return -EINVAL;
        if (signature[i] == 'i' && !is_id(args.n[i]))
            return -EINVAL;
        if (signature[i] == 'u' && args.s[i][0] == '-')
            return -EINVAL;
    }
    return signature[i] == '*' || i == args.count ? 0 : -EINVAL;
}

static const char *next_field(const char **cursor)
{
    const char *field = *cursor;
    const char *end = (const char *)plan + TEXT_AT + plan->text_length;

    if (field >= end)
        return NULL;
    *cursor = field + strlen(field) + 1;
    return field;
}

/* A step is: index, op, number of arguments, arguments. Gives NULL at the end of the plan or when it is malformed. */
static const struct op *next_step(const char **cursor)
{
    const char *index = next_field(cursor), *name = next_field(cursor), *count = next_field(cursor);
    int64_t step, arguments;

    if (!index || !name || !count || number(index, &step) < 0 || number(count, &arguments) < 0 ||
        step < 0 || step > INT32_MAX || arguments < 0 || arguments > MAX_ARGS)
        return NULL;
    current_step = (int)step;
    args.count = (int)arguments;
    for (int i = 0; i < args.count; i++)
        if (!(args.s[i] = next_field(cursor)))
            return NULL;
    args.s[args.count] = NULL;
    return find_op(name);
}

static void stamp(void)
{
    struct timespec now;

    plan->current = (uint32_t)current_step;
    if (!plan->stamps || (uint32_t)current_step >= plan->steps)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    ((uint64_t *)((char *)plan + plan->stamps))[current_step] =
        (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static int map_plan(int fd)
{
    struct stat status;

    if (fstat(fd, &status) < 0 || status.st_size < TEXT_AT)
        return -EINVAL;
    plan_size = (size_t)status.st_size;
    plan = mmap(NULL, plan_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (plan == MAP_FAILED || memcmp(plan->magic, "PYRPLAN1", 8) != 0)
        return -EINVAL;
    if (plan->text_length == 0 || plan->text_length > plan_size - TEXT_AT ||
        ((const char *)plan)[TEXT_AT + plan->text_length - 1] != 0)
        return -EINVAL;
    if (plan->stamps % 8 || plan->stamps > plan_size ||
        (plan->stamps && plan->steps > (plan_size - plan->stamps) / 8))
        return -EINVAL;
    return 0;
}

/* All 64, by the system calls themselves: a C library keeps two for its own threads, which its posix_spawn leaves ignored
 * in us, and nobody could put them back for the program. */
static void reset_signals(void)
{
    static const unsigned char
        defaults[64]; /* whatever the layout of the kernel's sigaction: SIG_DFL, no flag, no mask */
    static const uint64_t none;

    for (int number = 1; number <= 64; number++)
        syscall(SYS_rt_sigaction, number, defaults, NULL, sizeof(none));
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
}

/* run FD PATH ARGUMENT...: not a plan but one program, with the signals as they were at boot. What execve says goes to FD. */
static int run_program(char **argv, char **environment)
{
    int64_t fd;
    ssize_t done;

    if (number(argv[2], &fd) < 0)
        return 2;
    fcntl((int)fd, F_SETFD, FD_CLOEXEC);
    execve(argv[3], argv + 4, environment);
    done = write((int)fd, &errno, sizeof(errno));
    return done == sizeof(errno) ? 127 : 2;
}

static _Noreturn void give_up(int error, int call)
{
    sync_report(REPORT_FAILED, current_step, error, call);
    _exit(1);
}

extern int probe(void);

int main(int argc, char **argv, char **environment)
{
    int64_t report_fd, go_fd, plan_fd;
    const char *cursor;

    reset_signals();
    if (argc > 4 && strcmp(argv[1], "run") == 0)
        return run_program(argv, environment);
    if (argc != 4 || number(argv[1], &report_fd) < 0 || number(argv[2], &go_fd) < 0 ||
        number(argv[3], &plan_fd) < 0)
        return 2;
    sync_use((int)report_fd, (int)go_fd);
    fcntl((int)plan_fd, F_SETFD, FD_CLOEXEC);
    umask(0); /* modes are the plan's; the process's own umask is a step */
    sync_report(REPORT_PROBED, 0, probe(), 0);
    if (sync_wait() < 0)
        return 1; /* the runtime refused the configuration, or died */
    if (map_plan((int)plan_fd) < 0)
        give_up(EINVAL, CALL_plan);
    cursor = (const char *)plan + TEXT_AT;
    for (;;) {
        const struct op *op = next_step(&cursor);
        int result;

        if (!op || check_args(op->signature) < 0)
            give_up(EINVAL, CALL_plan);
        stamp();
        last_call = CALL_none;
        result = op->run(&args);
        if (result < 0)
            give_up(-result, last_call);
    }
}
