/* SPDX-License-Identifier: Apache-2.0 */
/* Collections as a person keeps them: what they are, who may what, what is in them. */
#include "net/json_members.h"
#include "shield/taxii.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { TITLE = 200, WHO = 200 };

struct collection {
    const char *name, *root, *title, *description, *uuid;
    int tlp; /* -1: as it is */
    int64_t now, id;
    /* of a member */
    const char *who;
    bool reads, writes, amber;
    const json_t *ids;
};

enum kp_code kp_collection_find(struct kp_store *store, const char *name, int64_t *id,
                                struct kp_err *err)
{
    *id = 0;
    struct kp_db *db = name ? kp_store_reader(store, err) : NULL;
    struct kp_stmt *s =
        db ? kp_db_prepare(db, "select id from stix_collection where name = ?", err) : NULL;
    if (s) {
        kp_bind_text(s, 1, name);
        if (kp_step(s, err))
            *id = kp_column_int(s, 0);
        else if (!err->code)
            kp_fail(err, KP_ENOTFOUND, "there is no collection named '%.60s'", name);
        kp_reset(s);
    }
    kp_store_reader_done(store, db);
    return err->code;
}

/* ---- making and changing ---- */
/* A part of an address: what is safe there needs no escaping. */
static bool is_word(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_");
    return n && n < 64 && !text[n];
}

static enum kp_code read_texts(const json_t *body, struct collection *c, struct kp_err *err)
{
    const char *level = NULL;
    if (kp_member_text(body, "body", "title", false, &c->title, err) ||
        kp_member_text(body, "body", "description", false, &c->description, err) ||
        kp_member_text(body, "body", "tlp", false, &level, err))
        return err->code;
    if (c->title && strlen(c->title) > TITLE)
        return kp_fail(err, KP_EINVALID, "title: longer than %d bytes", TITLE);
    c->tlp = level ? kp_tlp_find(level) : -1;
    if (level && (c->tlp < 0 || c->tlp > KP_TLP_AMBER))
        return kp_fail(err, KP_EINVALID,
                       "tlp: '%.40s' is none of clear, green and amber; what is"
                       " above never goes out",
                       level);
    return KP_OK;
}

static enum kp_code insert(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct collection *c = arg;
    struct kp_stmt *s = kp_db_prepare(
        db,
        "insert or ignore into stix_collection(uuid, name, root, title, description, tlp, made)"
        " select ?1, ?2, ?3, ?4, ?5, ?6, ?7 where (select count(*) from stix_collection) < ?8",
        err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, c->uuid);
    kp_bind_text(s, 2, c->name);
    kp_bind_text(s, 3, c->root);
    kp_bind_text(s, 4, c->title);
    kp_bind_text(s, 5, c->description);
    kp_bind_int(s, 6, c->tlp);
    kp_bind_int(s, 7, c->now);
    kp_bind_int(s, 8, KP_TAXII_COLLECTIONS_MAX);
    if (kp_run(s, err))
        return err->code;
    return kp_db_changes(db) ? KP_OK
                             : kp_fail(err, KP_EEXISTS,
                                       "there is a collection '%.60s', or there are"
                                       " %d already",
                                       c->name, KP_TAXII_COLLECTIONS_MAX);
}

static enum kp_code read_new(const json_t *body, struct collection *c, struct kp_err *err)
{
    static const char *const known[] = { "name", "root", "title", "description", "tlp", NULL };
    const char *root = NULL;
    if (kp_members_known(body, "body", known, err) ||
        kp_member_text(body, "body", "name", true, &c->name, err) ||
        kp_member_text(body, "body", "root", false, &root, err) || read_texts(body, c, err))
        return err->code;
    c->root = root ? root : "api";
    c->title = c->title ? c->title : c->name;
    c->tlp = c->tlp < 0 ? KP_TLP_AMBER : c->tlp;
    return is_word(c->name) && is_word(c->root)
               ? KP_OK
               : kp_fail(err, KP_EINVALID, "name, root: small letters, digits, - and _ make one");
}

enum kp_code kp_collection_add(struct kp_store *store, int64_t now, const json_t *body,
                               struct kp_err *err)
{
    char uuid[KP_STIX_UUID];
    struct collection c = { .now = now, .uuid = uuid };
    kp_stix_uuid(uuid);
    return read_new(body, &c, err) ? err->code : kp_store_do(store, insert, &c, err);
}

static enum kp_code update(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct collection *c = arg;
    struct kp_stmt *s = kp_db_prepare(db,
                                      "update stix_collection set title = coalesce(?2, title),"
                                      " description = coalesce(?3, description), tlp = iif(?4 < 0,"
                                      " tlp, ?4) where name = ?1",
                                      err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, c->name);
    kp_bind_text(s, 2, c->title);
    kp_bind_text(s, 3, c->description);
    kp_bind_int(s, 4, c->tlp);
    if (kp_run(s, err))
        return err->code;
    return kp_db_changes(db)
               ? KP_OK
               : kp_fail(err, KP_ENOTFOUND, "there is no collection named '%.60s'", c->name);
}

enum kp_code kp_collection_change(struct kp_store *store, const char *name, const json_t *body,
                                  struct kp_err *err)
{
    static const char *const known[] = { "title", "description", "tlp", NULL };
    struct collection c = { .name = name };
    if (kp_members_known(body, "body", known, err) || read_texts(body, &c, err))
        return err->code;
    return kp_store_do(store, update, &c, err);
}

static enum kp_code run_for(struct kp_db *db, const char *sql, int64_t id, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, sql, err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, id);
    return kp_run(s, err);
}

static enum kp_code erase(struct kp_db *db, void *arg, struct kp_err *err)
{
    static const char *const sql[] = { "delete from stix_entry where collection = ?",
                                       "delete from stix_member where collection = ?",
                                       "delete from stix_status where collection = ?",
                                       "delete from stix_exit where collection = ?",
                                       "delete from stix_collection where id = ?" };
    for (int i = 0; i < 5; i++)
        if (run_for(db, sql[i], *(const int64_t *)arg, err))
            return err->code;
    return KP_OK;
}

enum kp_code kp_collection_remove(struct kp_store *store, const char *name, struct kp_err *err)
{
    int64_t id;
    return kp_collection_find(store, name, &id, err) ? err->code
                                                     : kp_store_do(store, erase, &id, err);
}

/* ---- members ---- */
static bool is_who(const char *who)
{
    const char *name = strncmp(who, "token ", 6) == 0     ? who + 6
                       : strncmp(who, "partner ", 8) == 0 ? who + 8
                       : strncmp(who, "user ", 5) == 0    ? who + 5
                                                          : NULL;
    return strcmp(who, "*") == 0 || (name && *name && strlen(who) < WHO);
}

static enum kp_code put_member(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct collection *c = arg;
    bool any = c->reads || c->writes;
    struct kp_stmt *s = kp_db_prepare(
        db,
        any ? "insert or replace into stix_member(collection, who, reads, writes, amber, made)"
              " select ?1, ?2, ?3, ?4, ?5, ?6 where (select count(*) from stix_member where"
              " collection = ?1) < ?7"
            : "delete from stix_member where collection = ?1 and who = ?2",
        err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, c->id);
    kp_bind_text(s, 2, c->who);
    if (any) {
        kp_bind_int(s, 3, c->reads);
        kp_bind_int(s, 4, c->writes);
        kp_bind_int(s, 5, c->amber);
        kp_bind_int(s, 6, c->now);
        kp_bind_int(s, 7, KP_TAXII_MEMBERS_MAX);
    }
    if (kp_run(s, err) || kp_db_changes(db))
        return err->code;
    return any ? kp_fail(err, KP_EFULL, "it has %d members; take some away", KP_TAXII_MEMBERS_MAX)
               : kp_fail(err, KP_ENOTFOUND, "'%.60s' is no member of it", c->who);
}

static enum kp_code read_member(const json_t *body, struct collection *c, struct kp_err *err)
{
    static const char *const known[] = { "who", "read", "write", "amber", NULL };
    if (kp_members_known(body, "body", known, err) ||
        kp_member_text(body, "body", "who", true, &c->who, err) ||
        kp_member_truth(body, "body", "read", &c->reads, err) ||
        kp_member_truth(body, "body", "write", &c->writes, err) ||
        kp_member_truth(body, "body", "amber", &c->amber, err))
        return err->code;
    return is_who(c->who)
               ? KP_OK
               : kp_fail(err, KP_EINVALID,
                         "who: '%.60s' is none of 'token NAME', 'user NAME', 'partner NAME' and '*'", c->who);
}

enum kp_code kp_collection_member(struct kp_store *store, int64_t now, const char *name,
                                  const json_t *body, struct kp_err *err)
{
    struct collection c = { .now = now };
    if (read_member(body, &c, err) || kp_collection_find(store, name, &c.id, err))
        return err->code;
    return kp_store_do(store, put_member, &c, err);
}

enum kp_code kp_collection_check(const json_t *body, bool member, struct kp_err *err)
{
    struct collection c = { 0 };
    return member ? read_member(body, &c, err) : read_new(body, &c, err);
}

/* ---- what is in it ---- */
static enum kp_code publish_one(struct kp_db *db, const struct collection *c, const char *stix,
                                struct kp_err *err)
{
    int64_t id[1000];
    size_t n = 0;
    struct kp_stmt *s = kp_db_prepare(db,
                                      "select o.id, o.tlp, c.tlp from stix_object o join"
                                      " stix_collection c on c.id = ?1 where o.stix = ?2 order by"
                                      " o.version limit 1000",
                                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, c->id);
    kp_bind_text(s, 2, stix);
    while (kp_step(s, err)) {
        if (kp_column_int(s, 1) > kp_column_int(s, 2)) {
            kp_fail(err, KP_EDENIED, "%.120s is TLP:%s, and the collection is for TLP:%s at most",
                    stix, kp_tlp_words[kp_column_int(s, 1) % KP_TLP_LEVELS],
                    kp_tlp_words[kp_column_int(s, 2) % KP_TLP_LEVELS]);
            break;
        }
        id[n++] = kp_column_int(s, 0);
    }
    kp_reset(s);
    if (!err->code && !n)
        kp_fail(err, KP_ENOTFOUND, "there is no object %.120s", stix);
    for (size_t i = 0; i < n && !err->code; i++)
        stix_enter(db, c->id, id[i], c->now, err);
    return err->code;
}

static enum kp_code publish(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct collection *c = arg;
    for (size_t i = 0; i < json_array_size(c->ids) && !err->code; i++) {
        const char *stix = json_string_value(json_array_get(c->ids, i));
        if (stix)
            publish_one(db, c, stix, err);
        else
            kp_fail(err, KP_EINVALID, "ids[%zu]: must be a text", i);
    }
    return err->code;
}

enum kp_code kp_collection_publish(struct kp_store *store, int64_t now, const char *name,
                                   const json_t *ids, struct kp_err *err)
{
    struct collection c = { .now = now, .ids = ids };
    return kp_collection_find(store, name, &c.id, err) ? err->code
                                                       : kp_store_do(store, publish, &c, err);
}

/* ---- showing ---- */
static enum kp_code put_members(struct kp_db *db, int64_t id, struct kp_json *j, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db,
        "select m.who, m.reads, m.writes, m.amber, coalesce(sum(e.requests), 0), coalesce(sum("
        "e.objects), 0), max(e.last) from stix_member m left join stix_exit e on e.collection ="
        " m.collection and e.who = m.who where m.collection = ? group by m.who order by m.who",
        err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, id);
    kp_json_key(j, "members");
    kp_json_begin(j, '[');
    while (kp_step(s, err)) {
        kp_json_begin(j, '{');
        kp_json_put_text(j, "who", kp_column_text(s, 0));
        kp_json_put_bool(j, "read", kp_column_int(s, 1));
        kp_json_put_bool(j, "write", kp_column_int(s, 2));
        kp_json_put_bool(j, "amber", kp_column_int(s, 3));
        kp_json_put_int(j, "requests", kp_column_int(s, 4));
        kp_json_put_int(j, "objects", kp_column_int(s, 5));
        kp_json_put_time(j, "last", kp_column_time(s, 6));
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
    return err->code;
}

static enum kp_code show(struct kp_db *db, struct kp_json *j, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db,
        "select id, uuid, name, root, title, description, tlp, (select count(*) from stix_entry e"
        " where e.collection = c.id) from stix_collection c order by name",
        err);
    kp_json_begin(j, '{');
    kp_json_key(j, "collections");
    kp_json_begin(j, '[');
    while (s && kp_step(s, err)) {
        kp_json_begin(j, '{');
        kp_json_put_text(j, "id", kp_column_text(s, 1));
        kp_json_put_text(j, "name", kp_column_text(s, 2));
        kp_json_put_text(j, "root", kp_column_text(s, 3));
        kp_json_put_text(j, "title", kp_column_text(s, 4));
        kp_json_put_text(j, "description", kp_column_text(s, 5));
        kp_json_put_text(j, "tlp", kp_tlp_words[kp_column_int(s, 6) % KP_TLP_LEVELS]);
        kp_json_put_int(j, "objects", kp_column_int(s, 7));
        put_members(db, kp_column_int(s, 0), j, err);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
    kp_json_end(j, '}');
    return err->code;
}

enum kp_code kp_collections_show(struct kp_store *store, struct kp_json *j, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(store, err);
    if (db)
        show(db, j, err);
    kp_store_reader_done(store, db);
    return err->code;
}
