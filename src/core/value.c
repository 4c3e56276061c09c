/* SPDX-License-Identifier: Apache-2.0 */
#include "core/value.h"

#include "core/encoding.h"
#include "core/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

/* ---- types ---- */
static const struct {
    const char *name;
    uint8_t size; /* packed, 0 = varies */
} types[KP_TYPES] = {
    [KP_NULL] = { "null", 0 },     [KP_BOOL] = { "bool", 1 },   [KP_INT64] = { "int64", 8 },
    [KP_UINT64] = { "uint64", 8 }, [KP_FLOAT] = { "float", 4 }, [KP_DOUBLE] = { "double", 8 },
    [KP_STRING] = { "string", 0 }, [KP_BYTES] = { "bytes", 0 }, [KP_TIME] = { "time", 8 },
};
static const char *const array_names[KP_TYPES] = {
    "null[]",   "bool[]",   "int64[]", "uint64[]", "float[]",
    "double[]", "string[]", "bytes[]", "time[]",
};

static unsigned scalar(unsigned type)
{
    return type & ~(unsigned)KP_ARRAY;
}

const char *kp_type_name(unsigned type)
{
    if (scalar(type) >= KP_TYPES)
        return "?";
    return type & KP_ARRAY ? array_names[scalar(type)] : types[type].name;
}

bool kp_type_parse(const char *name, uint8_t *type)
{
    for (uint8_t t = 0; t < KP_TYPES; t++) {
        bool array = strcmp(array_names[t], name) == 0;
        if (array || strcmp(types[t].name, name) == 0) {
            *type = array ? t | KP_ARRAY : t;
            return t || !array; /* there is no array of nulls */
        }
    }
    return false;
}

size_t kp_type_size(unsigned type)
{
    return type < KP_TYPES ? types[type].size : 0;
}

bool kp_type_indirect(unsigned type)
{
    return type & KP_ARRAY || type == KP_STRING || type == KP_BYTES;
}

/* ---- values ---- */
bool kp_value_equal(const struct kp_value *a, const struct kp_value *b)
{
    if (a->type != b->type || a->len != b->len)
        return false;
    if (kp_type_indirect(a->type))
        return a->len == 0 || memcmp(a->data, b->data, a->len) == 0;
    switch (a->type) {
    case KP_NULL:
        return true;
    case KP_BOOL:
        return a->b == b->b;
    case KP_FLOAT:
        return memcmp(&a->f, &b->f, sizeof a->f) == 0;
    default: /* the 64-bit ones, bit for bit */
        return a->u == b->u;
    }
}

bool kp_value_number(const struct kp_value *v, double *out)
{
    switch (v->type) {
    case KP_BOOL:
        *out = v->b;
        return true;
    case KP_INT64:
        *out = (double)v->i;
        return true;
    case KP_UINT64:
        *out = (double)v->u;
        return true;
    case KP_FLOAT:
        *out = (double)v->f;
        return true;
    case KP_DOUBLE:
        *out = v->d;
        return true;
    default:
        return false;
    }
}

bool kp_value_copy(struct kp_arena *a, struct kp_value *to, const struct kp_value *from)
{
    *to = *from;
    if (!kp_type_indirect(from->type))
        return true;
    to->data = kp_arena_copy(a, from->data, from->len);
    return to->data;
}

bool kp_value_valid(const struct kp_value *v)
{
    unsigned type = scalar(v->type);
    if (type >= KP_TYPES || v->type == (KP_NULL | KP_ARRAY) || v->type & ~(KP_ARRAY | 0xfu))
        return false;
    if (!kp_type_indirect(v->type))
        return v->len == 0;
    if (v->len && !v->data)
        return false;
    if (v->type == KP_STRING)
        return kp_utf8_valid(v->data, v->len);
    if (v->type == KP_BYTES)
        return true;
    if (kp_type_size(type))
        return v->len % kp_type_size(type) == 0;
    struct kp_value element;
    size_t pos = 0;
    while (kp_array_next(v, &pos, &element))
        if (type == KP_STRING && !kp_utf8_valid(element.data, element.len))
            return false;
    return pos == v->len;
}

/* ---- arrays ---- */
bool kp_array_next(const struct kp_value *array, size_t *pos, struct kp_value *e)
{
    const char *p = array->data;
    unsigned type = scalar(array->type);
    size_t size = kp_type_size(type), left = array->len - *pos;
    *e = (struct kp_value){ .type = (uint8_t)type };
    if (size) {
        if (left < size)
            return false;
        memcpy(&e->u, p + *pos, size); /* the union's members share their start */
        if (type == KP_BOOL)
            e->b = p[*pos] != 0;
        *pos += size;
        return true;
    }
    uint32_t len;
    if (left < sizeof len)
        return false;
    memcpy(&len, p + *pos, sizeof len);
    if (left - sizeof len < len)
        return false;
    e->data = p + *pos + sizeof len;
    e->len = len;
    *pos += sizeof len + len;
    return true;
}

void kp_array_add(struct kp_buf *b, const struct kp_value *e)
{
    size_t size = kp_type_size(e->type);
    if (e->type == KP_BOOL) {
        kp_buf_add(b, &(uint8_t){ e->b }, 1);
    } else if (size) {
        kp_buf_add(b, &e->u, size);
    } else {
        kp_buf_add(b, &e->len, sizeof e->len);
        kp_buf_add(b, e->data, e->len);
    }
}

/* ---- for people ---- */
/* Appends as snprintf does, a control character as a space, for the text may go to a terminal or
 * into a table; *used stays below size. */
static void put(char *out, size_t size, size_t *used, const char *text, size_t n)
{
    if (*used + 1 >= size || !n)
        return;
    size_t room = size - 1 - *used;
    for (size_t i = 0; i < n && i < room; i++)
        out[(*used)++] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i];
    out[*used] = 0;
}

static size_t number_text(const struct kp_value *v, char out[64])
{
    int n = 0;
    switch (v->type) {
    case KP_INT64:
        n = snprintf(out, 64, "%" PRId64, v->i);
        break;
    case KP_UINT64:
        n = snprintf(out, 64, "%" PRIu64, v->u);
        break;
    case KP_FLOAT:
        n = snprintf(out, 64, "%.7g", (double)v->f);
        break;
    case KP_DOUBLE:
        n = snprintf(out, 64, "%.10g", v->d);
        break;
    case KP_TIME:
        kp_time_print(v->i, out);
        return strlen(out);
    default:
        n = snprintf(out, 64, "%s", v->type == KP_BOOL ? v->b ? "true" : "false" : "-");
    }
    return n > 0 ? (size_t)n : 0;
}

static void put_scalar(char *out, size_t size, size_t *used, const struct kp_value *v)
{
    char text[64];
    if (v->type == KP_STRING) {
        put(out, size, used, v->data, v->len);
    } else if (v->type == KP_BYTES) {
        const uint8_t *p = v->data;
        for (uint32_t i = 0; i < v->len && *used + 3 < size; i++) {
            snprintf(text, sizeof text, "%02x", p[i]);
            put(out, size, used, text, 2);
        }
    } else {
        put(out, size, used, text, number_text(v, text));
    }
}

void kp_value_print(const struct kp_value *v, char *out, size_t size)
{
    enum { SHOWN = 8 };
    size_t used = 0, pos = 0, n = 0;
    if (!size)
        return;
    out[0] = 0;
    if (!(v->type & KP_ARRAY)) {
        put_scalar(out, size, &used, v);
        kp_utf8_trim(out);
        return;
    }
    struct kp_value e;
    put(out, size, &used, "[", 1);
    for (; kp_array_next(v, &pos, &e); n++) {
        if (n >= SHOWN)
            continue;
        put(out, size, &used, ", ", n ? 2 : 0);
        put_scalar(out, size, &used, &e);
    }
    char tail[48];
    int len = snprintf(tail, sizeof tail, n > SHOWN ? ", ... %zu elements]" : "]", n);
    put(out, size, &used, tail, (size_t)len);
    kp_utf8_trim(out);
}

static bool parse_bool(const char *text, bool *out)
{
    bool yes = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    *out = yes;
    return yes || strcmp(text, "false") == 0 || strcmp(text, "0") == 0;
}

static bool parse_integer(const char *text, struct kp_value *v)
{
    char *end;
    errno = 0;
    if (v->type == KP_UINT64) {
        v->u = strtoull(text, &end, 10);
        return *text >= '0' && *text <= '9' && !*end && !errno;
    }
    v->i = strtoll(text, &end, 10);
    return (*text == '-' || (*text >= '0' && *text <= '9')) && end != text && !*end && !errno;
}

static bool parse_real(const char *text, struct kp_value *v)
{
    char *end;
    if (!*text || isspace((unsigned char)*text))
        return false;
    errno = 0;
    if (v->type == KP_FLOAT)
        v->f = strtof(text, &end);
    else
        v->d = strtod(text, &end);
    bool too_large = errno == ERANGE && isinf(v->type == KP_FLOAT ? (double)v->f : v->d);
    return !*end && !too_large;
}

static bool parse_bytes(struct kp_arena *a, const char *text, struct kp_value *v)
{
    size_t n = strlen(text);
    uint8_t *p = n % 2 || n / 2 > UINT32_MAX ? NULL : kp_arena_alloc(a, n / 2 + 1);
    for (size_t i = 0; p && i < n / 2; i++) {
        unsigned byte = 0;
        for (int k = 0; k < 2; k++) {
            int digit = kp_hex_digit(text[2 * i + (size_t)k]);
            if (digit < 0)
                return false;
            byte = byte * 16 + (unsigned)digit;
        }
        p[i] = (uint8_t)byte;
    }
    v->data = p;
    v->len = (uint32_t)(n / 2);
    return p;
}

bool kp_value_parse(struct kp_arena *a, uint8_t type, const char *text, struct kp_value *v)
{
    *v = (struct kp_value){ .type = type };
    switch (type) {
    case KP_BOOL:
        return parse_bool(text, &v->b);
    case KP_INT64:
    case KP_UINT64:
        return parse_integer(text, v);
    case KP_FLOAT:
    case KP_DOUBLE:
        return parse_real(text, v);
    case KP_TIME:
        return kp_time_parse(text, &v->i);
    case KP_STRING:
        if (!kp_utf8_valid(text, strlen(text)) || strlen(text) > UINT32_MAX)
            return false;
        v->len = (uint32_t)strlen(text);
        v->data = kp_arena_copy(a, text, v->len);
        return v->data;
    case KP_BYTES:
        return parse_bytes(a, text, v);
    default:
        return false;
    }
}
