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
    uint32_t seen, train; /* train: values to learn from; its owner's to set */
};
/* How far this finite value's level is outside the range, by what would be an alarm; 0 while it
 * learns. */
double kp_level_step(struct kp_level *, double value);
void kp_level_accept(struct kp_level *);       /* where it is now belongs to the range */
double kp_level_edge(const struct kp_level *); /* of the range, the nearer one */
bool kp_level_sound(const struct kp_level *);  /* can be what steps made */
#endif
