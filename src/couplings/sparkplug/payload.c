/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/sparkplug/payload.h"

#include "core/json.h"
#include "couplings/unit.h"

#include <endian.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { TEMPLATE_DEPTH = 4, JSON_MAX = 256 << 10 };

static const struct {
    uint8_t type, size; /* of an element, in bytes */
} types[] = {
    [SPARKPLUG_INT8] = { KP_INT64, 1 },           [SPARKPLUG_INT16] = { KP_INT64, 2 },
    [SPARKPLUG_INT32] = { KP_INT64, 4 },          [SPARKPLUG_INT64] = { KP_INT64, 8 },
    [SPARKPLUG_UINT8] = { KP_UINT64, 1 },         [SPARKPLUG_UINT16] = { KP_UINT64, 2 },
    [SPARKPLUG_UINT32] = { KP_UINT64, 4 },        [SPARKPLUG_UINT64] = { KP_UINT64, 8 },
    [SPARKPLUG_FLOAT] = { KP_FLOAT, 4 },          [SPARKPLUG_DOUBLE] = { KP_DOUBLE, 8 },
    [SPARKPLUG_BOOLEAN] = { KP_BOOL, 0 },         [SPARKPLUG_STRING] = { KP_STRING, 0 },
    [SPARKPLUG_DATETIME] = { KP_TIME, 8 },        [SPARKPLUG_TEXT] = { KP_STRING, 0 },
    [SPARKPLUG_UUID] = { KP_STRING, 0 },          [SPARKPLUG_DATASET] = { KP_STRING, 0 },
    [SPARKPLUG_BYTES] = { KP_BYTES, 0 },          [SPARKPLUG_FILE] = { KP_BYTES, 0 },
    [SPARKPLUG_TEMPLATE] = { KP_STRING, 0 },
};
enum { SCALARS = sizeof types / sizeof *types, FIRST_ARRAY = SPARKPLUG_INT8_ARRAY, LAST_ARRAY = SPARKPLUG_DATETIME_ARRAY };

static uint32_t element_of(uint32_t datatype)
{
    static const uint8_t of[] = { SPARKPLUG_INT8,   SPARKPLUG_INT16,  SPARKPLUG_INT32,   SPARKPLUG_INT64,   SPARKPLUG_UINT8,
                                  SPARKPLUG_UINT16, SPARKPLUG_UINT32, SPARKPLUG_UINT64,  SPARKPLUG_FLOAT,   SPARKPLUG_DOUBLE,
                                  SPARKPLUG_BOOLEAN, SPARKPLUG_STRING, SPARKPLUG_DATETIME };
    return datatype >= FIRST_ARRAY && datatype <= LAST_ARRAY ? of[datatype - FIRST_ARRAY] : 0;
}

uint8_t sparkplug_type_of(uint32_t datatype)
{
    uint32_t element = element_of(datatype);
    if (element)
        return types[element].type | KP_ARRAY;
    return datatype < SCALARS ? types[datatype].type : KP_NULL;
}

/* ---- payloads ---- */
Sparkplug__Payload *sparkplug_unpack(const void *data, size_t n, struct kp_err *err)
{
    Sparkplug__Payload *p = sparkplug__payload__unpack(NULL, n, data);
    if (!p)
        kp_fail(err, KP_EPARSE, "it is no Sparkplug payload");
    else if (p->n_metrics > SPARKPLUG_METRICS_MAX)
        kp_fail(err, KP_EFULL, "more than %d metrics in one payload", SPARKPLUG_METRICS_MAX);
    else
        return p;
    sparkplug_free(p);
    return NULL;
}

void sparkplug_free(Sparkplug__Payload *p)
{
    if (p)
        sparkplug__payload__free_unpacked(p, NULL);
}

/* ---- values ---- */
/* Whole numbers travel as unsigned ones, negative ones in two's complement; 32 bits or 64, as the sender likes. */
static bool whole(bool has_int, uint32_t i, bool has_long, uint64_t l, uint32_t datatype, struct kp_value *v)
{
    uint64_t raw = has_long ? l : i;
    unsigned bits = 8u * types[datatype].size;
    if (!has_int && !has_long)
        return false;
    *v = (struct kp_value){ .type = types[datatype].type };
    if (datatype == SPARKPLUG_DATETIME)
        return !__builtin_mul_overflow((int64_t)raw, KP_MILLISECOND, &v->i);
    if (v->type == KP_INT64)
        v->i = (int64_t)(raw << (64 - bits)) >> (64 - bits);
    else
        v->u = bits == 64 ? raw : raw & ((UINT64_C(1) << bits) - 1);
    return true;
}

static bool text_value(const char *text, struct kp_arena *arena, struct kp_value *v)
{
    size_t n = text ? strlen(text) : 0;
    char *clean = text ? kp_arena_alloc(arena, 3 * n + 1) : NULL;
    if (!clean)
        return false;
    kp_utf8_clean(clean, 3 * n + 1, text, n);
    *v = kp_string(clean, strlen(clean));
    return true;
}

static void put_value(struct kp_json *j, const Sparkplug__Value *e, uint32_t datatype)
{
    struct kp_value v = { .type = KP_NULL };
    if (e->string_value) {
        kp_json_textn(j, e->string_value, strlen(e->string_value));
        return;
    }
    if (e->has_boolean_value)
        v = kp_bool(e->boolean_value);
    else if (e->has_double_value)
        v = kp_double(e->double_value);
    else if (e->has_float_value)
        v = (struct kp_value){ .f = e->float_value, .type = KP_FLOAT };
    else if (datatype < SCALARS && types[datatype].size)
        whole(e->has_int_value, e->int_value, e->has_long_value, e->long_value, datatype, &v);
    kp_json_value(j, &v);
}

static void put_dataset(struct kp_json *j, const Sparkplug__DataSet *d)
{
    kp_json_begin(j, '{');
    kp_json_key(j, "columns");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < d->n_columns; i++)
        kp_json_textn(j, d->columns[i], strlen(d->columns[i]));
    kp_json_end(j, ']');
    kp_json_key(j, "rows");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < d->n_rows; i++) {
        kp_json_begin(j, '[');
        for (size_t k = 0; k < d->rows[i]->n_elements; k++)
            put_value(j, d->rows[i]->elements[k], k < d->n_types ? d->types[k] : 0);
        kp_json_end(j, ']');
    }
    kp_json_end(j, ']');
    kp_json_end(j, '}');
}

static bool value_at(const Sparkplug__Metric *, uint32_t datatype, struct kp_arena *, struct kp_value *, int depth);

static bool put_template(struct kp_json *j, const ProtobufCBinaryData *data, struct kp_arena *arena, int depth)
{
    Sparkplug__Template *t = depth ? sparkplug__template__unpack(NULL, data->len, data->data) : NULL;
    if (!t)
        return false;
    kp_json_begin(j, '{');
    for (size_t i = 0; i < t->n_metrics; i++) {
        const Sparkplug__Metric *m = t->metrics[i];
        struct kp_value v = { .type = KP_NULL };
        char name[KP_NAME_MAX];
        kp_utf8_clean(name, sizeof name, m->name ? m->name : "", m->name ? strlen(m->name) : 0);
        kp_json_key(j, name);
        if (m->datatype == SPARKPLUG_TEMPLATE && m->has_template_value) {
            if (!put_template(j, &m->template_value, arena, depth - 1))
                kp_json_null(j);
            continue;
        }
        if (!value_at(m, m->datatype, arena, &v, depth - 1))
            v.type = KP_NULL;
        kp_json_value(j, &v);
    }
    kp_json_end(j, '}');
    sparkplug__template__free_unpacked(t, NULL);
    return true;
}

static bool json_value(const Sparkplug__Metric *m, struct kp_arena *arena, struct kp_value *v, int depth)
{
    struct kp_buf text;
    kp_buf_init(&text, JSON_MAX);
    struct kp_json j = kp_json(&text);
    bool made = m->has_template_value ? put_template(&j, &m->template_value, arena, depth) : m->dataset_value != NULL;
    if (made && !m->has_template_value)
        put_dataset(&j, m->dataset_value);
    made = made && text_value(kp_buf_text(&text), arena, v) && !text.failed;
    kp_buf_free(&text);
    return made;
}

static uint64_t little(const uint8_t *p, unsigned size)
{
    uint64_t u = 0;
    memcpy(&u, p, size);
    return le64toh(u);
}

static bool add_elements(struct kp_buf *out, const uint8_t *p, size_t n, uint32_t datatype)
{
    unsigned size = types[datatype].size;
    if (datatype == SPARKPLUG_BOOLEAN) { /* how many, then a bit each, the highest first */
        uint64_t count = n >= 4 ? little(p, 4) : 0;
        if (n < 4 || count > (n - 4) * 8)
            return false;
        for (uint64_t i = 0; i < count; i++)
            kp_array_add(out, &(struct kp_value){ .b = p[4 + i / 8] >> (7 - i % 8) & 1, .type = KP_BOOL });
        return true;
    }
    if (datatype == SPARKPLUG_STRING) { /* each ends with a 0 */
        for (size_t at = 0, len; at < n; at += len + 1) {
            const uint8_t *zero = memchr(p + at, 0, n - at);
            len = zero ? (size_t)(zero - p) - at : n - at;
            struct kp_value v = kp_string((const char *)p + at, len);
            if (!kp_utf8_valid(v.data, len))
                return false;
            kp_array_add(out, &v);
        }
        return true;
    }
    for (size_t i = 0; i + size <= n; i += size) {
        struct kp_value v = { .type = types[datatype].type };
        uint64_t raw = little(p + i, size);
        uint32_t low = (uint32_t)raw;
        if (datatype == SPARKPLUG_FLOAT)
            memcpy(&v.f, &low, 4);
        else if (datatype == SPARKPLUG_DOUBLE)
            memcpy(&v.d, &raw, 8);
        else if (!whole(false, 0, true, raw, datatype, &v))
            return false;
        kp_array_add(out, &v);
    }
    return n % size == 0;
}

static bool array_value(const Sparkplug__Metric *m, uint32_t element, struct kp_arena *arena, struct kp_value *v)
{
    struct kp_buf out;
    kp_buf_init(&out, 1 << 20);
    bool made = m->has_bytes_value && add_elements(&out, m->bytes_value.data, m->bytes_value.len, element) && !out.failed;
    void *copy = made ? kp_arena_copy(arena, out.len ? out.data : "", out.len) : NULL;
    if (copy)
        *v = (struct kp_value){ .data = copy, .len = (uint32_t)out.len, .type = types[element].type | KP_ARRAY };
    kp_buf_free(&out);
    return copy;
}

static bool value_at(const Sparkplug__Metric *m, uint32_t datatype, struct kp_arena *arena, struct kp_value *v, int depth)
{
    uint32_t element = element_of(datatype);
    if (element)
        return array_value(m, element, arena, v);
    switch (datatype) {
    case SPARKPLUG_FLOAT:
        *v = (struct kp_value){ .f = m->float_value, .type = KP_FLOAT };
        return m->has_float_value;
    case SPARKPLUG_DOUBLE:
        *v = kp_double(m->has_double_value ? m->double_value : (double)m->float_value);
        return m->has_double_value || m->has_float_value;
    case SPARKPLUG_BOOLEAN:
        *v = kp_bool(m->boolean_value);
        return m->has_boolean_value;
    case SPARKPLUG_STRING:
    case SPARKPLUG_TEXT:
    case SPARKPLUG_UUID:
        return text_value(m->string_value, arena, v);
    case SPARKPLUG_DATASET:
    case SPARKPLUG_TEMPLATE:
        return json_value(m, arena, v, depth);
    case SPARKPLUG_BYTES:
    case SPARKPLUG_FILE:
        *v = (struct kp_value){ .data = m->bytes_value.data, .len = (uint32_t)m->bytes_value.len, .type = KP_BYTES };
        return m->has_bytes_value;
    default:
        return datatype < SCALARS && types[datatype].size &&
               whole(m->has_int_value, m->int_value, m->has_long_value, m->long_value, datatype, v);
    }
}

bool sparkplug_value(const Sparkplug__Metric *m, uint32_t datatype, struct kp_arena *arena, struct kp_value *v)
{
    *v = (struct kp_value){ .type = KP_NULL };
    if (m->has_is_null && m->is_null)
        return true;
    return value_at(m, datatype, arena, v, TEMPLATE_DEPTH);
}

/* ---- properties ---- */
static const Sparkplug__PropertyValue *property(const Sparkplug__Metric *m, const char *key)
{
    const Sparkplug__PropertySet *p = m->properties;
    for (size_t i = 0; p && i < p->n_keys && i < p->n_values; i++)
        if (strcmp(p->keys[i], key) == 0)
            return p->values[i];
    return NULL;
}

uint32_t sparkplug_status(const Sparkplug__Metric *m)
{
    const Sparkplug__PropertyValue *q = property(m, "Quality");
    if (m->has_is_null && m->is_null)
        return 0x809B0000; /* BadNoData */
    if (!q || !q->has_int_value || q->int_value == 192)
        return KP_GOOD;
    return q->int_value == 500 ? KP_UNCERTAIN_LAST_USABLE : KP_BAD;
}

static bool number(const Sparkplug__PropertyValue *p, double *out)
{
    if (!p)
        return false;
    *out = p->has_double_value  ? p->double_value
           : p->has_float_value ? (double)p->float_value
           : p->has_int_value   ? (double)(int32_t)p->int_value
           : p->has_long_value  ? (double)(int64_t)p->long_value
                                : NAN;
    return isfinite(*out);
}

void sparkplug_info(const Sparkplug__Metric *m, struct kp_signal_info *info)
{
    const Sparkplug__PropertyValue *unit = property(m, "engUnit"), *text = property(m, "description");
    struct kp_unit known;
    double low, high;
    if (!unit)
        unit = property(m, "Engineering Unit");
    if (unit && unit->string_value && kp_utf8_valid(unit->string_value, strlen(unit->string_value)) && *unit->string_value) {
        bool found = kp_unit_find(unit->string_value, &known);
        info->unit = found ? known.code : NULL;
        info->unit_text = found ? known.text : unit->string_value;
    }
    if (text && text->string_value && kp_utf8_valid(text->string_value, strlen(text->string_value)))
        info->description = text->string_value;
    else if (m->metadata && m->metadata->description && kp_utf8_valid(m->metadata->description, strlen(m->metadata->description)))
        info->description = m->metadata->description;
    if (number(property(m, "engLow"), &low) && number(property(m, "engHigh"), &high) && low < high) {
        info->low = low;
        info->high = high;
    }
}

/* ---- to be sent ---- */
enum kp_code sparkplug_put(Sparkplug__Metric *m, uint32_t datatype, const struct kp_value *v, struct kp_arena *arena,
                           struct kp_err *err)
{
    double d = 0;
    bool is_number = kp_value_number(v, &d);
    m->has_datatype = true;
    m->datatype = datatype;
    if (datatype == SPARKPLUG_STRING || datatype == SPARKPLUG_TEXT) {
        if (v->type != KP_STRING)
            return kp_fail(err, KP_EINVALID, "a text is needed");
        m->string_value = kp_arena_alloc(arena, v->len + 1);
        if (!m->string_value)
            return kp_fail(err, KP_ENOMEM, "out of memory");
        memcpy(m->string_value, v->data, v->len);
        return KP_OK;
    }
    if (!is_number)
        return kp_fail(err, KP_EINVALID, "a number is needed");
    if (datatype == SPARKPLUG_BOOLEAN) {
        m->has_boolean_value = true;
        m->boolean_value = d != 0;
    } else if (datatype == SPARKPLUG_FLOAT) {
        m->has_float_value = true;
        m->float_value = (float)d;
    } else if (datatype == SPARKPLUG_DOUBLE) {
        m->has_double_value = true;
        m->double_value = d;
    } else if (datatype >= SPARKPLUG_INT8 && datatype <= SPARKPLUG_UINT64) {
        unsigned bits = 8u * types[datatype].size;
        bool is_signed = datatype <= SPARKPLUG_INT64;
        if (d != nearbyint(d) || d < (is_signed ? -ldexp(1, (int)bits - 1) : 0) || d >= ldexp(1, (int)bits - is_signed))
            return kp_fail(err, KP_EINVALID, "the value does not fit into %u bits", bits);
        uint64_t raw = v->type == KP_INT64 || v->type == KP_UINT64 ? v->u : is_signed ? (uint64_t)(int64_t)d : (uint64_t)d;
        m->has_int_value = bits < 64;
        m->int_value = (uint32_t)raw;
        m->has_long_value = bits == 64;
        m->long_value = raw;
    } else {
        return kp_fail(err, KP_EINVALID, "values of this type cannot be written");
    }
    return KP_OK;
}
