/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_SESSION_H
#define KOPPEL_WEB_SESSION_H
/* Who is asking. Programs show a token with each request; a browser changes a token, or a one-time code got
 * over the Unix socket, into a cookie. Sessions live in memory: a restart ends them. Any thread. */
#include "core/clock.h"
#include "store/secret.h"

enum {
    KP_SESSIONS_MAX = 64, /* the one unused longest gives way */
    KP_CODES_MAX = 16,
    KP_SESSION_TEXT = 44, /* 32 random bytes as base64url, and the 0 */
};

struct kp_sessions;
struct kp_sessions *kp_sessions_new(const struct kp_clock *);
void kp_sessions_free(struct kp_sessions *);

/* A session for this token (NULL: for a code). It ends when the token is removed, after 12 hours without
 * use and after 30 days. */
void kp_session_open(struct kp_sessions *, const char *token, char id[KP_SESSION_TEXT]);
/* What its asker may do now, KP_NOBODY when it has ended, and the token's name; "" for one by code, which may all. */
enum kp_role kp_session_check(struct kp_sessions *, struct kp_store *, const char *id, char *name, size_t size);
void kp_session_close(struct kp_sessions *, const char *id);

/* A code that opens one session within a minute. */
void kp_code_make(struct kp_sessions *, char code[KP_SESSION_TEXT]);
bool kp_code_use(struct kp_sessions *, const char *code);

/* The cookie's value out of a Cookie header; false when it is not there. Names hold the port, because
 * browsers send cookies to every port of a host. */
bool kp_cookie_find(const char *header, unsigned port, char id[KP_SESSION_TEXT]);
/* "localhost", "127.0.0.1", "[::1]", with or without a port: anything else may be a name that
 * an attacker made point to this machine. */
bool kp_host_is_loopback(const char *host);
#endif
