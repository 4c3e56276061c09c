/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/shdr/link.h"

#include "core/text.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/ban.h"

/* A peer that has gone without a word is noticed within half a minute or so. */
static void keep_alive(int fd)
{
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){ 10 }, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &(int){ 5 }, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &(int){ 4 }, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
}

static int refused(int fd, enum kp_code code, const char *why, struct kp_err *err)
{
    if (fd >= 0)
        close(fd);
    *err = (struct kp_err){ 0 };
    kp_fail(err, code, "%s", why);
    return -1;
}

static int try_one(const struct addrinfo *a, int64_t timeout, int wake, struct kp_err *err)
{
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0)
        return refused(fd, KP_EIO, strerror(errno), err);
    keep_alive(fd);
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
        return fd;
    if (errno != EINPROGRESS)
        return refused(fd, KP_EPEER, strerror(errno), err);
    struct pollfd p[2] = { { .fd = fd, .events = POLLOUT }, { .fd = wake, .events = POLLIN } };
    int n = poll(p, 2, (int)(timeout / KP_MILLISECOND));
    if (n > 0 && p[1].revents)
        return refused(fd, KP_ESTOPPED, "stopping", err);
    int why = 0;
    socklen_t size = sizeof why;
    if (n <= 0)
        return refused(fd, KP_ETIMEOUT, "no answer", err);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &size) < 0 || why)
        return refused(fd, KP_EPEER, strerror(why), err);
    return fd;
}

int kp_shdr_connect(const char *host, const char *port, int64_t timeout, int wake,
                    struct kp_err *err)
{
    struct addrinfo *list, like = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
    struct kp_err last = { 0 };
    int fd = -1, code = getaddrinfo(host, port, &like, &list);
    if (code) {
        kp_fail(err, KP_EPEER, "%.120s: %s", host, gai_strerror(code));
        return -1;
    }
    for (const struct addrinfo *a = list; a && fd < 0 && last.code != KP_ESTOPPED; a = a->ai_next)
        fd = try_one(a, timeout, wake, &last);
    freeaddrinfo(list);
    if (fd < 0)
        kp_fail(err, last.code, "%.120s, port %.10s: %s", host, port, last.text);
    return fd;
}

bool kp_shdr_wait(int fd, int wake, int ms)
{
    struct pollfd p[2] = { { .fd = fd, .events = POLLIN }, { .fd = wake, .events = POLLIN } };
    if (poll(p, 2, ms) <= 0)
        return false;
    eventfd_t times;
    if (p[1].revents)
        eventfd_read(wake, &times); /* once woken is enough */
    return p[0].revents;
}
