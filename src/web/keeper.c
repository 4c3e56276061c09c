/* SPDX-License-Identifier: Apache-2.0 */
#include "web/keeper.h"

#include "core/text.h"
#include "core/worker.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/ban.h"

#define KEPT (UINT64_C(1) << 63) /* in the number of an event */

struct kp_keeper {
    const struct kp_clock *clock;
    const struct kp_keeper_class *class;
    int epoll, event;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below, and guests */
    pthread_cond_t looked;
    struct kp_guest *first;
    struct kp_kept *kept, *looking; /* by serial, the newest first; the one whose turn it is */
    uint64_t serial;
    struct kp_later *later;
    bool stopping;
};

static void wake(struct kp_keeper *k)
{
    uint64_t one = 1;
    ssize_t n = write(k->event, &one, sizeof one);
    (void)n; /* full means awake already */
}

/* By number, not by address: the guest of an event may have left in between. */
static struct kp_guest *find(struct kp_keeper *k, uint64_t serial)
{
    struct kp_guest *g = k->first;
    while (g && g->serial != serial)
        g = g->next;
    return g;
}

static void hung_up(struct kp_keeper *k, uint64_t serial)
{
    pthread_mutex_lock(&k->lock);
    struct kp_guest *g = find(k, serial);
    if (g && g->request)
        k->class->gone(g->request);
    pthread_mutex_unlock(&k->lock);
}

/* ---- what else is kept ---- */
/* Looks at the one of that number, or else the newest of those before it that wants it; its number, 0: there is none. */
static uint64_t look_at(struct kp_keeper *k, uint64_t serial, bool exactly, bool all)
{
    pthread_mutex_lock(&k->lock);
    struct kp_kept *d = k->kept;
    while (d && (d->serial > serial || (!exactly && !all && !atomic_load(&d->more))))
        d = d->next;
    if (d && exactly && d->serial != serial)
        d = NULL;
    serial = d ? d->serial : 0;
    if (d)
        atomic_store(&d->more, false);
    k->looking = d;
    pthread_mutex_unlock(&k->lock);
    if (!d)
        return 0;
    bool more = d->look(d->arg);
    pthread_mutex_lock(&k->lock);
    if (more)
        atomic_store(&d->more, true);
    k->looking = NULL;
    pthread_cond_broadcast(&k->looked);
    pthread_mutex_unlock(&k->lock);
    return serial;
}

static void look_at_all(struct kp_keeper *k, bool all)
{
    for (uint64_t next = UINT64_MAX; (next = look_at(k, next, false, all));)
        next--;
}

static bool is_more(struct kp_keeper *k)
{
    pthread_mutex_lock(&k->lock);
    struct kp_kept *d = k->kept;
    while (d && !atomic_load(&d->more))
        d = d->next;
    pthread_mutex_unlock(&k->lock);
    return d;
}

bool kp_keeper_keep(struct kp_keeper *k, struct kp_kept *d)
{
    pthread_mutex_lock(&k->lock);
    d->serial = ++k->serial;
    atomic_store(&d->more, false);
    struct epoll_event e = { .events = EPOLLIN, .data.u64 = d->serial | KEPT };
    bool watched = epoll_ctl(k->epoll, EPOLL_CTL_ADD, d->fd, &e) == 0;
    if (watched) {
        d->next = k->kept;
        k->kept = d;
    }
    pthread_mutex_unlock(&k->lock);
    return watched;
}

void kp_keeper_hurry(struct kp_keeper *k, struct kp_kept *d)
{
    atomic_store(&d->more, true);
    wake(k);
}

void kp_keeper_let_go(struct kp_keeper *k, struct kp_kept *d)
{
    pthread_mutex_lock(&k->lock);
    struct kp_kept **at = &k->kept;
    while (*at && *at != d)
        at = &(*at)->next;
    if (*at)
        *at = d->next;
    epoll_ctl(k->epoll, EPOLL_CTL_DEL, d->fd, NULL);
    while (k->looking == d)
        pthread_cond_wait(&k->looked, &k->lock);
    pthread_mutex_unlock(&k->lock);
}

/* ---- guests ---- */
static void look_after(struct kp_keeper *k, struct kp_guest *g, int64_t now)
{
    int64_t asking = g->crowd->n > g->crowd->most / 2 ? KP_REQUEST_CROWDED_S : KP_REQUEST_WITHIN_S;
    bool slow = (g->state == KP_GUEST_ASKING && now - g->since > asking * KP_SECOND) ||
                (g->state == KP_GUEST_READING && now - g->since > KP_REPLY_WITHIN_S * KP_SECOND);
    if (slow)
        shutdown(g->fd, SHUT_RDWR); /* the library sees the end and closes */
    if (g->state == KP_GUEST_STREAMING && g->request)
        k->class->beat(g->request, now);
}

static void tick(struct kp_keeper *k)
{
    pthread_mutex_lock(&k->lock);
    int64_t now = kp_mono(k->clock);
    for (struct kp_guest *g = k->first; g; g = g->next)
        look_after(k, g, now);
    pthread_mutex_unlock(&k->lock);
    look_at_all(k, true);
}

static void do_later(struct kp_keeper *k)
{
    uint64_t count;
    ssize_t n = read(k->event, &count, sizeof count);
    (void)n;
    pthread_mutex_lock(&k->lock);
    struct kp_later *todo = k->later;
    k->later = NULL;
    pthread_mutex_unlock(&k->lock);
    while (todo) {
        struct kp_later *next = todo->next;
        todo->run(todo);
        todo = next;
    }
}

static bool stopping(struct kp_keeper *k)
{
    pthread_mutex_lock(&k->lock);
    bool yes = k->stopping && !k->later;
    pthread_mutex_unlock(&k->lock);
    return yes;
}

static void *keep(void *arg)
{
    struct kp_keeper *k = arg;
    kp_thread_name("web keeper");
    struct epoll_event events[32];
    int64_t ticked = 0;
    while (!stopping(k)) {
        look_at_all(k, false); /* those that had more to do */
        int n = epoll_wait(k->epoll, events, 32, is_more(k) ? 0 : 500);
        for (int i = 0; i < n; i++)
            if (events[i].data.u64 & KEPT)
                look_at(k, events[i].data.u64 & ~KEPT, true, true);
            else if (events[i].data.u64)
                hung_up(k, events[i].data.u64);
        do_later(k);
        int64_t now = kp_mono(&kp_clock_system);
        if (now - ticked >= 450 * KP_MILLISECOND) {
            tick(k);
            ticked = now;
        }
    }
    return NULL;
}

static bool open_files(struct kp_keeper *k)
{
    struct epoll_event e = { .events = EPOLLIN };
    k->epoll = epoll_create1(EPOLL_CLOEXEC);
    k->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return k->epoll >= 0 && k->event >= 0 && epoll_ctl(k->epoll, EPOLL_CTL_ADD, k->event, &e) == 0;
}

static void release(struct kp_keeper *k)
{
    if (k->epoll >= 0)
        close(k->epoll);
    if (k->event >= 0)
        close(k->event);
    pthread_cond_destroy(&k->looked);
    pthread_mutex_destroy(&k->lock);
    kp_free(k);
}

struct kp_keeper *kp_keeper_start(const struct kp_clock *clock, const struct kp_keeper_class *class,
                                  struct kp_err *err)
{
    struct kp_keeper *k = kp_alloc(sizeof *k);
    if (!k) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    *k = (struct kp_keeper){ .clock = clock, .class = class, .epoll = -1, .event = -1 };
    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->looked, NULL);
    if (!open_files(k) || pthread_create(&k->thread, NULL, keep, k) != 0) {
        kp_fail(err, KP_EIO, "the system gives no thread or file handle for the web's keeper");
        release(k);
        return NULL;
    }
    return k;
}

void kp_keeper_stop(struct kp_keeper *k)
{
    if (!k)
        return;
    pthread_mutex_lock(&k->lock);
    k->stopping = true;
    pthread_mutex_unlock(&k->lock);
    wake(k);
    pthread_join(k->thread, NULL);
    release(k);
}

void kp_keeper_add(struct kp_keeper *k, struct kp_guest *g, struct kp_crowd *crowd, int fd)
{
    pthread_mutex_lock(&k->lock);
    *g = (struct kp_guest){ .next = k->first, .crowd = crowd, .serial = ++k->serial, .fd = fd, .since = kp_mono(k->clock) };
    if (g->next)
        g->next->prev = g;
    k->first = g;
    crowd->n++;
    pthread_mutex_unlock(&k->lock);
}

void kp_keeper_remove(struct kp_keeper *k, struct kp_guest *g)
{
    pthread_mutex_lock(&k->lock);
    if (g->next)
        g->next->prev = g->prev;
    *(g->prev ? &g->prev->next : &k->first) = g->next;
    g->crowd->n--;
    pthread_mutex_unlock(&k->lock);
}

void kp_keeper_request(struct kp_keeper *k, struct kp_guest *g, void *request)
{
    pthread_mutex_lock(&k->lock);
    g->request = request;
    pthread_mutex_unlock(&k->lock);
}

void kp_keeper_state(struct kp_keeper *k, struct kp_guest *g, enum kp_guest_state state)
{
    pthread_mutex_lock(&k->lock);
    g->state = state;
    g->since = kp_mono(k->clock);
    pthread_mutex_unlock(&k->lock);
}

void kp_keeper_watch(struct kp_keeper *k, struct kp_guest *g)
{
    struct epoll_event e = { .events = EPOLLRDHUP | EPOLLONESHOT, .data.u64 = g->serial };
    if (epoll_ctl(k->epoll, EPOLL_CTL_ADD, g->fd, &e) != 0 && errno == EEXIST)
        epoll_ctl(k->epoll, EPOLL_CTL_MOD, g->fd, &e); /* an earlier request of this connection */
}

void kp_keeper_later(struct kp_keeper *k, struct kp_later *l)
{
    pthread_mutex_lock(&k->lock);
    l->next = k->later;
    k->later = l;
    pthread_mutex_unlock(&k->lock);
    wake(k);
}

void kp_keeper_each(struct kp_keeper *k, void (*fn)(void *request))
{
    pthread_mutex_lock(&k->lock);
    for (struct kp_guest *g = k->first; g; g = g->next)
        if (g->request)
            fn(g->request);
    pthread_mutex_unlock(&k->lock);
}
