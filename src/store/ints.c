/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ints.h"

#include <string.h>

#include "core/ban.h"

enum mode { PLAIN, DELTA, DELTA2, LINEAR, RUNS, MODES };
enum { BLOCK = 128, WIDEST = 56, RAW = 64 };

struct kp_scratch *kp_scratch_new(void)
{
    return kp_realloc(NULL, sizeof(struct kp_scratch));
}

/* ---- bytes ---- */
bool kp_read_u8(struct kp_reader *r, uint8_t *out)
{
    if (r->p == r->end)
        return false;
    *out = *r->p++;
    return true;
}

bool kp_read_varint(struct kp_reader *r, uint64_t *out)
{
    return kp_varint_get(&r->p, r->end, out);
}

bool kp_read_bytes(struct kp_reader *r, size_t n, const uint8_t **out)
{
    if ((size_t)(r->end - r->p) < n)
        return false;
    *out = r->p;
    r->p += n;
    return true;
}

void kp_put_varint(struct kp_buf *out, uint64_t v)
{
    uint8_t *p = kp_buf_room(out, 10);
    if (p)
        out->len += kp_varint_put(p, v);
}

void kp_put_u8(struct kp_buf *out, uint8_t v)
{
    kp_buf_add(out, &v, 1);
}

static bool read_zigzag(struct kp_reader *r, int64_t *out)
{
    uint64_t v;
    if (!kp_read_varint(r, &v))
        return false;
    *out = kp_unzigzag(v);
    return true;
}

/* ---- wrapping arithmetic ---- */
static int64_t sub(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t mul(int64_t a, uint64_t b)
{
    return (int64_t)((uint64_t)a * b);
}

/* ---- residuals by mode ---- */
static int64_t slope_of(const int64_t *v, size_t n)
{
    if (n < 2)
        return 0;
    int64_t span = sub(v[n - 1], v[0]), steps = (int64_t)n - 1;
    int64_t half = span >= 0 ? steps / 2 : -(steps / 2);
    return __builtin_add_overflow(span, half, &span) ? 0 : span / steps;
}

/* The first value in delta, the first two in delta of delta stand in front; their residuals repeat
 * the next one, so that they do not widen the block. */
static void residuals(enum mode mode, const int64_t *v, size_t n, int64_t *out)
{
    if (mode == LINEAR) {
        int64_t slope = slope_of(v, n);
        for (size_t i = 0; i < n; i++)
            out[i] = sub(v[i], add(v[0], mul(slope, i)));
        return;
    }
    if (mode == PLAIN) {
        memcpy(out, v, n * sizeof *v);
        return;
    }
    size_t front = mode == DELTA ? 1 : 2;
    for (size_t i = 1; i < n; i++)
        out[i] = sub(v[i], v[i - 1]);
    for (size_t i = n - 1; mode == DELTA2 && i >= 2; i--)
        out[i] = sub(out[i], out[i - 1]);
    for (size_t i = 0; i < front && i < n; i++)
        out[i] = n > front ? out[front] : 0;
}

/* What stands in front beside the first value. */
static int64_t second_of(enum mode mode, const int64_t *v, size_t n)
{
    if (mode == LINEAR)
        return slope_of(v, n);
    return n > 1 ? sub(v[1], v[0]) : 0;
}

static void restore(enum mode mode, int64_t first, int64_t second, size_t n, int64_t *v)
{
    if (mode == LINEAR) {
        for (size_t i = 0; i < n; i++)
            v[i] = add(v[i], add(first, mul(second, i)));
    } else if (mode == DELTA) {
        v[0] = first;
        for (size_t i = 1; i < n; i++)
            v[i] = add(v[i - 1], v[i]);
    } else if (mode == DELTA2) {
        int64_t step = second;
        v[0] = first;
        if (n > 1)
            v[1] = add(first, step);
        for (size_t i = 2; i < n; i++) {
            step = add(step, v[i]);
            v[i] = add(v[i - 1], step);
        }
    }
}

/* ---- blocks ---- */
struct span {
    int64_t min;
    unsigned width;
};

static struct span span_of(const int64_t *v, size_t n)
{
    int64_t min = v[0], max = v[0];
    for (size_t i = 1; i < n; i++) {
        min = v[i] < min ? v[i] : min;
        max = v[i] > max ? v[i] : max;
    }
    uint64_t range = (uint64_t)max - (uint64_t)min;
    unsigned width = range ? 64 - (unsigned)__builtin_clzll(range) : 0;
    return (struct span){ min, width > WIDEST ? RAW : width };
}

static size_t varint_size(uint64_t v)
{
    return v ? (70 - (size_t)__builtin_clzll(v)) / 7 : 1;
}

static size_t head_cost(enum mode mode, const int64_t *v, size_t n)
{
    size_t cost = 1;
    if (mode != PLAIN)
        cost += varint_size(kp_zigzag(v[0]));
    if (mode == DELTA2 || mode == LINEAR)
        cost += varint_size(kp_zigzag(second_of(mode, v, n)));
    return cost;
}

static size_t blocks_cost(const int64_t *v, size_t n)
{
    size_t cost = 0;
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t k = n - i < BLOCK ? n - i : BLOCK;
        struct span s = span_of(v + i, k);
        cost += 1 + varint_size(kp_zigzag(s.min)) + (s.width * k + 7) / 8;
    }
    return cost;
}

static void pack(const int64_t *v, size_t n, struct span s, uint8_t *out)
{
    uint64_t word = 0;
    unsigned used = 0;
    if (s.width == RAW) {
        for (size_t i = 0; i < n; i++) {
            uint64_t r = (uint64_t)v[i] - (uint64_t)s.min;
            memcpy(out + 8 * i, &r, 8);
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        word |= ((uint64_t)v[i] - (uint64_t)s.min) << used;
        for (used += s.width; used >= 8; used -= 8, word >>= 8)
            *out++ = (uint8_t)word;
    }
    if (used)
        *out = (uint8_t)word;
}

static void unpack(const uint8_t *in, size_t n, struct span s, int64_t *out)
{
    if (s.width == RAW) {
        for (size_t i = 0; i < n; i++) {
            uint64_t r;
            memcpy(&r, in + 8 * i, 8);
            out[i] = (int64_t)(r + (uint64_t)s.min);
        }
        return;
    }
    uint64_t mask = (UINT64_C(1) << s.width) - 1;
    for (size_t i = 0, bit = 0; i < n; i++, bit += s.width) {
        uint64_t word;
        memcpy(&word, in + bit / 8, 8); /* the caller pads; width <= 56 leaves room for the shift */
        out[i] = (int64_t)((word >> bit % 8 & mask) + (uint64_t)s.min);
    }
}

static void put_blocks(const int64_t *v, size_t n, struct kp_buf *out)
{
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t k = n - i < BLOCK ? n - i : BLOCK;
        struct span s = span_of(v + i, k);
        size_t bytes = (s.width * k + 7) / 8;
        kp_put_u8(out, (uint8_t)s.width);
        kp_put_varint(out, kp_zigzag(s.min));
        uint8_t *p = kp_buf_room(out, bytes);
        if (!p)
            return;
        pack(v + i, k, s, p);
        out->len += bytes;
    }
}

static bool get_blocks(struct kp_reader *r, size_t n, int64_t *out)
{
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t k = n - i < BLOCK ? n - i : BLOCK;
        uint8_t width, padded[BLOCK * 8 + 8];
        const uint8_t *p;
        struct span s;
        if (!kp_read_u8(r, &width) || (width > WIDEST && width != RAW) || !read_zigzag(r, &s.min))
            return false;
        s.width = width;
        size_t bytes = (s.width * k + 7) / 8;
        if (!kp_read_bytes(r, bytes, &p))
            return false;
        if ((size_t)(r->end - p) < bytes + 8) {
            /* near the end: read from a copy with room behind */
            memcpy(padded, p, bytes);
            memset(padded + bytes, 0, 8);
            p = padded;
        }
        unpack(p, k, s, out + i);
    }
    return true;
}

/* ---- runs ---- */
/* Exact when below the limit. */
static size_t runs_cost(const int64_t *v, size_t n, size_t limit)
{
    size_t cost = 1, runs = 0;
    int64_t before = 0;
    for (size_t i = 0, k; i < n && cost < limit; i += k, runs++) {
        for (k = 1; i + k < n && v[i + k] == v[i];)
            k++;
        cost += varint_size(kp_zigzag(sub(v[i], before))) + varint_size(k);
        before = v[i];
    }
    return cost + varint_size(runs);
}

static void put_runs(const int64_t *v, size_t n, struct kp_buf *out)
{
    size_t runs = n != 0;
    for (size_t i = 1; i < n; i++)
        runs += v[i] != v[i - 1];
    kp_put_varint(out, runs);
    int64_t before = 0;
    for (size_t i = 0, k; i < n; i += k) {
        for (k = 1; i + k < n && v[i + k] == v[i];)
            k++;
        kp_put_varint(out, kp_zigzag(sub(v[i], before)));
        kp_put_varint(out, k);
        before = v[i];
    }
}

static bool get_runs(struct kp_reader *r, size_t n, int64_t *out)
{
    uint64_t runs, length;
    int64_t value = 0, change;
    size_t at = 0;
    if (!kp_read_varint(r, &runs)) /* each takes one of n at least */
        return false;
    for (; runs; runs--) {
        if (!read_zigzag(r, &change) || !kp_read_varint(r, &length) || length == 0 ||
            length > n - at)
            return false;
        value = add(value, change);
        for (uint64_t i = 0; i < length; i++)
            out[at++] = value;
    }
    return at == n;
}

/* ---- the column ---- */
/* The cheapest mode; its residuals are in scratch->best unless it is RUNS. */
static enum mode choose(const int64_t *v, size_t n, struct kp_scratch *s, size_t *cost)
{
    enum mode best = PLAIN;
    /* No other mode takes less, so a constant is found at once. */
    size_t least = 1 + 2 * ((n + BLOCK - 1) / BLOCK);
    *cost = runs_cost(v, n, least);
    if (*cost < least)
        return RUNS;
    *cost = SIZE_MAX;
    for (enum mode mode = PLAIN; mode < RUNS; mode++) {
        residuals(mode, v, n, s->trial);
        size_t c = head_cost(mode, v, n) + blocks_cost(s->trial, n);
        if (c >= *cost)
            continue;
        *cost = c;
        best = mode;
        memcpy(s->best, s->trial, n * sizeof *v);
    }
    size_t runs = runs_cost(v, n, *cost);
    if (runs < *cost) {
        *cost = runs;
        best = RUNS;
    }
    return best;
}

size_t kp_ints_cost(const int64_t *v, size_t n, struct kp_scratch *s)
{
    size_t cost = 0;
    if (n)
        choose(v, n, s, &cost);
    return cost;
}

void kp_ints_encode(const int64_t *v, size_t n, struct kp_scratch *s, struct kp_buf *out)
{
    size_t cost;
    if (n == 0)
        return;
    enum mode mode = choose(v, n, s, &cost);
    kp_put_u8(out, mode);
    if (mode == RUNS) {
        put_runs(v, n, out);
        return;
    }
    if (mode != PLAIN)
        kp_put_varint(out, kp_zigzag(v[0]));
    if (mode == DELTA2 || mode == LINEAR)
        kp_put_varint(out, kp_zigzag(second_of(mode, v, n)));
    put_blocks(s->best, n, out);
}

bool kp_ints_decode(struct kp_reader *r, size_t n, int64_t *out)
{
    uint8_t mode;
    int64_t first = 0, second = 0;
    if (n == 0)
        return true;
    if (!kp_read_u8(r, &mode) || mode >= MODES)
        return false;
    if (mode == RUNS)
        return get_runs(r, n, out);
    if (mode != PLAIN && !read_zigzag(r, &first))
        return false;
    if ((mode == DELTA2 || mode == LINEAR) && !read_zigzag(r, &second))
        return false;
    if (!get_blocks(r, n, out))
        return false;
    restore(mode, first, second, n, out);
    return true;
}
