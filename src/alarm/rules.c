/* SPDX-License-Identifier: Apache-2.0 */
/* The engine as a whole: its life, its thread, changes of rules and what people do about alarms. */
#include "alarm/delivery.h"
#include "alarm/private.h"

#include "core/log.h"
#include "core/worker.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

enum { PAUSE_MS = 200 };
static const int64_t most_shelved = INT64_C(366) * 86400 * KP_SECOND;

/* ---- rules, in name order; hub thread ---- */
static size_t rule_place(const struct kp_alarms *e, const char *name, bool *there)
{
    size_t low = 0, high = e->n_rules;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(e->rules[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *there = low < e->n_rules && strcmp(e->rules[low]->name, name) == 0;
    return low;
}

enum kp_code rule_insert(struct kp_alarms *e, const struct kp_alarm_rule *rule, struct kp_err *err)
{
    bool there;
    size_t i = rule_place(e, rule->name, &there);
    if (there) {
        struct kp_alarm_rule *old = e->rules[i];
        if (old->kind != rule->kind || strcmp(old->match, rule->match) != 0 ||
            old->enabled != rule->enabled)
            e->stale_points = true;
        if (old->kind != rule->kind || !rule->enabled)
            points_forget_rule(e, old);
        *old = *rule;
        return KP_OK;
    }
    if (e->n_rules >= KP_RULES_MAX)
        return kp_fail(err, KP_EFULL, "more than %d rules", KP_RULES_MAX);
    struct kp_alarm_rule *new = kp_alloc(sizeof *new);
    if (!new || !kp_grow(&e->rules, &e->rules_room, e->n_rules + 1, sizeof *e->rules)) {
        kp_free(new);
        return kp_fail(err, KP_ENOMEM, "out of memory");
    }
    *new = *rule;
    memmove(e->rules + i + 1, e->rules + i, (e->n_rules++ - i) * sizeof *e->rules);
    e->rules[i] = new;
    e->stale_points = true;
    return KP_OK;
}

struct changing {
    struct kp_alarms *e;
    const struct kp_alarm_rule *rule;
    const char *name;
    bool must_be_new, remove;
    struct kp_err *err;
    /* for a list */
    bool (*each)(void *, const struct kp_alarm_rule *);
    void *arg;
};

static enum kp_code no_such(const struct kp_alarms *e, const char *name, struct kp_err *err)
{
    const char *near = NULL, **names = kp_alloc((e->n_rules + 1) * sizeof *names);
    for (size_t i = 0; names && i < e->n_rules; i++)
        names[i] = e->rules[i]->name;
    if (names)
        near = kp_nearest(name, names);
    kp_fail(err, KP_ENOTFOUND,
            near ? "there is no rule '%.60s', did you mean '%.60s'?" : "there is no rule '%.60s'%s",
            name, near ? near : "");
    kp_free(names);
    return err->code;
}

/* A change of a rule's service moves the alarms it has. */
static void serve(struct kp_alarms *e, const struct kp_alarm_rule *rule)
{
    enum kp_alarm_event event =
        rule->out_of_service ? KP_ALARM_REMOVE_FROM_SERVICE : KP_ALARM_RETURN_TO_SERVICE;
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->n; i++) {
        struct kp_alarm *a = &e->list[i];
        bool out = a->state == KP_ALARM_OUT_OF_SERVICE;
        if (strcmp(a->rule, rule->name) == 0 && out != rule->out_of_service &&
            !kp_alarm_step(&a->state, a->active, event, NULL))
            alarm_changed(e, a);
    }
    pthread_mutex_unlock(&e->lock);
}

static void do_change(void *arg)
{
    struct changing *c = arg;
    struct kp_alarms *e = c->e;
    bool there;
    size_t i = rule_place(e, c->name, &there);
    if (c->must_be_new && there)
        kp_fail(c->err, KP_EEXISTS, "there is a rule '%.60s' already", c->name);
    else if (c->rule && !rule_insert(e, c->rule, c->err))
        serve(e, c->rule);
    else if (c->remove && !there)
        no_such(e, c->name, c->err);
    else if (c->remove) {
        struct kp_alarm_rule *old = e->rules[i];
        sweep_end(e, old);
        points_forget_rule(e, old);
        memmove(e->rules + i, e->rules + i + 1, (--e->n_rules - i) * sizeof *e->rules);
        kp_free(old);
        e->stale_points = true;
    }
}

static void do_list(void *arg)
{
    struct changing *c = arg;
    bool there = false;
    size_t at = c->name ? rule_place(c->e, c->name, &there) : 0;
    if (c->name && !there) {
        no_such(c->e, c->name, c->err);
        return;
    }
    for (size_t i = at; i < (c->name ? at + 1 : c->e->n_rules) && c->each(c->arg, c->e->rules[i]);
         i++)
        ;
}

static enum kp_code call(struct kp_alarms *e, void (*fn)(void *), struct changing *c)
{
    enum kp_code code = kp_hub_call(e->hub, fn, c);
    return code ? kp_fail(c->err, code, "the node is stopping") : c->err->code;
}

enum kp_code kp_alarms_rules(struct kp_alarms *e, const char *name,
                             bool (*each)(void *, const struct kp_alarm_rule *), void *arg,
                             struct kp_err *err)
{
    struct kp_err own = { 0 };
    struct changing c = { .e = e, .name = name, .each = each, .arg = arg, .err = &own };
    call(e, do_list, &c);
    return own.code ? kp_fail(err, own.code, "%s", own.text) : KP_OK;
}

static enum kp_code write_rule(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct changing *c = arg;
    struct kp_buf text;
    struct kp_json j = kp_json(&text);
    kp_buf_init(&text, 8 << 10);
    if (c->rule)
        kp_alarm_rule_json(&j, c->rule);
    struct kp_stmt *s =
        kp_db_prepare(db,
                      c->rule ? "insert or replace into alarm_rule(name, data) values(?, ?)"
                              : "delete from alarm_rule where name = ?",
                      err);
    if (s) {
        kp_bind_text(s, 1, c->name);
        if (c->rule)
            kp_bind_text(s, 2, kp_buf_text(&text));
        if (text.failed) {
            kp_reset(s);
            kp_fail(err, KP_ENOMEM, "out of memory");
        } else {
            kp_run(s, err);
        }
    }
    kp_buf_free(&text);
    return err->code;
}

static enum kp_code change(struct kp_alarms *e, struct changing *c, struct kp_err *err)
{
    struct kp_err own = { 0 };
    c->e = e;
    c->err = &own;
    if (!call(e, do_change, c) && !kp_store_do(e->store, write_rule, c, &own))
        kp_alarms_flush(e, &own);
    return own.code ? kp_fail(err, own.code, "%s", own.text) : KP_OK;
}

enum kp_code kp_alarms_put_rule(struct kp_alarms *e, const struct kp_alarm_rule *rule,
                                bool must_be_new, struct kp_err *err)
{
    struct changing c = { .rule = rule, .name = rule->name, .must_be_new = must_be_new };
    return change(e, &c, err);
}

enum kp_code kp_alarms_remove_rule(struct kp_alarms *e, const char *name, struct kp_err *err)
{
    struct changing c = { .name = name, .remove = true };
    return change(e, &c, err);
}

/* ---- what people do ---- */
struct acting {
    struct kp_alarms *e;
    int64_t id;
    const struct kp_alarm_act *act;
    struct kp_err *err;
};

static void note(struct kp_alarm *a, const struct kp_alarm_act *act, int64_t now)
{
    if (act->event == KP_ALARM_ACKNOWLEDGE)
        a->acknowledged_at = now;
    if (act->event == KP_ALARM_ACKNOWLEDGE || (act->user && a->acknowledged_at == KP_NO_TIME))
        snprintf(a->user, sizeof a->user, "%s", act->user ? act->user : "");
    if (act->comment)
        snprintf(a->comment, sizeof a->comment, "%s", act->comment);
    kp_utf8_trim(a->user);
    kp_utf8_trim(a->comment);
    a->shelved_until = act->event == KP_ALARM_SHELVE  ? act->until
                       : a->state == KP_ALARM_SHELVED ? a->shelved_until
                                                      : KP_NO_TIME;
}

static void do_act(void *arg)
{
    struct acting *t = arg;
    struct kp_alarms *e = t->e;
    pthread_mutex_lock(&e->lock);
    struct kp_alarm *a = alarm_find(e, t->id);
    if (!a)
        kp_fail(t->err, KP_ENOTFOUND, "there is no alarm %lld in the list", (long long)t->id);
    else if (!kp_alarm_step(&a->state, a->active, t->act->event, t->err)) {
        a->fresh = false;
        note(a, t->act, kp_utc(e->clock));
        alarm_changed(e, a);
    }
    pthread_mutex_unlock(&e->lock);
}

enum kp_code kp_alarms_act(struct kp_alarms *e, int64_t id, const struct kp_alarm_act *act,
                           struct kp_err *err)
{
    struct kp_err own = { 0 };
    struct acting t = { e, id, act, &own };
    int64_t now = kp_utc(e->clock);
    if (act->event == KP_ALARM_SHELVE && (act->until <= now || act->until - now > most_shelved))
        return kp_fail(err, KP_EINVALID,
                       "an alarm is shelved until a time to come, a year at most");
    if (kp_hub_call(e->hub, do_act, &t))
        kp_fail(&own, KP_ESTOPPED, "the node is stopping");
    if (!own.code)
        kp_alarms_flush(e, &own);
    return own.code ? kp_fail(err, own.code, "%s", own.text) : KP_OK;
}

/* ---- life ---- */
static void do_nothing(void *arg)
{
    (void)arg;
}

enum kp_code kp_alarms_flush(struct kp_alarms *e, struct kp_err *err)
{
    kp_hub_call(e->hub, do_nothing, NULL); /* what it is at, it finishes */
    return alarm_rows_write(e, err);
}

struct kp_alarms *kp_alarms_new(struct kp_hub *hub, struct kp_store *store, struct kp_err *err)
{
    struct kp_alarms *e = kp_alloc(sizeof *e);
    if (!e) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    e->hub = hub;
    e->store = store;
    e->model = kp_hub_model(hub);
    e->clock = kp_hub_clock(hub);
    pthread_mutex_init(&e->lock, NULL);
    pthread_mutex_init(&e->writing, NULL);
    pthread_mutex_init(&e->sleep, NULL);
    kp_worker_init(&e->deliverer);
    pthread_cond_init(&e->wake, NULL);
    struct kp_db *db = kp_store_reader(store, err);
    if (db && !rules_load(e, db, err) && !alarm_rows_load(e, db, err) && !alarms_resume(e, err)) {
        points_make(e);
        alarms_attach(e);
    }
    if (db)
        kp_store_reader_done(store, db);
    if (!err->code)
        return e;
    kp_alarms_free(e);
    return NULL;
}

static bool wait_a_little(struct kp_alarms *e)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += PAUSE_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&e->sleep);
    if (!e->stop)
        pthread_cond_timedwait(&e->wake, &e->sleep, &until);
    bool stop = e->stop;
    pthread_mutex_unlock(&e->sleep);
    return !stop;
}

static int64_t write_rows(void *arg)
{
    struct kp_alarms *e = arg;
    struct kp_err err = { 0 };
    if (!alarm_rows_write(e, &err))
        certificates_turn(e, &err);
    if (err.code && !e->failing)
        kp_warn("alarm", "cannot be written now, tried again", "why=%s", kp_log_quote(err.text));
    e->failing = err.code;
    return PAUSE_MS * KP_MILLISECOND;
}

static void wake_to_stop(struct kp_alarms *e)
{
    pthread_mutex_lock(&e->sleep);
    e->stop = true;
    pthread_cond_broadcast(&e->wake);
    pthread_mutex_unlock(&e->sleep);
}

bool delivery_stopping(void *engine)
{
    struct kp_alarms *e = engine;
    pthread_mutex_lock(&e->sleep);
    bool stop = e->stop;
    pthread_mutex_unlock(&e->sleep);
    return stop;
}

static void *deliver(void *arg)
{
    struct kp_alarms *e = arg;
    kp_thread_name("deliveries");
    bool failing = false;
    while (wait_a_little(e)) {
        struct kp_err err = { 0 };
        while (delivery_turn(e, &err) && !err.code && !delivery_stopping(e))
            ;
        if (err.code && !failing)
            kp_warn("alarm", "messages wait", "why=%s", kp_log_quote(err.text));
        failing = err.code;
    }
    return NULL;
}

/* Whether the plan names somebody; true when that cannot be said now. */
static bool tells_somebody(struct kp_alarms *e)
{
    struct kp_err err = { 0 };
    struct kp_delivery *d = kp_alloc(sizeof *d);
    struct kp_db *db = d ? kp_store_reader(e->store, &err) : NULL;
    bool somebody = !db || delivery_read(db, d, &err) || d->n_people || d->n_channels;
    kp_store_reader_done(e->store, db);
    if (d)
        kp_delivery_free(d);
    kp_free(d);
    return somebody;
}

void alarms_begin_delivery(struct kp_alarms *e)
{
    if (tells_somebody(e) && !kp_worker_begin(&e->deliverer, deliver, e))
        kp_warn("alarm", "no thread for messages: nobody is told until it is set again who is",
                "%s", "");
}

enum kp_code kp_alarms_start(struct kp_alarms *e, struct kp_rota *rota, struct kp_err *err)
{
    e->stop = false;
    e->duty = (struct kp_duty){ .turn = write_rows, .arg = e };
    if (kp_duty_begin(&e->duty, rota, PAUSE_MS * KP_MILLISECOND, err))
        return err->code;
    e->running = true;
    kp_worker_open(&e->deliverer);
    alarms_begin_delivery(e);
    return KP_OK;
}

void kp_alarms_stop(struct kp_alarms *e)
{
    struct kp_err err = { 0 };
    if (!e || !e->running)
        return;
    wake_to_stop(e);
    kp_duty_end(&e->duty);
    kp_worker_close(&e->deliverer);
    e->running = false;
    if (alarm_rows_write(e, &err))
        kp_warn("alarm", "the last changes are not written; they follow from the intervals",
                "why=%s", kp_log_quote(err.text));
}

void kp_alarms_free(struct kp_alarms *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->n_rules; i++)
        kp_free(e->rules[i]);
    kp_free(e->rules);
    kp_free(e->points);
    kp_free(e->first);
    kp_free(e->turning);
    kp_free(e->list);
    kp_worker_free(&e->deliverer);
    pthread_cond_destroy(&e->wake);
    pthread_mutex_destroy(&e->sleep);
    pthread_mutex_destroy(&e->writing);
    pthread_mutex_destroy(&e->lock);
    kp_free(e);
}
