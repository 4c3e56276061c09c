/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_TAIL_H
#define KOPPEL_WATCH_TAIL_H
/* How far out a score is among those before it, in constant memory: a histogram of its logarithm.
 * So detectors whose scores mean different things can be compared, without labels. Half of what was
 * counted is forgotten now and then, so that a year ago weighs less than last week. */
#include <stdbool.h>

enum { KP_TAIL_BINS = 192 };
struct kp_tail { /* zeroed is empty; plain bytes, copied freely */
    float count[KP_TAIL_BINS];
    double total;
};
/* The score, finite and not negative, as a multiple of what one in 200 of the earlier ones
 * exceeded; 0 while there are none. */
double kp_tail_ratio(const struct kp_tail *, double score);
void kp_tail_add(struct kp_tail *, double score);
void kp_tail_remove(struct kp_tail *, double score); /* one that was added */
bool kp_tail_sound(const struct kp_tail *); /* can be what was filled by kp_tail_add */
#endif
