/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_HUB_PRIVATE_H
#define KOPPEL_CORE_HUB_PRIVATE_H
/* What hub, couplings and subscribers share. */
#include "core/hub.h"

#include <pthread.h>

enum { RATE_SECONDS = 10 };

/* Something to run in a coupling's thread; on the asker's stack. */
struct ask {
    void (*fn)(struct kp_coupling *, void *);
    void *arg;
    struct ask *next;
    bool begun, over, ran;
};

struct kp_coupling {
    struct kp_hub *hub;
    const struct kp_coupling_class *class;
    uint16_t id;
    char *name, *url, *at;
    bool enabled;
    void *settings, *state;
    struct kp_filter *filter; /* patterns: const, any thread; rate and deadband: hub thread */

    pthread_t thread;
    bool started;
    struct kp_batch *filling, *historic; /* the coupling's thread only */

    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t changed;
    bool stop, reconnect, was_online;
    unsigned users; /* askers that still look at this struct */
    struct ask *asks;
    struct kp_coupling_status status;
    int64_t backoff;
    uint64_t second[RATE_SECONDS]; /* samples in each of the last seconds, a ring by monotonic second */
    int64_t newest_second;
    int64_t down_since, down_utc; /* monotonic and UTC; 0 = the link is up */
    bool failed;                  /* it went down by a failure, not by a person's wish */

    /* hub thread only */
    bool marked_stale;
    int64_t gap, gap_start; /* the open gap interval, 0 = none */
};

struct kp_subscriber {
    struct kp_queue *queue;
    struct kp_filter *filter;
    bool intervals, behind;
    void (*ready)(void *);
    void *arg;
    uint64_t times_behind;
    uint8_t *wants; /* by signal: 0 = not looked at yet, 1 = yes, 2 = no */
    size_t wants_capacity;
    kp_signal feed; /* the next signal whose current value it is fed; 0 = none to feed */
    struct kp_batch *filling;
    pthread_mutex_t lock; /* guards times_behind */
};

struct condition {
    char *key, *text; /* text NULL: over */
    int64_t interval, since;
    bool dirty;
};

struct kp_hub {
    const struct kp_clock *clock;
    struct kp_model *model;
    struct kp_queue *in;
    struct kp_sink sink;
    void *context;
    int64_t stale_after;
    pthread_t thread;

    pthread_mutex_t lock; /* guards everything up to the next blank line */
    enum { HUB_NEW, HUB_RUNNING, HUB_STOPPING, HUB_STOPPED } phase;
    struct kp_coupling **couplings;
    size_t n_couplings, couplings_capacity;
    struct kp_hub_stats stats;

    pthread_mutex_t people; /* guards the subscribers; held while something is handed to them */
    struct kp_subscriber *subscribers[KP_SUBSCRIBERS_MAX];
    unsigned n_subscribers;

    pthread_mutex_t conditions_lock;
    struct condition *conditions;
    size_t n_conditions, conditions_capacity;
    bool conditions_dirty;

    /* hub thread only */
    int64_t ticked; /* monotonic, last housekeeping */
    bool hungry;    /* a subscriber waits for its current values */
    int64_t full_gap, full_since; /* the open gap interval while the sink has no room */
    uint64_t full_lost;           /* samples lost in it */
};

/* hub.c */
struct kp_coupling *hub_find(struct kp_hub *, uint16_t id); /* `lock` held */
enum kp_code hub_attributes(struct kp_buf *, const char *coupling, const char *reason, uint64_t lost);

/* coupling.c */
struct kp_coupling *coupling_new(struct kp_hub *, const struct kp_coupling_def *, struct kp_err *);
void coupling_free(struct kp_coupling *);
enum kp_code coupling_start(struct kp_coupling *, struct kp_err *);
void coupling_stop(struct kp_coupling *); /* joins the thread; waits for askers */
void coupling_count(struct kp_coupling *, unsigned filtered, unsigned duplicates, unsigned bad, unsigned lost);
bool coupling_ask(struct kp_coupling *, struct ask *, int64_t timeout); /* users is counted by the caller */

/* subscriber.c; hub thread, `people` held by the callee */
void subscribers_give(struct kp_hub *, const struct kp_batch *, const uint64_t *news);
void subscribers_status(struct kp_hub *, kp_signal); /* a signal's current value and status */
void subscribers_changed(struct kp_hub *, enum kp_change, int64_t id, const struct kp_interval *);
bool subscribers_feed(struct kp_hub *); /* true when one wants more soon */
void subscriber_free(struct kp_subscriber *);
#endif
