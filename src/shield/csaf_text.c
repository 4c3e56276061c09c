/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of a certain form: times, URIs, CPE names, CVE numbers, hashes. */
#include "shield/csaf_private.h"

#include "core/encoding.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* ---- times ---- */
static bool number(const char **p, int digits, int *out)
{
    *out = 0;
    for (int i = 0; i < digits; i++, (*p)++) {
        if (!csaf_digit(**p))
            return false;
        *out = *out * 10 + (**p - '0');
    }
    return true;
}

static bool passed(const char **p, const char *one_of)
{
    return **p && strchr(one_of, **p) && (*p)++;
}

static bool read_date(const char **p, int64_t *days)
{
    static const int length[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int y, m, d;
    if (!number(p, 4, &y) || !passed(p, "-") || !number(p, 2, &m) || !passed(p, "-") ||
        !number(p, 2, &d) || m < 1 || m > 12)
        return false;
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (d < 1 || d > length[m - 1] + (m == 2 && leap))
        return false;
    int64_t from = m < 3 ? y - 1 : y; /* years begin in March: then the leap day is the last */
    *days = from * 365 + from / 4 - from / 100 + from / 400 + ((m + 9) % 12 * 153 + 2) / 5 + d;
    return true;
}

static bool read_clock(const char **p, struct csaf_stamp *out)
{
    int h, m, s; /* 60: a leap second */
    if (!number(p, 2, &h) || !passed(p, ":") || !number(p, 2, &m) || !passed(p, ":") ||
        !number(p, 2, &s) || h > 23 || m > 59 || s > 60)
        return false;
    out->seconds = h * 3600 + m * 60 + s;
    out->ns = 0;
    if (!passed(p, "."))
        return true;
    uint32_t unit = 100000000;
    bool some = csaf_digit(**p);
    for (; csaf_digit(**p); (*p)++, unit /= 10)
        out->ns += unit * (uint32_t)(**p - '0');
    return some;
}

static bool read_zone(const char **p, int *seconds)
{
    int h, m, sign = **p == '-' ? -1 : 1;
    *seconds = 0;
    if (passed(p, "Zz"))
        return true;
    if (!passed(p, "+-") || !number(p, 2, &h) || !passed(p, ":") || !number(p, 2, &m) || h > 23 ||
        m > 59)
        return false;
    *seconds = sign * (h * 3600 + m * 60);
    return true;
}

bool csaf_stamp(const char *text, struct csaf_stamp *out)
{
    int64_t days;
    int zone;
    if (!text || !read_date(&text, &days) || !passed(&text, "Tt"))
        return false;
    bool leap = strlen(text) > 8 && text[6] == '6';
    if (!read_clock(&text, out) || !read_zone(&text, &zone) || *text)
        return false;
    out->seconds += days * 86400 - zone;
    return !leap || out->seconds % 86400 == 0; /* leap seconds end a day, of UTC */
}

int csaf_stamp_compare(const struct csaf_stamp *a, const struct csaf_stamp *b)
{
    if (a->seconds != b->seconds)
        return a->seconds < b->seconds ? -1 : 1;
    return a->ns < b->ns ? -1 : a->ns > b->ns;
}

bool csaf_is_time(const char *text)
{
    struct csaf_stamp at;
    return csaf_stamp(text, &at);
}

/* ---- URIs (RFC 3986) ---- */
/* A run of characters of this kind; percent signs with two digits behind them are of every kind. */
static const char *run(const char *p, const char *kind)
{
    for (;; p++) {
        if (*p == '%' && kp_hex_digit(p[1]) >= 0 && kp_hex_digit(p[2]) >= 0)
            p += 2;
        else if (!*p || (!csaf_letter(*p) && !csaf_digit(*p) && !strchr(kind, *p)))
            return p;
    }
}

/* Behind the bracket that closes an address of IPv6, or of a version to come; else where it opens.
 */
static const char *bracket(const char *p)
{
    char address[64];
    struct in6_addr six;
    size_t n = strcspn(p + 1, "]");
    if (!p[1 + n] || n >= sizeof address)
        return p;
    memcpy(address, p + 1, n);
    address[n] = 0;
    size_t hex = strspn(address + 1, DIGITS "abcdefABCDEF");
    bool later = (*address == 'v' || *address == 'V') && hex && address[1 + hex] == '.' &&
                 !*run(address + 2 + hex, "-._~!$&'()*+,;=:");
    return later || inet_pton(AF_INET6, address, &six) == 1 ? p + n + 2 : p;
}

static const char *authority(const char *p)
{
    const char *at = run(p, "-._~!$&'()*+,;=:");
    if (*at == '@')
        p = at + 1;
    if (*p == '[')
        p = bracket(p);
    else
        p = run(p, "-._~!$&'()*+,;=");
    return *p == ':' ? p + 1 + strspn(p + 1, DIGITS) : p;
}

bool csaf_is_uri(const char *text)
{
    size_t n = strspn(text, LETTERS DIGITS "+-.");
    if (!csaf_letter(*text) || text[n] != ':')
        return false;
    const char *p = text + n + 1;
    if (p[0] == '/' && p[1] == '/') {
        p = authority(p + 2);
        if (*p && !strchr("/?#", *p))
            return false;
    }
    p = run(p, "-._~!$&'()*+,;=:@/");
    if (*p == '?')
        p = run(p + 1, "-._~!$&'()*+,;=:@/?");
    if (*p == '#')
        p = run(p + 1, "-._~!$&'()*+,;=:@/?");
    return !*p;
}

/* Names reserved by RFC 2606 are in no directory of the Internet, ever. */
bool csaf_host_cannot_be(const char *url)
{
    static const char *const never[] = { ".invalid", ".test", ".example", ".localhost" };
    const char *host = strstr(url, "://");
    if (!host)
        return false;
    host += 3;
    size_t n = strcspn(host, "/?#");
    const char *at = memchr(host, '@', n);
    if (at) {
        n -= (size_t)(at + 1 - host);
        host = at + 1;
    }
    const char *port = memchr(host, ':', n);
    if (port)
        n = (size_t)(port - host);
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        size_t len = strlen(never[i]);
        if (n > len && strncasecmp(host + n - len, never[i], len) == 0)
            return true;
        if (n == len - 1 && strncasecmp(host, never[i] + 1, n) == 0)
            return true;
    }
    return false;
}

/* ---- CPE ---- */
/* Wildcards at the ends only: all stars or question marks as they may stand before and behind. */
static const char *component(const char *p)
{
    if ((*p == '*' || *p == '-') && (!p[1] || p[1] == ':'))
        return p + 1;
    p += *p == '*' ? 1 : strspn(p, "?");
    const char *body = p;
    for (;; p++) {
        if (*p == '\\' && p[1] && strchr("\\*?!\"#$%&'()+,/:;<=>@[]^`{|}~", p[1]))
            p++;
        else if (!csaf_letter(*p) && !csaf_digit(*p) && *p != '-' && *p != '.' && *p != '_')
            break;
    }
    if (p == body)
        return NULL;
    return p + (*p == '*' ? 1 : strspn(p, "?"));
}

static const char *language(const char *p)
{
    if (*p == '*' || *p == '-')
        return p + 1;
    size_t n = strspn(p, LETTERS);
    if (n < 2 || n > 3)
        return NULL;
    p += n;
    if (*p != '-')
        return p;
    n = strspn(p + 1, LETTERS);
    size_t digits = strspn(p + 1, DIGITS);
    return n == 2 ? p + 3 : digits == 3 ? p + 4 : NULL;
}

static bool is_cpe23(const char *p)
{
    if (!*p || !strchr("aho*-", *p))
        return false;
    p++;
    for (int i = 0; i < 10; i++) {
        if (*p != ':')
            return false;
        p = i == 5 ? language(p + 1) : component(p + 1);
        if (!p)
            return false;
    }
    return !*p;
}

static bool is_cpe22(const char *p)
{
    int parts = 0;
    p += *p && strchr("AHOaho", *p);
    for (; *p == ':' && parts < 6; parts++)
        p += 1 + strspn(p + 1, LETTERS DIGITS "._-~%");
    return !*p;
}

bool csaf_is_cpe(const char *text)
{
    if (strncmp(text, "cpe:2.3:", 8) == 0)
        return is_cpe23(text + 8);
    return *text == 'c' && strncasecmp(text, "cpe:/", 5) == 0 && is_cpe22(text + 5);
}

/* ---- others ---- */
bool csaf_is_cve(const char *text)
{
    size_t n = strlen(text);
    return n >= 13 && strncmp(text, "CVE-", 4) == 0 && strspn(text + 4, DIGITS) == 4 &&
           text[8] == '-' && strspn(text + 9, DIGITS) == n - 9;
}

bool csaf_is_hash(const char *text)
{
    size_t n = strlen(text);
    return n >= 32 && strspn(text, DIGITS "abcdefABCDEF") == n;
}

bool csaf_is_vers(const char *text)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyz.-+";
    if (strncmp(text, "vers:", 5) != 0 || !text[5] || !strchr(first, text[5]))
        return false;
    size_t n = 5 + strspn(text + 5, "abcdefghijklmnopqrstuvwxyz.-+" DIGITS);
    return text[n] == '/' && text[n + 1] && text[n + 1] != '\n' && text[n + 1] != '\r';
}

/* ---- versions ---- */
static bool plain_number(const char **p, const char **part, size_t *len)
{
    *part = *p;
    *len = strspn(*p, DIGITS);
    *p += *len;
    return *len && (**part != '0' || *len == 1);
}

/* Words with dots between; a number in a pre-release does not begin with 0. */
static bool words(const char *p, size_t n, bool no_zero)
{
    const char *end = p + n;
    do {
        size_t len = strspn(p, DIGITS LETTERS "-"), numeric = strspn(p, DIGITS);
        if (!len || p + len > end || (no_zero && numeric == len && len > 1 && *p == '0'))
            return false;
        p += len;
    } while (p < end && *p++ == '.');
    return p == end;
}

bool csaf_version(const char *p, struct csaf_version *v)
{
    *v = (struct csaf_version){ 0 };
    if (!p || !plain_number(&p, &v->part[0], &v->len[0]))
        return false;
    if (!*p)
        return true;
    v->semantic = true;
    for (int i = 1; i < 3; i++)
        if (*p++ != '.' || !plain_number(&p, &v->part[i], &v->len[i]))
            return false;
    if (*p == '-') {
        v->pre = p + 1;
        v->pre_len = strcspn(v->pre, "+");
        p = v->pre + v->pre_len;
        if (!words(v->pre, v->pre_len, true))
            return false;
    }
    if (*p == '+')
        v->build = p + 1;
    return v->build ? words(v->build, strlen(v->build), false) : !*p;
}

static int compare_numbers(const char *a, size_t n, const char *b, size_t m)
{
    if (n != m)
        return n < m ? -1 : 1;
    return n ? memcmp(a, b, n) : 0;
}

static int compare_words(const char *a, size_t n, const char *b, size_t m)
{
    bool numbers[] = { strspn(a, DIGITS) >= n, strspn(b, DIGITS) >= m };
    if (numbers[0] != numbers[1])
        return numbers[0] ? -1 : 1;
    if (numbers[0])
        return compare_numbers(a, n, b, m);
    int d = memcmp(a, b, n < m ? n : m);
    return d ? d : n < m ? -1 : n > m;
}

/* Semantic Versioning 2.0.0, 11: none is later than any; more words are later than fewer. */
static int compare_pre(const struct csaf_version *a, const struct csaf_version *b)
{
    if (!a->pre || !b->pre)
        return !a->pre - !b->pre;
    const char *x = a->pre, *y = b->pre, *x_end = x + a->pre_len, *y_end = y + b->pre_len;
    while (x < x_end && y < y_end) {
        size_t n = strcspn(x, ".+"), m = strcspn(y, ".+");
        int d = compare_words(x, n, y, m);
        if (d)
            return d;
        x += n + 1;
        y += m + 1;
    }
    return (x < x_end) - (y < y_end);
}

int csaf_version_compare(const struct csaf_version *a, const struct csaf_version *b, bool pre_too)
{
    int d = 0;
    for (int i = 0; i < 3 && !d; i++) {
        const char *x = a->len[i] ? a->part[i] : "0", *y = b->len[i] ? b->part[i] : "0";
        d = compare_numbers(x, a->len[i] ? a->len[i] : 1, y, b->len[i] ? b->len[i] : 1);
    }
    return d || !pre_too ? d : compare_pre(a, b);
}
