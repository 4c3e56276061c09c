/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_REQUEST_H
#define KOPPEL_WEB_REQUEST_H
/* One request and its reply, free of the HTTP library: what handlers see, and what tests and fuzzers
 * can make by hand. */
#include "core/json.h"
#include "gate/gate.h"
#include "node/node.h"
#include "web/params.h"
#include "web/guard.h"
#include "web/web.h"

#include <stdatomic.h>

enum kp_method { KP_HTTP_GET, KP_HTTP_POST, KP_HTTP_PUT, KP_HTTP_PATCH, KP_HTTP_DELETE, KP_METHODS };
extern const char *const kp_method_names[]; /* by enum kp_method; ends with NULL */

enum {
    KP_BODY_MAX = 4 << 20,
    KP_REPLY_MAX = 64 << 20, /* a larger reply is an error that says to ask for less */
    KP_REPLY_HEADERS = 4,
};

enum { KP_ROUTE_NAMES = 3 };
struct kp_heard; /* share/share.h */
struct kp_request;
typedef enum kp_code kp_handler(struct kp_request *, struct kp_err *);

enum kp_needs {
    KP_OPEN = 1,  /* answered without a token */
    KP_LOCAL = 2, /* over the Unix socket only */
    KP_QUICK = 4, /* answered in the listener's thread: touches neither file, hub nor network */
    KP_SLOW = 8,  /* may take seconds: goes to the workers kept for that */
    KP_BODY_JSON = 16,
    KP_BODY_YAML = 32,
    KP_BODY_POINTS = 128, /* CSV or line protocol, perhaps gzip */
    KP_POSTS = 256, /* also with a token that may only post values: r->only */
    KP_FLOWS = 64, /* the reply goes on after the handler has begun it: no HEAD */
    KP_DATA = 512, /* brings measurements, many a second, or asks: not for the audit log */
    KP_OWN = 1024, /* also for the user whose name stands in the path */
    KP_FIRST = 2048, /* also before a password that somebody else has made is changed */
    KP_AS_SHOWN = 4096, /* over the Unix socket too, a token that is shown counts; and no page of another site asks */
};

struct kp_route {
    enum kp_method method;
    const char *path; /* "/api/v1/couplings/{name}/nodes": at most KP_ROUTE_NAMES {...} */
    kp_handler *handler;
    enum kp_role role;             /* the least that may; KP_NOBODY: with KP_OPEN */
    unsigned needs;                /* enum kp_needs bits */
    const struct kp_param *params; /* the query parameters it takes; NULL = none */
};

struct kp_header {
    const char *name, *value;
};

/* What goes back. Texts live in the request's arena or for ever. */
struct kp_reply {
    int status;
    const char *type;
    struct kp_buf body;
    struct kp_header headers[KP_REPLY_HEADERS];
    unsigned n_headers;
};

/* A reply that is written while it is read: by `fill`, which is asked each time everything has been
 * sent, or (fill NULL) by kp_flow_add from any thread. */
struct kp_flow {
    /* Listener's thread. Appends what there is; false: the end. */
    bool (*fill)(void *self, struct kp_buf *out);
    /* NULL, or called about twice a second; must not block. */
    void (*beat)(void *self);
    bool document; /* nothing may stand in between, and cut off it ends with an error */
    /* Another thread than the listener's, once, when the client has gone or the end is reached. */
    void (*end)(void *self);
    void *self;
};
/* Begins the reply of this request; its handler may run on and must not touch r->reply any more. */
enum kp_code kp_flow_begin(struct kp_request *, const char *type, struct kp_flow, struct kp_err *);
void kp_flow_wake(struct kp_request *); /* `fill` has something; any thread, until `end` */
struct kp_job;
/* Has a worker run it, soon; any thread, until `end`. False: it stays the caller's, for the node is stopping or has no room. */
bool kp_flow_work(struct kp_request *, struct kp_job *);
bool kp_flow_stopping(const struct kp_request *); /* it ends because the node does; until `end` returns */
/* For a flow without `fill`, while its handler runs. False: the client has gone. */
bool kp_flow_add(struct kp_request *, const char *text);

/* What the client said about itself. */
struct kp_client {
    bool local; /* over the Unix socket */
    bool tls;   /* over HTTPS */
    bool partner; /* at the partners' listener: another table of routes, another way to show who asks */
    const char *host, *authorization, *cookie, *koppel; /* headers, NULL = absent */
    const char *content_type, *content_encoding, *accept_encoding, *origin, *fetch_site, *agent;
    const char *accept, *mcp_version, *mcp_method, *mcp_name;
    char from[KP_FROM_MAX]; /* its address; "" = over the Unix socket */
};

struct kp_request {
    struct kp_exchange *exchange; /* its side of the connection (http.c); NULL: made by hand, so it cannot flow */
    struct kp_web *web;
    struct kp_node *node;
    struct kp_sessions *sessions;
    struct kp_guard *guard;
    struct kp_oidc *oidc;
    unsigned port; /* the TCP port that serves it: part of the cookie's name */
    struct kp_client client;
    struct kp_who who; /* nobody on a route with KP_OPEN and of a token with r->only */
    enum kp_recipient to; /* whom the reply goes to: what may not go there is not there (gate/gate.h) */
    const char *action; /* for the audit log, which a GET then gets too; NULL = method and route */
    char note[200];     /* and what else is to be said there: kp_request_note */
    bool later;         /* a member whose password is looked at by the worker */
    bool showed;        /* something that was to prove who asks */
    const struct kp_route *route;
    enum kp_method method;
    bool head;            /* HEAD: as GET, without the body */
    const char *partner;  /* who asks there: a name; NULL = not known */
    const struct kp_heard *heard; /* the process an error there is about, or NULL */
    const char *only;     /* the pattern of signals that the token may post to; NULL = any */
    bool taxii;           /* asked as a member of collections: another table of routes, other words for errors */
    const char *name;     /* what stands for the first {...} in the route, decoded */
    const char *names[KP_ROUTE_NAMES]; /* and for all of them */
    struct kp_query query;
    struct kp_arg args[KP_PARAMS_MAX]; /* beside route->params */
    const char *body;
    size_t body_len;
    struct kp_arena arena; /* dies with the request */
    struct kp_reply reply;
    int64_t now;       /* ns UTC, when it began */
    atomic_bool gone;  /* the client has hung up: long handlers look here */
};

void kp_request_init(struct kp_request *, struct kp_node *); /* node NULL: for beginning a local one only */
void kp_request_free(struct kp_request *);

/* Decides what to do with a request line and headers, before any body: route, rights, parameters.
 * False: the reply (an error) is ready. `target` is the raw request target; it is changed. */
bool kp_request_begin(struct kp_request *, const char *method, char *target);
/* The same of a question that is asked in the course of another request: by whom asks that, for a recipient that is
 * trusted no more, and not for the audit log. Begins with kp_request_init. */
bool kp_request_within(struct kp_request *, const struct kp_request *outer, enum kp_recipient, const char *method, char *target);
/* Runs the handler; the reply is ready afterwards (or has begun to flow). */
void kp_request_serve(struct kp_request *);

/* Whether who began a reply that flows may still have it. Any thread. */
bool kp_request_allowed(const struct kp_request *);

/* Tells the hub what was seen of who asks (route_observe.c). */
void kp_request_observe(const struct kp_request *, bool refused, bool changed);

/* While set, `cancel(arg)` is called (from another thread) when the client hangs up. NULL ends that; after it
 * returns no call runs. */
void kp_request_on_gone(struct kp_request *, void (*cancel)(void *arg), void *arg);

/* What stands for {id}: a whole number from 1. `what` it is of: "an alarm". */
enum kp_code kp_name_number(const struct kp_request *, const char *what, int64_t *, struct kp_err *);
/* A word more for the audit log: what was changed, never a secret. */
void kp_request_note(struct kp_request *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- replies ---- */
void kp_reply_id(struct kp_request *, int64_t id, int status); /* {"id": N}, of what was made or changed */
struct kp_json kp_reply_json(struct kp_request *); /* the body, for writing; the status stays 200 */
/* The body of an error in the words of the Dataspace Protocol (route_dsp.c). */
void kp_reply_dsp_error(struct kp_request *, struct kp_json *, const char *word, const char *message);
/* The body of an error as TAXII wants it (route_taxii.c). */
void kp_reply_taxii_error(struct kp_request *, struct kp_json *, int status, const char *word, const char *message);
void kp_reply_header(struct kp_request *, const char *name, const char *value);
void kp_reply_error(struct kp_request *, int status, const char *word, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
bool kp_reply_locked(struct kp_request *, const char *user); /* 429, when somebody has guessed too often (route_session.c) */
/* The cookie of a session (route_session.c); keep false: it is over. */
enum kp_code kp_reply_session(struct kp_request *, const char *id, bool keep, struct kp_err *);
void kp_reply_failure(struct kp_request *, const struct kp_err *); /* status by err->code */

/* ---- the query, by name; a name not in the route's table is a programming error ---- */
const struct kp_arg *kp_arg_get(const struct kp_request *, const char *name);
static inline int64_t kp_arg_int(const struct kp_request *r, const char *name)
{
    return kp_arg_get(r, name)->number;
}
static inline const char *kp_arg_text(const struct kp_request *r, const char *name)
{
    return kp_arg_get(r, name)->text;
}
#endif
