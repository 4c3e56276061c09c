/* SPDX-License-Identifier: Apache-2.0 */
#include "core/encoding.h"

#include <string.h>

#include "core/ban.h"

/* 0x80 to 0x9f; the others stand where ISO 8859-1 has them. */
static const uint16_t high[32] = {
    0x20ac, '_',    0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, '_',    0x017d, '_',    '_',    0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, '_',    0x017e, 0x0178,
};

static void put(struct kp_buf *out, uint32_t c)
{
    char b[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = n; i-- > 1; c >>= 6)
        b[i] = (char)(0x80 | (c & 0x3f));
    b[0] = (char)(lead[n] | c);
    kp_buf_add(out, b, n);
}

static bool replace(struct kp_buf *text, struct kp_buf *by)
{
    bool good = !by->failed;
    kp_buf_free(text);
    *text = *by;
    return good;
}

bool kp_utf8_from_1252(struct kp_buf *text)
{
    struct kp_buf out;
    kp_buf_init(&out, 3 * text->len + 1);
    for (size_t i = 0; i < text->len; i++) {
        unsigned char b = (unsigned char)text->data[i];
        put(&out, b >= 0x80 && b < 0xa0 ? high[b - 0x80] : b);
    }
    return replace(text, &out);
}

/* Of valid UTF-8; sets how many bytes it has. */
static uint32_t character(const char *p, size_t *n)
{
    unsigned char c = (unsigned char)*p;
    *n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    uint32_t all = c < 0x80 ? c : c & (0x7fu >> *n);
    for (size_t i = 1; i < *n; i++)
        all = all << 6 | ((unsigned char)p[i] & 0x3f);
    return all;
}

bool kp_utf8_to_1252(struct kp_buf *text)
{
    struct kp_buf out;
    kp_buf_init(&out, text->len + 1);
    for (size_t i = 0, n; i < text->len; i += n) {
        uint32_t c = character(text->data + i, &n);
        unsigned char b = c < 0x80 || (c >= 0xa0 && c < 0x100) ? (unsigned char)c : '?';
        for (unsigned k = 0; k < 32 && c >= 0x100; k++)
            if (high[k] == c)
                b = (unsigned char)(0x80 + k);
        kp_buf_add(&out, &b, 1);
    }
    return replace(text, &out);
}

static uint32_t unit(const struct kp_buf *text, size_t i, bool big)
{
    const unsigned char *p = (const unsigned char *)text->data + i;
    return i + 1 < text->len ? (uint32_t)(big ? p[0] << 8 | p[1] : p[1] << 8 | p[0]) : 0;
}

bool kp_utf8_from_16(struct kp_buf *text, bool big)
{
    struct kp_buf out;
    kp_buf_init(&out, 2 * text->len + 4);
    for (size_t i = 2; i + 1 < text->len; i += 2) {
        uint32_t c = unit(text, i, big), low = unit(text, i + 2, big);
        bool pair = c >> 10 == 0xd800 >> 10 && low >> 10 == 0xdc00 >> 10;
        if (pair)
            i += 2;
        put(&out, pair              ? 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff))
                  : c >> 11 == 0x1b ? 0xfffd
                                    : c);
    }
    return replace(text, &out);
}

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void kp_base64(struct kp_buf *out, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
                     (left > 2 ? p[i + 2] : 0);
        char four[4] = { letters[v >> 18], letters[v >> 12 & 63],
                         left > 1 ? letters[v >> 6 & 63] : '=', left > 2 ? letters[v & 63] : '=' };
        kp_buf_add(out, four, 4);
    }
}

int kp_base64_digit(char c)
{
    const char *p = c ? strchr(letters, c) : NULL;
    return p ? (int)(p - letters) : -1;
}

int kp_hex_digit(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}
