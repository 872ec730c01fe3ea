/* Ops of Landlock: a ruleset, its rules, and the moment from which it holds. landlock(7).
 *
 * The structures are written out here because the headers of a distribution may be older than the kernel. */
#define _GNU_SOURCE
#include "plan.h"

#include <fcntl.h>
#include <unistd.h>

struct ruleset {
    uint64_t filesystem;
    uint64_t network; /* since version 4 */
    uint64_t scoped;  /* since version 6 */
};

struct path_rule {
    uint64_t access;
    int32_t parent_fd;
} __attribute__((packed));

struct port_rule {
    uint64_t access;
    uint64_t port;
};

enum { RULE_PATH = 1, RULE_PORT = 2 };

/* landlock_ruleset SLOT VERSION FILESYSTEM NETWORK SCOPED: in the layout of that version, which is what was negotiated. */
static int op_landlock_ruleset(struct args *a)
{
    struct ruleset ruleset = {
        .filesystem = (uint64_t)a->n[2],
        .network = (uint64_t)a->n[3],
        .scoped = (uint64_t)a->n[4],
    };
    size_t size = a->n[1] >= 6 ? 24 : a->n[1] >= 4 ? 16 : 8;

    return set_slot(a->n[0], call_landlock_create_ruleset(&ruleset, size, 0));
}

/* landlock_path SLOT PATH ACCESS OPTIONAL: the path is resolved inside the root; an optional one may be missing. */
static int op_landlock_path(struct args *a)
{
    fd_auto fd = open_from_root(a->s[1]);
    struct path_rule rule = {.access = (uint64_t)a->n[2], .parent_fd = fd};

    if (fd == -ENOENT && a->n[3])
        return 0;
    if (fd < 0)
        return fd;
    return call_landlock_add_rule(slot(a->n[0]), RULE_PATH, &rule);
}

static int op_landlock_port(struct args *a)
{
    struct port_rule rule = {.access = (uint64_t)a->n[2], .port = (uint64_t)a->n[1]};

    return call_landlock_add_rule(slot(a->n[0]), RULE_PORT, &rule);
}

/* landlock_restrict SLOT FLAGS: the descriptor is of no use from then on, and a created container keeps none. */
static int op_landlock_restrict(struct args *a)
{
    int fd = slot(a->n[0]);
    int result = fd < 0 ? fd : call_landlock_restrict_self(fd, (unsigned)a->n[1]);

    if (fd >= 0)
        close(fd);
    return result;
}

const struct op landlock_ops[] = {
    {"landlock_ruleset", "nnuuu", op_landlock_ruleset},
    {"landlock_path", "nsun", op_landlock_path},
    {"landlock_port", "nnu", op_landlock_port},
    {"landlock_restrict", "nn", op_landlock_restrict},
    {NULL, NULL, NULL},
};
