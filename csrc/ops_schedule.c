/* Ops that say when and where the process runs: scheduler, IO priority, personality, memory policy, CPU affinity. */
#define _GNU_SOURCE
#include "plan.h"

#include <sched.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { IOPRIO_WHO_PROCESS = 1, MAX_BITS = 8192, BITS = 8 * sizeof(unsigned long) };

/* struct sched_attr of sched_setattr(2). Kernels before 5.3 do not know the last two, and take them if they are 0; newer ones
 * refuse SCHED_FLAG_UTIL_CLAMP_* without them. */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t least_utilization, most_utilization;
};

static int op_personality(struct args *a)
{
    return personality((unsigned long)a->n[0]) < 0 ? failed(CALL_personality) : 0;
}

/* scheduler POLICY FLAGS NICE PRIORITY RUNTIME DEADLINE PERIOD */
static int op_scheduler(struct args *a)
{
    struct attributes attributes = {
        .size = sizeof(attributes),
        .policy = (uint32_t)a->n[0],
        .flags = (uint64_t)a->n[1],
        .nice = (int32_t)a->n[2],
        .priority = (uint32_t)a->n[3],
        .runtime = (uint64_t)a->n[4],
        .deadline = (uint64_t)a->n[5],
        .period = (uint64_t)a->n[6],
    };

    return syscall(SYS_sched_setattr, 0, &attributes, 0) < 0 ? failed(CALL_sched_setattr) : 0;
}

/* Of this process: it leads a group that nobody else is in (setsid), so that is the group's. */
static int op_io_priority(struct args *a)
{
    return syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, (int)a->n[0]) < 0
               ? failed(CALL_ioprio_set)
               : 0;
}

/* The numbers from argument *first* on, as bits. */
static int read_bits(struct args *a, int first, unsigned long *mask)
{
    int64_t bit;

    memset(mask, 0, MAX_BITS / 8);
    for (int i = first; i < a->count; i++) {
        if (number(a->s[i], &bit) < 0 || bit < 0 || bit >= MAX_BITS)
            return fail(CALL_plan, EINVAL);
        mask[bit / BITS] |= 1UL << (bit % BITS);
    }
    return 0;
}

/* memory_policy MODE NODE... */
static int op_memory_policy(struct args *a)
{
    unsigned long mask[MAX_BITS / BITS];
    int result = read_bits(a, 1, mask);

    if (result < 0)
        return result;
    return syscall(SYS_set_mempolicy, (int)a->n[0], a->count > 1 ? mask : NULL,
                   a->count > 1 ? MAX_BITS : 0) < 0
               ? failed(CALL_set_mempolicy)
               : 0;
}

static int op_cpu_affinity(struct args *a)
{
    unsigned long mask[MAX_BITS / BITS];
    int result = read_bits(a, 0, mask);

    if (result < 0)
        return result;
    return syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask) < 0
               ? failed(CALL_sched_setaffinity)
               : 0;
}

/* All that the cgroup's cpuset allows: since 6.2 the kernel remembers what was asked for before, which is the caller's.
 * sched_setaffinity(2) takes the part of the mask that is allowed. */
static int op_any_cpu(struct args *a)
{
    unsigned long mask[MAX_BITS / BITS];

    (void)a;
    memset(mask, 0xff, sizeof(mask));
    return syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask) < 0
               ? failed(CALL_sched_setaffinity)
               : 0;
}

const struct op schedule_ops[] = {
    {"personality", "n", op_personality},
    {"scheduler", "nnnnuuu", op_scheduler},
    {"io_priority", "n", op_io_priority},
    {"memory_policy", "n*", op_memory_policy},
    {"cpu_affinity", "*", op_cpu_affinity},
    {"any_cpu", "", op_any_cpu},
    {NULL, NULL, NULL},
};
