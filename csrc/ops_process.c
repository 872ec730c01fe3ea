/* Ops that give the process its attributes: names, ids, capabilities, limits, filters. Every failure is fatal. */
#define _GNU_SOURCE
#include "plan.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int op_setsid(struct args *a)
{
    (void)a;
    /* EPERM: we lead a session already. */
    return setsid() < 0 && errno != EPERM ? failed(CALL_setsid) : 0;
}

/* The maps have been written: be root of the user namespace, whom its files and mounts will belong to. */
static int op_become_root(struct args *a)
{
    int result = call_setresgid(0);

    (void)a;
    return result < 0 ? result : call_setresuid(0);
}

/* Kernels without CONFIG_KEYS have nothing to separate: ENOSYS is success. keyctl(2). */
static int op_keyring(struct args *a)
{
    int result = call_keyctl_join(a->s[0]);

    return result < 0 && result != -ENOSYS ? result : 0;
}

static int op_interface_up(struct args *a)
{
    struct ifreq request = {0};
    fd_auto fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return failed(CALL_socket);
    if (strlen(a->s[0]) >= sizeof(request.ifr_name))
        return fail(CALL_ioctl, EINVAL);
    strcpy(request.ifr_name, a->s[0]);
    if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
        return failed(CALL_ioctl);
    request.ifr_flags |= IFF_UP;
    return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? failed(CALL_ioctl) : 0;
}

static int op_sethostname(struct args *a)
{
    return call_sethostname(a->s[0], strlen(a->s[0]));
}

static int op_setdomainname(struct args *a)
{
    return call_setdomainname(a->s[0], strlen(a->s[0]));
}

static int op_setrlimit(struct args *a)
{
    struct rlimit limit = {.rlim_cur = (rlim_t)a->n[1], .rlim_max = (rlim_t)a->n[2]};

    return setrlimit((int)a->n[0], &limit) < 0 ? failed(CALL_setrlimit) : 0;
}

static int op_umask(struct args *a)
{
    umask((mode_t)a->n[0]);
    return 0;
}

static int op_no_new_privs(struct args *a)
{
    (void)a;
    return call_prctl(PR_SET_NO_NEW_PRIVS, 1, 0);
}

/* bounding MASK: drop every capability the kernel knows and the mask lacks. EINVAL: past the last one. */
static int op_bounding(struct args *a)
{
    for (int capability = 0; capability < 64; capability++) {
        int result = 0;

        if (!((uint64_t)a->n[0] >> capability & 1))
            result = call_prctl(PR_CAPBSET_DROP, (unsigned long)capability, 0);
        if (result == -EINVAL)
            return 0;
        if (result < 0)
            return result;
    }
    return 0;
}

static int op_keep_capabilities(struct args *a)
{
    return call_prctl(PR_SET_KEEPCAPS, (unsigned long)a->n[0], 0);
}

static int op_setgroups(struct args *a)
{
    static uint32_t groups[65536]; /* NGROUPS_MAX */
    int64_t group;

    if ((size_t)a->count > sizeof(groups) / sizeof(groups[0]))
        return fail(CALL_setgroups, EINVAL);
    for (int i = 0; i < a->count; i++) {
        if (number(a->s[i], &group) < 0 || !is_id(group))
            return fail(CALL_plan, EINVAL);
        groups[i] = (uint32_t)group;
    }
    return call_setgroups((size_t)a->count, groups);
}

static int op_setresgid(struct args *a)
{
    return call_setresgid((uint32_t)a->n[0]);
}

static int op_setresuid(struct args *a)
{
    return call_setresuid((uint32_t)a->n[0]);
}

static int op_capset(struct args *a)
{
    return call_capset((uint64_t)a->n[0], (uint64_t)a->n[1], (uint64_t)a->n[2]);
}

static int op_ambient(struct args *a)
{
    int result = call_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0);

    for (int capability = 0; capability < 64 && result >= 0; capability++)
        if ((uint64_t)a->n[0] >> capability & 1)
            result = call_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, (unsigned long)capability);
    return result < 0 ? result : 0;
}

/* seccomp REQUIRED PREFERRED PROGRAM: flags that only make it quicker are dropped when the kernel does not know them. */
int load_filter(struct args *a)
{
    size_t count = a->blob.length / sizeof(struct sock_filter);
    struct sock_fprog program = {
        .len = (unsigned short)count,
        .filter = (struct sock_filter *)(uintptr_t)a->blob.data,
    };
    int result;

    /* The field has 16 bits: the beginning of a long program must not pass for all of it. */
    if (count > BPF_MAXINSNS)
        return fail(CALL_seccomp, E2BIG);
    result = call_seccomp(SECCOMP_SET_MODE_FILTER, (unsigned)(a->n[0] | a->n[1]), &program);
    if (result == -EINVAL && a->n[1])
        result = call_seccomp(SECCOMP_SET_MODE_FILTER, (unsigned)a->n[0], &program);
    return result;
}

static int op_seccomp(struct args *a)
{
    int result = load_filter(a);

    return result < 0 ? result : 0;
}

const struct op process_ops[] = {
    {"setsid", "", op_setsid},
    {"become_root", "", op_become_root},
    {"keyring", "s", op_keyring},
    {"interface_up", "s", op_interface_up},
    {"sethostname", "s", op_sethostname},
    {"setdomainname", "s", op_setdomainname},
    {"setrlimit", "nuu", op_setrlimit},
    {"umask", "n", op_umask},
    {"no_new_privs", "", op_no_new_privs},
    {"bounding", "u", op_bounding},
    {"keep_capabilities", "n", op_keep_capabilities},
    {"setgroups", "*", op_setgroups},
    {"setresgid", "i", op_setresgid},
    {"setresuid", "i", op_setresuid},
    {"capset", "uuu", op_capset},
    {"ambient", "u", op_ambient},
    {"seccomp", "nnb", op_seccomp},
    {NULL, NULL, NULL},
};
