/* SPDX-License-Identifier: Apache-2.0 */
/* The look itself: a few threads, each with one address at a time. All ports of an address are
 * connected at once, so that one where nothing answers costs a second, then those that opened are
 * asked one after another. */
#include "couplings/discover/discover.h"

#include "core/hub.h"
#include "core/text.h"
#include "core/worker.h"
#include "couplings/discover/probe.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/ban.h"

enum { CONNECT_MS = 1000, SLICE_MS = 100, STACK = 256 << 10, PORTS = KP_DISCOVER_PORTS_MAX };

const char *const kp_discover_state_names[] = { "none", "running", "done", "cancelled", NULL };

const struct kp_probe_class kp_probes[] = {
    { "shdr", { 7878 }, kp_probe_shdr },
#if KOPPEL_OPCUA
    { "opcua", { 4840, 48010, 49320 }, kp_probe_opcua },
#endif
    { "modbus", { 502 }, kp_probe_modbus },
    { "s7", { 102 }, kp_probe_s7 },
    { "ads", { 48898 }, kp_probe_ads },
    { "mqtt", { 1883 }, kp_probe_mqtt },
    { "mqtts", { 8883 }, kp_probe_mqtts },
    { "mtconnect", { 5000 }, kp_probe_mtconnect },
    { .name = NULL },
};

struct kp_discover {
    const struct kp_clock *clock;
    pthread_mutex_t lock; /* guards all below */
    pthread_t threads[KP_DISCOVER_PARALLEL_MAX];
    unsigned n_threads, working; /* threads not yet joined; of these at work */
    atomic_bool cancelled;
    struct kp_targets targets;
    uint16_t ports[PORTS];
    size_t n_ports, next;
    unsigned first_unit, last_unit;
    struct kp_discover_status status;
    struct kp_discover_found *found;
    size_t n_found, room;
    struct kp_hub *hub; /* NULL: nobody is told; set before the first look */
};

/* ---- one address ---- */

static void observe(struct kp_hub *hub, const struct kp_discover_found *f)
{
    kp_hub_observe(hub, &(struct kp_observed){ .kind = KP_SEEN_DEVICE,
                                               .to_port = f->port,
                                               .text = { [KP_SEEN_TO] = f->address,
                                                         [KP_SEEN_PROTOCOL] = f->protocol,
                                                         [KP_SEEN_VENDOR] = f->manufacturer,
                                                         [KP_SEEN_SOFTWARE] = f->product,
                                                         [KP_SEEN_DETAIL] = *f->name ? f->name : f->address } });
}

static void take(void *arg, const struct kp_discover_found *f)
{
    struct kp_discover *d = arg;
    pthread_mutex_lock(&d->lock);
    if (d->n_found < KP_DISCOVER_FOUND_MAX &&
        kp_grow(&d->found, &d->room, d->n_found + 1, sizeof *d->found))
        d->found[d->n_found++] = *f;
    else
        d->status.more = true;
    struct kp_hub *hub = d->hub;
    pthread_mutex_unlock(&d->lock);
    if (hub)
        observe(hub, f);
}

static bool has_port(const struct kp_probe_class *c, uint16_t port)
{
    for (size_t i = 0; i < sizeof c->ports / sizeof c->ports[0] && c->ports[i]; i++)
        if (c->ports[i] == port)
            return true;
    return false;
}

static size_t usual_ports(uint16_t out[PORTS])
{
    size_t n = 0;
    for (const struct kp_probe_class *c = kp_probes; c->name; c++)
        for (size_t i = 0; i < sizeof c->ports / sizeof c->ports[0] && c->ports[i] && n < PORTS;
             i++)
            out[n++] = c->ports[i];
    return n;
}

static bool same_address(const struct kp_target *a, const struct kp_target *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static bool is_named(const struct kp_discover *d, const struct kp_target *t, uint16_t port)
{
    for (size_t i = 0; i < d->targets.n; i++)
        if (d->targets.list[i].port == port && same_address(&d->targets.list[i], t))
            return true;
    return false;
}

/* The usual ones without those that stand there beside their address. */
static size_t ports_of(const struct kp_discover *d, const struct kp_target *t, uint16_t out[PORTS])
{
    size_t n = 0;
    if (t->port)
        out[n++] = t->port;
    for (size_t i = 0; !t->port && i < d->n_ports; i++)
        if (!is_named(d, t, d->ports[i]))
            out[n++] = d->ports[i];
    return n;
}

/* Until each of them is connected or is not, or it is too late; those that are not are closed and
 * -1. */
static void await_all(struct kp_discover *d, int *fd, size_t n)
{
    bool open[PORTS] = { false };
    int64_t until = kp_mono(d->clock) + CONNECT_MS * KP_MILLISECOND;
    for (size_t waiting = n; waiting && kp_mono(d->clock) < until && !atomic_load(&d->cancelled);) {
        struct pollfd list[PORTS];
        waiting = 0;
        for (size_t i = 0; i < n; i++) { /* poll passes over those below 0 */
            list[i] = (struct pollfd){ .fd = open[i] ? -1 : fd[i], .events = POLLOUT };
            waiting += list[i].fd >= 0;
        }
        if (!waiting || (poll(list, n, SLICE_MS) < 0 && errno != EINTR))
            break;
        for (size_t i = 0; i < n; i++) {
            if (list[i].fd < 0 || !list[i].revents)
                continue;
            open[i] = kp_probe_connected(fd[i]);
            if (!open[i]) {
                kp_probe_close(&(struct kp_probe){ .fd = fd[i] });
                fd[i] = -1;
            }
        }
    }
    for (size_t i = 0; i < n; i++)
        if (!open[i] && fd[i] >= 0) {
            kp_probe_close(&(struct kp_probe){ .fd = fd[i] });
            fd[i] = -1;
        }
}

/* A usual port is asked for what it is usual for; any other, and one that a person named, for
 * everything. */
static void ask_port(struct kp_discover *d, struct kp_probe *p)
{
    bool known = false, named = p->target.port, found = false, fresh = true;
    for (const struct kp_probe_class *c = kp_probes; c->name; c++)
        known |= has_port(c, p->port);
    for (int round = 0; round < 2 && !found; round++) /* first those at home here */
        for (const struct kp_probe_class *c = kp_probes;
             c->name && !found && !atomic_load(&d->cancelled); c++) {
            p->usual = has_port(c, p->port);
            if (p->usual != !round || (known && round && !named))
                continue;
            if (!fresh && !kp_probe_reopen(p))
                return;
            fresh = false;
            found = c->ask(p);
        }
}

static void look_at(struct kp_discover *d, const struct kp_target *t)
{
    uint16_t ports[PORTS];
    int fd[PORTS];
    size_t n = ports_of(d, t, ports);
    for (size_t i = 0; i < n; i++)
        fd[i] = kp_probe_connect(t, ports[i]);
    await_all(d, fd, n);
    for (size_t i = 0; i < n; i++) {
        struct kp_probe p = { .fd = fd[i],
                              .target = *t,
                              .port = ports[i],
                              .first_unit = d->first_unit,
                              .last_unit = d->last_unit,
                              .cancelled = &d->cancelled,
                              .clock = &kp_clock_system,
                              .found = take,
                              .arg = d };
        if (fd[i] >= 0 && !atomic_load(&d->cancelled))
            ask_port(d, &p);
        kp_probe_close(&p);
    }
}

/* ---- the threads ---- */

/* The place in the list of the next address; the list stays as it is while threads work. */
static bool next_target(struct kp_discover *d, size_t *place)
{
    pthread_mutex_lock(&d->lock);
    bool more = d->next < d->targets.n && !atomic_load(&d->cancelled);
    *place = d->next;
    d->next += more;
    pthread_mutex_unlock(&d->lock);
    return more;
}

/* An address that stands there with several ports belongs to one thread, so that it is asked one
 * thing at a time. */
static void look_at_all(struct kp_discover *d, size_t place)
{
    const struct kp_target *t = d->targets.list;
    for (size_t i = 0; i < place; i++)
        if (same_address(&t[i], &t[place]))
            return;
    for (size_t i = place; i < d->targets.n; i++)
        if (same_address(&t[i], &t[place]))
            look_at(d, &t[i]);
}

/* With the lock held. */
static void leave(struct kp_discover *d)
{
    if (--d->working)
        return;
    d->status.state = d->status.done == d->status.total ? KP_DISCOVER_DONE : KP_DISCOVER_CANCELLED;
    d->status.ended = kp_utc(d->clock);
}

static void *work(void *arg)
{
    struct kp_discover *d = arg;
    kp_thread_name("discover");
    size_t place;
    while (next_target(d, &place)) {
        look_at_all(d, place);
        pthread_mutex_lock(&d->lock);
        d->status.done += !atomic_load(&d->cancelled);
        pthread_mutex_unlock(&d->lock);
    }
    pthread_mutex_lock(&d->lock);
    leave(d);
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

static void join(struct kp_discover *d)
{
    for (unsigned i = 0; i < d->n_threads; i++)
        pthread_join(d->threads[i], NULL);
    d->n_threads = 0;
}

/* With the lock held. */
static enum kp_code begin(struct kp_discover *d, unsigned wanted, struct kp_err *err)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    for (; d->n_threads < wanted; d->n_threads++, d->working++)
        if (pthread_create(&d->threads[d->n_threads], &attr, work, d))
            break;
    pthread_attr_destroy(&attr);
    return d->n_threads ? KP_OK : kp_fail(err, KP_EIO, "the system gives no thread to look with");
}

/* ---- from outside ---- */

void kp_discover_tell(struct kp_discover *d, struct kp_hub *hub)
{
    d->hub = hub;
}

struct kp_discover *kp_discover_new(const struct kp_clock *clock)
{
    struct kp_discover *d = kp_alloc(sizeof *d);
    if (!d)
        return NULL;
    d->clock = clock;
    d->status.started = d->status.ended = KP_NO_TIME;
    pthread_mutex_init(&d->lock, NULL);
    return d;
}

void kp_discover_free(struct kp_discover *d)
{
    if (!d)
        return;
    kp_discover_cancel(d);
    join(d);
    kp_targets_free(&d->targets);
    kp_free(d->found);
    pthread_mutex_destroy(&d->lock);
    kp_free(d);
}

static enum kp_code check(const struct kp_discover_options *o, struct kp_targets *t,
                          struct kp_err *err)
{
    if (!o->n_targets)
        return kp_fail(err, KP_EINVALID,
                       "say where to look: an address, 192.0.2.0/24, 192.0.2.10-40 or plc7:502");
    if (o->parallel > KP_DISCOVER_PARALLEL_MAX)
        return kp_fail(err, KP_EINVALID, "at most %d addresses at a time",
                       KP_DISCOVER_PARALLEL_MAX);
    if (o->n_ports > PORTS)
        return kp_fail(err, KP_EINVALID, "at most %d ports", PORTS);
    if (o->last_unit < o->first_unit || o->last_unit > 255)
        return kp_fail(err, KP_EINVALID, "Modbus units go from 0 to 255");
    for (size_t i = 0; i < o->n_targets; i++)
        if (kp_targets_add(t, o->targets[i], err))
            return err->code;
    return KP_OK;
}

static enum kp_code start(struct kp_discover *d, const struct kp_discover_options *o,
                          struct kp_targets *t, struct kp_err *err)
{
    unsigned parallel = o->parallel ? o->parallel : KP_DISCOVER_PARALLEL;
    if (d->working)
        return kp_fail(
            err, KP_EEXISTS,
            "a look is under way: wait for its end, or cancel it (koppel discover --cancel)");
    join(d); /* they have left; this takes no time */
    kp_targets_free(&d->targets);
    d->targets = *t;
    *t = (struct kp_targets){ 0 };
    d->n_found = d->next = 0;
    d->n_ports = o->n_ports ? o->n_ports : usual_ports(d->ports);
    if (o->n_ports)
        memcpy(d->ports, o->ports, sizeof d->ports);
    d->first_unit = o->first_unit;
    d->last_unit = o->last_unit;
    atomic_store(&d->cancelled, false);
    d->status = (struct kp_discover_status){ .state = KP_DISCOVER_RUNNING,
                                             .total = (unsigned)d->targets.n,
                                             .started = kp_utc(d->clock),
                                             .ended = KP_NO_TIME };
    if (begin(d, parallel < d->targets.n ? parallel : (unsigned)d->targets.n, err))
        d->status.state = KP_DISCOVER_NONE;
    return err->code;
}

enum kp_code kp_discover_start(struct kp_discover *d, const struct kp_discover_options *o,
                               struct kp_err *err)
{
    struct kp_targets t = { 0 };
    if (!check(o, &t, err)) {
        pthread_mutex_lock(&d->lock);
        start(d, o, &t, err);
        pthread_mutex_unlock(&d->lock);
    }
    kp_targets_free(&t);
    return err->code;
}

void kp_discover_cancel(struct kp_discover *d)
{
    atomic_store(&d->cancelled, true);
}

struct kp_discover_status kp_discover_status(struct kp_discover *d)
{
    pthread_mutex_lock(&d->lock);
    struct kp_discover_status s = d->status;
    s.found = d->n_found;
    pthread_mutex_unlock(&d->lock);
    return s;
}

void kp_discover_list(struct kp_discover *d, size_t from,
                      bool (*each)(void *, const struct kp_discover_found *), void *arg)
{
    bool more = true;
    for (size_t i = from; more; i++) {
        struct kp_discover_found one;
        pthread_mutex_lock(&d->lock);
        more = i < d->n_found;
        if (more)
            one = d->found[i];
        pthread_mutex_unlock(&d->lock);
        more = more && each(arg, &one);
    }
}
