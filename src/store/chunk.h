/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_CHUNK_H
#define KOPPEL_STORE_CHUNK_H
/* The sealed form of up to KP_CHUNK_MAX points of one signal: bit-exact for every value of every
 * type, any status, any time, nulls; about 1.7 bytes a point on real sensor data.
 *
 * Blob: version u8 | value type u8 | flags u8 | varint n | time column | [null column] |
 * status column | value column | CRC32C (LE) of all before it. All points have one type or are
 * null. Columns are integer columns ("ints": the best of plain, delta, delta of delta, linear fit
 * and run length, packed in blocks of 128) or, for doubles and floats, decimal-scaled integers with
 * an exception list, or a dictionary, or order-preserving bits; text by dictionary or plain. The
 * smallest wins. Times carry a unit exponent (10^k ns, k 0..9) so that ms and s grids cost nothing.
 * The decoder trusts nothing: every length, width, count and index is checked before use. */
#include "core/err.h"
#include "core/value.h"

enum { KP_CHUNK_MAX = 4096 };

/* A type that chunks and the journal take: there is no array of nulls. */
static inline bool kp_type_stored(uint8_t type)
{
    return type != (KP_NULL | KP_ARRAY) && kp_type_name(type)[0] != '?';
}

/* Appends the blob to `out`. Points must be in time order (ties allowed), 1 <= n <= KP_CHUNK_MAX,
 * all of one type or null (all null: type KP_NULL). */
enum kp_code kp_chunk_encode(const struct kp_sample *points, size_t n, struct kp_buf *out,
                             struct kp_err *);

/* Decodes into `points` (room for KP_CHUNK_MAX), sets *n. Text, bytes and arrays are copied into
 * the arena. .signal is set to `signal`. Malformed input: KP_EPARSE naming what is wrong. */
enum kp_code kp_chunk_decode(const void *blob, size_t len, kp_signal signal,
                             struct kp_sample *points, size_t *n, struct kp_arena *,
                             struct kp_err *);

/* What the last point leaves behind for the time after it. */
enum kp_held { KP_HELD_NUMBER, KP_HELD_OTHER, KP_HELD_BAD };

/* Columns kept beside the blob. Two summaries that follow each other in time add up to that of both,
 * so rollups and aggregates of any step are made of them (summary.h). */
struct kp_chunk_summary {
    int64_t t0, t1;
    size_t n, good;                    /* good: status good or uncertain, and a number */
    size_t bad;                        /* status bad, no value, or a number that is none */
    double min, max, sum, first, last; /* over the good; NaN when there are none */
    double area;                       /* value x seconds from t0 to t1, each value held until the next point */
    int64_t good_ns, bad_ns;           /* of t1 - t0: under points that are not bad, and that are */
    uint8_t held;                      /* enum kp_held of the last point */
};
void kp_chunk_summarise(const struct kp_sample *points, size_t n, struct kp_chunk_summary *);

/* CRC-32C (Castagnoli), hardware where there is one. */
uint32_t kp_crc32c(const void *data, size_t n);
#ifdef KOPPEL_TESTING
/* The one for machines without the instruction. */
uint32_t kp_crc32c_by_table(const void *data, size_t n);
#endif

/* ---- varints, shared with journal.h: LEB128, at most 10 bytes ---- */
size_t kp_varint_put(uint8_t *out, uint64_t); /* bytes written */
/* False: cut off or too long. */
bool kp_varint_get_long(const uint8_t **p, const uint8_t *end, uint64_t *out);
static inline bool kp_varint_get(const uint8_t **p, const uint8_t *end, uint64_t *out)
{
    if (*p == end || **p >= 0x80)
        return kp_varint_get_long(p, end, out);
    *out = *(*p)++; /* most are of one byte */
    return true;
}
static inline uint64_t kp_zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}
static inline int64_t kp_unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}
#endif
