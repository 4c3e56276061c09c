/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_POSITION_H
#define KOPPEL_STORE_POSITION_H
/* Reading everything that is stored, in the order it was stored, by a durable position: the sequence of
 * the last commit that was read. A consumer is a program with a name and the position up to which it has
 * dealt with everything; the journal keeps what the slowest one has not read, sealed or not, up to the
 * journal's budget and for a week. One that stayed away longer finds that commits are missing: it reads
 * the history from the time it left, then goes on from the newest position. */
#include "store/care.h"

struct kp_position {
    uint64_t newest; /* of the last commit */
    uint64_t oldest; /* all commits after this one can still be read */
    int64_t last;    /* commit time of the newest row there is, ns UTC; KP_NO_TIME = none */
};
enum kp_code kp_position_now(struct kp_db *reader, struct kp_position *, struct kp_err *);

/* Hands out the points of the commits after `after`, each commit whole, until there are `most` points or
 * more. `committed` is the time of the commit, `historic` says that the point filled a gap. *upto: the last commit
 * handed out whole, the next `after`. KP_EREFUSED when commits after it are missing; the sentence tells from when.
 * Stops early when `each` returns false (then *upto is what was whole before). */
enum kp_code kp_position_read(struct kp_db *reader, uint64_t after, size_t most, uint64_t *upto,
                              bool (*each)(void *, const struct kp_sample *, int64_t committed, bool historic),
                              void *arg, struct kp_err *);

enum { KP_CONSUMER_NAME = 64, KP_CONSUMERS_MAX = 100 };
/* Notes that the consumer has dealt with all up to `position`; makes it when it is new. */
enum kp_code kp_position_put(struct kp_store *, const char *name, uint64_t position, struct kp_err *);
/* KP_ENOTFOUND: there is none of this name. */
enum kp_code kp_position_get(struct kp_db *reader, const char *name, uint64_t *position, struct kp_err *);
enum kp_code kp_position_remove(struct kp_store *, const char *name, struct kp_err *);
enum kp_code kp_position_list(struct kp_db *reader,
                              bool (*each)(void *, const char *name, uint64_t position, int64_t updated), void *arg,
                              struct kp_err *);

/* A consumer that lasts no longer than this program runs: what was committed after `position` is kept for it. */
struct kp_hold { /* the caller's, from hold to release */
    struct kp_hold *next;
    uint64_t position;
};
void kp_position_hold(struct kp_store *, struct kp_hold *);
void kp_position_move(struct kp_store *, struct kp_hold *, uint64_t position);
void kp_position_release(struct kp_store *, struct kp_hold *);

/* ---- for sealing, in its transaction ---- */
/* Up to which commit every consumer has read; KP_JOURNAL_SEQ without consumers. */
enum kp_code kp_position_least(struct kp_store *, uint64_t *, struct kp_err *);
/* Rows up to this commit are being deleted. */
enum kp_code kp_position_forget(struct kp_db *, uint64_t upto, struct kp_err *);
#endif
