/* SPDX-License-Identifier: Apache-2.0 */
#include "web/body.h"

#include "net/json_memory.h"

#include "core/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

void kp_body_init(void)
{
    kp_json_memory_init();
}

static enum kp_code check_keys(json_t *object, const char *const *known, struct kp_err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        size_t i = 0;
        while (known[i] && strcmp(known[i], key) != 0)
            i++;
        if (known[i])
            continue;
        const char *near = kp_nearest(key, known);
        if (near)
            return kp_fail(err, KP_EINVALID, "unknown key '%.60s', did you mean '%s'?", key, near);
        return kp_fail(err, KP_EINVALID, known[0] ? "unknown key '%.60s'; there is '%s' for example"
                                                  : "unknown key '%.60s': this request takes none%s",
                       key, known[0] ? known[0] : "");
    }
    return KP_OK;
}

json_t *kp_body_object(const char *body, size_t len, const char *const *known, struct kp_err *err)
{
    if (!len) {
        kp_fail(err, KP_EINVALID, "the body is missing: send a JSON object");
        return NULL;
    }
    json_t *root = kp_json_object(body, len, "body", KP_JSON_DEPTH, err);
    if (!root || !known || check_keys(root, known, err) == KP_OK)
        return root;
    json_decref(root);
    return NULL;
}

enum kp_code kp_body_text(const json_t *object, const char *key, bool required, const char **out,
                          struct kp_err *err)
{
    const json_t *v = json_object_get(object, key);
    *out = NULL;
    if (!v || json_is_null(v))
        return required ? kp_fail(err, KP_EINVALID, "'%s' is missing in the body", key) : KP_OK;
    if (!json_is_string(v))
        return kp_fail(err, KP_EINVALID, "'%s' must be a text", key);
    *out = json_string_value(v);
    return KP_OK;
}

enum kp_code kp_body_int(const json_t *object, const char *key, int64_t min, int64_t max, int64_t standard,
                         int64_t *out, struct kp_err *err)
{
    const json_t *v = json_object_get(object, key);
    *out = standard;
    if (!v || json_is_null(v))
        return KP_OK;
    if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max)
        return kp_fail(err, KP_EINVALID, "'%s' must be a whole number from %lld to %lld", key, (long long)min,
                       (long long)max);
    *out = json_integer_value(v);
    return KP_OK;
}

enum kp_code kp_body_truth(const json_t *object, const char *key, bool standard, bool *out, struct kp_err *err)
{
    const json_t *v = json_object_get(object, key);
    *out = v && !json_is_null(v) ? json_is_true(v) : standard;
    return !v || json_is_null(v) || json_is_boolean(v) ? KP_OK : kp_fail(err, KP_EINVALID, "'%s' must be true or false", key);
}

static enum kp_code dumped(const json_t *v, struct kp_arena *arena, const char **out, struct kp_err *err)
{
    char *text = kp_json_dump(v, JSON_COMPACT | JSON_ENCODE_ANY);
    *out = text ? kp_arena_strdup(arena, text) : NULL;
    kp_free(text);
    return *out ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory reading the body");
}

static enum kp_code printed(double d, struct kp_arena *arena, const char **out, struct kp_err *err)
{
    struct kp_buf buf;
    kp_buf_init(&buf, 64);
    struct kp_json j = kp_json(&buf);
    kp_json_double(&j, d);
    *out = buf.failed ? NULL : kp_arena_strdup(arena, kp_buf_text(&buf));
    kp_buf_free(&buf);
    return *out ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory reading the body");
}

enum kp_code kp_body_value(const json_t *v, struct kp_arena *arena, const char **out, struct kp_err *err)
{
    char number[32];
    switch (json_typeof(v)) {
    case JSON_NULL:
        *out = NULL;
        return KP_OK;
    case JSON_TRUE:
    case JSON_FALSE:
        *out = json_is_true(v) ? "true" : "false";
        return KP_OK;
    case JSON_STRING:
        *out = kp_arena_strdup(arena, json_string_value(v));
        break;
    case JSON_INTEGER:
        snprintf(number, sizeof number, "%" PRId64, (int64_t)json_integer_value(v));
        *out = kp_arena_strdup(arena, number);
        break;
    case JSON_REAL:
        return printed(json_real_value(v), arena, out, err);
    case JSON_OBJECT:
    case JSON_ARRAY:
        return dumped(v, arena, out, err);
    }
    return *out ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory reading the body");
}

/* ---- fields ---- */

struct gather {
    const struct kp_body_key *keys;
    struct kp_arena *arena;
    struct kp_field *out;
    size_t *n;
    struct kp_err *err;
};

static enum kp_body_kind kind_of(const struct kp_body_key *keys, const char *name)
{
    for (; keys && keys->name; keys++)
        if (strcmp(keys->name, name) == 0 || strcmp(keys->name, "*") == 0)
            return keys->kind;
    return KP_BODY_TEXT;
}

static bool fits(const json_t *v, enum kp_body_kind kind)
{
    if (kind == KP_BODY_DOCUMENT)
        return json_is_object(v) || json_is_null(v);
    return json_is_string(v) || json_is_null(v) || (json_is_number(v) && (kind == KP_BODY_NUMBER || kind == KP_BODY_SCALAR)) ||
           (json_is_boolean(v) && (kind == KP_BODY_TRUTH || kind == KP_BODY_SCALAR));
}

static enum kp_code add_field(struct gather *g, const char *key, const json_t *v)
{
    static const char *const wanted[] = { [KP_BODY_TEXT] = "a text", [KP_BODY_NUMBER] = "a number",
                                          [KP_BODY_TRUTH] = "true or false", [KP_BODY_SCALAR] = "a text, a number, true or false",
                                          [KP_BODY_DOCUMENT] = "an object" };
    enum kp_body_kind kind = kind_of(g->keys, key);
    if (!fits(v, kind))
        return kp_fail(g->err, KP_EINVALID, "'%.60s' must be %s", key, wanted[kind]);
    if (*g->n == KP_FIELDS_MAX)
        return kp_fail(g->err, KP_EINVALID, "more than %d fields in the body", KP_FIELDS_MAX);
    struct kp_field *f = &g->out[(*g->n)++];
    f->key = kp_arena_strdup(g->arena, key);
    if (!f->key)
        return kp_fail(g->err, KP_ENOMEM, "out of memory reading the body");
    return kp_body_value(v, g->arena, &f->value, g->err);
}

static enum kp_code add_fields(struct gather *g, const json_t *object, const char *skip, const char *flatten)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)object, key, v) { /* jansson's macro wants it writable */
        enum kp_code code = KP_OK;
        if (flatten && strcmp(key, flatten) == 0)
            code = json_is_object(v) ? add_fields(g, v, NULL, NULL)
                                     : kp_fail(g->err, KP_EINVALID, "'%s' must be an object", key);
        else if (!skip || strcmp(key, skip) != 0)
            code = add_field(g, key, v);
        if (code)
            return code;
    }
    return KP_OK;
}

enum kp_code kp_body_fields(const json_t *object, const struct kp_body_key *keys, const char *skip, const char *flatten,
                            struct kp_arena *arena, struct kp_field **out, size_t *n, struct kp_err *err)
{
    *n = 0;
    *out = kp_arena_alloc(arena, KP_FIELDS_MAX * sizeof **out);
    if (!*out)
        return kp_fail(err, KP_ENOMEM, "out of memory reading the body");
    struct gather g = { keys, arena, *out, n, err };
    return add_fields(&g, object, skip, flatten);
}

void kp_body_describe(const char *body, size_t len, struct kp_arena *arena, const char **target, struct kp_buf *keys)
{
    struct kp_err any = { 0 };
    json_t *j = kp_json_object(body, len, "body", KP_JSON_DEPTH, &any), *value;
    const char *key;
    json_t *name = json_object_get(j, "name");
    const char *text = json_string_value(name ? name : json_object_get(j, "path"));
    if (target && text)
        *target = kp_arena_strdup(arena, text);
    json_object_foreach (j, key, value)
        if (keys)
            kp_buf_printf(keys, "%s%s", keys->len ? ", " : "", key);
    json_decref(j);
}
