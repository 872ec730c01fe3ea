/* deny CALL... -- COMMAND...: run COMMAND on a kernel that lacks these calls: they answer ENOSYS. So fallbacks are tested on
 * a new kernel. The filter is inherited by everything that COMMAND starts. pidfd_setns is setns(2) of several types at once,
 * for which a kernel before 5.8 has EINVAL. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    const char *name;
    unsigned number;
} calls[] = {
    {"openat2", SYS_openat2},         {"clone3", SYS_clone3},
    {"fsopen", SYS_fsopen},           {"fsconfig", SYS_fsconfig},
    {"fsmount", SYS_fsmount},         {"open_tree", SYS_open_tree},
    {"move_mount", SYS_move_mount},   {"mount_setattr", SYS_mount_setattr},
    {"close_range", SYS_close_range}, {"landlock_create_ruleset", SYS_landlock_create_ruleset},
    {"faccessat2", SYS_faccessat2},   {"pidfd_open", SYS_pidfd_open},
};

/* Of setns(2), but for that of one type: EINVAL. */
static unsigned deny_pidfd_setns(struct sock_filter *program, unsigned length)
{
    const struct sock_filter load_types =
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1]));
    unsigned start = length;

    program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setns, 0, 6);
    program[length++] = load_types;
    /* A & (A - 1) is 0 for one bit: X = A; A -= 1; A &= X. */
    program[length++] = (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0);
    program[length++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 1);
    program[length++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_X, 0);
    program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
    program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL);
    program[length++] = program[0];
    return length - start;
}

static int number_of(const char *name)
{
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (strcmp(calls[i].name, name) == 0)
            return (int)calls[i].number;
    return -1;
}

int main(int argc, char **argv)
{
    struct sock_filter program[64] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    struct sock_fprog filter = {.filter = program};
    unsigned length = 1;
    int i;

    for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        int number = number_of(argv[i]);

        if (strcmp(argv[i], "pidfd_setns") == 0 && length < 50) {
            length += deny_pidfd_setns(program, length);
            continue;
        }
        if (number < 0 || length > 60)
            return fprintf(stderr, "deny: %s: not a call that I know\n", argv[i]), 2;
        program[length++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1);
        program[length++] =
            (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
    }
    program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter.len = (unsigned short)length;
    if (i + 1 >= argc)
        return fprintf(stderr, "usage: deny CALL... -- COMMAND...\n"), 2;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
        return perror("deny: prctl"), 2;
    execvp(argv[i + 1], argv + i + 1);
    return perror(argv[i + 1]), 127;
}
