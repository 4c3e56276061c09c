/* SPDX-License-Identifier: Apache-2.0 */
/* How long history is kept, what that comes to, and which signals take the room. */
#include "web/routes.h"

#include "store/retention.h"
#include "web/body.h"

#include <string.h>

#include "core/ban.h"

static struct kp_store *store(struct kp_request *r)
{
    return kp_node_store(r->node);
}

/* ---- writing ---- */

static void put_age(struct kp_json *j, const char *key, int64_t ns)
{
    char text[40];
    kp_duration_exact(ns, text, sizeof text);
    kp_json_put_text(j, key, ns ? text : NULL);
}

static void put_size(struct kp_json *j, const char *key, int64_t bytes)
{
    char text[40];
    kp_size_exact(bytes, text, sizeof text);
    kp_json_put_text(j, key, bytes ? text : NULL);
}

static void put_share(struct kp_json *j, const struct kp_retention_share *s)
{
    kp_json_put_int(j, "signals", s->signals);
    kp_json_put_int(j, "storedPoints", s->points);
    kp_json_put_int(j, "storedBytes", s->bytes);
    kp_json_put_time(j, "oldest", s->oldest == KP_FOREVER ? KP_NO_TIME : s->oldest);
    kp_json_key(j, "frees");
    kp_json_begin(j, '{');
    kp_json_put_int(j, "points", s->free_points);
    kp_json_put_int(j, "bytes", s->free_bytes);
    kp_json_put_int(j, "rollups", s->free_rollups);
    kp_json_end(j, '}');
}

static void put_others(struct kp_json *j, const char *key, const struct kp_retention_share *s)
{
    kp_json_key(j, key);
    kp_json_begin(j, '{');
    put_share(j, s);
    kp_json_end(j, '}');
}

static void put_forecast(struct kp_json *j, struct kp_store *s)
{
    struct kp_forecast f = kp_store_forecast(s);
    char text[80];
    kp_forecast_text(&f, text, sizeof text);
    kp_json_key(j, "forecast");
    kp_json_begin(j, '{');
    kp_json_put_text(j, "text", text);
    if (f.kind == KP_FORECAST_FULL)
        kp_json_put_int(j, "fullInSeconds", f.full_in);
    kp_json_put_int(j, "bytesPerDay", (int64_t)f.per_day);
    kp_json_put_int(j, "usedBytes", f.used);
    kp_json_put_int(j, "roomBytes", f.room);
    kp_json_put_int(j, "diskFreeBytes", f.disk_free);
    kp_json_put_int(j, "diskBytes", f.disk_size);
    kp_json_put_bool(j, "atBudget", f.at_budget);
    kp_json_end(j, '}');
}

static enum kp_code put_retention(struct kp_request *r, const struct kp_retention *now, struct kp_err *err)
{
    struct kp_retention_share *share = kp_arena_alloc(&r->arena, (now->n + 2) * sizeof *share);
    bool about;
    if (!share)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (kp_retention_report(store(r), now, share, &about, err))
        return err->code;
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_key(&j, "rules");
    kp_json_begin(&j, '[');
    for (size_t i = 0; i < now->n; i++) {
        kp_json_begin(&j, '{');
        kp_json_put_text(&j, "pattern", now->rules[i].pattern);
        put_age(&j, "points", now->rules[i].raw);
        put_age(&j, "rollups", now->rules[i].rollups);
        put_size(&j, "size", now->rules[i].bytes);
        put_share(&j, &share[i]);
        kp_json_end(&j, '}');
    }
    kp_json_end(&j, ']');
    put_others(&j, "withoutRule", &share[now->n]);
    put_others(&j, "removedSignals", &share[now->n + 1]);
    put_age(&j, "removed", now->removed);
    put_age(&j, "intervals", now->intervals);
    put_size(&j, "disk", now->disk);
    kp_json_put_bool(&j, "about", about);
    put_forecast(&j, store(r));
    kp_json_end(&j, '}');
    return KP_OK;
}

static enum kp_code read_stored(struct kp_request *r, struct kp_retention *out, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(store(r), err);
    if (db)
        kp_retention_read(db, &r->arena, out, err);
    kp_store_reader_done(store(r), db);
    return err->code;
}

enum kp_code kp_route_retention(struct kp_request *r, struct kp_err *err)
{
    struct kp_retention now;
    return read_stored(r, &now, err) ? err->code : put_retention(r, &now, err);
}

/* ---- reading ---- */

/* A missing or null member is "for ever", "without bound". */
static enum kp_code read_amount(const json_t *body, const char *key, const char *where,
                                bool (*parse)(const char *, int64_t *), const char *example, int64_t *out,
                                struct kp_err *err)
{
    const char *text;
    *out = 0;
    if (kp_body_text(body, key, false, &text, err) || !text)
        return err->code;
    if (parse(text, out) && *out > 0)
        return KP_OK;
    return kp_fail(err, KP_EINVALID, "%s%s: '%.40s' is not like %s", where, key, text, example);
}

static enum kp_code read_age(const json_t *body, const char *key, const char *where, int64_t *out, struct kp_err *err)
{
    return read_amount(body, key, where, kp_duration_parse, "90d or 2y", out, err);
}

static enum kp_code read_size(const json_t *body, const char *key, const char *where, int64_t *out, struct kp_err *err)
{
    return read_amount(body, key, where, kp_size_parse, "20GB or 500MB", out, err);
}

static enum kp_code read_rule(const json_t *one, size_t i, struct kp_retention_rule *rule, struct kp_err *err)
{
    static const char *const known[] = { "pattern", "points", "rollups", "size" };
    char where[40];
    const char *key;
    json_t *value;
    snprintf(where, sizeof where, "rules[%zu].", i);
    if (!json_is_object(one))
        return kp_fail(err, KP_EINVALID, "rules[%zu] is no object", i);
    json_object_foreach ((json_t *)(uintptr_t)one, key, value) {
        size_t k = 0;
        while (k < 4 && strcmp(known[k], key) != 0)
            k++;
        if (k == 4)
            return kp_fail(err, KP_EINVALID, "%s%.40s: there is no such key; there are pattern, points, rollups and size",
                           where, key);
    }
    if (kp_body_text(one, "pattern", true, &rule->pattern, err) || read_age(one, "points", where, &rule->raw, err) ||
        read_age(one, "rollups", where, &rule->rollups, err))
        return err->code;
    return read_size(one, "size", where, &rule->bytes, err);
}

static enum kp_code read_body(struct kp_request *r, const json_t *body, struct kp_retention *out, struct kp_err *err)
{
    const json_t *rules = json_object_get(body, "rules");
    size_t n = json_array_size(rules);
    *out = (struct kp_retention){ 0 };
    if (!json_is_array(rules))
        return kp_fail(err, KP_EINVALID, "rules must be a list; an empty one keeps everything for ever");
    if (n > KP_RETENTION_RULES_MAX)
        return kp_fail(err, KP_EINVALID, "more than %d rules", KP_RETENTION_RULES_MAX);
    out->rules = kp_arena_alloc(&r->arena, (n + 1) * sizeof *out->rules);
    if (!out->rules)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (; out->n < n; out->n++)
        if (read_rule(json_array_get(rules, out->n), out->n, &out->rules[out->n], err))
            return err->code;
    if (read_age(body, "removed", "", &out->removed, err) || read_age(body, "intervals", "", &out->intervals, err) ||
        read_size(body, "disk", "", &out->disk, err))
        return err->code;
    return kp_retention_check(out, err);
}

enum kp_code kp_route_retention_put(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "rules", "removed", "intervals", "disk", NULL };
    struct kp_retention wanted;
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !read_body(r, body, &wanted, err) &&
        (kp_arg_int(r, "dryRun") || !kp_retention_put(store(r), &wanted, err)))
        put_retention(r, &wanted, err);
    json_decref(body);
    return err->code;
}

/* ---- usage ---- */

static bool may_show(struct kp_request *r, kp_signal signal)
{
    struct kp_model *m = kp_hub_model(kp_node_hub(r->node));
    kp_model_lock(m);
    bool may = kp_gate_signal(m, r->to, signal);
    kp_model_unlock(m);
    return may;
}

enum kp_code kp_route_usage(struct kp_request *r, struct kp_err *err)
{
    struct kp_usage_list list;
    const char *match = kp_arg_text(r, "match");
    if (kp_usage_top(store(r), match ? match : "", (size_t)kp_arg_int(r, "limit"), &r->arena, &list, err))
        return err->code;
    struct kp_store_stats s = kp_store_stats(store(r));
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_put_int(&j, "signals", list.signals);
    kp_json_put_int(&j, "points", list.points);
    kp_json_put_int(&j, "bytes", list.bytes);
    kp_json_put_int(&j, "fileBytes", (int64_t)s.file_bytes);
    kp_json_put_int(&j, "journalBytes", (int64_t)s.journal_bytes);
    kp_json_key(&j, "largest");
    kp_json_begin(&j, '[');
    for (size_t i = 0; i < list.n; i++) {
        const struct kp_usage *u = &list.top[i];
        if (u->path && !may_show(r, u->signal))
            continue;
        kp_json_begin(&j, '{');
        kp_json_put_text(&j, "path", u->path);
        kp_json_put_int(&j, "id", u->signal);
        kp_json_put_int(&j, "points", u->points);
        kp_json_put_int(&j, "bytes", u->bytes);
        kp_json_put_time(&j, "oldest", u->t0);
        kp_json_put_time(&j, "newest", u->t1);
        kp_json_end(&j, '}');
    }
    kp_json_end(&j, ']');
    put_forecast(&j, store(r));
    kp_json_end(&j, '}');
    return KP_OK;
}
