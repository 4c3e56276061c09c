/* SPDX-License-Identifier: Apache-2.0 */
#include "node/levels.h"

#include "core/log.h"
#include "core/state_rule.h"
#include "node/private.h"
#include "store/history.h"
#include "watch/levels.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { SLICE = 256, STEP_S = 10, HELD_S = 3600, BACK_S = 14 * 86400, SIGNALS_MAX = 4096, FEW = 4 /* points of a step */ };
#define ROUND  (600 * KP_SECOND)
#define DAY_NS (86400 * KP_SECOND)

struct pupil {
    kp_signal signal;
    int64_t again; /* when it follows, by the monotonic clock */
    bool seen;
};
struct kp_level_learner {
    struct kp_node *node;
    struct kp_duty duty;
    atomic_bool stopping;
    struct pupil *pupils; /* those that have learnt */
    size_t n, room;
};

static bool stopping(struct kp_level_learner *l)
{
    return atomic_load(&l->stopping);
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

static int64_t work(void *arg)
{
    turn(arg);
    return ROUND;
}

/* ---- life ---- */
struct kp_level_learner *kp_level_learner_new(struct kp_node *node, struct kp_err *err)
{
    struct kp_level_learner *l = kp_alloc(sizeof *l);
    if (l)
        l->node = node;
    else
        kp_fail(err, KP_ENOMEM, "out of memory");
    return l;
}

enum kp_code kp_level_learner_start(struct kp_level_learner *l, struct kp_rota *rota, struct kp_err *err)
{
    l->duty = (struct kp_duty){ .turn = work, .arg = l };
    return kp_duty_begin(&l->duty, rota, 0, err);
}

void kp_level_learner_hurry(struct kp_level_learner *l)
{
    kp_duty_hurry(&l->duty);
}

void kp_level_learner_stop(struct kp_level_learner *l)
{
    if (!l)
        return;
    atomic_store(&l->stopping, true);
    kp_duty_end(&l->duty);
}

void kp_level_learner_free(struct kp_level_learner *l)
{
    if (!l)
        return;
    kp_free(l->pupils);
    kp_free(l);
}
