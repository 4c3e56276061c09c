/* SPDX-License-Identifier: Apache-2.0 */
#include "store/engine.h"

#include <string.h>

#include "core/ban.h"

/* A commit of few samples writes one row for all stripes at the journal's end: a page or two, where a row a stripe
 * would touch a page each. When there are enough of them, such rows are dealt out to the stripes in one transaction,
 * which fills each page it touches. All of them at once, and no row goes to a stripe while there are any: so the rows
 * of a stripe are always older than these, which sealing relies on. */
enum {
    SAMPLE_BYTES = 16, /* in a row, or a little less */
    LARGE_PART = 4,    /* of what is dealt out at once: a commit of more fills the pages of its stripes by itself */
    AGE_PART = 6,      /* of the age at which the journal is sealed */
};

static bool is_small(const struct kp_store *s)
{
    return s->pending.n * SAMPLE_BYTES + s->pending.text < s->options.young_bytes / LARGE_PART;
}

bool kp_young_takes(const struct kp_store *s)
{
    return s->young.rows || s->extra || is_small(s);
}

/* So that a large commit need not be written twice. Where this fails it goes the way of the small ones. */
enum kp_code kp_young_make_way(struct kp_store *s, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    if (!s->young.rows || is_small(s) || !kp_young_deal(s, &failure))
        return KP_OK;
    kp_store_undo(s);
    return s->reopen ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}

enum kp_code kp_young_count(struct kp_store *s, struct kp_err *err)
{
    struct kp_stmt *count = kp_db_prepare(
        s->db, "select count(*), coalesce(sum(length(data)), 0) from journal where id between ? and ?", err);
    if (!count)
        return err->code;
    struct kp_err failure = { 0 };
    kp_bind_int(count, 1, kp_journal_id(KP_STRIPE_YOUNG, 0));
    kp_bind_int(count, 2, kp_journal_id(KP_STRIPE_YOUNG, KP_JOURNAL_SEQ));
    if (kp_step(count, &failure)) {
        if (!s->young.rows)
            s->young.since = kp_mono(s->clock);
        s->young.rows = (uint64_t)kp_column_int(count, 0);
        s->young.bytes = (uint64_t)kp_column_int(count, 1);
        s->young.wanted = s->young.rows > 0;
    }
    kp_reset(count);
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}

void kp_young_written(struct kp_store *s, size_t bytes)
{
    struct kp_young *y = &s->young;
    if (!y->rows)
        y->since = kp_mono(s->clock);
    y->rows++;
    y->bytes += bytes;
    y->wanted |= !is_small(s);
    for (unsigned i = 0; i < KP_STRIPES; i++)
        y->points[i] += s->pending.points[i];
}

bool kp_young_due(const struct kp_store *s, bool all)
{
    const struct kp_young *y = &s->young;
    return y->rows && (all || y->wanted || y->bytes >= s->options.young_bytes ||
                       kp_mono(s->clock) - y->since >= s->options.journal_age / AGE_PART);
}

/* ---- dealing out ---- */

struct dealt { /* to one stripe */
    uint64_t rows, bytes;
    int64_t oldest;
};

static void count_signal(struct kp_store *s, kp_signal signal)
{
    struct kp_signals *g = &s->signals;
    struct kp_stripe_state *stripe = &s->stripes[kp_stripe(signal)];
    if (signal >= g->n || g->seen[signal] == stripe->generation)
        return;
    g->seen[signal] = stripe->generation;
    stripe->signals++;
}

static enum kp_code insert(struct kp_store *s, int64_t id, struct kp_row_writer *w, struct dealt *d, struct kp_err *err)
{
    s->row.len = 0;
    s->row.failed = false;
    if (kp_row_end(w, &s->row, err))
        return err->code;
    if (!d->rows++)
        d->oldest = w->base;
    d->bytes += s->row.len;
    return kp_journal_insert(s, id, err);
}

static enum kp_code deal_row(struct kp_store *s, uint64_t seq, struct kp_row_reader *row, struct dealt *dealt,
                             struct kp_err *err)
{
    const uint8_t *block;
    size_t size;
    for (unsigned i = 0; i < KP_STRIPES; i++) {
        kp_row_begin(&s->young.writer[i], row->base);
        s->young.writer[i].historic = row->historic;
    }
    while (kp_row_next(row, &block, &size)) {
        kp_row_add_block(&s->young.writer[kp_stripe(row->signal)], row->signal, block, size);
        count_signal(s, row->signal);
    }
    for (unsigned i = 0; i < KP_STRIPES && !err->code; i++)
        if (s->young.writer[i].signals)
            insert(s, kp_journal_id(i, seq), &s->young.writer[i], &dealt[i], err);
    return err->code;
}

/* Copies the next row after `*id`, since its page moves under what is inserted. False at the end or on failure. */
static bool next_row(struct kp_store *s, int64_t *id, struct kp_err *err)
{
    struct kp_buf *copy = &s->young.row;
    struct kp_stmt *get = kp_db_prepare(s->db, "select id, data from journal where id > ? and id <= ? order by id limit 1", err);
    if (!get)
        return false;
    kp_bind_int(get, 1, *id);
    kp_bind_int(get, 2, kp_journal_id(KP_STRIPE_YOUNG, KP_JOURNAL_SEQ));
    bool any = kp_step(get, err);
    if (any) {
        size_t len;
        const void *data = kp_column_blob(get, 1, &len);
        *id = kp_column_int(get, 0);
        copy->len = 0;
        kp_buf_add(copy, data, len);
        if (copy->failed)
            kp_fail(err, KP_ENOMEM, "out of memory reading the journal");
        copy->failed = false;
    }
    kp_reset(get);
    return any && !err->code;
}

static enum kp_code put_aside(struct kp_store *s, int64_t id, const struct kp_err *why, struct kp_err *err)
{
    kp_error("store", "a damaged journal row is put aside; run koppel check", "id=%lld why=%s", (long long)id,
             kp_log_quote(why->text));
    struct kp_stmt *move = kp_db_prepare(s->db, "update or replace journal set id = ? where id = ?", err);
    if (!move)
        return err->code;
    kp_bind_int(move, 1, kp_journal_id(KP_STRIPE_DAMAGED, (uint64_t)id & KP_JOURNAL_SEQ));
    kp_bind_int(move, 2, id);
    return kp_run(move, err);
}

static enum kp_code delete_all(struct kp_store *s, struct kp_err *err)
{
    struct kp_stmt *del = kp_db_prepare(s->db, "delete from journal where id between ? and ?", err);
    if (!del)
        return err->code;
    kp_bind_int(del, 1, kp_journal_id(KP_STRIPE_YOUNG, 0));
    kp_bind_int(del, 2, kp_journal_id(KP_STRIPE_YOUNG, KP_JOURNAL_SEQ));
    return kp_run(del, err);
}

static enum kp_code deal_all(struct kp_store *s, struct dealt *dealt, struct kp_err *err)
{
    int64_t id = kp_journal_id(KP_STRIPE_YOUNG, 0);
    s->young.row.limit = s->row.limit;
    while (next_row(s, &id, err)) {
        struct kp_row_reader row;
        struct kp_err damage = { 0 };
        if (kp_row_open(&row, s->young.row.data, s->young.row.len, &damage))
            put_aside(s, id, &damage, err);
        else
            deal_row(s, (uint64_t)id & KP_JOURNAL_SEQ, &row, dealt, err);
        if (err->code)
            return err->code;
    }
    return err->code ? err->code : delete_all(s, err);
}

static void settle(struct kp_store *s, const struct dealt *dealt)
{
    struct kp_young *y = &s->young;
    for (unsigned i = 0; i < KP_STRIPES; i++) {
        struct kp_stripe_state *stripe = &s->stripes[i];
        stripe->points += y->points[i];
        y->points[i] = 0;
        if (!dealt[i].rows)
            continue;
        if (!stripe->fresh)
            stripe->fresh_since = y->since;
        stripe->fresh += dealt[i].bytes;
        stripe->bytes += dealt[i].bytes;
        stripe->rows += dealt[i].rows;
        if (stripe->oldest == KP_FOREVER)
            stripe->oldest = dealt[i].oldest;
    }
    y->rows = y->bytes = 0;
    y->wanted = false;
}

enum kp_code kp_young_deal(struct kp_store *s, struct kp_err *err)
{
    struct dealt dealt[KP_STRIPES] = { 0 };
    if (kp_db_exec(s->db, "begin immediate", err) || deal_all(s, dealt, err) || kp_db_exec(s->db, "commit", err))
        return err->code;
    settle(s, dealt);
    return KP_OK;
}

void kp_young_free(struct kp_store *s)
{
    kp_buf_free(&s->young.row);
    for (unsigned i = 0; i < KP_STRIPES; i++)
        kp_row_free(&s->young.writer[i]);
}
