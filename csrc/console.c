/* The terminal: made from the container's own devpts, by descriptors that are seen to be what they should be
 * (CVE-2025-52565), sent to whoever asked for it, and put on the three standard descriptors and /dev/console. */
#define _GNU_SOURCE
#include "plan.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#define PEER_FLAGS (O_RDWR | O_NOCTTY | O_CLOEXEC)

int op_console(struct args *a);

static int check_device(int fd, unsigned first_major, unsigned last_major)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return failed(CALL_fstat);
    if (!S_ISCHR(status.st_mode) || major(status.st_rdev) < first_major ||
        major(status.st_rdev) > last_major || call_fstatfs_type(fd) != DEVPTS_SUPER_MAGIC)
        return fail(CALL_fstat, ENOTTY);
    return 0;
}

/* A terminal's two ends: 5:2 opened in the container's devpts, then its peer (major 136 to 143), asked of the kernel. */
static int open_terminal(int *peer_fd)
{
    int zero = 0, result;
    fd_auto master_fd = -EBADF;
    fd_auto place_fd = open_in_root("/dev/pts/ptmx", WALK_NO_SYMLINKS);

    if (place_fd < 0)
        return place_fd;
    if ((result = check_device(place_fd, 5, 5)) < 0)
        return result;
    master_fd = reopen(place_fd, O_RDWR | O_NOCTTY);
    if (master_fd < 0)
        return master_fd;
    if ((result = check_device(master_fd, 5, 5)) < 0)
        return result;
    if (ioctl(master_fd, TIOCSPTLCK, &zero) < 0 ||
        (*peer_fd = ioctl(master_fd, TIOCGPTPEER, PEER_FLAGS)) < 0)
        return failed(CALL_ioctl);
    if ((result = check_device(*peer_fd, 136, 143)) < 0)
        return result;
    return take_fd(&master_fd);
}

/* The message's text is the terminal's name, as runc sends it. */
static int send_terminal(int socket_fd, int master_fd)
{
    static char name[] = "/dev/ptmx";
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec text = {name, sizeof(name) - 1};
    struct msghdr message = {.msg_iov = &text,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &master_fd, sizeof(int));
    return sendmsg(socket_fd, &message, MSG_NOSIGNAL) < 0 ? failed(CALL_sendmsg) : 0;
}

static int put_on_dev_console(int peer_fd)
{
    fd_auto place_fd = open_in_root("/dev/console", WALK_FILE | WALK_NO_SYMLINKS);
    fd_auto tree_fd = -EBADF;

    if (place_fd < 0)
        return place_fd;
    tree_fd = call_open_tree(peer_fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE);
    if (tree_fd == -ENOSYS) /* the same bind, as strong */
        return mount_by_fd(NULL, peer_fd, place_fd, NULL, MS_BIND, NULL);
    return tree_fd < 0 ? tree_fd : call_move_mount(tree_fd, place_fd);
}

/* A line that ends with \n is shown as it was written, as runc has it in the foreground. */
static int keep_lines(int peer_fd)
{
    struct termios mode;

    if (tcgetattr(peer_fd, &mode) < 0)
        return failed(CALL_ioctl);
    mode.c_oflag &= ~(tcflag_t)ONLCR;
    return tcsetattr(peer_fd, TCSANOW, &mode) < 0 ? failed(CALL_ioctl) : 0;
}

/* console SLOT ROWS COLUMNS UID MOUNT LINES: SLOT holds the connection to whoever receives the terminal. */
int op_console(struct args *a)
{
    struct winsize size = {.ws_row = (unsigned short)a->n[1], .ws_col = (unsigned short)a->n[2]};
    fd_auto peer_fd = -EBADF;
    fd_auto master_fd = open_terminal(&peer_fd);
    int socket_fd = slot(a->n[0]);
    int result;

    if (master_fd < 0 || socket_fd < 0)
        return master_fd < 0 ? master_fd : socket_fd;
    if ((size.ws_row || size.ws_col) && ioctl(master_fd, TIOCSWINSZ, &size) < 0)
        return failed(CALL_ioctl);
    if (fchown(peer_fd, (uid_t)a->n[3], (gid_t)-1) < 0 && errno != EPERM && errno != EINVAL)
        return failed(CALL_fchownat);
    if (a->n[5] && (result = keep_lines(peer_fd)) < 0)
        return result;
    if (a->n[4] && (result = put_on_dev_console(peer_fd)) < 0)
        return result;
    if ((result = send_terminal(socket_fd, master_fd)) < 0)
        return result;
    if (ioctl(peer_fd, TIOCSCTTY, 0) < 0)
        return failed(CALL_ioctl);
    for (int fd = 0; fd < 3; fd++)
        if (dup2(peer_fd, fd) < 0)
            return failed(CALL_ioctl);
    close(socket_fd);
    return 0;
}
