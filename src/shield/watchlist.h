/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_WATCHLIST_H
#define KOPPEL_SHIELD_WATCHLIST_H
/* Many patterns held against a stream of observations. Each pattern is found by what it cannot do
 * without: values it compares for equality, by their hash, or else the types of object it looks at.
 * So a pattern that has nothing to do with an observation costs nothing. A pattern of which one
 * observation is a match is compiled when it is met for the first time. What patterns keep of the
 * stream is bounded, and one that takes too long again and again is set aside.
 *
 * One thread at a time. */
#include "core/text.h"
#include "shield/stix_pattern.h"

enum {
    KP_WATCHED_MAX = 100000,
    KP_WATCHED_KEEPING = 1000, /* of these, patterns that need more than one observation */
    KP_WATCHED_HELD = 512,     /* observations each of them keeps at most */
    KP_WATCHED_READY = 4096,   /* compiled ones kept beside */
    KP_WATCHED_TERMS = 1000,   /* values one is found by; with more it is found by its types */
    KP_WATCHED_STRIKES = 8,    /* times it took too long */
};

struct kp_watchlist;
struct kp_watchlist *kp_watchlist_new(void); /* NULL: out of memory */
void kp_watchlist_free(struct kp_watchlist *);

/* A new list, made beside the one in force: those that were there go on with what they keep, the
 * others go. First all ids in rising order: `offer` says whether the pattern is known already; if
 * not, `add` gives it. `end` puts the list in force. */
void kp_watchlist_begin(struct kp_watchlist *);
/* Valid from .. until, ns UTC. */
bool kp_watchlist_offer(struct kp_watchlist *, int64_t id);
/* KP_EPARSE: it is no pattern; KP_EFULL: there are too many, or it is too large; KP_ENOMEM. */
enum kp_code kp_watchlist_add(struct kp_watchlist *, int64_t id, const char *pattern, size_t len,
                              int64_t from, int64_t until, struct kp_err *);
enum kp_code kp_watchlist_end(struct kp_watchlist *, struct kp_err *); /* KP_ENOMEM: it stays as it was */

struct kp_watchlist_user {
    void *arg;
    /* The text of a pattern, in the arena; NULL: it cannot be had now. */
    const char *(*text)(void *arg, int64_t id, struct kp_arena *);
    void (*hit)(void *arg, int64_t id, const struct kp_stix_hit *);
};
/* Holds an observation against all of them. KP_ENOMEM: some were not tried. */
enum kp_code kp_watchlist_take(struct kp_watchlist *, const struct kp_stix_observation *,
                               const struct kp_watchlist_user *, struct kp_err *);

struct kp_watchlist_counts {
    size_t watched, keeping, ready, set_aside;
    uint64_t tried; /* patterns that were run */
};
struct kp_watchlist_counts kp_watchlist_counts(const struct kp_watchlist *);
#endif
