/* SPDX-License-Identifier: Apache-2.0 */
#include "store/chunk.h"

#include "store/reals.h"
#include "store/texts.h"

#include <math.h>
#include <string.h>

#include "core/ban.h"

enum { VERSION = 1, HAS_NULLS = 1, UNIT_MAX = 9, CRC = 4 };

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "the file's numbers are little endian, and are copied as they are");

struct coder {
    struct kp_scratch *s;
    uint16_t at[KP_CHUNK_MAX]; /* places of the points that are not null */
    size_t filled;
};

static const int64_t units[UNIT_MAX + 1] = { 1,      10,      100,      1000,      10000,
                                             100000, 1000000, 10000000, 100000000, 1000000000 };

static struct coder *coder_new(struct kp_err *err)
{
    struct coder *c = kp_realloc(NULL, sizeof *c);
    if (c) {
        c->filled = 0;
        c->s = kp_scratch_new();
    }
    if (c && c->s)
        return c;
    kp_free(c);
    kp_fail(err, KP_ENOMEM, "out of memory");
    return NULL;
}

static void coder_free(struct coder *c)
{
    kp_free(c->s);
    kp_free(c);
}

/* ---- writing ---- */
static uint8_t unit_of(const struct kp_sample *points, size_t n)
{
    uint8_t k = UNIT_MAX;
    for (size_t i = 0; i < n && k; i++)
        while (k && points[i].at % units[k])
            k--;
    return k;
}

static void put_times(struct coder *c, const struct kp_sample *points, size_t n, struct kp_buf *out)
{
    uint8_t k = unit_of(points, n);
    kp_put_u8(out, k);
    for (size_t i = 0; i < n; i++)
        c->s->values[i] = points[i].at / units[k];
    kp_ints_encode(c->s->values, n, c->s, out);
}

static void put_nulls(struct coder *c, const struct kp_sample *points, size_t n, struct kp_buf *out)
{
    for (size_t i = 0; i < n; i++)
        c->s->values[i] = points[i].value.type == KP_NULL;
    kp_ints_encode(c->s->values, n, c->s, out);
}

static void put_statuses(struct coder *c, const struct kp_sample *points, size_t n,
                         struct kp_buf *out)
{
    for (size_t i = 0; i < n; i++)
        c->s->values[i] = points[i].status;
    kp_ints_encode(c->s->values, n, c->s, out);
}

static void put_reals(struct coder *c, const struct kp_sample *points, bool is_float,
                      struct kp_buf *out)
{
    for (size_t i = 0; i < c->filled; i++) {
        const struct kp_value *v = &points[c->at[i]].value;
        c->s->raw[i] = 0;
        memcpy(&c->s->raw[i], is_float ? (const void *)&v->f : (const void *)&v->d,
               is_float ? 4 : 8);
        c->s->real[i] = is_float ? (double)v->f : v->d;
    }
    kp_reals_encode(c->filled, is_float, c->s, out);
}

static enum kp_code put_values(struct coder *c, const struct kp_sample *points, uint8_t type,
                               struct kp_buf *out, struct kp_err *err)
{
    if (kp_type_indirect(type))
        return kp_texts_encode(points, c->at, c->filled, c->s, out, err);
    if (type == KP_FLOAT || type == KP_DOUBLE) {
        put_reals(c, points, type == KP_FLOAT, out);
        return KP_OK;
    }
    for (size_t i = 0; i < c->filled; i++) {
        const struct kp_value *v = &points[c->at[i]].value;
        c->s->values[i] = type == KP_BOOL ? v->b : v->i; /* uint64 and time share the bits */
    }
    kp_ints_encode(c->s->values, c->filled, c->s, out);
    return KP_OK;
}

/* The one type of all points; false when there are two, or one that has no column. */
static bool type_of(const struct kp_sample *points, size_t n, uint8_t *type)
{
    *type = KP_NULL;
    for (size_t i = 0; i < n; i++) {
        uint8_t t = points[i].value.type;
        if (t != KP_NULL && *type != KP_NULL && t != *type)
            return false;
        *type = t != KP_NULL ? t : *type;
    }
    return kp_type_stored(*type);
}

enum kp_code kp_chunk_encode(const struct kp_sample *points, size_t n, struct kp_buf *out,
                             struct kp_err *err)
{
    uint8_t type;
    if (n == 0 || n > KP_CHUNK_MAX || !type_of(points, n, &type))
        return kp_fail(err, KP_EINVALID, "a chunk takes 1 to %d points of one known type",
                       KP_CHUNK_MAX);
    struct coder *c = coder_new(err);
    if (!c)
        return KP_ENOMEM;
    for (size_t i = 0; i < n; i++)
        if (points[i].value.type != KP_NULL)
            c->at[c->filled++] = (uint16_t)i;
    size_t start = out->len;
    kp_put_u8(out, VERSION);
    kp_put_u8(out, type);
    kp_put_u8(out, c->filled < n ? HAS_NULLS : 0);
    kp_put_varint(out, n);
    put_times(c, points, n, out);
    if (c->filled < n)
        put_nulls(c, points, n, out);
    put_statuses(c, points, n, out);
    enum kp_code code = c->filled ? put_values(c, points, type, out, err) : KP_OK;
    coder_free(c);
    if (!out->failed) {
        uint32_t crc = kp_crc32c(out->data + start, out->len - start);
        kp_buf_add(out, &crc, CRC);
    }
    if (out->failed)
        code = kp_fail(err, KP_ENOMEM, "out of memory");
    return code;
}

/* ---- reading ---- */
static enum kp_code malformed(const char *what, struct kp_err *err)
{
    return kp_fail(err, KP_EPARSE, "a chunk's %s malformed", what);
}

static bool get_times(struct coder *c, struct kp_reader *r, struct kp_sample *points, size_t n)
{
    uint8_t k;
    if (!kp_read_u8(r, &k) || k > UNIT_MAX || !kp_ints_decode(r, n, c->s->values))
        return false;
    for (size_t i = 0; i < n; i++)
        if (__builtin_mul_overflow(c->s->values[i], units[k], &points[i].at))
            return false;
    return true;
}

static bool get_nulls(struct coder *c, struct kp_reader *r, bool any, uint8_t type,
                      struct kp_sample *points, size_t n)
{
    if (any && !kp_ints_decode(r, n, c->s->values))
        return false;
    for (size_t i = 0; i < n; i++) {
        bool null = any && c->s->values[i];
        points[i].value = (struct kp_value){ .type = null ? KP_NULL : type };
        if (!null)
            c->at[c->filled++] = (uint16_t)i;
    }
    return type != KP_NULL || c->filled == 0;
}

static bool get_statuses(struct coder *c, struct kp_reader *r, struct kp_sample *points, size_t n)
{
    if (!kp_ints_decode(r, n, c->s->values))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (c->s->values[i] < 0 || c->s->values[i] > UINT32_MAX)
            return false;
        points[i].status = (uint32_t)c->s->values[i];
    }
    return true;
}

static bool get_reals(struct coder *c, struct kp_reader *r, bool is_float, struct kp_sample *points)
{
    if (!kp_reals_decode(r, c->filled, is_float, c->s))
        return false;
    for (size_t i = 0; i < c->filled; i++) {
        struct kp_value *v = &points[c->at[i]].value;
        memcpy(is_float ? (void *)&v->f : (void *)&v->d, &c->s->raw[i], is_float ? 4 : 8);
    }
    return true;
}

static enum kp_code get_values(struct coder *c, struct kp_reader *r, uint8_t type,
                               struct kp_sample *points, struct kp_arena *arena, struct kp_err *err)
{
    if (kp_type_indirect(type))
        return kp_texts_decode(r, points, c->at, c->filled, c->s, arena, err);
    if (type == KP_FLOAT || type == KP_DOUBLE)
        return get_reals(c, r, type == KP_FLOAT, points) ? KP_OK : malformed("values are", err);
    if (!kp_ints_decode(r, c->filled, c->s->values))
        return malformed("values are", err);
    for (size_t i = 0; i < c->filled; i++) {
        struct kp_value *v = &points[c->at[i]].value;
        if (type == KP_BOOL)
            v->b = c->s->values[i] != 0;
        else
            v->i = c->s->values[i];
    }
    return KP_OK;
}

static enum kp_code decode(struct coder *c, struct kp_reader *r, kp_signal signal,
                           struct kp_sample *points, size_t *count, struct kp_arena *arena,
                           struct kp_err *err)
{
    uint8_t version, type, flags;
    uint64_t n;
    if (!kp_read_u8(r, &version) || version != VERSION)
        return kp_fail(err, KP_EPARSE, "a chunk of version %u, known is %d", version, VERSION);
    if (!kp_read_u8(r, &type) || !kp_type_stored(type) || !kp_read_u8(r, &flags) ||
        flags & ~HAS_NULLS || !kp_read_varint(r, &n) || n == 0 || n > KP_CHUNK_MAX)
        return malformed("head is", err);
    if (!get_times(c, r, points, n))
        return malformed("times are", err);
    if (!get_nulls(c, r, flags & HAS_NULLS, type, points, n))
        return malformed("nulls are", err);
    if (!get_statuses(c, r, points, n))
        return malformed("statuses are", err);
    if (c->filled && get_values(c, r, type, points, arena, err))
        return err->code;
    if (r->p != r->end)
        return malformed("end is", err);
    for (size_t i = 0; i < n; i++)
        points[i].signal = signal;
    *count = n;
    return KP_OK;
}

enum kp_code kp_chunk_decode(const void *blob, size_t len, kp_signal signal,
                             struct kp_sample *points, size_t *n, struct kp_arena *arena,
                             struct kp_err *err)
{
    struct kp_err own = { 0 };
    err = err ? err : &own;
    const uint8_t *p = blob;
    uint32_t crc;
    *n = 0;
    if (len <= CRC)
        return malformed("head is", err);
    memcpy(&crc, p + len - CRC, CRC);
    if (crc != kp_crc32c(p, len - CRC))
        return kp_fail(err, KP_EPARSE, "a chunk's checksum is wrong: its bytes have changed");
    struct coder *c = coder_new(err);
    if (!c)
        return KP_ENOMEM;
    struct kp_reader r = { p, p + len - CRC };
    enum kp_code code = decode(c, &r, signal, points, n, arena, err);
    coder_free(c);
    return code;
}

/* ---- summary ---- */
