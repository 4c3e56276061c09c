/* SPDX-License-Identifier: Apache-2.0 */
#include "web/porter.h"

#include "core/mem.h"
#include "core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "core/ban.h"

enum {
    EVENTS = 64,
    LISTENING = KP_PORTER_WAITING,
    TLS_HANDSHAKE = 0x16,
    DRAIN_MAX = 64 << 10,
    TOLD_WITHIN_S = 2
};

static const char hint[] =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 64\r\n"
    "Connection: close\r\n\r\n"
    "This port speaks HTTPS: write https:// in front of the address.\n";

struct guest {
    int fd; /* 0 = free */
    bool told;
    int64_t since; /* monotonic */
    struct sockaddr_storage from;
    socklen_t len;
};

struct kp_porter {
    const struct kp_porter_class *class;
    void *arg;
    struct kp_keeper *keeper;
    struct kp_kept door;
    int epoll;
    int64_t turned; /* monotonic */
    pthread_mutex_t lock; /* guards all below */
    int fd;               /* listening, -1 = none */
    bool plain;
    struct guest guest[KP_PORTER_WAITING];
};

static int64_t now(void)
{
    return kp_mono(&kp_clock_system);
}

static void send_away(struct guest *g)
{
    close(g->fd);
    g->fd = 0;
}

/* An IPv4 address that came to an IPv6 socket is an IPv4 address. */
static void unmap(struct guest *g)
{
    const struct sockaddr_in6 *six = (const void *)&g->from;
    if (six->sin6_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
        return;
    struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = six->sin6_port };
    memcpy(&four.sin_addr, &six->sin6_addr.s6_addr[12], sizeof four.sin_addr);
    memset(&g->from, 0, sizeof g->from);
    memcpy(&g->from, &four, sizeof four);
    g->len = sizeof four;
}

static bool same_address(const struct guest *a, const struct guest *b)
{
    const struct sockaddr_in *a4 = (const void *)&a->from, *b4 = (const void *)&b->from;
    const struct sockaddr_in6 *a6 = (const void *)&a->from, *b6 = (const void *)&b->from;
    if (a->from.ss_family != b->from.ss_family)
        return false;
    return a->from.ss_family == AF_INET6
               ? memcmp(&a6->sin6_addr, &b6->sin6_addr, 8) == 0 /* one machine has a /64 of them */
               : a4->sin_addr.s_addr == b4->sin_addr.s_addr;
}

/* A place for one more: a free one, or that of the longest waiting, of his own address when it has
 * its share. */
static struct guest *find_place(struct kp_porter *p, const struct guest *new)
{
    struct guest *free_one = NULL, *oldest = NULL, *own = NULL;
    unsigned n = 0;
    for (struct guest *g = p->guest; g < p->guest + KP_PORTER_WAITING; g++) {
        if (!g->fd) {
            free_one = g;
            continue;
        }
        if (!oldest || g->since < oldest->since)
            oldest = g;
        if (!same_address(g, new))
            continue;
        n++;
        if (!own || g->since < own->since)
            own = g;
    }
    struct guest *place = n >= KP_PORTER_PER_ADDRESS ? own : free_one ? free_one : oldest;
    if (place->fd)
        send_away(place);
    return place;
}

/* Reads what he says, so that closing does not take back the answer; false: he has gone, or talks
 * too much. */
static bool drain(struct guest *g)
{
    char buffer[4096];
    for (size_t all = 0; all < DRAIN_MAX;) {
        ssize_t n = recv(g->fd, buffer, sizeof buffer, 0);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        if (!n)
            return false;
        all += (size_t)n;
    }
    return false;
}

static void tell(struct guest *g)
{
    g->told = true;
    g->since = now();
    bool there = drain(g);
    ssize_t n = send(g->fd, hint, sizeof hint - 1, MSG_NOSIGNAL);
    shutdown(g->fd, SHUT_WR);
    if (!there || n < 0)
        send_away(g);
}

static void enter(struct kp_porter *p, struct guest *g, bool tls)
{
    int fd = g->fd;
    epoll_ctl(p->epoll, EPOLL_CTL_DEL, fd, NULL);
    g->fd = 0;
    p->class->enter(p->arg, fd, (const struct sockaddr *)&g->from, g->len, tls);
}

static void look(struct kp_porter *p, struct guest *g)
{
    unsigned char first;
    if (g->told) {
        if (!drain(g))
            send_away(g);
        return;
    }
    ssize_t n = recv(g->fd, &first, 1, MSG_PEEK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        send_away(g);
    else if (first == TLS_HANDSHAKE && !p->plain)
        enter(p, g, true);
    else if (first >= 'A' && first <= 'Z' && p->plain)
        enter(p, g, false);
    else if (first >= 'A' && first <= 'Z')
        tell(g);
    else
        send_away(g);
}

static bool take_in(struct kp_porter *p)
{
    struct guest new = { .len = sizeof new.from };
    new.fd = accept(p->fd, (struct sockaddr *)&new.from, &new.len);
    if (new.fd < 0)
        return false;
    fcntl(new.fd, F_SETFL, O_NONBLOCK);
    fcntl(new.fd, F_SETFD, FD_CLOEXEC);
    new.since = now();
    unmap(&new);
    struct guest *g = find_place(p, &new);
    *g = new;
    struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP, .data.u64 = (uint64_t)(g - p->guest) };
    if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, g->fd, &e) != 0)
        send_away(g);
    else
        look(p, g); /* his first words are mostly there already */
    return true;
}

/* Handles may be short for a while: not in a circle without pause. */
static void take_in_all(struct kp_porter *p)
{
    static const struct timespec pause = { .tv_nsec = 20 * 1000000 };
    for (int i = 0; i < EVENTS && p->fd >= 0; i++)
        if (!take_in(p)) {
            if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
                nanosleep(&pause, NULL);
            return;
        }
}

static void end_waiting(struct kp_porter *p)
{
    int64_t at = now();
    for (struct guest *g = p->guest; g < p->guest + KP_PORTER_WAITING; g++)
        if (g->fd && at - g->since > (g->told ? TOLD_WITHIN_S : KP_PORTER_WITHIN_S) * KP_SECOND)
            send_away(g);
}

static void handle(struct kp_porter *p, const struct epoll_event *events, int n)
{
    pthread_mutex_lock(&p->lock);
    for (int i = 0; i < n; i++) {
        uint64_t which = events[i].data.u64;
        if (which == LISTENING)
            take_in_all(p);
        else if (p->guest[which]
                     .fd) /* somebody else may sit there by now: then it is a look too many */
            look(p, &p->guest[which]);
    }
    end_waiting(p);
    pthread_mutex_unlock(&p->lock);
}

static bool look_at_door(void *arg)
{
    struct kp_porter *p = arg;
    struct epoll_event events[EVENTS];
    int n = epoll_wait(p->epoll, events, EVENTS, 0);
    handle(p, events, n);
    if (now() - p->turned >= KP_PORTER_TURN_S * KP_SECOND) {
        p->turned = now();
        p->class->turn(p->arg);
    }
    return n == EVENTS;
}

static void release(struct kp_porter *p)
{
    for (struct guest *g = p->guest; g < p->guest + KP_PORTER_WAITING; g++)
        if (g->fd)
            send_away(g);
    if (p->fd >= 0)
        close(p->fd);
    if (p->epoll >= 0)
        close(p->epoll);
    pthread_mutex_destroy(&p->lock);
    kp_free(p);
}

struct kp_porter *kp_porter_start(const struct kp_porter_class *class, void *arg, struct kp_keeper *keeper,
                                  struct kp_err *err)
{
    struct kp_porter *p = kp_alloc(sizeof *p);
    if (!p) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    p->class = class;
    p->arg = arg;
    p->fd = -1;
    p->turned = now();
    p->keeper = keeper;
    pthread_mutex_init(&p->lock, NULL);
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    p->door = (struct kp_kept){ .fd = p->epoll, .look = look_at_door, .arg = p };
    if (p->epoll >= 0 && kp_keeper_keep(keeper, &p->door))
        return p;
    kp_fail(err, KP_EIO, "the system gives no file handle for the HTTPS listener");
    release(p);
    return NULL;
}

void kp_porter_stop(struct kp_porter *p)
{
    if (!p)
        return;
    kp_keeper_let_go(p->keeper, &p->door);
    release(p);
}

enum kp_code kp_porter_listen(struct kp_porter *p, int fd, bool plain, struct kp_err *err)
{
    struct epoll_event e = { .events = EPOLLIN, .data.u64 = LISTENING };
    bool failed = fd >= 0 && epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e) != 0;
    pthread_mutex_lock(&p->lock);
    if (p->fd >= 0)
        close(p->fd);
    p->fd = failed ? -1 : fd;
    p->plain = plain;
    pthread_mutex_unlock(&p->lock);
    if (failed)
        close(fd);
    return failed ? kp_fail(err, KP_EIO, "the system does not watch the new listener: %s",
                            strerror(errno))
                  : KP_OK;
}
