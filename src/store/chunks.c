/* SPDX-License-Identifier: Apache-2.0 */
#include "store/rollup.h"

#include <math.h>

#include "core/ban.h"

/* Points of one signal become rows of the table chunk. */
enum { CHUNK_TEXT = 1 << 20 }; /* bytes behind the values of one chunk, so that a blob stays small */

/* One chunk has one type (or null), and not too much text. Returns where the run that starts at `from` ends. */
static size_t run_end(const struct kp_sample *p, size_t from, size_t n)
{
    uint8_t type = KP_NULL;
    size_t text = 0, i = from;
    for (; i < n; i++) {
        uint8_t own = p[i].value.type;
        if (own != KP_NULL && type != KP_NULL && own != type)
            break;
        if (own != KP_NULL)
            type = own;
        text += p[i].value.len;
        if (text > CHUNK_TEXT && i > from)
            break;
    }
    return i;
}

enum kp_code kp_chunk_insert(struct kp_db *db, int64_t id, uint64_t seq, const struct kp_chunk_summary *sum,
                             const void *blob, size_t len, struct kp_err *err)
{
    struct kp_stmt *insert =
        kp_db_prepare(db,
                      "insert or ignore into chunk(id, t0, t1, seq, n, good, bad, vmin, vmax, vsum, vfirst, vlast, "
                      "area, good_ns, bad_ns, held, data) values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      err);
    if (!insert)
        return err->code;
    const double numbers[] = { sum->min, sum->max, sum->sum, sum->first, sum->last };
    kp_bind_int(insert, 1, id);
    kp_bind_int(insert, 2, sum->t0);
    kp_bind_int(insert, 3, sum->t1);
    kp_bind_int(insert, 4, (int64_t)seq);
    kp_bind_int(insert, 5, (int64_t)sum->n);
    kp_bind_int(insert, 6, (int64_t)sum->good);
    kp_bind_int(insert, 7, (int64_t)sum->bad);
    for (int i = 0; i < 5; i++)
        kp_bind_double(insert, 8 + i, sum->good ? numbers[i] : NAN);
    kp_bind_double(insert, 13, sum->area);
    kp_bind_int(insert, 14, sum->good_ns);
    kp_bind_int(insert, 15, sum->bad_ns);
    if (isfinite(sum->area)) /* else the columns do not tell all: null sends readers to the points */
        kp_bind_int(insert, 16, sum->held);
    else
        kp_bind_text(insert, 16, NULL);
    kp_bind_blob(insert, 17, blob, len);
    return kp_run(insert, err);
}

/* Under the id of its first time or the next free one; ids of one call ascend with time. */
static enum kp_code insert_chunk(struct kp_chunk_writer *w, const struct kp_chunk_summary *sum, uint64_t seq,
                                 struct kp_err *err)
{
    int64_t tick = kp_chunk_tick(sum->t0), id = kp_chunk_id(w->signal, tick);
    if (id <= w->last_id)
        id = w->last_id + 1;
    for (;; id++) {
        if (id > kp_chunk_id(w->signal, KP_CHUNK_TICK))
            return kp_fail(err, KP_EFULL, "signal %u has too many chunks in one moment", (unsigned)w->signal);
        enum kp_code code = kp_chunk_insert(w->store->db, id, seq, sum, w->blob.data, w->blob.len, err);
        if (code)
            return code;
        if (kp_db_changes(w->store->db))
            break;
    }
    w->last_id = id;
    int64_t beyond = (id & KP_CHUNK_TICK) - tick, reach = kp_chunk_tick(sum->t1) - tick;
    int64_t span = reach > beyond ? reach : beyond;
    if (span > w->span)
        w->span = span;
    w->chunks++;
    w->stored.chunks++;
    w->stored.points += (int64_t)sum->n;
    w->stored.bytes += (int64_t)w->blob.len;
    return KP_OK;
}

/* How many points of a run make chunks of which a whole number fills a page: what does not fit into one is left
 * empty, a fifth of the file when two large ones fall short of it. `bytes` is what `target` points took the last time; 0 = not known. */
static size_t fitting(size_t target, size_t n, size_t bytes)
{
    enum { PAGE = 8180, ROW = 105 }; /* less its head; the columns beside the blob, and SQLite's own */
    for (size_t k = 1; bytes > PAGE / 12; k++) {
        size_t points = (PAGE / k - ROW) * target / bytes;
        points -= points / 64; /* some are larger than others */
        if (points < target / 2)
            break;
        if (points <= n && points <= target + target / 4)
            return points;
    }
    return 0;
}

static enum kp_code write_run(struct kp_chunk_writer *w, const struct kp_sample *p, size_t n, uint64_t seq,
                              struct kp_err *err)
{
    size_t target = w->store->options.seal_points, chunks = (n + target / 2) / target;
    uint16_t *dense = &w->store->signals.dense[w->signal];
    size_t fit = n >= target / 2 ? fitting(target, n, *dense) : 0;
    for (size_t i = 0, from = 0; from < n; i++) {
        /* equal parts: 1,030 points are one chunk, not 1,024 + 6; what is left of parts that fit is joined with the
         * next points */
        size_t to = fit ? (n - from > fit ? from + fit : n) : chunks ? n * (i + 1) / chunks : n;
        struct kp_chunk_summary sum;
        w->blob.len = 0;
        w->blob.failed = false;
        enum kp_code code = kp_chunk_encode(p + from, to - from, &w->blob, err);
        if (code)
            return code;
        if (to - from >= target / 2) {
            size_t bytes = w->blob.len * target / (to - from);
            *dense = bytes < UINT16_MAX ? (uint16_t)bytes : UINT16_MAX;
        }
        kp_chunk_summarise(p + from, to - from, &sum);
        code = insert_chunk(w, &sum, seq, err);
        if (code)
            return code;
        from = to;
    }
    return KP_OK;
}

/* A reader seeks back by the span: it must never be too small. */
static enum kp_code write_span(struct kp_chunk_writer *w, struct kp_err *err)
{
    struct kp_store *s = w->store;
    uint32_t span = w->span > UINT32_MAX ? UINT32_MAX : (uint32_t)w->span;
    if (w->span <= s->signals.span[w->signal] && s->signals.span[w->signal] != UINT32_MAX)
        return KP_OK;
    struct kp_stmt *put = kp_db_prepare(s->db, "update signal set span = ?2 where id = ?1 and span < ?2", err);
    if (!put)
        return err->code;
    kp_bind_int(put, 1, w->signal);
    kp_bind_int(put, 2, w->span);
    s->signals.span[w->signal] = span;
    return kp_run(put, err);
}

static enum kp_code write_stored(struct kp_chunk_writer *w, struct kp_err *err)
{
    struct kp_stmt *put =
        kp_db_prepare(w->store->db,
                      "insert into stored(signal, chunks, points, bytes, t0, t1, writes) values(?1, ?2, ?3, ?4, ?5, ?6, 1) "
                      "on conflict(signal) do update set chunks = chunks + ?2, points = points + ?3, "
                      "bytes = bytes + ?4, t0 = min(t0, ?5), t1 = max(t1, ?6), writes = writes + 1",
                      err);
    if (!put)
        return err->code;
    kp_bind_int(put, 1, w->signal);
    kp_bind_int(put, 2, w->stored.chunks);
    kp_bind_int(put, 3, w->stored.points);
    kp_bind_int(put, 4, w->stored.bytes);
    kp_bind_int(put, 5, w->stored.t0);
    kp_bind_int(put, 6, w->stored.t1);
    return kp_run(put, err);
}

/* Runs of one type, in the order of time. */
static enum kp_code write_runs(struct kp_chunk_writer *w, const struct kp_sample *points, size_t n, uint64_t seq,
                               struct kp_err *err)
{
    w->last_id = 0; /* what was written before may be about later times */
    for (size_t from = 0; from < n;) {
        size_t to = run_end(points, from, n);
        enum kp_code code = write_run(w, points + from, to - from, seq, err);
        if (code)
            return code;
        from = to;
    }
    return KP_OK;
}

/* From the last to the first, so many at a time as meet the same chunks. */
static enum kp_code write_groups(struct kp_chunk_writer *w, struct kp_sample *points, size_t n, uint64_t seq,
                                 struct kp_err *err)
{
    while (n) {
        struct kp_sample *all;
        size_t from, n_all;
        enum kp_code code = kp_tail_take(w, points, n, &from, &all, &n_all, err);
        if (!code)
            code = write_runs(w, all, n_all, seq, err);
        if (code)
            return code;
        n = from;
    }
    return KP_OK;
}

enum kp_code kp_chunks_write(struct kp_chunk_writer *w, kp_signal signal, struct kp_sample *points, size_t n,
                             uint64_t seq, struct kp_err *err)
{
    w->signal = signal;
    w->span = 0;
    if (!kp_signals_room(w->store, signal) || !kp_points_sort(points, n))
        return kp_fail(err, KP_ENOMEM, "out of memory sealing %zu points", n);
    n = kp_points_unique(points, n, &w->same, &w->replaced);
    if (!n)
        return KP_OK;
    w->stored = (struct kp_stored_change){ .t0 = points[0].at, .t1 = points[n - 1].at };
    if (kp_rollup_mark(w->store, signal, points, n, err) || write_groups(w, points, n, seq, err) || write_stored(w, err))
        return err->code;
    return write_span(w, err);
}

void kp_chunks_free(struct kp_chunk_writer *w)
{
    kp_buf_free(&w->blob);
    kp_tail_free(w);
}
