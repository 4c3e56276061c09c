/* SPDX-License-Identifier: Apache-2.0 */
#include "store/merge.h"

#include <math.h>

#include "core/ban.h"

struct aggregate {
    int64_t from, to, step;
    struct kp_bucket bucket;
    bool any;
    double lost; /* what the sum has rounded off so far (Kahan) */
    bool numbers;
    bool (*each)(void *, const struct kp_bucket *);
    void *arg;
};

/* ---- steps ---- */

static int64_t start_of(int64_t at, int64_t step)
{
    int64_t rest = at % step;
    if (rest < 0)
        rest += step;
    return at < INT64_MIN + rest ? INT64_MIN : at - rest;
}

static bool flush(struct aggregate *a)
{
    bool more = !a->any || a->each(a->arg, &a->bucket);
    a->any = false;
    return more;
}

/* Makes the bucket of this time the current one, handing out the one before. False: the caller has enough. */
static bool turn_to(struct aggregate *a, int64_t at)
{
    if (a->any && at < a->bucket.to && at >= a->bucket.from)
        return true;
    if (!flush(a))
        return false;
    int64_t start = start_of(at, a->step), end = start > INT64_MAX - a->step ? INT64_MAX : start + a->step;
    a->bucket = (struct kp_bucket){
        .from = start < a->from ? a->from : start,
        .to = end > a->to ? a->to : end,
        .min = NAN, .max = NAN, .first = NAN, .last = NAN,
    };
    a->any = true;
    a->numbers = false;
    a->lost = 0;
    return true;
}

static void add_sum(struct aggregate *a, double x)
{
    double sum = a->bucket.sum, y = x - a->lost, t = sum + y;
    a->lost = isfinite(t) ? (t - sum) - y : 0;
    a->bucket.sum = t;
}

static void add_numbers(struct aggregate *a, double min, double max, double sum, double first, double last)
{
    struct kp_bucket *b = &a->bucket;
    if (!a->numbers || min < b->min)
        b->min = min;
    if (!a->numbers || max > b->max)
        b->max = max;
    if (!a->numbers)
        b->first = first;
    b->last = last;
    add_sum(a, sum);
    a->numbers = true;
}

static void add_point(struct aggregate *a, const struct kp_sample *p)
{
    double x;
    a->bucket.n++;
    if (kp_status_severity(p->status) > 1 || p->value.type == KP_NULL)
        a->bucket.bad++;
    else if (kp_value_number(&p->value, &x) && isnan(x))
        a->bucket.bad++; /* a number that is none */
    else if (kp_value_number(&p->value, &x))
        add_numbers(a, x, x, x, x, x);
}

static void add_chunk(struct aggregate *a, const struct kp_chunk_summary *sum)
{
    a->bucket.n += sum->n;
    a->bucket.bad += sum->n - sum->good;
    add_numbers(a, sum->min, sum->max, sum->sum, sum->first, sum->last);
}

enum kp_code kp_history_aggregate(struct kp_db *reader, kp_signal signal, int64_t from, int64_t to, int64_t step,
                                  bool (*each)(void *, const struct kp_bucket *), void *arg, struct kp_err *err)
{
    if (step <= 0)
        return kp_fail(err, KP_EINVALID, "the step of an aggregate must be longer than nothing");
    struct kp_err failure = { 0 };
    struct aggregate a = { .from = from, .to = to, .step = step, .each = each, .arg = arg };
    struct kp_history *h = kp_history_open(reader, signal, from, to, &failure);
    bool more = h != NULL;
    while (more) {
        struct kp_chunk_summary sum;
        struct kp_sample p;
        if (kp_history_whole(h, step, &sum, &failure)) {
            more = turn_to(&a, sum.t0);
            if (more)
                add_chunk(&a, &sum);
        } else if (!failure.code && kp_history_next(h, &p, &failure)) {
            more = turn_to(&a, p.at);
            if (more)
                add_point(&a, &p);
        } else {
            break;
        }
    }
    if (more && !failure.code)
        flush(&a);
    kp_history_close(h);
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}

/* ---- extent ---- */

/* One integer from a query about the chunks of a signal between two ids; false when null. */
static bool chunk_number(struct kp_db *db, const char *sql, int64_t low, int64_t high, int64_t *out,
                         struct kp_err *err)
{
    struct kp_stmt *get = kp_db_prepare(db, sql, err);
    if (!get)
        return false;
    kp_bind_int(get, 1, low);
    kp_bind_int(get, 2, high);
    bool known = kp_step(get, err) && !kp_column_null(get, 0);
    if (known)
        *out = kp_column_int(get, 0);
    kp_reset(get);
    return known;
}

/* The first time is within one span of the first id, the last within two of the last. */
static bool chunk_extent(struct kp_db *db, kp_signal signal, int64_t *first, int64_t *last, struct kp_err *err)
{
    int64_t low = kp_chunk_id(signal, 0), high = kp_chunk_id(signal, KP_CHUNK_TICK), id, end, span;
    if (!chunk_number(db, "select min(id) from chunk where id between ? and ?", low, high, &id, err) ||
        !chunk_number(db, "select max(id) from chunk where id between ? and ?", low, high, &end, err))
        return false;
    if (!chunk_number(db, "select span from signal where id between ? and ?", signal, signal, &span, err))
        span = KP_CHUNK_TICK;
    if (span < 0 || span > KP_CHUNK_TICK)
        span = KP_CHUNK_TICK;
    int64_t to = high - id < span ? high : id + span, from = end - 2 * span < low ? low : end - 2 * span;
    return chunk_number(db, "select min(t0) from chunk where id between ? and ?", low, to, first, err) &&
           chunk_number(db, "select max(t1) from chunk where id between ? and ?", from, high, last, err);
}

bool kp_history_extent(struct kp_db *reader, kp_signal signal, int64_t *first, int64_t *last, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    struct kp_history *h = kp_history_open(reader, signal, INT64_MIN, INT64_MAX, &failure);
    bool known = h && chunk_extent(reader, signal, first, last, &failure);
    for (size_t i = 0; h && i < h->rows.n; i++) {
        const struct kp_source *row = &h->rows.list[i];
        if (!known || row->t0 < *first)
            *first = row->t0;
        if (!known || row->t1 > *last)
            *last = row->t1;
        known = true;
    }
    kp_history_close(h);
    if (failure.code)
        kp_fail(err, failure.code, "%s", failure.text);
    return known && !failure.code;
}
