/* SPDX-License-Identifier: Apache-2.0 */
/* The line protocol of InfluxDB: measurement,tag=value field=value,field=value time */
#include "couplings/points.h"

#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { TAGS_MAX = 64 };

struct lines {
    struct kp_points *p;
    struct kp_err *err;
    const char *form; /* of paths */
    uint64_t line;
    /* the line in hand */
    char *key;        /* measurement and tags as they stand */
    size_t key_len;
    int64_t at;
};

static enum kp_code refuse(struct lines *l, const char *why, const char *word)
{
    return kp_fail(l->err, KP_EPARSE, "line %" PRIu64 ": %s'%.60s'", l->line, why, word);
}

/* The first of the characters that no backslash escapes, or the end; `ends` has the backslash too. */
static char *until(char *text, const char *ends)
{
    for (text += strcspn(text, ends); *text == '\\'; text += strcspn(text, ends))
        text += text[1] ? 2 : 1;
    return text;
}

/* In place: a backslash before one of these goes. */
static size_t unescape(char *text, size_t n, const char *escaped)
{
    size_t out = 0;
    for (size_t i = 0; i < n; i++) {
        i += text[i] == '\\' && i + 1 < n && strchr(escaped, text[i + 1]);
        text[out++] = text[i];
    }
    return out;
}

/* ---- paths, once per series ---- */

struct tag {
    const char *key, *value;
};

static size_t cut_tags(char *key, struct tag *tags)
{
    size_t n = 0;
    char *p = until(key, "\\,");
    while (*p && n < TAGS_MAX) {
        *p++ = 0;
        char *equals = until(p, "\\=,"), *end = until(p, "\\,");
        if (*equals != '=')
            break;
        *equals = 0;
        tags[n].key = p;
        tags[n++].value = equals + 1;
        p = end;
    }
    unescape(key, strlen(key) + 1, ", =");
    for (size_t i = 0; i < n; i++) {
        unescape((char *)(uintptr_t)tags[i].key, strlen(tags[i].key) + 1, ", =");
        unescape((char *)(uintptr_t)tags[i].value, strlen(tags[i].value) + 1, ", =");
    }
    return n;
}

/* A name must not become two: a '/' in it is another character. */
static void add_name(struct kp_buf *out, const char *name)
{
    for (; *name; name++)
        kp_buf_add(out, *name == '/' ? "_" : name, 1);
}

static enum kp_code add_word(struct lines *l, struct kp_buf *out, const char *word, size_t n, const char *measurement,
                             const struct tag *tags, size_t n_tags, const char *field)
{
    bool found = true;
    if (n == 11 && memcmp(word, "measurement", n) == 0)
        add_name(out, measurement);
    else if (n == 5 && memcmp(word, "field", n) == 0)
        add_name(out, field);
    else if (n == 4 && memcmp(word, "tags", n) == 0) {
        for (size_t i = 0; i < n_tags; i++) {
            kp_buf_str(out, i ? "/" : "");
            add_name(out, tags[i].value);
        }
    } else {
        found = false;
        for (size_t i = 0; i < n_tags; i++)
            if (strlen(tags[i].key) == n && memcmp(tags[i].key, word, n) == 0) {
                add_name(out, tags[i].value);
                found = true;
            }
    }
    return found ? KP_OK : kp_fail(l->err, KP_EINVALID, "line %" PRIu64 ": it has no tag '%.*s' for its path", l->line, (int)n, word);
}

static enum kp_code name_series(struct lines *l, uint32_t series, const char *field, size_t field_len)
{
    struct tag tags[TAGS_MAX];
    struct kp_buf path;
    char *key = kp_arena_copy(&l->p->arena, l->key, l->key_len + 1), *name = kp_arena_copy(&l->p->arena, field, field_len + 1);
    if (!key || !name)
        return kp_fail(l->err, KP_ENOMEM, "out of memory reading points");
    key[l->key_len] = name[field_len] = 0;
    unescape(name, field_len + 1, ", =");
    size_t n = cut_tags(key, tags);
    kp_buf_init(&path, 8 * KP_PATH_MAX);
    for (const char *p = l->form; *p && !l->err->code;) {
        size_t word = *p == '{' ? strcspn(p, "}") : 0;
        if (word && p[word]) {
            add_word(l, &path, p + 1, word - 1, key, tags, n, name);
            p += word + 1;
        } else {
            kp_buf_add(&path, p++, 1);
        }
    }
    const char *text = kp_buf_text(&path);
    if (!l->err->code && path.failed && path.len < KP_PATH_MAX)
        kp_fail(l->err, KP_ENOMEM, "out of memory reading points");
    else if (!l->err->code && path.failed)
        kp_fail(l->err, KP_EINVALID, "line %" PRIu64 ": its path is too long", l->line);
    if (!l->err->code)
        kp_points_name(l->p, series, text, l->err);
    kp_buf_free(&path);
    return l->err->code;
}

/* ---- fields ---- */

static uint8_t type_of(char *word, size_t n)
{
    static const char *const truths[] = { "t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE" };
    if (n > 1 && (word[n - 1] == 'i' || word[n - 1] == 'u')) {
        uint8_t type = word[n - 1] == 'i' ? KP_INT64 : KP_UINT64;
        word[n - 1] = 0;
        return strspn(word, "-0123456789") == n - 1 ? type : KP_NULL;
    }
    if (strspn(word, "+-.0123456789eE") == n)
        return KP_DOUBLE;
    for (size_t i = 0; i < sizeof truths / sizeof truths[0]; i++)
        if (strcmp(word, truths[i]) == 0)
            return KP_BOOL;
    return KP_NULL;
}

/* The end of a field's value; a text in quotes may hold anything. */
static char *value_end(char *p)
{
    if (*p != '"')
        return p + strcspn(p, ", ");
    for (p++; *p && *p != '"'; p++)
        p += *p == '\\' && p[1];
    return *p ? p + 1 : p;
}

static enum kp_code take_field(struct lines *l, char *name, size_t name_len, char *word, size_t n)
{
    bool made;
    struct kp_point one = { .line = l->line, .at = l->at };
    uint8_t type;
    char *tail = &word[n];
    bool quoted = *word == '"';
    if (quoted) {
        if (n < 2 || word[n - 1] != '"')
            return refuse(l, "no closing quote: ", word);
        n = unescape(word + 1, n - 2, "\"\\");
        word[1 + n] = 0;
        type = KP_STRING;
    } else {
        *tail = 0;
        type = type_of(word, n);
    }
    if (type == KP_NULL)
        return refuse(l, "neither a number, true, false nor a text in double quotes: ", word);
    one.word = word + quoted;
    if (type == KP_BOOL)
        one.word = (*word | 0x20) == 't' ? "true" : "false";
    one.series = kp_points_series(l->p, l->key, l->key_len, name, name_len, l->line, &made, l->err);
    if (one.series == KP_POINTS_NONE || (made && name_series(l, one.series, name, name_len)))
        return l->err->code;
    if (made)
        l->p->series[one.series].given = type;
    return kp_points_add(l->p, &one, l->err);
}

static enum kp_code take_fields(struct lines *l, char *p, char *end)
{
    while (p < end) {
        char *equals = until(p, "\\=, "), *word = equals + 1;
        if (equals >= end || *equals != '=' || equals == p)
            return refuse(l, "a field must be NAME=VALUE: ", p);
        char *stop = value_end(word), next = *stop;
        if (stop == word)
            return refuse(l, "a field without a value: ", p);
        if (take_field(l, p, (size_t)(equals - p), word, (size_t)(stop - word)))
            return l->err->code;
        if (stop < end && next != ',')
            return refuse(l, "a comma must stand between fields, not ", (char[]){ next, 0 });
        p = stop + 1;
    }
    return KP_OK;
}

/* ---- lines ---- */

static char *fields_end(char *p)
{
    while (*p && *p != ' ') {
        p = until(p, "\\=, ");
        if (*p == '=')
            p = value_end(p + 1);
        p += *p == ',';
    }
    return p;
}

static enum kp_code take_line(struct lines *l, char *p)
{
    char *fields = until(p, "\\ ");
    l->key = p;
    l->key_len = (size_t)(fields - p);
    if (!l->key_len || *p == ',')
        return refuse(l, "a line begins with a measurement: ", p);
    fields += strspn(fields, " ");
    char *end = fields_end(fields), *time = end + strspn(end, " ");
    time[strcspn(time, " ")] = 0;
    l->at = l->p->now;
    if (!*fields)
        return refuse(l, "no field: ", p);
    if (*time && !kp_points_number_time(time, l->p->options->unit ? l->p->options->unit : 1, &l->at))
        return refuse(l, "not a time that history can hold: ", time);
    return take_fields(l, fields, end);
}

enum kp_code kp_points_read_lines(struct kp_points *p, char *text, size_t len, struct kp_err *err)
{
    const char *form = p->options->path;
    struct lines l = { .p = p, .err = err, .form = form ? form : "{measurement}/{tags}/{field}" };
    char *end = text + len;
    for (l.line = p->options->first ? p->options->first : 1; text < end && !err->code; l.line++) {
        char *stop = memchr(text, '\n', (size_t)(end - text)), *line = text + strspn(text, " \t");
        stop = stop ? stop : end;
        text = stop + 1;
        while (stop > line && (stop[-1] == '\r' || stop[-1] == ' '))
            stop--;
        *stop = 0;
        size_t mark = p->n;
        if (*line && *line != '#' && line < stop && take_line(&l, line))
            kp_points_pass_over(p, mark, l.line, err);
    }
    return err->code;
}
