/* SPDX-License-Identifier: Apache-2.0 */
/* What an assistant gives a tool, against the tool's table. */
#include "web/mcp.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { NAMES_MAX = 16, TEXT_MAX = 1000 };

static const struct kp_mcp_arg *find(const struct kp_mcp_arg *args, const char *name)
{
    while (args->name && strcmp(args->name, name) != 0)
        args++;
    return args->name ? args : NULL;
}

static enum kp_code unknown(const struct kp_mcp_arg *args, const char *name, struct kp_err *err)
{
    const char *names[NAMES_MAX + 1] = { NULL };
    for (size_t i = 0; i < NAMES_MAX && args[i].name; i++)
        names[i] = args[i].name;
    const char *near = kp_nearest(name, names);
    if (near)
        return kp_fail(err, KP_EINVALID, "there is no argument '%.60s'; did you mean %s?", name,
                       near);
    return kp_fail(err, KP_EINVALID, "there is no argument '%.60s'", name);
}

static enum kp_code check_text(const struct kp_mcp_arg *a, const json_t *v, int64_t now,
                               struct kp_err *err)
{
    const char *text = json_string_value(v);
    int64_t at;
    if (!text)
        return kp_fail(err, KP_EINVALID, "%s must be a text", a->name);
    if (json_string_length(v) > TEXT_MAX)
        return kp_fail(err, KP_EINVALID, "%s is longer than %d bytes", a->name, TEXT_MAX);
    if (a->kind == KP_MCP_TIME && !kp_time_parse_human(text, now, &at))
        return kp_fail(err, KP_EINVALID,
                       "%s: '%.60s' is no time such as -2h, now or 2026-11-24T08:00:00Z", a->name,
                       text);
    if ((a->kind == KP_MCP_PATTERN || a->kind == KP_MCP_PATHS_LIST) && !kp_pattern_valid(text))
        return kp_fail(err, KP_EINVALID,
                       "%s: '%.80s' is no pattern of paths such as hall/mill or hall/**/load",
                       a->name, text);
    return KP_OK;
}

static enum kp_code check_list(const struct kp_mcp_arg *a, const json_t *v, int64_t now,
                               struct kp_err *err)
{
    size_t i;
    json_t *item;
    if (!json_is_array(v) || !json_array_size(v) || json_array_size(v) > (size_t)a->max)
        return kp_fail(err, KP_EINVALID, "%s must be a list of 1 to %lld paths", a->name,
                       (long long)a->max);
    json_array_foreach(v, i, item) if (check_text(a, item, now, err)) break;
    return err->code;
}

static enum kp_code check_choice(const struct kp_mcp_arg *a, const json_t *v, struct kp_err *err)
{
    const char *text = json_string_value(v);
    const char *const *c = a->choices;
    while (text && *c && strcmp(*c, text) != 0)
        c++;
    if (text && *c)
        return KP_OK;
    kp_fail(err, KP_EINVALID, "%s must be one of", a->name);
    for (c = a->choices; *c; c++) {
        size_t len = strlen(err->text);
        snprintf(err->text + len, sizeof err->text - len, "%s %s", c == a->choices ? "" : ",", *c);
    }
    return err->code;
}

static enum kp_code check_count(const struct kp_mcp_arg *a, const json_t *v, struct kp_err *err)
{
    int64_t n = json_integer_value(v);
    if (json_is_integer(v) && n >= a->min && n <= a->max)
        return KP_OK;
    return kp_fail(err, KP_EINVALID, "%s must be a whole number from %lld to %lld", a->name,
                   (long long)a->min, (long long)a->max);
}

static enum kp_code check_one(const struct kp_mcp_arg *a, const json_t *v, int64_t now,
                              struct kp_err *err)
{
    switch (a->kind) {
    case KP_MCP_PATHS_LIST:
        return check_list(a, v, now, err);
    case KP_MCP_CHOICE:
        return check_choice(a, v, err);
    case KP_MCP_COUNT:
        return check_count(a, v, err);
    case KP_MCP_TRUTH:
        return json_is_boolean(v) ? KP_OK
                                  : kp_fail(err, KP_EINVALID, "%s must be true or false", a->name);
    default:
        return check_text(a, v, now, err);
    }
}

enum kp_code kp_mcp_check(const struct kp_mcp_arg *args, const json_t *given, int64_t now,
                          struct kp_err *err)
{
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)given, name, v)
    {
        const struct kp_mcp_arg *a = find(args, name);
        if (!a)
            return unknown(args, name, err);
        if (!json_is_null(v) && check_one(a, v, now, err))
            return err->code;
    }
    for (const struct kp_mcp_arg *a = args; a->name; a++) {
        const json_t *v2 = json_object_get(given, a->name);
        if (a->required && (!v2 || json_is_null(v2)))
            return kp_fail(err, KP_EINVALID, "%s is missing: %s", a->name, a->about);
    }
    return KP_OK;
}
