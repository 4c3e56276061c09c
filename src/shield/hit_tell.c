/* SPDX-License-Identifier: Apache-2.0 */
/* Sightings of indicators that were met: prepared for a person to send, or sent, as the settings
 * say. What was told of a hit is counted, so that nothing is told twice. */
#include "core/log.h"
#include "net/json_memory.h"
#include "shield/observe_keep.h"
#include "shield/sighting.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { AT_ONCE = 50, SUMMARY = 80 };
#define WHO "indicators"

/* A hit of which something is to be told. `told`: of its count, by sightings that are out of our
 * hands; told_at: when the last one was made. */
struct telling {
    int64_t row, count, first, last, told, told_at, sighting, of_sighting;
    bool prepared; /* the sighting: nobody has sent it */
    uint8_t kind;
    char *object, *source, *fields;
    char feed[KP_NAME_MAX];
};

static void telling_free(struct telling *t)
{
    kp_free(t->object);
    kp_free(t->source);
    kp_free(t->fields);
}

static const char due_sql[] =
    "select h.id, h.count, h.first, h.last, h.told, coalesce(h.told_at, 0), coalesce(h.sighting,"
    " 0), coalesce(g.count, 0), g.id is not null and g.sent is null and g.feed is null and g.fault"
    " is null, h.kind, h.object, h.source, h.fields from stix_hit h left join"
    " sighting g on g.id = h.sighting where not h.ignored and h.thing <> '*' and h.count > h.told +"
    " coalesce(g.count, 0) and coalesce(h.told_at, 0) <= ?1 - iif(g.id is not null and g.sent is"
    " null and g.feed is null and g.fault is null, ?2, ?3) order by h.id limit ?4";

static size_t read_due(struct observing *o, struct telling *list, struct kp_err *err)
{
    size_t n = 0;
    struct kp_db *db = kp_store_reader(o->shield->store, err);
    struct kp_stmt *s = db ? kp_db_prepare(db, due_sql, err) : NULL;
    if (s) {
        kp_bind_int(s, 1, kp_utc(o->shield->clock));
        kp_bind_int(s, 2, KP_HIT_PREPARED_AGAIN_S * KP_SECOND);
        kp_bind_int(s, 3, KP_HIT_TELL_AGAIN_S * KP_SECOND);
        kp_bind_int(s, 4, AT_ONCE);
    }
    while (s && n < AT_ONCE && kp_step(s, err)) {
        struct telling *t = &list[n++];
        *t = (struct telling){ kp_column_int(s, 0), kp_column_int(s, 1), kp_column_int(s, 2),
                               kp_column_int(s, 3), kp_column_int(s, 4), kp_column_int(s, 5),
                               kp_column_int(s, 6), kp_column_int(s, 7), kp_column_int(s, 8),
                               (uint8_t)kp_column_int(s, 9), kp_strdup(kp_column_text(s, 10)),
                               kp_strdup(kp_column_text(s, 11)), kp_strdup(kp_column_text(s, 12)),
                               "" };
        if (!t->object || !t->source || !t->fields)
            kp_fail(err, KP_ENOMEM, "out of memory");
    }
    if (s)
        kp_reset(s);
    kp_store_reader_done(o->shield->store, db);
    return n;
}

/* ---- which feed ---- */
/* The one that the settings name, or that the indicator came from and that takes sightings. */
static void find_feed(struct observing *o, struct telling *t, struct kp_err *err)
{
    const char *name = *o->settings.feed ? o->settings.feed
                       : strncmp(t->source, "feed ", 5) == 0 ? t->source + 5
                                                             : "";
    struct kp_db *db = *name ? kp_store_reader(o->shield->store, err) : NULL;
    struct kp_stmt *s = db ? kp_db_prepare(db,
                                           "select 1 from feed where name = ? and kind = 'taxii' and"
                                           " json_extract(settings, '$.post') is not null",
                                           err)
                           : NULL;
    if (s) {
        kp_bind_text(s, 1, name);
        if (kp_step(s, err))
            snprintf(t->feed, sizeof t->feed, "%s", name);
        kp_reset(s);
    }
    if (db)
        kp_store_reader_done(o->shield->store, db);
}

/* ---- what is told ---- */
/* Only what the pattern itself says: then it tells nobody anything new about us. */
static json_t *observed_of(const struct telling *t, const char *pattern)
{
    static const char *const keys[] = { "from", "to", "domain", "url" };
    struct kp_err none = { 0 };
    json_t *fields = kp_json_object(t->fields, strlen(t->fields), "hit", KP_JSON_DEPTH, &none),
           *out = NULL;
    for (size_t i = 0; i < 4 && !out; i++) {
        const char *value = json_string_value(json_object_get(fields, keys[i]));
        char quoted[KP_SEEN_TEXT_MAX + 2];
        if (!value || !pattern)
            continue;
        snprintf(quoted, sizeof quoted, "'%s'", value);
        if (strstr(pattern, quoted))
            out = json_pack("{s:s, s:s}", "type",
                            i == 2   ? "domain-name"
                            : i == 3 ? "url"
                            : strchr(value, ':') ? "ipv6-addr"
                                                 : "ipv4-addr",
                            "value", value);
    }
    json_decref(fields);
    return out;
}

static char *pattern_of(struct observing *o, const char *object, struct kp_err *err)
{
    char *text = NULL;
    struct kp_db *db = kp_store_reader(o->shield->store, err);
    struct kp_stmt *s = db ? kp_db_prepare(db,
                                           "select json_extract(body, '$.pattern') from stix_object"
                                           " where stix = ? order by version desc limit 1",
                                           err)
                           : NULL;
    if (s) {
        kp_bind_text(s, 1, object);
        if (kp_step(s, err))
            text = kp_strdup(kp_column_text(s, 0));
        kp_reset(s);
    }
    kp_store_reader_done(o->shield->store, db);
    return text;
}

static json_t *body_of(struct observing *o, const struct telling *t, int64_t count,
                       struct kp_err *err)
{
    char first[KP_TIME_TEXT], last[KP_TIME_TEXT], summary[SUMMARY];
    char *pattern = pattern_of(o, t->object, err);
    kp_time_print(t->told && t->told_at < t->last ? t->told_at : t->first, first);
    kp_time_print(t->last, last);
    snprintf(summary, sizeof summary, "seen as: %s", kp_seen_words[t->kind % KP_SEEN_KINDS]);
    json_t *body = json_pack("{s:s, s:I, s:s, s:s, s:s}", "of", t->object, "count",
                             (json_int_t)count, "first", first, "last", last, "summary", summary);
    json_t *observed = observed_of(t, pattern);
    bool failed = !body || (*t->feed && json_object_set_new(body, "feed", json_string(t->feed)));
    if (observed && body)
        failed |= json_object_set_new(body, "observed", observed) != 0;
    kp_free(pattern);
    if (failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    return body;
}

/* ---- writing ---- */
static enum kp_code put_told(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct telling *t = arg;
    struct kp_stmt *s = kp_db_prepare(db,
                                      "update stix_hit set told = ?2, told_at = ?3, sighting ="
                                      " nullif(?4, 0) where id = ?1",
                                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, t->row);
    kp_bind_int(s, 2, t->told);
    kp_bind_int(s, 3, t->told_at);
    kp_bind_int(s, 4, t->sighting);
    return kp_run(s, err);
}

static char *node_name(struct observing *o, struct kp_arena *arena, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(o->shield->store, err);
    const char *name = db ? kp_setting_get(db, arena, "name") : NULL;
    kp_store_reader_done(o->shield->store, db);
    return kp_arena_strdup(arena, name ? name : "koppel");
}

/* What would name us is left out, and is tried without. */
static void make(struct observing *o, struct telling *t, int64_t count, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    json_t *body = body_of(o, t, count, err);
    const char *node = node_name(o, &arena, err);
    if (body && node && !err->code &&
        kp_sighting_add(o->shield, body, WHO, node, &t->sighting, err) == KP_EDENIED &&
        json_object_get(body, "observed")) {
        *err = (struct kp_err){ 0 };
        json_object_del(body, "observed");
        kp_sighting_add(o->shield, body, WHO, node, &t->sighting, err);
    }
    json_decref(body);
    kp_arena_free(&arena);
}

static void tell(struct observing *o, struct telling *t, struct kp_err *err)
{
    struct kp_err why = { 0 };
    int64_t before = t->sighting;
    if (t->sighting && !t->prepared) { /* it has gone out */
        t->told += t->of_sighting;
        t->sighting = 0;
    }
    if (o->settings.sightings == SIGHTINGS_SEND)
        find_feed(o, t, err);
    if (!err->code)
        make(o, t, t->count - t->told, &why);
    t->told_at = kp_utc(o->shield->clock);
    if (why.code) {
        kp_warn("shield", "no sighting was made of an indicator that was met", "indicator=%s why=%s",
                kp_log_quote(t->object), kp_log_quote(why.text));
        t->sighting = t->prepared ? before : 0;
    }
    if (!err->code)
        kp_store_do(o->shield->store, put_told, t, err);
}

void hits_tell(struct observing *o)
{
    struct telling list[AT_ONCE];
    struct kp_err err = { 0 };
    if (o->settings.sightings == SIGHTINGS_OFF)
        return;
    size_t n = read_due(o, list, &err);
    for (size_t i = 0; i < n; i++) {
        if (!err.code)
            tell(o, &list[i], &err);
        telling_free(&list[i]);
    }
    if (err.code)
        kp_warn("shield", "what indicators met cannot be told", "why=%s", kp_log_quote(err.text));
}
