/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/mqtt/payload.h"

#include "core/text.h"
#include "net/json_memory.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

enum { TEXT_MAX = 1 << 20 /* bytes of JSON text as a value */, LEAF_PATH = 512, NUMBER_TEXT = 64 };

/* ---- paths ---- */
static enum kp_code odd(const char *text, struct kp_err *err)
{
    return kp_fail(err, KP_EPARSE, "'%.80s' is not such as sensor.temp or values[0].v", text);
}

static const char *take_index(const char *p, struct kp_json_step *step)
{
    size_t n = 0;
    const char *from = p;
    for (; *p >= '0' && *p <= '9' && n < 10000000; p++)
        n = n * 10 + (size_t)(*p - '0');
    *step = (struct kp_json_step){ .index = n };
    return p > from && *p == ']' ? p + 1 : NULL;
}

static const char *take_key(const char *p, const char *end_chars, struct kp_arena *arena,
                            struct kp_json_step *step)
{
    size_t n = strcspn(p, end_chars);
    char *key = n ? kp_arena_alloc(arena, n + 1) : NULL;
    if (!key)
        return NULL;
    memcpy(key, p, n);
    *step = (struct kp_json_step){ .key = key };
    return p + n;
}

/* One step; NULL: it is none. */
static const char *take_step(const char *p, bool first, struct kp_arena *arena,
                             struct kp_json_step *step)
{
    if (*p == '[' && p[1] == '"') {
        p = take_key(p + 2, "\"", arena, step);
        return p && *p == '"' && p[1] == ']' ? p + 2 : NULL;
    }
    if (*p == '[')
        return take_index(p + 1, step);
    if (first == (*p == '.'))
        return NULL;
    return take_key(p + !first, ".[", arena, step);
}

enum kp_code kp_json_path_parse(struct kp_json_path *path, struct kp_arena *arena, const char *text,
                                struct kp_err *err)
{
    path->n = 0;
    for (const char *p = text; *p;) {
        if (path->n == KP_JSON_PATH_MAX)
            return kp_fail(err, KP_EFULL, "'%.80s' has more than %d steps", text, KP_JSON_PATH_MAX);
        p = take_step(p, path->n == 0, arena, &path->step[path->n]);
        if (!p)
            return odd(text, err);
        path->n++;
    }
    return KP_OK;
}

json_t *kp_json_path_get(json_t *j, const struct kp_json_path *path)
{
    for (size_t i = 0; j && i < path->n; i++)
        j = path->step[i].key ? json_object_get(j, path->step[i].key)
                              : json_array_get(j, path->step[i].index);
    return j;
}

/* ---- reading ---- */
/* The parser goes down with the brackets, on the coupling's small stack. */
static bool too_deep(const char *p, size_t len)
{
    unsigned depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < len; i++) {
        if (quoted && p[i] == '\\')
            i++;
        else if (p[i] == '"')
            quoted = !quoted;
        else if (!quoted && (p[i] == '{' || p[i] == '[') && ++depth > KP_JSON_DEPTH_MAX)
            return true;
        else if (!quoted && (p[i] == '}' || p[i] == ']') && depth)
            depth--;
    }
    return false;
}

json_t *kp_payload_json(const char *payload, size_t len, struct kp_err *err)
{
    json_error_t where;
    if (too_deep(payload, len)) {
        kp_fail(err, KP_EPARSE, "JSON more than %d levels deep", KP_JSON_DEPTH_MAX);
        return NULL;
    }
    json_t *j = kp_json_load(payload, len, JSON_DECODE_ANY, &where);
    if (!j && json_error_code(&where) == json_error_numeric_overflow)
        j = kp_json_load(payload, len, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &where);
    if (!j)
        kp_fail(err, KP_EPARSE, "not JSON: %d:%d: %.100s", where.line, where.column, where.text);
    return j;
}

/* ---- types ---- */
static const char *const words[] = { "", "number", "integer", "bool", "text", "json", NULL };

bool kp_payload_type_parse(const char *word, enum kp_payload_type *type)
{
    int i = 0;
    if (word && strcasecmp(word, "int") == 0)
        word = words[KP_AS_INTEGER];
    while (word && words[i] && strcasecmp(words[i], word) != 0)
        i++;
    *type = (enum kp_payload_type)i;
    return words[i];
}

uint8_t kp_payload_declared(enum kp_payload_type type)
{
    static const uint8_t types[] = { KP_NULL, KP_DOUBLE, KP_INT64, KP_BOOL, KP_STRING, KP_STRING };
    return types[type];
}

/* ---- values ---- */
static bool text_number(const char *text, size_t len, double *d)
{
    char copy[NUMBER_TEXT];
    char *end;
    if (len == 0 || len >= sizeof copy || text[0] == 'n' || text[0] == 'N')
        return false;
    memcpy(copy, text, len);
    copy[len] = 0;
    if (strpbrk(copy, "xXpPiI") || memchr(copy, 0, len))
        return false;
    *d = strtod(copy, &end);
    return !*end && isfinite(*d);
}

static bool text_integer(const char *text, size_t len, int64_t *i)
{
    char copy[NUMBER_TEXT];
    char *end;
    if (len == 0 || len >= sizeof copy)
        return false;
    memcpy(copy, text, len);
    copy[len] = 0;
    errno = 0;
    *i = strtoll(copy, &end, 10);
    return !*end && !errno;
}

static bool text_bool(const char *text, size_t len, bool *b)
{
    static const char *const yes[] = { "true", "on", "1", "yes", "open" };
    static const char *const no[] = { "false", "off", "0", "no", "closed" };
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        *b = strlen(yes[i]) == len && strncasecmp(yes[i], text, len) == 0;
        if (*b || (strlen(no[i]) == len && strncasecmp(no[i], text, len) == 0))
            return true;
    }
    return false;
}

static enum kp_code no_such(const char *text, size_t len, enum kp_payload_type type,
                            struct kp_err *err)
{
    char shown[40];
    kp_utf8_clean(shown, sizeof shown, text, len);
    return kp_fail(err, KP_EPARSE, "'%s' is no %s", shown, words[type]);
}

/* A text read as the type a person asked for. */
static enum kp_code from_text(const char *text, size_t len, enum kp_payload_type type,
                              struct kp_arena *arena, struct kp_value *v, struct kp_err *err)
{
    double d;
    int64_t i;
    bool b;
    if (type == KP_AS_NUMBER && text_number(text, len, &d)) {
        *v = kp_double(d);
    } else if (type == KP_AS_INTEGER && text_integer(text, len, &i)) {
        *v = kp_int(i);
    } else if (type == KP_AS_INTEGER && text_number(text, len, &d) && fabs(d) < 0x1p63) {
        *v = kp_int((int64_t)d);
    } else if (type == KP_AS_BOOL && text_bool(text, len, &b)) {
        *v = kp_bool(b);
    } else if (type == KP_AS_NUMBER || type == KP_AS_INTEGER || type == KP_AS_BOOL) {
        return no_such(text, len, type, err);
    } else {
        const char *copy = kp_arena_copy(arena, text, len + 1);
        if (!copy)
            return kp_fail(err, KP_ENOMEM, "out of memory");
        *v = kp_string(copy, len);
    }
    return KP_OK;
}

static enum kp_code as_json(const json_t *j, struct kp_arena *arena, struct kp_value *v,
                            struct kp_err *err)
{
    char *text = kp_json_dump(j, JSON_ENCODE_ANY | JSON_COMPACT);
    size_t len = text ? strlen(text) : 0;
    const char *copy = text && len <= TEXT_MAX ? kp_arena_strdup(arena, text) : NULL;
    free(text);
    if (!copy)
        return kp_fail(err, len > TEXT_MAX ? KP_EFULL : KP_ENOMEM,
                       len > TEXT_MAX ? "more than %d bytes of JSON" : "out of memory", TEXT_MAX);
    *v = kp_string(copy, len);
    return KP_OK;
}

static enum kp_code from_number(const json_t *j, enum kp_payload_type type, struct kp_arena *arena,
                                struct kp_value *v, struct kp_err *err)
{
    double d = json_number_value(j);
    int64_t i = json_is_integer(j) ? json_integer_value(j) : 0;
    bool exact = json_is_integer(j);
    switch (type) {
    case KP_AS_TEXT:
    case KP_AS_JSON:
        return as_json(j, arena, v, err);
    case KP_AS_BOOL:
        *v = kp_bool(d != 0);
        return KP_OK;
    case KP_AS_INTEGER:
        if (!exact && fabs(d) >= 0x1p63)
            return kp_fail(err, KP_EPARSE, "%g is no integer of 64 bits", d);
        *v = kp_int(exact ? i : (int64_t)d);
        return KP_OK;
    default:
        if (exact && type == KP_AS_IT_COMES && (i > INT64_C(1) << 53 || i < -(INT64_C(1) << 53)))
            *v = kp_int(i);
        else
            *v = kp_double(d);
        return KP_OK;
    }
}

enum kp_code kp_payload_value(const json_t *j, enum kp_payload_type type, struct kp_arena *arena,
                              struct kp_value *v, struct kp_err *err)
{
    *v = (struct kp_value){ .type = KP_NULL };
    if (type == KP_AS_JSON || json_is_object(j) || json_is_array(j)) {
        if (type == KP_AS_NUMBER || type == KP_AS_INTEGER || type == KP_AS_BOOL)
            return kp_fail(err, KP_EPARSE, "there is a structure, no %s", words[type]);
        return as_json(j, arena, v, err);
    }
    if (json_is_number(j))
        return from_number(j, type, arena, v, err);
    if (json_is_string(j))
        return from_text(json_string_value(j), json_string_length(j), type, arena, v, err);
    if (json_is_boolean(j) && (type == KP_AS_NUMBER || type == KP_AS_INTEGER))
        *v = type == KP_AS_NUMBER ? kp_double(json_is_true(j)) : kp_int(json_is_true(j));
    else if (json_is_boolean(j) && type == KP_AS_TEXT)
        *v = json_is_true(j) ? kp_string("true", 4) : kp_string("false", 5);
    else if (json_is_boolean(j))
        *v = kp_bool(json_is_true(j));
    return KP_OK;
}

static enum kp_code whole_unasked(const char *text, size_t len, struct kp_arena *arena,
                                  struct kp_value *v, struct kp_err *err)
{
    double d;
    int64_t i;
    if (text_number(text, len, &d)) {
        *v = fabs(d) >= 0x1p53 && text_integer(text, len, &i) ? kp_int(i) : kp_double(d);
    } else if (len == 4 && memcmp(text, "true", 4) == 0) {
        *v = kp_bool(true);
    } else if (len == 5 && memcmp(text, "false", 5) == 0) {
        *v = kp_bool(false);
    } else {
        const char *copy = kp_arena_copy(arena, text, len + 1);
        if (!copy)
            return kp_fail(err, KP_ENOMEM, "out of memory");
        *v = kp_string(copy, len);
        if (!kp_utf8_valid(text, len) || memchr(text, 0, len))
            v->type = KP_BYTES;
    }
    return KP_OK;
}

enum kp_code kp_payload_whole(const char *payload, size_t len, enum kp_payload_type type,
                              struct kp_arena *arena, struct kp_value *v, struct kp_err *err)
{
    static const char blank[] = " \t\r\n";
    *v = (struct kp_value){ .type = KP_NULL };
    if (type == KP_AS_JSON) {
        json_t *j = kp_payload_json(payload, len, err);
        if (j)
            as_json(j, arena, v, err);
        json_decref(j);
        return err->code;
    }
    if (type != KP_AS_IT_COMES && !kp_utf8_valid(payload, len))
        return kp_fail(err, KP_EPARSE, "the payload is not UTF-8 text");
    const char *from = payload, *to = payload + len;
    while (from < to && memchr(blank, *from, 4))
        from++;
    while (to > from && memchr(blank, to[-1], 4))
        to--;
    if (type == KP_AS_IT_COMES)
        return whole_unasked(from, (size_t)(to - from), arena, v, err);
    return from_text(from, (size_t)(to - from), type, arena, v, err);
}

bool kp_payload_time(const json_t *j, int64_t *at)
{
    double d;
    if (json_is_string(j)) {
        if (kp_time_parse(json_string_value(j), at))
            return true;
        if (!text_number(json_string_value(j), json_string_length(j), &d))
            return false;
    } else if (json_is_number(j)) {
        d = json_number_value(j);
    } else {
        return false;
    }
    /* one second, one millisecond ... of the years 1973 to 5138 */
    int64_t unit = d < 1e11 ? KP_SECOND : d < 1e14 ? KP_MILLISECOND : d < 1e17 ? 1000 : 1;
    if (!(d > 0) || d * (double)unit >= 0x1p63)
        return false;
    *at = json_is_integer(j) ? json_integer_value(j) * unit : (int64_t)llround(d * (double)unit);
    return true;
}

/* ---- leaves ---- */
struct walk {
    bool (*each)(void *, const char *, json_t *);
    void *arg;
    char path[LEAF_PATH];
    unsigned left;
};

static bool needs_quotes(const char *key)
{
    return !*key || strpbrk(key, ".[\"") != NULL;
}

static bool walk(struct walk *w, json_t *j, size_t len);

static bool walk_down(struct walk *w, json_t *j, size_t len, int wrote)
{
    bool fits = wrote > 0 && (size_t)wrote < sizeof w->path - len;
    bool on = fits ? walk(w, j, len + (size_t)wrote) : true;
    w->path[len] = 0;
    return on;
}

static bool walk(struct walk *w, json_t *j, size_t len)
{
    const char *key;
    json_t *value;
    size_t i;
    size_t room = sizeof w->path - len;
    if (!json_is_object(j) && !json_is_array(j))
        return w->left-- > 0 && w->each(w->arg, w->path, j);
    json_object_foreach(j, key, value)
    {
        if (!*key || strchr(key, '"'))
            continue;
        int n = needs_quotes(key) ? snprintf(w->path + len, room, "[\"%s\"]", key)
                                  : snprintf(w->path + len, room, "%s%s", len ? "." : "", key);
        if (!walk_down(w, value, len, n))
            return false;
    }
    json_array_foreach(j, i, value)
    {
        if (!walk_down(w, value, len, snprintf(w->path + len, room, "[%zu]", i)))
            return false;
    }
    return true;
}

void kp_payload_leaves(json_t *j, bool (*each)(void *, const char *path, json_t *), void *arg)
{
    struct walk w = { .each = each, .arg = arg, .left = KP_JSON_LEAVES_MAX };
    walk(&w, j, 0);
}
