/* SPDX-License-Identifier: Apache-2.0 */
#include "store/engine.h"

#include <string.h>

#include "core/ban.h"

/* The last values of all signals, so that a start reads these and the journal's tail only. Written
 * stripe by stripe, each when its own tail has grown, so that no commit carries much of it. */
enum { SNAPSHOT_BYTES = 256 << 10 };
#define SNAPSHOT_AGE (60 * KP_SECOND)

/* ---- writing ---- */

bool kp_snapshot_due(const struct kp_store *s, unsigned stripe, int64_t mono)
{
    const struct kp_stripe_state *st = &s->stripes[stripe];
    if (!st->fresh)
        return false;
    return (st->fresh >= SNAPSHOT_BYTES && st->fresh / 4 >= st->snapshot_bytes) ||
           mono - st->fresh_since >= SNAPSHOT_AGE;
}

static enum kp_code encode(struct kp_store *s, unsigned stripe, struct kp_err *err)
{
    static const uint32_t end = UINT32_MAX;
    const struct kp_signals *g = &s->signals;
    kp_row_begin(&s->writer, s->last_commit == KP_NO_TIME ? kp_utc(s->clock) : s->last_commit);
    s->writer.historic = false;
    for (size_t block = (size_t)stripe * 64; block < g->n; block += (size_t)KP_STRIPES * 64)
        for (size_t i = block; i < block + 64; i++)
            if (g->last[i].signal)
                kp_row_add(&s->writer, &g->last[i], &end, 0);
    s->row.len = 0;
    s->row.failed = false;
    return kp_row_end(&s->writer, &s->row, err);
}

enum kp_code kp_snapshot_write(struct kp_store *s, unsigned stripe, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    encode(s, stripe, &failure);
    struct kp_stmt *put = failure.code ? NULL
                                       : kp_db_prepare(s->db,
                                                       "insert or replace into snapshot(stripe, seq, data) "
                                                       "values(?, ?, ?)",
                                                       &failure);
    if (put) {
        kp_bind_int(put, 1, stripe);
        kp_bind_int(put, 2, (int64_t)s->seq);
        kp_bind_blob(put, 3, s->row.data, s->row.len);
        kp_run(put, &failure);
        s->stripes[stripe].snapshot_bytes = s->row.len;
    }
    return failure.code ? kp_fail(err, failure.code, "the last values: %s", failure.text) : KP_OK;
}

void kp_snapshot_written(struct kp_store *s, unsigned stripe)
{
    s->stripes[stripe].snapshot_seq = s->seq;
    s->stripes[stripe].fresh = 0;
}

/* ---- reading ---- */

/* Keeps the last point of a block. */
static enum kp_code take_block(struct kp_store *s, const struct kp_row_reader *row, const uint8_t *block, size_t size,
                               struct kp_err *err)
{
    struct kp_block_reader points = { 0 };
    struct kp_sample sample = { 0 };
    struct kp_err failure = { 0 };
    kp_block_open(&points, row->signal, row->base, block, size);
    while (kp_block_next(&points, &sample, &failure))
        ;
    if (failure.code)
        return kp_fail(err, failure.code, "signal %u: %s", (unsigned)row->signal, failure.text);
    if (sample.signal && !kp_signals_keep(s, &sample))
        return kp_fail(err, KP_ENOMEM, "out of memory reading the last values");
    return KP_OK;
}

/* The last point of each signal in the row, unless a later row had one already (`seen` says so) or the snapshot has it. */
static enum kp_code take_row(struct kp_store *s, uint64_t seq, const void *data, size_t len, struct kp_err *err)
{
    struct kp_row_reader row;
    const uint8_t *block;
    size_t size;
    enum kp_code code = kp_row_open(&row, data, len, err);
    if (!code && row.base > s->last_commit)
        s->last_commit = row.base;
    while (!code && !row.historic && kp_row_next(&row, &block, &size)) {
        if (row.signal > KP_SIGNAL_LAST || seq <= s->stripes[kp_stripe(row.signal)].snapshot_seq)
            continue;
        if (!kp_signals_room(s, row.signal))
            return kp_fail(err, KP_ENOMEM, "out of memory reading the last values");
        if (s->signals.seen[row.signal])
            continue;
        code = take_block(s, &row, block, size, err);
        s->signals.seen[row.signal] = 1;
    }
    return code;
}

/* A damaged row costs its values, not the start. */
static enum kp_code take_or_skip(struct kp_store *s, struct kp_stmt *row, const char *what, int64_t id, uint64_t seq,
                                 struct kp_err *err)
{
    size_t len;
    struct kp_err failure = { 0 };
    const void *data = kp_column_blob(row, 1, &len);
    if (take_row(s, seq, data, len, &failure) == KP_ENOMEM)
        return kp_fail(err, KP_ENOMEM, "%s", failure.text);
    if (failure.code)
        kp_error("store", "a damaged row was left out; run koppel check", "table=%s id=%lld why=%s", what,
                 (long long)id, kp_log_quote(failure.text));
    return KP_OK;
}

/* Newest first: of each signal only the last block is decoded. */
static enum kp_code load_tail(struct kp_store *s, unsigned stripe, uint64_t after, uint64_t *bytes, struct kp_err *err)
{
    struct kp_stmt *get =
        kp_db_prepare(s->db, "select id, data from journal where id > ? and id <= ? order by id desc", err);
    if (!get)
        return err->code;
    kp_bind_int(get, 1, kp_journal_id(stripe, after));
    kp_bind_int(get, 2, kp_journal_id(stripe, KP_JOURNAL_SEQ));
    while (!err->code && kp_step(get, err)) {
        size_t len;
        uint64_t seq = (uint64_t)kp_column_int(get, 0) & KP_JOURNAL_SEQ;
        if (seq > s->seq)
            s->seq = seq;
        kp_column_blob(get, 1, &len);
        *bytes += len;
        take_or_skip(s, get, "journal", kp_column_int(get, 0), seq, err);
    }
    kp_reset(get);
    return err->code;
}

/* What the snapshot has is good unless the tail had something later. */
static enum kp_code load_stripe(struct kp_store *s, unsigned stripe, struct kp_err *err)
{
    struct kp_stripe_state *st = &s->stripes[stripe];
    struct kp_stmt *get = kp_db_prepare(s->db, "select seq, data from snapshot where stripe = ?", err);
    if (!get)
        return err->code;
    kp_bind_int(get, 1, stripe);
    bool any = kp_step(get, err);
    if (!err->code && load_tail(s, stripe, st->snapshot_seq, &st->fresh, err) == KP_OK && any)
        take_or_skip(s, get, "snapshot", stripe, UINT64_MAX, err);
    kp_reset(get);
    return err->code;
}

static enum kp_code find_snapshots(struct kp_store *s, struct kp_err *err)
{
    struct kp_stmt *get = kp_db_prepare(s->db, "select stripe, seq from snapshot where stripe between 0 and 15", err);
    while (get && kp_step(get, err)) {
        uint64_t seq = (uint64_t)kp_column_int(get, 1);
        s->stripes[kp_column_int(get, 0)].snapshot_seq = seq;
        if (seq > s->seq)
            s->seq = seq;
    }
    return err->code;
}

enum kp_code kp_snapshot_load(struct kp_store *s, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    uint64_t young = 0;
    int64_t cut = 0, mono = kp_mono(s->clock);
    kp_db_number(s->db, "select max(cut) from seal", 0, &cut, &failure);
    s->seq = (uint64_t)cut;
    if (!failure.code && !find_snapshots(s, &failure) && !kp_young_count(s, &failure))
        load_tail(s, KP_STRIPE_YOUNG, 0, &young, &failure); /* they are later than all others */
    for (unsigned i = 0; i < KP_STRIPES && !failure.code; i++) {
        s->stripes[i].fresh_since = mono;
        load_stripe(s, i, &failure);
    }
    memset(s->signals.seen, 0, s->signals.n * sizeof *s->signals.seen);
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}
