/* SPDX-License-Identifier: Apache-2.0 */
#include "store/interval_steps.h"
#include "store/internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

/* ---- rows ---- */

/* What began before `from` and goes on after it is found without reading all that went before: an
 * interval of at most a day began at most a day before, and the index interval_long holds the others.
 * Its condition must stand here letter by letter. */
#define DAY_NS "86400000000000"
#define LONG "\"end\" - start > " DAY_NS
#define COLUMNS                                                                            \
    "select start, \"end\", coalesce(substr(case when json_valid(attributes) then "        \
    "attributes ->> ?2 end, 1, ?6), '') from interval where asset = ?1 and kind = "
#define ROWS(kind)                                                                         \
    COLUMNS kind " and " LONG " and start < ?3 and \"end\" > ?3 union all "                \
    COLUMNS kind " and start >= ?4 and start < ?5"                                         \
    " and (start >= ?3 or (\"end\" > ?3 and \"end\" - start <= " DAY_NS ")) order by 1"

static const char rows_of_a_kind[] = ROWS("?7");
static const char shifts_of_an_asset[] = ROWS("'shift'"); /* another text: it runs beside the first */

static int64_t before(int64_t at, int64_t ns)
{
    return at < INT64_MIN + ns ? INT64_MIN : at - ns;
}

static struct kp_stmt *select_rows(struct kp_db *db, const char *sql, const struct kp_sum_query *q,
                                   kp_asset asset, const char *path, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, sql, err);
    if (!s)
        return NULL;
    kp_bind_int(s, 1, asset);
    kp_bind_text(s, 2, path);
    kp_bind_int(s, 3, q->from);
    kp_bind_int(s, 4, before(q->from, 86400 * KP_SECOND));
    kp_bind_int(s, 5, q->to);
    kp_bind_int(s, 6, KP_SUM_VALUE_MAX);
    return s;
}

struct kp_stmt *kp_sum_rows(struct kp_db *db, const struct kp_sum_query *q, const char *path,
                            struct kp_err *err)
{
    struct kp_stmt *s = select_rows(db, rows_of_a_kind, q, q->asset, path, err);
    if (s)
        kp_bind_text(s, 7, kp_interval_kind_name(q->kind));
    return s;
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
    struct kp_stmt *s = kp_db_prepare(
        db, "select 1 from interval where asset = ? and kind = 'shift' limit 1", err);
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
    while (kp_step(s->shifts, err)) {
        int64_t start = kp_column_int(s->shifts, KP_SUM_START);
        out->from = start < s->query->from ? s->query->from : start;
        out->to = kp_sum_end(s->query, out->from, kp_column_int(s->shifts, KP_SUM_END));
        const char *name = kp_column_text(s->shifts, KP_SUM_VALUE);
        snprintf(out->name, sizeof out->name, "%s", name ? name : "");
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
    time_t s = (time_t)(at / KP_SECOND - (at % KP_SECOND < 0));
    struct tm tm;
    int64_t next;
    localtime_r(&s, &tm);
    tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
    tm.tm_isdst = -1;
    if (by == KP_SUM_MONTH) {
        tm.tm_mon++;
        tm.tm_mday = 1;
    } else
        tm.tm_mday += by == KP_SUM_DAY ? 1 : 7 - (tm.tm_wday + 6) % 7;
    s = mktime(&tm);
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
    kp_asset owner = shift_owner(db, q->asset, err);
    if (!err->code)
        s->shifts = select_rows(db, shifts_of_an_asset, q, owner, "$.name", err);
    return err->code;
}

bool kp_steps_next(struct kp_steps *s, struct kp_step *out, struct kp_err *err)
{
    bool more = s->shifts ? next_shift(s, out, err) : next_step(s, out);
    if (!more || s->n++ < KP_SUM_STEPS_MAX)
        return more;
    kp_fail(err, KP_EINVALID, "from..to holds more than %d steps: take longer steps or less time",
            KP_SUM_STEPS_MAX);
    return false;
}

void kp_steps_end(struct kp_steps *s)
{
    if (s->shifts)
        kp_reset(s->shifts);
    s->shifts = NULL;
}
