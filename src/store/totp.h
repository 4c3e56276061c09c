/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_TOTP_H
#define KOPPEL_STORE_TOTP_H
/* One-time codes by the clock (RFC 6238: SHA-1, six digits, 30 seconds), as every authenticator app
 * makes them. */
#include <stddef.h>
#include <stdint.h>

enum { KP_TOTP_SECRET = 20, KP_TOTP_TEXT = 33, KP_TOTP_PERIOD_S = 30 };

/* RFC 4226, 5.3: 31 bits, of which the lowest decimal digits are the code. */
uint32_t kp_hotp(const unsigned char *secret, size_t len, uint64_t counter);
/* The step of time whose code this is: now, the one before or the one after, and later than `last`,
 * so that no code counts twice. 0: it is none of them. `now` in ns UTC. */
int64_t kp_totp_step(const unsigned char secret[KP_TOTP_SECRET], const char *code, int64_t now,
                     int64_t last);
/* Base32 (RFC 4648), as apps take it typed. */
void kp_totp_print(const unsigned char secret[KP_TOTP_SECRET], char out[KP_TOTP_TEXT]);
#endif
