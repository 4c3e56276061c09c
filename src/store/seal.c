/* SPDX-License-Identifier: Apache-2.0 */
#include "store/engine.h"

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

struct seal_row {
    int64_t id;
    void *data;
    size_t len;
    struct kp_row_reader reader;
    const uint8_t *block;
    size_t size;
    bool more;    /* reader.signal and block are an entry not yet sealed */
    bool damaged; /* moved away at the end, not deleted */
};

struct kp_seal {
    bool active, noted, resumed;
    bool known;   /* there is no note in the file but ours */
    bool failing; /* the last turn did */
    unsigned stripe;
    uint64_t cut;
    kp_signal done;
    struct seal_row *rows;
    size_t n, room, deleted;
    size_t bytes;
    struct kp_sample *points;
    size_t points_room;
    struct kp_chunk_writer writer;
    int64_t retry_at;
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
    kp_buf_free(&s->seal->writer.blob);
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
    return due + ((s->seal && s->seal->active) || uncounted(s) >= 0);
}

/* ---- reading the rows ---- */

/* Moves on to the next entry beyond `done`. */
static void advance(struct seal_row *row, kp_signal done)
{
    do
        row->more = kp_row_next(&row->reader, &row->block, &row->size);
    while (row->more && row->reader.signal <= done);
}

static enum kp_code add_row(struct kp_seal *seal, struct kp_stmt *get, struct kp_err *err)
{
    if (!kp_grow(&seal->rows, &seal->room, seal->n + 1, sizeof *seal->rows))
        return kp_fail(err, KP_ENOMEM, "out of memory reading the journal");
    struct seal_row *row = &seal->rows[seal->n];
    *row = (struct seal_row){ .id = kp_column_int(get, 0) };
    if (seal->done == KP_SIGNAL_LAST) { /* only to be deleted */
        seal->n++;
        return KP_OK;
    }
    const void *data = kp_column_blob(get, 1, &row->len);
    row->data = kp_alloc(row->len);
    if (!row->data)
        return kp_fail(err, KP_ENOMEM, "out of memory reading the journal");
    if (row->len)
        memcpy(row->data, data, row->len);
    seal->n++;
    seal->bytes += row->len;
    struct kp_err failure = { 0 };
    if (kp_row_open(&row->reader, row->data, row->len, &failure)) {
        kp_error("store", "a damaged journal row is put aside; run koppel check", "id=%lld why=%s",
                 (long long)row->id, kp_log_quote(failure.text));
        row->damaged = true;
        return KP_OK;
    }
    advance(row, seal->done);
    return KP_OK;
}

static enum kp_code read_rows(struct kp_store *s, size_t limit, struct kp_err *err)
{
    struct kp_seal *seal = s->seal;
    struct kp_stmt *get =
        kp_db_prepare(s->db, "select id, data from journal where id between ? and ? order by id", err);
    if (!get)
        return err->code;
    kp_bind_int(get, 1, kp_journal_id(seal->stripe, 0));
    kp_bind_int(get, 2, kp_journal_id(seal->stripe, seal->cut));
    while (seal->bytes < limit && !err->code && kp_step(get, err))
        add_row(seal, get, err);
    kp_reset(get);
    return err->code;
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
    return err->code || !seal->active ? err->code : read_rows(s, SIZE_MAX, err);
}

/* What is counted from now on belongs to the rows after the cut. */
static void start_afresh(struct kp_store *s, struct kp_stripe_state *st)
{
    const struct kp_seal *seal = s->seal;
    const struct seal_row *last = &seal->rows[seal->n - 1];
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
    enum kp_code code = read_rows(s, s->options.seal_bytes, err);
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
    kp_signal low = KP_SIGNAL_LAST;
    for (size_t i = 0; i < seal->n; i++)
        if (seal->rows[i].more && seal->rows[i].reader.signal < low)
            low = seal->rows[i].reader.signal;
    return low;
}

static enum kp_code take_block(struct kp_seal *seal, struct seal_row *row, size_t *n, struct kp_err *err)
{
    struct kp_block_reader points = { 0 };
    struct kp_err failure = { 0 };
    kp_block_open(&points, row->reader.signal, row->reader.base, row->block, row->size);
    for (;;) {
        if (*n == seal->points_room && !kp_grow(&seal->points, &seal->points_room, *n + 1, sizeof *seal->points))
            return kp_fail(err, KP_ENOMEM, "out of memory sealing");
        if (!kp_block_next(&points, &seal->points[*n], &failure))
            break;
        ++*n;
    }
    if (failure.code && !row->damaged) {
        kp_error("store", "a damaged journal row is put aside; run koppel check", "id=%lld why=%s",
                 (long long)row->id, kp_log_quote(failure.text));
        row->damaged = true;
    }
    advance(row, row->reader.signal);
    return KP_OK;
}

/* All points of one signal; very many of them in portions. */
static enum kp_code seal_signal(struct kp_seal *seal, kp_signal signal, size_t *count, struct kp_err *err)
{
    size_t n = 0;
    uint64_t seq = 0;
    for (size_t i = 0; i < seal->n; i++) {
        struct seal_row *row = &seal->rows[i];
        enum kp_code code = KP_OK;
        if (!row->more || row->reader.signal != signal)
            continue;
        if (n >= SLICE_POINTS) {
            code = kp_chunks_write(&seal->writer, signal, seal->points, n, seq, err);
            *count += n;
            n = 0;
        }
        if (!code)
            code = take_block(seal, row, &n, err);
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
        if (*done == KP_SIGNAL_LAST)
            break;
        code = seal_signal(seal, *done, points, err);
    }
    if (!code && lowest(seal) == KP_SIGNAL_LAST)
        *done = KP_SIGNAL_LAST;
    return code ? code : write_done(s, *done, err);
}

static enum kp_code slice(struct kp_store *s, struct kp_err *err)
{
    struct kp_seal *seal = s->seal;
    kp_signal done = seal->done;
    size_t points = 0;
    uint64_t before = seal->writer.chunks;
    if (kp_db_exec(s->db, "begin immediate", err) || write_slice(s, &done, &points, err) ||
        kp_db_exec(s->db, "commit", err))
        return err->code;
    if (!seal->noted && s->stripes[seal->stripe].snapshot_seq < seal->cut)
        kp_snapshot_written(s, seal->stripe);
    seal->noted = true;
    seal->done = done;
    pthread_mutex_lock(&s->mutex);
    s->stats.sealed_points += points;
    s->stats.chunks += seal->writer.chunks - before;
    pthread_mutex_unlock(&s->mutex);
    if (done == KP_SIGNAL_LAST)
        free_data(seal);
    return KP_OK;
}

/* ---- a slice of deletion ---- */

static enum kp_code put_aside(struct kp_store *s, int64_t id, struct kp_err *err)
{
    struct kp_stmt *move = kp_db_prepare(s->db, "update or replace journal set id = ?2 where id = ?1", err);
    if (!move)
        return err->code;
    kp_bind_int(move, 1, id);
    kp_bind_int(move, 2, (int64_t)((uint64_t)id + ((uint64_t)KP_STRIPE_DAMAGED << 48)));
    return kp_run(move, err);
}

static enum kp_code delete_between(struct kp_store *s, int64_t first, int64_t last, struct kp_err *err)
{
    struct kp_stmt *del = kp_db_prepare(s->db, "delete from journal where id between ? and ?", err);
    if (!del)
        return err->code;
    kp_bind_int(del, 1, first);
    kp_bind_int(del, 2, last);
    return kp_run(del, err);
}

static enum kp_code delete_note(struct kp_store *s, struct kp_err *err)
{
    struct kp_stmt *del = kp_db_prepare(s->db, "delete from seal where stripe = ?", err);
    if (!del)
        return err->code;
    kp_bind_int(del, 1, s->seal->stripe);
    return kp_run(del, err);
}

static enum kp_code write_deletion(struct kp_store *s, size_t to, struct kp_err *err)
{
    struct kp_seal *seal = s->seal;
    enum kp_code code = KP_OK;
    for (size_t i = seal->deleted; i < to && !code; i++)
        if (seal->rows[i].damaged)
            code = put_aside(s, seal->rows[i].id, err);
    if (!code && to > seal->deleted)
        code = delete_between(s, seal->rows[seal->deleted].id, seal->rows[to - 1].id, err);
    return code || to < seal->n ? code : delete_note(s, err);
}

static enum kp_code delete_slice(struct kp_store *s, struct kp_err *err)
{
    struct kp_seal *seal = s->seal;
    struct kp_stripe_state *st = &s->stripes[seal->stripe];
    size_t to = seal->deleted, bytes = 0;
    while (to < seal->n && to - seal->deleted < DELETE_ROWS && bytes < DELETE_BYTES)
        bytes += seal->rows[to++].len;
    if (kp_db_exec(s->db, "begin immediate", err) || write_deletion(s, to, err) ||
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
    return seal->done == KP_SIGNAL_LAST ? delete_slice(s, err) : slice(s, err);
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
    if (s->signals.span) /* what of it was written is not known any more */
        memset(s->signals.span, 0, s->signals.n * sizeof *s->signals.span);
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
