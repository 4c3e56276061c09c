/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_INTERVAL_SUM_H
#define KOPPEL_STORE_INTERVAL_SUM_H
/* How long each value of an attribute lasted: time in state per shift, time per stop reason and
 * day.
 *
 * Intervals of one asset and kind that overlap count once per value. An open interval counts up to
 * `to` or now, whichever is earlier. Time without any interval of the kind has the value null, but
 * for time that has not come yet. An interval that does not say the attribute has the value "".
 * Memory is bounded: it depends on how many values and intervals run at one time, not on how many
 * there are. Also as SQL: interval_agg(kind, asset, from, to, step, attribute). */
#include "core/model.h"
#include "store/db.h"

enum {
    KP_SUM_STEPS_MAX = 100000,   /* of one fixed length or of the calendar in from..to */
    KP_SUM_VALUES_MAX = 10000,   /* different values at one time */
    KP_SUM_RUNNING_MAX = 100000, /* intervals running at one time */
    KP_SUM_SHIFTS_MAX = 8,       /* shifts at one time */
    KP_SUM_VALUE_MAX = 120,      /* characters that tell values apart */
};

/* What a step is. Days, weeks (from Monday) and months are those of the clock on the wall of this
 * node (TZ), summer time included; libc converts for no other zone without changing it for all
 * threads. Shifts are the intervals of kind shift of the asset or, when it has none at all, of the
 * nearest asset above it that has any. */
enum kp_sum_by { KP_SUM_EVERY, KP_SUM_SHIFT, KP_SUM_DAY, KP_SUM_WEEK, KP_SUM_MONTH };
extern const char
    *const kp_sum_words[]; /* "every", "shift", "day" ... by enum kp_sum_by; ends with NULL */

struct kp_sum_query {
    kp_asset asset; /* 0: the node itself */
    uint8_t kind;
    int64_t from, to; /* steps are cut off there; at most 292 years */
    int64_t now;      /* what open intervals end with */
    enum kp_sum_by by;
    int64_t every;         /* ns, steps aligned to the epoch; 0: from..to is the one step */
    const char *attribute; /* NULL: kp_interval_attribute() of the kind */
    const char *without;   /* a label: intervals that have it count for nothing; NULL: all count */
};

struct kp_sum {
    int64_t from, to;  /* the step */
    uint64_t step;     /* 1 for the first one that is told, and so on */
    const char *name;  /* the shift's; NULL for other steps */
    const char *value; /* NULL: no interval of the kind */
    int64_t ns;        /* how long it lasted in this step */
    uint64_t began;    /* intervals that began in this step */
    uint64_t open;     /* intervals that went on after it */
};

/* Calls `each` for every value that lasted or began in a step, ordered by the step's end and by
 * value, null last. Texts live until the call returns. Stops early when `each` returns false. */
enum kp_code kp_interval_sum(struct kp_db *reader, const struct kp_sum_query *,
                             bool (*each)(void *, const struct kp_sum *), void *arg,
                             struct kp_err *);
/* The attribute that names an interval of this kind: "state", "reason", "name" ... */
const char *kp_interval_attribute(uint8_t kind);
/* The assets that have intervals of this kind (0: the node itself), by number. */
enum kp_code kp_interval_assets(struct kp_db *reader, uint8_t kind, bool (*each)(void *, kp_asset),
                                void *arg, struct kp_err *);
#endif
