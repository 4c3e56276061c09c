/* SPDX-License-Identifier: Apache-2.0 */
#include "core/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

/* ---- UTF-8 (RFC 3629) ---- */

/* Bytes of the character at p, 0 when it is not well formed. */
static size_t utf8_length(const unsigned char *p, size_t n)
{
    if (p[0] < 0x80)
        return 1;
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool outside =
        (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f); /* surrogates, > 10FFFF */
    return overlong || outside ? 0 : len;
}

/* Bytes of the character at p, a bad byte counting as one. */
static size_t step(const char *p, size_t n)
{
    size_t len = utf8_length((const unsigned char *)p, n);
    return len ? len : 1;
}

/* A character that steers a terminal: C0, DEL, and C1 (U+0080 to U+009F). */
static bool is_control(const char *p, size_t len)
{
    const unsigned char *u = (const unsigned char *)p;
    return u[0] < 0x20 || u[0] == 0x7f || (len == 2 && u[0] == 0xc2 && u[1] < 0xa0);
}

bool kp_utf8_valid(const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;
    for (size_t i = 0, len; i < n; i += len) {
        uint64_t eight;
        for (; n - i >= sizeof eight; i += sizeof eight) { /* ASCII, most of the time */
            memcpy(&eight, p + i, sizeof eight);
            if (eight & UINT64_C(0x8080808080808080))
                break;
        }
        if (i == n)
            break;
        if (!(len = utf8_length(p + i, n - i)))
            return false;
    }
    return true;
}

void kp_utf8_trim(char *text)
{
    size_t n = strlen(text), back = 0;
    while (back < 3 && back < n && ((unsigned char)text[n - 1 - back] & 0xc0) == 0x80)
        back++;
    if (back == n)
        return;
    size_t start = n - 1 - back;
    if ((unsigned char)text[start] >= 0xc0 &&
        !utf8_length((const unsigned char *)text + start, n - start))
        text[start] = 0;
}

void kp_utf8_clean(char *out, size_t size, const char *in, size_t n)
{
    static const char replacement[] = "\xef\xbf\xbd";
    size_t used = 0;
    for (size_t i = 0; i < n && in[i];) {
        size_t len = utf8_length((const unsigned char *)in + i, n - i);
        size_t write = len ? len : 3;
        if (used + write + 1 > size)
            break;
        memcpy(out + used, len ? in + i : replacement, write);
        used += write;
        i += len ? len : 1;
    }
    if (size)
        out[used] = 0;
}

/* ---- names and paths ---- */

bool kp_name_valid(const char *name, size_t n)
{
    if (n == 0 || n >= KP_NAME_MAX || !kp_utf8_valid(name, n) || name[0] == ' ' ||
        name[n - 1] == ' ')
        return false;
    for (size_t i = 0, len; i < n; i += len) {
        len = step(name + i, n - i);
        if (is_control(name + i, len) || strchr("/*?", name[i]))
            return false;
    }
    return !(n == 1 && name[0] == '.') && !(n == 2 && name[0] == '.' && name[1] == '.');
}

bool kp_path_valid(const char *path)
{
    if (strlen(path) >= KP_PATH_MAX)
        return false;
    for (const char *p = path;; p++) {
        size_t n = strcspn(p, "/");
        if (!kp_name_valid(p, n))
            return false;
        p += n;
        if (!*p)
            return true;
    }
}

void kp_name_clean(char *out, size_t size, const char *in, size_t n)
{
    if (size > KP_NAME_MAX)
        size = KP_NAME_MAX;
    size_t used = 0, i = 0, len;
    while (i < n && in[i] == ' ')
        i++;
    for (; i < n && in[i]; i += len) {
        len = step(in + i, n - i);
        bool bad = !kp_utf8_valid(in + i, len) || is_control(in + i, len) || strchr("/*?", in[i]);
        size_t write = bad ? 1 : len;
        if (used + write + 1 > size)
            break;
        memcpy(out + used, bad ? "_" : in + i, write);
        used += write;
    }
    while (used && out[used - 1] == ' ')
        used--;
    out[used] = 0;
    if (!*out || strcmp(out, ".") == 0 || strcmp(out, "..") == 0)
        snprintf(out, size, "_");
}

/* ---- patterns ---- */

/* One name against one part of a pattern; '*' is tried shortest first. */
static bool name_match(const char *pat, size_t pn, const char *name, size_t nn)
{
    size_t p = 0, n = 0, star = SIZE_MAX, mark = 0;
    while (n < nn) {
        if (p < pn && pat[p] == '*') {
            star = p++;
            mark = n;
        } else if (p < pn && pat[p] == '?') {
            n += step(name + n, nn - n);
            p++;
        } else if (p < pn && pat[p] == name[n]) {
            p++;
            n++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            n = mark += step(name + mark, nn - mark);
        } else
            return false;
    }
    while (p < pn && pat[p] == '*')
        p++;
    return p == pn;
}

/* `**` matches any number of names; the last one met is widened when what follows fails, so the
 * work is bounded by the product of the lengths. */
static bool path_match(const char *pattern, const char *path)
{
    const char *retry_pattern = NULL, *retry_path = NULL;
    for (;;) {
        size_t pn = strcspn(pattern, "/"), nn = strcspn(path, "/");
        if (!*pattern)
            return true; /* the pattern ends here: the path, or something above it, is named */
        if (pn == 2 && pattern[0] == '*' && pattern[1] == '*') {
            pattern += pn + (pattern[pn] == '/');
            if (!*pattern)
                return true;
            retry_pattern = pattern;
            retry_path = path;
            continue;
        }
        if (*path && name_match(pattern, pn, path, nn)) {
            pattern += pn + (pattern[pn] == '/');
            path += nn + (path[nn] == '/');
            if (!*pattern)
                return true;
            continue;
        }
        if (!retry_pattern || !*retry_path)
            return false;
        retry_path += strcspn(retry_path, "/");
        retry_path += *retry_path == '/';
        pattern = retry_pattern;
        path = retry_path;
    }
}

bool kp_pattern_match(const char *pattern, const char *path)
{
    return path_match(pattern, path);
}

bool kp_pattern_valid(const char *pattern)
{
    size_t n = strlen(pattern);
    if (n >= KP_PATH_MAX || !kp_utf8_valid(pattern, n))
        return false;
    if (n == 0)
        return true;
    for (const char *p = pattern;; p++) {
        size_t part = strcspn(p, "/");
        if (part == 0 || part >= KP_NAME_MAX)
            return false;
        for (size_t i = 0; i < part; i++)
            if (is_control(p + i, part - i < 2 ? 1 : 2))
                return false;
        p += part;
        if (!*p)
            return true;
    }
}

bool kp_pattern_plain(const char *pattern)
{
    return *pattern && !strpbrk(pattern, "*?");
}

/* ---- nearest word ---- */

/* Edit distance with swaps of neighbours (optimal string alignment), cut at 31 characters. */
static unsigned distance(const char *a, const char *b)
{
    enum { MOST = 32 };
    size_t na = strnlen(a, MOST - 1), nb = strnlen(b, MOST - 1);
    unsigned d[MOST][MOST];
    for (size_t i = 0; i <= na; i++)
        d[i][0] = (unsigned)i;
    for (size_t k = 0; k <= nb; k++)
        d[0][k] = (unsigned)k;
    for (size_t i = 1; i <= na; i++) {
        for (size_t k = 1; k <= nb; k++) {
            bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[k - 1]);
            unsigned best = d[i - 1][k - 1] + !same;
            best = d[i - 1][k] + 1 < best ? d[i - 1][k] + 1 : best;
            best = d[i][k - 1] + 1 < best ? d[i][k - 1] + 1 : best;
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] &&
                d[i - 2][k - 2] + 1 < best)
                best = d[i - 2][k - 2] + 1;
            d[i][k] = best;
        }
    }
    return d[na][nb];
}

const char *kp_nearest(const char *word, const char *const *list)
{
    const char *near = NULL;
    size_t n = strlen(word);
    unsigned best =
        n < 3 ? 2 : (unsigned)(n / 3 < 3 ? n / 3 + 1 : 4); /* farther than this is no help */
    for (; *list; list++) {
        unsigned d = distance(word, *list);
        if (d < best) {
            best = d;
            near = *list;
        }
    }
    return near;
}
