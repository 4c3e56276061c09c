/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/tcp.h"

#include "core/clock.h"
#include "core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/ban.h"

int64_t kp_tcp_deadline(int64_t timeout_ns)
{
    return kp_mono(&kp_clock_system) + timeout_ns;
}

/* False when the deadline has come first. */
static bool wait_for(int fd, short what, int64_t deadline)
{
    for (;;) {
        int64_t left = (deadline - kp_mono(&kp_clock_system) + KP_MILLISECOND - 1) / KP_MILLISECOND;
        struct pollfd p = { .fd = fd, .events = what };
        int n = poll(&p, 1, left < 0 ? 0 : left > 60000 ? 60000 : (int)left);
        if (n > 0)
            return true;
        if ((n == 0 && left <= 60000) || (n < 0 && errno != EINTR))
            return false;
    }
}

static int connect_one(const struct addrinfo *a, int64_t deadline, int *why)
{
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol), one = 1;
    socklen_t size = sizeof *why;
    *why = errno;
    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
        return fd;
    *why = errno;
    if (*why == EINPROGRESS) {
        if (!wait_for(fd, POLLOUT, deadline))
            *why = ETIMEDOUT;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, why, &size) == 0 && *why == 0)
            return fd;
    }
    close(fd);
    return -1;
}

int kp_tcp_connect(const char *host, uint16_t port, int64_t timeout_ns, struct kp_err *err)
{
    struct addrinfo *list = NULL, hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
    char service[8];
    int64_t deadline = kp_tcp_deadline(timeout_ns);
    snprintf(service, sizeof service, "%u", port);
    int code = getaddrinfo(host, service, &hints, &list), fd = -1, why = 0;
    if (code) {
        kp_fail(err, KP_EPEER, "the host '%.100s' is not known: %s", host, gai_strerror(code));
        return -1;
    }
    for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
        fd = connect_one(a, deadline, &why);
    freeaddrinfo(list);
    if (fd < 0)
        kp_fail(err, KP_EPEER, "cannot connect to %.100s port %u: %s", host, port, strerror(why));
    return fd;
}

enum kp_code kp_tcp_send(int fd, const void *data, size_t n, int64_t deadline, struct kp_err *err)
{
    for (const char *p = data; n;) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent > 0) {
            p += sent;
            n -= (size_t)sent;
        } else if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (!wait_for(fd, POLLOUT, deadline))
                return kp_fail(err, KP_ETIMEOUT, "the other side takes nothing");
        } else {
            return kp_fail(err, KP_EPEER, "the connection broke: %s", strerror(errno));
        }
    }
    return KP_OK;
}

enum kp_code kp_tcp_take(int fd, void *out, size_t size, size_t *n, int64_t deadline, struct kp_err *err)
{
    *n = 0;
    for (;;) {
        ssize_t got = recv(fd, out, size, 0);
        if (got > 0) {
            *n = (size_t)got;
            return KP_OK;
        }
        if (got == 0)
            return kp_fail(err, KP_EPEER, "the other side closed the connection");
        if (errno != EAGAIN && errno != EINTR)
            return kp_fail(err, KP_EPEER, "the connection broke: %s", strerror(errno));
        if (!wait_for(fd, POLLIN, deadline))
            return KP_OK;
    }
}

enum kp_code kp_tcp_receive(int fd, void *out, size_t size, int64_t deadline, struct kp_err *err)
{
    for (char *p = out; size;) {
        size_t n;
        enum kp_code code = kp_tcp_take(fd, p, size, &n, deadline, err);
        if (code)
            return code;
        if (!n)
            return kp_fail(err, KP_ETIMEOUT, "no answer in time");
        p += n;
        size -= n;
    }
    return KP_OK;
}
