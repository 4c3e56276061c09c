/* SPDX-License-Identifier: Apache-2.0 */
/* Subscribers: each gets copies of what its filter lets through, at its own pace. One that is
 * behind gets nothing until it has drained its queue; then it is fed the current values, a few at
 * each turn of the hub. */
#include "core/hub_private.h"

#include <string.h>

#include "core/ban.h"

enum {
    FEED_TURN = 256,
    FEED_LOOK = 4096,
    FEED_PAUSE_MS = 20,
    STANDARD_BUDGET = 256 * 1024,
    WANTS = 1,
    WANTS_NOT = 2
};

void subscriber_free(struct kp_subscriber *s)
{
    if (!s)
        return;
    kp_batch_free(s->filling);
    kp_queue_free(s->queue);
    kp_filter_free(s->filter);
    kp_filter_free(s->about);
    kp_free(s->wants);
    pthread_mutex_destroy(&s->lock);
    kp_free(s);
}

struct kp_subscriber *kp_hub_subscribe(struct kp_hub *h, const struct kp_subscriber_def *def,
                                       struct kp_err *err)
{
    struct kp_err own = { 0 };
    err = err ? err : &own;
    struct kp_subscriber *s = kp_alloc(sizeof *s);
    if (!s) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&s->lock, NULL);
    s->intervals = def->intervals;
    s->notes = def->notes;
    s->ready = def->ready;
    s->arg = def->arg;
    s->feed = def->feed ? 1 : 0;
    s->budget = def->budget ? def->budget : STANDARD_BUDGET;
    s->filter = kp_filter_new(&def->filter, err);
    if (s->filter && def->notes_of)
        s->about = kp_filter_new(&(struct kp_filter_def){ .include = def->notes_of }, err);
    if (!err->code && s->filter && !(s->queue = kp_queue_new(s->budget, kp_batch_drop)))
        kp_fail(err, KP_ENOMEM, "out of memory");
    if (s->queue) {
        pthread_mutex_lock(&h->people);
        if (h->n_subscribers < KP_SUBSCRIBERS_MAX)
            h->subscribers[h->n_subscribers++] = s;
        else
            kp_fail(err, KP_EFULL, "more than %d listeners at once", KP_SUBSCRIBERS_MAX);
        pthread_mutex_unlock(&h->people);
    }
    if (!err->code) {
        if (def->feed)
            hub_nudge(h);
        return s;
    }
    subscriber_free(s);
    return NULL;
}

void kp_hub_unsubscribe(struct kp_hub *h, struct kp_subscriber *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&h->people);
    for (unsigned i = 0; i < h->n_subscribers; i++)
        if (h->subscribers[i] == s) {
            h->subscribers[i] = h->subscribers[--h->n_subscribers];
            break;
        }
    pthread_mutex_unlock(&h->people);
    subscriber_free(s);
}

struct kp_msg *kp_subscriber_next(struct kp_subscriber *s, int timeout_ms)
{
    return kp_queue_pop(s->queue, timeout_ms);
}

uint64_t kp_subscriber_behind(const struct kp_subscriber *cs)
{
    struct kp_subscriber *s = (struct kp_subscriber *)(uintptr_t)cs;
    pthread_mutex_lock(&s->lock);
    uint64_t n = s->times_behind;
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* ---- hub thread ---- */
static void fall_behind(struct kp_subscriber *s)
{
    kp_batch_free(s->filling);
    s->filling = NULL;
    s->behind = true;
    s->feed = 0;
    pthread_mutex_lock(&s->lock);
    s->times_behind++;
    pthread_mutex_unlock(&s->lock);
}

static void send(struct kp_subscriber *s, struct kp_msg *m)
{
    uint32_t cost = m->cost;
    if (!kp_queue_push(s->queue, m, 0)) {
        kp_batch_drop(m);
        fall_behind(s);
    } else if (s->ready &&
               kp_queue_used(s->queue) <= cost) { /* alone in the queue, or taken already */
        s->ready(s->arg);
    }
}

static void flush(struct kp_subscriber *s)
{
    struct kp_batch *b = s->filling;
    if (!b)
        return;
    s->filling = NULL;
    if (b->n)
        send(s, &b->msg);
    else
        kp_batch_free(b);
}

static void add(struct kp_subscriber *s, const struct kp_sample *sample, int64_t arrived)
{
    if (s->filling && s->filling->n == KP_BATCH_MAX)
        flush(s);
    if (s->behind)
        return;
    if (!s->filling && (s->filling = kp_batch_new(0)))
        s->filling->arrived = arrived;
    if (!s->filling || !kp_batch_add(s->filling, sample))
        fall_behind(s); /* out of memory: it will be fed again */
}

/* Whether the path of a signal passes the patterns, looked up once per signal. */
static bool wants(struct kp_hub *h, struct kp_subscriber *s, kp_signal id)
{
    if (!kp_grow(&s->wants, &s->wants_capacity, (size_t)id + 1, 1)) {
        fall_behind(s);
        return false;
    }
    if (!s->wants[id]) {
        char path[KP_PATH_MAX];
        kp_model_signal_path(h->model, id, path, sizeof path);
        s->wants[id] = kp_filter_wants(s->filter, path) ? WANTS : WANTS_NOT;
    }
    return s->wants[id] == WANTS;
}

static double range_of(const struct kp_model *m, kp_signal id)
{
    const struct kp_signal_info *info = kp_model_signal(m, id);
    return info && info->high > info->low ? info->high - info->low : 0;
}

void subscribers_give(struct kp_hub *h, const struct kp_batch *b, const uint64_t *news)
{
    pthread_mutex_lock(&h->people);
    for (unsigned k = 0; k < h->n_subscribers; k++) {
        struct kp_subscriber *s = h->subscribers[k];
        for (unsigned i = 0; i < b->n && !s->behind; i++)
            if (news[i / 64] >> (i % 64) & 1 && wants(h, s, b->s[i].signal) &&
                kp_filter_pass(s->filter, &b->s[i], range_of(h->model, b->s[i].signal)))
                add(s, &b->s[i], b->arrived);
        flush(s);
    }
    pthread_mutex_unlock(&h->people);
}

void subscribers_status(struct kp_hub *h, kp_signal id)
{
    struct kp_now now = kp_model_now(h->model, id);
    pthread_mutex_lock(&h->people);
    for (unsigned k = 0; k < h->n_subscribers; k++) {
        struct kp_subscriber *s = h->subscribers[k];
        if (s->behind || !wants(h, s, id))
            continue;
        kp_filter_pass(s->filter, &now.sample,
                       range_of(h->model, id)); /* so that the return to good passes too */
        add(s, &now.sample, now.arrived);       /* flushed by the next feed */
    }
    pthread_mutex_unlock(&h->people);
}

static void give_interval(struct kp_hub *h, struct kp_subscriber *s, const struct kp_interval *v,
                          bool removed)
{
    char path[KP_PATH_MAX];
    if (!s->intervals || s->behind)
        return;
    kp_model_asset_path(h->model, v->asset, path, sizeof path);
    if (!kp_filter_wants(s->filter, path))
        return;
    size_t n = strlen(v->attributes) + 1;
    struct kp_interval_msg *m = kp_alloc(sizeof *m + n);
    if (!m) {
        fall_behind(s);
        return;
    }
    m->msg.kind = KP_MSG_INTERVAL;
    m->msg.cost = (uint32_t)(sizeof *m + n);
    m->removed = removed;
    m->interval = *v;
    m->interval.attributes = memcpy(m + 1, v->attributes, n);
    send(s, &m->msg);
}

void subscribers_changed(struct kp_hub *h, enum kp_change change, int64_t id,
                         const struct kp_interval *v)
{
    pthread_mutex_lock(&h->people);
    for (unsigned k = 0; k < h->n_subscribers; k++) {
        struct kp_subscriber *s = h->subscribers[k];
        if (change == KP_INTERVAL_PUT || change == KP_INTERVAL_REMOVED)
            give_interval(h, s, v, change == KP_INTERVAL_REMOVED);
        else if (change == KP_SIGNAL_PUT && (size_t)id < s->wants_capacity)
            s->wants[id] = 0;
        else if (change == KP_ASSET_PUT &&
                 s->wants_capacity) /* moved, perhaps: every path below is another */
            memset(s->wants, 0, s->wants_capacity);
    }
    pthread_mutex_unlock(&h->people);
}

void kp_hub_note(struct kp_hub *h, kp_asset asset, uint8_t label, const char *json)
{
    char path[KP_PATH_MAX];
    size_t n = strlen(json) + 1;
    kp_model_asset_path(h->model, asset, path, sizeof path);
    pthread_mutex_lock(&h->people);
    for (unsigned k = 0; k < h->n_subscribers; k++) {
        struct kp_subscriber *s = h->subscribers[k];
        if (!s->notes || s->behind || !kp_filter_wants(s->about ? s->about : s->filter, path))
            continue;
        struct kp_note_msg *m = kp_alloc(sizeof *m + n);
        if (!m) {
            fall_behind(s);
            continue;
        }
        m->msg.kind = KP_MSG_NOTE;
        m->msg.cost = (uint32_t)(sizeof *m + n);
        m->label = label;
        memcpy(m->json, json, n);
        send(s, &m->msg);
    }
    pthread_mutex_unlock(&h->people);
}

static void feed(struct kp_hub *h, struct kp_subscriber *s)
{
    kp_signal end = kp_model_signal_end(h->model), id = s->feed;
    for (unsigned n = 0, looked = 0; id < end && n < FEED_TURN && looked < FEED_LOOK && !s->behind;
         id++, looked++) {
        if (!kp_model_signal(h->model, id) || !wants(h, s, id))
            continue;
        struct kp_now now = kp_model_now(h->model, id);
        if (now.known) {
            add(s, &now.sample, now.arrived);
            n++;
        }
    }
    if (!s->behind) /* else it begins again once it has drained */
        s->feed = id < end ? id : 0;
}

/* Fed only while half of the queue is free, so that feeding alone never makes one fall behind. */
static int feed_turn(struct kp_hub *h, struct kp_subscriber *s)
{
    size_t used = kp_queue_used(s->queue);
    if (s->behind && used == 0) {
        s->behind = false;
        s->feed = 1;
    }
    bool fed = s->feed && used <= s->budget / 2;
    if (fed)
        feed(h, s);
    flush(s);
    if (!s->feed && !s->behind)
        return -1;
    return fed && !s->behind ? 0 : FEED_PAUSE_MS;
}

int subscribers_feed(struct kp_hub *h)
{
    int soonest = -1;
    pthread_mutex_lock(&h->people);
    for (unsigned k = 0; k < h->n_subscribers; k++) {
        int soon = feed_turn(h, h->subscribers[k]);
        if (soon >= 0 && (soonest < 0 || soon < soonest))
            soonest = soon;
    }
    pthread_mutex_unlock(&h->people);
    return soonest;
}
