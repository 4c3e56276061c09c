/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of intervals by people and programs. Open ones are in the model, closed ones in the file.
 */
#include "node/private.h"
#include "store/history.h"
#include "net/json_memory.h"

#include <jansson.h>
#include <string.h>

#include "core/ban.h"

static enum kp_code check_object(const char *text, struct kp_err *err)
{
    json_error_t e;
    json_t *j = kp_json_load(text, strlen(text), JSON_REJECT_DUPLICATES, &e);
    bool good = json_is_object(j);
    if (!j && kp_json_starved())
        return kp_fail(err, KP_ENOMEM, "out of memory reading attributes");
    json_decref(j);
    return good ? KP_OK
                : kp_fail(err, KP_EINVALID, "attributes: not a JSON object%s%.80s", j ? "" : ": ",
                          j ? "" : e.text);
}

static enum kp_code apply_field(struct kp_interval *v, const struct kp_field *f, struct kp_err *err)
{
    static const char *const known[] = { "kind", "start", "end", "label", "attributes", NULL };
    if (strcmp(f->key, "kind") == 0)
        return kp_interval_kind_parse(f->value ? f->value : "", &v->kind)
                   ? KP_OK
                   : kp_fail(err, KP_EINVALID, "kind: '%.60s' is not a kind of interval",
                             f->value ? f->value : "");
    if (strcmp(f->key, "label") == 0)
        return kp_label_parse(field_empty(f) ? kp_label_name(KP_INHERIT) : f->value, &v->label)
                   ? KP_OK
                   : kp_fail(err, KP_EINVALID, "label: '%.60s' is not a label", f->value);
    if (strcmp(f->key, "start") == 0)
        return field_time(f, &v->start, err);
    if (strcmp(f->key, "end") == 0) {
        v->end = KP_FOREVER;
        return field_empty(f) ? KP_OK : field_time(f, &v->end, err);
    }
    if (strcmp(f->key, "attributes") == 0) {
        v->attributes = field_empty(f) ? "{}" : f->value;
        return check_object(v->attributes, err);
    }
    return field_unknown(f->key, known, err);
}

struct job {
    struct kp_model *model;
    struct kp_interval interval;
    const char *asset;
    bool remove;
    struct kp_err *err;
};

static void do_interval(void *arg)
{
    struct job *j = arg;
    if (j->asset && *j->asset && !(j->interval.asset = kp_model_find_asset(j->model, j->asset)))
        kp_fail(j->err, KP_ENOTFOUND, "there is no asset '%.120s'", j->asset);
    else if (j->remove)
        kp_model_remove_interval(j->model, &j->interval, j->err);
    else
        j->interval.id = kp_model_put_interval(j->model, &j->interval, j->err);
}

static enum kp_code apply_all(struct kp_interval *v, const struct kp_field *fields, size_t n,
                              struct kp_err *err)
{
    for (size_t i = 0; i < n && !err->code; i++)
        apply_field(v, &fields[i], err);
    if (!err->code && v->end < v->start)
        kp_fail(err, KP_EINVALID, "the interval ends before it starts");
    return err->code;
}

enum kp_code kp_node_make_interval(struct kp_node *node, const char *asset_path,
                                   const struct kp_field *fields, size_t n, int64_t *id,
                                   struct kp_err *err)
{
    struct job j = { .model = kp_hub_model(node->hub), .asset = asset_path, .err = err };
    j.interval =
        (struct kp_interval){ .start = kp_utc(node->clock), .end = KP_FOREVER, .attributes = "{}" };
    if (!field_find(fields, n, "kind"))
        return kp_fail(err, KP_EINVALID,
                       "an interval needs a kind: state, job, program, part, stop, shift or batch");
    if (apply_all(&j.interval, fields, n, err) || node_change(node, do_interval, &j, err))
        return err->code;
    *id = j.interval.id;
    return KP_OK;
}

/* The interval as it stands in the file, which is where the open ones are too. */
static enum kp_code find(struct kp_node *node, int64_t id, struct kp_arena *arena,
                         struct kp_interval *out, struct kp_err *err)
{
    if (kp_store_sync(node->store, err))
        return err->code;
    struct kp_db *db = kp_store_reader(node->store, err);
    if (!db)
        return err->code;
    struct kp_stmt *s = kp_db_prepare(
        db, "select asset, kind, start, end, label, attributes from interval where id = ?", err);
    if (s) {
        kp_bind_int(s, 1, id);
        if (kp_step(s, err)) {
            *out = (struct kp_interval){ .id = id,
                                         .asset = (kp_asset)kp_column_int(s, 0),
                                         .start = kp_column_int(s, 2),
                                         .end = kp_column_int(s, 3) };
            kp_interval_kind_parse(kp_column_text(s, 1), &out->kind);
            kp_label_parse(kp_column_text(s, 4), &out->label);
            out->attributes = kp_arena_strdup(arena, kp_column_text(s, 5));
            if (!out->attributes)
                kp_fail(err, KP_ENOMEM, "out of memory");
            kp_reset(s);
        } else if (!err->code)
            kp_fail(err, KP_ENOTFOUND, "there is no interval %lld", (long long)id);
    }
    kp_store_reader_done(node->store, db);
    return err->code;
}

static enum kp_code check_known(struct job *j, enum kp_recipient asker)
{
    kp_model_lock(j->model);
    bool may = kp_gate_interval(j->model, asker, &j->interval);
    kp_model_unlock(j->model);
    return may ? KP_OK
               : kp_fail(j->err, KP_ENOTFOUND, "there is no interval %lld",
                         (long long)j->interval.id);
}

static enum kp_code change(struct kp_node *node, enum kp_recipient asker, int64_t id,
                           const struct kp_field *fields, size_t n, bool remove, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct job j = { .model = kp_hub_model(node->hub), .remove = remove, .err = err };
    if (!find(node, id, &arena, &j.interval, err) && !check_known(&j, asker) &&
        !apply_all(&j.interval, fields, n, err))
        node_change(node, do_interval, &j, err);
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code kp_node_change_interval(struct kp_node *node, enum kp_recipient asker, int64_t id,
                                     const struct kp_field *fields, size_t n, struct kp_err *err)
{
    return change(node, asker, id, fields, n, false, err);
}

enum kp_code kp_node_remove_interval(struct kp_node *node, enum kp_recipient asker, int64_t id,
                                     struct kp_err *err)
{
    return change(node, asker, id, NULL, 0, true, err);
}
