/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_JWT_H
#define KOPPEL_WEB_JWT_H
/* ID tokens of OpenID Connect: RS256 and ES256 by the provider's published keys, and nothing else.
 */
#include "net/jose.h"

enum { KP_JWT_AGE_S = 600 }; /* the most since it was issued */

struct kp_jwt_want {
    const char *issuer, *audience, *nonce;
    int64_t now; /* ns UTC */
};
/* Its claims, when it is signed by one of `keys` (a JWK set) and is for us, now, in answer to our
 * question; NULL: err says what is wrong, KP_EDENIED unless memory was short. json_decref it. */
json_t *kp_jwt_read(const char *token, const json_t *keys, const struct kp_jwt_want *,
                    struct kp_err *);
#endif
