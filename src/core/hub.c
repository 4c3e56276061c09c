/* SPDX-License-Identifier: Apache-2.0 */
#include "core/hub_private.h"

#include "core/json.h"
#include "core/log.h"

#include <string.h>

#include "core/ban.h"

enum { QUEUE_BUDGET = 8 << 20, TURN_MS = 250, TURN_HUNGRY_MS = 20 };
#define TICK (250 * KP_MILLISECOND)
#define STALE_AFTER (3 * KP_SECOND)
#define ASK_TIMEOUT (30 * KP_SECOND)

/* ---- life ---- */
static void on_change(void *self, enum kp_change change, int64_t id, const struct kp_interval *v)
{
    subscribers_changed(self, change, id, v);
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
    pthread_mutex_init(&h->lock, NULL);
    pthread_mutex_init(&h->people, NULL);
    pthread_mutex_init(&h->conditions_lock, NULL);
    h->in = kp_queue_new(o->queue_budget ? o->queue_budget : QUEUE_BUDGET, kp_batch_drop);
    h->model = kp_model_new();
    if (!h->in || !h->model) {
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
    for (size_t i = 0; i < h->n_conditions; i++) {
        kp_free(h->conditions[i].key);
        kp_free(h->conditions[i].text);
    }
    kp_free(h->conditions);
    kp_free(h->couplings);
    kp_queue_free(h->in);
    kp_model_free(h->model);
    pthread_mutex_destroy(&h->conditions_lock);
    pthread_mutex_destroy(&h->people);
    pthread_mutex_destroy(&h->lock);
    kp_free(h);
}

void kp_hub_set_sink(struct kp_hub *h, struct kp_sink sink)
{
    h->sink = sink;
}

struct kp_model *kp_hub_model(struct kp_hub *h)
{
    return h->model;
}

const struct kp_clock *kp_hub_clock(const struct kp_hub *h)
{
    return h->clock;
}

/* ---- intervals the hub makes itself ---- */
enum kp_code hub_attributes(struct kp_buf *out, const char *coupling, const char *reason, uint64_t lost)
{
    struct kp_json j = kp_json(out);
    kp_json_begin(&j, '{');
    if (coupling)
        kp_json_put_text(&j, "coupling", coupling);
    kp_json_put_text(&j, "reason", reason);
    if (lost) {
        kp_json_key(&j, "lost");
        kp_json_uint(&j, lost);
    }
    kp_json_end(&j, '}');
    kp_buf_text(out);
    return out->failed ? KP_ENOMEM : KP_OK;
}

static int64_t put_gap(struct kp_hub *h, int64_t id, kp_asset asset, int64_t start, int64_t end, const char *coupling,
                       const char *reason, uint64_t lost)
{
    struct kp_buf text;
    kp_buf_init(&text, 1024);
    if (!hub_attributes(&text, coupling, reason, lost)) {
        struct kp_interval v = { .id = id, .asset = asset, .kind = KP_INTERVAL_GAP, .start = start, .end = end,
                                 .attributes = kp_buf_text(&text) };
        id = kp_model_put_interval(h->model, &v, NULL);
    }
    kp_buf_free(&text);
    return id;
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

static unsigned import(struct kp_hub *h, struct kp_coupling *c, struct kp_batch *b)
{
    unsigned n = 0, before = b->n;
    for (unsigned i = 0; i < before; i++) {
        const struct kp_signal_info *info = kp_model_signal(h->model, b->s[i].signal);
        double range = info && info->high > info->low ? info->high - info->low : 0;
        if (kp_filter_pass(c->filter, &b->s[i], range))
            b->s[n++] = b->s[i];
    }
    b->n = (uint16_t)n;
    return before - n;
}

static void sink_full(struct kp_hub *h, unsigned lost)
{
    int64_t now = kp_utc(h->clock);
    if (!h->full_lost) {
        h->full_since = now;
        h->full_gap = put_gap(h, 0, 0, now, KP_FOREVER, NULL, "store-stalled", 0);
        kp_warn("hub", "the store has no room, samples are lost", "%s", "");
    }
    h->full_lost += lost;
}

static void sink_takes_again(struct kp_hub *h)
{
    put_gap(h, h->full_gap, 0, h->full_since, kp_utc(h->clock), NULL, "store-stalled", h->full_lost);
    kp_info("hub", "the store takes samples again", "lost=%llu", (unsigned long long)h->full_lost);
    h->full_lost = 0;
    h->full_gap = 0;
}

static void take_batch(struct kp_hub *h, struct kp_batch *b)
{
    struct kp_taken taken;
    unsigned bad = 0, lost = 0, all = b->n;
    pthread_mutex_lock(&h->lock);
    struct kp_coupling *c = b->coupling ? hub_find(h, b->coupling) : NULL;
    pthread_mutex_unlock(&h->lock);
    unsigned filtered = c && !b->historic ? import(h, c, b) : 0;
    for (unsigned i = 0; i < b->n; i++)
        bad += kp_status_severity(b->s[i].status) >= 2;
    kp_model_take(h->model, b, &taken);
    if (!b->historic)
        subscribers_give(h, b, taken.news);
    compact(b, taken.keep);
    unsigned kept = b->n;
    if (!kept || !h->sink.take) {
        kp_batch_free(b);
    } else if (h->sink.take(h->sink.self, b)) {
        if (h->full_lost)
            sink_takes_again(h);
    } else {
        kp_batch_free(b);
        lost = kept;
        sink_full(h, lost);
    }
    if (c)
        coupling_count(c, filtered, taken.duplicates, bad, lost);
    pthread_mutex_lock(&h->lock);
    h->stats.samples += all;
    h->stats.batches++;
    h->stats.stored += kept - lost;
    h->stats.duplicates += taken.duplicates;
    h->stats.unknown += taken.unknown;
    h->stats.lost += lost;
    pthread_mutex_unlock(&h->lock);
}

/* ---- housekeeping ---- */
static void now_stale(void *self, kp_signal id)
{
    subscribers_status(self, id);
}

static void mark_stale(struct kp_hub *h, uint16_t coupling)
{
    kp_signal from = 0;
    while (kp_model_mark_stale(h->model, coupling, &from, KP_MODEL_SLICE, now_stale, h))
        ;
}

static bool has_signals(const struct kp_model *m, uint16_t coupling)
{
    for (kp_signal s = 1; s < kp_model_signal_end(m); s++)
        if (kp_model_signal(m, s) && kp_model_signal(m, s)->coupling == coupling)
            return true;
    return false;
}

/* A link that failed leaves a gap interval from then on; one that is down for a while, however it came to that, has
 * stale signals too. */
static void watch_link(struct kp_hub *h, struct kp_coupling *c)
{
    pthread_mutex_lock(&c->lock);
    int64_t down = c->down_since, down_utc = c->down_utc, since = c->status.since;
    bool failed = c->failed, off = c->status.link == KP_LINK_OFF;
    pthread_mutex_unlock(&c->lock);
    kp_asset asset = kp_model_find_asset(h->model, c->at);
    if (!down) {
        if (c->gap)
            put_gap(h, c->gap, asset, c->gap_start, since, c->name, "link down", 0);
        c->gap = 0;
        c->marked_stale = false;
        return;
    }
    bool long_down = kp_mono(h->clock) - down >= h->stale_after;
    if (!c->gap && !off && (failed || long_down) && has_signals(h->model, c->id)) {
        c->gap_start = down_utc;
        c->gap = put_gap(h, 0, asset, down_utc, KP_FOREVER, c->name, "link down", 0);
    }
    if (long_down && !c->marked_stale) {
        c->marked_stale = true;
        mark_stale(h, c->id);
    }
}

static struct kp_coupling *nth_coupling(struct kp_hub *h, size_t i)
{
    pthread_mutex_lock(&h->lock);
    struct kp_coupling *c = i < h->n_couplings ? h->couplings[i] : NULL;
    pthread_mutex_unlock(&h->lock);
    return c;
}

static void show_condition(struct kp_hub *h, struct condition *c)
{
    struct kp_buf text;
    kp_buf_init(&text, 4096);
    struct kp_json j = kp_json(&text);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "key", c->key);
    kp_json_put_text(&j, "text", c->text);
    kp_json_end(&j, '}');
    struct kp_interval v = { .id = c->interval, .kind = KP_INTERVAL_ALARM, .start = c->since,
                             .end = c->text ? KP_FOREVER : kp_utc(h->clock), .attributes = kp_buf_text(&text) };
    if (c->text || c->interval)
        c->interval = kp_model_put_interval(h->model, &v, NULL);
    if (!c->text)
        c->interval = 0;
    c->dirty = false;
    kp_buf_free(&text);
}

static void show_conditions(struct kp_hub *h)
{
    pthread_mutex_lock(&h->conditions_lock);
    for (size_t i = 0; h->conditions_dirty && i < h->n_conditions; i++)
        if (h->conditions[i].dirty)
            show_condition(h, &h->conditions[i]);
    h->conditions_dirty = false;
    pthread_mutex_unlock(&h->conditions_lock);
}

static struct condition *condition_of(struct kp_hub *h, const char *key)
{
    for (size_t i = 0; i < h->n_conditions; i++)
        if (strcmp(h->conditions[i].key, key) == 0)
            return &h->conditions[i];
    if (!kp_grow(&h->conditions, &h->conditions_capacity, h->n_conditions + 1, sizeof *h->conditions))
        return NULL;
    struct condition *c = &h->conditions[h->n_conditions];
    c->key = kp_strdup(key);
    h->n_conditions += c->key != NULL;
    return c->key ? c : NULL;
}

void kp_hub_condition(struct kp_hub *h, const char *key, const char *text)
{
    pthread_mutex_lock(&h->conditions_lock);
    struct condition *c = condition_of(h, key);
    bool same = !c || (!text && !c->text) || (text && c->text && strcmp(text, c->text) == 0);
    char *copy = same || !text ? NULL : kp_strdup(text);
    if (!same && (copy || !text)) {
        if (!c->text)
            c->since = kp_utc(h->clock);
        kp_free(c->text);
        c->text = copy;
        c->dirty = h->conditions_dirty = true;
    }
    pthread_mutex_unlock(&h->conditions_lock);
    if (!same && text)
        kp_warn("node", "alarm", "key=%s text=%s", key, kp_log_quote(text));
}

/* ---- turning ---- */
static void handle(struct kp_hub *h, struct kp_msg *m)
{
    if (m->kind == KP_MSG_CALL)
        kp_call_answer((struct kp_call *)m);
    else
        take_batch(h, (struct kp_batch *)m);
}

bool kp_hub_turn(struct kp_hub *h, int timeout_ms)
{
    if (h->hungry && timeout_ms > TURN_HUNGRY_MS)
        timeout_ms = TURN_HUNGRY_MS;
    struct kp_msg *m = kp_queue_pop(h->in, timeout_ms);
    if (m)
        handle(h, m);
    int64_t now = kp_mono(h->clock);
    if (now - h->ticked >= TICK || !h->ticked) {
        h->ticked = now ? now : 1;
        struct kp_coupling *c;
        for (size_t i = 0; (c = nth_coupling(h, i)); i++)
            watch_link(h, c);
    }
    show_conditions(h);
    h->hungry = subscribers_feed(h);
    return m;
}

static void set_phase(struct kp_hub *h, int phase)
{
    pthread_mutex_lock(&h->lock);
    h->phase = phase;
    pthread_mutex_unlock(&h->lock);
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
    while (kp_hub_turn(arg, TURN_MS) || !is_stopping(arg))
        ;
    return NULL;
}

enum kp_code kp_hub_start(struct kp_hub *h, struct kp_err *err)
{
    set_phase(h, HUB_RUNNING);
    if (pthread_create(&h->thread, NULL, run, h)) {
        set_phase(h, HUB_NEW);
        return kp_fail(err, KP_EIO, "cannot start the hub's thread");
    }
    struct kp_coupling *c;
    for (size_t i = 0; !err->code && (c = nth_coupling(h, i)); i++)
        if (c->enabled)
            coupling_start(c, err);
    if (err->code)
        kp_hub_stop(h);
    return err->code;
}

void kp_hub_stop(struct kp_hub *h)
{
    struct kp_coupling *c;
    for (size_t i = 0; (c = nth_coupling(h, i)); i++)
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
    set_phase(h, HUB_STOPPED);
}

enum kp_code kp_hub_call(struct kp_hub *h, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&h->lock);
    bool here = h->phase == HUB_NEW || (h->phase != HUB_STOPPED && pthread_equal(h->thread, pthread_self()));
    bool over = h->phase == HUB_STOPPED;
    pthread_mutex_unlock(&h->lock);
    if (here)
        fn(arg);
    return here || (!over && kp_queue_call(h->in, fn, arg)) ? KP_OK : KP_ESTOPPED;
}

bool kp_hub_push(struct kp_hub *h, struct kp_batch *b, int timeout_ms)
{
    return kp_queue_push(h->in, &b->msg, timeout_ms);
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

/* ---- couplings ---- */
struct kp_coupling *hub_find(struct kp_hub *h, uint16_t id)
{
    for (size_t i = 0; i < h->n_couplings; i++)
        if (h->couplings[i]->id == id)
            return h->couplings[i];
    return NULL;
}

static enum kp_code list_coupling(struct kp_hub *h, struct kp_coupling *c, bool *running, struct kp_err *err)
{
    pthread_mutex_lock(&h->lock);
    if (hub_find(h, c->id))
        kp_fail(err, KP_EEXISTS, "there is a coupling %u already", c->id);
    else if (h->n_couplings == KP_COUPLINGS_MAX)
        kp_fail(err, KP_EFULL, "more than %d couplings", KP_COUPLINGS_MAX);
    else if (!kp_grow(&h->couplings, &h->couplings_capacity, h->n_couplings + 1, sizeof *h->couplings))
        kp_fail(err, KP_ENOMEM, "out of memory");
    else
        h->couplings[h->n_couplings++] = c;
    *running = h->phase == HUB_RUNNING;
    pthread_mutex_unlock(&h->lock);
    return err->code;
}

enum kp_code kp_hub_add_coupling(struct kp_hub *h, const struct kp_coupling_def *def, struct kp_err *err)
{
    struct kp_coupling *c = coupling_new(h, def, err);
    bool running = false;
    if (!c)
        return err->code;
    if (list_coupling(h, c, &running, err)) {
        coupling_free(c);
        return kp_context(err, "coupling %s", def->name);
    }
    if (running && def->enabled && coupling_start(c, err)) {
        struct kp_err ignored = { 0 };
        kp_hub_remove_coupling(h, def->id, &ignored);
    }
    return err->code;
}

struct leaving {
    struct kp_hub *hub;
    struct kp_coupling *c;
};

/* In the hub thread, which therefore holds no pointer to it any more. */
static void do_leave(void *arg)
{
    struct leaving *l = arg;
    mark_stale(l->hub, l->c->id);
    if (l->c->gap)
        put_gap(l->hub, l->c->gap, kp_model_find_asset(l->hub->model, l->c->at), l->c->gap_start,
                kp_utc(l->hub->clock), l->c->name, "link down", 0);
}

enum kp_code kp_hub_remove_coupling(struct kp_hub *h, uint16_t id, struct kp_err *err)
{
    pthread_mutex_lock(&h->lock);
    struct kp_coupling *c = hub_find(h, id);
    for (size_t i = 0; c && i < h->n_couplings; i++)
        if (h->couplings[i] == c) {
            h->couplings[i] = h->couplings[--h->n_couplings];
            break;
        }
    pthread_mutex_unlock(&h->lock);
    if (!c)
        return kp_fail(err, KP_ENOTFOUND, "there is no coupling %u", id);
    coupling_stop(c);
    kp_hub_call(h, do_leave, &(struct leaving){ h, c });
    coupling_free(c);
    return KP_OK;
}

enum kp_code kp_hub_reconnect(struct kp_hub *h, uint16_t id, struct kp_err *err)
{
    pthread_mutex_lock(&h->lock);
    struct kp_coupling *c = hub_find(h, id);
    if (c) {
        pthread_mutex_lock(&c->lock);
        c->reconnect = true;
        pthread_cond_broadcast(&c->changed);
        if (c->started && c->class->wake)
            c->class->wake(c);
        pthread_mutex_unlock(&c->lock);
    }
    pthread_mutex_unlock(&h->lock);
    return c ? KP_OK : kp_fail(err, KP_ENOTFOUND, "there is no coupling %u", id);
}

static double rate_of(const struct kp_coupling *c, int64_t now)
{
    uint64_t sum = 0;
    for (int64_t s = now - RATE_SECONDS + 1; s < now; s++) /* the running second is not whole yet */
        if (s > c->newest_second - RATE_SECONDS && s <= c->newest_second && s >= 0)
            sum += c->second[s % RATE_SECONDS];
    return (double)sum / (RATE_SECONDS - 1);
}

bool kp_hub_coupling_status(struct kp_hub *h, uint16_t id, struct kp_coupling_status *out)
{
    pthread_mutex_lock(&h->lock);
    struct kp_coupling *c = hub_find(h, id);
    if (c) {
        pthread_mutex_lock(&c->lock);
        *out = c->status;
        out->rate = rate_of(c, kp_mono(h->clock) / KP_SECOND);
        pthread_mutex_unlock(&c->lock);
    }
    pthread_mutex_unlock(&h->lock);
    return c;
}

enum kp_code kp_hub_ask(struct kp_hub *h, uint16_t id, void (*fn)(struct kp_coupling *, void *arg), void *arg,
                        struct kp_err *err)
{
    struct ask a = { .fn = fn, .arg = arg };
    pthread_mutex_lock(&h->lock);
    struct kp_coupling *c = hub_find(h, id);
    bool started = false;
    if (c) {
        pthread_mutex_lock(&c->lock);
        c->users++;
        started = c->started;
        pthread_mutex_unlock(&c->lock);
    }
    pthread_mutex_unlock(&h->lock);
    if (!c)
        return kp_fail(err, KP_ENOTFOUND, "there is no coupling %u", id);
    if (coupling_ask(c, &a, ASK_TIMEOUT))
        return KP_OK;
    return started ? kp_fail(err, KP_ETIMEOUT, "the machine is busy or not reachable; try again")
                   : kp_fail(err, KP_ESTOPPED, "the coupling is switched off");
}

struct writing {
    const struct kp_sample *sample;
    struct kp_err *err;
};

static void do_write(struct kp_coupling *c, void *arg)
{
    struct writing *w = arg;
    c->class->write(c, w->sample, w->err);
}

enum kp_code kp_hub_write(struct kp_hub *h, const struct kp_sample *s, struct kp_err *err)
{
    kp_model_lock(h->model);
    const struct kp_signal_info *info = kp_model_signal(h->model, s->signal);
    bool there = info, open = info && info->writable;
    uint16_t id = info ? info->coupling : 0;
    kp_model_unlock(h->model);
    if (!there)
        return kp_fail(err, KP_ENOTFOUND, "there is no signal %u", s->signal);
    if (!open)
        return kp_fail(err, KP_EDENIED, "the signal is not open for writing; open it with 'koppel set PATH --writable on'");
    pthread_mutex_lock(&h->lock);
    struct kp_coupling *c = hub_find(h, id);
    bool can = c && c->class->write;
    pthread_mutex_unlock(&h->lock);
    if (!can)
        return kp_fail(err, KP_EINVALID, c ? "its protocol cannot write" : "no coupling leads to its machine");
    struct writing w = { s, err };
    kp_hub_ask(h, id, do_write, &w, err);
    return err->code;
}
