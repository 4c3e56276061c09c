/* SPDX-License-Identifier: Apache-2.0 */
#include "store/history.h"
#include "store/rollup.h"

#include <string.h>

#include "core/ban.h"

/* Which blocks are due, and making their rows. */

/* ---- marking, by whoever seals ---- */

/* Of blocks whose points have been deleted the rollup is all that is left: it stays as it is. */
#define POINTS_ARE_THERE "not exists(select 1 from stored where signal = ?1 and cut > ?2)"

enum kp_code kp_rollup_mark_block(struct kp_db *db, kp_signal signal, int level, int64_t block, struct kp_err *err)
{
    struct kp_stmt *put = kp_db_prepare(
        db, "insert or ignore into rollup_due(signal, block) select ?1, ?3 where " POINTS_ARE_THERE, err);
    struct kp_stmt *del =
        put ? kp_db_prepare(db, "delete from rollup where id = ?3 and " POINTS_ARE_THERE, err) : NULL;
    if (!del)
        return err->code;
    for (int i = 0; i < 2; i++) {
        kp_bind_int(i ? put : del, 1, signal);
        kp_bind_int(i ? put : del, 2, kp_rollup_start(level, block));
    }
    kp_bind_int(put, 3, kp_rollup_due(level, block));
    kp_bind_int(del, 3, kp_rollup_id(signal, level, block));
    return kp_run(put, err) ? err->code : kp_run(del, err);
}

enum kp_code kp_rollup_mark(struct kp_store *s, kp_signal signal, const struct kp_sample *points, size_t n,
                            struct kp_err *err)
{
    int32_t *marked = &s->signals.marked[signal];
    int64_t done = -1;
    for (size_t i = 0; i < n; i++) {
        int64_t block = kp_rollup_block(KP_MINUTES, points[i].at);
        if (block == done || block < 0 || block + 1 == *marked)
            continue;
        for (int level = 0; level < KP_ROLLUP_LEVELS; level++)
            if (kp_rollup_mark_block(s->db, signal, level, kp_rollup_block(level, points[i].at), err))
                return err->code;
        done = block;
    }
    if (done >= 0)
        *marked = (int32_t)(done + 1);
    return KP_OK;
}

/* ---- making, in the housekeeping thread ---- */

enum { AT_ONCE = 16, SETTLE_S = 300 };

struct row {
    kp_signal signal;
    int level;
    int64_t block, writes;
    struct kp_buf blob; /* empty: none is wanted */
    bool failed;        /* its points cannot be read; it stays due */
};

struct work {
    struct kp_store *store;
    struct kp_db *db;
    struct row rows[AT_ONCE];
    size_t n;
    struct kp_chunk_summary buckets[KP_ROLLUP_BUCKETS];
    size_t n_buckets;
};

static void add_due(struct work *w, kp_signal signal, int64_t due)
{
    struct row *r = &w->rows[w->n++];
    *r = (struct row){ .signal = signal, .level = (int)(due >> 35), .block = due & KP_ROLLUP_BLOCK };
    kp_buf_init(&r->blob, 1 << 20);
}

/* Blocks that are over and had time to be sealed, behind those of the last turn. */
static enum kp_code find_due(struct work *w, struct kp_err *err)
{
    struct kp_store *s = w->store;
    int64_t settled = kp_utc(s->clock) - s->options.journal_age - SETTLE_S * KP_SECOND;
    struct kp_stmt *get = kp_db_prepare(w->db,
                                        "select signal, block from rollup_due where (signal, block) > (?1, ?2) "
                                        "and (block < ?3 or (block >= ?4 and block < ?5)) "
                                        "order by signal, block limit ?6",
                                        err);
    if (!get)
        return err->code;
    kp_bind_int(get, 1, s->rolled_signal);
    kp_bind_int(get, 2, s->rolled_block);
    kp_bind_int(get, 3, kp_rollup_block(KP_MINUTES, settled));
    kp_bind_int(get, 4, kp_rollup_due(KP_HOURS, 0));
    kp_bind_int(get, 5, kp_rollup_due(KP_HOURS, kp_rollup_block(KP_HOURS, settled)));
    kp_bind_int(get, 6, AT_ONCE);
    while (kp_step(get, err))
        add_due(w, (kp_signal)kp_column_int(get, 0), kp_column_int(get, 1));
    kp_reset(get);
    return err->code;
}

static enum kp_code writes_of(struct work *w, kp_signal signal, int64_t *writes, struct kp_err *err)
{
    struct kp_stmt *get = kp_db_prepare(w->db, "select writes from stored where signal = ?", err);
    if (!get)
        return err->code;
    *writes = 0;
    kp_bind_int(get, 1, signal);
    if (kp_step(get, err))
        *writes = kp_column_int(get, 0);
    kp_reset(get);
    return err->code;
}

static bool keep_bucket(void *arg, const struct kp_bucket *b)
{
    struct work *w = arg;
    w->buckets[w->n_buckets++] = b->points;
    return w->n_buckets < KP_ROLLUP_BUCKETS;
}

/* Minutes are worth their room when a minute that has points has at least 30 of them. */
static bool wants(const struct work *w, int level)
{
    size_t points = 0;
    for (size_t i = 0; i < w->n_buckets; i++)
        points += w->buckets[i].n;
    return points >= w->n_buckets * (level == KP_MINUTES ? 30 : 1) && points;
}

static enum kp_code make_row(struct work *w, struct row *r, struct kp_err *err)
{
    int64_t from = kp_rollup_start(r->level, r->block), to = from + kp_rollup_span(r->level);
    w->n_buckets = 0;
    if (writes_of(w, r->signal, &r->writes, err) ||
        kp_history_summaries(w->db, r->signal, from, to, kp_rollup_step(r->level), keep_bucket, w, err))
        return err->code;
    return wants(w, r->level) ? kp_rollup_encode(r->level, r->block, w->buckets, w->n_buckets, &r->blob, err)
                              : KP_OK;
}

/* One that cannot be made, for damage in its chunks, does not hold up the others. */
static enum kp_code make_rows(struct work *w, struct kp_err *damage, struct kp_err *err)
{
    for (size_t i = 0; i < w->n; i++) {
        struct kp_err failure = { 0 };
        if (!make_row(w, &w->rows[i], &failure))
            continue;
        if (failure.code != KP_EPARSE)
            return kp_fail(err, failure.code, "%s", failure.text);
        w->rows[i].failed = true;
        kp_fail(damage, KP_EPARSE, "%s; run koppel check", failure.text);
    }
    return KP_OK;
}

/* ---- writing, in the store thread ---- */

static enum kp_code put_row(struct kp_db *db, const struct row *r, struct kp_err *err)
{
    struct kp_stmt *put = kp_db_prepare(db,
                                        "insert or replace into rollup(id, data) select ?1, ?2 where "
                                        "coalesce((select writes from stored where signal = ?3), 0) = ?4",
                                        err);
    if (!put)
        return err->code;
    kp_bind_int(put, 1, kp_rollup_id(r->signal, r->level, r->block));
    kp_bind_blob(put, 2, r->blob.data, r->blob.len);
    kp_bind_int(put, 3, r->signal);
    kp_bind_int(put, 4, r->writes);
    return kp_run(put, err);
}

/* A block into which something was sealed meanwhile stays due. */
static enum kp_code drop_due(struct kp_db *db, const struct row *r, struct kp_err *err)
{
    struct kp_stmt *del = kp_db_prepare(db,
                                        "delete from rollup_due where signal = ?1 and block = ?2 and "
                                        "coalesce((select writes from stored where signal = ?1), 0) = ?3",
                                        err);
    if (!del)
        return err->code;
    kp_bind_int(del, 1, r->signal);
    kp_bind_int(del, 2, kp_rollup_due(r->level, r->block));
    kp_bind_int(del, 3, r->writes);
    return kp_run(del, err);
}

static enum kp_code write_rows(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct work *w = arg;
    for (size_t i = 0; i < w->n; i++) {
        const struct row *r = &w->rows[i];
        if (r->failed)
            continue;
        if ((r->blob.len && put_row(db, r, err)) || drop_due(db, r, err))
            return err->code;
        if (r->signal < w->store->signals.n) /* late points must be noted again */
            w->store->signals.marked[r->signal] = 0;
    }
    return KP_OK;
}

bool kp_rollup_turn(struct kp_store *s, struct kp_err *err)
{
    struct kp_err failure = { 0 }, damage = { 0 };
    struct work *w = kp_alloc(sizeof *w);
    if (!w) {
        kp_fail(err, KP_ENOMEM, "out of memory making rollups");
        return false;
    }
    w->store = s;
    w->db = kp_store_reader(s, &failure);
    if (w->db && !find_due(w, &failure) && w->n && !make_rows(w, &damage, &failure))
        kp_store_do(s, write_rows, w, &failure);
    kp_store_reader_done(s, w->db);
    bool more = w->n == AT_ONCE && !failure.code;
    s->rolled_signal = more ? w->rows[AT_ONCE - 1].signal : 0;
    s->rolled_block = more ? kp_rollup_due(w->rows[AT_ONCE - 1].level, w->rows[AT_ONCE - 1].block) : 0;
    for (size_t i = 0; i < w->n; i++)
        kp_buf_free(&w->rows[i].blob);
    kp_free(w);
    if (failure.code || (damage.code && !more)) /* of damage the last turn tells */
        kp_fail(err, failure.code ? failure.code : damage.code, "%s", failure.code ? failure.text : damage.text);
    return more;
}
