/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of couplings by their tables. */
#include "core/coupling.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { OPTIONS_MAX = 64 };

union parsed {
    char *text;
    int64_t number;
    bool flag;
};

static bool is_text(const struct kp_option *o)
{
    return o->type == KP_OPT_TEXT || o->type == KP_OPT_CHOICE || o->type == KP_OPT_SECRET ||
           o->type == KP_OPT_MAP;
}

static bool chosen(const char *choices, const char *text)
{
    size_t n = strlen(text);
    for (const char *p = choices; *p; p += *p == ',') {
        size_t len = strcspn(p, ",");
        if (len == n && memcmp(p, text, n) == 0)
            return true;
        p += len;
    }
    return false;
}

static enum kp_code in_range(const struct kp_option *o, int64_t v, const char *text,
                             struct kp_err *err)
{
    if (v >= o->min && v <= o->max)
        return KP_OK;
    if (o->type == KP_OPT_INT)
        return kp_fail(err, KP_EINVALID, "%s: %s is outside %lld to %lld", o->name, text,
                       (long long)o->min, (long long)o->max);
    char low[32], high[32];
    kp_duration_print(o->min, low, sizeof low);
    kp_duration_print(o->max, high, sizeof high);
    return kp_fail(err, KP_EINVALID, "%s: %s is outside %s to %s", o->name, text, low, high);
}

static enum kp_code parse_int(const struct kp_option *o, const char *text, int64_t *out,
                              struct kp_err *err)
{
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    if (end == text || *end || errno || !strchr("-0123456789", *text))
        return kp_fail(err, KP_EINVALID, "%s: '%.60s' is not a whole number", o->name, text);
    return in_range(o, *out, text, err);
}

static enum kp_code parse_bool(const struct kp_option *o, const char *text, bool *out,
                               struct kp_err *err)
{
    static const char *const words[] = { "off", "on", "false", "true", "no", "yes", "0", "1" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i], text) == 0) {
            *out = i % 2;
            return KP_OK;
        }
    return kp_fail(err, KP_EINVALID, "%s: '%.60s' is neither on nor off", o->name, text);
}

/* Reads text as the option's type; a text is copied for the caller to keep or free. */
static enum kp_code parse(const struct kp_option *o, const char *text, union parsed *out,
                          struct kp_err *err)
{
    switch (o->type) {
    case KP_OPT_INT:
        return parse_int(o, text, &out->number, err);
    case KP_OPT_BOOL:
        return parse_bool(o, text, &out->flag, err);
    case KP_OPT_DURATION:
        if (!kp_duration_parse(text, &out->number))
            return kp_fail(err, KP_EINVALID, "%s: '%.60s' is not a time such as 250ms or 10s",
                           o->name, text);
        return in_range(o, out->number, text, err);
    case KP_OPT_CHOICE:
        if (!chosen(o->choices, text))
            return kp_fail(err, KP_EINVALID, "%s: '%.60s' is none of %s", o->name, text,
                           o->choices);
        break;
    case KP_OPT_TEXT:
    case KP_OPT_SECRET:
    case KP_OPT_MAP:
        if (!kp_utf8_valid(text, strlen(text)))
            return kp_fail(err, KP_EINVALID, "%s: the text is not valid UTF-8", o->name);
    }
    out->text = kp_strdup(text);
    return out->text ? KP_OK : kp_fail(err, KP_ENOMEM, "%s: out of memory", o->name);
}

static void store(const struct kp_option *o, void *settings, union parsed v)
{
    char *at = (char *)settings + o->offset;
    if (is_text(o)) {
        kp_free(*(char **)(void *)at);
        *(char **)(void *)at = v.text;
    } else if (o->type == KP_OPT_BOOL) {
        *(bool *)at = v.flag;
    } else {
        *(int64_t *)(void *)at = v.number;
    }
}

enum kp_code kp_options_init(const struct kp_option *o, void *settings, struct kp_err *err)
{
    for (; o && o->name; o++) {
        union parsed v = { 0 };
        if (!o->standard)
            continue;
        enum kp_code code = parse(o, o->standard, &v, err);
        if (code)
            return code;
        store(o, settings, v);
    }
    return KP_OK;
}

void kp_options_free(const struct kp_option *o, void *settings)
{
    for (; o && o->name; o++)
        if (is_text(o))
            store(o, settings, (union parsed){ 0 });
}

static const struct kp_option *find(const struct kp_option *options, const char *name,
                                    struct kp_err *err)
{
    const char *names[OPTIONS_MAX + 1] = { 0 };
    size_t n = 0;
    for (const struct kp_option *o = options; o && o->name; o++) {
        if (strcmp(o->name, name) == 0)
            return o;
        if (n < OPTIONS_MAX)
            names[n++] = o->name;
    }
    const char *near = kp_nearest(name, names);
    kp_fail(err, KP_EINVALID,
            near ? "unknown setting '%.60s', did you mean '%s'?" : "unknown setting '%.60s'", name,
            near);
    return NULL;
}

enum kp_code kp_options_set(const struct kp_option *options, void *settings, const char *name,
                            const char *text, struct kp_err *err)
{
    union parsed v = { 0 };
    const struct kp_option *o = find(options, name, err);
    if (!o)
        return KP_EINVALID;
    enum kp_code code = parse(o, text, &v, err);
    if (!code)
        store(o, settings, v);
    return code;
}

enum kp_code kp_options_check(const struct kp_option *options, const char *name, const char *text,
                              struct kp_err *err)
{
    union parsed v = { 0 };
    const struct kp_option *o = find(options, name, err);
    if (!o)
        return KP_EINVALID;
    enum kp_code code = parse(o, text, &v, err);
    if (!code && is_text(o))
        kp_free(v.text);
    return code;
}
