/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_NET_COURIER_H
#define KOPPEL_NET_COURIER_H
/* Many HTTP requests at a time in one thread, over connections that are kept. Certificates are
 * checked, redirects are not followed. */
#include "core/err.h"
#include "core/mem.h"
#include "net/caller.h"

enum { KP_COURIER_WITHIN_S = 20 };

struct kp_errand { /* copied */
    const char *url;
    const char *body;          /* JSON; NULL: it is a GET */
    const char *authorization; /* NULL = none */
    const char *ca;            /* who vouches for the other side, PEM; NULL or "": the system's */
    struct kp_caller caller;
    size_t most;               /* bytes of the answer */
    bool stranger;             /* any certificate will do: what is said proves nothing yet */
    const char *header;        /* of the authorization; NULL = Authorization */
    const char *type;          /* of the body; NULL = application/json */
    bool outside; /* only to public addresses: who named this one is not to reach into our network */
};
/* Whether a host may be one for `outside`. A name may turn out not to be when it is looked up: then
 * the errand fails. */
bool kp_courier_public(const char *host);

struct kp_answer {
    long status; /* 0: none came, err says why */
    const char *text;
    size_t len;
    const char *next; /* what its Link header calls the next page; "" */
    struct kp_err err;
};
typedef void kp_courier_done(void *arg, const struct kp_answer *);

struct kp_courier;
struct kp_courier *kp_courier_new(struct kp_err *);
void kp_courier_free(struct kp_courier *); /* what is under way is dropped; NULL is allowed */
/* `done` is called once, in kp_courier_turn. */
enum kp_code kp_courier_send(struct kp_courier *, const struct kp_errand *, kp_courier_done *,
                             void *arg, struct kp_err *);
/* What was sent with this argument is ended, and `done` not called. */
void kp_courier_drop(struct kp_courier *, const void *arg);
void kp_courier_turn(struct kp_courier *, int timeout_ms); /* waits for something and handles it */
void kp_courier_wake(struct kp_courier *);                 /* ends that wait; any thread */

/* One request, waited for; `text` of the answer is in the arena. False: no answer, err says why. */
bool kp_courier_ask(const struct kp_errand *, struct kp_arena *, struct kp_answer *,
                    struct kp_err *);
#endif
