/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_QUARANTINE_H
#define KOPPEL_STORE_QUARANTINE_H
/* Samples whose time cannot be right (core/far_off.h), kept apart from the history until a person says what they are.
 * They are committed with all other samples. At most 100,000 and 64 MiB are held: the oldest leave, are
 * counted and told.
 *
 * Released, samples become a commit of the history of their own, as those of a gap filled later: not the latest value,
 * but seen by whoever follows. That commit and their leaving the quarantine are one transaction. */
#include "store/store.h"

/* Which of them. */
struct kp_held_filter {
    uint16_t coupling; /* 0 = all */
    kp_signal signal;  /* 0 = all */
    int64_t from;      /* received at this time or later; KP_NO_TIME = all */
    int64_t after;     /* with a number larger than this */
};

struct kp_held_sample { /* what it points to lives until the next one */
    int64_t id;
    uint16_t coupling;
    int64_t received;
    const char *reason; /* "ahead", "behind"; "backfill": ahead, of a gap filled later; "outside": of what int64 can hold */
    struct kp_sample sample; /* at: KP_NO_TIME or KP_FOREVER when outside */
};

/* In the order they came, at most `limit`; stops when `each` returns false. One that cannot be read is left out and told. */
enum kp_code kp_held_list(struct kp_db *, const struct kp_held_filter *, size_t limit,
                          bool (*each)(void *, const struct kp_held_sample *), void *arg, struct kp_err *);

enum kp_held_time { KP_HELD_SOURCE, KP_HELD_RECEIVE };
struct kp_held_count {
    uint64_t done, kept; /* kept: their source time is none that the history can hold, or they cannot be read */
};
/* All at once or none. With its receive time a sample is in doubt, as its live successors are. */
enum kp_code kp_held_release(struct kp_store *, const struct kp_held_filter *, enum kp_held_time, struct kp_held_count *,
                             struct kp_err *);
enum kp_code kp_held_drop(struct kp_store *, const struct kp_held_filter *, struct kp_held_count *, struct kp_err *);
#endif
