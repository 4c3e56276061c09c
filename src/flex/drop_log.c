/* SPDX-License-Identifier: Apache-2.0 */
/* What became of files, in the table order_file; taken ones are written with their orders. */
#include "flex/drop_private.h"

#include <stdio.h>

#include "core/ban.h"

struct noting {
    const struct drop_entry *e;
    int64_t now;
};

static enum kp_code write_note(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct noting *n = arg;
    struct kp_stmt *s = kp_db_prepare(
        db,
        "insert into order_file(folder, name, hash, at, result, orders, reason, reason_nl) "
        "values(?, ?, ?, ?, ?, ?, ?, ?) on conflict(folder, hash) do update set name = "
        "excluded.name, at = excluded.at, result = excluded.result, orders = excluded.orders, "
        "reason = excluded.reason, reason_nl = excluded.reason_nl, acknowledged = null",
        err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, n->e->folder);
    kp_bind_text(s, 2, n->e->name);
    kp_bind_blob(s, 3, &n->e->hash, sizeof n->e->hash);
    kp_bind_int(s, 4, n->now);
    kp_bind_text(s, 5, n->e->result);
    kp_bind_int(s, 6, n->e->orders);
    kp_bind_text(s, 7, n->e->reason);
    kp_bind_text(s, 8, n->e->reason_nl);
    return kp_run(s, err);
}

enum kp_code drop_note(struct kp_shop *s, const struct drop_entry *e, struct kp_err *err)
{
    struct noting n = { e, kp_utc(s->clock) };
    return kp_store_do(s->store, write_note, &n, err);
}

enum kp_code drop_last(struct kp_shop *s, const struct drop_entry *e, int64_t *at,
                       struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s->store, err);
    struct kp_stmt *get =
        db ? kp_db_prepare(
                 db, "select at from order_file where folder = ? and hash = ? and name = ?", err)
           : NULL;
    *at = KP_NO_TIME;
    if (get) {
        kp_bind_text(get, 1, e->folder);
        kp_bind_blob(get, 2, &e->hash, sizeof e->hash);
        kp_bind_text(get, 3, e->name);
        if (kp_step(get, err))
            *at = kp_column_int(get, 0);
        kp_reset(get);
    }
    if (db)
        kp_store_reader_done(s->store, db);
    return err->code;
}

enum kp_code drop_unseen(struct kp_shop *s, const char *folder, int64_t *n, char name[KP_NAME_MAX],
                         struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s->store, err);
    struct kp_stmt *get = db ? kp_db_prepare(db,
                                             "select count(*), name, max(at) from order_file where "
                                             "folder = ? and result = 'refused' and "
                                             "acknowledged is null",
                                             err)
                             : NULL;
    *n = 0;
    *name = 0;
    if (get) {
        kp_bind_text(get, 1, folder);
        if (kp_step(get, err)) {
            const char *text = kp_column_text(get, 1);
            *n = kp_column_int(get, 0);
            snprintf(name, KP_NAME_MAX, "%s", text ? text : "");
            kp_utf8_trim(name);
        }
        kp_reset(get);
    }
    if (db)
        kp_store_reader_done(s->store, db);
    return err->code;
}

/* ---- for people ---- */
struct seeing {
    int64_t id, now;
};

static enum kp_code write_seen(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct seeing *v = arg;
    struct kp_stmt *s = kp_db_prepare(
        db, "update order_file set acknowledged = coalesce(acknowledged, ?) where id = ?", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, v->now);
    kp_bind_int(s, 2, v->id);
    if (!kp_run(s, err) && !kp_db_changes(db))
        kp_fail(err, KP_ENOTFOUND, "there is no file %lld in the log", (long long)v->id);
    return err->code;
}

enum kp_code kp_inbox_acknowledge(struct kp_shop *s, int64_t id, struct kp_err *err)
{
    struct seeing v = { id, kp_utc(s->clock) };
    return kp_store_do(s->store, write_seen, &v, err);
}

static void put_row(struct kp_json *j, struct kp_stmt *s)
{
    kp_json_begin(j, '{');
    kp_json_put_int(j, "id", kp_column_int(s, 0));
    kp_json_put_text(j, "folder", kp_column_text(s, 1));
    kp_json_put_text(j, "name", kp_column_text(s, 2));
    kp_json_put_time(j, "at", kp_column_int(s, 3));
    kp_json_put_text(j, "result", kp_column_text(s, 4));
    kp_json_put_int(j, "orders", kp_column_int(s, 5));
    if (!kp_column_null(s, 6))
        kp_json_put_text(j, "reason", kp_column_text(s, 6));
    if (!kp_column_null(s, 7))
        kp_json_put_text(j, "reason_nl", kp_column_text(s, 7));
    if (!kp_column_null(s, 8))
        kp_json_put_time(j, "acknowledged", kp_column_int(s, 8));
    kp_json_end(j, '}');
}

static void put_rows(struct kp_db *db, const struct kp_inbox_query *q, struct kp_json *j,
                     struct kp_err *err)
{
    size_t n = 0;
    bool more = false;
    struct kp_stmt *s = kp_db_prepare(
        db,
        "select id, folder, name, at, result, orders, reason, reason_nl, acknowledged from "
        "order_file where (?1 is null or folder = ?1) and (?2 = 0 or (at, id) < (select at, id "
        "from order_file where id = ?2)) order by at desc, id desc limit ?3",
        err);
    if (!s)
        return;
    kp_bind_text(s, 1, q->folder);
    kp_bind_int(s, 2, q->after);
    kp_bind_int(s, 3, (int64_t)q->limit + 1);
    kp_json_begin(j, '{');
    kp_json_key(j, "files");
    kp_json_begin(j, '[');
    while (!more && kp_step(s, err)) {
        more = n++ == q->limit;
        if (!more)
            put_row(j, s);
    }
    kp_reset(s);
    kp_json_end(j, ']');
    kp_json_put_bool(j, "more", more);
    kp_json_end(j, '}');
}

enum kp_code kp_inbox_log(struct kp_shop *s, const struct kp_inbox_query *q, struct kp_json *j,
                          struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s->store, err);
    if (!db)
        return err->code;
    put_rows(db, q, j, err);
    kp_store_reader_done(s->store, db);
    return err->code;
}
