/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_LEVEL_H
#define KOPPEL_WATCH_LEVEL_H
/* Whether a signal's level is where it never was: what drifts slowly is never new from one value to
 * the next, but leaves in the end the range it was learnt in. The range follows it, slowly and not
 * far. */
#include <stdbool.h>
#include <stdint.h>

struct kp_level { /* zeroed is new; plain bytes, copied freely; its own */
    double slow, low, high, least,
        most;             /* of the smoothed value: the range, and how far that may go */
    double sure_low, sure_high, odd; /* what was learnt or said to be normal; where it was furthest out lately */
    uint32_t seen, train; /* train: values to learn from; its owner's to set */
    uint32_t event;       /* an alarm's worth out: 2, 1 when that is over, 0 never or spoken of */
};
/* How far this finite value's level is outside the range, by what would be an alarm; 0 while it
 * learns. */
double kp_level_step(struct kp_level *, double value);
void kp_level_accept(struct kp_level *); /* where it is, and was furthest out lately, belongs to the range */
void kp_level_reject(struct kp_level *); /* the range takes back what it followed that way, and follows no more */
double kp_level_edge(const struct kp_level *); /* of the range, the nearer one */
bool kp_level_sound(const struct kp_level *);  /* can be what steps made */
#endif
