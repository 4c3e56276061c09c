/* SPDX-License-Identifier: Apache-2.0 */
#include "core/hub_private.h"

#include "core/log.h"
#include "core/text.h"
#include "core/worker.h"

#include <assert.h>
#include <time.h>

#include "core/ban.h"

enum { QUEUE_BUDGET = 8 << 20, TURN_MS = 250, HOLD_MS = 20 };
#define TICK        (250 * KP_MILLISECOND)
#define STALE_AFTER (3 * KP_SECOND)

/* ---- batches that wait for the sink ---- */
/* Keeps the batch until the sink takes it. */
static void keep(struct kp_hub *h, struct kp_batch *b)
{
    b->msg.next = NULL;
    *h->kept_end = &b->msg;
    h->kept_end = &b->msg.next;
    if (!atomic_exchange(&h->holds, true))
        kp_warn("hub", "the store has no room, inputs that can wait do", "%s", "");
}

/* Offers what is kept again, in order. */
static void offer_kept(struct kp_hub *h)
{
    while (h->kept) {
        struct kp_msg *next = h->kept->next;
        if (!h->sink.take(h->sink.self, (struct kp_batch *)h->kept))
            return;
        h->kept = next;
    }
    h->kept_end = &h->kept;
    if (atomic_exchange(&h->holds, false))
        kp_info("hub", "the store takes samples again", "%s", "");
}

/* The end: what the sink did not take by now is lost. */
static void give_up_kept(struct kp_hub *h)
{
    unsigned lost = 0;
    for (struct kp_msg *m; (m = h->kept);) {
        h->kept = m->next;
        lost += ((struct kp_batch *)m)->n;
        kp_batch_drop(m);
    }
    h->kept_end = &h->kept;
    if (lost)
        kp_warn("hub", "the store took nothing until the end, samples are lost", "samples=%u", lost);
    pthread_mutex_lock(&h->lock);
    h->stats.lost += lost;
    pthread_mutex_unlock(&h->lock);
}

/* ---- life ---- */
static void on_change(void *self, enum kp_change change, int64_t id, const struct kp_interval *v)
{
    states_changed(self, change, id);
    subscribers_changed(self, change, id, v);
}

static void drop(struct kp_msg *m)
{
    if (m->kind != KP_MSG_NUDGE) /* part of the hub */
        kp_batch_drop(m);
}

struct kp_hub *kp_hub_new(const struct kp_hub_options *o, struct kp_err *err)
{
    struct kp_hub *h = kp_alloc(sizeof *h);
    if (!h) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    h->clock = o->clock ? o->clock : &kp_clock_system;
    h->context = o->context;
    h->stale_after = o->stale_after ? o->stale_after : STALE_AFTER;
    h->nudge.kind = KP_MSG_NUDGE;
    h->patience = TURN_MS;
    h->kept_end = &h->kept;
    pthread_mutex_init(&h->changing, NULL);
    pthread_mutex_init(&h->lock, NULL);
    pthread_mutex_init(&h->people, NULL);
    pthread_mutex_init(&h->conditions_lock, NULL);
    h->in = kp_queue_new(o->queue_budget ? o->queue_budget : QUEUE_BUDGET, drop);
    h->model = kp_model_new();
    h->states = states_new();
    if (!h->in || !h->model || !h->states) {
        kp_hub_free(h);
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    kp_model_watch(h->model, (struct kp_watcher){ h, on_change });
    return h;
}

void kp_hub_free(struct kp_hub *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->n_couplings; i++)
        coupling_free(h->couplings[i]);
    for (unsigned i = 0; i < h->n_subscribers; i++)
        subscriber_free(h->subscribers[i]);
    conditions_free(h);
    give_up_kept(h);
    kp_free(h->couplings);
    kp_queue_free(h->in);
    kp_model_free(h->model);
    states_free(h->states);
    pthread_mutex_destroy(&h->conditions_lock);
    pthread_mutex_destroy(&h->people);
    pthread_mutex_destroy(&h->lock);
    pthread_mutex_destroy(&h->changing);
    kp_free(h);
}

void kp_hub_set_sink(struct kp_hub *h, struct kp_sink sink)
{
    h->sink = sink;
}

void kp_hub_listen(struct kp_hub *h, struct kp_listener listener)
{
    assert(h->n_listeners < KP_LISTENERS_MAX);
    h->listeners[h->n_listeners++] = listener;
}

void kp_hub_each_link(struct kp_hub *h, void (*each)(void *, const struct kp_link_view *), void *arg)
{
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < h->n_couplings; i++) {
        struct kp_coupling *c = h->couplings[i];
        pthread_mutex_lock(&c->lock);
        struct kp_link_view v = { c->id, c->name, c->at, c->status.link, c->status.since };
        pthread_mutex_unlock(&c->lock);
        each(arg, &v);
    }
    pthread_mutex_unlock(&h->lock);
}

void kp_hub_set_observer(struct kp_hub *h, struct kp_observer o)
{
    h->observer = o;
}

bool kp_hub_observe(struct kp_hub *h, const struct kp_observed *o)
{
    return h->observer.take && h->observer.take(h->observer.self, o);
}

void kp_hub_set_share(struct kp_hub *h, void *share)
{
    h->share = share;
}

struct kp_model *kp_hub_model(struct kp_hub *h)
{
    return h->model;
}

const struct kp_clock *kp_hub_clock(const struct kp_hub *h)
{
    return h->clock;
}

/* ---- batches ---- */
/* Keeps the samples whose bit is set. */
static void compact(struct kp_batch *b, const uint64_t *keep)
{
    unsigned n = 0;
    for (unsigned i = 0; i < b->n; i++)
        if (keep[i / 64] >> (i % 64) & 1) {
            if (n != i)
                b->s[n] = b->s[i];
            n++;
        }
    b->n = (uint16_t)n;
}

/* The import filter. A signal that was cut off is heard whatever the filter says, or it would stay
 * stale until it moves. Returns how many were held back. */
static unsigned import(struct kp_hub *h, struct kp_coupling *c, struct kp_batch *b)
{
    unsigned n = 0, before = b->n;
    for (unsigned i = 0; i < before; i++) {
        const struct kp_signal_info *info = kp_model_signal(h->model, b->s[i].signal);
        double range = info && info->high > info->low ? info->high - info->low : 0;
        if (kp_filter_pass(c->filter, &b->s[i], range) ||
            kp_model_now(h->model, b->s[i].signal).stale)
            b->s[n++] = b->s[i];
    }
    b->n = (uint16_t)n;
    return before - n;
}

/* Takes the batch; returns how many of its samples were lost. */
static unsigned store(struct kp_hub *h, struct kp_coupling *c, struct kp_batch *b)
{
    unsigned n = b->n;
    if (!n || !h->sink.take) {
        kp_batch_free(b);
        return 0;
    }
    if (!(b->waits && h->kept) && h->sink.take(h->sink.self, b)) {
        gap_flowing(h);
        return 0;
    }
    if (b->waits) {
        keep(h, b);
        return 0;
    }
    kp_batch_free(b);
    gap_stalled(h, c, n);
    return n;
}

static void take_far_off(struct kp_hub *h, struct kp_coupling *c, struct far_off *far)
{
    unsigned lost = far->batch ? store(h, c, far->batch) : 0;
    far->held -= lost;
    far->lost += lost;
    coupling_count_far_off(c, far);
}

static void take_batch(struct kp_hub *h, struct kp_batch *b)
{
    struct kp_taken taken;
    unsigned bad = 0, all = b->n;
    pthread_mutex_lock(&h->lock);
    struct kp_coupling *c = b->coupling ? hub_find(h, b->coupling) : NULL;
    pthread_mutex_unlock(&h->lock);
    struct far_off far = { 0 };
    if (c && clock_look(h, c, b, &far)) {
        if (far.batch)
            far.batch->waits = b->waits;
        take_far_off(h, c, &far);
    }
    unsigned filtered = c && !b->historic ? import(h, c, b) : 0;
    for (unsigned i = 0; i < b->n; i++)
        bad += kp_status_severity(b->s[i].status) >= 2;
    kp_model_take(h->model, b, &taken);
    if (!b->historic) {
        subscribers_give(h, b, taken.news);
        states_take(h, b, taken.news);
        for (size_t i = 0; i < h->n_listeners; i++)
            h->listeners[i].take(h->listeners[i].self, b, taken.news);
    }
    if (c && taken.set_back) {
        char by[32];
        kp_duration_print(taken.set_back_by, by, sizeof by);
        kp_warn("coupling", "the machine's clock was set back; until the old time comes again its values are Uncertain",
                "coupling=%s signals=%u by=%s", c->name, taken.set_back, by);
    }
    compact(b, taken.keep);
    unsigned kept = b->n, lost = store(h, c, b);
    if (c)
        coupling_count(c, filtered, &taken, bad, lost + far.lost);
    pthread_mutex_lock(&h->lock);
    h->stats.samples += all;
    h->stats.batches++;
    h->stats.stored += kept - lost;
    h->stats.duplicates += taken.duplicates;
    h->stats.unknown += taken.unknown;
    h->stats.lost += lost + far.lost;
    h->stats.held += far.held;
    pthread_mutex_unlock(&h->lock);
}

/* ---- turning ---- */
static void handle(struct kp_hub *h, struct kp_msg *m)
{
    if (m->kind == KP_MSG_CALL) {
        kp_call_answer((struct kp_call *)m);
    } else if (m->kind == KP_MSG_NUDGE) {
        pthread_mutex_lock(&h->lock);
        h->nudged = false;
        pthread_mutex_unlock(&h->lock);
    } else {
        take_batch(h, (struct kp_batch *)m);
    }
}

void hub_nudge(struct kp_hub *h)
{
    pthread_mutex_lock(&h->lock);
    if (h->phase == HUB_RUNNING && !h->nudged)
        h->nudged = kp_queue_push_urgent(h->in, &h->nudge);
    pthread_mutex_unlock(&h->lock);
}

bool kp_hub_turn(struct kp_hub *h, int timeout_ms)
{
    struct kp_msg *m = kp_queue_pop(h->in, timeout_ms < h->patience ? timeout_ms : h->patience);
    bool any = m;
    if (any)
        handle(h, m);
    offer_kept(h);
    int64_t now = kp_mono(h->clock);
    if (now - h->ticked >= TICK || !h->ticked) {
        h->ticked = now ? now : 1;
        struct kp_coupling *c;
        for (size_t i = 0; (c = hub_nth(h, i)); i++)
            gap_link(h, c);
        states_turn(h);
        for (size_t i = 0; i < h->n_listeners; i++)
            if (h->listeners[i].turn)
                h->listeners[i].turn(h->listeners[i].self);
    }
    conditions_show(h);
    int soon = subscribers_feed(h);
    h->patience = soon < 0 ? TURN_MS : soon;
    return any;
}

static bool is_stopping(struct kp_hub *h)
{
    pthread_mutex_lock(&h->lock);
    bool stopping = h->phase == HUB_STOPPING;
    pthread_mutex_unlock(&h->lock);
    return stopping;
}

static void *run(void *arg)
{
    kp_thread_name("hub");
    while (kp_hub_turn(arg, TURN_MS) || !is_stopping(arg))
        ;
    gap_stop(arg);
    return NULL;
}

/* Couplings first, all at once, then what is queued, then the thread. `changing` is held. */
static void stop(struct kp_hub *h)
{
    struct kp_coupling *c;
    for (size_t i = 0; (c = hub_nth(h, i)); i++)
        coupling_end(c);
    for (size_t i = 0; (c = hub_nth(h, i)); i++)
        coupling_stop(c);
    pthread_mutex_lock(&h->lock);
    bool running = h->phase == HUB_RUNNING;
    if (running)
        h->phase = HUB_STOPPING;
    pthread_mutex_unlock(&h->lock);
    if (!running)
        return;
    kp_queue_close(h->in);
    pthread_join(h->thread, NULL);
    give_up_kept(h);
    pthread_mutex_lock(&h->lock);
    h->phase = HUB_STOPPED;
    pthread_mutex_unlock(&h->lock);
}

static enum kp_code start(struct kp_hub *h, struct kp_err *err)
{
    pthread_mutex_lock(&h->lock); /* whoever sees the phase sees the thread's id too */
    bool failed = pthread_create(&h->thread, NULL, run, h) != 0;
    if (!failed)
        h->phase = HUB_RUNNING;
    pthread_mutex_unlock(&h->lock);
    if (failed)
        return kp_fail(err, KP_EIO, "cannot start the hub's thread");
    enum kp_code code = KP_OK;
    struct kp_coupling *c;
    for (size_t i = 0; !code && (c = hub_nth(h, i)); i++)
        if (c->enabled)
            code = coupling_start(c, err);
    if (code)
        stop(h);
    return code;
}

enum kp_code kp_hub_start(struct kp_hub *h, struct kp_err *err)
{
    pthread_mutex_lock(&h->changing);
    enum kp_code code = start(h, err);
    pthread_mutex_unlock(&h->changing);
    return code;
}

void kp_hub_stop(struct kp_hub *h)
{
    pthread_mutex_lock(&h->changing);
    stop(h);
    pthread_mutex_unlock(&h->changing);
}

enum kp_code kp_hub_call(struct kp_hub *h, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&h->lock);
    bool here = h->phase == HUB_NEW ||
                (h->phase != HUB_STOPPED && pthread_equal(h->thread, pthread_self()));
    bool over = h->phase == HUB_STOPPED;
    pthread_mutex_unlock(&h->lock);
    if (here)
        fn(arg);
    return here || (!over && kp_queue_call(h->in, fn, arg)) ? KP_OK : KP_ESTOPPED;
}

enum kp_code kp_hub_drain(struct kp_hub *h)
{
    pthread_mutex_lock(&h->lock);
    bool by_hand = h->phase == HUB_NEW, over = h->phase == HUB_STOPPED;
    pthread_mutex_unlock(&h->lock);
    while (by_hand && kp_hub_turn(h, 0))
        ;
    return by_hand || (!over && kp_queue_drain(h->in)) ? KP_OK : KP_ESTOPPED;
}

bool kp_hub_push(struct kp_hub *h, struct kp_batch *b, int timeout_ms)
{
    for (int left = timeout_ms; b->waits && kp_hub_holds(h); left -= HOLD_MS) {
        if (left <= 0)
            return false;
        nanosleep(&(struct timespec){ .tv_nsec = HOLD_MS * KP_MILLISECOND }, NULL);
    }
    return kp_queue_push(h->in, &b->msg, timeout_ms);
}

bool kp_hub_holds(struct kp_hub *h)
{
    return atomic_load(&h->holds);
}

struct kp_hub_stats kp_hub_stats(struct kp_hub *h)
{
    pthread_mutex_lock(&h->lock);
    struct kp_hub_stats s = h->stats;
    pthread_mutex_unlock(&h->lock);
    pthread_mutex_lock(&h->people);
    s.subscribers = h->n_subscribers;
    pthread_mutex_unlock(&h->people);
    s.queued = kp_queue_used(h->in);
    return s;
}
