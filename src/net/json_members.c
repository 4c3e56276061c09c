/* SPDX-License-Identifier: Apache-2.0 */
#include "net/json_members.h"

#include "core/mem.h"
#include "core/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum kp_code kp_members_known(const json_t *o, const char *where, const char *const *known,
                              struct kp_err *err)
{
    const char *key;
    json_t *value;
    if (!json_is_object(o))
        return kp_fail(err, KP_EINVALID, "%s: must be an object", where);
    json_object_foreach((json_t *)(uintptr_t)o, key, value)
    {
        size_t i = 0;
        while (known[i] && strcmp(known[i], key) != 0)
            i++;
        const char *near = known[i] ? NULL : kp_nearest(key, known);
        if (!known[i])
            return kp_fail(err, KP_EINVALID,
                           near ? "%s: unknown key '%.60s', did you mean '%s'?"
                                : "%s: unknown key '%.60s'%s",
                           where, key, near ? near : "");
    }
    return KP_OK;
}

static bool has_controls(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

enum kp_code kp_member_text(const json_t *o, const char *where, const char *key, bool required,
                            const char **out, struct kp_err *err)
{
    const json_t *v = json_object_get(o, key);
    *out = json_is_string(v) && json_string_length(v) ? json_string_value(v) : NULL;
    if (v && !json_is_null(v) &&
        (!json_is_string(v) || json_string_length(v) > KP_MEMBER_TEXT ||
         has_controls(json_string_value(v))))
        return kp_fail(err, KP_EINVALID, "%s.%s: must be a text of one line, %d bytes at most",
                       where, key, KP_MEMBER_TEXT);
    if (required && !*out)
        return kp_fail(err, KP_EINVALID, "%s.%s is missing", where, key);
    return KP_OK;
}

enum kp_code kp_member_minute(const json_t *o, const char *where, const char *key, uint16_t *out,
                              struct kp_err *err)
{
    const char *text;
    char *end = NULL;
    if (kp_member_text(o, where, key, false, &text, err) || !text)
        return err->code;
    unsigned long hour = strtoul(text, &end, 10),
                  minute = end && *end == ':' ? strtoul(end + 1, &end, 10) : 99;
    if (text[0] < '0' || text[0] > '9' || *end || hour > 24 || minute > 59 ||
        hour * 60 + minute > 1440)
        return kp_fail(err, KP_EINVALID, "%s.%s: '%.20s' is not a time of day such as 06:00", where,
                       key, text);
    *out = (uint16_t)(hour * 60 + minute);
    return KP_OK;
}

enum kp_code kp_member_number(const json_t *o, const char *where, const char *key, double least,
                              double most, double *out, struct kp_err *err)
{
    const json_t *v = json_object_get(o, key);
    const char *text = json_string_value(v);
    char *end = NULL;
    double d = json_is_number(v) ? json_number_value(v) : text ? strtod(text, &end) : NAN;
    if (!v || json_is_null(v) || (text && !*text))
        return KP_OK;
    if (!isfinite(d) || (text && *end) || d < least || d > most)
        return kp_fail(err, KP_EINVALID, "%s.%s: must be a number from %.10g to %.10g", where, key,
                       least, most);
    *out = d;
    return KP_OK;
}

enum kp_code kp_member_duration(const json_t *o, const char *where, const char *key, int64_t *out,
                                struct kp_err *err)
{
    const json_t *v = json_object_get(o, key);
    const char *text = json_string_value(v);
    char *end = NULL;
    double seconds = json_is_number(v) ? json_number_value(v) : text ? strtod(text, &end) : NAN;
    int64_t ns = 0;
    if (!v || json_is_null(v) || (text && !*text))
        return KP_OK;
    bool number = !text || !*end; /* else it has a unit */
    if (number && seconds > 0 && seconds < 1e9)
        ns = (int64_t)llround(seconds * (double)KP_SECOND);
    if ((!number && !kp_duration_parse(text, &ns)) || ns <= 0)
        return kp_fail(err, KP_EINVALID, "%s.%s: must be a time such as 45s, or seconds", where,
                       key);
    *out = ns;
    return KP_OK;
}

enum kp_code kp_member_pattern(const json_t *o, const char *where, const char *key,
                               const char **out, struct kp_err *err)
{
    if (kp_member_text(o, where, key, false, out, err))
        return err->code;
    if (!*out)
        *out = "";
    return kp_pattern_valid(*out) ? KP_OK
                                  : kp_fail(err, KP_EINVALID,
                                            "%s.%s: '%.100s' is not a pattern of paths such as "
                                            "hall/** or hall/mill",
                                            where, key, *out);
}

enum kp_code kp_member_list(const json_t *o, const char *where, const char *key, size_t most,
                            const json_t **out, struct kp_err *err)
{
    *out = json_object_get(o, key);
    if (*out && !json_is_null(*out) && !json_is_array(*out))
        return kp_fail(err, KP_EINVALID, "%s.%s: must be a list", where, key);
    if (json_array_size(*out) > most)
        return kp_fail(err, KP_EFULL, "%s.%s: more than %zu entries", where, key, most);
    return KP_OK;
}

enum kp_code kp_member_choice(const json_t *o, const char *where, const char *key,
                              const char *const *words, int *out, struct kp_err *err)
{
    const char *text;
    int i = 0;
    if (kp_member_text(o, where, key, false, &text, err) || !text)
        return err->code;
    while (words[i] && strcmp(words[i], text) != 0)
        i++;
    if (!words[i]) {
        struct kp_buf all;
        kp_buf_init(&all, 200);
        for (i = 0; words[i]; i++)
            kp_buf_printf(&all, "%s%s", i ? ", " : "", words[i]);
        kp_fail(err, KP_EINVALID, "%s.%s: '%.40s' is none of %s", where, key, text,
                kp_buf_text(&all));
        kp_buf_free(&all);
        return err->code;
    }
    *out = i;
    return KP_OK;
}

static bool is_address(const char *text)
{
    const char *at = strchr(text, '@');
    for (const char *p = text; *p; p++)
        if (*p <= ' ' || *p > '~' || strchr("<>,;:\"()[]\\", *p))
            return false;
    return at && at > text && at[1] && !strchr(at + 1, '@') && strlen(text) <= 254;
}

enum kp_code kp_member_addresses(const json_t *o, const char *where, const char *key, size_t most,
                                 const char **out, size_t *n, struct kp_err *err)
{
    const json_t *list;
    *n = 0;
    if (kp_member_list(o, where, key, most, &list, err))
        return err->code;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *to = json_string_value(json_array_get(list, i));
        if (!to || !is_address(to))
            return kp_fail(err, KP_EINVALID,
                           "%s.%s[%zu]: '%.100s' is not an address such as anna@plant.example",
                           where, key, i, to ? to : "");
        out[(*n)++] = to;
    }
    return KP_OK;
}

enum kp_code kp_member_truth(const json_t *o, const char *where, const char *key, bool *out,
                             struct kp_err *err)
{
    static const char *const words[] = { "false", "true", NULL };
    const json_t *v = json_object_get(o, key);
    int i = *out;
    if (json_is_boolean(v))
        i = json_is_true(v);
    else if (kp_member_choice(o, where, key, words, &i, err))
        return err->code;
    *out = i;
    return KP_OK;
}

bool kp_member_says_nothing(const char *key, const json_t *v)
{
    bool secret = strcmp(key, "password") == 0 || strcmp(key, "token") == 0;
    return secret || json_is_null(v) || (json_is_array(v) && !json_array_size(v));
}
