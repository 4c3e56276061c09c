/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks and rollups that are to go: collected through a reader, deleted in one small transaction. In between
 * the file may change, so that the transaction looks again at each. */
#include "store/retain.h"

#include <stdlib.h>

#include "core/ban.h"

/* ---- collecting ---- */

static int64_t block_at(int level, int64_t at)
{
    int64_t block = kp_rollup_block(level, at);
    return block > 0 ? block : 0;
}

/* Whether a rollup over this time is still to be made: then its points must stay. */
static bool is_due(struct kp_db *db, kp_signal signal, int64_t t0, int64_t t1, struct kp_err *err)
{
    bool due = false;
    for (int level = 0; level < KP_ROLLUP_LEVELS && !due; level++) {
        struct kp_stmt *find =
            kp_db_prepare(db, "select 1 from rollup_due where signal = ? and block between ? and ? limit 1", err);
        if (!find)
            return true;
        kp_bind_int(find, 1, signal);
        kp_bind_int(find, 2, kp_rollup_due(level, block_at(level, t0)));
        kp_bind_int(find, 3, kp_rollup_due(level, block_at(level, t1)));
        due = kp_step(find, err);
        kp_reset(find);
    }
    return due || err->code;
}

static struct kp_stmt *chunks_of(struct kp_db *db, kp_signal signal, int64_t from, int64_t before, struct kp_err *err)
{
    struct kp_stmt *get = kp_db_prepare(
        db, "select id, t0, t1, length(data) from chunk where id between ? and ? order by id", err);
    if (!get)
        return NULL;
    kp_bind_int(get, 1, from);
    kp_bind_int(get, 2, kp_chunk_id(signal, before == KP_FOREVER ? KP_CHUNK_TICK : kp_chunk_tick(before)));
    return get;
}

static struct kp_cut_chunk chunk_of(struct kp_stmt *row)
{
    return (struct kp_cut_chunk){ kp_column_int(row, 0), kp_column_int(row, 1), kp_column_int(row, 2),
                                  kp_column_int(row, 3) };
}

bool kp_cut_expired(struct kp_cut *cut, struct kp_db *db, kp_signal signal, int64_t before, int64_t *from,
                    struct kp_err *err)
{
    struct kp_stmt *get = chunks_of(db, signal, *from, before, err);
    while (get && cut->n < KP_CUT_MAX && kp_step(get, err)) {
        struct kp_cut_chunk c = chunk_of(get);
        *from = c.id + 1;
        if (c.t1 >= before)
            continue;
        if (is_due(db, signal, c.t0, c.t1, err))
            cut->waiting++;
        else
            cut->chunk[cut->n++] = c;
    }
    if (get)
        kp_reset(get);
    return !err->code && cut->n < KP_CUT_MAX;
}

/* A heap with the one that ends last on top. */
static void sift_down(struct kp_cut_chunk *heap, size_t n, size_t i)
{
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && heap[child + 1].t1 > heap[child].t1)
            child++;
        if (heap[i].t1 >= heap[child].t1)
            return;
        struct kp_cut_chunk c = heap[i];
        heap[i] = heap[child];
        heap[child] = c;
    }
}

static void offer(struct kp_cut *cut, struct kp_cut_chunk c)
{
    if (cut->n < KP_CUT_MAX) {
        cut->chunk[cut->n++] = c;
        for (size_t i = cut->n / 2; cut->n == KP_CUT_MAX && i-- > 0;)
            sift_down(cut->chunk, cut->n, i);
        return;
    }
    cut->chunk[0] = c;
    sift_down(cut->chunk, cut->n, 0);
}

enum kp_code kp_cut_oldest(struct kp_cut *cut, struct kp_db *db, kp_signal signal, struct kp_err *err)
{
    struct kp_stmt *get = chunks_of(db, signal, kp_chunk_id(signal, 0), KP_FOREVER, err);
    while (get && kp_step(get, err)) {
        struct kp_cut_chunk c = chunk_of(get);
        if (cut->n == KP_CUT_MAX && c.t1 >= cut->chunk[0].t1)
            break; /* the next ones end later still, or are looked at when this one has gone */
        if (is_due(db, signal, c.t0, c.t1, err))
            cut->waiting++;
        else
            offer(cut, c);
    }
    if (get)
        kp_reset(get);
    return err->code;
}

static int by_end(const void *a, const void *b)
{
    const struct kp_cut_chunk *x = a, *y = b;
    return x->t1 != y->t1 ? (x->t1 > y->t1) - (x->t1 < y->t1) : (x->id > y->id) - (x->id < y->id);
}

static int by_id(const void *a, const void *b)
{
    const struct kp_cut_chunk *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

void kp_cut_trim(struct kp_cut *cut, int64_t bytes)
{
    size_t n = 0;
    qsort(cut->chunk, cut->n, sizeof *cut->chunk, by_end);
    for (; n < cut->n && bytes > 0; n++)
        bytes -= cut->chunk[n].bytes;
    cut->n = n;
}

bool kp_cut_rollups(struct kp_cut *cut, struct kp_db *db, kp_signal signal, int64_t before, struct kp_err *err)
{
    for (int level = 0; level < KP_ROLLUP_LEVELS && !err->code; level++) {
        struct kp_stmt *get = kp_db_prepare(db, "select id from rollup where id >= ? and id < ? order by id", err);
        if (!get)
            break;
        kp_bind_int(get, 1, kp_rollup_id(signal, level, 0));
        kp_bind_int(get, 2, kp_rollup_id(signal, level, block_at(level, before)));
        while (cut->n_rollups < KP_CUT_MAX && kp_step(get, err))
            cut->rollup[cut->n_rollups++] = kp_column_int(get, 0);
        kp_reset(get);
    }
    return !err->code && cut->n_rollups < KP_CUT_MAX;
}

/* ---- deleting, in the store's thread ---- */

struct gone { /* of one signal */
    kp_signal signal;
    int64_t chunks, points, bytes, end;
};

static enum kp_code delete_row(struct kp_db *db, const char *sql, int64_t id, struct kp_err *err)
{
    struct kp_stmt *drop = kp_db_prepare(db, sql, err);
    if (!drop)
        return err->code;
    kp_bind_int(drop, 1, id);
    return kp_run(drop, err);
}

/* What is left begins later. Ids ascend with t0 but for a few chunks that begin in one moment. Of an empty signal the
 * row stays, for `cut`; its times are such that min and max of what comes are right. */
static enum kp_code write_stored(struct kp_db *db, const struct gone *g, struct kp_err *err)
{
    static const char sql[] =
        "update stored set chunks = chunks - ?2, points = points - ?3, bytes = bytes - ?4, t0 = coalesce((select min(t0) "
        "from (select t0 from chunk where id between ?5 and ?6 order by id limit 64)), 9223372036854775807), "
        "t1 = iif(chunks > ?2, t1, -9223372036854775807), cut = max(coalesce(cut, ?7), ?7) where signal = ?1";
    struct kp_stmt *put = kp_db_prepare(db, sql, err);
    if (!put)
        return err->code;
    kp_bind_int(put, 1, g->signal);
    kp_bind_int(put, 2, g->chunks);
    kp_bind_int(put, 3, g->points);
    kp_bind_int(put, 4, g->bytes);
    kp_bind_int(put, 5, kp_chunk_id(g->signal, 0));
    kp_bind_int(put, 6, kp_chunk_id(g->signal, KP_CHUNK_TICK));
    kp_bind_int(put, 7, g->end);
    return kp_run(put, err);
}

/* False when it is not the chunk that was collected any more, or a rollup over it became due. */
static bool still_goes(struct kp_db *db, const struct kp_cut_chunk *c, int64_t *points, struct kp_err *err)
{
    struct kp_stmt *get = kp_db_prepare(db, "select n from chunk where id = ? and t0 = ? and t1 = ? and length(data) = ?", err);
    if (!get)
        return false;
    kp_bind_int(get, 1, c->id);
    kp_bind_int(get, 2, c->t0);
    kp_bind_int(get, 3, c->t1);
    kp_bind_int(get, 4, c->bytes);
    bool found = kp_step(get, err);
    *points = found ? kp_column_int(get, 0) : 0;
    kp_reset(get);
    return found && !is_due(db, (kp_signal)(c->id >> 36), c->t0, c->t1, err);
}

static enum kp_code delete_chunks(struct kp_db *db, struct kp_cut *cut, struct kp_err *err)
{
    struct gone gone = { 0 };
    for (size_t i = 0; i < cut->n && !err->code; i++) {
        const struct kp_cut_chunk *c = &cut->chunk[i];
        int64_t points;
        if (gone.chunks && gone.signal != (kp_signal)(c->id >> 36)) {
            write_stored(db, &gone, err);
            gone = (struct gone){ 0 };
        }
        if (!still_goes(db, c, &points, err) || delete_row(db, "delete from chunk where id = ?", c->id, err))
            continue;
        int64_t end = gone.chunks && gone.end > c->t1 ? gone.end : c->t1 + 1;
        gone = (struct gone){ (kp_signal)(c->id >> 36), gone.chunks + 1, gone.points + points,
                              gone.bytes + c->bytes, end };
        cut->chunks++;
        cut->points += points;
        cut->bytes += c->bytes;
    }
    return err->code || !gone.chunks ? err->code : write_stored(db, &gone, err);
}

static enum kp_code delete_all(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct kp_cut *cut = arg;
    cut->chunks = cut->points = cut->bytes = cut->rollups = 0;
    if (delete_chunks(db, cut, err))
        return err->code;
    for (size_t i = 0; i < cut->n_rollups; i++)
        if (delete_row(db, "delete from rollup where id = ?", cut->rollup[i], err))
            return err->code;
    cut->rollups = (int64_t)cut->n_rollups;
    return KP_OK;
}

enum kp_code kp_cut_do(struct kp_cut *cut, struct kp_store *s, struct kp_err *err)
{
    qsort(cut->chunk, cut->n, sizeof *cut->chunk, by_id); /* signal by signal */
    return cut->n || cut->n_rollups ? kp_store_do(s, delete_all, cut, err) : KP_OK;
}
