/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_FLEX_PRIVATE_H
#define KOPPEL_FLEX_PRIVATE_H
/* What the files of src/flex share. */
#include "flex/day.h"
#include "store/history.h"

/* A day being summed up. */
struct day_sum {
    struct kp_db *db;
    const struct kp_day_query *q;
    struct kp_arena *arena;
    struct kp_day *day;
    struct kp_err *err;
    int64_t end; /* of the day, or now */
    size_t made_room, losses_room, paces_room;
    size_t n_stretches;
    struct kp_stretch *stretches;
};

size_t piece_at(const struct kp_day *, int64_t at); /* the one in which this instant lies */
void day_parts(struct day_sum *);                   /* day_parts.c */
void day_energy(struct day_sum *);                  /* day_energy.c */

/* Points of a signal from the last one before `from` to the first one from `to` on, at most
 * `beyond` later; only good numbers or texts. */
bool points_each(struct kp_db *, kp_signal, int64_t from, int64_t to, int64_t beyond,
                 bool (*each)(void *, const struct kp_sample *), void *arg, struct kp_err *);

/* What a counter gained from one point to the next. */
struct gain {
    int64_t parts;    /* to be counted */
    int64_t doubtful; /* not counted: more than a machine can make in that time */
    bool reset;
};
struct gain counter_gain(double before, double now, int64_t ns, int64_t fastest);
#endif
