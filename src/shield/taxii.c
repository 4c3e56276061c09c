/* SPDX-License-Identifier: Apache-2.0 */
/* What there is for who asks, and what is left here (TAXII 2.1, 4 and 5). */
#include "shield/taxii.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { STATUS_LISTED = 1000, STATUS_TEXT = 1 << 20, STATUSES_MAX = 10000 };
static const int64_t status_kept = INT64_C(7) * 86400 * KP_SECOND;

/* ---- rights ---- */
static int most_of(enum kp_recipient to, int64_t collection, bool named)
{
    int most = -1;
    for (int level = KP_TLP_CLEAR; level < KP_TLP_UNKNOWN; level++)
        if (level <= collection && kp_gate_tlp(to, (enum kp_tlp)level, named))
            most = level;
    return most;
}

enum kp_code taxii_right(struct kp_db *db, const struct kp_taxii_ask *a, struct taxii_right *r,
                         struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db,
        "select c.id, max(m.reads), max(m.writes), max(m.amber), c.tlp from stix_collection c join"
        " stix_member m on m.collection = c.id and m.who in (?1, '*') where c.root = ?2 and"
        " (c.uuid = lower(?3) or c.name = ?3) group by c.id",
        err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, a->who);
    kp_bind_text(s, 2, a->root);
    kp_bind_text(s, 3, a->collection);
    if (kp_step(s, err))
        *r = (struct taxii_right){ kp_column_int(s, 0), kp_column_int(s, 1), kp_column_int(s, 2),
                                   most_of(a->to, kp_column_int(s, 4), kp_column_int(s, 3)) };
    else if (!err->code)
        kp_fail(err, KP_ENOTFOUND, "there is no collection '%.60s' for you", a->collection);
    kp_reset(s);
    return err->code;
}

/* ---- what there is ---- */
enum kp_code kp_taxii_discovery(struct kp_store *store, const struct kp_taxii_ask *a,
                                const char *base, const char *title, struct kp_json *j,
                                struct kp_err *err)
{
    char url[600] = "";
    struct kp_db *db = kp_store_reader(store, err);
    struct kp_stmt *s = db ? kp_db_prepare(db,
                                           "select distinct c.root from stix_collection c join"
                                           " stix_member m on m.collection = c.id and m.who in (?,"
                                           " '*') order by c.root",
                                           err)
                           : NULL;
    if (s)
        kp_bind_text(s, 1, a->who);
    kp_json_begin(j, '{');
    kp_json_put_text(j, "title", title);
    kp_json_key(j, "api_roots");
    kp_json_begin(j, '[');
    for (bool first = true; s && kp_step(s, err); first = false) {
        char root[600];
        snprintf(root, sizeof root, "%s%s/", base, kp_column_text(s, 0));
        kp_json_text(j, root);
        if (first)
            snprintf(url, sizeof url, "%s", root);
    }
    kp_json_end(j, ']');
    if (*url)
        kp_json_put_text(j, "default", url);
    kp_json_end(j, '}');
    kp_store_reader_done(store, db);
    return err->code;
}

#define MINE                                                                                       \
    " from stix_collection c join stix_member m on m.collection = c.id and m.who in (?1, '*')"     \
    " where c.root = ?2"

static enum kp_code check_root(struct kp_db *db, const struct kp_taxii_ask *a, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, "select 1" MINE, err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, a->who);
    kp_bind_text(s, 2, a->root);
    bool there = kp_step(s, err);
    kp_reset(s);
    return there || err->code
               ? err->code
               : kp_fail(err, KP_ENOTFOUND, "there is no API root '%.60s' for you", a->root);
}

enum kp_code kp_taxii_root(struct kp_store *store, const struct kp_taxii_ask *a, size_t most,
                           struct kp_json *j, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(store, err);
    if (db && !check_root(db, a, err)) {
        kp_json_begin(j, '{');
        kp_json_put_text(j, "title", a->root);
        kp_json_key(j, "versions");
        kp_json_begin(j, '[');
        kp_json_text(j, "application/taxii+json;version=2.1");
        kp_json_end(j, ']');
        kp_json_put_int(j, "max_content_length", (int64_t)most);
        kp_json_end(j, '}');
    }
    kp_store_reader_done(store, db);
    return err->code;
}

static void put_collection(struct kp_json *j, struct kp_stmt *s)
{
    kp_json_begin(j, '{');
    kp_json_put_text(j, "id", kp_column_text(s, 0));
    kp_json_put_text(j, "title", kp_column_text(s, 1));
    if (!kp_column_null(s, 2))
        kp_json_put_text(j, "description", kp_column_text(s, 2));
    kp_json_put_text(j, "alias", kp_column_text(s, 3));
    kp_json_put_bool(j, "can_read", kp_column_int(s, 4));
    kp_json_put_bool(j, "can_write", kp_column_int(s, 5));
    kp_json_key(j, "media_types");
    kp_json_begin(j, '[');
    kp_json_text(j, "application/stix+json;version=2.1");
    kp_json_end(j, ']');
    kp_json_end(j, '}');
}

static enum kp_code put_collections(struct kp_db *db, const struct kp_taxii_ask *a,
                                    struct kp_json *j, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db,
        "select c.uuid, c.title, c.description, c.name, max(m.reads), max(m.writes)" MINE
        " and (?3 is null or c.uuid = lower(?3) or c.name = ?3) group by c.id order by"
        " c.name",
        err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, a->who);
    kp_bind_text(s, 2, a->root);
    kp_bind_text(s, 3, a->collection);
    while (kp_step(s, err))
        put_collection(j, s);
    return err->code;
}

enum kp_code kp_taxii_collections(struct kp_store *store, const struct kp_taxii_ask *a,
                                  struct kp_json *j, struct kp_err *err)
{
    struct taxii_right r;
    struct kp_db *db = kp_store_reader(store, err);
    if (db && a->collection && !taxii_right(db, a, &r, err))
        put_collections(db, a, j, err);
    else if (db && !a->collection && !check_root(db, a, err)) {
        kp_json_begin(j, '{');
        kp_json_key(j, "collections");
        kp_json_begin(j, '[');
        put_collections(db, a, j, err);
        kp_json_end(j, ']');
        kp_json_end(j, '}');
    }
    kp_store_reader_done(store, db);
    return err->code;
}

/* ---- what is left here ---- */
struct posting {
    char id[KP_STIX_UUID];
    const char *who;
    int64_t now, collection;
    struct kp_buf body; /* the status resource */
};

static void put_details(struct kp_json *j, const struct kp_stix_batch *b, bool failed,
                        const char *now)
{
    size_t told = 0;
    kp_json_key(j, failed ? "failures" : "successes");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < b->n && told < STATUS_LISTED; i++) {
        const struct kp_stix_result *r = &b->result[i];
        if ((r->fate == KP_STIX_REFUSED) != failed)
            continue;
        told++;
        kp_json_begin(j, '{');
        kp_json_put_text(j, "id", *r->id ? r->id : "unknown");
        kp_json_put_text(j, "version", *r->stamp ? r->stamp : now);
        if (failed)
            kp_json_put_text(j, "message", r->why);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}

static void put_status(struct posting *p, const struct kp_stix_batch *b)
{
    char now[KP_TAXII_TEXT];
    struct kp_json j = kp_json(&p->body);
    taxii_time(p->now / 1000, now);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "id", p->id);
    kp_json_put_text(&j, "status", "complete");
    kp_json_put_text(&j, "request_timestamp", now);
    kp_json_put_int(&j, "total_count", (int64_t)b->n);
    kp_json_put_int(&j, "success_count", (int64_t)(b->stored + b->known));
    if (b->stored + b->known <= STATUS_LISTED)
        put_details(&j, b, false, now);
    kp_json_put_int(&j, "failure_count", (int64_t)b->refused);
    put_details(&j, b, true, now);
    kp_json_put_int(&j, "pending_count", 0);
    kp_json_end(&j, '}');
}

static enum kp_code forget_old(struct kp_db *db, int64_t now, struct kp_err *err)
{
    struct kp_stmt *s =
        kp_db_prepare(db,
                      "delete from stix_status where at < max(?1, coalesce((select"
                      " at from stix_status order by at desc limit 1 offset ?2), 0))",
                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, now - status_kept);
    kp_bind_int(s, 2, STATUSES_MAX);
    return kp_run(s, err);
}

static enum kp_code keep_status(struct kp_db *db, const struct kp_stix_batch *b, void *arg,
                                struct kp_err *err)
{
    struct posting *p = arg;
    put_status(p, b);
    struct kp_stmt *s = p->body.failed
                            ? NULL
                            : kp_db_prepare(db,
                                            "insert into stix_status(id, collection, who,"
                                            " at, body) values(?, ?, ?, ?, ?)",
                                            err);
    if (p->body.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    if (!s)
        return err->code;
    kp_bind_text(s, 1, p->id);
    kp_bind_int(s, 2, p->collection);
    kp_bind_text(s, 3, p->who);
    kp_bind_int(s, 4, p->now);
    kp_bind_text(s, 5, kp_buf_text(&p->body));
    return kp_run(s, err) ? err->code : forget_old(db, p->now, err);
}

static enum kp_code may_write(struct kp_store *store, const struct kp_taxii_ask *a,
                              struct taxii_right *r, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(store, err);
    if (db && !taxii_right(db, a, r, err) && !r->writes)
        kp_fail(err, KP_EDENIED, "you may read this collection, not write to it");
    kp_store_reader_done(store, db);
    return err->code;
}

static enum kp_code take(struct kp_store *store, const struct kp_clock *clock,
                         const struct kp_stix_parts *parts, struct kp_arena *arena,
                         struct posting *p, struct kp_json *j, struct kp_err *err)
{
    struct kp_stix_batch b = {
        .source = p->who, .collection = p->collection, .own = true, .also = keep_status, .arg = p
    };
    if (!kp_stix_take(store, clock, parts, arena, &b, err))
        kp_json_raw(j, kp_buf_text(&p->body));
    return err->code;
}

enum kp_code kp_taxii_post(struct kp_store *store, const struct kp_clock *clock,
                           const struct kp_taxii_ask *a, const char *text, size_t len,
                           struct kp_json *j, bool *unusable, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_stix_parts parts;
    struct taxii_right r;
    *unusable = false;
    if (may_write(store, a, &r, err))
        return err->code;
    struct posting p = { .who = a->who, .now = kp_utc(clock), .collection = r.collection };
    kp_stix_uuid(p.id);
    kp_buf_init(&p.body, STATUS_TEXT);
    kp_stix_cut(text ? text : "", len, &arena, &parts, err);
    *unusable = err->code == KP_EINVALID || (!err->code && (!parts.frame || !parts.part));
    if (!err->code && *unusable)
        kp_fail(err, KP_EINVALID, "the body is no envelope: it has no list of objects");
    else if (!err->code)
        take(store, clock, &parts, &arena, &p, j, err);
    json_decref(parts.frame);
    kp_buf_free(&p.body);
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code kp_taxii_status(struct kp_store *store, const struct kp_taxii_ask *a, const char *id,
                             struct kp_json *j, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(store, err);
    struct kp_stmt *s =
        db && !check_root(db, a, err)
            ? kp_db_prepare(db,
                            "select s.body from stix_status s join stix_collection c"
                            " on c.id = s.collection where s.id = ? and s.who = ?"
                            " and c.root = ?",
                            err)
            : NULL;
    if (s) {
        kp_bind_text(s, 1, id);
        kp_bind_text(s, 2, a->who);
        kp_bind_text(s, 3, a->root);
        if (kp_step(s, err))
            kp_json_raw(j, kp_column_text(s, 0));
        else if (!err->code)
            kp_fail(err, KP_ENOTFOUND, "there is no status %.60s of yours", id);
        kp_reset(s);
    }
    kp_store_reader_done(store, db);
    return err->code;
}

/* ---- and taken away again ---- */
struct taking_away {
    const struct kp_taxii_ask *ask;
    struct taxii_right right;
    struct taxii_versions versions;
    const char *specs;
};
#define CHOSEN                                                                                     \
    " from stix_entry e join stix_object o on o.id = e.object where e.collection = ?1 and"         \
    " o.stix = ?2 and o.tlp <= ?3 and (?4 is null or o.spec in (select value from json_each(?4)))" \
    " and (?5 or e.flags & ?6 or o.version in (select value from json_each(?7)))"

static struct kp_stmt *choose(struct kp_db *db, const struct taking_away *t, const char *sql,
                              struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, sql, err);
    if (!s)
        return NULL;
    kp_bind_int(s, 1, t->right.collection);
    kp_bind_text(s, 2, t->ask->object);
    kp_bind_int(s, 3, t->right.reads ? t->right.most : KP_TLP_UNKNOWN);
    kp_bind_text(s, 4, t->specs);
    kp_bind_int(s, 5, t->versions.all);
    kp_bind_int(s, 6, t->versions.flags);
    kp_bind_text(s, 7, t->versions.exact);
    return s;
}

static enum kp_code check_chosen(struct kp_db *db, const struct taking_away *t, struct kp_err *err)
{
    struct kp_stmt *s = choose(db, t, "select count(*), sum(o.source <> ?8)" CHOSEN, err);
    if (!s)
        return err->code;
    kp_bind_text(s, 8, t->ask->who);
    int64_t n = kp_step(s, err) ? kp_column_int(s, 0) : 0, others = n ? kp_column_int(s, 1) : 0;
    kp_reset(s);
    if (!err->code && !n)
        kp_fail(err, KP_ENOTFOUND, "there is no such object in this collection");
    else if (!err->code && others)
        kp_fail(err, KP_EDENIED, "it was brought by somebody else, who alone may remove it");
    return err->code;
}

static enum kp_code take_away(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct taking_away *t = arg;
    if (check_chosen(db, t, err))
        return err->code;
    struct kp_stmt *s = choose(db, t,
                               "delete from stix_entry where collection = ?1 and added in (select"
                               " e.added" CHOSEN ")",
                               err);
    if (!s || kp_run(s, err) || stix_flag(db, t->right.collection, t->ask->object, err))
        return err->code;
    s = kp_db_prepare(db,
                      "delete from stix_object where stix = ?1 and source = ?2 and not exists"
                      " (select 1 from stix_entry e where e.object = stix_object.id)",
                      err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, t->ask->object);
    kp_bind_text(s, 2, t->ask->who);
    return kp_run(s, err);
}

enum kp_code kp_taxii_delete(struct kp_store *store, const struct kp_taxii_ask *a,
                             struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct taking_away t = { .ask = a };
    if (!may_write(store, a, &t.right, err) && !taxii_list(a->specs, &arena, &t.specs, err) &&
        !taxii_versions(a->versions, true, &arena, &t.versions, err))
        kp_store_do(store, take_away, &t, err);
    kp_arena_free(&arena);
    return err->code;
}
