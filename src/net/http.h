/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_NET_HTTP_H
#define KOPPEL_NET_HTTP_H
/* HTTP as a client: one request at a time, whose answer comes in pieces, in the thread of whoever asks.
 * Certificates are checked, redirects are not followed. */
#include "core/err.h"
#include "core/mem.h"
#include "net/caller.h"

struct kp_http_options {
    const char *url;
    const char *user, *password; /* NULL or "": none */
    const char *form;            /* fields to be posted, escaped; NULL: it is a GET */
    const char *ca;              /* file of authorities, PEM; NULL or "": the system's */
    const char *ca_text;         /* the same as text */
    const char *authorization, *accept; /* headers; NULL = none */
    int64_t connect_timeout, timeout; /* ns; timeout of the whole answer, 0 = it may last for ever */
    struct kp_caller caller;
    size_t most; /* bytes of the answer; 0 = no limit, for what is taken piece by piece */
};
/* One piece; an error ends the request. */
typedef enum kp_code kp_http_take(void *arg, const char *data, size_t n, struct kp_err *);

/* Starts the library once; every call that needs it does so. */
void kp_net_begin(void);

struct kp_http;
struct kp_http *kp_http_open(const struct kp_http_options *, kp_http_take *, void *arg, struct kp_err *);
/* Waits up to timeout_ms for something and handles it; *done when the answer is whole. */
enum kp_code kp_http_turn(struct kp_http *, int timeout_ms, bool *done, struct kp_err *);
long kp_http_status(const struct kp_http *);      /* 0: not known yet */
const char *kp_http_type(const struct kp_http *); /* Content-Type, "" = not known */
void kp_http_close(struct kp_http *);

/* The whole answer into `out`, which it makes. `stopping` (may be NULL) is asked now and then. KP_EPEER for a status
 * other than 200. */
enum kp_code kp_http_get(const struct kp_http_options *, bool (*stopping)(void *), void *arg, struct kp_buf *out,
                         struct kp_err *);
#endif
