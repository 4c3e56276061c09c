/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_RETAIN_H
#define KOPPEL_STORE_RETAIN_H
/* What the files about retention share. Everything belongs to the thread of care.h. */
#include "store/retention.h"
#include "store/rollup.h"

/* ---- stored.c: what the signals have in chunks ---- */
enum { KP_STORED_SLICE = 500 };
struct kp_stored {
    kp_signal signal;
    bool gone; /* no longer in the model */
    int rule;  /* the one that counts; -1 = none */
    int64_t chunks, points, bytes, t0, t1;
};
/* The next signals from number `from` on; the end is reached when fewer than `room` come. */
enum kp_code kp_stored_next(struct kp_db *, kp_signal from, struct kp_stored *, size_t room, size_t *n,
                            struct kp_err *);
/* The next signals that have rollups; only signal and gone are filled in. */
enum kp_code kp_stored_rollups(struct kp_db *, kp_signal from, struct kp_stored *, size_t room, size_t *n,
                               struct kp_err *);
/* Fills in `rule` of each; at most KP_STORED_SLICE. */
void kp_stored_rules(struct kp_store *, const struct kp_retention *, struct kp_stored *, size_t n);
/* Ages in force for one, 0 = for ever. */
int64_t kp_stored_raw(const struct kp_retention *, const struct kp_stored *);
int64_t kp_stored_rollup_age(const struct kp_retention *, const struct kp_stored *);

/* ---- cut.c: deleting chunks and rollups ---- */
enum { KP_CUT_MAX = 500 };
struct kp_cut_chunk {
    int64_t id, t0, t1, bytes;
};
struct kp_cut {
    size_t n, n_rollups;
    int64_t waiting; /* chunks passed over because a rollup is due */
    int64_t chunks, points, bytes, rollups; /* that went in the end */
    struct kp_cut_chunk chunk[KP_CUT_MAX];
    int64_t rollup[KP_CUT_MAX];
};
/* Adds chunks of the signal from id *from on that end before `before`; moves *from on. False: full, or failed. */
bool kp_cut_expired(struct kp_cut *, struct kp_db *, kp_signal, int64_t before, int64_t *from, struct kp_err *);
/* Keeps, of the signal's chunks and those it has, the KP_CUT_MAX that end first. */
enum kp_code kp_cut_oldest(struct kp_cut *, struct kp_db *, kp_signal, struct kp_err *);
/* Sorts by end and leaves so many that `bytes` are reached. */
void kp_cut_trim(struct kp_cut *, int64_t bytes);
/* Adds rollups of blocks that ended before `before`. False: full, or failed. */
bool kp_cut_rollups(struct kp_cut *, struct kp_db *, kp_signal, int64_t before, struct kp_err *);
/* Deletes them in one transaction, but for chunks that changed or became due meanwhile. */
enum kp_code kp_cut_do(struct kp_cut *, struct kp_store *, struct kp_err *);

void kp_retain_free(struct kp_store *); /* retain.c */

/* ---- growth.c ---- */
bool kp_disk_room(const char *dir, int64_t *free, int64_t *size);
/* Whether the clock may be believed: it has not jumped since the last measurement, or stood for a day. */
bool kp_growth_trusts(struct kp_store *, struct kp_db *, struct kp_err *);
enum kp_code kp_growth_used(struct kp_db *, int64_t *used, int64_t *free, struct kp_err *); /* bytes */
#endif
