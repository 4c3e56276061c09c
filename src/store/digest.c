/* SPDX-License-Identifier: Apache-2.0 */
#include "store/digest.h"

#include <sodium.h>

#include "core/ban.h"

_Static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(struct kp_digest), "room for the state");

static crypto_hash_sha256_state *state(struct kp_digest *d)
{
    return (crypto_hash_sha256_state *)(void *)d->state;
}

void kp_digest_begin(struct kp_digest *d)
{
    crypto_hash_sha256_init(state(d));
}

void kp_digest_add(struct kp_digest *d, const void *data, size_t n)
{
    crypto_hash_sha256_update(state(d), data, n);
}

void kp_digest_read(const struct kp_digest *d, unsigned char out[KP_DIGEST_BYTES])
{
    struct kp_digest copy = *d;
    crypto_hash_sha256_final(state(&copy), out);
}
