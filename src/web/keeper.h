/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_KEEPER_H
#define KOPPEL_WEB_KEEPER_H
/* One thread that looks after connections where the HTTP library does not: a client that hangs up while its
 * request is worked on or its stream is quiet (the library does not watch suspended connections), one that sends its
 * request a byte at a time, one that never reads its reply; after the heartbeat of streams; and after listeners: those at
 * this machine, and the doors of others (web/porter.h). */
#include "core/clock.h"
#include "core/err.h"
#include "core/mem.h"

#include <stdatomic.h>

enum {
    KP_REQUEST_WITHIN_S = 60,   /* from connecting (or the last reply) to the end of the request */
    KP_REQUEST_CROWDED_S = 5,   /* the same while more than half of the listener's connections are in use */
    KP_REPLY_WITHIN_S = 300,    /* for the client to read it */
};

enum kp_guest_state { KP_GUEST_ASKING, KP_GUEST_WAITING, KP_GUEST_READING, KP_GUEST_STREAMING };

struct kp_crowd { /* the connections of one listener */
    unsigned n, most;
};

struct kp_guest { /* one connection; its memory belongs to the caller */
    struct kp_guest *next, *prev;
    struct kp_crowd *crowd;
    uint64_t serial;
    int fd;
    enum kp_guest_state state;
    int64_t since; /* of the state, monotonic ns */
    void *request; /* what it has asked, while that lives */
    char *target;  /* the caller's: its raw request target, */
    struct kp_tls *tls; /* and the certificate it began with; NULL = not encrypted */
};

struct kp_keeper_class {
    /* Both are called with the guest's request, which lives until they return. */
    void (*gone)(void *request);               /* the client has hung up */
    void (*beat)(void *request, int64_t mono); /* about twice a second, while streaming */
};

struct kp_later { /* something to be done in the keeper's thread; part of a larger block */
    struct kp_later *next;
    void (*run)(struct kp_later *);
};

struct kp_kept { /* something else that is looked after; the caller's memory */
    int fd;
    /* In the keeper's thread, when fd can be read and twice a second. May not wait. True: there is more to do at once. */
    bool (*look)(void *arg);
    void *arg;
    uint64_t serial; /* these are the keeper's */
    atomic_bool more;
    struct kp_kept *next;
};

struct kp_keeper;
struct kp_keeper *kp_keeper_start(const struct kp_clock *, const struct kp_keeper_class *, struct kp_err *);
void kp_keeper_stop(struct kp_keeper *); /* after the last guest has left; runs what is left to do */

void kp_keeper_add(struct kp_keeper *, struct kp_guest *, struct kp_crowd *, int fd);
void kp_keeper_remove(struct kp_keeper *, struct kp_guest *);
void kp_keeper_request(struct kp_keeper *, struct kp_guest *, void *request);
void kp_keeper_state(struct kp_keeper *, struct kp_guest *, enum kp_guest_state);
void kp_keeper_watch(struct kp_keeper *, struct kp_guest *); /* from here on `gone` may come, once */
void kp_keeper_later(struct kp_keeper *, struct kp_later *);
bool kp_keeper_keep(struct kp_keeper *, struct kp_kept *); /* from now on; false: the system does not watch it */
/* It is looked at as soon as the thread is free. Any thread, also while the keeper calls. */
void kp_keeper_hurry(struct kp_keeper *, struct kp_kept *);
void kp_keeper_let_go(struct kp_keeper *, struct kp_kept *); /* waits for a look that goes on */
/* Calls fn for each request that lives. */
void kp_keeper_each(struct kp_keeper *, void (*fn)(void *request));
#endif
