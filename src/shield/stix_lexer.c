/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a pattern. The longest that can stand there is taken; blanks are those of Unicode,
 * comments those of C. */
#include "shield/stix_private.h"

#include "core/encoding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

void stix_fault(struct stix_lexer *l, const char *at, const char *fmt, ...)
{
    char why[KP_ERR_TEXT];
    size_t column = 1;
    va_list args;
    va_start(args, fmt);
    vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    for (char *p = why; *p; p++)
        *p = *p > 0 && *p < ' ' ? ' ' : *p; /* one line, whatever is shown of the pattern */
    for (const char *p = l->text; p < at; p++)
        column += (*p & 0xc0) != 0x80;
    kp_fail(l->err, KP_EPARSE, "column %zu: %s", column, why);
}

/* Bytes of the blank that stands there; 0: none. */
static size_t blank(const char *p, const char *end)
{
    static const char *const wide[] = { "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80",
                                        "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf",
                                        "\xe2\x81\x9f", "\xe3\x80\x80" };
    if (*p == ' ' || (*p >= '\t' && *p <= '\r'))
        return 1;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        size_t n = strlen(wide[i]);
        if ((size_t)(end - p) >= n && memcmp(p, wide[i], n) == 0)
            return n;
    }
    bool space = end - p >= 3 && memcmp(p, "\xe2\x80", 2) == 0 && (uint8_t)p[2] >= 0x80 &&
                 (uint8_t)p[2] <= 0x8a; /* U+2000 to U+200A */
    return space ? 3 : 0;
}

static bool starts(const struct stix_lexer *l, const char *with)
{
    size_t n = strlen(with);
    return (size_t)(l->end - l->at) >= n && memcmp(l->at, with, n) == 0;
}

static bool skip(struct stix_lexer *l)
{
    for (size_t n; l->at < l->end;) {
        if ((n = blank(l->at, l->end))) {
            l->at += n;
        } else if (starts(l, "//")) {
            while (l->at < l->end && *l->at != '\n' && *l->at != '\r')
                l->at++;
        } else if (starts(l, "/*")) {
            const char *from = l->at;
            for (l->at += 2; l->at < l->end && !starts(l, "*/");)
                l->at++;
            if (l->at == l->end) {
                stix_fault(l, from, "the comment has no end");
                return false;
            }
            l->at += 2;
        } else {
            break;
        }
    }
    return true;
}

/* ---- quoted ones ---- */
/* Whether the text has the form "dddd-dd-..." of `form`, where d is a digit. */
static bool has_form(const char *p, size_t n, const char *form)
{
    for (size_t i = 0; form[i]; i++)
        if (i >= n || (form[i] == 'd' ? !csaf_digit(p[i]) : p[i] != form[i]))
            return false;
    return true;
}

static unsigned two(const char *p)
{
    return (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
}

static bool time_form(const char *p, size_t n)
{
    if (!has_form(p, n, "dddd-dd-ddTdd:dd:dd") || p[n - 1] != 'Z')
        return false;
    size_t i = 19;
    if (p[i] == '.')
        for (i++; csaf_digit(p[i]);)
            i++;
    return i == n - 1 && i != 20 && two(p + 5) >= 1 && two(p + 5) <= 12 && two(p + 8) >= 1 &&
           two(p + 8) <= 31 && two(p + 11) <= 23 && two(p + 14) <= 59 && two(p + 17) <= 60;
}

static bool hex_form(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (kp_hex_digit(p[i]) < 0)
            return false;
    return n % 2 == 0;
}

static bool base64_form(const char *p, size_t n)
{
    size_t pad = n > 1 ? (p[n - 1] == '=') + (size_t)(p[n - 1] == '=' && p[n - 2] == '=') : 0;
    for (size_t i = 0; i + pad < n; i++)
        if (kp_base64_digit(p[i]) < 0)
            return false;
    return n && n % 4 == 0;
}

/* From the first quote on; the prefix stands before it. */
static bool quoted(struct stix_lexer *l, struct stix_token *t, char prefix)
{
    const char *from = t->at + (prefix != 0) + 1, *p = from;
    for (; p < l->end && *p != '\''; p++) {
        if (*p != '\\' || prefix)
            continue;
        if (p + 1 == l->end || (p[1] != '\'' && p[1] != '\\')) {
            stix_fault(l, p, "behind a backslash in a text only ' or another backslash may stand");
            return false;
        }
        p++;
    }
    if (p >= l->end) {
        stix_fault(l, t->at, "the closing quote is missing");
        return false;
    }
    size_t n = (size_t)(p - from);
    const char *why = prefix == 't' && !time_form(from, n)
                          ? "t'...' holds no time such as 2026-11-28T06:30:00.5Z"
                      : prefix == 'h' && !hex_form(from, n)
                          ? "h'...' holds something else than pairs of hexadecimal digits"
                      : prefix == 'b' && !base64_form(from, n) ? "b'...' holds no base64"
                                                               : NULL;
    if (why)
        stix_fault(l, t->at, "%s", why);
    l->at = p + 1;
    t->word = prefix == 't' ? STIX_TIME : prefix ? STIX_BYTES : STIX_TEXT;
    return !why;
}

/* ---- the others ---- */
static void name(struct stix_lexer *l, struct stix_token *t)
{
    static const char *const keywords[] = { "AND",    "OR",      "NOT",        "FOLLOWEDBY",
                                            "LIKE",   "MATCHES", "ISSUPERSET", "ISSUBSET",
                                            "EXISTS", "LAST",    "IN",         "START",
                                            "STOP",   "SECONDS", "true",       "false",
                                            "WITHIN", "REPEATS", "TIMES" };
    for (; l->at < l->end &&
           (csaf_letter(*l->at) || csaf_digit(*l->at) || *l->at == '_' || *l->at == '-');
         l->at++)
        t->hyphen |= *l->at == '-';
    size_t n = (size_t)(l->at - t->at);
    t->word = STIX_NAME;
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (strlen(keywords[i]) == n && memcmp(keywords[i], t->at, n) == 0)
            t->word = STIX_KEYWORD;
}

/* A number; false: none stands there. */
static bool number(struct stix_lexer *l, struct stix_token *t)
{
    const char *p = l->at + (*l->at == '-' || *l->at == '+'), *whole = p;
    while (p < l->end && csaf_digit(*p))
        p++;
    bool fraction = p + 1 < l->end && *p == '.' && csaf_digit(p[1]);
    if (p == whole && !fraction)
        return false;
    if (fraction)
        for (p++; p < l->end && csaf_digit(*p);)
            p++;
    else if (*whole == '0')
        p = whole + 1; /* what follows is another word, and a fault there */
    t->word = fraction ? STIX_FLOAT : STIX_INT;
    l->at = p;
    return true;
}

static bool sign(struct stix_lexer *l, struct stix_token *t)
{
    static const char *const compares[] = { "==", "!=", "<>", "<=", ">=", "=", "<", ">" };
    for (size_t i = 0; i < sizeof compares / sizeof *compares; i++) {
        if (!starts(l, compares[i]))
            continue;
        l->at += strlen(compares[i]);
        t->word = STIX_COMPARE;
        return true;
    }
    if (!*l->at || !strchr("()[],:.*", *l->at)) {
        stix_fault(l, l->at, "'%.*s' cannot stand here", (*l->at & 0x80) ? 0 : 1, l->at);
        return false;
    }
    l->at++;
    t->word = STIX_SIGN;
    return true;
}

bool stix_lex(struct stix_lexer *l, struct stix_token *t)
{
    bool fine = skip(l);
    *t = (struct stix_token){ .word = STIX_END, .at = l->at };
    if (!fine || l->at == l->end)
        return fine;
    char c = *l->at, next = l->at + 1 < l->end ? l->at[1] : 0;
    if (c == '\'' || (next == '\'' && strchr("thb", c) && c))
        fine = quoted(l, t, c == '\'' ? 0 : c);
    else if (csaf_letter(c) || c == '_')
        name(l, t);
    else if (!number(l, t))
        fine = sign(l, t);
    t->len = (size_t)(l->at - t->at);
    return fine;
}
