/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/mqtt/payload.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

/* ---- topics ---- */
bool mqtt_filter_valid(const char *filter)
{
    size_t n = strlen(filter);
    if (!n || n > 1000 || !kp_utf8_valid(filter, n))
        return false;
    for (const char *p = filter; *p; p++) {
        bool first = p == filter || p[-1] == '/', last = !p[1] || p[1] == '/';
        if ((*p == '+' && !(first && last)) || (*p == '#' && !(first && !p[1])))
            return false;
    }
    return true;
}

static void keep_level(struct mqtt_levels *l, const char *at, size_t len)
{
    if (l && l->n < MQTT_LEVELS_MAX) {
        l->level[l->n].at = at;
        l->level[l->n++].len = len;
    }
}

bool mqtt_topic_match(const char *filter, const char *topic, struct mqtt_levels *l)
{
    if (l)
        l->n = 0;
    if (*topic == '$' && *filter != '$')
        return false;
    for (;;) {
        size_t f = strcspn(filter, "/"), t = strcspn(topic, "/");
        if (*filter == '#') {
            keep_level(l, topic, strlen(topic));
            return true;
        }
        if (f == 1 && *filter == '+')
            keep_level(l, topic, t);
        else if (f != t || memcmp(filter, topic, t) != 0)
            return false;
        filter += f;
        topic += t;
        if (strcmp(filter, "/#") == 0 && !*topic) {
            keep_level(l, topic, 0);
            return true;
        }
        if (!*filter || !*topic)
            return !*filter && !*topic;
        filter++;
        topic++;
    }
}

/* Each level becomes a valid name; empty ones are left out. */
static bool add_levels(char *out, size_t *n, const char *text, size_t len)
{
    for (const char *end = text + len; text < end;) {
        const char *slash = memchr(text, '/', (size_t)(end - text));
        size_t one = slash ? (size_t)(slash - text) : (size_t)(end - text);
        char name[KP_NAME_MAX];
        if (one) {
            kp_name_clean(name, sizeof name, text, one);
            int put = snprintf(out + *n, KP_PATH_MAX - *n, "%s%s", *n && out[*n - 1] != '/' && text != end - len ? "/" : "", name);
            if (put < 0 || (size_t)put >= KP_PATH_MAX - *n)
                return false;
            *n += (size_t)put;
        }
        text += one + (slash != NULL);
    }
    return true;
}

bool mqtt_path(const char *form, const struct mqtt_levels *l, char out[KP_PATH_MAX])
{
    size_t n = 0;
    *out = 0;
    for (const char *p = form; *p; p++) {
        char *end;
        unsigned long k = *p == '{' ? strtoul(p + 1, &end, 10) : 0;
        if (k >= 1 && k <= l->n && *end == '}') {
            if (!add_levels(out, &n, l->level[k - 1].at, l->level[k - 1].len))
                return false;
            p = end;
        } else if (n < KP_PATH_MAX - 1) {
            out[n++] = *p;
            out[n] = 0;
        } else {
            return false;
        }
    }
    while (n && out[n - 1] == '/') /* a '#' that stood for nothing */
        out[--n] = 0;
    return kp_path_valid(out);
}

/* ---- fields ---- */
bool mqtt_field_valid(const char *field)
{
    for (const char *p = field; *p;) {
        if (*p == '[') {
            size_t digits = strspn(p + 1, "0123456789");
            if (!digits || digits > 6 || p[1 + digits] != ']')
                return false;
            p += digits + 2;
        } else {
            size_t n = strcspn(p, ".[");
            if (!n)
                return false;
            p += n;
        }
        if (*p == '.' && (!p[1] || p[1] == '.' || p[1] == '['))
            return false;
        p += *p == '.';
    }
    return true;
}

json_t *mqtt_field(json_t *j, const char *field)
{
    char name[256];
    for (const char *p = field; *p && j;) {
        if (*p == '[') {
            char *end;
            j = json_array_get(j, strtoul(p + 1, &end, 10));
            p = end + (*end == ']');
        } else {
            size_t n = strcspn(p, ".[");
            snprintf(name, sizeof name, "%.*s", (int)n, p);
            j = json_object_get(j, name);
            p += n;
        }
        p += *p == '.';
    }
    return j;
}

/* ---- values ---- */
bool mqtt_value_of_json(const json_t *j, struct kp_arena *arena, struct kp_value *out)
{
    *out = (struct kp_value){ .type = KP_NULL };
    if (json_is_boolean(j)) {
        *out = kp_bool(json_is_true(j));
    } else if (json_is_integer(j)) {
        *out = kp_int(json_integer_value(j));
    } else if (json_is_real(j)) {
        *out = kp_double(json_real_value(j));
    } else if (json_is_string(j)) {
        *out = kp_string(json_string_value(j), json_string_length(j));
    } else if (json_is_array(j) || json_is_object(j)) {
        char *text = json_dumps(j, JSON_COMPACT);
        char *copy = text ? kp_arena_strdup(arena, text) : NULL;
        free(text); /* jansson's */
        if (!copy)
            return false;
        *out = kp_string(copy, strlen(copy));
    }
    return true;
}

struct kp_value mqtt_value_of_text(const char *text, size_t n)
{
    char word[64], *end;
    static const char *const truths[] = { "false", "true", "off", "on" };
    while (n && strchr(" \t\r\n", text[n - 1]))
        n--;
    snprintf(word, sizeof word, "%.*s", n < sizeof word ? (int)n : 0, text);
    for (size_t i = 0; i < 4; i++)
        if (strcasecmp(word, truths[i]) == 0)
            return kp_bool(i % 2);
    double d = strtod(word, &end);
    bool number = end != word && !*end && isfinite(d) && !strpbrk(word, "xXpPnN");
    if (!number)
        return kp_string(text, n);
    int64_t i = strtoll(word, &end, 10);
    return !*end && fabs(d) < 9e18 ? kp_int(i) : kp_double(d);
}

bool mqtt_convert(uint8_t type, struct kp_arena *arena, struct kp_value *v)
{
    double d;
    char text[64];
    if (v->type == type || v->type == KP_NULL)
        return true;
    if (type == KP_STRING) {
        kp_value_print(v, text, sizeof text);
        char *copy = kp_arena_strdup(arena, text);
        *v = copy ? kp_string(copy, strlen(copy)) : *v;
        return copy;
    }
    if (v->type == KP_STRING && v->len < sizeof text)
        *v = mqtt_value_of_text(v->data, v->len);
    if (v->type == type)
        return true;
    if (v->type == KP_STRING || !kp_value_number(v, &d))
        return false;
    if (type == KP_DOUBLE)
        *v = kp_double(d);
    else if (type == KP_INT64 && d == nearbyint(d) && fabs(d) < 9e18)
        *v = kp_int((int64_t)d);
    else if (type == KP_BOOL && (d == 0 || d == 1))
        *v = kp_bool(d != 0);
    else
        return false;
    return true;
}

bool mqtt_time_of(const json_t *j, int64_t *at)
{
    if (json_is_string(j))
        return kp_time_parse(json_string_value(j), at);
    if (!json_is_number(j))
        return false;
    double t = json_number_value(j), size = fabs(t), unit = size < 1e11 ? 1e9 : size < 1e14 ? 1e6 : size < 1e17 ? 1e3 : 1;
    if (!(size < 9.2e18))
        return false;
    if (json_is_integer(j))
        return !__builtin_mul_overflow(json_integer_value(j), (int64_t)unit, at);
    if (!(fabs(t * unit) < 9.2e18))
        return false;
    *at = (int64_t)(t * unit);
    return true;
}
