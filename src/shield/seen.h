/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_SEEN_H
#define KOPPEL_SHIELD_SEEN_H
/* What was seen, on its way to those who hold it against what is known: a queue that never lets
 * anybody wait, and the newest of what has passed. The same thing again while it still waits is one
 * with a count, so that a flood of one kind pushes nothing out. */
#include "core/clock.h"
#include "core/observed.h"
#include "core/rota.h"
#include "shield/stix_observation.h"

enum {
    KP_SEEN_WAITING = 4096, /* different ones */
    KP_SEEN_BYTES = 2 << 20,
    KP_SEEN_RECENT = 2000, /* kept to be shown */
    KP_SEEN_BATCH = 64,
};

/* One block; its texts lie behind it and are UTF-8. */
struct kp_seen {
    struct kp_observed o; /* `at`: when it was seen first */
    uint64_t id, hash;    /* id: counts from 1, in the order they came */
    int64_t last;
    uint32_t count, hits, bytes;
};

struct kp_seen_counts {
    uint64_t seen, joined, lost, hits; /* joined: counted in one that waited; lost: there was no room */
    uint64_t kinds[KP_SEEN_KINDS];
    size_t waiting;
};

struct kp_seen_queue;
struct kp_seen_queue *kp_seen_new(const struct kp_clock *); /* NULL: out of memory */
void kp_seen_free(struct kp_seen_queue *);
/* From any thread, as struct kp_observer's. */
bool kp_seen_put(void *queue, const struct kp_observed *);
/* The same for who comes again with it: no room is no loss. */
bool kp_seen_offer(void *queue, const struct kp_observed *);
/* Up to KP_SEEN_BATCH, the oldest first, waiting up to timeout_ms. They stay the queue's: they are
 * among the recent ones from here on until others have come in their place, which is not before the
 * next call. */
size_t kp_seen_take(struct kp_seen_queue *, struct kp_seen **, int timeout_ms);
/* ends the wait, and hurries who takes */
void kp_seen_wake(struct kp_seen_queue *);
/* Before anything comes: whose turn it is to take as soon as there is something. */
void kp_seen_taken_by(struct kp_seen_queue *, struct kp_duty *);
/* In the thread that takes: one more indicator was met by it. */
void kp_seen_hit(struct kp_seen_queue *, struct kp_seen *);
/* Copies of the newest ones before `before` (0: all), the newest first, at most `max`, in the arena;
 * 0: there are no more, or there is no memory. */
size_t kp_seen_copy(struct kp_seen_queue *, uint64_t before, struct kp_arena *,
                    const struct kp_seen **, size_t max);
struct kp_seen_counts kp_seen_counts(struct kp_seen_queue *);
extern const char *const kp_seen_words[]; /* "login" ... "outgoing"; ends with NULL */
const char *kp_seen_text(const struct kp_seen *, enum kp_observed_text); /* NULL: none */
/* One sentence in English: "a login as admin from 203.0.113.7 failed". */
void kp_seen_tell(const struct kp_seen *, char *out, size_t size);
/* Of the two sides of a connection the one that is not this node; NULL: none is known. */
const char *kp_seen_other(const struct kp_seen *);

/* As an observation of STIX, in the arena; its texts are the event's. `full`: with the ids that it
 * is shown with; else short ones, which are good for patterns. */
enum kp_code kp_seen_observation(const struct kp_seen *, struct kp_arena *, bool full,
                                 struct kp_stix_observation *, struct kp_err *);
/* observed-data and its objects, a list. */
enum kp_code kp_seen_write(const struct kp_seen *, struct kp_json *, struct kp_err *);
#endif
