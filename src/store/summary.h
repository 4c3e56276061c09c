/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_SUMMARY_H
#define KOPPEL_STORE_SUMMARY_H
/* Summaries that add up: of a chunk, a minute, an hour, a step of an aggregate. The sum of two that
 * follow each other in time is exactly the summary of all their points; the time between them counts
 * under what the first one's last point left behind.
 *
 * Sums are carried in two doubles (TwoSum), so that a million additions do not drift. */
#include "store/chunk.h"

struct kp_summary {
    struct kp_chunk_summary s;
    double sum_low, area_low; /* what s.sum and s.area have rounded off */
};

void kp_summary_clear(struct kp_summary *);
/* Points in ascending time; equal times are allowed. */
void kp_summary_point(struct kp_summary *, const struct kp_sample *);
/* One that begins not before this one ends. */
void kp_summary_join(struct kp_summary *, const struct kp_chunk_summary *next);
/* Counts the time up to `at` under what is held: the last value lasts until the end of its step. */
void kp_summary_hold(struct kp_summary *, int64_t at);
/* The rounded totals are what is kept: call before reading s.sum and s.area. */
void kp_summary_round(struct kp_summary *);
#endif
