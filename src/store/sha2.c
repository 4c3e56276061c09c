/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sha2.h"

#include <sodium.h>

#include "core/ban.h"

void kp_sha256(const void *data, size_t len, unsigned char out[KP_SHA256_BYTES])
{
    crypto_hash_sha256(out, data, len);
}

void kp_sha2_hex(int bits, const void *data, size_t len, char out[KP_SHA2_HEX])
{
    unsigned char hash[KP_SHA512_BYTES];
    if (bits == 512)
        crypto_hash_sha512(hash, data, len);
    else
        crypto_hash_sha256(hash, data, len);
    sodium_bin2hex(out, KP_SHA2_HEX, hash, bits == 512 ? KP_SHA512_BYTES : KP_SHA256_BYTES);
}
