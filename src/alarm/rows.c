/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms and rules in the data file. */
#include "alarm/delivery.h"
#include "alarm/private.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

#define COLUMNS                                                                                    \
    "id, grp, subject, asset, source, rule, text, priority, state, active, since, ended, value, "  \
    "lim, times, first_out, who, "                                                                 \
    "acknowledged, comment, shelved"
#define READ COLUMNS ", (select label from interval where interval.id = alarm.id)"
enum { WRITE_SLICE = 200 };

/* ---- writing ---- */
static void bind_time(struct kp_stmt *s, int i, int64_t at)
{
    if (at != KP_NO_TIME && at != KP_FOREVER)
        kp_bind_int(s, i, at);
}

static enum kp_code write_one(struct kp_db *db, const struct kp_alarm *a, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db,
                                      "insert or replace into alarm(" COLUMNS
                                      ") values(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, a->id);
    kp_bind_int(s, 2, a->group);
    kp_bind_text(s, 3, a->key);
    kp_bind_int(s, 4, a->asset);
    kp_bind_int(s, 5, a->source);
    kp_bind_text(s, 6, *a->rule ? a->rule : NULL);
    kp_bind_text(s, 7, a->text);
    kp_bind_int(s, 8, a->priority);
    kp_bind_text(s, 9, kp_alarm_state_name(a->state));
    kp_bind_int(s, 10, a->active);
    kp_bind_int(s, 11, a->since);
    bind_time(s, 12, a->until);
    kp_bind_double(s, 13, a->value);
    kp_bind_double(s, 14, a->limit);
    kp_bind_int(s, 15, a->count);
    kp_bind_int(s, 16, a->first_out);
    kp_bind_text(s, 17, *a->user ? a->user : NULL);
    bind_time(s, 18, a->acknowledged_at);
    kp_bind_text(s, 19, *a->comment ? a->comment : NULL);
    bind_time(s, 20, a->shelved_until);
    return kp_run(s, err);
}

struct writing {
    struct kp_alarm *list;
    size_t n;
};

static enum kp_code write_all(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct writing *w = arg;
    for (size_t i = 0; i < w->n; i++)
        if (write_one(db, &w->list[i], err) ||
            (w->list[i].fresh && delivery_plan(db, &w->list[i], err)))
            return err->code;
    return KP_OK;
}

/* Copies of what is to be written, and whether there is more. */
static bool collect(struct kp_alarms *e, struct writing *w)
{
    bool more = false;
    w->n = 0;
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->n && e->dirty; i++) {
        if (!e->list[i].dirty)
            continue;
        if ((more = w->n == WRITE_SLICE))
            break;
        w->list[w->n++] = e->list[i];
        e->list[i].dirty = e->list[i].fresh = false;
    }
    e->dirty = more;
    pthread_mutex_unlock(&e->lock);
    return more;
}

static void give_back(struct kp_alarms *e, const struct writing *w)
{
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < w->n; i++) {
        struct kp_alarm *a = alarm_find(e, w->list[i].id);
        if (!a)
            continue;
        a->dirty = e->dirty = true;
        a->fresh = a->fresh || (w->list[i].fresh && a->state == KP_ALARM_UNACKNOWLEDGED);
    }
    pthread_mutex_unlock(&e->lock);
}

enum kp_code alarm_rows_write(struct kp_alarms *e, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    struct writing w = { 0 };
    pthread_mutex_lock(&e->writing);
    pthread_mutex_lock(&e->lock);
    bool any = e->dirty;
    pthread_mutex_unlock(&e->lock);
    if (any && !(w.list = kp_alloc(WRITE_SLICE * sizeof *w.list)))
        kp_fail(&failure, KP_ENOMEM, "out of memory");
    while (any && !failure.code) {
        any = collect(e, &w);
        if (w.n && kp_store_do(e->store, write_all, &w, &failure))
            give_back(e, &w);
    }
    kp_free(w.list);
    pthread_mutex_unlock(&e->writing);
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}

/* ---- reading ---- */
static void text_of(struct kp_stmt *s, int column, char *out, size_t size)
{
    const char *text = kp_column_text(s, column);
    snprintf(out, size, "%s", text ? text : "");
}

static int64_t time_of(struct kp_stmt *s, int column, int64_t none)
{
    return kp_column_null(s, column) ? none : kp_column_int(s, column);
}

static double real_of(struct kp_stmt *s, int column)
{
    return kp_column_null(s, column) ? NAN : kp_column_double(s, column);
}

static void read_one(struct kp_stmt *s, struct kp_alarm *a)
{
    int64_t priority = kp_column_int(s, 7);
    *a = (struct kp_alarm){ .id = kp_column_int(s, 0),
                            .group = kp_column_int(s, 1),
                            .asset = (kp_asset)kp_column_int(s, 3),
                            .source = (uint8_t)(kp_column_int(s, 4) % KP_ALARM_SOURCES),
                            .priority = (uint8_t)(priority < 0 || priority >= KP_PRIORITIES
                                                      ? KP_PRIORITY_MEDIUM
                                                      : priority),
                            .active = kp_column_int(s, 9),
                            .since = kp_column_int(s, 10),
                            .until = time_of(s, 11, KP_FOREVER),
                            .value = real_of(s, 12),
                            .limit = real_of(s, 13),
                            .count = (uint32_t)kp_column_int(s, 14),
                            .first_out = kp_column_int(s, 15),
                            .acknowledged_at = time_of(s, 17, KP_NO_TIME),
                            .shelved_until = time_of(s, 19, KP_NO_TIME) };
    text_of(s, 2, a->key, sizeof a->key);
    text_of(s, 5, a->rule, sizeof a->rule);
    text_of(s, 6, a->text, sizeof a->text);
    text_of(s, 16, a->user, sizeof a->user);
    text_of(s, 18, a->comment, sizeof a->comment);
    kp_alarm_state_parse(kp_column_text(s, 8), &a->state);
    const char *label = kp_column_text(s, 20);
    if (label)
        kp_label_parse(label, &a->label);
}

enum kp_code kp_alarms_list(struct kp_db *db, const struct kp_alarm_filter *f,
                            bool (*each)(void *, const struct kp_alarm *), void *arg,
                            struct kp_err *err)
{
    static const char *const which[] = {
        [KP_WHICH_OPEN] = "state in ('unacknowledged', 'acknowledged', 'returned')",
        [KP_WHICH_ACTIVE] = "state <> 'normal' and active and state not in ('shelved', "
                            "'suppressed', 'out-of-service')",
        [KP_WHICH_UNACKNOWLEDGED] = "state <> 'normal' and state in ('unacknowledged', 'returned')",
        [KP_WHICH_SHELVED] = "state <> 'normal' and state = 'shelved'",
        [KP_WHICH_SUPPRESSED] = "state <> 'normal' and state in ('suppressed', 'out-of-service')",
        [KP_WHICH_ALL] = "1",
    };
    char sql[900];
    snprintf(sql, sizeof sql,
             "select " READ " from alarm where %s and (?1 is null or ended is null or ended >= "
             "?1) and (?2 is null or since < ?2)"
             " and (?3 is null or grp < (select grp from alarm where id = ?3) or"
             " (grp = (select grp from alarm where id = ?3) and id > ?3)) order by grp desc, id",
             which[f->which]);
    struct kp_stmt *s = kp_db_prepare(db, sql, err);
    struct kp_alarm a;
    if (!s)
        return err->code;
    bind_time(s, 1, f->from);
    bind_time(s, 2, f->to);
    if (f->after)
        kp_bind_int(s, 3, f->after);
    while (kp_step(s, err)) {
        read_one(s, &a);
        if (!each(arg, &a)) {
            kp_reset(s);
            break;
        }
    }
    return err->code;
}

enum kp_code kp_alarms_get(struct kp_db *db, int64_t id, struct kp_alarm *a, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, "select " READ " from alarm where id = ?", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, id);
    if (!kp_step(s, err))
        return err->code ? err->code
                         : kp_fail(err, KP_ENOTFOUND, "there is no alarm %lld", (long long)id);
    read_one(s, a);
    kp_reset(s);
    return KP_OK;
}

static enum kp_code load_living(struct kp_alarms *e, struct kp_db *db, struct kp_err *err)
{
    struct kp_stmt *s =
        kp_db_prepare(db, "select " READ " from alarm where state <> 'normal' order by id", err);
    while (s && e->n < KP_ALARM_LIVING_MAX && kp_step(s, err)) {
        if (!kp_grow(&e->list, &e->room, e->n + 1, sizeof *e->list)) {
            kp_fail(err, KP_ENOMEM, "out of memory");
            break;
        }
        struct kp_alarm *a = &e->list[e->n++];
        read_one(s, a);
        alarm_rehash(a);
    }
    if (s)
        kp_reset(s);
    return err->code;
}

/* Intervals that came and ended after the last row was written. */
static enum kp_code load_missed(struct kp_alarms *e, struct kp_db *db, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db,
                                      "select id, asset, start, \"end\", attributes, label from interval "
                                      "where id > (select max(id) from alarm)"
                                      " and kind = 'alarm' and \"end\" < ? order by id limit 1000",
                                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, KP_FOREVER);
    while (kp_step(s, err)) {
        struct kp_interval v = { .id = kp_column_int(s, 0),
                                 .asset = (kp_asset)kp_column_int(s, 1),
                                 .kind = KP_INTERVAL_ALARM,
                                 .start = kp_column_int(s, 2),
                                 .end = kp_column_int(s, 3),
                                 .attributes = kp_column_text(s, 4) };
        kp_label_parse(kp_column_text(s, 5), &v.label);
        alarm_missed(e, &v);
    }
    return err->code;
}

enum kp_code alarm_rows_load(struct kp_alarms *e, struct kp_db *db, struct kp_err *err)
{
    return load_living(e, db, err) ? err->code : load_missed(e, db, err);
}

/* ---- rules ---- */
enum kp_code rules_load(struct kp_alarms *e, struct kp_db *db, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, "select data from alarm_rule order by name", err);
    while (s && kp_step(s, err)) {
        struct kp_alarm_rule rule;
        struct kp_err wrong = { 0 };
        if (kp_alarm_rule_parse(kp_column_text(s, 0), &rule, &wrong))
            continue; /* of a newer program */
        if (rule_insert(e, &rule, err)) {
            kp_reset(s);
            break;
        }
    }
    return err->code;
}
