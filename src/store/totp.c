/* SPDX-License-Identifier: Apache-2.0 */
#include "store/totp.h"

#include "core/text.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "core/ban.h"

enum { DIGITS = 6, SHA1_BYTES = 20 };

uint32_t kp_hotp(const unsigned char *secret, size_t len, uint64_t counter)
{
    unsigned char message[8], mac[EVP_MAX_MD_SIZE] = { 0 };
    unsigned n = 0;
    for (int i = 7; i >= 0; i--, counter >>= 8)
        message[i] = (unsigned char)counter;
    HMAC(EVP_sha1(), secret, (int)len, message, sizeof message, mac, &n);
    const unsigned char *p = mac + (mac[SHA1_BYTES - 1] & 15);
    return (uint32_t)(p[0] & 127) << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Six digits, -1 when it is anything else. */
static int64_t read_code(const char *text)
{
    int64_t n = 0;
    if (strlen(text) != DIGITS || strspn(text, "0123456789") != DIGITS)
        return -1;
    for (; *text; text++)
        n = n * 10 + (*text - '0');
    return n;
}

int64_t kp_totp_step(const unsigned char secret[KP_TOTP_SECRET], const char *code, int64_t now,
                     int64_t last)
{
    int64_t given = read_code(code), step = now / (KP_TOTP_PERIOD_S * KP_SECOND), found = 0;
    for (int64_t s = step - 1; s <= step + 1; s++)
        if (s > last && s > 0 && kp_hotp(secret, KP_TOTP_SECRET, (uint64_t)s) % 1000000 == given)
            found = s;
    return found;
}

void kp_totp_print(const unsigned char secret[KP_TOTP_SECRET], char out[KP_TOTP_TEXT])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    for (size_t i = 0; i < KP_TOTP_TEXT - 1; i++) {
        size_t bit = i * 5, at = bit / 8;
        unsigned two = (unsigned)secret[at] << 8 | (at + 1 < KP_TOTP_SECRET ? secret[at + 1] : 0u);
        out[i] = letters[two >> (11 - bit % 8) & 31];
    }
    out[KP_TOTP_TEXT - 1] = 0;
}
