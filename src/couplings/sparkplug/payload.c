/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/sparkplug/payload.h"

#include "core/json.h"
#include "core/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

/* ---- limits, before the library reads it ---- */
enum kind {
    NONE,
    PAYLOAD,
    METRIC,
    DATASET,
    ROW,
    ELEMENT,
    TEMPLATE,
    PARAMETER,
    PROPERTIES,
    PROPERTY,
    METADATA
};

static enum kind below(enum kind kind, uint64_t field)
{
    static const struct {
        enum kind in;
        unsigned field;
        enum kind out;
    } table[] = {
        { PAYLOAD, 2, METRIC },      { METRIC, 8, METADATA },  { METRIC, 9, PROPERTIES },
        { METRIC, 17, DATASET },     { METRIC, 18, TEMPLATE }, { DATASET, 4, ROW },
        { ROW, 1, ELEMENT },         { TEMPLATE, 2, METRIC },  { TEMPLATE, 3, PARAMETER },
        { PROPERTIES, 2, PROPERTY },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].in == kind && table[i].field == field)
            return table[i].out;
    return NONE;
}

struct scan {
    const uint8_t *p, *end;
};
struct counts {
    unsigned messages, fields;
};

static bool varint(struct scan *s, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; s->p < s->end && shift < 64; shift += 7) {
        *out |= (uint64_t)(*s->p & 0x7f) << shift;
        if (!(*s->p++ & 0x80))
            return true;
    }
    return false;
}

static bool skip(struct scan *s, uint64_t n)
{
    if ((uint64_t)(s->end - s->p) < n)
        return false;
    s->p += n;
    return true;
}

static bool within(struct scan s, enum kind kind, unsigned depth, struct counts *n)
{
    if (++n->messages > 3 * KP_SP_METRICS_MAX || depth > KP_SP_DEPTH_MAX)
        return false;
    while (s.p < s.end) {
        uint64_t key, len;
        if (++n->fields > KP_SP_FIELDS_MAX || !varint(&s, &key))
            return false;
        switch (key & 7) {
        case 0:
            if (!varint(&s, &len))
                return false;
            break;
        case 1:
        case 5:
            if (!skip(&s, (key & 7) == 1 ? 8 : 4))
                return false;
            break;
        case 2: {
            struct scan inner;
            if (!varint(&s, &len) || (uint64_t)(s.end - s.p) < len)
                return false;
            inner = (struct scan){ s.p, s.p + len };
            s.p += len;
            enum kind k = below(kind, key >> 3);
            if (kind == DATASET && key >> 3 == 3) /* packed numbers: a byte each at least */
                n->fields += (unsigned)(len < KP_SP_FIELDS_MAX ? len : KP_SP_FIELDS_MAX);
            if (k != NONE && !within(inner, k, depth + 1, n))
                return false;
            break;
        }
        default:
            return false;
        }
    }
    return true;
}

/* ---- unpack ---- */
static void *take_memory(void *arg, size_t size)
{
    (void)arg;
    return kp_alloc(size);
}

static void give_memory(void *arg, void *block)
{
    (void)arg;
    kp_free(block);
}

static ProtobufCAllocator allocator = { .alloc = take_memory, .free = give_memory };

Sparkplug__Payload *kp_sparkplug_unpack(const void *data, size_t len, struct kp_err *err)
{
    struct scan all = { data, (const uint8_t *)data + len };
    struct counts n = { 0 };
    Sparkplug__Payload *p = NULL;
    if (!within(all, PAYLOAD, 0, &n))
        kp_fail(err, KP_EPARSE, "no Sparkplug payload, or more than %d metrics", KP_SP_METRICS_MAX);
    else if (!(p = sparkplug__payload__unpack(&allocator, len, data)))
        kp_fail(err, KP_EPARSE, "no Sparkplug payload");
    return p;
}

void kp_sparkplug_free(Sparkplug__Payload *p)
{
    if (p)
        sparkplug__payload__free_unpacked(p, &allocator);
}

/* ---- types ---- */
static const struct {
    const char *name;
    uint8_t type, bytes; /* bytes: of a whole number, or of an array's element */
    bool sign;
} types[KP_SP_TYPES] = {
    [KP_SP_INT8] = { "Int8", KP_INT64, 1, true },
    [KP_SP_INT16] = { "Int16", KP_INT64, 2, true },
    [KP_SP_INT32] = { "Int32", KP_INT64, 4, true },
    [KP_SP_INT64] = { "Int64", KP_INT64, 8, true },
    [KP_SP_UINT8] = { "UInt8", KP_UINT64, 1, false },
    [KP_SP_UINT16] = { "UInt16", KP_UINT64, 2, false },
    [KP_SP_UINT32] = { "UInt32", KP_UINT64, 4, false },
    [KP_SP_UINT64] = { "UInt64", KP_UINT64, 8, false },
    [KP_SP_FLOAT] = { "Float", KP_FLOAT, 4, false },
    [KP_SP_DOUBLE] = { "Double", KP_DOUBLE, 8, false },
    [KP_SP_BOOLEAN] = { "Boolean", KP_BOOL, 1, false },
    [KP_SP_STRING] = { "String", KP_STRING, 0, false },
    [KP_SP_DATETIME] = { "DateTime", KP_TIME, 8, false },
    [KP_SP_TEXT] = { "Text", KP_STRING, 0, false },
    [KP_SP_UUID] = { "UUID", KP_STRING, 0, false },
    [KP_SP_DATASET] = { "DataSet", KP_STRING, 0, false },
    [KP_SP_BYTES] = { "Bytes", KP_BYTES, 0, false },
    [KP_SP_FILE] = { "File", KP_BYTES, 0, false },
    [KP_SP_TEMPLATE] = { "Template", KP_STRING, 0, false },
    [KP_SP_INT8_ARRAY] = { "Int8Array", KP_INT64 | KP_ARRAY, 1, true },
    [KP_SP_INT16_ARRAY] = { "Int16Array", KP_INT64 | KP_ARRAY, 2, true },
    [KP_SP_INT32_ARRAY] = { "Int32Array", KP_INT64 | KP_ARRAY, 4, true },
    [KP_SP_INT64_ARRAY] = { "Int64Array", KP_INT64 | KP_ARRAY, 8, true },
    [KP_SP_UINT8_ARRAY] = { "UInt8Array", KP_UINT64 | KP_ARRAY, 1, false },
    [KP_SP_UINT16_ARRAY] = { "UInt16Array", KP_UINT64 | KP_ARRAY, 2, false },
    [KP_SP_UINT32_ARRAY] = { "UInt32Array", KP_UINT64 | KP_ARRAY, 4, false },
    [KP_SP_UINT64_ARRAY] = { "UInt64Array", KP_UINT64 | KP_ARRAY, 8, false },
    [KP_SP_FLOAT_ARRAY] = { "FloatArray", KP_FLOAT | KP_ARRAY, 4, false },
    [KP_SP_DOUBLE_ARRAY] = { "DoubleArray", KP_DOUBLE | KP_ARRAY, 8, false },
    [KP_SP_BOOLEAN_ARRAY] = { "BooleanArray", KP_BOOL | KP_ARRAY, 0, false },
    [KP_SP_STRING_ARRAY] = { "StringArray", KP_STRING | KP_ARRAY, 0, false },
    [KP_SP_DATETIME_ARRAY] = { "DateTimeArray", KP_TIME | KP_ARRAY, 8, false },
};

const char *kp_sparkplug_type_name(uint32_t type)
{
    return type < KP_SP_TYPES ? types[type].name : NULL;
}

uint8_t kp_sparkplug_type(uint32_t type)
{
    return type < KP_SP_TYPES ? types[type].type : KP_NULL;
}

/* Milliseconds since 1970, which may be negative; outside what ns hold: the nearest. */
static int64_t from_ms(uint64_t ms)
{
    int64_t signed_ms = (int64_t)ms, most = INT64_MAX / KP_MILLISECOND;
    if (signed_ms > most || signed_ms < -most)
        signed_ms = signed_ms < 0 ? -most : most;
    return signed_ms * KP_MILLISECOND;
}

/* Signed numbers travel as unsigned ones in two's complement, of their own or any larger width. */
static struct kp_value whole(uint64_t bits, uint32_t type)
{
    unsigned unused = 64 - 8u * types[type].bytes;
    if ((types[type].type & ~KP_ARRAY) == KP_TIME)
        return (struct kp_value){ .i = from_ms(bits), .type = KP_TIME };
    if (types[type].sign)
        return kp_int((int64_t)(bits << unused) >> unused);
    return (struct kp_value){ .u = bits << unused >> unused, .type = KP_UINT64 };
}

/* ---- arrays ---- */
static uint64_t little(const uint8_t *p, unsigned bytes)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < bytes; i++)
        n |= (uint64_t)p[i] << (8 * i);
    return n;
}

static struct kp_value element(const uint8_t *p, uint32_t type)
{
    uint64_t bits = little(p, types[type].bytes);
    uint32_t half = (uint32_t)bits;
    struct kp_value v = { .type = KP_FLOAT };
    if (type == KP_SP_FLOAT_ARRAY) {
        memcpy(&v.f, &half, sizeof v.f);
    } else if (type == KP_SP_DOUBLE_ARRAY) {
        v.type = KP_DOUBLE;
        memcpy(&v.d, &bits, sizeof v.d);
    } else {
        v = whole(bits, type);
    }
    return v;
}

/* A count of four bytes, then a bit each, the highest first. */
static bool bools(const uint8_t *p, size_t len, struct kp_buf *room)
{
    uint64_t n = len >= 4 ? little(p, 4) : UINT64_MAX;
    if (n == UINT64_MAX || (n + 7) / 8 > len - 4)
        return false;
    for (uint64_t i = 0; i < n; i++) {
        struct kp_value v = kp_bool(p[4 + i / 8] >> (7 - i % 8) & 1);
        kp_array_add(room, &v);
    }
    return true;
}

/* Each ended by a 0. */
static bool strings(const uint8_t *p, size_t len, struct kp_buf *room)
{
    for (size_t i = 0; i < len;) {
        const uint8_t *end = memchr(p + i, 0, len - i);
        size_t n = (end ? (size_t)(end - p) : len) - i;
        if (!kp_utf8_valid((const char *)p + i, n))
            return false;
        struct kp_value v = kp_string((const char *)p + i, n);
        kp_array_add(room, &v);
        i += n + 1;
    }
    return true;
}

static enum kp_code array(const Sparkplug__Metric *m, uint32_t type, struct kp_buf *room,
                          struct kp_value *v, struct kp_err *err)
{
    const uint8_t *p = m->bytes_value.data;
    size_t len = m->bytes_value.len;
    unsigned bytes = types[type].bytes;
    bool good = m->value_case == SPARKPLUG__METRIC__VALUE_BYTES_VALUE;
    if (good && type == KP_SP_BOOLEAN_ARRAY) {
        good = bools(p, len, room);
    } else if (good && type == KP_SP_STRING_ARRAY) {
        good = strings(p, len, room);
    } else if (good) {
        good = len % bytes == 0;
        for (size_t i = 0; good && i < len; i += bytes) {
            struct kp_value one = element(p + i, type);
            kp_array_add(room, &one);
        }
    }
    if (!good)
        return kp_fail(err, KP_EPARSE, "no %s", types[type].name);
    *v = (struct kp_value){ .data = room->data,
                            .len = (uint32_t)room->len,
                            .type = types[type].type };
    return KP_OK;
}

/* ---- structures as JSON ---- */
static void put_scalar(struct kp_json *j, const Sparkplug__Metric *as, uint32_t type);

static void put_element(struct kp_json *j, const Sparkplug__DataSet__Value *e, uint32_t type)
{
    Sparkplug__Metric as = SPARKPLUG__METRIC__INIT;
    switch (e->value_case) {
    case SPARKPLUG__DATA_SET__VALUE__VALUE_INT_VALUE:
        as.value_case = SPARKPLUG__METRIC__VALUE_INT_VALUE;
        as.int_value = e->int_value;
        break;
    case SPARKPLUG__DATA_SET__VALUE__VALUE_LONG_VALUE:
        as.value_case = SPARKPLUG__METRIC__VALUE_LONG_VALUE;
        as.long_value = e->long_value;
        break;
    case SPARKPLUG__DATA_SET__VALUE__VALUE_FLOAT_VALUE:
        as.value_case = SPARKPLUG__METRIC__VALUE_FLOAT_VALUE;
        as.float_value = e->float_value;
        break;
    case SPARKPLUG__DATA_SET__VALUE__VALUE_DOUBLE_VALUE:
        as.value_case = SPARKPLUG__METRIC__VALUE_DOUBLE_VALUE;
        as.double_value = e->double_value;
        break;
    case SPARKPLUG__DATA_SET__VALUE__VALUE_BOOLEAN_VALUE:
        as.value_case = SPARKPLUG__METRIC__VALUE_BOOLEAN_VALUE;
        as.boolean_value = e->boolean_value;
        break;
    case SPARKPLUG__DATA_SET__VALUE__VALUE_STRING_VALUE:
        as.value_case = SPARKPLUG__METRIC__VALUE_STRING_VALUE;
        as.string_value = e->string_value;
        break;
    default:
        break;
    }
    put_scalar(j, &as, type);
}

static void put_dataset(struct kp_json *j, const Sparkplug__DataSet *d)
{
    kp_json_begin(j, '{');
    kp_json_key(j, "columns");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < d->n_columns; i++)
        kp_json_text(j, d->columns[i]);
    kp_json_end(j, ']');
    kp_json_key(j, "rows");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < d->n_rows; i++) {
        kp_json_begin(j, '[');
        for (size_t k = 0; k < d->rows[i]->n_elements; k++)
            put_element(j, d->rows[i]->elements[k], k < d->n_types ? d->types[k] : KP_SP_UNKNOWN);
        kp_json_end(j, ']');
    }
    kp_json_end(j, ']');
    kp_json_end(j, '}');
}

static void put_template(struct kp_json *j, const Sparkplug__Template *t)
{
    kp_json_begin(j, '{');
    if (t->template_ref)
        kp_json_put_text(j, "template", t->template_ref);
    kp_json_key(j, "metrics");
    kp_json_begin(j, '{');
    for (size_t i = 0; i < t->n_metrics; i++) {
        const Sparkplug__Metric *m = t->metrics[i];
        kp_json_key(j, m->name ? m->name : "");
        put_scalar(j, m, m->datatype);
    }
    kp_json_end(j, '}');
    kp_json_end(j, '}');
}

static void put_scalar(struct kp_json *j, const Sparkplug__Metric *m, uint32_t type)
{
    struct kp_err none = { 0 };
    struct kp_value v = { .type = KP_NULL };
    struct kp_buf room;
    kp_buf_init(&room, 1 << 20);
    if (m->value_case == SPARKPLUG__METRIC__VALUE_DATASET_VALUE && m->dataset_value) {
        put_dataset(j, m->dataset_value);
    } else if (m->value_case == SPARKPLUG__METRIC__VALUE_TEMPLATE_VALUE && m->template_value) {
        put_template(j, m->template_value);
    } else {
        if (m->is_null || kp_sparkplug_value(m, type, &room, &v, &none))
            v = (struct kp_value){ .type = KP_NULL };
        kp_json_value(j, &v);
    }
    kp_buf_free(&room);
}

static enum kp_code structure(const Sparkplug__Metric *m, uint32_t type, struct kp_buf *room,
                              struct kp_value *v, struct kp_err *err)
{
    struct kp_json j = kp_json(room);
    bool set = m->value_case == SPARKPLUG__METRIC__VALUE_DATASET_VALUE && m->dataset_value,
         template = m->value_case == SPARKPLUG__METRIC__VALUE_TEMPLATE_VALUE && m->template_value;
    if (set)
        put_dataset(&j, m->dataset_value);
    else if (template)
        put_template(&j, m->template_value);
    else
        return kp_fail(err, KP_EPARSE, "no %s", types[type].name);
    *v = kp_string(room->data, room->len);
    return KP_OK;
}

/* ---- scalars ---- */
/* Every number field by which encoders send a number of this type. */
static bool number(const Sparkplug__Metric *m, double *d, uint64_t *bits)
{
    *d = 0;
    *bits = 0;
    switch (m->value_case) {
    case SPARKPLUG__METRIC__VALUE_INT_VALUE:
        *bits = m->int_value;
        *d = m->int_value;
        return true;
    case SPARKPLUG__METRIC__VALUE_LONG_VALUE:
        *bits = m->long_value;
        *d = (double)m->long_value;
        return true;
    case SPARKPLUG__METRIC__VALUE_FLOAT_VALUE:
        *d = m->float_value;
        break;
    case SPARKPLUG__METRIC__VALUE_DOUBLE_VALUE:
        *d = m->double_value;
        break;
    case SPARKPLUG__METRIC__VALUE_BOOLEAN_VALUE:
        *bits = m->boolean_value != 0;
        *d = m->boolean_value != 0;
        return true;
    default:
        return false;
    }
    if (*d > -0x1p63 && *d < 0x1p63)
        *bits = (uint64_t)(int64_t)*d;
    return true;
}

static enum kp_code text(const char *from, struct kp_buf *room, struct kp_value *v)
{
    size_t len = from ? strlen(from) : 0;
    if (len && !kp_utf8_valid(from, len)) { /* keep what can be read */
        char *clean = kp_buf_room(room, 3 * len + 1);
        if (clean) {
            kp_utf8_clean(clean, 3 * len + 1, from, len);
            room->len += strlen(clean);
            *v = kp_string(clean, strlen(clean));
        }
        return KP_OK;
    }
    *v = kp_string(from ? from : "", len);
    return KP_OK;
}

static enum kp_code scalar(const Sparkplug__Metric *m, uint32_t type, struct kp_buf *room,
                           struct kp_value *v, struct kp_err *err)
{
    double d;
    uint64_t bits;
    if (types[type].type == KP_STRING && m->value_case == SPARKPLUG__METRIC__VALUE_STRING_VALUE)
        return text(m->string_value, room, v);
    if (types[type].type == KP_BYTES && m->value_case == SPARKPLUG__METRIC__VALUE_BYTES_VALUE) {
        *v = (struct kp_value){ .data = m->bytes_value.len ? m->bytes_value.data : (const void *)"",
                                .len = (uint32_t)m->bytes_value.len,
                                .type = KP_BYTES };
        return KP_OK;
    }
    if (types[type].type == KP_STRING || types[type].type == KP_BYTES || !number(m, &d, &bits))
        return kp_fail(err, KP_EPARSE, "the value is no %s", types[type].name);
    if (types[type].type == KP_FLOAT)
        *v = (struct kp_value){ .f = (float)d, .type = KP_FLOAT };
    else if (types[type].type == KP_DOUBLE)
        *v = kp_double(d);
    else if (types[type].type == KP_BOOL)
        *v = kp_bool(bits != 0);
    else
        *v = whole(bits, type);
    return KP_OK;
}

enum kp_code kp_sparkplug_value(const Sparkplug__Metric *m, uint32_t type, struct kp_buf *room,
                                struct kp_value *v, struct kp_err *err)
{
    *v = (struct kp_value){ .type = KP_NULL };
    if (!kp_sparkplug_type_name(type))
        return kp_fail(err, KP_EPARSE, "type %u is not known", type);
    if (types[type].type & KP_ARRAY)
        array(m, type, room, v, err);
    else if (type == KP_SP_DATASET || type == KP_SP_TEMPLATE)
        structure(m, type, room, v, err);
    else
        scalar(m, type, room, v, err);
    return room->failed ? kp_fail(err, KP_EFULL, "the value is too large") : err->code;
}

/* ---- to be sent ---- */
static bool fits(const struct kp_value *v, uint32_t type, uint64_t *bits)
{
    double d, most = ldexp(1, 8 * types[type].bytes - types[type].sign);
    if (v->type == KP_INT64 || v->type == KP_UINT64 || v->type == KP_BOOL) {
        bool negative = v->type == KP_INT64 && v->i < 0;
        *bits = v->type == KP_BOOL ? v->b : v->u;
        if (types[type].bytes == 8)
            return types[type].sign ? v->type == KP_INT64 || *bits <= INT64_MAX : !negative;
        d = negative ? (double)v->i : (double)*bits;
    } else if (!kp_value_number(v, &d) || trunc(d) != d) {
        return false;
    }
    *bits = d < 0 ? (uint64_t)(int64_t)fmax(d, -0x1p63) : (uint64_t)fmin(d, 0x1.fffffffffffffp63);
    return d < most && d >= (types[type].sign ? -most : 0);
}

enum kp_code kp_sparkplug_put(const struct kp_value *v, uint32_t type, struct kp_arena *arena,
                              Sparkplug__Metric *m, struct kp_err *err)
{
    double d = 0;
    uint64_t bits = 0;
    uint8_t as = kp_sparkplug_type(type);
    m->has_datatype = true;
    m->datatype = type;
    if ((as == KP_INT64 || as == KP_UINT64) && fits(v, type, &bits)) {
        bool wide = types[type].bytes == 8;
        m->value_case =
            wide ? SPARKPLUG__METRIC__VALUE_LONG_VALUE : SPARKPLUG__METRIC__VALUE_INT_VALUE;
        if (wide)
            m->long_value = bits;
        else
            m->int_value = (uint32_t)bits;
    } else if (as == KP_FLOAT && kp_value_number(v, &d)) {
        m->value_case = SPARKPLUG__METRIC__VALUE_FLOAT_VALUE;
        m->float_value = (float)d;
    } else if (as == KP_DOUBLE && kp_value_number(v, &d)) {
        m->value_case = SPARKPLUG__METRIC__VALUE_DOUBLE_VALUE;
        m->double_value = d;
    } else if (as == KP_BOOL &&
               (v->type == KP_BOOL || (kp_value_number(v, &d) && (d == 0 || d == 1)))) {
        m->value_case = SPARKPLUG__METRIC__VALUE_BOOLEAN_VALUE;
        m->boolean_value = v->type == KP_BOOL ? v->b : d == 1;
    } else if (as == KP_TIME && v->type == KP_TIME) {
        m->value_case = SPARKPLUG__METRIC__VALUE_LONG_VALUE;
        m->long_value = (uint64_t)(v->i / KP_MILLISECOND);
    } else if (as == KP_STRING && v->type == KP_STRING && type != KP_SP_DATASET &&
               type != KP_SP_TEMPLATE) {
        char *copy = kp_arena_alloc(arena, v->len + 1u);
        if (!copy)
            return kp_fail(err, KP_ENOMEM, "out of memory");
        memcpy(copy, v->data, v->len);
        m->value_case = SPARKPLUG__METRIC__VALUE_STRING_VALUE;
        m->string_value = copy;
    } else if ((as == KP_INT64 || as == KP_UINT64) && kp_value_number(v, &d)) {
        return kp_fail(err, KP_EINVALID, "the value does not fit into %s", types[type].name);
    } else {
        return kp_fail(err, KP_EINVALID, "the metric is of type %s and does not take this value",
                       kp_sparkplug_type_name(type) ? kp_sparkplug_type_name(type) : "?");
    }
    return KP_OK;
}
