/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/sighting.h"

#include "net/json_members.h"
#include "net/json_memory.h"
#include "shield/feed_keep.h"
#include "shield/keep.h"
#include "shield/stix_store.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

enum { SUMMARY = 1000, TEXT_MAX = 32 << 10, NAME_LEAST = 4, COUNT_MAX = 999999999 };
#define IDENTITY "stix-identity" /* the setting: the id of who sightings are by */

struct making {
    struct kp_shield *shield;
    const char *of, *feed, *summary, *who, *node, *type, *value;
    char identity[KP_STIX_ID], object[KP_STIX_ID];
    int64_t count, first, last, now, id, feed_id;
    int tlp;
    bool named;
    struct kp_buf text;
    struct kp_arena arena;
};

/* ---- what names us ---- */
static bool names(const char *text, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = text; n >= NAME_LEAST && *at; at++)
        if (strncasecmp(at, name, n) == 0)
            return true;
    return false;
}

/* A private address (RFC 1918, 3927, 4193), or one that only this machine has. */
static bool is_own_address(const char *text)
{
    unsigned char a[16];
    if (inet_pton(AF_INET, text, a) == 1)
        return a[0] == 10 || a[0] == 127 || (a[0] == 172 && (a[1] & 0xf0) == 16) ||
               (a[0] == 192 && a[1] == 168) || (a[0] == 169 && a[1] == 254);
    return inet_pton(AF_INET6, text, a) == 1 &&
           ((a[0] & 0xfe) == 0xfc || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80) ||
            memcmp(a, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16) == 0);
}

static bool holds_own_address(const char *text)
{
    static const char part[] = "0123456789abcdefABCDEF.:";
    while (*text) {
        char word[64];
        size_t n = strspn(text, part);
        snprintf(word, sizeof word, "%.*s", n < sizeof word ? (int)n : 0, text);
        size_t len = strlen(word);
        while (len && (word[len - 1] == '.' || word[len - 1] == ':'))
            word[--len] = 0; /* the end of a sentence */
        if (is_own_address(word))
            return true;
        text += n ? n : 1;
    }
    return false;
}

static enum kp_code refuse(const char *what, struct kp_err *err)
{
    return kp_fail(err, KP_EDENIED,
                   "it would tell of '%.80s', which is our own; leave it out, or allow"
                   " names",
                   what);
}

/* Of "hall/press" the press, of an address of a machine its host. */
static void own_part(const char *name, char *out, size_t size)
{
    const char *host = name ? strstr(name, "://") : NULL, *last = name ? strrchr(name, '/') : NULL;
    if (host)
        snprintf(out, size, "%.*s", (int)strcspn(host + 3, ":/?"), host + 3);
    else
        snprintf(out, size, "%s", last ? last + 1 : name ? name : "");
}

/* Names of assets, and of devices with their serial numbers. */
static enum kp_code check_rows(struct kp_shield *s, const char *text, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s->store, err);
    struct kp_stmt *st = db ? kp_db_prepare(db,
                                            "select name from asset union select name from device"
                                            " union select serial from device where serial is not"
                                            " null union select url from coupling",
                                            err)
                            : NULL;
    while (st && kp_step(st, err)) {
        char own[256];
        own_part(kp_column_text(st, 0), own, sizeof own);
        if (names(text, own)) {
            refuse(own, err);
            break;
        }
    }
    if (st)
        kp_reset(st);
    kp_store_reader_done(s->store, db);
    return err->code;
}

static enum kp_code check_names(struct making *m, struct kp_err *err)
{
    const char *const texts[] = { m->summary, m->value };
    for (int i = 0; i < 2 && !m->named; i++) {
        if (!texts[i])
            continue;
        if (holds_own_address(texts[i]))
            return kp_fail(err, KP_EDENIED,
                           "it would tell of an address of our own networks; leave it"
                           " out, or allow names");
        if (names(texts[i], m->node))
            return refuse(m->node, err);
        if (check_rows(m->shield, texts[i], err))
            return err->code;
    }
    return KP_OK;
}

/* ---- reading what a person says ---- */
static enum kp_code read_time(const json_t *body, const char *key, int64_t now, int64_t *at,
                              struct kp_err *err)
{
    const char *text = NULL;
    *at = now;
    if (kp_member_text(body, "body", key, false, &text, err) || !text)
        return err->code;
    return kp_time_parse(text, at) && *at <= now
               ? KP_OK
               : kp_fail(err, KP_EINVALID, "%s: '%.40s' is no time that has been", key, text);
}

static enum kp_code read_observed(const json_t *body, struct making *m, struct kp_err *err)
{
    static const char *const types[] = { "ipv4-addr", "ipv6-addr", "domain-name", "url", NULL };
    static const char *const known[] = { "type", "value", NULL };
    const json_t *o = json_object_get(body, "observed");
    int type = 0;
    unsigned char a[16];
    if (!o || json_is_null(o))
        return KP_OK;
    if (kp_members_known(o, "observed", known, err) ||
        kp_member_choice(o, "observed", "type", types, &type, err) ||
        kp_member_text(o, "observed", "value", true, &m->value, err))
        return err->code;
    m->type = types[type];
    if (type < 2 && inet_pton(type ? AF_INET6 : AF_INET, m->value, a) != 1)
        return kp_fail(err, KP_EINVALID, "observed.value: '%.60s' is no address", m->value);
    return KP_OK;
}

static enum kp_code read_body(const json_t *body, struct making *m, struct kp_err *err)
{
    static const char *const known[] = { "of",      "feed", "count",    "first", "last",
                                         "summary", "tlp",  "observed", "named", NULL };
    const char *level = NULL;
    double count = 1;
    if (kp_members_known(body, "body", known, err) ||
        kp_member_text(body, "body", "of", true, &m->of, err) ||
        kp_member_text(body, "body", "feed", false, &m->feed, err) ||
        kp_member_number(body, "body", "count", 1, COUNT_MAX, &count, err) ||
        read_time(body, "last", m->now, &m->last, err) ||
        read_time(body, "first", m->last, &m->first, err) ||
        kp_member_text(body, "body", "summary", false, &m->summary, err) ||
        kp_member_text(body, "body", "tlp", false, &level, err) || read_observed(body, m, err) ||
        kp_member_truth(body, "body", "named", &m->named, err))
        return err->code;
    m->count = (int64_t)count;
    m->tlp = level ? kp_tlp_find(level) : KP_TLP_DEFAULT;
    if (m->tlp < 0)
        return kp_fail(err, KP_EINVALID, "tlp: '%.40s' is none", level);
    if (m->first > m->last)
        return kp_fail(err, KP_EINVALID, "first: lies behind last");
    return KP_OK;
}

/* ---- what is known ---- */
static enum kp_code find_sighted(struct kp_db *db, struct making *m, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db, "select tlp from stix_object where stix = ? order by version desc limit 1", err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, m->of);
    if (!kp_step(s, err))
        return err->code ? err->code
                         : kp_fail(err, KP_ENOTFOUND, "there is no object %.120s", m->of);
    int tlp = (int)kp_column_int(s, 0);
    kp_reset(s);
    m->tlp = tlp > m->tlp ? tlp : m->tlp;
    return m->tlp <= KP_TLP_RED
               ? KP_OK
               : kp_fail(err, KP_EDENIED, "nobody knows how far %.100s may go", m->of);
}

enum kp_code sighting_feed(struct kp_db *db, const char *name, int64_t *id, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db,
                                      "select id, json_extract(settings, iif(kind = 'taxii', '$.post',"
                                      " '$.share')), kind = 'taxii' from feed where name = ? and kind in"
                                      " ('taxii', 'misp-server')",
                                      err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, name);
    bool there = kp_step(s, err);
    *id = there ? kp_column_int(s, 0) : 0;
    bool posts = there && !kp_column_null(s, 1), taxii = there && kp_column_int(s, 2);
    kp_reset(s);
    if (err->code || posts)
        return err->code;
    if (!there)
        return kp_fail(err, KP_ENOTFOUND, "there is no feed '%.60s' of kind taxii or misp-server",
                       name);
    return kp_fail(err, KP_EINVALID,
                   "nothing is sent to the feed '%.60s': koppel feed set %.60s --set %s", name,
                   name, taxii ? "post=COLLECTION" : "share=green (or amber)");
}

static enum kp_code find_feed(struct kp_db *db, struct making *m, struct kp_err *err)
{
    return m->feed ? sighting_feed(db, m->feed, &m->feed_id, err) : KP_OK;
}

/* ---- what goes out ---- */
static void put_refs(struct kp_json *j, const char *key, const char *id)
{
    kp_json_key(j, key);
    kp_json_begin(j, '[');
    kp_json_text(j, id);
    kp_json_end(j, ']');
}

static void begin_object(struct making *m, struct kp_json *j, const char *type, const char *id)
{
    kp_json_begin(j, '{');
    kp_json_put_text(j, "type", type);
    kp_json_put_text(j, "spec_version", "2.1");
    kp_json_put_text(j, "id", id);
    put_refs(j, "object_marking_refs", kp_tlp_marking((enum kp_tlp)m->tlp));
}

static void put_made(struct making *m, struct kp_json *j, int64_t at)
{
    kp_json_put_text(j, "created_by_ref", m->identity);
    kp_stix_put_time(j, "created", at);
    kp_stix_put_time(j, "modified", at);
}

static void make_id(const char *type, char out[KP_STIX_ID])
{
    char uuid[KP_STIX_UUID];
    kp_stix_uuid(uuid);
    snprintf(out, KP_STIX_ID, "%s--%s", type, uuid);
}

/* Without a name: it is the same one each time, and says nothing else. Its times do not change. */
static void put_identity(struct making *m, struct kp_json *j)
{
    kp_json_begin(j, '{');
    kp_json_put_text(j, "type", "identity");
    kp_json_put_text(j, "spec_version", "2.1");
    kp_json_put_text(j, "id", m->identity);
    if (!m->named)
        put_refs(j, "object_marking_refs", kp_tlp_marking(KP_TLP_CLEAR));
    kp_stix_put_time(j, "created", INT64_C(1767225600) * KP_SECOND);
    kp_stix_put_time(j, "modified", INT64_C(1767225600) * KP_SECOND);
    kp_json_put_text(j, "name", m->named ? m->node : "a manufacturer");
    kp_json_put_text(j, "identity_class", "organization");
    kp_json_end(j, '}');
}

static void put_observed(struct making *m, struct kp_json *j, const char *data, const char *object)
{
    begin_object(m, j, m->type, object);
    kp_json_put_text(j, "value", m->value);
    kp_json_end(j, '}');
    begin_object(m, j, "observed-data", data);
    put_made(m, j, m->now);
    kp_stix_put_time(j, "first_observed", m->first);
    kp_stix_put_time(j, "last_observed", m->last);
    kp_json_put_int(j, "number_observed", m->count);
    put_refs(j, "object_refs", object);
    kp_json_end(j, '}');
}

/* A list of the objects, those first that others refer to. */
static enum kp_code write_text(struct making *m, struct kp_err *err)
{
    char data[KP_STIX_ID], object[KP_STIX_ID];
    struct kp_json j = kp_json(&m->text);
    make_id("sighting", m->object);
    kp_json_begin(&j, '[');
    put_identity(m, &j);
    if (m->value) {
        make_id("observed-data", data);
        make_id(m->type, object);
        put_observed(m, &j, data, object);
    }
    begin_object(m, &j, "sighting", m->object);
    put_made(m, &j, m->now);
    kp_stix_put_time(&j, "first_seen", m->first);
    kp_stix_put_time(&j, "last_seen", m->last);
    kp_json_put_int(&j, "count", m->count);
    kp_json_put_text(&j, "sighting_of_ref", m->of);
    put_refs(&j, "where_sighted_refs", m->identity);
    if (m->value)
        put_refs(&j, "observed_data_refs", data);
    if (m->summary)
        kp_json_put_text(&j, "description", m->summary);
    kp_json_end(&j, '}');
    kp_json_end(&j, ']');
    return m->text.failed ? kp_fail(err, KP_ENOMEM, "out of memory") : KP_OK;
}

/* ---- keeping ---- */
/* Who is named is another than who is not: the two are not told to be one. */
static const char *identity_key(const struct making *m)
{
    return m->named ? IDENTITY "-named" : IDENTITY;
}

/* False: it is a new one. */
static bool know_identity(struct kp_db *db, struct making *m)
{
    const char *known = kp_setting_get(db, &m->arena, identity_key(m));
    bool good = known && kp_stix_id_valid(known, "identity");
    if (good)
        snprintf(m->identity, sizeof m->identity, "%s", known);
    else
        make_id("identity", m->identity);
    return good;
}

static enum kp_code find_identity(struct kp_db *db, struct making *m, struct kp_err *err)
{
    return know_identity(db, m) ? KP_OK : kp_setting_put(db, identity_key(m), m->identity, err);
}

static enum kp_code insert(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct making *m = arg;
    if (find_sighted(db, m, err) || find_feed(db, m, err) || find_identity(db, m, err) ||
        write_text(m, err))
        return err->code;
    struct kp_stmt *s = kp_db_prepare(
        db,
        "insert into sighting(id, sighted, object, text, tlp, summary, count, named, feed, who, made)"
        " select nullif(?12, 0), ?1, ?2, ?3, ?4, ?5, ?6, ?7, nullif(?8, 0), ?9, ?10 where (select"
        " count(*) from sighting where sent is null) < ?11 on conflict(id) do update set object = ?2,"
        " text = ?3, tlp = ?4, summary = ?5, count = ?6, feed = nullif(?8, 0), made = ?10 where"
        " sent is null and feed is null",
        err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, m->of);
    kp_bind_text(s, 2, m->object);
    kp_bind_text(s, 3, kp_buf_text(&m->text));
    kp_bind_int(s, 4, m->tlp);
    kp_bind_text(s, 5, m->summary);
    kp_bind_int(s, 6, m->count);
    kp_bind_int(s, 7, m->named);
    kp_bind_int(s, 8, m->feed_id);
    kp_bind_text(s, 9, m->who);
    kp_bind_int(s, 10, m->now);
    kp_bind_int(s, 11, KP_SIGHTINGS_MAX);
    kp_bind_int(s, 12, m->id);
    if (kp_run(s, err))
        return err->code;
    m->id = m->id ? m->id : kp_db_last_id(db);
    return kp_db_changes(db)
               ? KP_OK
               : kp_fail(err, KP_EFULL, "%d sightings wait to go out already", KP_SIGHTINGS_MAX);
}

/* Whether it may be said at all. */
static enum kp_code check(const json_t *body, struct making *m, struct kp_err *err)
{
    if (!read_body(body, m, err) && m->summary && strlen(m->summary) > SUMMARY)
        kp_fail(err, KP_EINVALID, "summary: longer than %d bytes", SUMMARY);
    return err->code ? err->code : check_names(m, err);
}

enum kp_code kp_sighting_look(struct kp_shield *s, const json_t *body, const char *node,
                              struct kp_json *j, struct kp_err *err)
{
    struct making m = { .shield = s, .node = node, .now = kp_utc(s->clock) };
    struct kp_db *db = NULL;
    kp_buf_init(&m.text, TEXT_MAX);
    if (!check(body, &m, err) && (db = kp_store_reader(s->store, err)) &&
        !find_sighted(db, &m, err) && !find_feed(db, &m, err)) {
        know_identity(db, &m);
        write_text(&m, err);
    }
    kp_store_reader_done(s->store, db);
    if (!err->code) {
        kp_json_begin(j, '{');
        kp_json_put_text(j, "tlp", kp_tlp_words[m.tlp]);
        kp_json_key(j, "objects");
        kp_json_raw(j, kp_buf_text(&m.text));
        kp_json_end(j, '}');
    }
    kp_buf_free(&m.text);
    kp_arena_free(&m.arena);
    return err->code;
}

enum kp_code kp_sighting_add(struct kp_shield *s, const json_t *body, const char *who,
                             const char *node, int64_t *id, struct kp_err *err)
{
    struct making m = { .shield = s, .who = who, .node = node, .now = kp_utc(s->clock), .id = *id };
    struct kp_err none = { 0 };
    kp_buf_init(&m.text, TEXT_MAX);
    if (!check(body, &m, err) && !kp_store_do(s->store, insert, &m, err) && m.feed)
        kp_feed_hurry(s, m.feed, &none); /* one that is switched off says it when it is on again */
    *id = m.id;
    kp_buf_free(&m.text);
    kp_arena_free(&m.arena);
    return err->code;
}

/* ---- letting go ---- */
struct releasing {
    int64_t id;
    struct making m; /* of it the feed alone */
};

static enum kp_code set_feed(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct releasing *r = arg;
    if (find_feed(db, &r->m, err))
        return err->code;
    struct kp_stmt *s = kp_db_prepare(
        db, "update sighting set feed = ?2, fault = null where id = ?1 and sent is null", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, r->id);
    kp_bind_int(s, 2, r->m.feed_id);
    if (kp_run(s, err) || kp_db_changes(db))
        return err->code;
    return kp_fail(err, KP_ENOTFOUND, "there is no sighting %lld that has not gone out",
                   (long long)r->id);
}

enum kp_code kp_sighting_release(struct kp_shield *s, int64_t id, const char *feed,
                                 struct kp_err *err)
{
    struct releasing r = { id, { .feed = feed } };
    struct kp_err none = { 0 };
    if (!kp_store_do(s->store, set_feed, &r, err))
        kp_feed_hurry(s, feed, &none); /* as for one that is made for it */
    return err->code;
}

static enum kp_code erase(struct kp_db *db, void *arg, struct kp_err *err)
{
    int64_t id = *(const int64_t *)arg;
    struct kp_stmt *s =
        kp_db_prepare(db, "delete from sighting where id = ? and sent is null", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, id);
    if (kp_run(s, err))
        return err->code;
    if (!kp_db_changes(db))
        return kp_fail(err, KP_ENOTFOUND, "there is no sighting %lld that has not gone out",
                       (long long)id);
    /* who takes back one that was prepared wants nothing of that to be told */
    s = kp_db_prepare(db, "update stix_hit set told = count, sighting = null where sighting = ?",
                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, id);
    return kp_run(s, err);
}

enum kp_code kp_sighting_remove(struct kp_shield *s, int64_t id, struct kp_err *err)
{
    return kp_store_do(s->store, erase, &id, err);
}

/* ---- showing ---- */
static enum kp_code show(struct kp_db *db, enum kp_recipient to, struct kp_json *j,
                         struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db,
                                      "select g.id, g.sighted, g.object, g.tlp, g.summary, "
                                      "g.count, g.named, f.name, g.who, g.made,"
                                      " g.sent, g.fault, g.text from sighting g left join feed f "
                                      "on f.id = g.feed order by g.id desc"
                                      " limit 1000",
                                      err);
    kp_json_begin(j, '{');
    kp_json_key(j, "sightings");
    kp_json_begin(j, '[');
    while (s && kp_step(s, err)) {
        if (!kp_gate_tlp(to, (enum kp_tlp)kp_column_int(s, 3), true))
            continue;
        kp_json_begin(j, '{');
        kp_json_put_int(j, "id", kp_column_int(s, 0));
        kp_json_put_text(j, "of", kp_column_text(s, 1));
        kp_json_put_text(j, "object", kp_column_text(s, 2));
        kp_json_put_text(j, "tlp", kp_tlp_words[kp_column_int(s, 3) % KP_TLP_LEVELS]);
        kp_json_put_text(j, "summary", kp_column_text(s, 4));
        kp_json_put_int(j, "count", kp_column_int(s, 5));
        kp_json_put_bool(j, "named", kp_column_int(s, 6));
        kp_json_put_text(j, "feed", kp_column_text(s, 7));
        kp_json_put_text(j, "who", kp_column_text(s, 8));
        kp_json_put_time(j, "made", kp_column_int(s, 9));
        kp_json_put_time(j, "sent", kp_column_time(s, 10));
        kp_json_put_text(j, "fault", kp_column_text(s, 11));
        kp_json_key(j, "objects");
        kp_json_raw(j, kp_column_text(s, 12));
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
    kp_json_end(j, '}');
    return err->code;
}

enum kp_code kp_sightings_show(struct kp_shield *s, enum kp_recipient to, struct kp_json *j,
                               struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db)
        show(db, to, j, err);
    kp_store_reader_done(s->store, db);
    return err->code;
}
