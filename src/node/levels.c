/* SPDX-License-Identifier: Apache-2.0 */
#include "node/levels.h"

#include "core/log.h"
#include "core/state_rule.h"
#include "node/private.h"
#include "store/history.h"
#include "watch/levels.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

enum { ROUND_S = 600, SLICE = 256, STEP_S = 10, HELD_S = 3600, BACK_S = 14 * 86400, SIGNALS_MAX = 4096, FEW = 4 /* points of a step */ };
#define DAY_NS (86400 * KP_SECOND)

struct pupil {
    kp_signal signal;
    int64_t again; /* when it follows, by the monotonic clock */
    bool seen;
};
struct kp_level_learner {
    struct kp_node *node;
    pthread_t thread;
    bool running, stopping, hurry;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct pupil *pupils; /* the thread's own: those that have learnt */
    size_t n, room;
};

static bool stopping(struct kp_level_learner *l)
{
    pthread_mutex_lock(&l->lock);
    bool end = l->stopping;
    pthread_mutex_unlock(&l->lock);
    return end;
}

/* ---- how long each value stood ---- */
struct reading {
    struct kp_level_learner *learner;
    struct kp_level_time *times;
    size_t n, room;
    double held;
    int64_t until; /* of the last bucket; what it left behind holds on */
    bool holds, failed;
};

static void add(struct reading *r, double value, int64_t ns)
{
    if (ns <= 0 || r->failed)
        return;
    r->failed = !kp_grow(&r->times, &r->room, r->n + 1, sizeof *r->times);
    if (!r->failed)
        r->times[r->n++] = (struct kp_level_time){ value, (double)ns / (double)KP_SECOND };
}

static void hold_until(struct reading *r, int64_t at)
{
    int64_t most = HELD_S * KP_SECOND, ns = at - r->until;
    if (r->holds)
        add(r, r->held, ns > most ? most : ns);
}

static bool take(void *arg, const struct kp_bucket *b)
{
    struct reading *r = arg;
    hold_until(r, b->from);
    if (b->points.n < FEW && r->holds) { /* what it stepped between stood, the mean did not */
        add(r, r->held, b->good_ns / 2);
        add(r, b->points.last, b->good_ns / 2);
    } else
        add(r, b->time_mean, b->good_ns);
    r->holds = b->points.held == KP_HELD_NUMBER;
    r->held = b->points.last;
    r->until = b->to;
    return !r->failed && !stopping(r->learner);
}

static struct kp_levels learn(struct kp_level_learner *l, kp_signal id, bool draws, struct kp_err *err)
{
    struct reading r = { .learner = l };
    struct kp_levels levels = { 0 };
    int64_t now = kp_utc(l->node->clock);
    struct kp_db *db = kp_store_reader(l->node->store, err);
    if (!db)
        return levels;
    kp_history_aggregate(db, id, now - BACK_S * KP_SECOND, now, STEP_S * KP_SECOND, take, &r, err);
    kp_store_reader_done(l->node->store, db);
    hold_until(&r, now);
    if (r.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else if (!err->code)
        levels = kp_levels_learn(r.times, r.n, draws);
    kp_free(r.times);
    return levels;
}

/* ---- the rule ---- */
struct change {
    struct kp_model *model;
    kp_signal id;
    char rule[KP_LEVELS_TEXT];
    struct kp_err *err;
};

static void do_change(void *arg)
{
    struct change *c = arg;
    const struct kp_signal_info *now = kp_model_signal(c->model, c->id);
    if (!now || !kp_state_text_learns(now->states) || strcmp(now->states, c->rule) == 0)
        return;
    struct kp_signal_info info = *now;
    info.states = c->rule;
    kp_model_put_signal(c->model, &info, c->err);
}

/* A load in percent is zero while the machine only stands; of all else zero is off. */
static bool draws(const struct kp_signal_info *info)
{
    return (!info->unit || strcmp(info->unit, "P1") != 0) && (!info->unit_text || strcmp(info->unit_text, "%") != 0);
}

static void teach(struct kp_level_learner *l, struct pupil *p, const char *states, const char *path, bool power)
{
    struct kp_err err = { 0 };
    struct kp_levels old = kp_levels_read(states), new = learn(l, p->signal, power, &err);
    struct kp_levels levels = kp_levels_follow(&old, &new);
    struct change c = { .model = kp_hub_model(l->node->hub), .id = p->signal, .err = &err };
    if (!err.code && levels.found) {
        kp_levels_rule(&levels, c.rule);
        node_change(l->node, do_change, &c, &err);
        p->again = kp_mono(l->node->clock) + DAY_NS;
        if (!old.found)
            kp_info("states", "what a machine is doing was learnt", "signal=%s rule=%s", kp_log_quote(path), kp_log_quote(c.rule));
    }
    if (err.code && err.code != KP_ESTOPPED)
        kp_warn("states", "what a machine is doing was not learnt, tried again", "signal=%s why=%s", kp_log_quote(path),
                kp_log_quote(err.text));
}

/* ---- rounds ---- */
struct found {
    kp_signal id;
    char states[KP_LEVELS_TEXT], path[KP_PATH_MAX];
    bool power;
};
struct walk {
    const struct kp_model *model;
    struct found *list;
    size_t n, room;
};

static void look_at(void *arg, kp_signal id, const char *path)
{
    struct walk *w = arg;
    const struct kp_signal_info *info = kp_model_signal(w->model, id);
    if (!info->states || w->n == SIGNALS_MAX || !kp_state_text_learns(info->states) ||
        !kp_grow(&w->list, &w->room, w->n + 1, sizeof *w->list))
        return;
    struct found *f = &w->list[w->n++];
    *f = (struct found){ .id = id, .power = draws(info) };
    snprintf(f->states, sizeof f->states, "%s", info->states);
    snprintf(f->path, sizeof f->path, "%s", path);
}

static struct pupil *pupil_of(struct kp_level_learner *l, kp_signal id)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->pupils[i].signal == id)
            return &l->pupils[i];
    if (!kp_grow(&l->pupils, &l->room, l->n + 1, sizeof *l->pupils))
        return NULL;
    l->pupils[l->n] = (struct pupil){ .signal = id, .again = kp_mono(l->node->clock) + DAY_NS };
    return &l->pupils[l->n++];
}

static void turn(struct kp_level_learner *l)
{
    struct walk w = { .model = kp_hub_model(l->node->hub) };
    char after[KP_PATH_MAX] = "";
    size_t n;
    do {
        kp_model_lock(kp_hub_model(l->node->hub));
        n = kp_model_each(w.model, "", after, SLICE, look_at, &w);
        kp_model_unlock(kp_hub_model(l->node->hub));
    } while (n == SLICE && !stopping(l));
    for (size_t i = 0; i < l->n; i++)
        l->pupils[i].seen = false;
    for (size_t i = 0; i < w.n && !stopping(l); i++) {
        const struct found *f = &w.list[i];
        struct pupil *p = pupil_of(l, f->id);
        if (!p)
            break;
        p->seen = true;
        if (!kp_levels_read(f->states).found || kp_mono(l->node->clock) >= p->again)
            teach(l, p, f->states, f->path, f->power);
    }
    for (size_t i = l->n; i-- > 0;)
        if (!l->pupils[i].seen)
            l->pupils[i] = l->pupils[--l->n];
    kp_free(w.list);
}

static bool pause_between(struct kp_level_learner *l)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ROUND_S;
    pthread_mutex_lock(&l->lock);
    while (!l->stopping && !l->hurry && !pthread_cond_timedwait(&l->wake, &l->lock, &until))
        ;
    l->hurry = false;
    bool on = !l->stopping;
    pthread_mutex_unlock(&l->lock);
    return on;
}

static void *work(void *arg)
{
    struct kp_level_learner *l = arg;
    do
        turn(l);
    while (pause_between(l));
    return NULL;
}

/* ---- life ---- */
struct kp_level_learner *kp_level_learner_new(struct kp_node *node, struct kp_err *err)
{
    struct kp_level_learner *l = kp_alloc(sizeof *l);
    pthread_condattr_t monotonic;
    if (!l) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    l->node = node;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&l->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

enum kp_code kp_level_learner_start(struct kp_level_learner *l, struct kp_err *err)
{
    if (pthread_create(&l->thread, NULL, work, l))
        return kp_fail(err, KP_EIO, "no thread for what is learnt of machines");
    l->running = true;
    return KP_OK;
}

void kp_level_learner_hurry(struct kp_level_learner *l)
{
    pthread_mutex_lock(&l->lock);
    l->hurry = true;
    pthread_cond_broadcast(&l->wake);
    pthread_mutex_unlock(&l->lock);
}

void kp_level_learner_stop(struct kp_level_learner *l)
{
    if (!l || !l->running)
        return;
    pthread_mutex_lock(&l->lock);
    l->stopping = true;
    pthread_cond_broadcast(&l->wake);
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->thread, NULL);
    l->running = false;
}

void kp_level_learner_free(struct kp_level_learner *l)
{
    if (!l)
        return;
    pthread_cond_destroy(&l->wake);
    pthread_mutex_destroy(&l->lock);
    kp_free(l->pupils);
    kp_free(l);
}
