/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_OIDC_H
#define KOPPEL_WEB_OIDC_H
/* Logging in at the company's own identity provider (OpenID Connect): authorization code with PKCE.
 * What was begun here is kept in memory, once, for ten minutes, and bound to the browser by a
 * cookie. Who comes back enters as the user here that his mail address or name is, or with the role
 * that a claim of his gives. Any thread that may wait for the network. */
#include "store/user.h"
#include "web/session.h"

#include <stdatomic.h>

enum {
    KP_OIDC_ROLES_MAX = 16,
    KP_OIDC_BEGUN_MAX = 128, /* log-ins under way */
    KP_OIDC_BEGUN_PER_ADDRESS = 16,
    KP_OIDC_BEGUN_S = 600,
    KP_OIDC_URL = 600,
};

enum kp_oidc_claim { KP_OIDC_MAIL, KP_OIDC_NAME, KP_OIDC_SUB };
extern const char
    *const kp_oidc_claims[]; /* "email", "preferred_username", "sub"; ends with NULL */

struct kp_oidc_settings {
    char issuer[KP_OIDC_URL]; /* "" = off */
    char client[256], name[64];
    enum kp_oidc_claim claim;
    bool secret; /* one is set */
    size_t n;
    struct kp_oidc_role {
        char claim[64], value[128];
        enum kp_role role;
    } role[KP_OIDC_ROLES_MAX];
};

struct kp_oidc;
struct kp_oidc *kp_oidc_new(struct kp_hub *, const struct kp_clock *, struct kp_store *, struct kp_err *);
void kp_oidc_free(struct kp_oidc *); /* NULL is allowed */

enum kp_code kp_oidc_get(struct kp_oidc *, struct kp_oidc_settings *, struct kp_err *);
/* Asks the provider first. secret NULL: as it is; "": none. issuer "": off. */
enum kp_code kp_oidc_put(struct kp_oidc *, const struct kp_oidc_settings *, const char *secret,
                         atomic_bool *gone, struct kp_err *);

/* Where to send the browser, and what its cookie is to be. `base`: how it has reached us,
 * "https://koppel.example:8443". */
enum kp_code kp_oidc_begin(struct kp_oidc *, const char *base, const char *from,
                           struct kp_buf *location, char cookie[KP_SESSION_TEXT], atomic_bool *gone,
                           struct kp_err *);

struct kp_oidc_answer { /* of the provider, by way of the browser; NULL = not there */
    const char *state, *code, *issuer, *cookie;
};
struct kp_oidc_person {
    char name[KP_USER_MAX]; /* as the claim says */
    enum kp_role role;      /* KP_NOBODY: `user` is he */
    struct kp_user user;
};
/* KP_EDENIED: he may not enter; the name is known when the token was good. */
enum kp_code kp_oidc_finish(struct kp_oidc *, const struct kp_oidc_answer *,
                            struct kp_oidc_person *, atomic_bool *gone, struct kp_err *);
#endif
