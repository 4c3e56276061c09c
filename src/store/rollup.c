/* SPDX-License-Identifier: Apache-2.0 */
#include "store/rollup.h"

#include "store/reals.h"

#include <math.h>
#include <string.h>

#include "core/ban.h"

enum { VERSION = 1, CRC = 4, UNIT_MAX = 9, REALS = 6 };
#define YEAR_2000 (INT64_C(946684800) * KP_SECOND)

static const struct {
    int64_t step, span;
} levels[KP_ROLLUP_LEVELS] = {
    [KP_MINUTES] = { 60 * KP_SECOND, 4 * 3600 * KP_SECOND },
    [KP_HOURS] = { 3600 * KP_SECOND, 24 * 3600 * KP_SECOND },
};

int64_t kp_rollup_step(int level)
{
    return levels[level].step;
}

int64_t kp_rollup_span(int level)
{
    return levels[level].span;
}

int64_t kp_rollup_block(int level, int64_t at)
{
    return at < YEAR_2000 ? -1 : (at - YEAR_2000) / levels[level].span;
}

int64_t kp_rollup_start(int level, int64_t block)
{
    return YEAR_2000 + block * levels[level].span;
}

/* ---- writing ---- */

/* The same columns in both directions. */
struct columns {
    int64_t place[KP_ROLLUP_BUCKETS], n[KP_ROLLUP_BUCKETS], no_number[KP_ROLLUP_BUCKETS], bad[KP_ROLLUP_BUCKETS];
    int64_t offset[KP_ROLLUP_BUCKETS], good_ns[KP_ROLLUP_BUCKETS], bad_ns[KP_ROLLUP_BUCKETS], held[KP_ROLLUP_BUCKETS];
    double real[REALS][KP_ROLLUP_BUCKETS]; /* of the buckets with numbers only */
    size_t numbers;
    struct kp_scratch scratch;
};

static void split(struct columns *c, int level, int64_t block, const struct kp_chunk_summary *s, size_t n)
{
    int64_t start = kp_rollup_start(level, block);
    c->numbers = 0;
    for (size_t i = 0; i < n; i++, s++) {
        c->place[i] = (s->t0 - start) / levels[level].step;
        c->offset[i] = (s->t0 - start) % levels[level].step;
        c->n[i] = (int64_t)s->n;
        c->no_number[i] = (int64_t)(s->n - s->good);
        c->bad[i] = (int64_t)s->bad;
        c->good_ns[i] = s->good_ns;
        c->bad_ns[i] = s->bad_ns;
        c->held[i] = s->held;
        if (!s->good)
            continue;
        const double reals[REALS] = { s->min, s->max, s->first, s->last, s->sum, s->area };
        for (int k = 0; k < REALS; k++)
            c->real[k][c->numbers] = reals[k];
        c->numbers++;
    }
}

static void put_ints(struct columns *c, const int64_t *v, size_t n, struct kp_buf *out)
{
    kp_ints_encode(v, n, &c->scratch, out);
}

/* Times: in the largest unit that divides all. */
static void put_times(struct columns *c, const int64_t *v, size_t n, struct kp_buf *out)
{
    uint8_t unit = UNIT_MAX;
    int64_t divisor = KP_SECOND;
    for (size_t i = 0; i < n; i++)
        for (; v[i] % divisor; divisor /= 10)
            unit--;
    kp_put_u8(out, unit);
    for (size_t i = 0; i < n; i++)
        c->scratch.values[i] = v[i] / divisor;
    put_ints(c, c->scratch.values, n, out);
}

static void put_reals(struct columns *c, const double *v, struct kp_buf *out)
{
    for (size_t i = 0; i < c->numbers; i++) {
        c->scratch.real[i] = v[i];
        memcpy(&c->scratch.raw[i], &v[i], sizeof v[i]);
    }
    kp_reals_encode(c->numbers, false, &c->scratch, out);
}

enum kp_code kp_rollup_encode(int level, int64_t block, const struct kp_chunk_summary *s, size_t n, struct kp_buf *out,
                              struct kp_err *err)
{
    struct columns *c = kp_alloc(sizeof *c);
    if (!c)
        return kp_fail(err, KP_ENOMEM, "out of memory making a rollup");
    size_t start = out->len;
    split(c, level, block, s, n);
    kp_put_u8(out, VERSION);
    kp_put_u8(out, (uint8_t)level);
    kp_put_varint(out, n);
    const int64_t *const ints[] = { c->place, c->n, c->no_number, c->bad };
    for (size_t i = 0; i < sizeof ints / sizeof ints[0]; i++)
        put_ints(c, ints[i], n, out);
    put_times(c, c->offset, n, out);
    put_times(c, c->good_ns, n, out);
    put_times(c, c->bad_ns, n, out);
    put_ints(c, c->held, n, out);
    for (int k = 0; k < REALS && c->numbers; k++)
        put_reals(c, c->real[k], out);
    kp_free(c);
    if (!out->failed) {
        uint32_t crc = kp_crc32c(out->data + start, out->len - start);
        kp_buf_add(out, &crc, CRC);
    }
    return out->failed ? kp_fail(err, KP_ENOMEM, "out of memory making a rollup") : KP_OK;
}

/* ---- reading ---- */

static bool get_times(struct kp_reader *r, size_t n, int64_t most, int64_t *out)
{
    uint8_t unit;
    int64_t factor = 1;
    if (!kp_read_u8(r, &unit) || unit > UNIT_MAX || !kp_ints_decode(r, n, out))
        return false;
    while (unit--)
        factor *= 10;
    for (size_t i = 0; i < n; i++)
        if (__builtin_mul_overflow(out[i], factor, &out[i]) || out[i] < 0 || out[i] > most)
            return false;
    return true;
}

static bool get_columns(struct columns *c, struct kp_reader *r, int level, size_t n)
{
    int64_t step = levels[level].step, before = -1;
    if (!kp_ints_decode(r, n, c->place) || !kp_ints_decode(r, n, c->n) || !kp_ints_decode(r, n, c->no_number) ||
        !kp_ints_decode(r, n, c->bad) || !get_times(r, n, step - 1, c->offset) ||
        !get_times(r, n, step, c->good_ns) || !get_times(r, n, step, c->bad_ns) || !kp_ints_decode(r, n, c->held))
        return false;
    c->numbers = 0;
    for (size_t i = 0; i < n; i++) {
        if (c->place[i] <= before || c->place[i] >= levels[level].span / step || c->n[i] < 1 || c->no_number[i] < 0 ||
            c->no_number[i] > c->n[i] || c->bad[i] < 0 || c->bad[i] > c->no_number[i] || c->held[i] < 0 ||
            c->held[i] > KP_HELD_BAD || c->offset[i] + c->good_ns[i] + c->bad_ns[i] >= step)
            return false;
        before = c->place[i];
        c->numbers += c->no_number[i] < c->n[i];
    }
    for (int k = 0; k < REALS && c->numbers; k++) {
        if (!kp_reals_decode(r, c->numbers, false, &c->scratch))
            return false;
        memcpy(c->real[k], c->scratch.raw, c->numbers * sizeof(double));
    }
    return r->p == r->end;
}

static void unite(const struct columns *c, int level, int64_t block, struct kp_chunk_summary *s, size_t n)
{
    int64_t start = kp_rollup_start(level, block);
    for (size_t i = 0, k = 0; i < n; i++, s++) {
        *s = (struct kp_chunk_summary){ .t0 = start + c->place[i] * levels[level].step + c->offset[i],
                                        .n = (size_t)c->n[i],
                                        .good = (size_t)(c->n[i] - c->no_number[i]),
                                        .bad = (size_t)c->bad[i],
                                        .min = NAN,
                                        .max = NAN,
                                        .sum = NAN,
                                        .first = NAN,
                                        .last = NAN,
                                        .good_ns = c->good_ns[i],
                                        .bad_ns = c->bad_ns[i],
                                        .held = (uint8_t)c->held[i] };
        s->t1 = s->t0 + s->good_ns + s->bad_ns;
        if (!s->good)
            continue;
        s->min = c->real[0][k];
        s->max = c->real[1][k];
        s->first = c->real[2][k];
        s->last = c->real[3][k];
        s->sum = c->real[4][k];
        s->area = c->real[5][k];
        k++;
    }
}

static const char *look(struct columns *c, const uint8_t *p, size_t len, int level, size_t *n)
{
    uint32_t crc;
    uint8_t version, own;
    uint64_t count;
    if (len < CRC)
        return "it is too short";
    memcpy(&crc, p + len - CRC, CRC);
    if (crc != kp_crc32c(p, len - CRC))
        return "its check sum is wrong";
    struct kp_reader r = { p, p + len - CRC };
    if (!kp_read_u8(&r, &version) || version != VERSION)
        return "its version is not known";
    if (!kp_read_u8(&r, &own) || own != level || !kp_read_varint(&r, &count) || count == 0 ||
        count > KP_ROLLUP_BUCKETS)
        return "its head is malformed";
    if (!get_columns(c, &r, level, count))
        return "its columns are malformed";
    *n = count;
    return NULL;
}

enum kp_code kp_rollup_decode(const void *blob, size_t len, int level, int64_t block, struct kp_chunk_summary *s,
                              size_t *n, struct kp_err *err)
{
    struct columns *c = kp_alloc(sizeof *c);
    if (!c)
        return kp_fail(err, KP_ENOMEM, "out of memory reading a rollup");
    const char *fault = look(c, blob, len, level, n);
    if (!fault)
        unite(c, level, block, s, *n);
    kp_free(c);
    return fault ? kp_fail(err, KP_EPARSE, "a rollup is damaged: %s", fault) : KP_OK;
}
