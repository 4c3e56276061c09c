/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_NET_CALLER_H
#define KOPPEL_NET_CALLER_H
/* Connections that this node makes itself, told to whoever watches what is seen (core/observed.h):
 * where they go, whether that worked, and the certificate that is met there, also one that is then
 * refused. A connection that is used again is told once. */
#include "core/hub.h"
#include "core/text.h"

struct kp_caller {        /* for whom they are made; NULL: nobody of that kind */
    struct kp_hub *hub;   /* NULL: nobody is told */
    const char *coupling; /* where one goes without a partner the core tells; then only the certificate is told here */
    const char *partner;
    const char *what, *name; /* for people: "feed", "centre" */
};

struct kp_calls;
/* What it says is copied. NULL: nobody wants to know, or there is no memory; all below take that. */
struct kp_calls *kp_calls_new(const struct kp_caller *);
void kp_calls_free(struct kp_calls *);
/* Transfers of this handle of curl (a CURL *), one after the other. It goes before they do. */
void kp_calls_watch(struct kp_calls *, void *curl);
void kp_calls_ended(struct kp_calls *, int curl_code); /* each transfer */

/* For another library that speaks TLS by OpenSSL: the certificate that this SSL * has met, also one that
 * it did not take; NULL: it has met none. */
void kp_calls_met(struct kp_calls *, void *ssl);
/* A certificate (DER) that a coupling met. */
void kp_certificate_observe(const struct kp_caller *, const char *protocol, const void *der, size_t len);
#endif
