/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_HUB_H
#define KOPPEL_CORE_HUB_H
/* The hub: one thread that alone changes the model. Couplings push batches in; the history gets
 * every batch; subscribers get what their filter lets through, each at its own pace. */
#include "core/coupling.h"
#include "core/observed.h"

enum { KP_COUPLINGS_MAX = 1000, KP_SUBSCRIBERS_MAX = 256 };

/* Where stored samples go. Called from the hub thread, must not block. */
struct kp_sink {
    void *self;
    /* Takes the batch when it returns true; one that is `held` goes into the quarantine, not the history. False: no
     * room; the hub keeps a batch that `waits` and offers it again, counts the samples of another as lost, and a gap
     * interval at the coupling's asset is open until the sink takes again. */
    bool (*take)(void *self, struct kp_batch *);
};

struct kp_hub_options {
    const struct kp_clock *clock; /* NULL = the system's */
    size_t queue_budget;          /* bytes waiting for the hub; 0 = 8 MiB */
    void *context;                /* handed to couplings: struct kp_store */
    int64_t stale_after;          /* a link down this long makes its signals stale; 0 = 3 s */
};

struct kp_hub;
struct kp_hub *kp_hub_new(const struct kp_hub_options *, struct kp_err *);
void kp_hub_free(struct kp_hub *); /* after stop */
void kp_hub_set_sink(struct kp_hub *, struct kp_sink); /* before start */
void kp_hub_set_share(struct kp_hub *, void *share); /* before start; handed to couplings: struct kp_share */
struct kp_model *kp_hub_model(struct kp_hub *);
const struct kp_clock *kp_hub_clock(const struct kp_hub *);

enum kp_code kp_hub_start(struct kp_hub *, struct kp_err *); /* the hub's thread, then all couplings */
void kp_hub_stop(struct kp_hub *); /* couplings first, then what is queued is taken, then the thread */
/* One turn by hand, for tests and before start: handles what is queued, at most one message;
 * false when there was none within timeout_ms. */
bool kp_hub_turn(struct kp_hub *, int timeout_ms);

/* Runs fn in the hub thread and waits: the way to change the model from elsewhere.
 * KP_ESTOPPED when the hub is ending. fn reports its own failure through its arg. */
enum kp_code kp_hub_call(struct kp_hub *, void (*fn)(void *arg), void *arg);
/* Waits until every batch pushed before has gone through the model to the sink. KP_ESTOPPED as above. Not from
 * the hub's thread. */
enum kp_code kp_hub_drain(struct kp_hub *);
/* Hands a batch in, waiting up to timeout_ms for room; takes it only when true. One that `waits` is not
 * taken while earlier ones wait for the sink. */
bool kp_hub_push(struct kp_hub *, struct kp_batch *, int timeout_ms);
/* Whether batches that `wait` are kept because the sink has no room. Any thread. */
bool kp_hub_holds(struct kp_hub *);

/* ---- couplings; from any thread ---- */
struct kp_coupling_def {
    uint16_t id; /* 1 .. 65535, given by the store, never reused while history refers to it */
    const char *name, *url, *at;
    bool enabled;
    uint8_t clock; /* enum kp_clock_mode */
    const struct kp_coupling_class *class;
    struct kp_filter_def filter;
    size_t n;                        /* settings, by name */
    const char *const *keys, *const *values;
};
/* Adds one and starts it when the hub runs and it is enabled. Nothing is left behind on failure. */
enum kp_code kp_hub_add_coupling(struct kp_hub *, const struct kp_coupling_def *, struct kp_err *);
/* Stops it, joins its thread, forgets it; its signals stay, stale. Not from the hub's or a
 * coupling's thread. */
enum kp_code kp_hub_remove_coupling(struct kp_hub *, uint16_t id, struct kp_err *);
/* Ends what a coupling that is gone for good has left open: its alarms, programs and gaps. Not from the hub's thread. */
enum kp_code kp_hub_end_intervals(struct kp_hub *, const char *coupling, struct kp_err *);
/* Ends a wait, or drops the link to take up a change (a certificate trusted, a signal added). */
enum kp_code kp_hub_reconnect(struct kp_hub *, uint16_t id, struct kp_err *);
bool kp_hub_coupling_status(struct kp_hub *, uint16_t id, struct kp_coupling_status *);
/* Runs fn in the coupling's thread while it is online or waiting, and waits for it: up to 30 s
 * for it to begin (KP_ETIMEOUT: it will not run any more), and once begun to its end, for `arg`
 * is the caller's. */
enum kp_code kp_hub_ask(struct kp_hub *, uint16_t id, void (*fn)(struct kp_coupling *, void *arg), void *arg,
                        struct kp_err *);
/* Writes to a machine: only a signal opened for writing, of a coupling that can. */
enum kp_code kp_hub_write(struct kp_hub *, const struct kp_sample *, struct kp_err *);

/* ---- subscribers; from any thread ---- */
struct kp_subscriber_def {
    struct kp_filter_def filter; /* which signals, what rate */
    bool intervals;              /* also intervals of matching assets */
    bool notes;                  /* also notes about them (kp_hub_note) */
    const char *notes_of;        /* notes about these assets instead; NULL: those of the filter */
    bool feed;                   /* start with the current values */
    size_t budget;               /* bytes queued before it counts as behind; 0 = 256 KiB */
    /* Hub thread: the queue is no longer empty. The reader then takes until there is nothing
     * left; no further call comes before that. Must not block. NULL: nobody waits so. */
    void (*ready)(void *arg);
    void *arg;
};
struct kp_note_msg { /* one block */
    struct kp_msg msg;
    uint8_t label; /* in force */
    char json[];
};
struct kp_subscriber;
struct kp_subscriber *kp_hub_subscribe(struct kp_hub *, const struct kp_subscriber_def *, struct kp_err *);
void kp_hub_unsubscribe(struct kp_hub *, struct kp_subscriber *); /* no `ready` after it returns */
/* Next message: struct kp_batch, struct kp_interval_msg or struct kp_note_msg, freed by kp_batch_drop; NULL: none in time. */
struct kp_msg *kp_subscriber_next(struct kp_subscriber *, int timeout_ms);
/* Times it fell behind. What it missed is not delivered later; when it has drained its queue it is
 * fed the current values again. */
uint64_t kp_subscriber_behind(const struct kp_subscriber *);

/* Whoever judges values as they come (alarms, watches): called in the hub thread, must not block. Added before start. */
struct kp_listener {
    void *self;
    void (*take)(void *self, const struct kp_batch *, const uint64_t *news); /* news: a bit per sample, as kp_taken */
    void (*turn)(void *self);                                               /* four times a second; NULL: not */
};
enum { KP_LISTENERS_MAX = 2 };
void kp_hub_listen(struct kp_hub *, struct kp_listener);
struct kp_link_view {
    uint16_t id;
    const char *name, *at;
    enum kp_link link;
    int64_t since; /* ns UTC */
};
/* Calls `each` for every coupling; it may ask nothing of the hub. */
void kp_hub_each_link(struct kp_hub *, void (*each)(void *arg, const struct kp_link_view *), void *arg);
/* Hands a JSON text about an asset, and how far it may travel, to the subscribers that want notes. Hub thread. */
void kp_hub_note(struct kp_hub *, kp_asset, uint8_t label, const char *json);

/* ---- conditions of the node itself, shown as alarms ---- */
/* Opens an alarm interval at the root (text = what and what to do) or, with text NULL, closes it.
 * From any thread; repeated calls with the same key and text change nothing. */
void kp_hub_condition(struct kp_hub *, const char *key, const char *text);

/* ---- what the node sees of others ---- */
void kp_hub_set_observer(struct kp_hub *, struct kp_observer); /* before start */
/* From any thread; never waits. False: nobody wants to know, or there was no room. */
bool kp_hub_observe(struct kp_hub *, const struct kp_observed *);

struct kp_hub_stats {
    uint64_t samples, batches, stored, duplicates, unknown, lost; /* lost: the sink had no room */
    uint64_t held;                                                /* for their time cannot be right */
    size_t queued;                                                /* bytes waiting now */
    unsigned subscribers;
};
struct kp_hub_stats kp_hub_stats(struct kp_hub *);
#endif
