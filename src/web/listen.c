/* SPDX-License-Identifier: Apache-2.0 */
#include "web/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/ban.h"

enum { BACKLOG = 512 };

/* Whether somebody answers on a Unix socket; a file left behind by a crash refuses. */
static bool answers(const struct sockaddr_un *at)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof *at) == 0;
    if (fd >= 0)
        close(fd);
    return yes;
}

static int bind_unix(const struct sockaddr_un *at)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    mode_t before = umask(0177); /* so that nobody else can connect, not even for a moment */
    int failed = bind(fd, (const struct sockaddr *)at, sizeof *at);
    umask(before);
    if (failed || listen(fd, BACKLOG) != 0) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

int kp_listen_unix(const char *path, struct kp_err *err)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    size_t n = strlen(path);
    if (n >= sizeof at.sun_path) {
        kp_fail(err, KP_EINVALID, "the socket's path '%.120s' is longer than %zu bytes: use a shorter folder", path,
                sizeof at.sun_path - 1);
        return -1;
    }
    memcpy(at.sun_path, path, n + 1);
    struct stat file;
    if (lstat(path, &file) == 0 && S_ISSOCK(file.st_mode)) {
        if (answers(&at)) {
            kp_fail(err, KP_EEXISTS, "another koppel answers on %.160s", path);
            return -1;
        }
        unlink(path);
    }
    int fd = bind_unix(&at);
    if (fd < 0)
        kp_fail(err, KP_EIO, "cannot listen on %.160s: %s", path, strerror(errno));
    return fd;
}

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
    socklen_t len;
};

/* "HOST:PORT" with HOST a loopback address or localhost. */
static enum kp_code parse_address(const char *text, struct address *a, char host[KP_HOST_MAX], struct kp_err *err)
{
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;
    char *end;
    long port = colon ? strtol(colon + 1, &end, 10) : -1;
    if (!n || n >= KP_HOST_MAX || colon[1] < '0' || colon[1] > '9' || *end || port > 65535)
        return kp_fail(err, KP_EINVALID, "listen: '%.80s' is not HOST:PORT such as 127.0.0.1:8420", text);
    memcpy(host, text, n);
    host[n] = 0;
    *a = (struct address){ .len = sizeof a->v4 };
    bool six = host[0] == '[' && host[n - 1] == ']';
    char bare[KP_HOST_MAX];
    snprintf(bare, sizeof bare, "%.*s", six ? (int)n - 2 : (int)n, host + six);
    if (six && inet_pton(AF_INET6, bare, &a->v6.sin6_addr) == 1) {
        a->v6.sin6_family = AF_INET6;
        a->v6.sin6_port = htons((uint16_t)port);
        a->len = sizeof a->v6;
        if (IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr))
            return KP_OK;
    } else if (inet_pton(AF_INET, strcmp(bare, "localhost") == 0 ? "127.0.0.1" : bare, &a->v4.sin_addr) == 1) {
        a->v4.sin_family = AF_INET;
        a->v4.sin_port = htons((uint16_t)port);
        if (ntohl(a->v4.sin_addr.s_addr) == INADDR_LOOPBACK)
            return KP_OK;
    } else {
        return kp_fail(err, KP_EINVALID, "listen: '%.60s' is not an address such as 127.0.0.1", host);
    }
    return kp_fail(err, KP_EINVALID, "listen: %.60s is not a loopback address (127.0.0.1, [::1]); to reach the node from "
                                     "elsewhere: koppel listen --lan", host);
}

/* Binds and listens; *a becomes what was bound. */
static int listen_at(struct address *a, const char *what, struct kp_err *err)
{
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, off = 0;
    if (fd >= 0 && a->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 && bind(fd, &a->any, a->len) == 0 &&
        listen(fd, BACKLOG) == 0 && getsockname(fd, &a->any, &a->len) == 0)
        return fd;
    kp_fail(err, KP_EIO, "cannot listen on %.80s: %s", what, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

int kp_listen_tcp(const char *text, char *host, unsigned *port, struct kp_err *err)
{
    struct address a;
    if (parse_address(text, &a, host, err))
        return -1;
    int fd = listen_at(&a, text, err);
    if (fd >= 0)
        *port = ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
    return fd;
}

int kp_listen_network(const char *address, unsigned port, struct kp_err *err)
{
    struct address four = { .v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) }, .len = sizeof four.v4 };
    struct address six = { .v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) }, .len = sizeof six.v6 };
    char what[KP_HOST_MAX + 24];
    snprintf(what, sizeof what, "%s%sport %u", address, *address ? ", " : "", port);
    if (*address && inet_pton(AF_INET, address, &four.v4.sin_addr) == 1)
        return listen_at(&four, what, err);
    if (*address && inet_pton(AF_INET6, address, &six.v6.sin6_addr) != 1) {
        kp_fail(err, KP_EINVALID, "'%.60s' is no IP address", address);
        return -1;
    }
    int fd = listen_at(&six, what, *address ? err : NULL);
    return fd < 0 && !*address ? listen_at(&four, what, err) : fd; /* a machine without IPv6 */
}
