/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_DIGEST_H
#define KOPPEL_STORE_DIGEST_H
/* SHA-256 of what comes in pieces. */
#include <stddef.h>

enum { KP_DIGEST_BYTES = 32 };
struct kp_digest {
    _Alignas(16) unsigned char state[128];
};
void kp_digest_begin(struct kp_digest *);
void kp_digest_add(struct kp_digest *, const void *, size_t);
/* Of what came so far; more may come. */
void kp_digest_read(const struct kp_digest *, unsigned char out[KP_DIGEST_BYTES]);
#endif
