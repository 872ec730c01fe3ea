/* Ops for idmapped mounts (5.12): a user namespace that exists for its maps alone, and the mount that is seen through it. */
#define _GNU_SOURCE
#include "plan.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* "PID/FILE", below /proc. */
static const char *process_file(int pid, const char *file)
{
    static char path[64];
    char digits[12];
    int count = 0, at = 0;

    for (; pid > 0; pid /= 10)
        digits[count++] = (char)('0' + pid % 10);
    while (count > 0)
        path[at++] = digits[--count];
    path[at++] = '/';
    strcpy(path + at, file);
    return path;
}

static int write_map(int pid, const char *file, const char *map)
{
    fd_auto fd = open_proc_file(process_file(pid, file), O_WRONLY);

    if (fd < 0)
        return fd;
    return write(fd, map, strlen(map)) < 0 ? failed(CALL_write) : 0;
}

/* make_userns SLOT UID_MAP GID_MAP: a namespace lives as long as a process or a descriptor does; the process is needed only
 * until there is a descriptor. */
static int op_make_userns(struct args *a)
{
    int pid = call_clone3(CLONE_NEWUSER, -1, NULL);
    int result;

    if (pid < 0)
        return pid;
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    result = write_map(pid, "uid_map", a->s[1]);
    if (result >= 0)
        result = write_map(pid, "gid_map", a->s[2]);
    if (result >= 0)
        result = set_slot(a->n[0], call_openat(proc_fd, process_file(pid, "ns/user"), O_RDONLY, 0));
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return result;
}

/* idmap TREE USERNS RECURSIVE: of a detached tree, before anybody can see it. */
static int op_idmap(struct args *a)
{
    int tree_fd = slot(a->n[0]), userns_fd = slot(a->n[1]);

    if (tree_fd < 0 || userns_fd < 0)
        return tree_fd < 0 ? tree_fd : userns_fd;
    return call_mount_setattr(tree_fd, a->n[2] ? AT_RECURSIVE : 0, MOUNT_ATTR_IDMAP, 0, 0,
                              userns_fd);
}

const struct op idmap_ops[] = {
    {"make_userns", "nss", op_make_userns},
    {"idmap", "nnn", op_idmap},
    {NULL, NULL, NULL},
};
