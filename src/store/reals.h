/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_REALS_H
#define KOPPEL_STORE_REALS_H
/* Columns of floats and doubles, bit for bit.
 *
 * method u8, then by method: decimal (exponent u8 | exceptions | ints of round(v * 10^e), read back
 * as r / 10^e, which division rounds correctly, so that any decimal text of up to 15 digits
 * passes); the same read back through float, for doubles that come from a REAL; dictionary of up to
 * 256 bit patterns; order-preserving integers of the bits, 64 or 32. Exceptions (NaN, infinities,
 * -0.0 and what does not pass) are a varint count, ints of places and raw bits. The encoder
 * verifies each value as the decoder will read it. Any IEEE 754 machine that rounds to nearest
 * reads the same: the powers of ten are exact, and a division and a conversion are each correctly
 * rounded. */
#include "store/ints.h"

/* scratch->raw: the bits of each value (32 for floats), scratch->real: the same as numbers. */
void kp_reals_encode(size_t n, bool is_float, struct kp_scratch *, struct kp_buf *out);
/* Into scratch->raw. */
bool kp_reals_decode(struct kp_reader *, size_t n, bool is_float, struct kp_scratch *);
#endif
