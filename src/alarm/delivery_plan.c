/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of delivery in the data file, its secrets sealed apart from it. */
#include "alarm/delivery.h"
#include "alarm/private.h"
#include "net/json_members.h"
#include "net/json_memory.h"
#include "store/secret.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

#define PLAN_KEY "alarm.delivery"

enum kp_code delivery_read(struct kp_db *db, struct kp_delivery *d, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    const char *text = kp_setting_get(db, &arena, PLAN_KEY);
    kp_delivery_parse(text ? text : "{}", d, err);
    kp_arena_free(&arena);
    return err->code;
}

/* The plan as it is, without secrets; NULL: err says why. */
static json_t *stored_plan(struct kp_alarms *e, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_db *db = kp_store_reader(e->store, err);
    if (!db)
        return NULL;
    const char *text = kp_setting_get(db, &arena, PLAN_KEY);
    kp_store_reader_done(e->store, db);
    json_t *plan = kp_json_load(text ? text : "{}", strlen(text ? text : "{}"), 0, NULL);
    kp_arena_free(&arena);
    if (!plan)
        kp_fail(err, KP_ENOMEM, "out of memory");
    return plan;
}

/* ---- changing it ---- */
/* What happens to a secret: kept when the plan does not name it, sealed when it is a text,
 * forgotten when it is null. */
static enum kp_code take_secret(struct kp_alarms *e, json_t *holder, const char *key,
                                const char *name, struct kp_err *err)
{
    json_t *v = json_object_get(holder, key);
    bool keeps = !v || (json_is_object(v) && json_is_true(json_object_get(v, "set")));
    if (!keeps && !json_is_null(v) && !json_is_string(v))
        return kp_fail(err, KP_EINVALID, "%s: must be a text, or null to forget it", key);
    if (!keeps)
        kp_secret_put(e->store, name, json_is_string(v) ? json_string_value(v) : NULL,
                      json_string_length(v), err);
    json_object_del(holder, key);
    return err->code;
}

/* Whether there is one, in its place. */
static enum kp_code show_secret(struct kp_alarms *e, json_t *holder, const char *key,
                                const char *name, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_err none = { 0 };
    void *data;
    size_t len;
    bool there = !kp_secret_get(e->store, name, &arena, &data, &len, &none);
    kp_arena_free(&arena);
    if (none.code && none.code != KP_ENOTFOUND)
        return kp_fail(err, none.code, "%s", none.text);
    if (json_object_set_new(holder, key, json_pack("{s:b}", "set", there)))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    return KP_OK;
}

static enum kp_code secrets(struct kp_alarms *e, json_t *root, bool show, struct kp_err *err)
{
    json_t *mail = json_object_get(root, "mail"), *one;
    size_t i;
    char name[SECRET_NAME];
    if (json_is_object(mail) && !show)
        take_secret(e, mail, "password", MAIL_SECRET, err);
    else if (json_is_object(mail))
        show_secret(e, mail, "password", MAIL_SECRET, err);
    json_array_foreach(json_object_get(root, "channels"), i, one)
    {
        const char *channel = json_string_value(json_object_get(one, "name"));
        if (!channel || err->code)
            continue;
        channel_secret(name, channel);
        if (!show)
            take_secret(e, one, "token", name, err);
        else if (strcmp(json_string_value(json_object_get(one, "kind")), "mail") != 0)
            show_secret(e, one, "token", name, err);
    }
    return err->code;
}

/* Whether both lead to one server: "https://host:443". */
static bool same_server(const char *a, const char *b)
{
    const char *host = strstr(a, "://");
    size_t n = host ? (size_t)(host - a) + 3 : 0;
    n += strcspn(a + n, "/?#");
    return strncmp(a, b, n) == 0 && (!b[n] || strchr("/?#", b[n]));
}

static const json_t *find_channel(const json_t *plan, const char *name)
{
    const json_t *list = json_object_get(plan, "channels");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        if (strcmp(json_string_value(json_object_get(one, "name")), name) == 0)
            return one;
    }
    return NULL;
}

/* A secret was given for one server: it goes when that server is no longer in the plan. */
static enum kp_code forget(struct kp_alarms *e, const char *name, const json_t *was,
                           const json_t *is, struct kp_err *err)
{
    const char *old = json_string_value(json_object_get(was, "url")),
               *new = json_string_value(json_object_get(is, "url"));
    if (old && !(new &&same_server(old, new)))
        kp_secret_put(e->store, name, NULL, 0, err);
    return err->code;
}

static enum kp_code forget_secrets(struct kp_alarms *e, const json_t *plan, struct kp_err *err)
{
    json_t *before = stored_plan(e, err);
    if (!before)
        return err->code;
    const json_t *list = json_object_get(before, "channels");
    forget(e, MAIL_SECRET, json_object_get(before, "mail"), json_object_get(plan, "mail"), err);
    for (size_t i = 0; !err->code && i < json_array_size(list); i++) {
        char name[SECRET_NAME];
        const json_t *one = json_array_get(list, i);
        const char *channel = json_string_value(json_object_get(one, "name"));
        forget(e, channel_secret(name, channel), one, find_channel(plan, channel), err);
    }
    json_decref(before);
    return err->code;
}

static enum kp_code write_plan(struct kp_db *db, void *text, struct kp_err *err)
{
    return kp_setting_put(db, PLAN_KEY, text, err);
}

enum kp_code kp_alarms_put_delivery(struct kp_alarms *e, const char *json, struct kp_err *err)
{
    struct kp_delivery *d = kp_alloc(sizeof *d);
    struct kp_err own = { 0 };
    char *text = NULL;
    if (!d)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (!kp_delivery_parse(json, d, &own) && !forget_secrets(e, d->document, &own) &&
        !secrets(e, d->document, false, &own)) {
        text = kp_json_dump(d->document, JSON_COMPACT);
        if (!text)
            kp_fail(&own, KP_ENOMEM, "out of memory");
        else if (strlen(text) > KP_DELIVERY_TEXT)
            kp_fail(&own, KP_EFULL, "the plan is larger than 64 KiB");
        else
            kp_store_do(e->store, write_plan, text, &own);
    }
    kp_free(text);
    kp_delivery_free(d);
    kp_free(d);
    if (!own.code)
        alarms_begin_delivery(e);
    return own.code ? kp_fail(err, own.code, "%s", own.text) : KP_OK;
}

/* With each part, be it empty. */
static bool complete(json_t *plan)
{
    static const char *const lists[] = { "channels", "roster", "escalation", "quiet" };
    bool good = json_object_get(plan, "mail") || !json_object_set_new(plan, "mail", json_null());
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        good &=
            json_object_get(plan, lists[i]) || !json_object_set_new(plan, lists[i], json_array());
    return good;
}

enum kp_code kp_alarms_delivery(struct kp_alarms *e, struct kp_buf *out, struct kp_err *err)
{
    json_t *root = stored_plan(e, err);
    if (root && !complete(root))
        kp_fail(err, KP_ENOMEM, "out of memory");
    char *text = root && !err->code && !secrets(e, root, true, err)
                     ? kp_json_dump(root, JSON_COMPACT)
                     : NULL;
    if (text)
        kp_buf_str(out, text);
    else if (!err->code)
        kp_fail(err, KP_ENOMEM, "out of memory");
    kp_free(text);
    json_decref(root);
    return err->code;
}

/* ---- comparing ---- */
/* Whether a secret that the plan brings is the one that is kept. */
static bool same_secret(struct kp_alarms *e, const json_t *holder, const char *key,
                        const char *name)
{
    const json_t *v = json_object_get(holder, key);
    struct kp_arena arena = { 0 };
    struct kp_err none = { 0 };
    void *data;
    size_t len;
    if (!json_is_string(v))
        return true;
    bool same = !kp_secret_get(e->store, name, &arena, &data, &len, &none) &&
                len == json_string_length(v) && memcmp(data, json_string_value(v), len) == 0;
    kp_arena_free(&arena);
    return same;
}

static bool same_secrets(struct kp_alarms *e, const json_t *plan)
{
    const json_t *mail = json_object_get(plan, "mail"), *list = json_object_get(plan, "channels");
    bool same = same_secret(e, mail, "password", MAIL_SECRET);
    for (size_t i = 0; same && i < json_array_size(list); i++) {
        char name[SECRET_NAME];
        const json_t *one = json_array_get(list, i);
        const char *channel = json_string_value(json_object_get(one, "name"));
        same = same_secret(e, one, "token", channel_secret(name, channel));
    }
    return same;
}

/* Leaves out what says nothing: nulls, empty lists, secrets. */
static void trim(json_t *v)
{
    const char *key;
    json_t *child;
    void *next;
    size_t i;
    json_object_foreach_safe(v, next, key, child)
    {
        trim(child);
        if (kp_member_says_nothing(key, child))
            json_object_del(v, key);
    }
    json_array_foreach(v, i, child) trim(child);
}

enum kp_code kp_alarms_delivery_is(struct kp_alarms *e, const char *json, bool *same,
                                   struct kp_err *err)
{
    json_t *now = stored_plan(e, err),
           *wanted = now ? kp_json_load(json, strlen(json), 0, NULL) : NULL;
    if (now && !wanted)
        kp_fail(err, KP_ENOMEM, "out of memory");
    *same = wanted && same_secrets(e, wanted);
    trim(wanted);
    trim(now);
    *same = *same && json_equal(wanted, now);
    json_decref(wanted);
    json_decref(now);
    return err->code;
}
