/* The way back to the runtime: fixed records on a pipe, one byte of permission on another; after the container is
 * created, the start fifo alone (opened for reading and writing, so that opening it never waits):
 *
 *   init                                start
 *    reads the fifo, waits ◄──────────── one byte, then waits until no writer is left
 *    a record when a step fails ───────► the error
 *    execve, or its end, closes it ────► nothing left to read
 */
#define _GNU_SOURCE
#include "plan.h"

#include <fcntl.h>
#include <unistd.h>

static int report_fd = -EBADF;
static int go_fd = -EBADF;

void sync_use(int report, int go)
{
    report_fd = report;
    go_fd = go;
    fcntl(report_fd, F_SETFD, FD_CLOEXEC);
    fcntl(go_fd, F_SETFD, FD_CLOEXEC);
}

/* Nobody can be told when this fails: the reader has gone, and SIGPIPE ends us. */
void sync_report(enum report_kind kind, int step, int value, int call)
{
    int32_t record[4] = {(int32_t)kind, step, value, call};
    ssize_t done;

    do
        done = write(report_fd, record, sizeof(record));
    while (done < 0 && errno == EINTR);
}

int sync_wait(void)
{
    char byte;
    ssize_t done;

    do
        done = read(go_fd, &byte, 1);
    while (done < 0 && errno == EINTR);
    return done == 1 ? 0 : fail(CALL_read, EPIPE);
}

int sync_is_ours(int fd)
{
    return fd == report_fd || fd == go_fd;
}

void sync_switch(int fifo_fd)
{
    if (report_fd != fifo_fd)
        close(report_fd);
    if (go_fd != fifo_fd && go_fd != report_fd)
        close(go_fd);
    report_fd = fifo_fd;
    go_fd = fifo_fd;
}
