/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_STIX_OBSERVATION_H
#define KOPPEL_SHIELD_STIX_OBSERVATION_H
/* What was observed, as STIX 2.1 has it (observed-data and the objects it refers to) and as 2.0 had
 * it (objects inside). */
#include "shield/tree.h"

struct kp_stix_object {
    const char *id, *type; /* 2.0: the id is its key in the observation */
    size_t type_len;
    const struct kp_tree *tree;
};

struct kp_stix_observation {
    uint64_t id;         /* whatever the caller counts with */
    const char *name;    /* "observed-data--..."; NULL: none */
    int64_t first, last; /* microseconds since 1970 */
    int64_t count;       /* how often it was observed, 1 at least */
    size_t n;
    const struct kp_stix_object *object; /* in the order of their ids */
};
const struct kp_stix_object *kp_stix_object(const struct kp_stix_observation *, const char *id);

/* Calls `each` for every observed-data of a bundle, a list of bundles or a list of objects, in the
 * order they stand there; it returns false to end. An object may stand in any of the bundles; of
 * those with one id the last counts. `id` counts from 0. KP_EPARSE: one of them has no valid times
 * or number; KP_EFULL, KP_ENOMEM. */
enum kp_code kp_stix_observations(const struct kp_tree *, struct kp_arena *,
                                  bool (*each)(void *, const struct kp_stix_observation *),
                                  void *arg, struct kp_err *);
#endif
