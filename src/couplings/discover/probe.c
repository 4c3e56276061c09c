/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/discover/probe.h"

#include "core/text.h"
#include "couplings/all.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/ban.h"

enum { SLICE_MS = 100, CONNECT_MS = 1000 };

/* ---- the socket ---- */

void kp_probe_within(struct kp_probe *p, int ms)
{
    p->until = kp_mono(p->clock) + ms * KP_MILLISECOND;
}

static bool await(struct kp_probe *p, short what)
{
    struct pollfd one = { .fd = p->fd, .events = what };
    while (p->fd >= 0 && !(p->cancelled && atomic_load(p->cancelled))) {
        int64_t left = (p->until - kp_mono(p->clock) + KP_MILLISECOND - 1) / KP_MILLISECOND;
        if (left <= 0)
            return false;
        int n = poll(&one, 1, left < SLICE_MS ? (int)left : SLICE_MS);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
    }
    return false;
}

bool kp_probe_send(struct kp_probe *p, const void *data, size_t n)
{
    const char *at = data;
    while (n && await(p, POLLOUT)) {
        ssize_t sent = send(p->fd, at, n, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        at += sent > 0 ? sent : 0;
        n -= sent > 0 ? (size_t)sent : 0;
    }
    return n == 0;
}

size_t kp_probe_some(struct kp_probe *p, void *out, size_t n)
{
    while (n && await(p, POLLIN)) {
        ssize_t got = recv(p->fd, out, n, 0);
        if (got >= 0)
            return (size_t)got;
        if (errno != EAGAIN && errno != EINTR)
            return 0;
    }
    return 0;
}

bool kp_probe_read(struct kp_probe *p, void *out, size_t n)
{
    char *to = out;
    for (size_t got; n; to += got, n -= got)
        if ((got = kp_probe_some(p, to, n)) == 0)
            return false;
    return true;
}

void kp_probe_close(struct kp_probe *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

int kp_probe_connect(const struct kp_target *t, uint16_t port)
{
    struct sockaddr_in six_or_four = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    memcpy(&six_or_four.sin_addr, t->ip, 4);
    memcpy(&six.sin6_addr, t->ip, 16);
    bool is_six = t->family == AF_INET6;
    const struct sockaddr *to =
        is_six ? (const struct sockaddr *)&six : (const struct sockaddr *)&six_or_four;
    if (t->family != AF_INET && !is_six)
        return -1;
    int fd = socket((int)t->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, to, is_six ? sizeof six : sizeof six_or_four) && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

bool kp_probe_connected(int fd)
{
    int why = 0;
    socklen_t n = sizeof why;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &n) == 0 && !why;
}

bool kp_probe_reopen(struct kp_probe *p)
{
    kp_probe_close(p);
    kp_probe_within(p, CONNECT_MS);
    p->fd = kp_probe_connect(&p->target, p->port);
    if (await(p, POLLOUT) && kp_probe_connected(p->fd))
        return true;
    kp_probe_close(p);
    return false;
}

/* ---- what was found ---- */

struct kp_discover_found kp_probe_begin(const struct kp_probe *p, const char *protocol)
{
    struct kp_discover_found f = { .protocol = protocol, .port = p->port, .unit = -1 };
    memcpy(f.address, p->target.host, sizeof f.address);
    return f;
}

void kp_probe_text(char *out, size_t size, const void *text, size_t n)
{
    const char *t = text;
    while (n && (unsigned char)t[0] <= ' ')
        t++, n--;
    while (n && (unsigned char)t[n - 1] <= ' ')
        n--;
    kp_utf8_clean(out, size, t, n);
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
}

static bool has_setting(const struct kp_coupling_class *class, const char *key)
{
    for (const struct kp_option *o = class->options; o && o->name; o++)
        if (strcmp(o->name, key) == 0)
            return true;
    return false;
}

/* A path of a peer's making goes onto a command line that a person will paste into a shell. */
static bool harmless(const char *path)
{
    static const char good[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-:[]";
    return strlen(path) < 120 && strspn(path, good) == strlen(path);
}

void kp_probe_couple(struct kp_discover_found *f, const char *scheme, unsigned usual_port,
                     const char *path, const char *key, int value)
{
    char port[8] = "", url[sizeof f->url];
    bool six = strchr(f->address, ':');
    if (f->port != usual_port)
        snprintf(port, sizeof port, ":%u", f->port);
    if (!harmless(path) || !harmless(f->address))
        return;
    snprintf(url, sizeof url, "%s://%s%s%s%s%s", scheme, six ? "[" : "", f->address, six ? "]" : "",
             port, path);
    const struct kp_coupling_class *class = kp_coupling_class_of(url, NULL);
    if (!class)
        return;
    memcpy(f->url, url, sizeof url);
    int n = snprintf(f->couple, sizeof f->couple, "koppel couple %s", url);
    if (key && has_setting(class, key))
        snprintf(f->couple + n, sizeof f->couple - (size_t)n, " --set %s=%d", key, value);
}

void kp_probe_needs_map(struct kp_discover_found *f)
{
    size_t n = strlen(f->couple);
    const struct kp_coupling_class *class = n ? kp_coupling_class_of(f->url, NULL) : NULL;
    if (class && has_setting(class, "map"))
        snprintf(f->couple + n, sizeof f->couple - n, " --map FILE.csv");
}

static void mend(char *text, size_t size)
{
    char copy[2 * KP_DISCOVER_TEXT];
    snprintf(copy, sizeof copy, "%s", text);
    kp_utf8_clean(text, size, copy, strlen(copy));
}

void kp_probe_tell(const struct kp_probe *p, struct kp_discover_found *f)
{
    mend(f->manufacturer, sizeof f->manufacturer);
    mend(f->product, sizeof f->product);
    mend(f->name, sizeof f->name);
    mend(f->detail, sizeof f->detail);
    p->found(p->arg, f);
}
