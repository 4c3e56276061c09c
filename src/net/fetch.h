/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_NET_FETCH_H
#define KOPPEL_NET_FETCH_H
/* Many small requests to one server, one after the other over a connection that is kept, as a
 * guest: with a pause between them, asking only for what changed, waiting when it is told to.
 * Certificates are checked; redirects are followed only within the same server. In the thread of
 * whoever asks. */
#include "core/err.h"
#include "core/mem.h"
#include "net/caller.h"

enum { KP_FETCH_TAG = 200, KP_FETCH_TIME = 64 };

struct kp_fetcher_options {              /* must live as long as the fetcher; NULL or "": none */
    const char *proxy;                   /* "http://proxy.plant.example:3128" */
    const char *ca;                      /* who vouches for the servers, PEM; none: the system's */
    const char *certificate, *key;       /* of this node, PEM */
    const char *user, *password, *token; /* shown to `home` alone, and the certificate too */
    bool bare_token;                     /* it is shown without the word Bearer, as MISP wants it */
    const char *home;                    /* a URL of the server they are for */
    struct kp_caller caller;
    int64_t pause;                       /* ns between requests */
    bool (*stopping)(void *);            /* asked now and then; may be NULL */
    void *arg;
};
struct kp_fetch {
    const char *url;
    const char *tag, *since; /* what an earlier answer said of itself; NULL or "": not known */
    const char *accept;      /* NULL: anything */
    const char *header;      /* of the answer, that is to be told; NULL: none */
    size_t most;             /* bytes of the answer, unpacked */
};
struct kp_fetched {
    long status; /* 200, 304, or what the server says it is */
    struct kp_buf text;
    char tag[KP_FETCH_TAG], since[KP_FETCH_TIME];
    char header[KP_FETCH_TIME]; /* "" = it was not there */
    int64_t wait;               /* ns: the server says how long to leave it alone; 0: it does not */
};

struct kp_fetcher;
struct kp_fetcher *kp_fetcher_new(const struct kp_fetcher_options *, struct kp_err *);
void kp_fetcher_free(struct kp_fetcher *); /* NULL is allowed */
/* Any status is KP_OK. kp_buf_free(&text) behind it, whatever it returns. KP_EPEER, KP_EREFUSED (a
 * certificate, a redirect to another server), KP_EFULL, KP_EINVALID (such an address is not asked),
 * KP_ESTOPPED, KP_ENOMEM. */
enum kp_code kp_fetcher_get(struct kp_fetcher *, const struct kp_fetch *, struct kp_fetched *,
                            struct kp_err *);
/* The same with a body of that type, which is sent once: no redirect is followed. */
enum kp_code kp_fetcher_post(struct kp_fetcher *, const struct kp_fetch *, const char *type,
                             const char *body, size_t len, struct kp_fetched *, struct kp_err *);
/* Sleeps, unless it is to stop. */
enum kp_code kp_fetcher_wait(struct kp_fetcher *, int64_t ns, struct kp_err *);

/* https, or http to this machine; no login in it, no '..', no blanks. */
enum kp_code kp_web_url_check(const char *url, struct kp_err *);
/* Whether both lead to one server: scheme, host and port. */
bool kp_web_url_same_server(const char *, const char *);
/* "https://host:port" of it, cut when the room is short. */
void kp_web_url_server(const char *url, char *out, size_t size);
#endif
