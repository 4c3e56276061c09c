/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_SENSE_H
#define KOPPEL_WATCH_SENSE_H
/* Whether a value can be a measurement at all, before anything is concluded from it: sensors that
 * break, clocks that jump and lines that go silent are found here, and only here. */
#include "watch/watch.h"

#include <stdint.h>

struct kp_sense {            /* zeroed is new; plain bytes, copied freely; its own */
    int64_t at, longest_gap; /* ns; of the newest value, between two of them */
    double usual_gap;        /* ns, smoothed */
    double value, middle,
        reach; /* the newest one; where they lie on the whole, and how far from there */
    uint64_t seen, changes;
    uint32_t same, longest_same; /* values in a row that were equal */
    uint32_t wild, backward;     /* in a row */
};

struct kp_sensed {
    enum kp_watch_trouble trouble;
    bool usable; /* may be judged and learnt */
    bool again;  /* delivered a second time: no news */
    bool gap;    /* it comes after a long silence: how it got there is not known */
    bool anew;   /* beyond all it ever gave, and it stays there: what was learnt is of no use */
};
/* Times are ns since 1970, or KP_NO_TIME for all values of a signal: then no clock is judged. */
struct kp_sensed kp_sense_step(struct kp_sense *, int64_t at, double value, bool good);
bool kp_sense_sound(const struct kp_sense *); /* can be what steps made */
/* Whether nothing has come for far longer than ever; `now` by the clock of the values. */
bool kp_sense_silent(const struct kp_sense *, int64_t now);
void kp_sense_accept(struct kp_sense *); /* as long as it stands still now is usual */
#endif
