/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_ROLLUP_H
#define KOPPEL_STORE_ROLLUP_H
/* Rollups: summaries of every minute (of signals with 30 points a minute or more) and of every hour, so
 * that a year of a signal is read in milliseconds. One row of the table rollup is a block: 4 hours of minutes,
 * or a day of hours, on the grid of UTC since 2000.
 *
 * A row is there only while it says the same as the sealed chunks. Sealing points into a block deletes
 * its rows and notes the block in rollup_due, in the transaction of the chunks; housekeeping makes
 * the rows of blocks that are over and some time past, and forgets the note. Where there is no row
 * readers take chunks and points: slower, never different.
 *
 * Blob: version u8 | level u8 | varint number of buckets that have points | columns of integers: place in
 * the block, points, points that are no good number, bad points, unit u8 and first time after
 * the bucket's start, unit u8 and good_ns, unit u8 and bad_ns, held | columns of reals over buckets
 * with good numbers: min, max, first, last, sum, area | CRC32C. (chunk.h tells what they mean.) */
#include "store/care.h"

enum kp_rollup_level { KP_MINUTES, KP_HOURS, KP_ROLLUP_LEVELS };
enum { KP_ROLLUP_BUCKETS = 240 }; /* the most in one block */

int64_t kp_rollup_step(int level); /* ns of a bucket */
int64_t kp_rollup_span(int level); /* ns of a block */
/* Number of the block of a time; -1 before 2000, where there are no rollups. */
int64_t kp_rollup_block(int level, int64_t at);
int64_t kp_rollup_start(int level, int64_t block); /* ns UTC */
/* rollup_due.block */
static inline int64_t kp_rollup_due(int level, int64_t block)
{
    return (int64_t)level << 35 | block;
}
static inline int64_t kp_rollup_id(kp_signal signal, int level, int64_t block)
{
    return (int64_t)signal << 36 | (int64_t)level << 35 | block;
}
#define KP_ROLLUP_BLOCK ((INT64_C(1) << 35) - 1)

/* Summaries with points, each within its bucket, ascending; 1 <= n <= KP_ROLLUP_BUCKETS. */
enum kp_code kp_rollup_encode(int level, int64_t block, const struct kp_chunk_summary *, size_t n, struct kp_buf *out,
                              struct kp_err *);
/* Room for KP_ROLLUP_BUCKETS. KP_EPARSE names what is wrong. */
enum kp_code kp_rollup_decode(const void *blob, size_t len, int level, int64_t block, struct kp_chunk_summary *,
                              size_t *n, struct kp_err *);

/* Points (sorted) that are about to be sealed make the rollups of their blocks due. In the open transaction. */
enum kp_code kp_rollup_mark(struct kp_store *, kp_signal, const struct kp_sample *points, size_t n, struct kp_err *);
/* Makes one due, unless its points may have been deleted. In the open transaction. */
enum kp_code kp_rollup_mark_block(struct kp_db *, kp_signal, int level, int64_t block, struct kp_err *);
#endif
