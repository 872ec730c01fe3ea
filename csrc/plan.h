/* What the executor's files share: the plan in memory, the slots, the two resolved roots, the way back to the runtime.
 *
 * The executor decides nothing. It reads steps (an op's name and text arguments), runs them in order, and at the first
 * failure reports (step, errno, call). No malloc, no printf, no locale: fields are pointers into the mapped plan. */
#pragma once

#include "calls.h"

#include <errno.h>

/* ---- the mapped file: header, NUL-separated text from TEXT_AT on, then stamps and blobs (pyruntime/plan/wire.py) */

enum { TEXT_AT = 64, MAX_ARGS = 16384, MAX_NUMBERS = 64, MAX_SLOTS = 4096 };

struct plan_header {
    char magic[8];        /* "PYRPLAN1" */
    uint32_t text_length; /* bytes of text, the last one NUL */
    volatile uint32_t
        current; /* written by the executor: the step under way, so that a sudden death has an address */
    uint32_t steps;
    uint32_t
        stamps; /* offset of uint64_t[steps], nanoseconds of CLOCK_MONOTONIC when a step began; 0: none */
    uint32_t blobs; /* offset of the first blob */
    /* Between the executor and its child, which share this page: ops_notify.c */
    int pidfd;       /* of the child */
    int listener;    /* of seccomp, plus one; 0: not yet, -1: none */
    int handed_over; /* whether the agent has it */
};

extern struct plan_header *plan;

struct blob {
    const void *data;
    size_t length;
};

/* One step's arguments. An op's signature says which of *n* are filled: see `struct op`. */
struct args {
    int count;
    const char *s[MAX_ARGS + 1];
    int64_t n[MAX_NUMBERS];
    struct blob blob;
};

/* signature, a letter an argument: s text, n signed number, u unsigned 64-bit number (its bits in n), i id of a user or
 * group, b blob, * the rest */
struct op {
    const char *name;
    const char *signature;
    int (*run)(struct args *a); /* 0 or -errno */
};

extern const struct op entry_ops[], idmap_ops[], mount_ops[], rootfs_ops[], hide_ops[], file_ops[],
    process_ops[], schedule_ops[], start_ops[], landlock_ops[], notify_ops[];

/* ---- descriptors */

extern int root_fd; /* the container's root: every path inside it is resolved from here */
extern int proc_fd; /* the runtime's /proc, verified: every write below /proc goes through here */

int slot(int64_t number);             /* the descriptor in a slot, -EBADF when empty */
int set_slot(int64_t number, int fd); /* takes *fd*; passes an error through */

static inline void close_fd(int *fd)
{
    extern int close(int);
    if (*fd >= 0)
        close(*fd);
}
#define fd_auto __attribute__((cleanup(close_fd))) int

static inline int take_fd(int *fd)
{
    int taken = *fd;

    *fd = -EBADF;
    return taken;
}

/* ---- paths.c: every path inside the root */

enum { WALK_NOFOLLOW = 1, WALK_DIRECTORIES = 2, WALK_FILE = 4, WALK_NO_SYMLINKS = 8 };

int open_in_root(const char *path, int walk); /* O_PATH descriptor, or -errno */
int is_root(int fd);
void close_each(unsigned first, unsigned last); /* ops_start.c */
int open_parent(const char *path,
                const char **name);   /* of the last component; parents are made (0755) */
int open_from_root(const char *path); /* the same from the process's own root, after the pivot */
int open_proc_file(const char *path, int flags); /* below proc_fd; no link leads out */
int reopen(int fd, int flags);                   /* through proc_fd, of an O_PATH descriptor too */
int open_without_links(const char *path, int flags);
int mount_by_fd(const char *source, int source_fd, int target_fd, const char *fstype,
                unsigned long flags, const char *data);
const char *
fd_path(int fd); /* "/proc/self/fd/N", for calls that know only paths; not after the pivot */
const char *fd_link(int fd); /* "self/fd/N", below proc_fd */

/* ---- sync.c: the way back */

enum report_kind { REPORT_PROBED = 1, REPORT_CLONED, REPORT_BARRIER, REPORT_FAILED };

void sync_use(int report, int go);
void sync_report(enum report_kind kind, int step, int value, int call);
int sync_wait(void);           /* for one byte of the runtime; -EPIPE when it has gone */
int sync_is_ours(int fd);      /* whether close_fds must keep it */
void sync_switch(int fifo_fd); /* from the pipes to the start fifo */

/* ---- seccomp, and its listener */

int load_filter(struct args *a); /* REQUIRED PREFERRED PROGRAM: what seccomp(2) gives, or -errno */
int *notify_pidfd(void);         /* where clone shall put the child's pidfd; NULL: not needed */
void notify_serve(int pid);      /* the executor's last duty, after the clone */
int notify_is_ours(int fd);      /* whether close_fds must keep it */

int number(const char *text, int64_t *value); /* strict decimal; -EINVAL */

/* -1 is nobody: to setresuid(2), chown(2) and others it says "leave it as it is", which is root. */
static inline int is_id(int64_t value)
{
    return value >= 0 && value < UINT32_MAX;
}

extern int current_step;
