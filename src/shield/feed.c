/* SPDX-License-Identifier: Apache-2.0 */
/* The list of feeds: as people see and change it. */
#include "net/json_members.h"
#include "net/json_memory.h"
#include "shield/feed_keep.h"
#include "shield/keep.h"
#include "store/secret.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { SETTINGS_TEXT = 256 << 10, SECRETS_TEXT = 64 << 10, URL_TEXT = 2000 };
static const int64_t every_least = 60 * KP_SECOND, every_most = INT64_C(90) * 86400 * KP_SECOND;

/* ---- what a person says ---- */
static const char *const secret_keys[] = { "password", "token", "key", NULL };

struct said {
    struct kp_shield *shield;
    struct feed_row f;
    const struct kp_feed_kind *kind;
    json_t *secrets;
    bool secrets_changed, anew; /* anew: what the server is asked for, so it is asked at once */
    char *settings_text, *secrets_text;
    int64_t now;
};

static void forget(struct said *s)
{
    feed_row_free(&s->f);
    if (s->secrets_text)
        explicit_bzero(s->secrets_text, strlen(s->secrets_text));
    kp_free(s->secrets_text);
    kp_free(s->settings_text);
    json_decref(s->secrets);
}

static bool is_known(const char *key, const struct kp_feed_kind *kind)
{
    static const char *const common[] = { "user", "proxy", "ca", "certificate", NULL };
    for (size_t i = 0; common[i]; i++)
        if (strcmp(common[i], key) == 0)
            return true;
    for (size_t i = 0; kind->settings && kind->settings[i]; i++)
        if (strcmp(kind->settings[i], key) == 0)
            return true;
    return false;
}

/* null takes away. */
static enum kp_code merge(json_t *into, const json_t *from, const struct kp_feed_kind *kind,
                          struct kp_err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)from, key, value)
    {
        if (kind && !is_known(key, kind))
            return kp_fail(err, KP_EINVALID, "settings: a feed of kind %s has no setting '%.60s'",
                           kind->name, key);
        if (!kind && !json_is_string(value) && !json_is_null(value))
            return kp_fail(err, KP_EINVALID, "secrets.%s: must be a text", key);
        int failed = json_is_null(value) ? (json_object_del(into, key), 0)
                                         : json_object_set(into, key, value);
        if (failed)
            return kp_fail(err, KP_ENOMEM, "out of memory");
    }
    return KP_OK;
}

static enum kp_code take_object(const json_t *body, const char *key, json_t *into,
                                const struct kp_feed_kind *kind, bool *changed, struct kp_err *err)
{
    const json_t *given = json_object_get(body, key);
    if (!given || json_is_null(given))
        return KP_OK;
    if (!json_is_object(given))
        return kp_fail(err, KP_EINVALID, "%s: must be an object", key);
    *changed = true;
    if (!kind && kp_members_known(given, key, secret_keys, err))
        return err->code;
    return merge(into, given, kind, err);
}

static enum kp_code take_body(struct said *s, const json_t *body, struct kp_err *err)
{
    const char *url = NULL;
    bool enabled = s->f.enabled;
    int64_t every = s->f.every;
    const json_t *u = json_object_get(body, "url");
    if (json_is_string(u) && json_string_length(u) && json_string_length(u) <= URL_TEXT)
        url = json_string_value(u);
    else if (u)
        return kp_fail(err, KP_EINVALID, "url: must be a text of at most %d bytes", URL_TEXT);
    if (kp_member_duration(body, "body", "every", &every, err) ||
        kp_member_truth(body, "body", "enabled", &enabled, err) ||
        take_object(body, "settings", s->f.settings, s->kind, &s->anew, err) ||
        take_object(body, "secrets", s->secrets, NULL, &s->secrets_changed, err))
        return err->code;
    if (every < every_least || every > every_most)
        return kp_fail(err, KP_EINVALID, "every: between a minute and 90 days");
    s->anew |= url || s->secrets_changed || (enabled && !s->f.enabled);
    s->f.url = url ? url : s->f.url;
    s->f.every = every;
    s->f.enabled = enabled;
    return s->f.url ? KP_OK : kp_fail(err, KP_EINVALID, "url is missing");
}

static struct kp_feed_visit visit(const struct said *s)
{
    return (struct kp_feed_visit){ .shield = s->shield,
                                   .store = s->shield->store,
                                   .clock = s->shield->clock,
                                   .id = s->f.id,
                                   .name = s->f.name,
                                   .url = s->f.url,
                                   .settings = s->f.settings,
                                   .secrets = s->secrets,
                                   .state = s->f.state };
}

static enum kp_code begin(struct said *s, struct kp_err *err)
{
    struct kp_feed_visit v = visit(s);
    if (s->anew && s->kind->begin && s->kind->begin(&v, err))
        return err->code;
    if (!(s->settings_text = kp_json_dump(s->f.settings, JSON_COMPACT)) ||
        !(s->secrets_text = kp_json_dump(s->secrets, JSON_COMPACT)))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (strlen(s->settings_text) > SETTINGS_TEXT || strlen(s->secrets_text) > SECRETS_TEXT)
        return kp_fail(err, KP_EFULL, "settings: longer than %d bytes", SETTINGS_TEXT);
    return KP_OK;
}

/* ---- writing ---- */
static enum kp_code write_secrets(struct kp_db *db, struct said *s, struct kp_err *err)
{
    char name[FEED_SECRET_NAME];
    feed_secret_name(s->f.id, name);
    bool any = json_object_size(s->secrets);
    if (!s->secrets_changed)
        return KP_OK;
    return kp_secret_write(s->shield->store, db, name, any ? s->secrets_text : NULL,
                           strlen(s->secrets_text), err);
}

static enum kp_code insert(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct said *s = arg;
    struct kp_stmt *put = kp_db_prepare(
        db,
        "insert or ignore into feed(name, kind, url, settings, every, enabled, next, made)"
        " select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7 where (select count(*) from feed) < ?8",
        err);
    if (!put)
        return err->code;
    kp_bind_text(put, 1, s->f.name);
    kp_bind_text(put, 2, s->kind->name);
    kp_bind_text(put, 3, s->f.url);
    kp_bind_text(put, 4, s->settings_text);
    kp_bind_int(put, 5, s->f.every);
    kp_bind_int(put, 6, s->f.enabled);
    kp_bind_int(put, 7, s->now);
    kp_bind_int(put, 8, KP_FEEDS_MAX);
    if (kp_run(put, err))
        return err->code;
    if (!kp_db_changes(db))
        return kp_fail(err, KP_EEXISTS, "there is a feed named '%.60s', or there are %d already",
                       s->f.name, KP_FEEDS_MAX);
    s->f.id = kp_db_last_id(db);
    return write_secrets(db, s, err);
}

static enum kp_code update(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct said *s = arg;
    struct kp_stmt *put = kp_db_prepare(
        db,
        "update feed set url = ?2, settings = ?3, every = ?4, enabled = ?5,"
        " next = iif(?6, ?7, min(next, ?7 + ?4)), tries = iif(?6, 0, tries) where id = ?1",
        err);
    if (!put)
        return err->code;
    kp_bind_int(put, 1, s->f.id);
    kp_bind_text(put, 2, s->f.url);
    kp_bind_text(put, 3, s->settings_text);
    kp_bind_int(put, 4, s->f.every);
    kp_bind_int(put, 5, s->f.enabled);
    kp_bind_int(put, 6, s->anew);
    kp_bind_int(put, 7, s->now);
    if (kp_run(put, err))
        return err->code;
    return kp_db_changes(db) ? write_secrets(db, s, err)
                             : kp_fail(err, KP_ENOTFOUND, "the feed has been removed");
}

/* One that is about to be made. */
static enum kp_code read_new(struct said *s, const json_t *body, struct kp_err *err)
{
    static const char *const known[] = { "name",    "kind",     "url",     "every",
                                         "enabled", "settings", "secrets", NULL };
    const char *kind = NULL;
    if (kp_members_known(body, "body", known, err) ||
        kp_member_text(body, "body", "kind", true, &kind, err))
        return err->code;
    s->kind = feed_kind_find(kind);
    if (!s->kind)
        return kp_fail(err, KP_EINVALID, "kind: there are no feeds of kind '%.40s'", kind);
    s->f.every = s->kind->every;
    s->f.enabled = true;
    s->f.settings = json_object();
    s->f.state = json_object();
    s->secrets = json_object();
    if (!s->f.settings || !s->f.state || !s->secrets)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    return take_body(s, body, err);
}

enum kp_code kp_feed_add(struct kp_shield *shield, const json_t *body, int64_t *id,
                         struct kp_err *err)
{
    struct said s = { .shield = shield, .now = kp_utc(shield->clock), .anew = true };
    if (!read_new(&s, body, err) && !kp_member_text(body, "body", "name", true, &s.f.name, err) &&
        !kp_name_valid(s.f.name, strlen(s.f.name)))
        kp_fail(err, KP_EINVALID, "name: '%.60s' is no name", s.f.name);
    if (!err->code && !begin(&s, err) && !kp_store_do(shield->store, insert, &s, err))
        feeds_look(shield->feeds);
    *id = s.f.id;
    forget(&s);
    return err->code;
}

enum kp_code kp_feed_check(struct kp_shield *shield, const json_t *body, struct kp_err *err)
{
    struct said s = { .shield = shield };
    if (!read_new(&s, body, err) && !kp_member_text(body, "body", "name", true, &s.f.name, err) &&
        !kp_name_valid(s.f.name, strlen(s.f.name)))
        kp_fail(err, KP_EINVALID, "name: '%.60s' is no name", s.f.name);
    forget(&s);
    return err->code;
}

/* What is not said any more is null. `provider` is what a kind itself has noted there. */
static json_t *settings_between(const json_t *now, const json_t *wanted)
{
    const char *key;
    json_t *value, *between = json_object();
    json_object_foreach((json_t *)(uintptr_t)now, key, value)
    {
        if (!json_object_get(wanted, key) && strcmp(key, "provider") != 0)
            json_object_set_new(between, key, json_null());
    }
    json_object_foreach((json_t *)(uintptr_t)wanted, key, value)
    {
        if (!json_equal(json_object_get(now, key), value))
            json_object_set(between, key, value);
    }
    return between;
}

static json_t *secrets_between(const json_t *now, const json_t *wanted)
{
    const char *key;
    json_t *value, *between = json_object();
    json_object_foreach((json_t *)(uintptr_t)wanted, key, value)
    {
        if (!json_equal(json_object_get(now, key), value))
            json_object_set(between, key, value);
    }
    return between;
}

static void put_if_any(json_t *out, const char *key, json_t *value)
{
    if (json_object_size(value))
        json_object_set(out, key, value);
    json_decref(value);
}

static json_t *difference(const struct feed_row *f, const json_t *secrets, const struct said *s)
{
    char every[40];
    json_t *out = json_object();
    kp_duration_exact(s->f.every, every, sizeof every);
    if (strcmp(f->url, s->f.url) != 0)
        json_object_set_new(out, "url", json_string(s->f.url));
    if (f->every != s->f.every)
        json_object_set_new(out, "every", json_string(every));
    if (f->enabled != s->f.enabled)
        json_object_set_new(out, "enabled", json_boolean(s->f.enabled));
    put_if_any(out, "settings", settings_between(f->settings, s->f.settings));
    put_if_any(out, "secrets", secrets_between(secrets, s->secrets));
    return out;
}

json_t *kp_feed_difference(struct kp_shield *shield, const json_t *body, struct kp_err *err)
{
    struct said s = { .shield = shield };
    struct kp_arena arena = { 0 };
    struct feed_row f = { 0 };
    json_t *secrets = NULL, *out = NULL;
    const char *name = json_string_value(json_object_get(body, "name"));
    if (!read_new(&s, body, err) && !feed_find(shield, name ? name : "", &arena, &f, err) &&
        (secrets = feed_secrets(shield->store, f.id, err))) {
        if (strcmp(f.kind, s.kind->name) != 0)
            kp_fail(err, KP_EINVALID, "kind: the feed is one of %.40s; remove it first", f.kind);
        else if (!(out = difference(&f, secrets, &s)))
            kp_fail(err, KP_ENOMEM, "out of memory");
    }
    json_decref(secrets);
    feed_row_free(&f);
    forget(&s);
    kp_arena_free(&arena);
    return out;
}

json_t *kp_feed_look(struct kp_shield *shield, const json_t *body, struct kp_err *err)
{
    struct said s = { .shield = shield, .now = kp_utc(shield->clock) };
    json_t *found = NULL;
    if (!read_new(&s, body, err)) {
        struct kp_feed_visit v = visit(&s);
        found = s.kind->look ? s.kind->look(&v, err) : json_object();
        if (!found)
            kp_fail(err, KP_ENOMEM, "out of memory");
    }
    forget(&s);
    return found;
}

enum kp_code kp_feed_change(struct kp_shield *shield, const char *name, const json_t *body,
                            struct kp_err *err)
{
    static const char *const known[] = { "url", "every", "enabled", "settings", "secrets", NULL };
    struct said s = { .shield = shield, .now = kp_utc(shield->clock) };
    struct kp_arena arena = { 0 };
    if (!kp_members_known(body, "body", known, err) &&
        !feed_find(shield, name, &arena, &s.f, err) &&
        (s.secrets = feed_secrets(shield->store, s.f.id, err))) {
        s.kind = feed_kind_find(s.f.kind);
        if (!s.kind)
            kp_fail(err, KP_EINVALID, "this koppel knows no feeds of kind '%.40s'", s.f.kind);
        else if (!take_body(&s, body, err) && !begin(&s, err) &&
                 !kp_store_do(shield->store, update, &s, err))
            feeds_look(shield->feeds);
    }
    forget(&s);
    kp_arena_free(&arena);
    return err->code;
}

/* ---- removing, hurrying ---- */
static enum kp_code erase(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct said *s = arg;
    char name[FEED_SECRET_NAME];
    feed_secret_name(s->f.id, name);
    struct kp_stmt *del = kp_db_prepare(db, "delete from feed where id = ?", err);
    if (!del)
        return err->code;
    kp_bind_int(del, 1, s->f.id);
    if (kp_run(del, err) || kp_secret_write(s->shield->store, db, name, NULL, 0, err))
        return err->code;
    return s->kind && s->kind->forget ? s->kind->forget(db, s->f.id, err) : KP_OK;
}

enum kp_code kp_feed_remove(struct kp_shield *shield, const char *name, struct kp_err *err)
{
    struct said s = { .shield = shield };
    struct kp_arena arena = { 0 };
    if (!feed_find(shield, name, &arena, &s.f, err)) {
        s.kind = feed_kind_find(s.f.kind);
        feeds_forget(shield->feeds, s.f.id);
        kp_store_do(shield->store, erase, &s, err);
        feeds_look(shield->feeds);
    }
    forget(&s);
    kp_arena_free(&arena);
    return err->code;
}

static enum kp_code make_due(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct kp_stmt *s =
        kp_db_prepare(db, "update feed set next = 0, tries = 0 where name = ? and enabled", err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, arg);
    if (kp_run(s, err) || kp_db_changes(db))
        return err->code;
    return kp_fail(err, KP_ENOTFOUND, "there is no feed named '%.60s' that is enabled",
                   (const char *)arg);
}

enum kp_code kp_feed_hurry(struct kp_shield *shield, const char *name, struct kp_err *err)
{
    char *copy = kp_strdup(name);
    if (!copy)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (!kp_store_do(shield->store, make_due, copy, err))
        feeds_look(shield->feeds);
    kp_free(copy);
    return err->code;
}
