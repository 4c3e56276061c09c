/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_JOURNAL_H
#define KOPPEL_STORE_JOURNAL_H
/* The journal's rows. A large commit writes one row per stripe that has samples:
 *     journal(id = stripe << 48 | commit sequence, data)
 * A signal's stripe is (signal >> 6) & 15: neighbours share one, and sealing one stripe reads 1/16
 * of the journal, each byte once. A small commit writes one row for all, with 48 as its stripe,
 * which is dealt out to the stripes later, together with others (young.c).
 *
 * A row: version u8 | flags u8 (bit 0: historic) | commit time i64 LE | varint number of signals |
 * directory: per signal, ascending, varint (number - previous), varint block bytes |
 * blocks | CRC32C LE.
 * A block is runs of one type: varint count | type u8 | flags u8 (bit 0: a status each, else one
 * varint status for all) | per point: zigzag varint time minus previous time (the first: minus
 * commit time) | [varint status] | value (bool 1 byte, integers zigzag/varint, float and double raw
 * LE, text and arrays varint length and bytes, null nothing). Runs follow each other to the end of
 * the block, points in order of arrival.
 *
 * Sealing a stripe up to sequence `cut` is noted in seal(stripe, cut, done): journal points of that
 * stripe with sequence <= cut count only for signals > done, for signals <= done the chunks have
 * them. Chunks and `done` move in one transaction; when `done` has passed the last signal the rows
 * are deleted in slices, then the note. So no crash loses or doubles a point. */
#include "core/batch.h"
#include "core/err.h"

enum { KP_STRIPES = 16 };

static inline unsigned kp_stripe(kp_signal s)
{
    return (s >> 6) & (KP_STRIPES - 1);
}

/* ---- writing one row: signals ascending, points of one signal together ---- */
struct kp_row_writer {
    struct kp_buf directory, blocks;
    uint32_t signals;
    kp_signal last;
    int64_t base;
    bool historic; /* set after begin: its points fill a gap and are nobody's latest value */
};
void kp_row_begin(struct kp_row_writer *, int64_t commit_time); /* reuses the buffers */
void kp_row_free(struct kp_row_writer *);
/* All points of one signal in this commit, in order of arrival: samples[first], then
 * samples[next[i]] until next is UINT32_MAX. */
void kp_row_add(struct kp_row_writer *, const struct kp_sample *samples, const uint32_t *next,
                uint32_t first);
/* A block as another row has it, of the same base. */
void kp_row_add_block(struct kp_row_writer *, kp_signal, const uint8_t *block, size_t size);
/* Appends the finished row; KP_ENOMEM when anything failed since begin. */
enum kp_code kp_row_end(struct kp_row_writer *, struct kp_buf *out, struct kp_err *);

/* ---- reading ---- */
struct kp_row_reader {
    const uint8_t *dir, *dir_end, *block, *end; /* next directory entry; its block; end of blocks */
    int64_t base;                               /* commit time */
    uint32_t left;                              /* directory entries not yet read */
    kp_signal signal;                           /* of the entry just read */
    bool historic;
};
/* Checks version, CRC and directory; the blob must outlive the reader. */
enum kp_code kp_row_open(struct kp_row_reader *, const void *blob, size_t len, struct kp_err *);
/* Next signal and its block; false at the end. */
bool kp_row_next(struct kp_row_reader *, const uint8_t **block, size_t *len);
/* The block of one signal; false when it has none in this row. Reads forward: ask for signals in
 * ascending order. */
bool kp_row_find(struct kp_row_reader *, kp_signal, const uint8_t **block, size_t *len);
/* Walks the points of a block; data points into the blob. False at the end or on malformed input
 * (err->code set). Start with a zeroed reader and the row's base. */
struct kp_block_reader {
    const uint8_t *p, *end;
    kp_signal signal;
    int64_t time;
    uint32_t left, status;
    uint8_t type, flags;
};
void kp_block_open(struct kp_block_reader *, kp_signal, int64_t base, const uint8_t *block,
                   size_t len);
bool kp_block_next(struct kp_block_reader *, struct kp_sample *, struct kp_err *);
#endif
