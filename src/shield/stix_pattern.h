/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_STIX_PATTERN_H
#define KOPPEL_SHIELD_STIX_PATTERN_H
/* Patterns of STIX 2.1 (OASIS, section 9), held against observations as they come. A pattern keeps
 * what may still become part of a hit, bounded in number; a hit uses each observation once. */
#include "core/err.h"
#include "shield/stix_observation.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KP_STIX_PATTERN_MAX = 1 << 20, /* bytes */
    KP_STIX_DEPTH_MAX = 64,        /* of brackets */
    KP_STIX_LEAVES_MAX = 64,       /* observation expressions, those joined by OR alone being one */
    KP_STIX_PLANS_MAX = 256,       /* ways to fulfil it */
    KP_STIX_BOUNDS_MAX = 32,       /* WITHIN and FOLLOWEDBY in one of them */
    KP_STIX_HELD_MAX = 4096        /* observations kept for a later hit */
};

/* Compiled, and what it keeps. One thread at a time. */
struct kp_stix_pattern;

/* Whether a text is a pattern as the standard's grammar has it, no qualifier twice and hashes of
 * their length. KP_EPARSE "column 7: ...", KP_EFULL, KP_ENOMEM. */
enum kp_code kp_stix_pattern_check(const char *text, size_t len, struct kp_err *);
/* Makes it ready. NULL: as above; a qualifier that stands twice is taken as one after the other. */
struct kp_stix_pattern *kp_stix_pattern_new(const char *text, size_t len, struct kp_err *);
void kp_stix_pattern_free(struct kp_stix_pattern *);

/* Keeps `most` observations at most instead of KP_STIX_HELD_MAX. */
void kp_stix_pattern_hold(struct kp_stix_pattern *, size_t most);

/* The observations a hit is made of, each once, the last one given among them. */
struct kp_stix_hit {
    size_t n;
    const uint64_t *ids; /* until the next call */
};

/* Takes one more observation, whatever its time. `hit->n` is 0 when it ended no match. What was
 * part of a hit is used for no other. On an error the observation does not count: KP_EPARSE (a time
 * to compare with is none), KP_EFULL (an expression or a path that takes too long), KP_ENOMEM. */
enum kp_code kp_stix_pattern_take(struct kp_stix_pattern *, const struct kp_stix_observation *,
                                  struct kp_stix_hit *hit, struct kp_err *);
void kp_stix_pattern_forget(struct kp_stix_pattern *); /* all that it keeps */

struct kp_stix_loss {
    uint64_t
        dropped; /* observations that could have become part of a hit, for there were too many */
    uint64_t given_up; /* searches cut off: a hit may have been there */
};
struct kp_stix_loss kp_stix_pattern_loss(const struct kp_stix_pattern *);
#endif
