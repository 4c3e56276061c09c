/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_SHA2_H
#define KOPPEL_STORE_SHA2_H
/* SHA-2 digests of whole texts. */
#include <stddef.h>

enum { KP_SHA256_BYTES = 32, KP_SHA512_BYTES = 64, KP_SHA2_HEX = 2 * KP_SHA512_BYTES + 1 };

void kp_sha256(const void *data, size_t len, unsigned char out[KP_SHA256_BYTES]);
/* `bits` 256 or 512; the digest in small hex digits. */
void kp_sha2_hex(int bits, const void *data, size_t len, char out[KP_SHA2_HEX]);
#endif
