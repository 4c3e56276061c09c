/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_OUTLOOK_H
#define KOPPEL_WATCH_OUTLOOK_H
/* What a signal will do next, from what it did: its usual week and day by the clock on the wall,
 * what the last hours, day and week were beside that, and where they go. How much each of these
 * counts, for each time ahead, is learnt from earlier forecasts of the same signal, made at times
 * of which only what came before was looked at. So is the band: as far off as those forecasts were.
 * There is nothing to set. */
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KP_OUTLOOK_KNOWN = 30000, /* steps */
    KP_OUTLOOK_AHEAD = 700,
    KP_OUTLOOK_DAY = 288, /* steps of a day */
};

struct kp_outlook_ask {
    size_t n, ahead;      /* steps known, steps to say */
    size_t day;           /* steps a day, 4 to KP_OUTLOOK_DAY */
    const double *known;  /* of each step its mean; NaN: not known */
    const uint16_t *slot; /* of n + ahead steps: which of the week it is, 0 = Monday 0:00 */
    double share;         /* of what comes that is to lie in the band: 0.5 to 0.98 */
    bool adds; /* each step is what was added, and said is the sum from the first step ahead on */
};
struct kp_outlook_step {
    double value, low, high;
};
/* How many steps must be known before anything so far ahead is said. */
size_t kp_outlook_needs(size_t day, size_t ahead);
/* Fills `ahead` steps. KP_ENOTFOUND: too little is known of it (the text says how much is needed);
 * KP_EINVALID, KP_ENOMEM. */
enum kp_code kp_outlook_make(const struct kp_outlook_ask *, struct kp_outlook_step *out,
                              struct kp_err *);
#endif
