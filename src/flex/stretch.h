/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_FLEX_STRETCH_H
#define KOPPEL_FLEX_STRETCH_H
/* What a machine did, as stretches of time that follow each other: its intervals of kind state, cut
 * where an interval of kind stop begins or ends, with what a person said of them since. What a
 * machine or a program wrote stays as it is: a note stands beside it, in the table stop_note. */
#include "core/model.h"
#include "core/state_rule.h"
#include "store/db.h"

struct kp_stretch {
    int64_t from, to;   /* within what was asked */
    int64_t id;         /* of the interval it is of: of kind stop when there is one, else state */
    int64_t start, end; /* of that interval; end KP_FOREVER: it goes on */
    uint8_t state,
        told;           /* enum kp_state; told: as the machine said, before a person corrected it */
    const char *reason; /* "" when nobody gave one */
    const char *comment, *who; /* of the note; NULL: none */
    int64_t at;                /* when it was noted */
};

/* Those of an asset within [from, to), in order and without overlap; what goes on counts up to
 * `now`. The list and its texts live in the arena. */
enum kp_code kp_stretches(struct kp_db *, kp_asset, int64_t from, int64_t to, int64_t now,
                          struct kp_arena *, struct kp_stretch **list, size_t *n, struct kp_err *);
/* By its word; KP_STATE_UNKNOWN for others. */
uint8_t kp_state_of(const char *word);
#endif
