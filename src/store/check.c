/* SPDX-License-Identifier: Apache-2.0 */
#include "store/quarantine.h"
#include "store/rollup.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/ban.h"

/* What SQLite cannot know: whether our own blobs decode, and whether the tables agree. */
struct check {
    struct kp_db *db;
    int faults;
    void (*found)(void *, const char *fault);
    void *arg;
    struct kp_arena arena;
    struct kp_sample *points; /* KP_CHUNK_MAX */
    struct kp_chunk_summary buckets[KP_ROLLUP_BUCKETS];
};

static void fault(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void fault(struct check *c, const char *fmt, ...)
{
    char text[2 * KP_ERR_TEXT];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    kp_utf8_trim(text);
    c->faults++;
    c->found(c->arg, text);
}

/* Walks the rows of a query; a failure of the query is a fault too. */
static void each_row(struct check *c, const char *sql, void (*look)(struct check *, struct kp_stmt *))
{
    struct kp_err err = { 0 };
    struct kp_stmt *get = kp_db_prepare(c->db, sql, &err);
    while (get && kp_step(get, &err))
        look(c, get);
    if (get)
        kp_reset(get);
    if (err.code)
        fault(c, "%s", err.text);
}

/* ---- structure ---- */

static void look_integrity(struct check *c, struct kp_stmt *row)
{
    const char *text = kp_column_text(row, 0);
    if (text && sqlite3_stricmp(text, "ok") != 0)
        fault(c, "structure of the file: %s", text);
}

/* ---- chunks ---- */

static bool same(double a, double b)
{
    return a == b || (a != a && b != b);
}

static void compare_columns(struct check *c, struct kp_stmt *row, int64_t id, size_t n)
{
    struct kp_chunk_summary sum;
    kp_chunk_summarise(c->points, n, &sum);
    bool times = kp_column_int(row, 1) == sum.t0 && kp_column_int(row, 2) == sum.t1;
    bool counts = (size_t)kp_column_int(row, 3) == sum.n && (size_t)kp_column_int(row, 4) == sum.good;
    bool numbers = !sum.good || (same(kp_column_double(row, 5), sum.min) && same(kp_column_double(row, 6), sum.max) &&
                                 same(kp_column_double(row, 7), sum.sum) && same(kp_column_double(row, 8), sum.first) &&
                                 same(kp_column_double(row, 9), sum.last));
    if (!kp_column_null(row, 10)) /* a file of version 1 has no more */
        numbers = numbers && (size_t)kp_column_int(row, 10) == sum.bad && kp_column_int(row, 12) == sum.good_ns &&
                  kp_column_int(row, 13) == sum.bad_ns &&
                  (kp_column_null(row, 14) || (same(kp_column_double(row, 11), sum.area) && kp_column_int(row, 14) == sum.held));
    if (!times || !counts || !numbers)
        fault(c, "chunk %lld of signal %lld: its columns do not agree with its points", (long long)id,
              (long long)(id >> 36));
}

static void look_chunk(struct check *c, struct kp_stmt *row)
{
    int64_t id = kp_column_int(row, 0);
    struct kp_err err = { 0 };
    size_t len, n = 0;
    const void *data = kp_column_blob(row, 15, &len);
    if (kp_chunk_decode(data, len, (kp_signal)(id >> 36), c->points, &n, &c->arena, &err))
        fault(c, "chunk %lld of signal %lld: %s", (long long)id, (long long)(id >> 36), err.text);
    else
        compare_columns(c, row, id, n);
    kp_arena_reset(&c->arena);
}

static void look_span(struct check *c, struct kp_stmt *row)
{
    fault(c, "chunk %lld of signal %lld reaches further than the signal's span says: readers may miss it",
          (long long)kp_column_int(row, 0), (long long)kp_column_int(row, 1));
}

/* ---- journal ---- */

static void look_blocks(struct check *c, struct kp_row_reader *reader, const char *table, int64_t id, unsigned stripe)
{
    const uint8_t *block;
    size_t size;
    while (kp_row_next(reader, &block, &size)) {
        struct kp_err err = { 0 };
        struct kp_block_reader points = { 0 };
        struct kp_sample sample;
        kp_block_open(&points, reader->signal, reader->base, block, size);
        while (kp_block_next(&points, &sample, &err))
            ;
        if (err.code)
            fault(c, "%s row %lld, signal %u: %s", table, (long long)id, (unsigned)reader->signal, err.text);
        else if (stripe != KP_STRIPE_YOUNG && kp_stripe(reader->signal) != stripe)
            fault(c, "%s row %lld has signal %u of another stripe", table, (long long)id, (unsigned)reader->signal);
    }
}

static void look_row(struct check *c, struct kp_stmt *row, const char *table, unsigned stripe)
{
    int64_t id = kp_column_int(row, 0);
    struct kp_row_reader reader;
    struct kp_err err = { 0 };
    size_t len;
    const void *data = kp_column_blob(row, 1, &len);
    if (stripe >= KP_STRIPE_KEPT && stripe < KP_STRIPE_YOUNG)
        stripe -= KP_STRIPE_KEPT;
    else if (stripe >= KP_STRIPE_DAMAGED && stripe < KP_STRIPE_KEPT) {
        fault(c, "journal row %lld was put aside as damaged; its points are not in the history", (long long)id);
        return;
    }
    if (kp_row_open(&reader, data, len, &err))
        fault(c, "%s row %lld: %s", table, (long long)id, err.text);
    else
        look_blocks(c, &reader, table, id, stripe);
}

static void look_journal(struct check *c, struct kp_stmt *row)
{
    look_row(c, row, "journal", (unsigned)(kp_column_int(row, 0) >> 48));
}

static void look_snapshot(struct check *c, struct kp_stmt *row)
{
    look_row(c, row, "snapshot", (unsigned)kp_column_int(row, 0));
}

/* ---- references ---- */

static void look_asset(struct check *c, struct kp_stmt *row)
{
    fault(c, "asset %lld (%s) lies under asset %lld, which is missing", (long long)kp_column_int(row, 0),
          kp_column_text(row, 1), (long long)kp_column_int(row, 2));
}

static void look_signal(struct check *c, struct kp_stmt *row)
{
    fault(c, "signal %lld (%s) belongs to asset %lld, which is missing", (long long)kp_column_int(row, 0),
          kp_column_text(row, 1), (long long)kp_column_int(row, 2));
}

static void look_seal(struct check *c, struct kp_stmt *row)
{
    fault(c, "the note of sealing names stripe %lld, which does not exist", (long long)kp_column_int(row, 0));
}

/* ---- what version 2 added ---- */

static void look_stored(struct check *c, struct kp_stmt *row)
{
    fault(c, "signal %lld: what is noted of all its chunks does not agree with them", (long long)kp_column_int(row, 0));
}

static void look_rollup(struct check *c, struct kp_stmt *row)
{
    int64_t id = kp_column_int(row, 0);
    struct kp_err err = { 0 };
    size_t len, n;
    const void *data = kp_column_blob(row, 1, &len);
    if (kp_rollup_decode(data, len, id >> 35 & 1, id & KP_ROLLUP_BLOCK, c->buckets, &n, &err))
        fault(c, "rollup %lld of signal %lld: %s", (long long)id, (long long)(id >> 36), err.text);
}

static void look_held(struct check *c, struct kp_stmt *row)
{
    struct kp_row_reader reader;
    struct kp_err err = { 0 };
    size_t len;
    const void *data = kp_column_blob(row, 1, &len);
    if (kp_row_open(&reader, data, len, &err))
        fault(c, "quarantine row %lld: %s", (long long)kp_column_int(row, 0), err.text);
}

static void run_new(struct check *c)
{
    each_row(c,
             "select coalesce(a.signal, b.signal) from (select id >> 36 signal, count(*) chunks, sum(n) points, "
             "sum(length(data)) bytes, min(t0) t0, max(t1) t1 from chunk group by 1) a full join stored b on a.signal = b.signal "
             "where coalesce(a.chunks, 0) <> coalesce(b.chunks, 0) or coalesce(a.points, 0) <> coalesce(b.points, 0) or "
             "coalesce(a.bytes, 0) <> coalesce(b.bytes, 0) or a.t0 < b.t0 or a.t1 > b.t1",
             look_stored);
    each_row(c, "select id, data from rollup order by id", look_rollup);
    each_row(c, "select id, data from quarantine order by id", look_held);
}

static void run(struct check *c)
{
    int64_t version = 0;
    kp_db_number(c->db, "pragma user_version", 0, &version, NULL);
    each_row(c, "pragma integrity_check(20)", look_integrity);
    each_row(c, version < 2 ? "select id, t0, t1, n, good, vmin, vmax, vsum, vfirst, vlast, null, 0, 0, 0, null, data from chunk order by id"
                         : "select id, t0, t1, n, good, vmin, vmax, vsum, vfirst, vlast, bad, area, good_ns, bad_ns, held, data "
                           "from chunk order by id", look_chunk);
    each_row(c,
             "select c.id, s.id from chunk c join signal s on s.id = c.id >> 36 where "
             "(max(c.t1, 946684800000000000) - max(c.t0, 946684800000000000)) / 125000000 > s.span + 1",
             look_span);
    each_row(c, "select id, data from journal order by id", look_journal);
    each_row(c, "select stripe, data from snapshot order by stripe", look_snapshot);
    each_row(c, "select stripe from seal where stripe not between 0 and 15", look_seal);
    each_row(c, "select id, name, parent from asset where parent <> 0 and parent not in (select id from asset)",
             look_asset);
    each_row(c, "select id, name, asset from signal where asset <> 0 and asset not in (select id from asset)",
             look_signal);
    if (version >= 2)
        run_new(c);
}

int kp_store_check(const char *file, void (*found)(void *, const char *fault), void *arg, struct kp_err *err)
{
    struct check c = { .found = found, .arg = arg };
    c.points = kp_alloc(KP_CHUNK_MAX * sizeof *c.points);
    if (!c.points) {
        kp_fail(err, KP_ENOMEM, "out of memory checking %s", file);
        return -1;
    }
    c.db = kp_store_open_reader(file, err);
    if (c.db)
        run(&c);
    kp_store_close_reader(c.db);
    kp_arena_free(&c.arena);
    kp_free(c.points);
    return c.db ? c.faults : -1;
}
