/* SPDX-License-Identifier: Apache-2.0 */
#include "store/merge.h"
#include "store/rollup.h"

#include <math.h>

#include "core/ban.h"

struct aggregate {
    struct kp_history *h;
    int64_t from, to, step;
    struct kp_bucket bucket;
    struct kp_summary sum; /* of the bucket; n 0 = none yet */
    bool carried;          /* the next three are known */
    int64_t held_since;
    double held_value;
    uint8_t held;
    bool more;             /* the caller wants more */
    bool (*each)(void *, const struct kp_bucket *);
    void *arg;
    struct kp_err *err;
};

/* ---- steps ---- */

static int64_t start_of(int64_t at, int64_t step)
{
    int64_t rest = at % step;
    if (rest < 0)
        rest += step;
    return at < INT64_MIN + rest ? INT64_MIN : at - rest;
}

static void weigh(struct kp_bucket *b, double *area, double *seconds, uint8_t held, double value, int64_t from,
                  int64_t to)
{
    int64_t ns;
    if (to <= from || __builtin_sub_overflow(to, from, &ns))
        return;
    if (held == KP_HELD_BAD) {
        if (__builtin_add_overflow(b->bad_ns, ns, &b->bad_ns))
            b->bad_ns = INT64_MAX;
        return;
    }
    if (__builtin_add_overflow(b->good_ns, ns, &b->good_ns))
        b->good_ns = INT64_MAX;
    if (held == KP_HELD_NUMBER) {
        *area += value * ((double)ns / 1e9);
        *seconds += (double)ns / 1e9;
    }
}

/* Adds the time before the first and after the last point to what lies between them. */
static void weigh_bucket(struct aggregate *a)
{
    struct kp_bucket *b = &a->bucket;
    const struct kp_chunk_summary *p = &b->points;
    double area = p->area, seconds = p->good ? (double)p->good_ns / 1e9 : 0;
    b->good_ns = p->good_ns;
    b->bad_ns = p->bad_ns;
    if (a->carried)
        weigh(b, &area, &seconds, a->held, a->held_value, b->from > a->held_since ? b->from : a->held_since, p->t0);
    weigh(b, &area, &seconds, p->held, p->last, p->t1, b->to);
    b->time_mean = seconds > 0 ? area / seconds : p->good ? p->last : NAN;
}

static void carry(struct aggregate *a, const struct kp_chunk_summary *p)
{
    a->carried = true;
    a->held = p->held;
    a->held_value = p->last;
    a->held_since = p->t1;
}

static void flush(struct aggregate *a)
{
    if (!a->sum.s.n)
        return;
    kp_summary_round(&a->sum);
    a->bucket.points = a->sum.s;
    weigh_bucket(a);
    carry(a, &a->bucket.points);
    a->more = a->each(a->arg, &a->bucket);
    kp_summary_clear(&a->sum);
}

/* Makes the bucket of this time the current one, handing out the one before. */
static void turn_to(struct aggregate *a, int64_t at)
{
    if (a->sum.s.n && at < a->bucket.to && at >= a->bucket.from)
        return;
    flush(a);
    int64_t start = start_of(at, a->step), end = start > INT64_MAX - a->step ? INT64_MAX : start + a->step;
    a->bucket = (struct kp_bucket){ .from = start < a->from ? a->from : start, .to = end > a->to ? a->to : end };
}

static void join(struct aggregate *a, const struct kp_chunk_summary *s)
{
    turn_to(a, s->t0);
    if (a->more)
        kp_summary_join(&a->sum, s);
}

/* ---- parts of the range ---- */

static void take_points(struct aggregate *a, int64_t from, int64_t to)
{
    if (from >= to || kp_history_part(a->h, from, to, a->err))
        return;
    while (a->more && !a->err->code) {
        struct kp_chunk_summary whole;
        struct kp_sample p;
        if (kp_history_whole(a->h, a->step, &whole, a->err)) {
            join(a, &whole);
        } else if (!a->err->code && kp_history_next(a->h, &p, a->err)) {
            turn_to(a, p.at);
            if (a->more)
                kp_summary_point(&a->sum, &p);
        } else {
            return;
        }
    }
}

/* Numbers of the blocks of a level that overlap the range and have a rollup. */
static int64_t *find_blocks(struct aggregate *a, int level, int64_t from, int64_t to, size_t *n)
{
    int64_t *list = NULL, first = kp_rollup_block(level, from), last = kp_rollup_block(level, to - 1);
    size_t room = 0;
    *n = 0;
    if (last < 0)
        return NULL;
    struct kp_stmt *get = kp_db_prepare(a->h->db, "select id from rollup where id between ? and ? order by id", a->err);
    if (!get)
        return NULL;
    kp_bind_int(get, 1, kp_rollup_id(a->h->signal, level, first < 0 ? 0 : first));
    kp_bind_int(get, 2, kp_rollup_id(a->h->signal, level, last));
    while (kp_step(get, a->err)) {
        if (!kp_grow(&list, &room, *n + 1, sizeof *list)) {
            kp_fail(a->err, KP_ENOMEM, "out of memory reading rollups");
            break;
        }
        list[(*n)++] = kp_column_int(get, 0) & KP_ROLLUP_BLOCK;
    }
    kp_reset(get);
    return list;
}

/* Cuts the range to whole buckets of the block; false when none is left, or one lies in more than one step. */
static bool whole_buckets(const struct aggregate *a, int level, int64_t block, int64_t *from, int64_t *to)
{
    int64_t start = kp_rollup_start(level, block), step = kp_rollup_step(level), span = kp_rollup_span(level);
    if (start > INT64_MAX - span)
        return false;
    *to = *to >= start + span ? start + span : start + (*to - start) / step * step;
    *from = *from <= start ? start : start + (*from - start + step - 1) / step * step;
    return *from < *to && (a->step % step == 0 || start_of(*from, a->step) == start_of(*to - 1, a->step));
}

/* The buckets of the block from `from` to `to`. False: there is none that can be used; a damaged block is as good
 * as none. */
static bool take_block(struct aggregate *a, int level, int64_t block, int64_t from, int64_t to)
{
    struct kp_chunk_summary buckets[KP_ROLLUP_BUCKETS];
    size_t len, n = 0;
    if (kp_history_unsealed(a->h, from, to))
        return false;
    struct kp_stmt *get = kp_db_prepare(a->h->db, "select data from rollup where id = ?", a->err);
    if (!get)
        return true;
    kp_bind_int(get, 1, kp_rollup_id(a->h->signal, level, block));
    struct kp_err damage = { 0 };
    if (kp_step(get, a->err)) {
        const void *data = kp_column_blob(get, 0, &len);
        kp_rollup_decode(data, len, level, block, buckets, &n, &damage);
    }
    kp_reset(get);
    if (damage.code == KP_ENOMEM)
        kp_fail(a->err, KP_ENOMEM, "%s", damage.text);
    for (size_t i = 0; i < n && a->more && !a->err->code && !damage.code; i++)
        if (buckets[i].t0 >= from && buckets[i].t0 < to)
            join(a, &buckets[i]);
    return damage.code != KP_EPARSE;
}

/* Where there are rollups of the level, from them; in between from the next finer level. */
static void take_level(struct aggregate *a, int level, int64_t from, int64_t to)
{
    if (level < 0) {
        take_points(a, from, to);
        return;
    }
    size_t n;
    int64_t *blocks = find_blocks(a, level, from, to, &n);
    for (size_t i = 0; i < n && a->more && !a->err->code; i++) {
        int64_t start = from, end = to;
        if (!whole_buckets(a, level, blocks[i], &start, &end))
            continue;
        if (from < start)
            take_level(a, level - 1, from, start);
        if (!a->more || a->err->code)
            break;
        if (!take_block(a, level, blocks[i], start, end))
            take_level(a, level - 1, start, end);
        from = end;
    }
    kp_free(blocks);
    if (a->more && !a->err->code && from < to)
        take_level(a, level - 1, from, to);
}

/* ---- the whole ---- */

int64_t kp_history_before(struct kp_db *db, kp_signal signal, int64_t from, struct kp_err *err)
{
    int64_t low = INT64_MIN;
    struct kp_stmt *get = kp_db_prepare(
        db, "select t0 from chunk where id between ? and ? and t0 < ? order by id desc limit 1", err);
    if (!get)
        return low;
    kp_bind_int(get, 1, kp_chunk_id(signal, 0));
    kp_bind_int(get, 2, kp_chunk_id(signal, kp_chunk_tick(from)));
    kp_bind_int(get, 3, from);
    if (kp_step(get, err))
        low = kp_column_int(get, 0);
    kp_reset(get);
    return low;
}

static void carry_in(struct aggregate *a, int64_t low)
{
    struct kp_sample p;
    struct kp_summary last;
    kp_summary_clear(&last);
    if (kp_history_part(a->h, low, a->from, a->err))
        return;
    while (kp_history_next(a->h, &p, a->err)) {
        kp_summary_clear(&last);
        kp_summary_point(&last, &p);
    }
    if (last.s.n)
        carry(a, &last.s);
}

static enum kp_code run(struct aggregate *a, struct kp_db *reader, kp_signal signal, bool weighed, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    if (a->step <= 0)
        return kp_fail(err, KP_EINVALID, "the step of an aggregate must be longer than nothing");
    a->err = &failure;
    a->more = true;
    kp_summary_clear(&a->sum);
    if (a->from < a->to && !kp_db_read_begin(reader, &failure)) {
        int64_t low = weighed && a->from > INT64_MIN ? kp_history_before(reader, signal, a->from, &failure) : a->from;
        a->h = failure.code ? NULL : kp_history_open(reader, signal, low, a->to, &failure);
        if (a->h && low < a->from)
            carry_in(a, low);
        if (!failure.code)
            take_level(a, KP_HOURS, a->from, a->to);
        if (a->more && !failure.code)
            flush(a);
        kp_history_close(a->h);
        kp_db_read_end(reader);
    }
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}

enum kp_code kp_history_aggregate(struct kp_db *reader, kp_signal signal, int64_t from, int64_t to, int64_t step,
                                  bool (*each)(void *, const struct kp_bucket *), void *arg, struct kp_err *err)
{
    struct aggregate a = { .from = from, .to = to, .step = step, .each = each, .arg = arg };
    return run(&a, reader, signal, true, err);
}

enum kp_code kp_history_summaries(struct kp_db *reader, kp_signal signal, int64_t from, int64_t to, int64_t step,
                                  bool (*each)(void *, const struct kp_bucket *), void *arg, struct kp_err *err)
{
    struct aggregate a = { .from = from, .to = to, .step = step, .each = each, .arg = arg };
    return run(&a, reader, signal, false, err);
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
    for (size_t i = 0; h && i < h->journal.n; i++) {
        const struct kp_source *row = &h->journal.list[i];
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
