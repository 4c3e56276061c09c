/* SPDX-License-Identifier: Apache-2.0 */
/* Watches and posts as people and programs see them. */
#include "watch/watches_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

static const double limit = 0.5;

/* ---- rights; both locks held ---- */
bool watches_may_go(const struct kp_model *m, enum kp_recipient to, const struct watched *p)
{
    size_t n;
    const kp_signal *signals = kp_post_signals(p->post, &n);
    bool may = kp_gate_asset(m, to, p->asset);
    for (size_t i = 0; i < n && may; i++)
        may = kp_gate_signal(m, to, signals[i]);
    return may;
}

static void lock(struct kp_watches *w)
{
    pthread_mutex_lock(&w->lock);
    kp_model_lock(w->model);
}

static void unlock(struct kp_watches *w)
{
    kp_model_unlock(w->model);
    pthread_mutex_unlock(&w->lock);
}

static const struct watched *find(struct kp_watches *w, enum kp_recipient to, int64_t id, struct kp_err *err)
{
    const struct watched *p = watches_find(w, id);
    if (p && watches_may_go(w->model, to, p))
        return p;
    kp_fail(err, KP_ENOTFOUND, "no watch has a post %lld", (long long)id);
    return NULL;
}

enum kp_code watches_may(struct kp_watches *w, enum kp_recipient to, int64_t id, struct kp_err *err)
{
    lock(w);
    find(w, to, id, err);
    unlock(w);
    return err->code;
}

/* ---- definitions ---- */
struct tally {
    size_t total, by[4], alarms;
};

static struct tally tally_of(struct kp_watches *w, enum kp_recipient to, const char *name)
{
    struct tally t = { 0 };
    for (size_t i = 0; i < w->n; i++) {
        if (strcmp(w->list[i]->of->def.name, name) != 0 || !watches_may_go(w->model, to, w->list[i]))
            continue;
        struct kp_post_view v = kp_post_view(w->list[i]->post);
        t.total++;
        t.by[v.state]++;
        t.alarms += v.findings != 0;
    }
    return t;
}

enum kp_code kp_watches_json(struct kp_watches *w, enum kp_recipient to, const char *name, struct kp_json *j,
                             struct kp_err *err)
{
    const struct definition *d = w->defs;
    lock(w);
    while (d && strcmp(d->def.name, name) != 0)
        d = d->next;
    if (d) {
        struct tally t = tally_of(w, to, name);
        kp_json_begin(j, '{');
        kp_watch_def_put(j, &d->def);
        kp_json_key(j, "posts");
        kp_json_begin(j, '{');
        kp_json_put_int(j, "total", (int64_t)t.total);
        for (unsigned s = 0; s < 4; s++)
            kp_json_put_int(j, kp_watch_state_word(s), (int64_t)t.by[s]);
        kp_json_put_int(j, "alarms", (int64_t)t.alarms);
        kp_json_end(j, '}');
        kp_json_end(j, '}');
    }
    unlock(w);
    return d ? KP_OK : kp_fail(err, KP_ENOTFOUND, "there is no watch '%.60s'", name);
}

/* ---- posts ---- */
static void put_number(struct kp_json *j, const char *key, double v)
{
    kp_json_key(j, key);
    kp_json_double(j, v);
}

void watches_path(const struct kp_model *m, const struct watched *p, char path[KP_PATH_MAX])
{
    *path = 0;
    if (p->subject >> 32 == 's')
        kp_model_signal_path(m, (kp_signal)p->subject, path, KP_PATH_MAX);
    else if (p->asset)
        kp_model_asset_path(m, p->asset, path, KP_PATH_MAX);
}

static void put_signals(struct kp_json *j, const struct kp_model *m, const struct watched *p)
{
    size_t n;
    char path[KP_PATH_MAX];
    const kp_signal *signals = kp_post_signals(p->post, &n);
    kp_json_key(j, "signals");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < n; i++) {
        kp_model_signal_path(m, signals[i], path, sizeof path);
        kp_json_text(j, path);
    }
    kp_json_end(j, ']');
}

/* Why it is silent may tell what its machine does. */
static struct kp_post_view view_for(const struct kp_watches *w, enum kp_recipient to, const struct watched *p)
{
    struct kp_post_view v = kp_post_view(p->post);
    const struct machine *m = p->machine ? &w->machines[p->machine - 1] : NULL;
    bool of_state = v.reason == KP_POST_STATE || v.reason == KP_POST_UNKNOWN, of_program = v.reason == KP_POST_FIRST_RUN;
    if (m && ((of_state && !kp_gate_label(to, m->state_label)) || (of_program && !kp_gate_label(to, m->program_label))))
        v.reason = KP_POST_JUDGES;
    return v;
}

/* What stands is said; else what the newest judgement was about. */
static enum kp_post_finding main_finding(const struct kp_post_view *v)
{
    return v->findings & 1u << KP_POST_UNUSUAL   ? KP_POST_UNUSUAL
           : v->findings & 1u << KP_POST_OVERDUE ? KP_POST_OVERDUE
           : v->findings & 1u << KP_POST_SENSOR  ? KP_POST_SENSOR
                                                 : KP_POST_UNUSUAL;
}

static int64_t since(const struct kp_post_view *v)
{
    int64_t first = KP_NO_TIME;
    for (unsigned f = 0; f < KP_POST_FINDINGS; f++)
        if (v->findings >> f & 1 && (first == KP_NO_TIME || v->since[f] < first))
            first = v->since[f];
    return first;
}

static void put_text(struct kp_json *j, enum kp_recipient to, const struct kp_watches *w, const struct watched *p, const struct kp_post_view *v)
{
    char text[WATCH_TEXT] = "";
    if (v->findings && kp_gate_label(to, watches_label(w, p)))
        watches_words(w, p, v, main_finding(v), text);
    kp_json_put_text(j, "text", *text ? text : NULL);
}

static void put_post(struct kp_json *j, enum kp_recipient to, const struct kp_watches *w, const struct watched *p, const struct kp_post_view *v)
{
    char path[KP_PATH_MAX];
    watches_path(w->model, p, path);
    kp_json_put_int(j, "id", p->id);
    kp_json_put_text(j, "watch", p->of->def.name);
    kp_json_put_text(j, "kind", kp_watch_kinds[p->of->def.kind]);
    kp_json_put_text(j, "about", path);
    put_signals(j, w->model, p);
    kp_json_put_text(j, "state", kp_watch_state_word(v->state));
    kp_json_put_text(j, "reason", kp_post_reason_word(v->reason));
    put_number(j, "score", v->score);
    put_number(j, "limit", limit);
    kp_json_put_bool(j, "alarm", v->findings & 1u << KP_POST_UNUSUAL);
    kp_json_put_text(j, "trouble", v->trouble ? kp_watch_trouble_word(v->trouble) : NULL);
    kp_json_put_bool(j, "overdue", v->findings & 1u << KP_POST_OVERDUE);
    kp_json_put_time(j, "since", since(v));
    kp_json_put_int(j, "learnt", v->learnt);
    kp_json_put_int(j, "learn", v->learn);
    put_text(j, to, w, p, v);
    kp_json_put_time(j, "at", v->at);
}

static bool matches(const struct kp_watches *w, const struct watched *p, const struct kp_posts_query *q, kp_signal signal)
{
    char path[KP_PATH_MAX];
    size_t n;
    const kp_signal *signals = kp_post_signals(p->post, &n);
    bool has = !q->signal;
    if (q->watch && strcmp(q->watch, p->of->def.name) != 0)
        return false;
    for (size_t i = 0; i < n && !has; i++)
        has = signal && signals[i] == signal;
    if (!has || !watches_may_go(w->model, q->to, p))
        return false;
    watches_path(w->model, p, path);
    if (q->about && !kp_pattern_match(q->about, path))
        return false;
    if (!q->state)
        return true;
    struct kp_post_view v = kp_post_view(p->post);
    return strcmp(q->state, "alarm") == 0 ? v.findings != 0 : strcmp(q->state, kp_watch_state_word(v.state)) == 0;
}

static int by_id(const void *a, const void *b)
{
    const struct watched *const *x = a, *const *y = b;
    return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

enum kp_code kp_watches_posts(struct kp_watches *w, const struct kp_posts_query *q, struct kp_json *j, bool *more,
                              struct kp_err *err)
{
    size_t n = 0, written = 0;
    lock(w);
    kp_signal signal = q->signal ? kp_model_find_signal(w->model, q->signal) : 0;
    struct watched **list = kp_alloc((w->n + 1) * sizeof *list);
    for (size_t i = 0; i < w->n && list; i++)
        if (w->list[i]->id > q->after && matches(w, w->list[i], q, signal))
            list[n++] = w->list[i];
    if (n)
        qsort(list, n, sizeof *list, by_id);
    for (; list && written < n && written < q->limit; written++) {
        struct kp_post_view v = view_for(w, q->to, list[written]);
        kp_json_begin(j, '{');
        put_post(j, q->to, w, list[written], &v);
        kp_json_end(j, '}');
    }
    unlock(w);
    *more = written < n;
    if (!list)
        kp_fail(err, KP_ENOMEM, "out of memory");
    kp_free(list);
    return err->code;
}

/* ---- why ---- */
static void put_reasons(struct kp_json *j, const struct kp_watches *w, const struct watched *p, const struct kp_post_view *v)
{
    size_t n;
    char path[KP_PATH_MAX];
    const kp_signal *signals = kp_post_signals(p->post, &n);
    kp_json_key(j, "reasons");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < v->n_top; i++) {
        if (v->top[i].signal >= n)
            continue;
        const struct kp_signal_info *s = kp_model_signal(w->model, signals[v->top[i].signal]);
        kp_model_signal_path(w->model, signals[v->top[i].signal], path, sizeof path);
        kp_json_begin(j, '{');
        kp_json_put_text(j, "signal", path);
        put_number(j, "share", v->top[i].share);
        put_number(j, "actual", v->top[i].actual);
        put_number(j, "expected", v->top[i].expected);
        kp_json_put_text(j, "unit", s ? s->unit_text : NULL);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}

static void put_cycle(struct kp_json *j, const struct watched *p, const struct kp_post_view *v)
{
    bool judged = p->of->def.kind == KP_WATCH_MACHINE && v->cycle.state != KP_WATCH_LEARNING &&
                  v->cycle.finding != KP_CYCLE_USUAL;
    kp_json_put_text(j, "finding", judged ? kp_cycle_word(v->cycle.finding) : NULL);
    put_number(j, "actual", judged ? v->cycle.actual : NAN);
    put_number(j, "expected", judged ? v->cycle.expected : NAN);
    kp_json_key(j, "part");
    if (judged && v->cycle.finding == KP_CYCLE_COURSE)
        kp_json_int(j, v->cycle.part);
    else
        kp_json_null(j);
}

/* What a machine does is told by other signals, with labels of their own. */
static void put_machine(struct kp_json *j, enum kp_recipient to, const struct kp_watches *w, const struct watched *p)
{
    const struct machine *m = p->machine ? &w->machines[p->machine - 1] : NULL;
    char path[KP_PATH_MAX] = "";
    if (m && kp_model_asset(w->model, m->asset))
        kp_model_asset_path(w->model, m->asset, path, sizeof path);
    bool known = m && m->state != KP_STATE_UNKNOWN && kp_gate_label(to, m->state_label);
    bool named = m && *m->name && kp_gate_label(to, m->program_label);
    kp_json_put_text(j, "machine", *path ? path : NULL);
    kp_json_put_text(j, "machineState", known ? kp_state_name(m->state) : NULL);
    kp_json_put_text(j, "program", named ? m->name : NULL);
}

static void put_why(struct kp_json *j, enum kp_recipient to, const struct kp_watches *w, const struct watched *p, const int64_t *alarms)
{
    static const char *const from[] = { NULL, "history", "live" };
    struct kp_post_view v = view_for(w, to, p);
    kp_json_begin(j, '{');
    put_post(j, to, w, p, &v);
    put_reasons(j, w, p, &v);
    kp_json_put_bool(j, "drifts", v.drifts);
    put_cycle(j, p, &v);
    put_machine(j, to, w, p);
    kp_json_put_int(j, "values", (int64_t)v.values);
    kp_json_put_text(j, "learntFrom", from[v.from]);
    kp_json_put_time(j, "learntAt", v.learnt_at);
    kp_json_put_text(j, "relearns", p->relearns);
    kp_json_key(j, "alarms");
    kp_json_begin(j, '[');
    for (unsigned f = 0; f < KP_POST_FINDINGS; f++)
        if (alarms[f])
            kp_json_int(j, alarms[f]);
    kp_json_end(j, ']');
    kp_json_end(j, '}');
}

enum kp_code kp_watches_why(struct kp_watches *w, enum kp_recipient to, int64_t id, struct kp_json *j, struct kp_err *err)
{
    int64_t alarms[KP_POST_FINDINGS] = { 0 };
    pthread_mutex_lock(&w->lock);
    const struct watched *p = watches_find(w, id);
    for (unsigned f = 0; f < KP_POST_FINDINGS && p; f++) /* not under the model's lock, which alarms need */
        alarms[f] = p->told >> f & 1 ? watches_alarm(w, p, f) : 0;
    kp_model_lock(w->model);
    if ((p = find(w, to, id, err)))
        put_why(j, to, w, p, alarms);
    unlock(w);
    return err->code;
}

/* ---- the course of the score ---- */
static void put_point(void *arg, int64_t at, double score, bool alarm)
{
    struct kp_json *j = arg;
    kp_json_begin(j, '[');
    kp_json_time(j, at);
    kp_json_double(j, round(score * 1000) / 1000);
    kp_json_bool(j, alarm);
    kp_json_end(j, ']');
}

enum kp_code kp_watches_course(struct kp_watches *w, enum kp_recipient to, int64_t id, int64_t from, int64_t until,
                               struct kp_json *j, struct kp_err *err)
{
    lock(w);
    const struct watched *p = find(w, to, id, err);
    if (p) {
        kp_json_begin(j, '{');
        kp_json_put_int(j, "step", KP_POST_STEP / KP_MILLISECOND);
        kp_json_key(j, "points");
        kp_json_begin(j, '[');
        kp_post_course(p->post, from, until, put_point, j);
        kp_json_end(j, ']');
        kp_json_end(j, '}');
    }
    unlock(w);
    return err->code;
}

/* ---- feedback ---- */
static enum kp_code put_feedback(struct kp_db *db, int64_t id, struct kp_json *j, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db, "select at, verdict, user, comment, score from watch_feedback where post = ? order by id desc limit ?", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, id);
    kp_bind_int(s, 2, KP_FEEDBACK_MAX);
    while (kp_step(s, err)) {
        kp_json_begin(j, '{');
        kp_json_put_time(j, "at", kp_column_int(s, 0));
        kp_json_put_text(j, "verdict", kp_column_text(s, 1));
        kp_json_put_text(j, "user", kp_column_text(s, 2));
        kp_json_put_text(j, "comment", kp_column_text(s, 3));
        put_number(j, "score", kp_column_null(s, 4) ? NAN : kp_column_double(s, 4));
        kp_json_end(j, '}');
    }
    return err->code;
}

enum kp_code kp_watches_feedback_json(struct kp_watches *w, enum kp_recipient to, int64_t id, struct kp_json *j,
                                      struct kp_err *err)
{
    struct kp_db *db = watches_may(w, to, id, err) ? NULL : kp_store_reader(w->store, err);
    if (!db)
        return err->code;
    kp_json_begin(j, '{');
    kp_json_key(j, "feedback");
    kp_json_begin(j, '[');
    put_feedback(db, id, j, err);
    kp_json_end(j, ']');
    kp_json_end(j, '}');
    kp_store_reader_done(w->store, db);
    return err->code;
}
