/* SPDX-License-Identifier: Apache-2.0 */
#include "web/params.h"

#include "core/encoding.h"
#include "core/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum kp_code kp_url_decode(char *text, struct kp_err *err)
{
    char *out = text;
    for (const char *in = text; *in; in++) {
        if (*in != '%') {
            *out++ = *in;
            continue;
        }
        int high = kp_hex_digit(in[1]), low = high < 0 ? -1 : kp_hex_digit(in[2]);
        if (low < 0)
            return kp_fail(err, KP_EINVALID, "the address holds a '%%' that is not followed by two hex digits");
        char c = (char)(high << 4 | low);
        if (!c)
            return kp_fail(err, KP_EINVALID, "the address holds a zero byte (%%00)");
        *out++ = c;
        in += 2;
    }
    *out = 0;
    if (!kp_utf8_valid(text, (size_t)(out - text)))
        return kp_fail(err, KP_EINVALID, "the address is not valid UTF-8");
    return KP_OK;
}

/* As in forms, '+' is a space in a query; a real plus is written %2B. */
static void plus_to_space(char *text)
{
    for (; *text; text++)
        if (*text == '+')
            *text = ' ';
}

static enum kp_code parse_pair(char *text, struct kp_pair *pair, struct kp_err *err)
{
    char *value = strchr(text, '=');
    if (value)
        *value++ = 0;
    else
        value = text + strlen(text);
    plus_to_space(text);
    plus_to_space(value);
    if (kp_url_decode(text, err) || kp_url_decode(value, err))
        return err ? err->code : KP_EINVALID;
    *pair = (struct kp_pair){ .key = text, .value = value };
    return KP_OK;
}

static size_t count_pairs(const char *text)
{
    size_t n = 1;
    for (; *text; text++)
        n += *text == '&';
    return n;
}

enum kp_code kp_query_parse(char *text, struct kp_arena *arena, struct kp_query *query, struct kp_err *err)
{
    *query = (struct kp_query){ 0 };
    size_t n = count_pairs(text);
    if (n > KP_QUERY_MAX)
        return kp_fail(err, KP_EINVALID, "more than %d query parameters", KP_QUERY_MAX);
    query->pair = kp_arena_alloc(arena, n * sizeof *query->pair);
    if (!query->pair)
        return kp_fail(err, KP_ENOMEM, "out of memory reading the query");
    for (char *part = text; part;) {
        char *end = strchr(part, '&');
        if (end)
            *end++ = 0;
        if (*part) {
            enum kp_code code = parse_pair(part, &query->pair[query->n], err);
            if (code)
                return code;
            query->n++;
        }
        part = end;
    }
    return KP_OK;
}

const char *kp_query_next(const struct kp_query *query, const char *key, size_t *pos)
{
    while (*pos < query->n) {
        const struct kp_pair *p = &query->pair[(*pos)++];
        if (strcmp(p->key, key) == 0)
            return p->value;
    }
    return NULL;
}

/* ---- one value by type ---- */

static enum kp_code read_int(const struct kp_param *p, const char *text, struct kp_arg *arg, struct kp_err *err)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    bool digits = *text == '-' ? text[1] >= '0' && text[1] <= '9' : *text >= '0' && *text <= '9';
    if (!digits || *end)
        return kp_fail(err, KP_EINVALID, "%s must be a whole number, not '%.60s'", p->name, text);
    if (errno == ERANGE || v < p->min || v > p->max)
        return kp_fail(err, KP_EINVALID, "%s must be from %lld to %lld", p->name, (long long)p->min,
                       (long long)p->max);
    arg->number = v;
    return KP_OK;
}

static enum kp_code read_number(const struct kp_param *p, const char *text, struct kp_arg *arg,
                                struct kp_err *err)
{
    char *end;
    arg->real = strtod(text, &end);
    if (end == text || *end || !isfinite(arg->real) || arg->real < (double)p->min ||
        arg->real > (double)p->max)
        return kp_fail(err, KP_EINVALID, "%s must be a number from %lld to %lld, not '%.60s'", p->name,
                       (long long)p->min, (long long)p->max, text);
    return KP_OK;
}

static enum kp_code read_bool(const struct kp_param *p, const char *text, struct kp_arg *arg, struct kp_err *err)
{
    bool yes = strcmp(text, "1") == 0 || strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "0") != 0 && strcmp(text, "false") != 0)
        return kp_fail(err, KP_EINVALID, "%s must be 1 or 0, not '%.60s'", p->name, text);
    arg->number = yes;
    return KP_OK;
}

static enum kp_code read_duration(const struct kp_param *p, const char *text, struct kp_arg *arg,
                                  struct kp_err *err)
{
    if (!kp_duration_parse(text, &arg->number))
        return kp_fail(err, KP_EINVALID, "%s must be a duration such as 500ms, 10s, 5m or 1h, not '%.60s'",
                       p->name, text);
    if (arg->number < p->min || arg->number > p->max) {
        char low[32], high[32];
        kp_duration_print(p->min, low, sizeof low);
        kp_duration_print(p->max, high, sizeof high);
        return kp_fail(err, KP_EINVALID, "%s must be from %s to %s", p->name, low, high);
    }
    return KP_OK;
}

static enum kp_code read_choice(const struct kp_param *p, const char *text, struct kp_arg *arg,
                                struct kp_err *err)
{
    for (int64_t i = 0; p->choices[i]; i++)
        if (strcmp(p->choices[i], text) == 0) {
            arg->number = i;
            return KP_OK;
        }
    char list[160] = "";
    size_t len = 0;
    for (size_t i = 0; p->choices[i] && len < sizeof list; i++)
        len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", i ? ", " : "", p->choices[i]);
    return kp_fail(err, KP_EINVALID, "%s must be one of %s, not '%.40s'", p->name, list, text);
}

static enum kp_code read_value(const struct kp_param *p, const char *text, int64_t now, struct kp_arg *arg,
                               struct kp_err *err)
{
    switch (p->type) {
    case KP_PARAM_TEXT:
        return KP_OK;
    case KP_PARAM_PATH:
        if (*text && !kp_path_valid(text))
            return kp_fail(err, KP_EINVALID, "%s '%.100s' is not a path: names joined by single '/'", p->name,
                           text);
        return KP_OK;
    case KP_PARAM_PATTERN:
        if (!kp_pattern_valid(text))
            return kp_fail(err, KP_EINVALID, "%s '%.100s' is not a pattern: a path in which * and ? stand "
                                             "within a name and ** for any names", p->name, text);
        return KP_OK;
    case KP_PARAM_INT:
        return read_int(p, text, arg, err);
    case KP_PARAM_NUMBER:
        return read_number(p, text, arg, err);
    case KP_PARAM_BOOL:
        return read_bool(p, text, arg, err);
    case KP_PARAM_TIME:
        if (!kp_time_parse_human(text, now, &arg->number))
            return kp_fail(err, KP_EINVALID, "%s must be a time such as 2026-11-24T10:00:00Z or -2h, not '%.60s'",
                           p->name, text);
        return KP_OK;
    case KP_PARAM_DURATION:
        return read_duration(p, text, arg, err);
    case KP_PARAM_CHOICE:
        return read_choice(p, text, arg, err);
    }
    return KP_OK;
}

/* ---- the table ---- */

static enum kp_code unknown(const struct kp_param *params, const char *key, struct kp_err *err)
{
    const char *names[KP_PARAMS_MAX + 1] = { NULL };
    for (size_t i = 0; params && params[i].name; i++)
        names[i] = params[i].name;
    if (!names[0])
        return kp_fail(err, KP_EINVALID, "unknown parameter '%.60s': this request takes none", key);
    const char *near = kp_nearest(key, names);
    return kp_fail(err, KP_EINVALID, near ? "unknown parameter '%.60s', did you mean '%s'?"
                                          : "unknown parameter '%.60s'; there is '%s' for example",
                   key, near ? near : names[0]);
}

static const struct kp_param *find(const struct kp_param *params, const char *key)
{
    for (; params && params->name; params++)
        if (strcmp(params->name, key) == 0)
            return params;
    return NULL;
}

enum kp_code kp_params_check(const struct kp_param *params, const struct kp_query *query, int64_t now,
                             struct kp_arg args[KP_PARAMS_MAX], struct kp_err *err)
{
    for (size_t i = 0; params && params[i].name; i++)
        args[i] = (struct kp_arg){ .number = params[i].standard };
    for (size_t i = 0; i < query->n; i++) {
        const struct kp_pair *pair = &query->pair[i];
        const struct kp_param *p = find(params, pair->key);
        if (!p)
            return unknown(params, pair->key, err);
        struct kp_arg *arg = &args[p - params];
        if (arg->given && !p->many)
            return kp_fail(err, KP_EINVALID, "%s stands more than once", p->name);
        arg->given = true;
        arg->text = pair->value;
        enum kp_code code = read_value(p, pair->value, now, arg, err);
        if (code)
            return code;
    }
    for (size_t i = 0; params && params[i].name; i++)
        if (params[i].required && !args[i].given)
            return kp_fail(err, KP_EINVALID, "%s is missing", params[i].name);
    return KP_OK;
}
