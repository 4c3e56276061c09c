/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_LAN_H
#define KOPPEL_WEB_LAN_H
/* A listener beyond this machine: HTTPS only (or plain at loopback, behind a proxy), off until an owner switches it on, kept in the
 * file. Its certificate is signed by a CA of the node's own, made once, or is one that a person has
 * given. Keys are sealed by node.key; the node's own certificate is made anew before it ends and
 * when names or addresses change. Any thread. */
#include "node/node.h"
#include "web/listen.h"
#include "web/tls.h"

#include <sys/socket.h>

enum { KP_LAN_PORT = 8443, KP_PARTNERS_PORT = 8444, KP_LAN_NAMES_MAX = 16, KP_LAN_URL = 300 };

struct kp_lan_settings {
    bool on;
    bool plain; /* HTTP at loopback, for a reverse proxy on this machine that speaks TLS */
    struct kp_names names; /* given by people; the machine's own come in addition */
    unsigned port;
    char address[KP_HOST_MAX]; /* "" = all of the machine */
    char url[KP_LAN_URL];      /* how others reach it, when that is not by the first name and the port; "" */
};

struct kp_lan_class {
    const char *name;        /* of its setting and its secrets: "lan" */
    const char *about;       /* for sentences: "HTTPS for other machines" */
    const char *certificate, *ca; /* for the alarm before they end */
    unsigned port;           /* when none is said */
    /* Before the first `enter`, perhaps again: has the server ready, which begins with this
     * certificate; NULL: it is to speak plain HTTP. */
    enum kp_code (*open)(void *arg, const struct kp_key_pair *, struct kp_err *);
    void (*enter)(void *arg, int fd, const struct sockaddr *, socklen_t, bool tls);
    /* What is in force now; "" = it is off. May be NULL. */
    void (*changed)(void *arg, const char *url);
    void (*turn)(void *arg); /* has kp_lan_turn called soon, in a thread that may wait; may not wait
                                itself */
};

struct kp_keeper; /* ends after it has stopped */
struct kp_lan;
struct kp_lan *kp_lan_new(struct kp_node *, const struct kp_lan_class *, void *arg, struct kp_keeper *,
                          struct kp_err *);
void kp_lan_turn(struct kp_lan *); /* does what is due: listens, renews; what fails is an alarm and
                                      tried again */
void kp_lan_stop(struct kp_lan *); /* nobody enters any more; NULL is allowed */
void kp_lan_free(struct kp_lan *); /* after the connections */

/* ---- for each connection and request ---- */
struct kp_tls *kp_lan_tls(struct kp_lan *); /* in force, held for the caller; NULL: none */
unsigned kp_lan_port(struct kp_lan *);
bool kp_lan_on(struct kp_lan *);
/* Whether a Host header is one of our names. */
bool kp_lan_answers(struct kp_lan *, const char *host);

/* ---- for people ---- */
struct kp_lan_view { /* texts in the arena given */
    struct kp_lan_settings settings;
    struct kp_names answers;
    bool listening, given;              /* given: the certificate is not of the node's own CA */
    const char *certificate, *ca, *why; /* PEM; NULL = none; why it does not listen */
};
enum kp_code kp_lan_view(struct kp_lan *, struct kp_arena *, struct kp_lan_view *, struct kp_err *);
/* In force and durable when it returns; a refusal changes nothing. */
enum kp_code kp_lan_set(struct kp_lan *, const struct kp_lan_settings *, bool new_ca,
                        struct kp_err *);
/* A request for another CA to sign, always with the same key until its certificate comes. */
enum kp_code kp_lan_csr(struct kp_lan *, struct kp_arena *, const char **csr, struct kp_err *);
/* key NULL: the one in the text of the certificate, else that of the request, else that of the
 * certificate before. */
enum kp_code kp_lan_give(struct kp_lan *, const char *certificate, const char *key,
                         struct kp_err *);
enum kp_code kp_lan_own(struct kp_lan *, struct kp_err *); /* back to the node's own */
#endif
