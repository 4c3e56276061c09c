/* SPDX-License-Identifier: Apache-2.0 */
/* Values as JSON has them, as ones of the type that was declared. */
#include "couplings/dsp/feed.h"

#include <math.h>
#include <string.h>

#include "core/ban.h"

enum { VALUE_MAX = 1 << 20 };

static bool real_of(const json_t *v, double *out)
{
    static const struct {
        const char *word;
        double value;
    } words[] = { { "NaN", NAN }, { "Infinity", INFINITY }, { "-Infinity", -INFINITY } };
    if (json_is_number(v)) {
        *out = json_number_value(v);
        return true;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0] && json_is_string(v); i++)
        if (strcmp(words[i].word, json_string_value(v)) == 0) {
            *out = words[i].value;
            return true;
        }
    return false;
}

/* 2^63 and more are beyond what JSON's integers hold here, and come as reals. */
static bool whole_of(const json_t *v, bool is_signed, struct kp_value *out)
{
    if (json_is_integer(v)) {
        out->i = json_integer_value(v);
        return is_signed || out->i >= 0;
    }
    double d = json_is_real(v) ? json_real_value(v) : NAN;
    if (!(d == floor(d)) || d < (is_signed ? -0x1p63 : 0) || d >= (is_signed ? 0x1p63 : 0x1p64))
        return false;
    if (is_signed)
        out->i = (int64_t)d;
    else
        out->u = (uint64_t)d;
    return true;
}

static int sextet(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static bool bytes_of(const json_t *v, struct kp_buf *room, struct kp_value *out)
{
    const char *text = json_string_value(v);
    size_t n = json_string_length(v), from = room->len;
    while (n && text[n - 1] == '=')
        n--;
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        int six = sextet(text[i]);
        if (six < 0)
            return false;
        bits = bits << 6 | (uint32_t)six;
        if (i % 4)
            kp_buf_add(room, &(unsigned char){ (unsigned char)(bits >> (6 - 2 * (i % 4))) }, 1);
    }
    out->data = room->data ? room->data + from : "";
    out->len = (uint32_t)(room->len - from);
    return text && !room->failed;
}

static bool scalar(uint8_t type, const json_t *v, struct kp_buf *room, struct kp_value *out)
{
    double d;
    *out = (struct kp_value){ .type = type };
    switch (type) {
    case KP_BOOL:
        out->b = json_is_true(v);
        return json_is_boolean(v);
    case KP_INT64:
    case KP_UINT64:
        return whole_of(v, type == KP_INT64, out);
    case KP_FLOAT:
    case KP_DOUBLE:
        if (!real_of(v, &d))
            return false;
        if (type == KP_FLOAT)
            out->f = (float)d;
        else
            out->d = d;
        return true;
    case KP_STRING:
        *out = kp_string(json_string_value(v), json_string_length(v));
        return json_is_string(v) && out->len <= VALUE_MAX;
    case KP_BYTES:
        return bytes_of(v, room, out);
    case KP_TIME:
        return json_is_string(v) && kp_time_parse(json_string_value(v), &out->i);
    default:
        return false;
    }
}

static bool array(uint8_t type, const json_t *v, struct kp_buf *room, struct kp_value *out)
{
    struct kp_buf one;
    struct kp_value element;
    bool good = json_is_array(v);
    kp_buf_init(&one, VALUE_MAX);
    for (size_t i = 0; good && i < json_array_size(v); i++) {
        one.len = 0;
        good = scalar(type & (uint8_t)~KP_ARRAY, json_array_get(v, i), &one, &element);
        if (good)
            kp_array_add(room, &element);
    }
    kp_buf_free(&one);
    *out = (struct kp_value){ .type = type,
                              .data = room->data ? room->data : "",
                              .len = (uint32_t)room->len };
    return good && !room->failed;
}

bool kp_feed_value(uint8_t type, const json_t *v, struct kp_buf *room, struct kp_value *out)
{
    kp_buf_free(room);
    kp_buf_init(room, 2 * VALUE_MAX);
    if (!json_is_null(v) && (type & KP_ARRAY ? array : scalar)(type, v, room, out))
        return true;
    *out = (struct kp_value){ .type = KP_NULL };
    return json_is_null(v);
}
