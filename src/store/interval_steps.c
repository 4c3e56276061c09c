/* SPDX-License-Identifier: Apache-2.0 */
#include "store/interval_steps.h"
#include "store/internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

/* ---- rows ---- */

/* What began before `from` and goes on after it is found without reading all that went before: an
 * interval of at most a day began at most a day before, and the index interval_long holds the
 * others. Its condition must stand here letter by letter. */
#define DAY_NS            "86400000000000"
#define LONG              "\"end\" - start > " DAY_NS
#define FIND                                                                                       \
    "select start, \"end\", attributes from interval where asset = ?1 and kind = ?2 and label is not ?6 and "
#define BEGAN_LONG_BEFORE FIND LONG " and start < ?3 and \"end\" > ?3 order by start"
#define BEGAN_AFTER                                                                                \
    FIND "start >= ?4 and start < ?5"                                                              \
         " and (start >= ?3 or (\"end\" > ?3 and \"end\" - start <= " DAY_NS ")) order by start"

static const char *const rows_sql[] = { BEGAN_LONG_BEFORE, BEGAN_AFTER, NULL };
/* Other texts, so other statements: they run beside the first. */
static const char *const shifts_sql[] = { BEGAN_LONG_BEFORE " --", BEGAN_AFTER " --", NULL };

static int64_t before(int64_t at, int64_t ns)
{
    return at < INT64_MIN + ns ? INT64_MIN : at - ns;
}

struct kp_sum_rows kp_sum_rows(struct kp_db *db, const struct kp_sum_query *q)
{
    return (struct kp_sum_rows){
        .db = db, .query = q, .sql = rows_sql, .asset = q->asset, .kind = q->kind
    };
}

static bool ask(struct kp_sum_rows *r, struct kp_err *err)
{
    const struct kp_sum_query *q = r->query;
    r->stmt = *r->sql ? kp_db_prepare(r->db, *r->sql, err) : NULL;
    if (!r->stmt)
        return false;
    kp_bind_int(r->stmt, 1, r->asset);
    kp_bind_text(r->stmt, 2, kp_interval_kind_name(r->kind));
    kp_bind_int(r->stmt, 3, q->from);
    kp_bind_text(r->stmt, 6, q->without);
    if (!*++r->sql) { /* the second one */
        kp_bind_int(r->stmt, 4, before(q->from, 86400 * KP_SECOND));
        kp_bind_int(r->stmt, 5, q->to);
    }
    return true;
}

bool kp_sum_rows_next(struct kp_sum_rows *r, struct kp_sum_row *out, struct kp_err *err)
{
    while (r->stmt || ask(r, err)) {
        if (kp_step(r->stmt, err)) {
            *out = (struct kp_sum_row){ kp_column_int(r->stmt, 0), kp_column_int(r->stmt, 1),
                                        kp_column_text(r->stmt, 2) };
            return true;
        }
        kp_sum_rows_end(r);
        if (err->code)
            return false;
    }
    return false;
}

void kp_sum_rows_end(struct kp_sum_rows *r)
{
    if (r->stmt)
        kp_reset(r->stmt);
    r->stmt = NULL;
}

int64_t kp_sum_end(const struct kp_sum_query *q, int64_t start, int64_t end)
{
    if (end == KP_FOREVER)
        end = q->now;
    if (end > q->to)
        end = q->to;
    return end > start ? end : start;
}

/* ---- shifts ---- */

static bool has_shifts(struct kp_db *db, int64_t asset, struct kp_err *err)
{
    struct kp_stmt *s =
        kp_db_prepare(db, "select 1 from interval where asset = ? and kind = 'shift' limit 1", err);
    if (!s)
        return false;
    kp_bind_int(s, 1, asset);
    bool found = kp_step(s, err);
    kp_reset(s);
    return found;
}

static int64_t parent_of(struct kp_db *db, int64_t asset, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, "select parent from asset where id = ?", err);
    if (!s)
        return 0;
    kp_bind_int(s, 1, asset);
    int64_t parent = kp_step(s, err) ? kp_column_int(s, 0) : 0;
    kp_reset(s);
    return parent;
}

/* The asset whose shifts count; that of the node itself when there are none on the way. */
static kp_asset shift_owner(struct kp_db *db, kp_asset asset, struct kp_err *err)
{
    int64_t at = asset;
    for (int depth = 0; at && depth < KP_DEPTH_MAX && !has_shifts(db, at, err); depth++)
        at = err->code ? 0 : parent_of(db, at, err);
    return (kp_asset)at;
}

static bool next_shift(struct kp_steps *s, struct kp_step *out, struct kp_err *err)
{
    struct kp_sum_row row;
    while (kp_sum_rows_next(&s->shifts, &row, err)) {
        const char *name = kp_attribute_value(&s->name, row.attributes, err);
        if (!name)
            return false;
        snprintf(out->name, sizeof out->name, "%s", name);
        out->from = row.start < s->query->from ? s->query->from : row.start;
        out->to = kp_sum_end(s->query, out->from, row.end);
        if (out->from < out->to)
            return true;
    }
    return false;
}

/* ---- steps of the clock ---- */

/* Rounds down, and never beyond what 64 bits hold. */
static int64_t next_multiple(int64_t at, int64_t every)
{
    int64_t q = at / every - (at % every < 0), next;
    return __builtin_mul_overflow(q + 1, every, &next) ? INT64_MAX : next;
}

/* The first instant of the next day, week or month on the clock on the wall. */
static int64_t next_date(int64_t at, enum kp_sum_by by)
{
    struct tm tm;
    int64_t next;
    kp_time_local(at, &tm);
    tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
    tm.tm_isdst = -1;
    if (by == KP_SUM_MONTH) {
        tm.tm_mon++;
        tm.tm_mday = 1;
    } else
        tm.tm_mday += by == KP_SUM_DAY ? 1 : 7 - (tm.tm_wday + 6) % 7;
    time_t s = mktime(&tm);
    if (tm.tm_hour > 12) /* where summer time begins at midnight, that hour is not there */
        s += 3600 * (24 - tm.tm_hour) - 60 * tm.tm_min - tm.tm_sec;
    if (__builtin_mul_overflow((int64_t)s, KP_SECOND, &next))
        return INT64_MAX;
    return next > at ? next : next_multiple(at, 86400 * KP_SECOND);
}

static bool next_step(struct kp_steps *s, struct kp_step *out)
{
    const struct kp_sum_query *q = s->query;
    if (s->at >= q->to)
        return false;
    out->from = s->at;
    out->name[0] = 0;
    if (q->by == KP_SUM_EVERY)
        out->to = q->every ? next_multiple(s->at, q->every) : q->to;
    else
        out->to = next_date(s->at, q->by);
    if (out->to > q->to)
        out->to = q->to;
    s->at = out->to;
    return true;
}

enum kp_code kp_steps_begin(struct kp_steps *s, struct kp_db *db, const struct kp_sum_query *q,
                            struct kp_err *err)
{
    *s = (struct kp_steps){ .query = q, .at = q->from };
    if (q->by != KP_SUM_SHIFT)
        return KP_OK;
    kp_attribute_begin(&s->name, db, kp_interval_attribute(KP_INTERVAL_SHIFT));
    s->shifts =
        (struct kp_sum_rows){ .db = db, .query = q, .sql = shifts_sql, .kind = KP_INTERVAL_SHIFT };
    s->shifts.asset = shift_owner(db, q->asset, err);
    return err->code;
}

bool kp_steps_next(struct kp_steps *s, struct kp_step *out, struct kp_err *err)
{
    bool more = s->shifts.db ? next_shift(s, out, err) : next_step(s, out);
    if (!more || s->n++ < KP_SUM_STEPS_MAX)
        return more;
    kp_fail(err, KP_EINVALID, "from..to holds more than %d steps: take longer steps or less time",
            KP_SUM_STEPS_MAX);
    return false;
}

void kp_steps_end(struct kp_steps *s)
{
    kp_sum_rows_end(&s->shifts);
    kp_attribute_end(&s->name);
}
