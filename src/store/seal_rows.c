/* SPDX-License-Identifier: Apache-2.0 */
#include "store/seal.h"

#include "store/position.h"

#include <string.h>

#include "core/ban.h"

/* ---- reading ---- */

/* Moves on to the next entry beyond `done`. */
static void advance(struct kp_seal_row *row, kp_signal done)
{
    do
        row->more = kp_row_next(&row->reader, &row->block, &row->size);
    while (row->more && row->reader.signal <= done);
}

static enum kp_code add_row(struct kp_seal *seal, struct kp_stmt *get, struct kp_err *err)
{
    if (!kp_grow(&seal->rows, &seal->room, seal->n + 1, sizeof *seal->rows))
        return kp_fail(err, KP_ENOMEM, "out of memory reading the journal");
    struct kp_seal_row *row = &seal->rows[seal->n];
    *row = (struct kp_seal_row){ .id = kp_column_int(get, 0) };
    const void *data = kp_column_blob(get, 1, &row->len);
    if (seal->done == KP_SEAL_DONE) { /* only to be deleted */
        row->damaged = kp_row_open(&row->reader, data, row->len, NULL) != KP_OK;
        seal->n++;
        return KP_OK;
    }
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

enum kp_code kp_seal_read(struct kp_store *s, size_t limit, struct kp_err *err)
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

/* ---- points ---- */

enum kp_code kp_seal_take(struct kp_seal *seal, struct kp_seal_row *row, size_t *n, struct kp_err *err)
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

/* ---- deletion ---- */

static enum kp_code put_aside(struct kp_store *s, int64_t first, int64_t last, uint64_t stripes, struct kp_err *err)
{
    struct kp_stmt *move = kp_db_prepare(s->db, "update or replace journal set id = id + ?3 where id between ?1 and ?2", err);
    if (!move)
        return err->code;
    kp_bind_int(move, 1, first);
    kp_bind_int(move, 2, last);
    kp_bind_int(move, 3, (int64_t)(stripes << 48));
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

/* Those behind the slowest consumer are deleted; it will ask for the others. */
static enum kp_code delete_read(struct kp_store *s, int64_t first, int64_t last, struct kp_err *err)
{
    uint64_t read;
    if (kp_position_least(s, &read, err))
        return err->code;
    int64_t border = kp_journal_id(s->seal->stripe, read < KP_JOURNAL_SEQ ? read : KP_JOURNAL_SEQ);
    if (border > last)
        border = last;
    if (first <= border && (delete_between(s, first, border, err) ||
                            kp_position_forget(s->db, (uint64_t)border & KP_JOURNAL_SEQ, err)))
        return err->code;
    return border < last ? put_aside(s, border < first ? first : border + 1, last, KP_STRIPE_KEPT, err) : KP_OK;
}

enum kp_code kp_seal_delete(struct kp_store *s, size_t to, struct kp_err *err)
{
    struct kp_seal *seal = s->seal;
    enum kp_code code = KP_OK;
    for (size_t i = seal->deleted; i < to && !code; i++)
        if (seal->rows[i].damaged)
            code = put_aside(s, seal->rows[i].id, seal->rows[i].id, KP_STRIPE_DAMAGED, err);
    if (!code && to > seal->deleted)
        code = delete_read(s, seal->rows[seal->deleted].id, seal->rows[to - 1].id, err);
    return code || to < seal->n ? code : delete_note(s, err);
}
