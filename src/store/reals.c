/* SPDX-License-Identifier: Apache-2.0 */
#include "store/reals.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/ban.h"

enum method { DECIMAL, DECIMAL_FLOAT, DICTIONARY, BITS, BITS_FLOAT, METHODS };
enum { EXPONENT_MAX = 14, EXPONENT_FLOAT_MAX = 8, TRIED = 64, WORDS = 256, SLOTS = 1024 };

/* A file written on one machine is read on another: both must compute r / 10^e to the same bits. */
_Static_assert(FLT_EVAL_METHOD == 0,
               "double arithmetic must not keep extra digits: on x86 build with -mfpmath=sse");
_Static_assert(!__FINITE_MATH_ONLY__,
               "values may be NaN and infinite: do not build with -ffast-math");

/* All exact in a double. */
static const double tens[] = { 1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6, 1e7,
                               1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14 };

static uint64_t bits_of(double d)
{
    uint64_t b;
    memcpy(&b, &d, sizeof b);
    return b;
}

static uint32_t float_bits(float f)
{
    uint32_t b;
    memcpy(&b, &f, sizeof b);
    return b;
}

/* ---- decimal ---- */
/* What the decoder makes of a scaled integer: bits as in scratch->raw. */
static uint64_t scaled_bits(int64_t r, unsigned e, bool through_float, bool is_float)
{
    double d = (double)r / tens[e];
    if (is_float)
        return float_bits((float)d);
    return bits_of(through_float ? (double)(float)d : d);
}

static bool scale(double v, uint64_t raw, unsigned e, bool through_float, bool is_float,
                  int64_t *out)
{
    double r = nearbyint(v * tens[e]);
    if (!(fabs(r) < 4e15))
        return false; /* also NaN */
    *out = (int64_t)r;
    return scaled_bits(*out, e, through_float, is_float) == raw;
}

static bool special(double v)
{
    return !isfinite(v) || (v == 0 && signbit(v));
}

/* The smallest exponent that suits a sample of the values; -1 when none does. */
static int sample_exponent(size_t n, bool through_float, bool is_float, const struct kp_scratch *s)
{
    unsigned most = through_float ? EXPONENT_FLOAT_MAX : EXPONENT_MAX, e = 0;
    size_t step = n > TRIED ? n / TRIED : 1, misses = 0;
    int64_t scaled;
    for (size_t i = 0; i < n && e <= most; i += step) {
        if (special(s->real[i]))
            continue;
        unsigned own = e;
        while (own <= most && !scale(s->real[i], s->raw[i], own, through_float, is_float, &scaled))
            own++;
        if (own <= most)
            e = own;
        else if (++misses > 2)
            return -1;
    }
    return (int)e;
}

/* Fills values with scaled integers; exceptions repeat their neighbour and are listed in index. */
static size_t scale_all(size_t n, unsigned e, bool through_float, bool is_float,
                        struct kp_scratch *s)
{
    size_t exceptions = 0;
    int64_t before = 0;
    for (size_t i = 0; i < n; i++) {
        if (!scale(s->real[i], s->raw[i], e, through_float, is_float, &s->values[i])) {
            s->values[i] = before;
            s->index[exceptions++] = (int64_t)i;
        }
        before = s->values[i];
    }
    return exceptions;
}

/* Fills values and index for the smallest exponent that will do; SIZE_MAX when none does. */
static size_t try_decimal(size_t n, bool through_float, bool is_float, struct kp_scratch *s,
                          unsigned *e)
{
    int first = sample_exponent(n, through_float, is_float, s);
    unsigned most = through_float ? EXPONENT_FLOAT_MAX : EXPONENT_MAX;
    for (unsigned k = first < 0 ? most + 1 : (unsigned)first; k <= most; k++) {
        size_t exceptions = scale_all(n, k, through_float, is_float, s);
        *e = k;
        if (exceptions <= n / 16 + 1)
            return exceptions;
    }
    return SIZE_MAX;
}

static size_t raw_size(bool is_float)
{
    return is_float ? 4 : 8;
}

static void put_raw(uint64_t raw, bool is_float, struct kp_buf *out)
{
    kp_buf_add(out, &raw, raw_size(is_float)); /* little endian */
}

static bool get_raw(struct kp_reader *r, bool is_float, uint64_t *raw)
{
    const uint8_t *p;
    *raw = 0;
    if (!kp_read_bytes(r, raw_size(is_float), &p))
        return false;
    memcpy(raw, p, raw_size(is_float));
    return true;
}

static void put_decimal(size_t n, unsigned e, bool through_float, bool is_float,
                        struct kp_scratch *s, struct kp_buf *out)
{
    /* Again, for other methods were tried since. */
    size_t exceptions = scale_all(n, e, through_float, is_float, s);
    kp_put_u8(out, (uint8_t)e);
    kp_put_varint(out, exceptions);
    kp_ints_encode(s->index, exceptions, s, out);
    for (size_t i = 0; i < exceptions; i++)
        put_raw(s->raw[s->index[i]], is_float, out);
    kp_ints_encode(s->values, n, s, out);
}

static bool get_decimal(struct kp_reader *r, size_t n, bool through_float, bool is_float,
                        struct kp_scratch *s)
{
    uint8_t e;
    uint64_t exceptions;
    if (!kp_read_u8(r, &e) || e > EXPONENT_MAX || !kp_read_varint(r, &exceptions) ||
        exceptions > n || !kp_ints_decode(r, exceptions, s->index))
        return false;
    struct kp_reader raws = *r;
    const uint8_t *skipped;
    if (!kp_read_bytes(r, exceptions * raw_size(is_float), &skipped) ||
        !kp_ints_decode(r, n, s->values))
        return false;
    for (size_t i = 0; i < n; i++)
        s->raw[i] = scaled_bits(s->values[i], e, through_float, is_float);
    for (size_t i = 0; i < exceptions; i++)
        if (s->index[i] < 0 || s->index[i] >= (int64_t)n ||
            !get_raw(&raws, is_float, &s->raw[s->index[i]]))
            return false;
    return true;
}

/* ---- dictionary ---- */
struct words {
    uint64_t word[WORDS];
    uint16_t slot[SLOTS]; /* place + 1 of the word hashed here */
    unsigned n;
};

static bool find_word(struct words *w, uint64_t raw, int64_t *place)
{
    unsigned h = (unsigned)((raw ^ raw >> 29) * UINT64_C(0x9E3779B97F4A7C15) >> 54);
    while (w->slot[h % SLOTS] && w->word[w->slot[h % SLOTS] - 1] != raw)
        h++;
    if (!w->slot[h % SLOTS]) {
        if (w->n == WORDS)
            return false;
        w->word[w->n] = raw;
        w->slot[h % SLOTS] = (uint16_t)++w->n;
    }
    *place = w->slot[h % SLOTS] - 1;
    return true;
}

/* Fills index; the cost, SIZE_MAX when there are too many words. */
static size_t try_dictionary(size_t n, bool is_float, struct kp_scratch *s, struct words *w)
{
    *w = (struct words){ 0 };
    for (size_t i = 0; i < n; i++)
        if (!find_word(w, s->raw[i], &s->index[i]))
            return SIZE_MAX;
    return 2 + w->n * raw_size(is_float) + kp_ints_cost(s->index, n, s);
}

static void put_dictionary(size_t n, bool is_float, struct kp_scratch *s, const struct words *w,
                           struct kp_buf *out)
{
    kp_put_varint(out, w->n);
    for (unsigned i = 0; i < w->n; i++)
        put_raw(w->word[i], is_float, out);
    kp_ints_encode(s->index, n, s, out);
}

static bool get_dictionary(struct kp_reader *r, size_t n, bool is_float, struct kp_scratch *s)
{
    uint64_t count, word[WORDS];
    if (!kp_read_varint(r, &count) || count > WORDS)
        return false;
    for (uint64_t i = 0; i < count; i++)
        if (!get_raw(r, is_float, &word[i]))
            return false;
    if (!kp_ints_decode(r, n, s->index))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (s->index[i] < 0 || (uint64_t)s->index[i] >= count)
            return false;
        s->raw[i] = word[s->index[i]];
    }
    return true;
}

/* ---- bits in numeric order ---- */
static int64_t ordered64(uint64_t raw)
{
    int64_t i = (int64_t)raw;
    return i ^ ((i >> 63) & INT64_MAX);
}

static int64_t ordered32(uint64_t raw)
{
    int32_t i = (int32_t)(uint32_t)raw;
    return i ^ ((i >> 31) & INT32_MAX);
}

static void fill_bits(size_t n, bool narrow, bool is_float, struct kp_scratch *s)
{
    for (size_t i = 0; i < n; i++)
        s->values[i] = !narrow ? ordered64(s->raw[i])
                               : ordered32(is_float ? s->raw[i] : float_bits((float)s->real[i]));
}

static bool get_bits(struct kp_reader *r, size_t n, bool narrow, bool is_float,
                     struct kp_scratch *s)
{
    if (!kp_ints_decode(r, n, s->values))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!narrow) {
            s->raw[i] = (uint64_t)ordered64((uint64_t)s->values[i]); /* its own inverse */
            continue;
        }
        uint32_t bits = (uint32_t)ordered32((uint64_t)s->values[i]);
        float f;
        memcpy(&f, &bits, sizeof f);
        s->raw[i] = is_float ? bits : bits_of((double)f);
    }
    return true;
}

/* ---- the column ---- */
static bool all_floats(size_t n, const struct kp_scratch *s)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(s->real[i]) || bits_of((double)(float)s->real[i]) != s->raw[i])
            return false;
    return true;
}

struct plan {
    enum method method;
    unsigned e;
    size_t cost;
};

/* Doubles that are no short decimals may come from a REAL whose value is one: 21.7f. */
static struct plan plan_decimal(size_t n, bool is_float, struct kp_scratch *s)
{
    struct plan p = { DECIMAL, 0, SIZE_MAX };
    size_t exceptions = try_decimal(n, is_float, is_float, s, &p.e);
    if (exceptions == SIZE_MAX && !is_float) {
        p.method = DECIMAL_FLOAT;
        exceptions = try_decimal(n, true, false, s, &p.e);
    }
    if (exceptions != SIZE_MAX)
        p.cost = 3 + exceptions * (raw_size(is_float) + 1) + kp_ints_cost(s->values, n, s);
    return p;
}

static struct plan plan_bits(size_t n, bool is_float, struct kp_scratch *s)
{
    struct plan p = { !is_float && all_floats(n, s) ? BITS_FLOAT : BITS, 0, 0 };
    fill_bits(n, is_float || p.method == BITS_FLOAT, is_float, s);
    p.cost = 1 + kp_ints_cost(s->values, n, s);
    return p;
}

void kp_reals_encode(size_t n, bool is_float, struct kp_scratch *s, struct kp_buf *out)
{
    struct words w;
    struct plan best = plan_decimal(n, is_float, s);
    if (best.cost > 2 * n) { /* below that, bits are hardly ever shorter */
        struct plan bits = plan_bits(n, is_float, s);
        best = bits.cost < best.cost ? bits : best;
    }
    if (best.cost > n / 2 && try_dictionary(n, is_float, s, &w) < best.cost)
        best.method = DICTIONARY;
    kp_put_u8(out, (uint8_t)best.method);
    if (best.method == DICTIONARY) {
        put_dictionary(n, is_float, s, &w, out);
    } else if (best.method == BITS || best.method == BITS_FLOAT) {
        fill_bits(n, is_float || best.method == BITS_FLOAT, is_float, s);
        kp_ints_encode(s->values, n, s, out);
    } else {
        put_decimal(n, best.e, is_float || best.method == DECIMAL_FLOAT, is_float, s, out);
    }
}

bool kp_reals_decode(struct kp_reader *r, size_t n, bool is_float, struct kp_scratch *s)
{
    uint8_t method;
    if (!kp_read_u8(r, &method))
        return false;
    switch (method) {
    case DECIMAL:
        return get_decimal(r, n, is_float, is_float, s);
    case DECIMAL_FLOAT:
        return !is_float && get_decimal(r, n, true, false, s);
    case DICTIONARY:
        return get_dictionary(r, n, is_float, s);
    case BITS:
        return get_bits(r, n, is_float, is_float, s);
    case BITS_FLOAT:
        return !is_float && get_bits(r, n, true, false, s);
    default:
        return false;
    }
}
