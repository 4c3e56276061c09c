/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_GATE_STEP_H
#define KOPPEL_GATE_STEP_H
/* One signal's values summed up step by step. Steps lie on the grid of the epoch and are cut at the
 * borders of a period, outside of which no value counts. */
#include "core/batch.h"
#include "gate/terms.h"

struct step {
    kp_signal signal;
    bool open, doubt; /* doubt: some of it was not good */
    int64_t from, to,
        frozen; /* of the open one; what is before `frozen` is never summed up again */
    uint64_t n, numbers;
    double min, max, sum, carry; /* sum + carry, so that it does not drift */
    struct kp_sample last;
    char *text; /* owns what lies behind .data of `last` */
    size_t text_room;
};

/* Opens the step that holds a time of the period [lo, hi). */
void step_open(struct step *, int64_t at, int64_t every, int64_t lo, int64_t hi);
bool step_add(struct step *, const struct kp_sample *); /* false: out of memory */
/* One sample a function into `out`, which has room for them, and closes it. False: out of memory.
 */
bool step_give(struct step *, uint8_t functions, struct kp_batch *out);
void step_drop(struct step *); /* closes it, for it may not be given */
void step_free(struct step *);
#endif
