/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_HISTORY_H
#define KOPPEL_STORE_HISTORY_H
/* Reading history: sealed chunks and what is still in the journal, as one stream in time order.
 * Also as SQL: the virtual table history(signal, time, value, status), where `signal` is a path or a
 * number, `time` is ns since 1970 (RFC 3339 text is accepted in comparisons by kp_ns('...')). */
#include "core/value.h"
#include "store/chunk.h"
#include "store/db.h"

struct kp_history;
/* The points of a signal with from <= time < to, ascending; of equal times the one that arrived last. */
struct kp_history *kp_history_open(struct kp_db *reader, kp_signal, int64_t from, int64_t to, struct kp_err *);
/* Where to begin reading so that the last point before `from` is among what is read. */
int64_t kp_history_before(struct kp_db *reader, kp_signal, int64_t from, struct kp_err *);
/* Next point; its data lives until the next call. False at the end or on failure (err). */
bool kp_history_next(struct kp_history *, struct kp_sample *out, struct kp_err *);
void kp_history_close(struct kp_history *);

/* One step of an aggregate. `points` is what lies in the step itself (chunk.h; NaN where it has no good
 * number). The rest weighs by time: a value holds until the next point, so the one before the step and
 * the last one in it count as well. */
struct kp_bucket {
    int64_t from, to;
    struct kp_chunk_summary points;
    int64_t good_ns, bad_ns; /* of to - from; what is left of it is before the first point ever */
    double time_mean;        /* over the time a good number held; NaN when none did */
};
/* Cuts [from, to) into steps aligned to the epoch and calls `each` for every step that has points.
 * Stops early when `each` returns false. Text and arrays count as points without a number. Whole chunks
 * come from their columns, long ranges from rollups. */
enum kp_code kp_history_aggregate(struct kp_db *reader, kp_signal, int64_t from, int64_t to, int64_t step,
                                  bool (*each)(void *, const struct kp_bucket *), void *arg, struct kp_err *);
/* The same without looking at what was before `from`: good_ns, bad_ns and time_mean mean nothing. */
enum kp_code kp_history_summaries(struct kp_db *reader, kp_signal, int64_t from, int64_t to, int64_t step,
                                  bool (*each)(void *, const struct kp_bucket *), void *arg, struct kp_err *);
/* The first and last time stored for a signal; false when there is none. */
bool kp_history_extent(struct kp_db *reader, kp_signal, int64_t *first, int64_t *last, struct kp_err *);

/* Intervals that overlap [from, to), of one asset (-1: all) and kind (-1: all), in order of start. The
 * strings live until the next call of `each`. */
struct kp_interval;
enum kp_code kp_history_intervals(struct kp_db *reader, int64_t asset, int kind, int64_t from, int64_t to,
                                  bool (*each)(void *, const struct kp_interval *), void *arg,
                                  struct kp_err *);
#endif
