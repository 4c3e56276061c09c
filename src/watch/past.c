/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/past.h"

#include "watch/watches_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { EVENTS_MAX = 200000, STREAMS = KP_POST_SIGNALS + 2, PROGRAM = KP_POST_SIGNALS, COUNT };

enum event_kind { CYCLE_ENDS, STATE, CYCLE_BEGINS, PROGRAM_BEGINS }; /* at one time, in this order */
struct event {
    int64_t at, order;
    uint64_t key;
    uint8_t kind; /* enum event_kind */
};
struct stream {
    struct kp_history *history;
    struct kp_sample next;
    bool has;
    size_t nth; /* PROGRAM, COUNT: of its machine */
};
struct walk {
    const struct kp_past *of;
    struct kp_post *post;
    struct stream stream[STREAMS];
    size_t n;
    struct event *events;
    size_t n_events, room, at;
    int cycles; /* kind of the intervals that are cycles; -1: none */
    uint64_t program;
    double count; /* of parts; NaN: none yet */
    bool failed;
};

/* ---- intervals ---- */
static void add_event(struct walk *w, int64_t at, enum event_kind kind, uint64_t key)
{
    if (w->n_events >= EVENTS_MAX)
        return;
    if (!kp_grow(&w->events, &w->room, w->n_events + 1, sizeof *w->events)) {
        w->failed = true;
        return;
    }
    w->events[w->n_events] = (struct event){ at, (int64_t)w->n_events, key, (uint8_t)kind };
    w->n_events++;
}

static bool take_state(void *arg, const struct kp_interval *v)
{
    struct walk *w = arg;
    add_event(w, v->start, STATE, watches_state_of(v->attributes));
    if (v->end != KP_FOREVER)
        add_event(w, v->end, STATE, KP_STATE_UNKNOWN);
    return !w->failed;
}

static bool take_cycle(void *arg, const struct kp_interval *v)
{
    struct walk *w = arg;
    char name[WATCH_PROGRAM];
    uint64_t kind = watches_kind_of(v->attributes, name);
    if (watches_machine_of(w->of->model, v->asset) != w->of->machine)
        return true;
    if (v->kind == KP_INTERVAL_PROGRAM && !w->of->program_signal)
        add_event(w, v->start, PROGRAM_BEGINS, kind);
    if (v->kind == w->cycles)
        add_event(w, v->start, CYCLE_BEGINS, kind);
    if (v->end != KP_FOREVER && (v->kind == w->cycles || kp_post_def(w->post)->kind != KP_WATCH_MACHINE))
        add_event(w, v->end, CYCLE_ENDS, 0);
    return !w->failed;
}

/* A state that begins where another ends follows it. */
static int by_time(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    bool ends_x = x->kind == CYCLE_ENDS || (x->kind == STATE && !x->key);
    bool ends_y = y->kind == CYCLE_ENDS || (y->kind == STATE && !y->key);
    if (ends_x != ends_y)
        return ends_x ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

struct all {
    struct walk *walk;
    const struct kp_model *model;
};

static bool take_cycle_locked(void *arg, const struct kp_interval *v)
{
    struct all *a = arg;
    struct kp_model *m = (struct kp_model *)(uintptr_t)a->model;
    kp_model_lock(m);
    bool more = take_cycle(a->walk, v);
    kp_model_unlock(m);
    return more;
}

static enum kp_code read_events(struct walk *w, struct kp_err *err)
{
    const struct kp_past *of = w->of;
    struct all all = { w, of->model };
    if (!of->machine)
        return KP_OK;
    kp_history_intervals(of->reader, of->machine, KP_INTERVAL_STATE, of->from, of->to, take_state, w, err);
    if (!err->code && (kp_post_def(w->post)->kind == KP_WATCH_MACHINE || kp_post_def(w->post)->by_program))
        kp_history_intervals(of->reader, -1, KP_INTERVAL_PROGRAM, of->from, of->to, take_cycle_locked, &all, err);
    if (!err->code && kp_post_def(w->post)->kind == KP_WATCH_MACHINE && w->cycles == KP_INTERVAL_PART)
        kp_history_intervals(of->reader, -1, KP_INTERVAL_PART, of->from, of->to, take_cycle_locked, &all, err);
    if (w->n_events)
        qsort(w->events, w->n_events, sizeof *w->events, by_time);
    return w->failed ? kp_fail(err, KP_ENOMEM, "out of memory") : err->code;
}

static bool tells_states(const struct walk *w)
{
    for (size_t i = 0; i < w->n_events; i++)
        if (w->events[i].kind == STATE)
            return true;
    return false;
}

static void take_event(struct walk *w, const struct event *e)
{
    switch ((enum event_kind)e->kind) {
    case STATE:
        kp_post_state(w->post, true, (enum kp_state)e->key, e->at);
        break;
    case PROGRAM_BEGINS:
        w->program = e->key;
        kp_post_program(w->post, e->key, e->at);
        break;
    case CYCLE_BEGINS:
        kp_post_cycle(w->post, e->key, e->at);
        break;
    case CYCLE_ENDS:
        kp_post_cycle_end(w->post, e->at);
    }
}

/* ---- values ---- */
static enum kp_code open_stream(struct walk *w, kp_signal id, size_t nth, struct kp_err *err)
{
    struct stream *s = &w->stream[w->n];
    int64_t from = nth >= PROGRAM ? kp_history_before(w->of->reader, id, w->of->from, err) : w->of->from;
    if (err->code || !(s->history = kp_history_open(w->of->reader, id, from, w->of->to, err)))
        return err->code;
    s->nth = nth;
    w->n++;
    s->has = kp_history_next(s->history, &s->next, err);
    return err->code;
}

static enum kp_code open_streams(struct walk *w, struct kp_err *err)
{
    size_t n;
    const kp_signal *signals = kp_post_signals(w->post, &n);
    for (size_t i = 0; i < n && !err->code; i++)
        open_stream(w, signals[i], i, err);
    if (!err->code && w->of->program_signal)
        open_stream(w, w->of->program_signal, PROGRAM, err);
    if (!err->code && w->of->count_signal && kp_post_def(w->post)->cycles == KP_CYCLES_COUNT)
        open_stream(w, w->of->count_signal, COUNT, err);
    return err->code;
}

static struct stream *earliest(struct walk *w)
{
    struct stream *best = NULL;
    for (struct stream *s = w->stream; s < w->stream + w->n; s++)
        if (s->has && (!best || s->next.at < best->next.at))
            best = s;
    return best;
}

/* As watches_take_count. */
static void take_count(struct walk *w, int64_t at, double count)
{
    double before = w->count;
    if (count == before)
        return;
    w->count = count;
    if (count > before)
        kp_post_cycle_end(w->post, at);
    if (!isnan(before))
        kp_post_cycle(w->post, w->program, at);
}

static void take_sample(struct walk *w, const struct stream *s)
{
    double value = NAN;
    char name[WATCH_PROGRAM];
    if (s->nth == PROGRAM) {
        uint64_t program = watches_program_of(&s->next.value, name);
        w->program = program ? program : w->program;
        kp_post_program(w->post, w->program, s->next.at);
        return;
    }
    bool number = kp_value_number(&s->next.value, &value);
    bool good = number && kp_status_severity(s->next.status) < 2 && isfinite(value);
    if (s->nth == COUNT) {
        if (good)
            take_count(w, s->next.at, value);
        return;
    }
    kp_post_value(w->post, s->nth, s->next.at, value, good);
}

static enum kp_code step_through(struct walk *w, uint64_t *values, int64_t *last, struct kp_err *err)
{
    bool more = true;
    while (more && !err->code) {
        struct stream *s = earliest(w);
        const struct event *e = w->at < w->n_events ? &w->events[w->at] : NULL;
        int64_t at = s && (!e || s->next.at < e->at) ? s->next.at : e ? e->at : KP_NO_TIME;
        if ((!s && !e) || (w->of->most && *values >= w->of->most))
            break;
        if (e && at == e->at) {
            take_event(w, e);
            w->at++;
        } else {
            take_sample(w, s);
            ++*values;
            *last = at;
            s->has = kp_history_next(s->history, &s->next, err);
        }
        more = !w->of->each || w->of->each(w->of->arg, w->post, at);
    }
    return err->code;
}

enum kp_code kp_past_walk(const struct kp_past *of, struct kp_post *post, uint64_t *values, int64_t *last,
                          struct kp_err *err)
{
    struct walk *w = kp_alloc(sizeof *w);
    *values = 0;
    *last = KP_NO_TIME;
    if (!w)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    w->of = of;
    w->post = post;
    w->count = NAN;
    w->cycles = kp_post_def(post)->cycles == KP_CYCLES_PROGRAM ? KP_INTERVAL_PROGRAM
                : kp_post_def(post)->cycles == KP_CYCLES_PART  ? KP_INTERVAL_PART
                                                               : -1;
    if (!read_events(w, err) && !open_streams(w, err)) {
        kp_post_state(post, of->has_states || tells_states(w), KP_STATE_UNKNOWN, of->from);
        step_through(w, values, last, err);
    }
    for (size_t i = 0; i < w->n; i++)
        kp_history_close(w->stream[i].history);
    kp_free(w->events);
    kp_free(w);
    return err->code;
}

int64_t kp_past_begins(struct kp_db *reader, const struct kp_post *post, struct kp_err *err)
{
    size_t n;
    const kp_signal *signals = kp_post_signals(post, &n);
    int64_t begins = KP_NO_TIME, first, last;
    for (size_t i = 0; i < n && !err->code; i++)
        if (kp_history_extent(reader, signals[i], &first, &last, err) && (begins == KP_NO_TIME || first < begins))
            begins = first;
    return begins;
}

/* ---- a new post ---- */
enum { SPAN_MORE = 4, ENOUGH = 3 };
#define LEAST_SPAN (600 * KP_SECOND)
#define MOST_SPAN  (90 * 86400 * KP_SECOND)
#define MOST_VALUES 3000000

static bool count_points(void *arg, const struct kp_bucket *b)
{
    *(uint64_t *)arg += b->points.n;
    return true;
}

/* How far back to begin, so that there is enough to learn from. */
static int64_t first_span(struct kp_db *db, const struct kp_post *post, int64_t now, int64_t begins, struct kp_err *err)
{
    const struct kp_watch_def *def = kp_post_def(post);
    size_t n;
    const kp_signal *signals = kp_post_signals(post, &n);
    if (def->kind == KP_WATCH_GROUP)
        return 2 * (int64_t)def->learn * def->pace;
    if (def->kind == KP_WATCH_MACHINE)
        return 86400 * KP_SECOND;
    int64_t span = LEAST_SPAN;
    for (uint64_t points = 0; span < MOST_SPAN && now - span > begins && !err->code; span *= SPAN_MORE) {
        points = 0;
        kp_history_summaries(db, signals[0], now - span, now, span, count_points, &points, err);
        if (points >= (uint64_t)ENOUGH * def->learn)
            break;
    }
    return span;
}

/* Tries with more and more of the past until it has learnt. */
static enum kp_code learn(struct kp_watches *w, struct kp_db *db, struct watched *p, struct kp_past *past, struct kp_err *err)
{
    int64_t begins = kp_past_begins(db, p->post, err), last = KP_NO_TIME;
    uint64_t values = 0, all = 0;
    size_t n;
    const kp_signal *signals = kp_post_signals(p->post, &n);
    if (err->code || begins == KP_NO_TIME)
        return err->code;
    for (int64_t span = first_span(db, p->post, past->to, begins, err); !err->code; span *= SPAN_MORE) {
        struct kp_post *new = kp_post_new(&p->of->def, signals, n, err);
        past->from = past->to - span > begins ? past->to - span : begins;
        past->most = MOST_VALUES;
        if (!new || kp_past_walk(past, new, &values, &last, err)) {
            kp_post_free(new);
            return err->code;
        }
        all += values;
        bool learnt = kp_post_view(new).state != KP_WATCH_LEARNING;
        bool end = learnt || past->from <= begins || span >= MOST_SPAN || all >= MOST_VALUES;
        if (!end) {
            kp_post_free(new);
            continue;
        }
        kp_post_begin(new, last, KP_POST_FROM_HISTORY);
        pthread_mutex_lock(&w->lock);
        struct kp_post *old = p->post;
        p->post = new;
        pthread_mutex_unlock(&w->lock);
        kp_post_free(old);
        return KP_OK;
    }
    return err->code;
}

enum kp_code watches_warm(struct kp_watches *w, struct watched *p, struct kp_err *err)
{
    const struct machine *m = p->machine ? &w->machines[p->machine - 1] : NULL;
    struct kp_db *db = kp_store_reader(w->store, err);
    if (!db)
        return err->code;
    struct kp_past past = { .reader = db,
                            .model = w->model,
                            .machine = m ? m->asset : 0,
                            .program_signal = m ? m->program_signal : 0,
                            .count_signal = m ? m->count_signal : 0,
                            .has_states = m && m->has_states,
                            .to = kp_utc(w->clock) };
    learn(w, db, p, &past, err);
    kp_store_reader_done(w->store, db);
    return err->code;
}
