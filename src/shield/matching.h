/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_MATCHING_H
#define KOPPEL_SHIELD_MATCHING_H
/* For the files that match advisories and keep what comes of it: matching.c (with the index of
 * devices), finding.c (rows of findings, answers of people), advisory_take.c (documents). */
#include "shield/keep.h"

struct found {
    int64_t device, print;
    enum kp_verdict_of verdict;
    double score;
    const char *product, *rule, *why, *holes, *firmware;
};
struct matching {
    struct kp_shield *s;
    const struct kp_advisory *a;
    const struct advisory_taking *taking; /* NULL: it is here already */
    struct kp_arena *arena;
    struct found *found;
    size_t n, room, affected, review;
    bool failed;
    /* out, of what was written */
    size_t opened, closed;
    bool known;   /* the same document is here */
    int64_t took; /* ns, reading and matching it */
    const char *extract;
};

/* `work` held, all of them. */
void matching_forget(struct kp_shield *); /* the devices: they are to be read anew */
enum kp_code matching_ready(struct kp_shield *, struct kp_err *);
/* With devices that are there. */
enum kp_code matching_do(struct matching *, struct kp_err *);

/* In a transaction: findings of the advisory as they are now; the others of it close. */
enum kp_code findings_put(struct kp_db *, struct matching *, struct kp_err *);
/* Whether that would change a row: a commit costs more than a look. */
bool findings_differ(struct kp_db *, struct matching *, struct kp_err *);
#endif
