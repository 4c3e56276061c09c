/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of STIX as people see them, and in which collections they are. */
#include "shield/stix_store.h"

#include <string.h>

#include "core/ban.h"

/* ---- in collections ---- */
static enum kp_code next_added(struct kp_db *db, int64_t collection, int64_t now, int64_t *added,
                               struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db, "select coalesce(max(added), 0) from stix_entry where collection = ?", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, collection);
    *added = kp_step(s, err) ? kp_column_int(s, 0) + 1 : 0;
    kp_reset(s);
    if (now / 1000 > *added)
        *added = now / 1000;
    return err->code;
}

enum kp_code stix_flag(struct kp_db *db, int64_t collection, const char *stix, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db,
        "with v as (select e.added as added, o.version as version, o.spec as spec"
        " from stix_object o join stix_entry e on e.object = o.id and e.collection = ?1"
        " where o.stix = ?2)"
        " update stix_entry set flags = (select (v.version = (select min(version) from v w where"
        " w.spec = v.spec)) + 2 * (v.version = (select max(version) from v w where w.spec = "
        "v.spec))"
        " + 4 * (v.spec = (select max(spec) from v)) from v where v.added = stix_entry.added)"
        " where collection = ?1 and added in (select added from v)",
        err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, collection);
    kp_bind_text(s, 2, stix);
    return kp_run(s, err);
}

/* One that is alone is all of them. */
static enum kp_code flag_new(struct kp_db *db, int64_t collection, int64_t object,
                             struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_stmt *s = kp_db_prepare(db,
                                      "select a.stix from stix_object a where a.id = ?1 and exists"
                                      " (select 1 from stix_object o join stix_entry e on"
                                      " e.object = o.id and e.collection = ?2 where"
                                      " o.stix = a.stix and o.id <> ?1)",
                                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, object);
    kp_bind_int(s, 2, collection);
    const char *stix = kp_step(s, err) ? kp_column_copy(s, 0, &arena) : NULL;
    kp_reset(s);
    if (stix)
        stix_flag(db, collection, stix, err);
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code stix_enter(struct kp_db *db, int64_t collection, int64_t object, int64_t now,
                        struct kp_err *err)
{
    int64_t added;
    struct kp_stmt *s = kp_db_prepare(db,
                                      "insert or ignore into stix_entry(collection, added, object,"
                                      " flags) values(?, ?, ?, 7)",
                                      err);
    if (!s || next_added(db, collection, now, &added, err))
        return err->code;
    kp_bind_int(s, 1, collection);
    kp_bind_int(s, 2, added);
    kp_bind_int(s, 3, object);
    if (kp_run(s, err) || !kp_db_changes(db))
        return err->code;
    return flag_new(db, collection, object, err);
}

/* ---- importing ---- */
static void put_failures(struct kp_json *j, const struct kp_stix_batch *b)
{
    enum { MOST = 100 };
    size_t told = 0;
    kp_json_key(j, "failures");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < b->n && told < MOST; i++) {
        if (b->result[i].fate != KP_STIX_REFUSED)
            continue;
        told++;
        kp_json_begin(j, '{');
        kp_json_put_text(j, "id", *b->result[i].id ? b->result[i].id : NULL);
        kp_json_put_int(j, "place", (int64_t)i);
        kp_json_put_text(j, "why", b->result[i].why);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}

enum kp_code kp_stix_import(struct kp_store *store, const struct kp_clock *clock, const char *text,
                            size_t len, int64_t collection, struct kp_json *j, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_stix_parts parts;
    struct kp_stix_batch b = { .source = "import", .collection = collection };
    if (!kp_stix_cut(text, len, &arena, &parts, err)) {
        if (!kp_stix_take(store, clock, &parts, &arena, &b, err)) {
            kp_json_begin(j, '{');
            kp_json_put_int(j, "stored", (int64_t)b.stored);
            kp_json_put_int(j, "known", (int64_t)b.known);
            kp_json_put_int(j, "refused", (int64_t)b.refused);
            put_failures(j, &b);
            kp_json_end(j, '}');
        }
        json_decref(parts.frame);
    }
    kp_arena_free(&arena);
    return err->code;
}

/* ---- showing ---- */
#define COLUMNS                                                                                    \
    "o.id, o.stix, o.type, o.stamp, o.spec, o.tlp, o.marked, o.revoked, o.source, o.made, "        \
    "o.creator"

static void put_row(struct kp_json *j, struct kp_stmt *s)
{
    kp_json_put_text(j, "id", kp_column_text(s, 1));
    kp_json_put_text(j, "type", kp_column_text(s, 2));
    kp_json_put_text(j, "version", kp_column_text(s, 3));
    kp_json_put_text(j, "specVersion", kp_column_text(s, 4));
    kp_json_put_text(j, "tlp", kp_tlp_words[kp_column_int(s, 5) % KP_TLP_LEVELS]);
    kp_json_put_bool(j, "marked", kp_column_int(s, 6));
    kp_json_put_bool(j, "revoked", kp_column_int(s, 7));
    kp_json_put_text(j, "source", kp_column_text(s, 8));
    kp_json_put_time(j, "stored", kp_column_int(s, 9));
    kp_json_put_text(j, "creator", kp_column_text(s, 10));
}

static bool may_go(enum kp_recipient to, struct kp_stmt *s)
{
    return kp_gate_tlp(to, (enum kp_tlp)kp_column_int(s, 5), true);
}

static enum kp_code list(struct kp_db *db, enum kp_recipient to, const struct kp_stix_search *q,
                         struct kp_json *j, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db,
        "select " COLUMNS ", substr(coalesce(json_extract(o.body, '$.name'), json_extract(o.body,"
        " '$.value'), ''), 1, 200) from stix_object o where o.id < ?1 and (?2 is null or o.type = "
        "?2)"
        " and (?3 is null or instr(o.stix, ?3) or instr(lower(o.body), lower(?3))) and not exists"
        " (select 1 from stix_object n where n.stix = o.stix and n.version > o.version)"
        " order by o.id desc",
        err);
    int64_t last = 0;
    int n = 0;
    if (!s)
        return err->code;
    kp_bind_int(s, 1, q->after ? q->after : INT64_MAX);
    kp_bind_text(s, 2, q->type);
    kp_bind_text(s, 3, q->text);
    kp_json_begin(j, '{');
    kp_json_key(j, "objects");
    kp_json_begin(j, '[');
    bool more = false;
    while (!more && kp_step(s, err)) {
        if (!may_go(to, s))
            continue;
        if ((more = n == q->limit))
            break;
        kp_json_begin(j, '{');
        put_row(j, s);
        kp_json_put_text(j, "name", kp_column_text(s, 11));
        kp_json_end(j, '}');
        last = kp_column_int(s, 0);
        n++;
    }
    kp_reset(s);
    kp_json_end(j, ']');
    kp_json_key(j, "next");
    more ? kp_json_int(j, last) : kp_json_null(j);
    kp_json_end(j, '}');
    return err->code;
}

enum kp_code kp_stix_list(struct kp_store *store, enum kp_recipient to,
                          const struct kp_stix_search *q, struct kp_json *j, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(store, err);
    if (db)
        list(db, to, q, j, err);
    kp_store_reader_done(store, db);
    return err->code;
}

static enum kp_code show(struct kp_db *db, enum kp_recipient to, const char *id, struct kp_json *j,
                         struct kp_err *err)
{
    int n = 0;
    struct kp_stmt *s = kp_db_prepare(db,
                                      "select " COLUMNS ", o.body from stix_object o where"
                                      " o.stix = ? order by o.version desc limit 1000",
                                      err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, id);
    while (kp_step(s, err)) {
        if (!may_go(to, s))
            continue;
        if (!n++) {
            kp_json_begin(j, '{');
            kp_json_key(j, "versions");
            kp_json_begin(j, '[');
        }
        kp_json_begin(j, '{');
        put_row(j, s);
        kp_json_key(j, "object");
        kp_json_raw(j, kp_column_text(s, 11));
        kp_json_end(j, '}');
    }
    if (!err->code && !n)
        return kp_fail(err, KP_ENOTFOUND, "there is no object %.120s", id);
    if (n) {
        kp_json_end(j, ']');
        kp_json_end(j, '}');
    }
    return err->code;
}

enum kp_code kp_stix_show(struct kp_store *store, enum kp_recipient to, const char *id,
                          struct kp_json *j, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(store, err);
    if (db)
        show(db, to, id, j, err);
    kp_store_reader_done(store, db);
    return err->code;
}

static enum kp_code erase(struct kp_db *db, void *arg, struct kp_err *err)
{
    static const char *const sql[] = {
        "delete from stix_entry where object in (select id from stix_object where stix = ?)",
        "delete from stix_object where stix = ?"
    };
    for (int i = 0; i < 2; i++) {
        struct kp_stmt *s = kp_db_prepare(db, sql[i], err);
        if (!s)
            return err->code;
        kp_bind_text(s, 1, arg);
        if (kp_run(s, err))
            return err->code;
    }
    return kp_db_changes(db) ? KP_OK
                             : kp_fail(err, KP_ENOTFOUND, "there is no object %.120s", (char *)arg);
}

enum kp_code kp_stix_remove(struct kp_store *store, const char *id, struct kp_err *err)
{
    char *copy = kp_strdup(id);
    if (!copy)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    kp_store_do(store, erase, copy, err);
    kp_free(copy);
    return err->code;
}
