/*
 * The commands of `inside` that use sockets, and those that reach for another process.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "inside.h"

static int use_socket(int family, const void *address, socklen_t size,
                      int (*use)(int, const struct sockaddr *, socklen_t))
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result = fd < 0 ? -1 : use(fd, address, size);
    int error = errno;

    if (fd >= 0)
        close(fd);
    errno = error;
    if (result == 0)
        puts("ok");
    return result;
}

static int on_loopback(const char *port, int (*use)(int, const struct sockaddr *, socklen_t))
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return use_socket(AF_INET, &address, sizeof address, use);
}

static int tcp_bind(char **arg)
{
    return on_loopback(arg[0], bind);
}

/* tcp-connect PORT: where nobody listens, ECONNREFUSED says that it was allowed. */
static int tcp_connect(char **arg)
{
    return on_loopback(arg[0], connect);
}

static int abstract_connect(char **arg)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(arg[0]);

    memcpy(address.sun_path + 1, arg[0], length);
    return use_socket(AF_UNIX, &address, offsetof(struct sockaddr_un, sun_path) + 1 + length,
                      connect);
}

/* signal PID NUMBER */
static int send_signal(char **arg)
{
    int result = kill(atoi(arg[0]), atoi(arg[1]));

    if (result == 0)
        puts("ok");
    return result;
}

const struct command socket_commands[] = {
    {"tcp-bind", 1, tcp_bind},
    {"tcp-connect", 1, tcp_connect},
    {"abstract-connect", 1, abstract_connect},
    {"signal", 2, send_signal},
    {0, 0, 0},
};
