/* SPDX-License-Identifier: Apache-2.0 */
#include "core/json.h"

#include "core/encoding.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

/* Text that needs no quotes, behind its comma. */
static void put(struct kp_json *j, const char *text, size_t n)
{
    char *p = kp_buf_room(j->out, n + 1);
    if (!p)
        return;
    if (j->comma)
        *p++ = ',';
    memcpy(p, text, n);
    j->out->len += n + j->comma;
    j->comma = true;
}

static void item(struct kp_json *j)
{
    put(j, "", 0);
}

void kp_json_begin(struct kp_json *j, char bracket)
{
    put(j, &bracket, 1);
    j->comma = false;
}

void kp_json_end(struct kp_json *j, char bracket)
{
    kp_buf_add(j->out, &bracket, 1);
    j->comma = true;
}

static void escape(struct kp_buf *out, unsigned char c)
{
    static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (const char *p = letters; *p; p += 2)
        if ((unsigned char)*p == c) {
            kp_buf_add(out, (char[]){ '\\', p[1] }, 2);
            return;
        }
    kp_buf_printf(out, "\\u%04x", c);
}

static void quoted(struct kp_buf *out, const char *text, size_t n)
{
    kp_buf_add(out, "\"", 1);
    size_t start = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        kp_buf_add(out, text + start, i - start);
        escape(out, c);
        start = i + 1;
    }
    kp_buf_add(out, text + start, n - start);
    kp_buf_add(out, "\"", 1);
}

/* Text of doubtful origin: each bad byte becomes U+FFFD. */
static void quoted_clean(struct kp_buf *out, const char *text, size_t n)
{
    char *clean = kp_alloc(3 * n + 1);
    if (!clean) {
        out->failed = true;
        return;
    }
    kp_utf8_clean(clean, 3 * n + 1, text, n);
    quoted(out, clean, strlen(clean));
    kp_free(clean);
}

/* Eight bytes of ASCII with nothing to escape. */
static bool plain_word(uint64_t eight)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t quote = eight ^ ones * '"', slash = eight ^ ones * '\\';
    /* a byte below k borrows from its top bit when k is taken off */
    return !((eight | (eight - ones * 0x20) | (quote - ones) | (slash - ones)) & tops);
}

/* All of it, as nearly every text is; the last word overlaps the one before. */
static bool plain(const char *text, size_t n)
{
    uint64_t word;
    uint32_t low, high;
    if (n >= sizeof word) {
        for (size_t i = 0; i + sizeof word < n; i += sizeof word) {
            memcpy(&word, text + i, sizeof word);
            if (!plain_word(word))
                return false;
        }
        memcpy(&word, text + n - sizeof word, sizeof word);
        return plain_word(word);
    }
    if (n >= sizeof low) {
        memcpy(&low, text, sizeof low);
        memcpy(&high, text + n - sizeof high, sizeof high);
        return plain_word((uint64_t)high << 32 | low);
    }
    for (; n; text++, n--)
        if (*text < 0x20 || *text == '"' || *text == '\\')
            return false;
    return true;
}

/* A plain text with its comma and quotes, and behind it a colon or nothing. */
static void put_plain(struct kp_json *j, const char *text, size_t n, bool key)
{
    char *start = kp_buf_room(j->out, n + 4), *p = start;
    if (!p)
        return;
    if (j->comma)
        *p++ = ',';
    *p++ = '"';
    if (n)
        memcpy(p, text, n);
    p += n;
    *p++ = '"';
    if (key)
        *p++ = ':';
    j->out->len += (size_t)(p - start);
    j->comma = !key;
}

void kp_json_textn(struct kp_json *j, const char *text, size_t n)
{
    if (plain(text, n)) {
        put_plain(j, text, n, false);
        return;
    }
    item(j);
    if (kp_utf8_valid(text, n))
        quoted(j->out, n ? text : "", n);
    else
        quoted_clean(j->out, text, n);
}

void kp_json_text(struct kp_json *j, const char *text)
{
    if (text)
        kp_json_textn(j, text, strlen(text));
    else
        kp_json_null(j);
}

void kp_json_keyn(struct kp_json *j, const char *key, size_t n)
{
    if (plain(key, n)) {
        put_plain(j, key, n, true);
        return;
    }
    kp_json_textn(j, key, n);
    kp_buf_add(j->out, ":", 1);
    j->comma = false;
}

static char *two_before(char *end, unsigned v)
{
    static const char pairs[] = "0001020304050607080910111213141516171819"
                                "2021222324252627282930313233343536373839"
                                "4041424344454647484950515253545556575859"
                                "6061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    memcpy(end - 2, pairs + 2 * (size_t)v, 2);
    return end - 2;
}

/* Writes the digits of `v`, `decimals` of them behind a point, so that they end at `end`. */
static void digits_before(char *end, uint64_t v, unsigned decimals)
{
    unsigned left = decimals;
    for (; left >= 2; left -= 2, v /= 100)
        end = two_before(end, v % 100);
    if (left) {
        *--end = (char)('0' + v % 10);
        v /= 10;
    }
    if (decimals)
        *--end = '.';
    for (; v >= 100; v /= 100)
        end = two_before(end, v % 100);
    if (v >= 10)
        two_before(end, (unsigned)v);
    else
        end[-1] = (char)('0' + v);
}

static unsigned digits_of(uint64_t v)
{
    unsigned n = 1;
    for (uint64_t ten = 10; n < 20 && v >= ten; ten *= 10)
        n++;
    return n;
}

static void put_digits(struct kp_json *j, bool negative, uint64_t v, unsigned decimals)
{
    unsigned n = digits_of(v);
    n = decimals ? (n > decimals ? n : decimals + 1) + 1 : n;
    char *start = kp_buf_room(j->out, n + 2), *p = start;
    if (!p)
        return;
    if (j->comma)
        *p++ = ',';
    if (negative)
        *p++ = '-';
    digits_before(p + n, v, decimals);
    j->out->len += (size_t)(p - start) + n;
    j->comma = true;
}

void kp_json_int(struct kp_json *j, int64_t v)
{
    put_digits(j, v < 0, v < 0 ? -(uint64_t)v : (uint64_t)v, 0);
}

void kp_json_uint(struct kp_json *j, uint64_t v)
{
    put_digits(j, false, v, 0);
}

/* Most values of sensors: few decimals. A quotient of two exact doubles is the double nearest to that decimal
 * number, so when it is v, its digits read back as v. */
static bool put_decimal(struct kp_json *j, double v)
{
    static const double powers[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6 };
    double size = fabs(v);
    if (!(size >= 1e-4 && size < 1e9))
        return false;
    for (unsigned k = 0; k < sizeof powers / sizeof powers[0]; k++) {
        double product = size * powers[k], whole = rint(product);
        bool near = fabs(product - whole) <= product * 0x1p-50; /* a division for those alone */
        if (near && whole / powers[k] == size) {
            put_digits(j, v < 0, (uint64_t)whole, k);
            return true;
        }
    }
    return false;
}

/* The fewest digits that read back as the same number; floats need at most 9, doubles 17. */
static void real(struct kp_json *j, double v, bool is_float)
{
    char text[40] = "-0.0"; /* "-0" would be read as the integer, and lose its sign */
    int n = 4;
    if (!is_float && put_decimal(j, v))
        return;
    for (int digits = is_float ? 6 : 15; digits <= 17 && !(v == 0 && signbit(v)); digits++) {
        n = snprintf(text, sizeof text, "%.*g", digits, v);
        if (is_float ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v)
            break;
    }
    put(j, text, (size_t)n);
}

void kp_json_double(struct kp_json *j, double v)
{
    if (isfinite(v))
        real(j, v, false);
    else
        kp_json_null(j);
}

void kp_json_bool(struct kp_json *j, bool v)
{
    kp_json_raw(j, v ? "true" : "false");
}

void kp_json_null(struct kp_json *j)
{
    kp_json_raw(j, "null");
}

void kp_json_time(struct kp_json *j, int64_t at)
{
    if (at == KP_NO_TIME || at == KP_FOREVER) {
        kp_json_null(j);
        return;
    }
    char *start = kp_buf_room(j->out, KP_TIME_TEXT + 3), *p = start;
    if (!p)
        return;
    if (j->comma)
        *p++ = ',';
    *p++ = '"';
    p += kp_time_print_near(&j->minute, at, p);
    *p++ = '"';
    j->out->len += (size_t)(p - start);
    j->comma = true;
}

void kp_json_raw(struct kp_json *j, const char *text)
{
    text = text && *text ? text : "null";
    put(j, text, strlen(text));
}

static void base64(struct kp_json *j, const uint8_t *p, size_t n)
{
    item(j);
    kp_buf_add(j->out, "\"", 1);
    kp_base64(j->out, p, n);
    kp_buf_add(j->out, "\"", 1);
}

static void special(struct kp_json *j, double v, bool is_float)
{
    if (isfinite(v))
        real(j, v, is_float);
    else
        kp_json_text(j, isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity");
}

static void large(struct kp_json *j, uint64_t u)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, u);
    kp_json_text(j, text);
}

static void scalar(struct kp_json *j, const struct kp_value *v)
{
    switch (v->type) {
    case KP_BOOL:
        kp_json_bool(j, v->b);
        break;
    case KP_INT64:
        kp_json_int(j, v->i);
        break;
    case KP_UINT64: /* most readers know no larger number than 2^63 - 1 */
        if (v->u <= INT64_MAX)
            kp_json_uint(j, v->u);
        else
            large(j, v->u);
        break;
    case KP_FLOAT:
        special(j, (double)v->f, true);
        break;
    case KP_DOUBLE:
        special(j, v->d, false);
        break;
    case KP_STRING:
        kp_json_textn(j, v->data, v->len);
        break;
    case KP_BYTES:
        base64(j, v->data, v->len);
        break;
    case KP_TIME:
        kp_json_time(j, v->i);
        break;
    default:
        kp_json_null(j);
    }
}

void kp_json_value(struct kp_json *j, const struct kp_value *v)
{
    if (!(v->type & KP_ARRAY)) {
        scalar(j, v);
        return;
    }
    struct kp_value e;
    size_t pos = 0;
    kp_json_begin(j, '[');
    while (kp_array_next(v, &pos, &e))
        scalar(j, &e);
    kp_json_end(j, ']');
}
