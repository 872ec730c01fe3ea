/* What this kernel (and whatever filter is put upon us) answers. One bit each, in the order of FEATURES in
 * pyruntime/facts.py. Every call is made with arguments that cannot do anything: a feature is there unless the answer is
 * ENOSYS, or the EPERM with which seccomp filters of container engines hide calls. */
#define _GNU_SOURCE
#include "plan.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/syscall.h>
#include <unistd.h>

int probe(void);

/* The version of Landlock's interface; 0 where it is not built in, not enabled at boot, or hidden by a filter. */
static int landlock_version(void)
{
    int version = call_landlock_create_ruleset(NULL, 0, 1U << 0);

    return version < 0 ? 0 : version > 127 ? 127 : version;
}

static int answers(int result)
{
    return result != -ENOSYS && result != -EPERM;
}

int probe(void)
{
    int bits = 0;
    int fs_fd = call_fsopen("tmpfs");
    int dot_fd = call_openat2(AT_FDCWD, ".", O_PATH, 0, RESOLVE_IN_ROOT);
    int self_fd = call_pidfd_open(getpid());

    /* fsopen needs CAP_SYS_ADMIN: for an unprivileged runtime its EPERM says nothing, open_tree without clone does. */
    bits |= (fs_fd >= 0 || answers(call_open_tree(-EBADF, "", AT_EMPTY_PATH))) << 0;
    /* Bad flags are refused before capabilities are looked at. */
    bits |= answers(syscall(SYS_mount_setattr, -1, NULL, ~0U, NULL, 0) < 0 ? -errno : 0) << 1;
    bits |= (dot_fd >= 0) << 2;
    bits |= answers(syscall(SYS_clone3, NULL, 0) < 0 ? -errno : 0) << 3;
    bits |= (call_close_range(~0U, ~0U, CLOSE_RANGE_CLOEXEC) == 0) << 4;
    /* Entering one's own namespaces changes nothing; before 5.8 a pidfd is no namespace, and two are no type: EINVAL. */
    bits |= (self_fd >= 0 && call_setns(self_fd, CLONE_NEWUTS | CLONE_NEWIPC) != -EINVAL) << 5;
    if (fs_fd >= 0)
        close(fs_fd);
    if (dot_fd >= 0)
        close(dot_fd);
    if (self_fd >= 0)
        close(self_fd);
    /* Above the features: a number of its own. */
    return bits | landlock_version() << 24;
}
