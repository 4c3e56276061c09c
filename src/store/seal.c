/* SPDX-License-Identifier: Apache-2.0 */
#include "store/seal.h"

#include <string.h>

#include "core/ban.h"

/* Sealing, as journal.h says: the rows of one stripe are read once and held, their points go into chunks
 * signal by signal, a slice per transaction together with seal.done, then the rows are deleted in
 * slices. In memory there is nothing that the file does not say too: after any failure the whole
 * state is dropped and built again from the note. */
enum {
    SLICE_SIGNALS = 64,
    SLICE_POINTS = 65536,
    DELETE_ROWS = 256,
    DELETE_BYTES = 2 << 20,
};

static void free_data(struct kp_seal *seal)
{
    for (size_t i = 0; i < seal->n; i++) {
        kp_free(seal->rows[i].data);
        seal->rows[i].data = NULL;
        seal->rows[i].more = false;
    }
}

/* Back to idle; the buffers stay for the next one. */
static void drop(struct kp_seal *seal)
{
    free_data(seal);
    seal->active = seal->noted = seal->resumed = false;
    seal->done = 0;
    seal->n = seal->deleted = seal->bytes = 0;
}

void kp_seal_free(struct kp_store *s)
{
    if (!s->seal)
        return;
    free_data(s->seal);
    kp_free(s->seal->rows);
    kp_free(s->seal->points);
    kp_chunks_free(&s->seal->writer);
    kp_free(s->seal);
    s->seal = NULL;
}

static struct kp_seal *make_seal(struct kp_store *s)
{
    if (s->seal)
        return s->seal;
    s->seal = kp_alloc(sizeof *s->seal);
    if (!s->seal)
        return NULL;
    s->seal->retry_at = INT64_MIN;
    s->seal->writer.store = s;
    kp_buf_init(&s->seal->writer.blob, 1 << 30);
    return s->seal;
}

/* ---- what is left of earlier runs is counted one stripe a turn ---- */

static enum kp_code count_stripe(struct kp_store *s, unsigned i, struct kp_err *err)
{
    struct kp_stripe_state *st = &s->stripes[i];
    struct kp_stmt *count = kp_db_prepare(s->db,
                                          "select count(*), coalesce(sum(length(data)), 0) from journal "
                                          "where id between ? and ?",
                                          err);
    if (!count)
        return err->code;
    kp_bind_int(count, 1, kp_journal_id(i, 0));
    kp_bind_int(count, 2, kp_journal_id(i, KP_JOURNAL_SEQ));
    if (kp_step(count, err)) {
        bool older = (uint64_t)kp_column_int(count, 0) > st->rows;
        st->rows = (uint64_t)kp_column_int(count, 0);
        st->bytes = (uint64_t)kp_column_int(count, 1);
        if (older && s->loaded_at < st->oldest)
            st->oldest = s->loaded_at;
        st->counted = true;
    }
    kp_reset(count);
    return err->code;
}

static int uncounted(const struct kp_store *s)
{
    for (unsigned i = 0; i < KP_STRIPES; i++)
        if (!s->stripes[i].counted)
            return (int)i;
    return -1;
}

/* ---- which stripe is due ---- */

/* All stripes fill alike; the first time they seal at different levels, so that they do not seal all at once for ever
 * after. */
static bool has_enough(const struct kp_store *s, unsigned i)
{
    const struct kp_stripe_state *st = &s->stripes[i];
    uint64_t level = st->sealed ? 32 : 17 + i;
    return (st->signals && st->points * 32 >= (uint64_t)s->options.seal_points * st->signals * level) ||
           st->bytes * 32 >= s->options.seal_bytes * level;
}

static int due_stripe(const struct kp_store *s, bool all, unsigned *count)
{
    int64_t now = kp_utc(s->clock);
    uint64_t total = 0;
    for (unsigned i = 0; i < KP_STRIPES; i++)
        total += s->stripes[i].bytes;
    bool crowded = total > s->options.journal_bytes;
    int best = -1;
    *count = 0;
    for (unsigned i = 0; i < KP_STRIPES; i++) {
        const struct kp_stripe_state *st = &s->stripes[i];
        if (!st->rows)
            continue;
        bool old = st->oldest != KP_FOREVER && now - st->oldest >= s->options.journal_age;
        bool due = all || crowded || old || has_enough(s, i);
        *count += due;
        if (due && (best < 0 || st->bytes > s->stripes[best].bytes))
            best = (int)i;
    }
    return best;
}

unsigned kp_seal_wanted(const struct kp_store *s)
{
    unsigned due;
    if (s->seal && kp_mono(s->clock) < s->seal->retry_at)
        return 0;
    due_stripe(s, false, &due);
    return due + ((s->seal && s->seal->active) || uncounted(s) >= 0 || kp_young_due(s, false));
}

/* ---- beginning ---- */

/* A seal cut off by a crash, or by a failure in this run. */
static enum kp_code find_note(struct kp_store *s, struct kp_err *err)
{
    struct kp_seal *seal = s->seal;
    struct kp_stmt *get = kp_db_prepare(s->db, "select stripe, cut, done from seal order by stripe limit 1", err);
    if (!get)
        return err->code;
    if (kp_step(get, err)) {
        seal->active = seal->noted = seal->resumed = true;
        seal->stripe = (unsigned)kp_column_int(get, 0) % KP_STRIPES;
        seal->cut = (uint64_t)kp_column_int(get, 1) & KP_JOURNAL_SEQ;
        seal->done = (kp_signal)kp_column_int(get, 2);
    }
    kp_reset(get);
    seal->known = !err->code && !seal->active;
    return err->code || !seal->active ? err->code : kp_seal_read(s, SIZE_MAX, err);
}

/* What is counted from now on belongs to the rows after the cut. */
static void start_afresh(struct kp_store *s, struct kp_stripe_state *st)
{
    const struct kp_seal *seal = s->seal;
    const struct kp_seal_row *last = &seal->rows[seal->n - 1];
    st->points = 0;
    st->signals = 0;
    st->sealed = true;
    if (++st->generation == 0)
        st->generation = 1;
    st->oldest = st->rows > seal->n && !last->damaged ? last->reader.base : KP_FOREVER;
}

static enum kp_code begin(struct kp_store *s, unsigned stripe, struct kp_err *err)
{
    struct kp_seal *seal = s->seal;
    struct kp_stripe_state *st = &s->stripes[stripe];
    seal->stripe = stripe;
    seal->cut = KP_JOURNAL_SEQ;
    enum kp_code code = kp_seal_read(s, s->options.seal_bytes, err);
    if (code)
        return code;
    if (!seal->n) { /* the counts were wrong */
        st->rows = st->bytes = 0;
        return KP_OK;
    }
    seal->active = true;
    seal->cut = (uint64_t)seal->rows[seal->n - 1].id & KP_JOURNAL_SEQ;
    start_afresh(s, st);
    return KP_OK;
}

/* The note comes with the first slice. The snapshot must not lean on rows that will be gone. */
static enum kp_code write_note(struct kp_store *s, struct kp_err *err)
{
    struct kp_seal *seal = s->seal;
    enum kp_code code = KP_OK;
    if (s->stripes[seal->stripe].snapshot_seq < seal->cut)
        code = kp_snapshot_write(s, seal->stripe, err);
    struct kp_stmt *put = code ? NULL : kp_db_prepare(s->db, "insert into seal(stripe, cut, done) values(?, ?, 0)", err);
    if (!put)
        return err->code;
    kp_bind_int(put, 1, seal->stripe);
    kp_bind_int(put, 2, (int64_t)seal->cut);
    return kp_run(put, err);
}

/* ---- a slice of chunks ---- */

static kp_signal lowest(const struct kp_seal *seal)
{
    kp_signal low = KP_SEAL_DONE;
    for (size_t i = 0; i < seal->n; i++)
        if (seal->rows[i].more && seal->rows[i].reader.signal < low)
            low = seal->rows[i].reader.signal;
    return low;
}

/* All points of one signal; very many of them in portions. */
static enum kp_code seal_signal(struct kp_seal *seal, kp_signal signal, size_t *count, struct kp_err *err)
{
    size_t n = 0;
    uint64_t seq = 0;
    for (size_t i = 0; i < seal->n; i++) {
        struct kp_seal_row *row = &seal->rows[i];
        enum kp_code code = KP_OK;
        if (!row->more || row->reader.signal != signal)
            continue;
        if (n >= SLICE_POINTS) {
            code = kp_chunks_write(&seal->writer, signal, seal->points, n, seq, err);
            *count += n;
            n = 0;
        }
        if (!code)
            code = kp_seal_take(seal, row, &n, err);
        if (code)
            return code;
        seq = (uint64_t)row->id & KP_JOURNAL_SEQ;
    }
    *count += n;
    return n ? kp_chunks_write(&seal->writer, signal, seal->points, n, seq, err) : KP_OK;
}

static enum kp_code write_done(struct kp_store *s, kp_signal done, struct kp_err *err)
{
    struct kp_stmt *put = kp_db_prepare(s->db, "update seal set done = ? where stripe = ?", err);
    if (!put)
        return err->code;
    kp_bind_int(put, 1, done);
    kp_bind_int(put, 2, s->seal->stripe);
    return kp_run(put, err);
}

static enum kp_code write_slice(struct kp_store *s, kp_signal *done, size_t *points, struct kp_err *err)
{
    struct kp_seal *seal = s->seal;
    enum kp_code code = seal->noted ? KP_OK : write_note(s, err);
    unsigned signals = 0;
    while (!code && signals++ < SLICE_SIGNALS && *points < SLICE_POINTS) {
        *done = lowest(seal);
        if (*done == KP_SEAL_DONE)
            break;
        code = seal_signal(seal, *done, points, err);
    }
    if (!code && lowest(seal) == KP_SEAL_DONE)
        *done = KP_SEAL_DONE;
    return code ? code : write_done(s, *done, err);
}

static enum kp_code slice(struct kp_store *s, struct kp_err *err)
{
    struct kp_seal *seal = s->seal;
    kp_signal done = seal->done;
    size_t points = 0;
    struct kp_chunk_writer before = seal->writer;
    if (kp_db_exec(s->db, "begin immediate", err) || write_slice(s, &done, &points, err) ||
        kp_db_exec(s->db, "commit", err))
        return err->code;
    if (!seal->noted && s->stripes[seal->stripe].snapshot_seq < seal->cut)
        kp_snapshot_written(s, seal->stripe);
    seal->noted = true;
    seal->done = done;
    pthread_mutex_lock(&s->mutex);
    s->stats.sealed_points += points;
    s->stats.chunks += seal->writer.chunks - before.chunks;
    s->stats.duplicates += seal->writer.same - before.same;
    s->stats.replaced += seal->writer.replaced - before.replaced;
    s->stats.merged += seal->writer.merged - before.merged;
    pthread_mutex_unlock(&s->mutex);
    if (done == KP_SEAL_DONE)
        free_data(seal);
    return KP_OK;
}

/* ---- a slice of deletion ---- */

static enum kp_code delete_slice(struct kp_store *s, struct kp_err *err)
{
    struct kp_seal *seal = s->seal;
    struct kp_stripe_state *st = &s->stripes[seal->stripe];
    size_t to = seal->deleted, bytes = 0;
    while (to < seal->n && to - seal->deleted < DELETE_ROWS && bytes < DELETE_BYTES)
        bytes += seal->rows[to++].len;
    if (kp_db_exec(s->db, "begin immediate", err) || kp_seal_delete(s, to, err) ||
        kp_db_exec(s->db, "commit", err))
        return err->code;
    size_t rows = to - seal->deleted;
    st->rows -= rows < st->rows ? rows : st->rows;
    st->bytes -= bytes < st->bytes ? bytes : st->bytes;
    seal->deleted = to;
    if (to < seal->n)
        return KP_OK;
    if (!st->rows) {
        st->bytes = 0;
        st->oldest = KP_FOREVER;
    }
    if (seal->resumed)
        st->counted = false; /* its rows were not all counted */
    drop(seal);
    return KP_OK;
}

/* ---- the turn ---- */

static enum kp_code turn(struct kp_store *s, bool all, bool *did, struct kp_err *err)
{
    struct kp_seal *seal = s->seal;
    int next = uncounted(s);
    *did = true;
    if (kp_young_due(s, all))
        return kp_young_deal(s, err);
    if (!seal->active && !seal->known && find_note(s, err))
        return err->code;
    if (!seal->active && next >= 0)
        return count_stripe(s, (unsigned)next, err);
    if (!seal->active) {
        unsigned count;
        int due = due_stripe(s, all, &count);
        *did = due >= 0;
        if (due < 0 || begin(s, (unsigned)due, err) || !seal->active)
            return err->code;
    }
    return seal->done == KP_SEAL_DONE ? delete_slice(s, err) : slice(s, err);
}

bool kp_seal_turn(struct kp_store *s, bool all, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    bool did = false;
    int64_t mono = kp_mono(s->clock);
    if (!make_seal(s))
        kp_fail(&failure, KP_ENOMEM, "out of memory sealing");
    else if (!all && mono < s->seal->retry_at)
        return false;
    else
        turn(s, all, &did, &failure);
    if (!failure.code) {
        if (did && s->seal->failing)
            kp_store_condition(s, "store-seal", NULL);
        s->seal->failing &= !did;
        return did;
    }
    kp_store_undo(s);
    if (s->signals.span) { /* what of it was written is not known any more */
        memset(s->signals.span, 0, s->signals.n * sizeof *s->signals.span);
        memset(s->signals.marked, 0, s->signals.n * sizeof *s->signals.marked);
    }
    if (s->seal) {
        drop(s->seal);
        s->seal->known = false;
        s->seal->failing = true;
        s->seal->retry_at = mono + KP_SECOND;
    }
    kp_context(&failure, "the journal cannot be sealed and grows");
    kp_store_condition(s, "store-seal", failure.text);
    kp_error("store", "sealing failed and is tried again", "why=%s", kp_log_quote(failure.text));
    kp_fail(err, failure.code, "%s", failure.text);
    return false;
}
