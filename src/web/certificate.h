/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_CERTIFICATE_H
#define KOPPEL_WEB_CERTIFICATE_H
/* Certificates of the node for HTTPS: making them (a CA of the node's own, what it signs, a request
 * for somebody else's CA) and checking those that are given. All texts are PEM; what is made stands
 * in the arena. Keys are P-256. */
#include "core/mem.h"
#include "store/trust.h"
#include "web/names.h"

enum {
    KP_CHAIN_MAX = 8,
    KP_PEM_MAX = 64 << 10,
    KP_LEAF_DAYS = 396,      /* browsers take up to 398 */
    KP_LEAF_RENEW_DAYS = 60, /* before its end */
    KP_CA_DAYS = 3650,
    KP_WORDS_TEXT = 48,
};

struct kp_key_pair {
    const char *certificate, *key;
};

/* A CA that may sign for web servers with these names and for private addresses, and for nothing
 * else. */
enum kp_code kp_ca_make(const char *node, const struct kp_names *, int64_t now, struct kp_arena *,
                        struct kp_key_pair *, struct kp_err *);
bool kp_ca_permits(const char *ca, const char *name);
enum kp_code kp_leaf_make(const struct kp_key_pair *ca, const struct kp_names *, int64_t now,
                          struct kp_arena *, struct kp_key_pair *, struct kp_err *);
enum kp_code kp_key_make(struct kp_arena *, const char **key, struct kp_err *);
enum kp_code kp_csr_make(const char *key, const struct kp_names *, struct kp_arena *,
                         const char **csr, struct kp_err *);

/* Takes a chain (the server's certificate first) and its key when browsers would take them for all
 * these names, and writes them anew: nothing else that stood in the texts. */
enum kp_code kp_chain_take(const struct kp_key_pair *given, const struct kp_names *, int64_t now,
                           struct kp_arena *, struct kp_key_pair *, struct kp_err *);
enum kp_code kp_certificate_covers(const char *pem, const struct kp_names *, struct kp_err *);
bool kp_key_fits(const struct kp_key_pair *);

struct kp_certificate_view { /* of the first in a chain */
    char subject[300], issuer[300], fingerprint[KP_FINGERPRINT_TEXT];
    char words[KP_WORDS_TEXT]; /* the first 128 bits of the fingerprint, to be read out:
                                  "lusab-babad-..." */
    int64_t not_before, not_after;
    struct kp_names names;
};
enum kp_code kp_certificate_view(const char *pem, struct kp_certificate_view *,
                                 struct kp_err *); /* err may be NULL */
#endif
