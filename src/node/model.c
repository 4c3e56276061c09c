/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of assets and signals. The fields are tables, so that REST, YAML and the command line
 * know the same words. */
#include "node/private.h"

#include "core/state_rule.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum field_kind { F_TEXT, F_NUMBER, F_BOOL, F_LABEL, F_ASSET_KIND, F_STATES };
struct field_rule {
    const char *key;
    enum field_kind kind;
    size_t offset;
};

static const struct field_rule asset_rules[] = {
    { "kind", F_ASSET_KIND, offsetof(struct kp_asset_info, kind) },
    { "label", F_LABEL, offsetof(struct kp_asset_info, label) },
    { "description", F_TEXT, offsetof(struct kp_asset_info, description) },
    { 0 },
};
static const struct field_rule signal_rules[] = {
    { "description", F_TEXT, offsetof(struct kp_signal_info, description) },
    { "unit", F_TEXT, offsetof(struct kp_signal_info, unit) },
    { "unitText", F_TEXT, offsetof(struct kp_signal_info, unit_text) },
    { "role", F_TEXT, offsetof(struct kp_signal_info, role) },
    { "states", F_STATES, offsetof(struct kp_signal_info, states) },
    { "low", F_NUMBER, offsetof(struct kp_signal_info, low) },
    { "high", F_NUMBER, offsetof(struct kp_signal_info, high) },
    { "label", F_LABEL, offsetof(struct kp_signal_info, label) },
    { "stored", F_BOOL, offsetof(struct kp_signal_info, stored) },
    { "writable", F_BOOL, offsetof(struct kp_signal_info, writable) },
    { 0 },
};

static enum kp_code number(const struct kp_field *f, double *out, struct kp_err *err)
{
    *out = NAN;
    if (field_empty(f))
        return KP_OK;
    char *end;
    double d = strtod(f->value, &end);
    if (*end || !isfinite(d))
        return kp_fail(err, KP_EINVALID, "%s: '%.60s' is not a number", f->key, f->value);
    *out = d;
    return KP_OK;
}

static enum kp_code rule_apply(const struct field_rule *r, void *info, const struct kp_field *f,
                               struct kp_err *err)
{
    char *at = (char *)info + r->offset;
    const char *text = f->value ? f->value : "";
    switch (r->kind) {
    case F_STATES:
        if (*text && kp_state_rule_check(text, err))
            return kp_context(err, "states");
        /* fall through */
    case F_TEXT:
        if (!kp_utf8_valid(text, strlen(text)))
            return kp_fail(err, KP_EINVALID, "%s: the text is not valid UTF-8", f->key);
        *(const char **)(void *)at = *text ? text : NULL;
        return KP_OK;
    case F_NUMBER:
        return number(f, (double *)(void *)at, err);
    case F_BOOL:
        return field_bool(f, (bool *)at, err);
    case F_LABEL:
        if (kp_label_parse(*text ? text : kp_label_name(KP_INHERIT), (uint8_t *)at))
            return KP_OK;
        return kp_fail(err, KP_EINVALID,
                       "label: '%.60s' is none of inherit, public, partner, internal, secret",
                       text);
    case F_ASSET_KIND:
        if (kp_asset_kind_parse(*text ? text : kp_asset_kind_name(KP_FOLDER), (uint8_t *)at))
            return KP_OK;
        return kp_fail(err, KP_EINVALID,
                       "kind: '%.60s' is not a kind of asset; try machine, line, "
                       "area, site, plc, meter, sensor, component or folder",
                       text);
    }
    return KP_OK;
}

static enum kp_code rules_apply(const struct field_rule *rules, void *info,
                                const struct kp_field *f, bool *known, struct kp_err *err)
{
    *known = true;
    for (const struct field_rule *r = rules; r->key; r++)
        if (strcmp(r->key, f->key) == 0)
            return rule_apply(r, info, f, err);
    *known = false;
    return KP_OK;
}

static int nameplate_field(const char *key)
{
    for (int i = 0; i < KP_NAMEPLATE_FIELDS; i++)
        if (strcmp(kp_nameplate_name((unsigned)i), key) == 0)
            return i;
    return -1;
}

static enum kp_code unknown(const struct field_rule *rules, bool nameplate, const char *key,
                            struct kp_err *err)
{
    const char *known[KP_NAMEPLATE_FIELDS + 16] = { "path" };
    size_t n = 1;
    for (const struct field_rule *r = rules; r->key; r++)
        known[n++] = r->key;
    for (unsigned i = 0; nameplate && i < KP_NAMEPLATE_FIELDS; i++)
        known[n++] = kp_nameplate_name(i);
    return field_unknown(key, known, err);
}

static enum kp_code path_field(const struct kp_field *f, struct kp_err *err)
{
    if (!field_empty(f) && kp_path_valid(f->value))
        return KP_OK;
    return kp_fail(err, KP_EINVALID, "path: '%.120s' is not a path such as eindhoven/milling/dmu50",
                   f->value ? f->value : "");
}

static enum kp_code asset_apply(struct kp_asset_info *info, const struct kp_field *fields, size_t n,
                                struct kp_err *err)
{
    for (size_t i = 0; i < n && !err->code; i++) {
        const struct kp_field *f = &fields[i];
        int plate = nameplate_field(f->key);
        bool known = true;
        if (strcmp(f->key, "path") == 0)
            path_field(f, err);
        else if (plate >= 0) {
            info->nameplate[plate] = field_empty(f) ? NULL : f->value;
            info->by_hand = (uint16_t)(field_empty(f) ? info->by_hand & ~(1u << plate)
                                                      : info->by_hand | (1u << plate));
        } else
            rules_apply(asset_rules, info, f, &known, err);
        if (!known)
            unknown(asset_rules, true, f->key, err);
    }
    return err->code;
}

static enum kp_code signal_apply(struct kp_signal_info *info, const struct kp_field *fields,
                                 size_t n, struct kp_err *err)
{
    for (size_t i = 0; i < n && !err->code; i++) {
        bool known = true;
        if (strcmp(fields[i].key, "path") == 0)
            path_field(&fields[i], err);
        else
            rules_apply(signal_rules, info, &fields[i], &known, err);
        if (!known)
            unknown(signal_rules, false, fields[i].key, err);
    }
    return err->code;
}

enum kp_code kp_node_check_asset(const struct kp_field *fields, size_t n, struct kp_err *err)
{
    return asset_apply(&(struct kp_asset_info){ 0 }, fields, n, err);
}

enum kp_code kp_node_check_signal(const struct kp_field *fields, size_t n, struct kp_err *err)
{
    return signal_apply(&(struct kp_signal_info){ 0 }, fields, n, err);
}

/* ---- the work, in the hub thread ---- */
struct job {
    struct kp_model *model;
    const char *path;
    const struct kp_field *fields;
    size_t n;
    struct kp_err *err;
};

static enum kp_code job_run(struct kp_node *node, const char *path, const struct kp_field *fields,
                            size_t n, void (*fn)(void *), struct kp_err *err)
{
    struct job job = { kp_hub_model(node->hub), path, fields, n, err };
    enum kp_code code = node_change(node, fn, &job, err);
    return code ? kp_context(err, "%.120s", path) : KP_OK;
}

static kp_asset need_asset(struct job *j)
{
    kp_asset id = kp_model_find_asset(j->model, j->path);
    if (!id)
        kp_fail(j->err, KP_ENOTFOUND, "there is no such asset");
    return id;
}

static kp_signal need_signal(struct job *j)
{
    kp_signal id = kp_model_find_signal(j->model, j->path);
    if (!id)
        kp_fail(j->err, KP_ENOTFOUND, "there is no such signal");
    return id;
}

static bool place_free(struct job *j, const char *path)
{
    if (!kp_model_find_asset(j->model, path) && !kp_model_find_signal(j->model, path))
        return true;
    kp_fail(j->err, KP_EEXISTS, "'%.120s' is taken", path);
    return false;
}

/* Finds or makes the asset that shall hold `path`; *name is the last part. False on failure. */
static bool place(struct job *j, const char *path, kp_asset *parent, const char **name)
{
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    *parent = 0;
    if (!slash)
        return true;
    char above[KP_PATH_MAX];
    snprintf(above, sizeof above, "%.*s", (int)(slash - path), path);
    *parent = kp_model_make_path(j->model, above, KP_FOLDER, j->err);
    return *parent != 0;
}

static void do_make_asset(void *arg)
{
    struct job *j = arg;
    struct kp_asset_info info = { 0 };
    if (asset_apply(&info, j->fields, j->n, j->err) || !place_free(j, j->path) ||
        !place(j, j->path, &info.parent, &info.name))
        return;
    kp_model_put_asset(j->model, &info, j->err);
}

static void do_change_asset(void *arg)
{
    struct job *j = arg;
    kp_asset id = need_asset(j);
    if (!id)
        return;
    struct kp_asset_info info = *kp_model_asset(j->model, id);
    const char *to = field_find(j->fields, j->n, "path");
    if (asset_apply(&info, j->fields, j->n, j->err))
        return;
    if (to && strcmp(to, j->path) != 0 &&
        (!place_free(j, to) || !place(j, to, &info.parent, &info.name)))
        return;
    kp_model_put_asset(j->model, &info, j->err);
}

static void do_remove_asset(void *arg)
{
    struct job *j = arg;
    kp_asset id = need_asset(j);
    if (id)
        kp_model_remove_asset(j->model, id, j->err);
}

static void do_change_signal(void *arg)
{
    struct job *j = arg;
    kp_signal id = need_signal(j);
    if (!id)
        return;
    struct kp_signal_info info = *kp_model_signal(j->model, id);
    const char *to = field_find(j->fields, j->n, "path");
    if (signal_apply(&info, j->fields, j->n, j->err))
        return;
    if (to && strcmp(to, j->path) != 0) {
        if (!strchr(to, '/'))
            kp_fail(j->err, KP_EINVALID, "a signal needs an asset above it: '%.120s' has none", to);
        else if (place_free(j, to))
            place(j, to, &info.asset, &info.name);
    }
    if (!j->err->code)
        kp_model_put_signal(j->model, &info, j->err);
}

static void do_remove_signal(void *arg)
{
    struct job *j = arg;
    kp_signal id = need_signal(j);
    if (id)
        kp_model_remove_signal(j->model, id, j->err);
}

enum kp_code kp_node_make_asset(struct kp_node *node, const char *path,
                                const struct kp_field *fields, size_t n, struct kp_err *err)
{
    if (path_field(&(struct kp_field){ "path", path }, err))
        return err->code;
    if (field_find(fields, n, "path"))
        return kp_fail(err, KP_EINVALID, "%.120s: the path is given twice", path);
    return job_run(node, path, fields, n, do_make_asset, err);
}

enum kp_code kp_node_change_asset(struct kp_node *node, const char *path,
                                  const struct kp_field *fields, size_t n, struct kp_err *err)
{
    return job_run(node, path, fields, n, do_change_asset, err);
}

enum kp_code kp_node_remove_asset(struct kp_node *node, const char *path, struct kp_err *err)
{
    return job_run(node, path, NULL, 0, do_remove_asset, err);
}

enum kp_code kp_node_change_signal(struct kp_node *node, const char *path,
                                   const struct kp_field *fields, size_t n, struct kp_err *err)
{
    if (!job_run(node, path, fields, n, do_change_signal, err) && field_find(fields, n, "states"))
        kp_level_learner_hurry(node->learner);
    return err->code;
}

enum kp_code kp_node_remove_signal(struct kp_node *node, const char *path, struct kp_err *err)
{
    return job_run(node, path, NULL, 0, do_remove_signal, err);
}

enum kp_code kp_node_write(struct kp_node *node, const char *path, const char *text,
                           struct kp_err *err)
{
    struct kp_model *model = kp_hub_model(node->hub);
    struct kp_sample s = { .at = kp_utc(node->clock) };
    uint8_t type = KP_NULL;
    kp_model_lock(model);
    s.signal = kp_model_find_signal(model, path);
    if (s.signal) {
        type = kp_model_signal(model, s.signal)->type;
        if (type == KP_NULL)
            type = kp_model_now(model, s.signal).sample.value.type;
    }
    kp_model_unlock(model);
    if (!s.signal)
        return kp_fail(err, KP_ENOTFOUND, "%.120s: there is no such signal", path);
    struct kp_arena arena = { 0 };
    if (!kp_value_parse(&arena, type, text, &s.value))
        kp_fail(err, KP_EINVALID, "%.120s: '%.60s' is not a value of type %s", path, text,
                kp_type_name(type));
    else if (kp_hub_write(node->hub, &s, err))
        kp_context(err, "%.120s", path);
    kp_arena_free(&arena);
    return err->code;
}
