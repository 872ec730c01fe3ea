/* SCMP_ACT_NOTIFY: the listener goes to the agent at linux.seccomp.listenerPath. config-linux.md, "The Container Process
 * State".
 *
 * From the moment the filter is loaded any call of init may be one that has to be answered by the agent, who does not have
 * the listener yet: `write`, `sendmsg`, `close`, `exit`. So init makes none. The executor, which is not under the filter,
 * shares its table of descriptors (CLONE_FILES), stays, and does all:
 *
 *   executor                                   init
 *    waits                                      ...
 *    ◄────────────────────────────── wake_fd ── about to load
 *    looks at plan->listener                    seccomp(2) ─► the listener, in the table of both
 *    ◄─────────────────────── plan->listener ── (memory)
 *    sendmsg to the agent, close                looks at plan->handed_over
 *    ── plan->handed_over ────────────────────► goes on
 *    ends
 */
#define _GNU_SOURCE
#include "plan.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PARTS = 4, SEND_TIMEOUT_S = 10, PATIENCE_S = 60, NO_LISTENER = -1 };

static int socket_fd = -EBADF; /* connected to the agent */
static int wake_fd = -EBADF;   /* an eventfd */
static const char *parts[MOST_PARTS];
static int part_count;

/* hand_over SLOT PART...: the state as text, to be sent to the connection in SLOT with the pid between its parts. */
static int op_hand_over(struct args *a)
{
    struct timeval limit = {.tv_sec = SEND_TIMEOUT_S};
    int fd = slot(a->n[0]);

    if (fd < 0)
        return fd;
    if (a->count - 1 > MOST_PARTS)
        return fail(CALL_plan, EINVAL);
    for (int i = 1; i < a->count; i++)
        parts[part_count++] = a->s[i];
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
        return failed(CALL_socket);
    wake_fd = eventfd(0, EFD_CLOEXEC);
    if (wake_fd < 0)
        return failed(CALL_eventfd);
    socket_fd = fd;
    return 0;
}

int *notify_pidfd(void)
{
    /* Known to both before the child runs: its close_fds must spare it. */
    return socket_fd < 0 ? NULL : &plan->pidfd;
}

int notify_is_ours(int fd)
{
    return socket_fd >= 0 && (fd == socket_fd || fd == wake_fd || fd == plan->pidfd);
}

/* All of the message, which may be more than the socket holds; the descriptor goes with the first piece. */
static int send_all(struct msghdr *message)
{
    while (message->msg_iovlen > 0) {
        ssize_t sent = sendmsg(socket_fd, message, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return -errno;
        message->msg_control = NULL;
        message->msg_controllen = 0;
        while (message->msg_iovlen > 0 && (size_t)sent >= message->msg_iov->iov_len) {
            sent -= (ssize_t)message->msg_iov->iov_len;
            message->msg_iov++;
            message->msg_iovlen--;
        }
        if (message->msg_iovlen > 0) {
            message->msg_iov->iov_base = (char *)message->msg_iov->iov_base + sent;
            message->msg_iov->iov_len -= (size_t)sent;
        }
    }
    return 0;
}

static int send_state(int listener, int pid)
{
    char digits[12];
    int at = sizeof(digits);
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS}};
    struct iovec pieces[2 * MOST_PARTS];
    struct msghdr message = {
        .msg_iov = pieces, .msg_control = &control, .msg_controllen = CMSG_LEN(sizeof(int))};

    for (int rest = pid; rest > 0; rest /= 10)
        digits[--at] = (char)('0' + rest % 10);
    memcpy(CMSG_DATA(&control.header), &listener, sizeof(listener));
    for (int i = 0; i < part_count; i++) {
        if (i > 0)
            pieces[message.msg_iovlen++] = (struct iovec){digits + at, sizeof(digits) - (size_t)at};
        pieces[message.msg_iovlen++] =
            (struct iovec){(char *)(uintptr_t)parts[i], strlen(parts[i])};
    }
    return send_all(&message);
}

/* The listener of the child, once it has loaded its filter; NO_LISTENER when it has none, or has ended. */
static int await_listener(void)
{
    struct pollfd wait[] = {{.fd = plan->pidfd, .events = POLLIN},
                            {.fd = wake_fd, .events = POLLIN}};
    int found;

    while (poll(wait, 2, -1) < 0 && errno == EINTR)
        ;
    while ((found = __atomic_load_n(&plan->listener, __ATOMIC_ACQUIRE)) == 0) {
        if (poll(wait, 1, 0) > 0)
            return NO_LISTENER;
        sched_yield(); /* it takes a fraction of a millisecond */
    }
    return found == NO_LISTENER ? NO_LISTENER : found - 1;
}

/* The rest of the executor's life, when the child *pid* has been made. */
void notify_serve(int pid)
{
    int listener, result;

    if (socket_fd < 0)
        return;
    listener = await_listener();
    if (listener == NO_LISTENER)
        return;
    result = send_state(listener, pid);
    if (result < 0) {
        kill(pid, SIGKILL); /* it waits, and must not go on */
        sync_report(REPORT_FAILED, (int)plan->current, -result, CALL_sendmsg);
        _exit(1);
    }
    /* In the child's table too: nothing of this is left in it. */
    close(listener);
    close(socket_fd);
    close(wake_fd);
    close(plan->pidfd);
    __atomic_store_n(&plan->handed_over, 1, __ATOMIC_RELEASE);
}

/* No system call here. The executor limits its own time; we end if there is nobody any more who could end us. */
static void await_handover(void)
{
    struct timespec start, now;

    clock_gettime(CLOCK_MONOTONIC, &start); /* from the vDSO */
    for (uint32_t turns = 1; !__atomic_load_n(&plan->handed_over, __ATOMIC_ACQUIRE); turns++) {
        if (turns % (1U << 20))
            continue;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec - start.tv_sec > PATIENCE_S)
            __builtin_trap();
    }
}

/* seccomp_notify REQUIRED PREFERRED PROGRAM: as seccomp, and returns when the agent has been sent the listener. */
static int op_seccomp_notify(struct args *a)
{
    int listener;

    if (socket_fd < 0)
        return fail(CALL_plan, EBADF);
    if (eventfd_write(wake_fd, 1) < 0)
        return failed(CALL_write);
    listener = load_filter(a);
    __atomic_store_n(&plan->listener, listener < 0 ? NO_LISTENER : listener + 1, __ATOMIC_RELEASE);
    if (listener < 0)
        return listener;
    await_handover();
    socket_fd = wake_fd = -EBADF;
    return 0;
}

const struct op notify_ops[] = {
    {"hand_over", "ns*", op_hand_over},
    {"seccomp_notify", "nnb", op_seccomp_notify},
    {NULL, NULL, NULL},
};
