/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_HUB_PRIVATE_H
#define KOPPEL_CORE_HUB_PRIVATE_H
/* What hub, couplings and subscribers share. */
#include "core/hub.h"

#include <pthread.h>
#include <stdatomic.h>

enum { RATE_SECONDS = 10 };

/* Something to run in a coupling's thread; on the asker's stack, so that one which has begun is
 * waited for. */
struct ask {
    void (*fn)(struct kp_coupling *, void *);
    void *arg;
    struct ask *next;
    bool begun, over, ran;
};

/* A gap interval that is open, or would be if there had been memory for it (id 0). */
struct gap {
    int64_t id, start;
    kp_asset asset;
    uint64_t lost;
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
    char client[KP_NAME_MAX];            /* too; "" = none */

    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t changed;
    bool stop, reconnect;
    unsigned users; /* askers that still look at this struct */
    struct ask *asks;
    struct kp_coupling_status status;
    int64_t backoff;
    uint64_t second[RATE_SECONDS]; /* samples in each of the last seconds, a ring by monotonic second */
    int64_t newest_second;
    uint64_t downs;               /* times the link went down; the first is before it ever was up */
    int64_t down_since, down_utc; /* of the last one, monotonic and UTC */
    bool failed;                  /* it went down by a failure, not by a person's wish */

    /* hub thread only */
    uint64_t seen;                    /* the down that the next two are about */
    bool marked_stale, nothing_to_miss;
    struct gap link;  /* since the link is down */
    struct gap stall; /* since the sink takes nothing; lost 0 = it takes */
    struct kp_clock_watch clock; /* its mode: any thread */
    int64_t told_offset, told_at; /* as the condition says; monotonic */
};

struct far_off;

struct kp_subscriber {
    struct kp_queue *queue;
    struct kp_filter *filter, *about; /* about: of notes, when theirs is another; NULL: filter */
    bool intervals, notes, behind;
    void (*ready)(void *);
    void *arg;
    uint64_t times_behind;
    uint8_t *wants; /* by signal: 0 = not looked at yet, 1 = yes, 2 = no */
    size_t wants_capacity;
    kp_signal feed; /* the next signal whose current value it is fed; 0 = none to feed */
    struct kp_batch *filling;
    size_t budget;
    pthread_mutex_t lock; /* guards times_behind */
};

struct condition {
    char *key, *text; /* text NULL: over */
    int64_t interval, since; /* interval 0 = not shown */
    bool dirty;
};

struct kp_hub {
    const struct kp_clock *clock;
    struct kp_model *model;
    struct kp_queue *in;
    struct kp_sink sink;
    struct kp_listener listeners[KP_LISTENERS_MAX];
    size_t n_listeners;
    struct kp_observer observer;
    void *context, *share;
    int64_t stale_after;
    pthread_t thread;
    /* Held while couplings come or go, or the hub starts or stops; never by the hub thread. */
    pthread_mutex_t changing;

    pthread_mutex_t lock; /* guards everything up to the next blank line */
    enum { HUB_NEW, HUB_RUNNING, HUB_STOPPING, HUB_STOPPED } phase;
    struct kp_coupling **couplings;
    size_t n_couplings, couplings_capacity;
    struct kp_hub_stats stats;
    struct kp_msg nudge;
    bool nudged; /* it is on its way */

    pthread_mutex_t people; /* guards the subscribers; held while something is handed to them */
    struct kp_subscriber *subscribers[KP_SUBSCRIBERS_MAX];
    unsigned n_subscribers;

    pthread_mutex_t conditions_lock;
    struct condition *conditions;
    size_t n_conditions, conditions_capacity;
    bool conditions_dirty;

    /* hub thread only */
    int64_t ticked; /* monotonic, last housekeeping */
    int patience;   /* ms it may wait for a message, for subscribers wait for their current values */
    bool stalled;   /* the sink took nothing the last time */
    struct gap stall; /* of samples that no coupling made */
    struct kp_msg *kept, **kept_end; /* batches that wait for room in the sink, in order */
    atomic_bool holds;               /* there are such; any thread */
    struct kp_machine_states *states;
};

/* hub.c */
struct kp_coupling *hub_find(struct kp_hub *, uint16_t id); /* `lock` held */
struct kp_coupling *hub_nth(struct kp_hub *, size_t);       /* NULL behind the last */
void hub_nudge(struct kp_hub *);                            /* from any thread: take a turn soon */

/* gap.c; hub thread */
/* "at/path"; KP_EFULL when that is too long. */
enum kp_code hub_path_below(char out[KP_PATH_MAX], const char *at, const char *path,
                            struct kp_err *);
/* Opens, changes or (end not KP_FOREVER) closes it. False: out of memory. */
bool gap_put(struct kp_hub *, struct gap *, int64_t end, const char *coupling, const char *reason);
/* Looks at a link: marks what is stale, opens and closes. */
void gap_link(struct kp_hub *, struct kp_coupling *);
void gap_leave(struct kp_hub *, struct kp_coupling *); /* it goes away */
/* The sink had no room for so many samples; and takes again. */
void gap_stalled(struct kp_hub *, struct kp_coupling *, unsigned lost);
void gap_flowing(struct kp_hub *);
void gap_stop(struct kp_hub *); /* closes those of a sink without room, with what was lost */

/* hub_clock.c; hub thread */
/* What became of a batch's samples whose time cannot be right. */
struct far_off {
    unsigned n, held; /* in all; now in the batch below */
    unsigned lost;    /* there was no room to hold them */
    struct kp_batch *batch; /* for the sink; NULL: none is held */
};
/* False: all are in good time, and nothing has changed. */
bool clock_look(struct kp_hub *, struct kp_coupling *, struct kp_batch *, struct far_off *);
void clock_leave(struct kp_hub *, struct kp_coupling *); /* it goes away: so does its condition */

/* condition.c */
void conditions_show(struct kp_hub *); /* hub thread */
void conditions_free(struct kp_hub *);

/* machine_state.c; hub thread */
struct kp_machine_states *states_new(void); /* NULL: out of memory */
void states_free(struct kp_machine_states *);
void states_changed(struct kp_hub *, enum kp_change, int64_t id);
void states_take(struct kp_hub *, const struct kp_batch *, const uint64_t *news);
/* Nothing more is heard of the signals of this coupling. */
void states_cut_off(struct kp_hub *, uint16_t coupling, int64_t at);
void states_turn(struct kp_hub *);

/* coupling.c */
struct kp_coupling *coupling_new(struct kp_hub *, const struct kp_coupling_def *, struct kp_err *);
void coupling_free(struct kp_coupling *);
enum kp_code coupling_start(struct kp_coupling *, struct kp_err *);
void coupling_end(struct kp_coupling *);  /* tells it to stop, waits for nothing */
void coupling_stop(struct kp_coupling *); /* joins the thread; waits for askers */
void coupling_count(struct kp_coupling *, unsigned filtered, const struct kp_taken *, unsigned bad,
                    unsigned lost);
void coupling_count_far_off(struct kp_coupling *, const struct far_off *);
/* The caller has counted itself in `users`. */
enum kp_code coupling_ask(struct kp_coupling *, struct ask *, int64_t timeout, struct kp_err *);

/* subscriber.c; hub thread, `people` held by the callee */
void subscribers_give(struct kp_hub *, const struct kp_batch *, const uint64_t *news);
void subscribers_status(struct kp_hub *, kp_signal); /* a signal's current value and status */
void subscribers_changed(struct kp_hub *, enum kp_change, int64_t id, const struct kp_interval *);
int subscribers_feed(struct kp_hub *); /* ms until one wants more, at most; -1 = none does */
void subscriber_free(struct kp_subscriber *);
#endif
