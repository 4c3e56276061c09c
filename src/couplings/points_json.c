/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: an object with `path` (or `signal`) and `value` is a point, with `time` and `status` if
 * they are there; any other holds a value per member, named by it, all of the time that stands
 * among them. Objects within it are assets. */
#include "couplings/points.h"

#include "core/text.h"
#include "net/json_memory.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { DEPTH_MAX = 8, NO_DATA = (int)0x809b0000u /* BadNoData */ };

struct reading {
    struct kp_points *p;
    struct kp_err *err;
    uint64_t line; /* or place in the array */
};

static enum kp_code refuse(struct reading *r, const char *why, const char *word)
{
    return kp_fail(r->err, KP_EPARSE, "line %" PRIu64 ": %s%.60s", r->line, why, word);
}

/* The word of a value, in the arena; NULL with no failure: there is none. */
static const char *word_of(struct reading *r, const json_t *v)
{
    char text[40];
    const char *word = text;
    if (json_is_null(v))
        return NULL;
    if (json_is_string(v))
        word = json_string_value(v);
    else if (json_is_integer(v))
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    else if (json_is_real(v))
        snprintf(text, sizeof text, "%.17g", json_real_value(v));
    else if (json_is_boolean(v))
        word = json_is_true(v) ? "true" : "false";
    else {
        refuse(r, "a value must be a number, a text, true, false or null", "");
        return NULL;
    }
    word = kp_arena_strdup(&r->p->arena, word);
    if (!word)
        kp_fail(r->err, KP_ENOMEM, "out of memory reading points");
    return word;
}

static enum kp_code take_value(struct reading *r, const char *path, const json_t *v, int64_t at,
                               uint32_t status)
{
    bool made;
    struct kp_point one = { .line = r->line, .at = at, .status = status };
    one.series = kp_points_series(r->p, path, strlen(path), "", 0, r->line, &made, r->err);
    if (one.series == KP_POINTS_NONE)
        return r->err->code;
    struct kp_series *s = &r->p->series[one.series];
    if (made && !(s->key = kp_arena_strdup(&r->p->arena, path))) {
        s->key = "";
        s->key_len = 0;
        return kp_fail(r->err, KP_ENOMEM, "out of memory reading points");
    }
    if (made && kp_points_name(r->p, one.series, path, r->err))
        return r->err->code;
    if (json_is_string(v) && !s->n)
        s->given = KP_STRING;
    one.word = word_of(r, v);
    if (r->err->code)
        return r->err->code;
    if (!one.word && !one.status)
        one.status = (uint32_t)NO_DATA;
    return kp_points_add(r->p, &one, r->err);
}

/* ---- objects ---- */

static const json_t *find_time(struct reading *r, const json_t *object, const char **key)
{
    const char *mine[] = { r->p->options->column, NULL };
    for (const char *const *k = mine[0] ? mine : kp_points_times; *k; k++) {
        const json_t *v = json_object_get(object, *k);
        *key = *k;
        if (v && !json_is_null(v))
            return v;
    }
    *key = NULL;
    return NULL;
}

static enum kp_code take_time(struct reading *r, const json_t *v, int64_t *at)
{
    const char *word = v ? word_of(r, v) : NULL;
    if (r->err->code || !v)
        return r->err->code;
    if (json_is_real(v) && !r->p->options->unit) { /* seconds, as Python has them */
        double seconds = json_real_value(v);
        if (seconds > -9e9 && seconds < 9e9) {
            *at = (int64_t)(seconds * 1e6) * 1000;
            return KP_OK;
        }
    }
    return word && kp_points_time(r->p->options, word, at)
               ? KP_OK
               : refuse(r, "this is no time such as 2026-11-24T10:02:31Z: ", word ? word : "");
}

static enum kp_code take_status(struct reading *r, const json_t *v, uint32_t *status)
{
    if (!v || json_is_null(v))
        return KP_OK;
    if (json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= UINT32_MAX) {
        *status = (uint32_t)json_integer_value(v);
        return KP_OK;
    }
    const char *word = json_string_value(v);
    return word && kp_status_parse(word, status)
               ? KP_OK
               : refuse(r,
                        "this is no status such as Good or BadSensorFailure: ", word ? word : "");
}

static enum kp_code take_members(struct reading *r, const json_t *object, const char *before,
                                 const char *time_key, int64_t at, int depth)
{
    const char *key;
    json_t *v;
    if (depth == DEPTH_MAX)
        return refuse(r, "objects are nested too deeply", "");
    json_object_foreach((json_t *)(uintptr_t)object, key, v)
    {
        char path[KP_PATH_MAX];
        if (time_key && strcmp(key, time_key) == 0)
            continue;
        if (snprintf(path, sizeof path, "%s%s%s", before, *before ? "/" : "", key) >=
            (int)sizeof path)
            return refuse(r, "a path is too long: ", key);
        if (json_is_object(v) ? take_members(r, v, path, NULL, at, depth + 1)
                              : take_value(r, path, v, at, 0))
            return r->err->code;
    }
    return KP_OK;
}

static enum kp_code take_object(struct reading *r, const json_t *object)
{
    const char *time_key;
    int64_t at = r->p->now;
    uint32_t status = 0;
    if (!json_is_object(object))
        return refuse(
            r, "this is no object such as {\"path\": \"hall/oven/temperature\", \"value\": 231.5}",
            "");
    const json_t *path = json_object_get(object, "path"), *value = json_object_get(object, "value");
    path = path ? path : json_object_get(object, "signal");
    if (take_time(r, find_time(r, object, &time_key), &at))
        return r->err->code;
    if (!json_is_string(path) || !value)
        return take_members(r, object, "", time_key, at, 0);
    if (take_status(r, json_object_get(object, "status"), &status))
        return r->err->code;
    return take_value(r, json_string_value(path), value, at, status);
}

/* ---- texts ---- */

static json_t *parse(struct reading *r, const char *text, size_t len)
{
    json_error_t why;
    json_t *j = kp_json_load(text, len, JSON_REJECT_DUPLICATES, &why);
    uint64_t line = r->line + (uint64_t)(why.line > 0 ? why.line - 1 : 0);
    if (!j && kp_json_starved())
        kp_fail(r->err, KP_ENOMEM, "out of memory reading points");
    else if (!j)
        kp_fail(r->err, KP_EPARSE, "line %" PRIu64 ": this is not JSON: %.100s", line, why.text);
    return j;
}

enum kp_code kp_points_read_json(struct kp_points *p, char *text, size_t len, struct kp_err *err)
{
    struct reading r = { .p = p, .err = err, .line = 1 };
    json_t *j = parse(&r, text, len), *one;
    size_t i;
    if (json_is_array(j)) {
        json_array_foreach(j, i, one)
        {
            r.line = i + 1;
            if (take_object(&r, one))
                break;
        }
    } else if (j) {
        take_object(&r, j);
    }
    json_decref(j);
    return err->code;
}

enum kp_code kp_points_read_jsonl(struct kp_points *p, char *text, size_t len, struct kp_err *err)
{
    struct reading r = { .p = p, .err = err };
    char *end = text + len;
    for (r.line = p->options->first ? p->options->first : 1; text < end && !err->code; r.line++) {
        char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t n = (size_t)((stop ? stop : end) - text), mark = p->n;
        if (strspn(text, " \t\r") < n) {
            json_t *j = parse(&r, text, n);
            if (j)
                take_object(&r, j);
            json_decref(j);
            kp_points_pass_over(p, mark, r.line, err);
        }
        text += n + 1;
    }
    return err->code;
}
