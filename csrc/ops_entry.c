/* Ops before the clone, in the runtime's namespaces: descriptors are opened, namespaces joined; and the clone itself. */
#define _GNU_SOURCE
#include "plan.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* The runtime's /proc, before anything of the container exists. Its root has inode 1 (PROC_ROOT_INO). */
static int op_open_proc(struct args *a)
{
    struct stat status;

    (void)a;
    proc_fd = call_openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
    if (proc_fd < 0)
        return proc_fd;
    if (call_fstatfs_type(proc_fd) != PROC_SUPER_MAGIC)
        return fail(CALL_fstatfs, EXDEV);
    if (fstat(proc_fd, &status) < 0 || status.st_ino != 1)
        return fail(CALL_fstat, EXDEV);
    return 0;
}

static int op_open(struct args *a)
{
    return set_slot(a->n[0], call_openat(AT_FDCWD, a->s[1], (int)a->n[2], 0));
}

static int op_open_at(struct args *a)
{
    return set_slot(a->n[0], call_openat(slot(a->n[1]), a->s[2], O_RDONLY, 0));
}

/* A file or directory of a cgroup. Its path is partly the configuration's: nothing of it may be a symbolic link, and what
 * it leads to has to be a cgroup. */
static int op_open_cgroup(struct args *a)
{
    fd_auto fd = open_without_links(a->s[1], (int)a->n[2]);
    int64_t type;

    if (fd < 0)
        return fd;
    type = call_fstatfs_type(fd);
    if (type < 0)
        return (int)type;
    if (type != CGROUP_SUPER_MAGIC && type != CGROUP2_SUPER_MAGIC)
        return fail(CALL_fstatfs, EXDEV);
    return set_slot(a->n[0], take_fd(&fd));
}

/* A descriptor that the runtime left open for us. */
static int op_adopt(struct args *a)
{
    if (fcntl((int)a->n[1], F_SETFD, FD_CLOEXEC) < 0)
        return fail(CALL_open, errno);
    return set_slot(a->n[0], (int)a->n[1]);
}

/* sun_path holds 107 bytes: a longer path is reached through its directory. */
static int socket_address(const char *path, struct sockaddr_un *address, int *directory_fd)
{
    const char *name = strrchr(path, '/');
    const char *prefix;
    char directory[PATH_MAX];
    size_t length;

    address->sun_family = AF_UNIX;
    if (strlen(path) < sizeof(address->sun_path)) {
        strcpy(address->sun_path, path);
        return 0;
    }
    if (!name || (size_t)(name - path) >= sizeof(directory))
        return fail(CALL_connect, ENAMETOOLONG);
    memcpy(directory, path, (size_t)(name - path));
    directory[name - path] = 0;
    *directory_fd = call_openat(AT_FDCWD, name == path ? "/" : directory, O_PATH | O_DIRECTORY, 0);
    if (*directory_fd < 0)
        return *directory_fd;
    prefix = fd_path(*directory_fd);
    length = strlen(prefix);
    if (length + strlen(name) >= sizeof(address->sun_path))
        return fail(CALL_connect, ENAMETOOLONG);
    memcpy(address->sun_path, prefix, length);
    strcpy(address->sun_path + length, name);
    return 0;
}

#define CONNECT_SECONDS 5

/* Whoever listens may never accept: a full queue is not waited for for ever. */
static int op_connect(struct args *a)
{
    struct timeval limit = {.tv_sec = CONNECT_SECONDS};
    struct sockaddr_un address = {0};
    fd_auto directory_fd = -EBADF;
    fd_auto fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result;

    if (fd < 0)
        return fail(CALL_socket, errno);
    if ((result = socket_address(a->s[1], &address, &directory_fd)) < 0)
        return result;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
        return fail(CALL_socket, errno);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return fail(CALL_connect, errno);
    return set_slot(a->n[0], take_fd(&fd));
}

static int op_open_tree(struct args *a)
{
    return set_slot(
        a->n[0], call_open_tree(AT_FDCWD, a->s[1], OPEN_TREE_CLONE | (a->n[2] ? AT_RECURSIVE : 0)));
}

static int op_setns(struct args *a)
{
    return call_setns(slot(a->n[0]), (int)a->n[1]);
}

static int op_unshare(struct args *a)
{
    return call_unshare((int)a->n[0]);
}

/* CVE-2016-9962: whoever is inside the namespaces we are about to join may neither trace us nor read our descriptors. */
static int op_set_dumpable(struct args *a)
{
    return call_prctl(PR_SET_DUMPABLE, (unsigned long)a->n[0], 0);
}

static int op_write_proc(struct args *a)
{
    fd_auto fd = open_proc_file(a->s[0], O_WRONLY);
    size_t length = strlen(a->s[1]);
    ssize_t written;

    if (fd < 0)
        return fd;
    written = write(fd, a->s[1], length);
    if (written < 0)
        return fail(CALL_write, errno);
    return (size_t)written == length ? 0 : fail(CALL_write, EIO);
}

static int op_write_slot(struct args *a)
{
    int fd = slot(a->n[0]);

    if (fd < 0)
        return fd;
    return write(fd, a->s[1], strlen(a->s[1])) < 0 ? fail(CALL_write, errno) : 0;
}

/* The program that a cgroup of v2 which existed before has from its last container: all that are attached decide together,
 * so ours has to take its place. A descriptor, or an error: there is none, or there are several, which are not ours. */
static int attached_program(int cgroup_fd)
{
    uint32_t ids[2] = {0};
    union bpf_attr query = {
        .query.target_fd = (uint32_t)cgroup_fd,
        .query.attach_type = BPF_CGROUP_DEVICE,
        .query.prog_ids = (uint64_t)(uintptr_t)ids,
        .query.prog_cnt = 2,
    };
    union bpf_attr get = {0};

    if (call_bpf(BPF_PROG_QUERY, &query, sizeof(query)) < 0 || query.query.prog_cnt != 1)
        return -ENOENT;
    get.prog_id = ids[0];
    return call_bpf(BPF_PROG_GET_FD_BY_ID, &get, sizeof(get));
}

/* cgroup v2: the device rules are a program on the container's cgroup. BPF_PROG_TYPE_CGROUP_DEVICE, 4.15. */
static int op_device_filter(struct args *a)
{
    union bpf_attr load = {
        .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
        .insn_cnt = (uint32_t)(a->blob.length / sizeof(struct bpf_insn)),
        .insns = (uint64_t)(uintptr_t)a->blob.data,
        .license = (uint64_t)(uintptr_t)"Apache-2.0",
    };
    union bpf_attr attach = {
        .target_fd = (uint32_t)slot(a->n[0]),
        .attach_type = BPF_CGROUP_DEVICE,
        .attach_flags = BPF_F_ALLOW_MULTI,
    };
    fd_auto program_fd = call_bpf(BPF_PROG_LOAD, &load, sizeof(load));
    fd_auto old_fd = attached_program(slot(a->n[0]));

    if (program_fd < 0)
        return program_fd;
    if (old_fd >= 0) { /* in one step: there is no moment without a program. BPF_F_REPLACE, 5.6 */
        attach.attach_flags |= BPF_F_REPLACE;
        attach.replace_bpf_fd = (uint32_t)old_fd;
    }
    attach.attach_bpf_fd = (uint32_t)program_fd;
    return call_bpf(BPF_PROG_ATTACH, &attach, sizeof(attach));
}

static _Noreturn void end_as_parent(int pid)
{
    sync_report(REPORT_CLONED, current_step, pid, 0);
    notify_serve(pid);
    _exit(0);
}

/* The child is the runtime's, not ours (CLONE_PARENT): it waits for it, and nobody else can. */
static int op_clone(struct args *a)
{
    int cgroup_fd = a->n[1] < 0 ? -1 : slot(a->n[1]);
    int pid;

    if (a->n[1] >= 0 && cgroup_fd < 0)
        return cgroup_fd;
    pid = call_clone3((uint64_t)a->n[0] | CLONE_PARENT, cgroup_fd, notify_pidfd());
    if (pid > 0)
        end_as_parent(pid);
    return pid;
}

/* Before 5.3, or where a filter hides clone3. */
static int op_clone_classic(struct args *a)
{
    int *pidfd = notify_pidfd();
    unsigned long flags = (unsigned long)a->n[0] | CLONE_PARENT | 17 /* SIGCHLD */;
    long pid = syscall(SYS_clone, flags | (pidfd ? CLONE_PIDFD : 0), NULL, pidfd, NULL, NULL);

    if (pid > 0)
        end_as_parent((int)pid);
    return pid < 0 ? fail(CALL_clone, errno) : 0;
}

static int op_barrier(struct args *a)
{
    (void)a;
    sync_report(REPORT_BARRIER, current_step, 0, 0);
    return sync_wait();
}

/* A task that names itself ("0") in `tasks` needs neither the global lock nor the wait for a grace period that moving
 * another process by its pid costs. cgroup v1; on v2 clone3 starts the child in its cgroup. */
static int op_join_cgroup(struct args *a)
{
    int fd = slot(a->n[0]);

    if (fd < 0)
        return fd;
    return write(fd, "0", 1) == 1 ? 0 : fail(CALL_write, errno);
}

/* Offsets have been written: enter the time namespace that unshare made for our children. setns(2), 5.6. */
static int op_join_time(struct args *a)
{
    fd_auto fd = call_openat(AT_FDCWD, "/proc/self/ns/time_for_children", O_RDONLY, 0);

    (void)a;
    return fd < 0 ? fd : call_setns(fd, CLONE_NEWTIME);
}

const struct op entry_ops[] = {
    {"open_proc", "", op_open_proc},     {"open", "nsn", op_open},
    {"open_at", "nns", op_open_at},      {"open_cgroup", "nsn", op_open_cgroup},
    {"adopt", "nn", op_adopt},           {"connect", "ns", op_connect},
    {"open_tree", "nsn", op_open_tree},  {"setns", "nns", op_setns},
    {"unshare", "n", op_unshare},        {"set_dumpable", "n", op_set_dumpable},
    {"write_proc", "ss", op_write_proc}, {"sysctl", "ss", op_write_proc},
    {"write_slot", "ns", op_write_slot}, {"device_filter", "nb", op_device_filter},
    {"clone", "nn", op_clone},           {"clone_classic", "n", op_clone_classic},
    {"barrier", "n", op_barrier},        {"join_cgroup", "n", op_join_cgroup},
    {"join_time", "", op_join_time},     {NULL, NULL, NULL},
};
