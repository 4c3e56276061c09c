/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_NET_JOSE_H
#define KOPPEL_NET_JOSE_H
/* Signed tokens (JWS in its compact form): RS256 and ES256 are read, ES256 is written, and nothing
 * else. */
#include "core/err.h"
#include "core/mem.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    KP_JOSE_MAX = 16 << 10,
    KP_JOSE_KEYS_MAX = 32,
    KP_JOSE_LEEWAY_S = 60, /* clocks differ */
    KP_HASH_TEXT = 44,
};

struct kp_jose_names { /* for sentences: "the ID token", "the provider" */
    const char *token, *whose;
};
/* Its claims, when one of `keys` (a JWK set) has signed it; what they say is not judged. NULL: err
 * says what is wrong, KP_EDENIED unless memory was short. json_decref it. */
json_t *kp_jose_read(const char *token, const json_t *keys, const struct kp_jose_names *,
                     struct kp_err *);
/* The same without a look at the signature: only to find whose key is to be tried. */
json_t *kp_jose_peek(const char *token, const struct kp_jose_names *, struct kp_err *);
/* Whether `aud` is this one, and no other. */
bool kp_jose_is_for(const json_t *claims, const char *us);
/* NULL: issued at most age_s ago and still valid; else why not. */
const char *kp_jose_late(const json_t *claims, int64_t now, int64_t age_s);

/* A new P-256 key in PEM; its public half as JWK; a token signed by it. In the arena. */
enum kp_code kp_jose_key(struct kp_arena *, const char **pem, struct kp_err *);
enum kp_code kp_jose_public(const char *pem, struct kp_arena *, const char **jwk, struct kp_err *);
enum kp_code kp_jose_sign(const char *pem, const char *claims, struct kp_arena *,
                          const char **token, struct kp_err *);
/* Whether a JWK is a key that tokens can be checked with. */
bool kp_jose_key_good(const json_t *jwk);

/* SHA-256 as base64url. */
void kp_hash_text(const char *text, char out[KP_HASH_TEXT]);

/* ---- fingerprints that people read out to one another: SHA-256, "3f1c 6f2a ..." ---- */
enum { KP_PRINT_TEXT = 80 };
void kp_print_text(const char *text, char out[KP_PRINT_TEXT]);
/* Of a JWK (its thumbprint, RFC 7638); of the first certificate in a PEM text. False: it is none. */
bool kp_print_key(const json_t *jwk, char out[KP_PRINT_TEXT]);
bool kp_print_certificate(const char *pem, char out[KP_PRINT_TEXT]);
/* Whether two are the same, however they are grouped and written. */
bool kp_print_same(const char *a, const char *b);
#endif
