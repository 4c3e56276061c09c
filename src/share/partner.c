/* SPDX-License-Identifier: Apache-2.0 */
/* The companies this node knows. */
#include "share/private.h"

#include "core/url.h"
#include "net/jose.h"
#include "net/json_members.h"
#include "net/json_memory.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { TOKEN_LEAST = 32, CA_MAX = 64 << 10, KEY_MAX = 4096 };

/* ---- one ---- */
enum kp_code share_partner(struct kp_db *db, const char *name, struct kp_arena *arena,
                           struct share_partner *p, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db, "select participant, url, method, key, ca from share_partner where name = ?", err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, name);
    if (!kp_step(s, err))
        return err->code ? err->code
                         : kp_fail(err, KP_ENOTFOUND, "there is no partner named '%.60s'", name);
    *p = (struct share_partner){ kp_arena_strdup(arena, name), kp_column_copy(s, 0, arena),
                                 kp_column_copy(s, 1, arena),    kp_column_copy(s, 2, arena),
                                 kp_column_copy(s, 3, arena),    kp_column_copy(s, 4, arena) };
    kp_reset(s);
    return p->name && p->id && p->url && p->method ? KP_OK
                                                   : kp_fail(err, KP_ENOMEM, "out of memory");
}

/* "https://host:port" of an address; 0 = it is none. */
static size_t origin(const char *url)
{
    size_t scheme = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;
    size_t host = scheme ? strcspn(url + scheme, "/?#@\\ ") : 0;
    char end = scheme ? url[scheme + host] : '@';
    return host && (!end || end == '/') ? scheme + host : 0;
}

bool share_same_origin(const char *a, const char *b)
{
    size_t n = origin(a);
    return n && n == origin(b) && strncasecmp(a, b, n) == 0;
}

/* Tokens and terms do not travel unprotected. */
bool share_safe(const char *url)
{
    struct kp_url u;
    struct kp_err none = { 0 };
    return strncmp(url, "https://", 8) == 0 ||
           (!kp_url_parse(url, &u, &none) && kp_host_is_own(u.host));
}

/* ---- adding ---- */
struct new_partner {
    struct kp_store *store;
    const char *name, *id, *url, *method, *key, *token, *ca;
    bool known, has_token; /* changing: there is one of that name, and it has one */
    int64_t now;
};

static enum kp_code put_row(struct kp_db *db, const struct new_partner *p, const char *sql,
                               struct kp_err *err)
{
    char hash[KP_HASH_TEXT];
    struct kp_err why = { 0 };
    struct kp_stmt *s = kp_db_prepare(db, sql, err);
    if (!s)
        return err->code;
    if (p->token)
        kp_hash_text(p->token, hash);
    kp_bind_text(s, 1, p->name);
    kp_bind_text(s, 2, p->id);
    kp_bind_text(s, 3, p->url);
    kp_bind_text(s, 4, p->method);
    kp_bind_text(s, 5, p->key);
    kp_bind_text(s, 6, p->token ? hash : NULL);
    kp_bind_text(s, 7, p->ca);
    kp_bind_int(s, 8, p->now);
    if (kp_run(s, &why) == KP_EEXISTS)
        return kp_fail(err, KP_EEXISTS, "there is a partner of that name, id or token already");
    return why.code ? kp_fail(err, why.code, "%s", why.text) : KP_OK;
}

/* Without one: none is kept. */
static enum kp_code keep_token(struct kp_db *db, const struct new_partner *p, struct kp_err *err)
{
    char secret[SECRET_NAME + KP_NAME_MAX];
    snprintf(secret, sizeof secret, "share/partner/%s", p->name);
    return kp_secret_write(p->store, db, secret, p->token, p->token ? strlen(p->token) : 0, err);
}

static enum kp_code insert(struct kp_db *db, void *arg, struct kp_err *err)
{
    static const char sql[] = "insert into share_partner(name, participant, url, method, key, hash, "
                              "ca, made) values(?, ?, ?, ?, ?, ?, ?, ?)";
    const struct new_partner *p = arg;
    if (share_room(db, "select count(*) from share_partner", KP_SHARE_PARTNERS_MAX, "partners",
                   err) ||
        put_row(db, p, sql, err))
        return err->code;
    return p->token ? keep_token(db, p, err) : KP_OK;
}

static enum kp_code check(struct kp_share *s, const struct new_partner *p, struct kp_arena *arena,
                          struct kp_err *err)
{
    struct share_self self;
    if (!kp_name_valid(p->name, strlen(p->name)))
        return kp_fail(err, KP_EINVALID, "'%.60s' is no name for a partner", p->name);
    if (strlen(p->id) >= KP_DSP_ID / 2)
        return kp_fail(err, KP_EINVALID, "id: longer than %d characters", KP_DSP_ID / 2 - 1);
    if (strlen(p->url) >= KP_SHARE_URL || !origin(p->url))
        return kp_fail(err, KP_EINVALID,
                       "url: '%.120s' is no address such as https://acme.example:8444" KP_DSP_PATH,
                       p->url);
    if (!share_safe(p->url))
        return kp_fail(err, KP_EINVALID, "url: http:// is for this machine only; take https://");
    bool mock = p->method && strcmp(p->method, "edc-mock") == 0;
    if (p->method && !(mock && s->testing))
        return kp_fail(err, KP_EINVALID,
                       mock ? "identity: edc-mock proves nothing; it is for a node started with "
                              "KOPPEL_TEST_IDENTITIES=1"
                            : "identity: leave it out, it follows from key or token");
    if (!mock && !p->key == !(p->token || (p->has_token && !p->key)))
        return kp_fail(err, KP_EINVALID,
                       "give the partner's key (from his card), or a token that both of you know: "
                       "one of the two");
    if (p->token && (strlen(p->token) < TOKEN_LEAST || strlen(p->token) >= KP_MEMBER_TEXT ||
                     strchr(p->token, ' ')))
        return kp_fail(err, KP_EINVALID, "token: it takes %d to %d characters, without spaces",
                       TOKEN_LEAST, KP_MEMBER_TEXT - 1);
    if (p->ca && (strlen(p->ca) > CA_MAX || !strstr(p->ca, "-----BEGIN CERTIFICATE-----")))
        return kp_fail(err, KP_EINVALID, "ca: no certificate in PEM form of at most %d KiB",
                       CA_MAX >> 10);
    if (share_self(s, arena, &self, err))
        return err->code;
    return strcmp(self.id, p->id) == 0
               ? kp_fail(err, KP_EINVALID, "id: '%.80s' is this node itself", p->id)
               : KP_OK;
}

/* Of a key, or a set with one in it. */
static enum kp_code read_key(const json_t *o, struct kp_arena *arena, const char **key,
                             struct kp_err *err)
{
    const json_t *k = json_object_get(o, "key");
    *key = NULL;
    if (!k || json_is_null(k))
        return KP_OK;
    if (!json_is_object(k) || !kp_jose_key_good(k))
        return kp_fail(err, KP_EINVALID,
                       "key: no public key in JWK form (EC P-256, or RSA from 2048 bits)");
    char *text = kp_json_dump(k, JSON_COMPACT);
    *key = text ? kp_arena_strdup(arena, text) : NULL;
    kp_free(text);
    if (!*key)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    return strlen(*key) < KEY_MAX ? KP_OK
                                  : kp_fail(err, KP_EINVALID, "key: larger than %d bytes", KEY_MAX);
}

static enum kp_code member_long(const json_t *o, const char *key, const char **out,
                                struct kp_err *err)
{
    const json_t *v = json_object_get(o, key);
    *out = json_string_value(v);
    return !v || json_is_null(v) || *out ? KP_OK
                                         : kp_fail(err, KP_EINVALID, "%s must be a text", key);
}

static enum kp_code read(struct kp_share *s, const json_t *o, struct new_partner *p,
                         struct kp_arena *arena, struct kp_err *err)
{
    static const char *const known[] = { "name",  "id", "url",         "identity", "key",
                                         "token", "ca", "fingerprint", NULL };
    if (!kp_members_known(o, "partner", known, err) &&
        !kp_member_text(o, "partner", "name", true, &p->name, err) &&
        !kp_member_text(o, "partner", "id", true, &p->id, err) &&
        !kp_member_text(o, "partner", "url", true, &p->url, err) &&
        !kp_member_text(o, "partner", "token", false, &p->token, err) &&
        !kp_member_text(o, "partner", "identity", false, &p->method, err) &&
        !member_long(o, "ca", &p->ca, err) && !read_key(o, arena, &p->key, err) &&
        !check(s, p, arena, err))
        p->method = p->method ? p->method : p->key ? "key" : "token";
    return err->code;
}

static enum kp_code add(struct kp_share *s, const json_t *o, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct new_partner p = { .store = s->store, .now = kp_utc(s->clock) };
    if (!read(s, o, &p, &arena, err))
        kp_store_do(s->store, insert, &p, err);
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code kp_share_partner_add(struct kp_share *s, const json_t *o, struct kp_err *err)
{
    json_t *whole = share_introduced(s, o, err);
    if (whole)
        add(s, whole, err);
    json_decref(whole);
    return err->code;
}

/* ---- removing: what runs with him is over, what was said to him is kept ---- */
struct removal {
    struct kp_store *store;
    const char *name;
    int64_t now;
};

static enum kp_code remove_partner(struct kp_db *db, void *arg, struct kp_err *err)
{
    static const char *const statements[] = {
        "delete from share_outbox where process in (select id from share_process where partner = "
        "?1 and ?2 > 0)",
        "update share_process set state = 9, note = 'the partner was removed', changed = ?2 where "
        "partner = ?1 and state not in (5, 8, 9)",
        "update share_agreement set active = 0, ended = ?2, why = 'the partner was removed' where "
        "partner = ?1 and ended is null",
        "delete from share_offer where partner = ?1 and ?2 > 0",
        "delete from share_dataset where id not in (select dataset from share_offer) and ?2 > 0 "
        "and ?1 is not null",
        "delete from share_partner where name = ?1 and ?2 > 0",
    };
    const struct removal *r = arg;
    char secret[SECRET_NAME + KP_NAME_MAX];
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        struct kp_stmt *s = kp_db_prepare(db, statements[i], err);
        if (!s)
            return err->code;
        kp_bind_text(s, 1, r->name);
        kp_bind_int(s, 2, r->now);
        if (kp_run(s, err))
            return err->code;
    }
    if (!kp_db_changes(db))
        return kp_fail(err, KP_ENOTFOUND, "there is no partner named '%.60s'", r->name);
    snprintf(secret, sizeof secret, "share/partner/%s", r->name);
    return kp_secret_write(r->store, db, secret, NULL, 0, err);
}

enum kp_code kp_share_partner_remove(struct kp_share *s, const char *name, struct kp_err *err)
{
    struct removal r = { s->store, name, kp_utc(s->clock) };
    if (!kp_store_do(s->store, remove_partner, &r, err))
        share_keep_partner(s, name);
    return err->code;
}

static void put_partner(struct kp_json *j, struct kp_stmt *row)
{
    kp_json_put_text(j, "name", kp_column_text(row, 0));
    kp_json_put_text(j, "id", kp_column_text(row, 1));
    kp_json_put_text(j, "url", kp_column_text(row, 2));
    kp_json_put_text(j, "identity", kp_column_text(row, 3));
    kp_json_put_bool(j, "ca", kp_column_int(row, 4));
    kp_json_put_time(j, "made", kp_column_int(row, 5));
}

enum kp_code kp_share_partners(struct kp_share *s, struct kp_json *j, struct kp_err *err)
{
    static const char sql[] = "select name, participant, url, method, ca is not "
                              "null, made from share_partner order by name";
    return share_list(s, sql, NULL, NULL, put_partner, j, err);
}

/* ---- as apply files have them ---- */
static json_t *document(const struct new_partner *p, const char *hash, struct kp_err *err)
{
    json_t *o = json_object();
    share_member(o, "name", json_string(p->name), err);
    share_member(o, "id", json_string(p->id), err);
    share_member(o, "url", json_string(p->url), err);
    if (strcmp(p->method, "edc-mock") == 0)
        share_member(o, "identity", json_string(p->method), err);
    if (p->key)
        share_member(o, "key", kp_json_read(p->key, "key", err), err);
    if (hash)
        share_member(o, "token", json_string(hash), err);
    if (p->ca)
        share_member(o, "ca", json_string(p->ca), err);
    return o;
}

#define PARTNER_COLUMNS "select name, participant, url, method, key, hash, ca from share_partner"

static json_t *document_of(struct kp_stmt *row, struct kp_err *err)
{
    const struct new_partner p = { .name = kp_column_text(row, 0),
                                   .id = kp_column_text(row, 1),
                                   .url = kp_column_text(row, 2),
                                   .method = kp_column_text(row, 3),
                                   .key = kp_column_text(row, 4),
                                   .ca = kp_column_text(row, 6) };
    return document(&p, kp_column_text(row, 5), err);
}

json_t *kp_share_partner_documents(struct kp_share *s, struct kp_err *err)
{
    json_t *all = json_array();
    struct kp_db *db = all ? kp_store_reader(s->store, err) : NULL;
    struct kp_stmt *row = db ? kp_db_prepare(db, PARTNER_COLUMNS " order by name", err) : NULL;
    while (row && kp_step(row, err))
        if (json_array_append_new(all, document_of(row, err)) && !err->code)
            share_starved(err);
    kp_store_reader_done(s->store, db);
    if (!all)
        share_starved(err);
    return all;
}

/* The one of that name as it is; *is NULL: there is none. */
static enum kp_code find(struct kp_share *s, const char *name, json_t **is, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s->store, err);
    struct kp_stmt *row = db ? kp_db_prepare(db, PARTNER_COLUMNS " where name = ?", err) : NULL;
    *is = NULL;
    if (row) {
        kp_bind_text(row, 1, name);
        if (kp_step(row, err))
            *is = document_of(row, err);
        kp_reset(row);
    }
    kp_store_reader_done(s->store, db);
    return err->code;
}

/* Reads it as a change of the one that is there, if any. */
static enum kp_code read_change(struct kp_share *s, const json_t *o, struct new_partner *p,
                                struct kp_arena *arena, json_t **is, struct kp_err *err)
{
    const char *name, *id;
    *is = NULL;
    if (kp_member_text(o, "partner", "name", true, &name, err) || find(s, name, is, err))
        return err->code;
    p->known = *is != NULL;
    p->has_token = json_object_get(*is, "token") != NULL;
    if (read(s, o, p, arena, err) || !*is)
        return err->code;
    id = json_string_value(json_object_get(*is, "id"));
    return strcmp(id, p->id) == 0
               ? KP_OK
               : kp_fail(err, KP_EEXISTS,
                         "id: %.60s is known as '%.80s', and agreements name him so; remove him "
                         "first (koppel partner remove), which ends what runs with him",
                         p->name, id);
}

json_t *kp_share_partner_whole(struct kp_share *s, const json_t *o, struct kp_err *err)
{
    char hash[KP_HASH_TEXT];
    struct kp_arena arena = { 0 };
    struct new_partner p = { 0 };
    json_t *is = NULL, *whole = NULL;
    if (!read_change(s, o, &p, &arena, &is, err)) {
        if (p.token)
            kp_hash_text(p.token, hash);
        whole = document(&p,
                         p.token ? hash
                         : p.key ? NULL
                                 : json_string_value(json_object_get(is, "token")),
                         err);
    }
    json_decref(is);
    kp_arena_free(&arena);
    return whole;
}

static enum kp_code update(struct kp_db *db, void *arg, struct kp_err *err)
{
    static const char sql[] = "update share_partner set url = ?3, method = ?4, key = ?5, hash = "
                              "case when ?6 is null and ?5 is null then hash else ?6 end, ca = ?7 "
                              "where name = ?1 and participant = ?2 and ?8 > 0";
    const struct new_partner *p = arg;
    if (put_row(db, p, sql, err))
        return err->code;
    if (!kp_db_changes(db))
        return kp_fail(err, KP_ENOTFOUND, "there is no partner named '%.60s' any more", p->name);
    return p->token || p->key ? keep_token(db, p, err) : KP_OK;
}

enum kp_code kp_share_partner_put(struct kp_share *s, const json_t *o, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct new_partner p = { .store = s->store, .now = kp_utc(s->clock) };
    json_t *is = NULL;
    if (!read_change(s, o, &p, &arena, &is, err))
        kp_store_do(s->store, p.known ? update : insert, &p, err);
    json_decref(is);
    kp_arena_free(&arena);
    return err->code;
}
