/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_SESSION_H
#define KOPPEL_WEB_SESSION_H
/* Who is asking. Programs show a token with each request; a browser changes a password, a token, or a one-time code got
 * over the Unix socket, into a cookie. Sessions live in memory: a restart ends them. Any thread. */
#include "core/clock.h"
#include "store/user.h"

enum {
    KP_SESSIONS_MAX = 256, /* the one unused longest gives way */
    KP_CODES_MAX = 16,
    KP_SESSION_TEXT = 44, /* 32 random bytes as base64url, and the 0 */
    KP_SESSION_DAYS = 7,  /* at most; 12 hours without use */
    KP_FROM_MAX = 64,
};

/* Who asks. */
struct kp_who {
    char user[KP_USER_MAX]; /* a user's or a token's name, cut; "local": whoever has the right to the Unix socket */
    enum kp_role role;
    const char *via; /* "local", "token", "password", "oidc", "code" (a link made over the Unix socket) */
    char from[KP_FROM_MAX]; /* the address; "" = the Unix socket */
    bool must_change; /* the password, before anything else */
    bool totp;
    int64_t session;  /* its number, 0 = none */
    int64_t since;    /* ns UTC, of the session */
};

struct kp_sessions;
struct kp_sessions *kp_sessions_new(const struct kp_clock *);
void kp_sessions_free(struct kp_sessions *);

/* For whom: a user as he was when he logged in, or a token; neither: by code. Texts are copied, and cut. */
struct kp_session_for {
    const struct kp_user *user;
    const char *token, *from, *agent;
    bool oidc;        /* the identity provider says who it is: `user`, */
    const char *name; /* or somebody who is no user here, */
    enum kp_role role; /* with this role */
};
/* It ends when its token is removed or expires, its user is disabled, lowered or gets another password, after 12 hours
 * without use and after 7 days. */
void kp_session_open(struct kp_sessions *, const struct kp_session_for *, char id[KP_SESSION_TEXT]);
/* Who asks with it, false when it has ended. `use`: he does something, and does not only go on watching. Does not set `from`. */
bool kp_session_check(struct kp_sessions *, struct kp_store *, const char *id, bool use, struct kp_who *);
void kp_session_close(struct kp_sessions *, const char *id);
void kp_session_end_oidc(struct kp_sessions *); /* all that were opened by the identity provider */
/* This one lives on after its user's password was changed in it. */
void kp_session_renew(struct kp_sessions *, int64_t number, int64_t epoch);

struct kp_session_view {
    struct kp_who who;
    char agent[128];       /* what the browser calls itself */
    int64_t used, expires; /* ns UTC */
};
/* Those that live; with `own` only those of this user or token. */
void kp_session_list(struct kp_sessions *, struct kp_store *, const struct kp_who *own,
                     void (*each)(void *, const struct kp_session_view *), void *arg);
/* Ends one by its number; with `own` only one of this user or token. False: there is none. */
bool kp_session_revoke(struct kp_sessions *, struct kp_store *, int64_t number, const struct kp_who *own);

void kp_session_text(char out[KP_SESSION_TEXT]); /* a random one */
/* A code that opens one session within a minute. */
void kp_code_make(struct kp_sessions *, char code[KP_SESSION_TEXT]);
bool kp_code_use(struct kp_sessions *, const char *code);

/* The cookie's value out of a Cookie header; false when it is not there. Names hold the port, because
 * browsers send cookies to every port of a host. */
bool kp_cookie_find(const char *header, unsigned port, bool tls, char id[KP_SESSION_TEXT]);
bool kp_cookie_value(const char *header, const char *name, char value[KP_SESSION_TEXT]); /* the same of any name */
/* Over TLS its name begins with __Host-: browsers then take it from this very host only, and never without TLS. */
enum { KP_COOKIE_NAME = 32 };
void kp_cookie_name(unsigned port, bool tls, char out[KP_COOKIE_NAME]);
/* "localhost", "127.0.0.1", "[::1]", with or without a port: anything else may be a name that
 * an attacker made point to this machine. */
bool kp_host_is_loopback(const char *host);
#endif
