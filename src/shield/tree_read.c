/* SPDX-License-Identifier: Apache-2.0 */
/* JSON (RFC 8259) straight into the tree: values lie in the arena, all texts in one block of it. */
#include "shield/tree.h"

#include "core/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { FEW_KEYS = 24, EXACT_DIGITS = 15, EXACT_POWER = 22, NUMBER_TEXT = 1100 };

struct reader {
    const char *begin, *at, *end;
    char *text; /* where the next one goes: never longer than what it was made of */
    struct kp_arena *arena;
    struct kp_err *err;
    uint32_t values;
};

/* ---- faults ---- */
static enum kp_code bad(struct reader *r, const char *why)
{
    unsigned line = 1;
    for (const char *p = r->begin; p < r->at && p < r->end; p++)
        line += *p == '\n';
    return r->at >= r->end ? kp_fail(r->err, KP_EPARSE, "line %u: premature end of input", line)
                           : kp_fail(r->err, KP_EPARSE, "line %u: %s", line, why);
}

static enum kp_code full(struct reader *r, const struct kp_tree *at, const char *why, int most)
{
    char pointer[160];
    kp_tree_pointer(at, pointer, sizeof pointer);
    return kp_fail(r->err, KP_EFULL, "%s: %s %d", pointer, why, most);
}

/* ---- texts ---- */
static bool read_four(struct reader *r, unsigned *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        char c = r->at < r->end ? *r->at : 0;
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                : 16;
        if (digit == 16)
            return !bad(r, "invalid escape");
        *code = *code * 16 + digit;
    }
    return true;
}

static void put_character(struct reader *r, unsigned code)
{
    char *o = r->text;
    if (code < 0x80) {
        *o++ = (char)code;
    } else if (code < 0x800) {
        *o++ = (char)(0xc0 | code >> 6);
        *o++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *o++ = (char)(0xe0 | code >> 12);
        *o++ = (char)(0x80 | (code >> 6 & 0x3f));
        *o++ = (char)(0x80 | (code & 0x3f));
    } else {
        *o++ = (char)(0xf0 | code >> 18);
        *o++ = (char)(0x80 | (code >> 12 & 0x3f));
        *o++ = (char)(0x80 | (code >> 6 & 0x3f));
        *o++ = (char)(0x80 | (code & 0x3f));
    }
    r->text = o;
}

/* Behind "\u"; the second half of a pair follows the first. */
static bool read_unicode(struct reader *r)
{
    unsigned code, low;
    if (!read_four(r, &code))
        return false;
    if (code == 0)
        return !bad(r, "\\u0000 is not allowed");
    if (code >= 0xdc00 && code < 0xe000)
        return !bad(r, "invalid Unicode: half a pair");
    if (code >= 0xd800 && code < 0xdc00) {
        if (r->end - r->at < 6 || r->at[0] != '\\' || r->at[1] != 'u')
            return !bad(r, "invalid Unicode: half a pair");
        r->at += 2;
        if (!read_four(r, &low))
            return false;
        if (low < 0xdc00 || low >= 0xe000)
            return !bad(r, "invalid Unicode: half a pair");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    put_character(r, code);
    return true;
}

static bool read_escape(struct reader *r)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = r->at < r->end ? *r->at : 0;
    const char *at = c ? strchr(from, c) : NULL;
    if (c == 'u') {
        r->at++;
        return read_unicode(r);
    }
    if (!at)
        return !bad(r, "invalid escape");
    *r->text++ = to[at - from];
    r->at++;
    return true;
}

/* Behind the opening quote. */
/* To the first quote, backslash or control character: eight at a time while there is none. */
static const char *skip_plain(const char *p, const char *end)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    for (uint64_t w; end - p >= 8; p += 8) {
        memcpy(&w, p, sizeof w);
        uint64_t quote = w ^ ones * '"', slash = w ^ ones * '\\';
        uint64_t any = ((quote - ones) & ~quote) | ((slash - ones) & ~slash) |
                       ((w - ones * 0x20) & ~w); /* a high bit where a byte is one of them */
        if (any & high)
            break;
    }
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
        p++;
    return p;
}

static const char *read_text(struct reader *r, uint32_t *len)
{
    char *begin = r->text;
    for (;;) {
        const char *p = skip_plain(r->at, r->end);
        memcpy(r->text, r->at, (size_t)(p - r->at));
        r->text += p - r->at;
        r->at = p;
        if (p == r->end || (unsigned char)*p < 0x20)
            return bad(r, "a control character in a text"), NULL;
        r->at++;
        if (*p == '"')
            break;
        if (!read_escape(r))
            return NULL;
    }
    *len = (uint32_t)(r->text - begin);
    *r->text++ = 0;
    return begin;
}

/* ---- numbers ---- */
static size_t digits(const char *p, const char *end)
{
    const char *begin = p;
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return (size_t)(p - begin);
}

/* How long it is; 0: it is none. *dot: digits behind the point, *power: it has an exponent. */
static size_t measure(const char *p, const char *end, size_t *dot, bool *power)
{
    const char *begin = p;
    p += *p == '-';
    size_t n = digits(p, end);
    if (!n || (n > 1 && *p == '0'))
        return 0;
    p += n;
    *dot = 0;
    if (p < end && *p == '.') {
        *dot = digits(p + 1, end);
        if (!*dot)
            return 0;
        p += 1 + *dot;
    }
    *power = p < end && (*p == 'e' || *p == 'E');
    if (*power) {
        p++;
        p += p < end && (*p == '+' || *p == '-');
        n = digits(p, end);
        if (!n)
            return 0;
        p += n;
    }
    return (size_t)(p - begin);
}

/* Few digits and a small power of ten are exact in a double, so their quotient is rounded once. */
static double quick(const char *p, size_t n, size_t dot)
{
    static const double tens[] = { 1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
    int64_t whole = 0;
    for (size_t i = 0; i < n; i++)
        if (p[i] >= '0' && p[i] <= '9')
            whole = whole * 10 + (p[i] - '0');
    double v = (double)whole / tens[dot];
    return *p == '-' ? -v : v;
}

static enum kp_code read_number(struct reader *r, double *out)
{
    char text[NUMBER_TEXT];
    size_t dot;
    bool power;
    size_t n = measure(r->at, r->end, &dot, &power);
    if (!n || n >= sizeof text)
        return bad(r, n ? "a number is too long" : "invalid token");
    if (!power && n <= EXACT_DIGITS) {
        *out = quick(r->at, n, dot);
    } else {
        memcpy(text, r->at, n);
        text[n] = 0;
        *out = strtod(text, NULL);
    }
    if (isinf(*out))
        return bad(r, "real number overflow");
    r->at += n;
    return KP_OK;
}

/* ---- values ---- */
static void skip(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
        r->at++;
}

static bool follows(struct reader *r, char c)
{
    skip(r);
    bool is = r->at < r->end && *r->at == c;
    r->at += is;
    return is;
}

static enum kp_code read_value(struct reader *, struct kp_tree *parent, const char *key,
                               uint32_t key_len, unsigned depth, struct kp_tree **);

static int by_key(const void *a, const void *b)
{
    const struct kp_tree *x = *(const struct kp_tree *const *)a,
                         *y = *(const struct kp_tree *const *)b;
    return strcmp(x->key, y->key);
}

static bool few_have_twice(const struct kp_tree *object)
{
    const struct kp_tree *all[FEW_KEYS];
    size_t n = 0;
    for (const struct kp_tree *m = object->first; m; m = m->next) {
        for (size_t i = 0; i < n; i++)
            if (all[i]->key_len == m->key_len && memcmp(all[i]->key, m->key, m->key_len) == 0)
                return true;
        all[n++] = m;
    }
    return false;
}

static enum kp_code refuse_twice(struct reader *r, const struct kp_tree *object)
{
    if (object->n <= FEW_KEYS)
        return few_have_twice(object) ? bad(r, "duplicate object key") : KP_OK;
    const struct kp_tree **all = kp_arena_alloc(r->arena, object->n * sizeof *all);
    size_t n = 0;
    if (!all)
        return kp_fail(r->err, KP_ENOMEM, "out of memory reading the document");
    for (const struct kp_tree *m = object->first; m; m = m->next)
        all[n++] = m;
    qsort(all, n, sizeof *all, by_key);
    for (size_t i = 1; i < n; i++)
        if (strcmp(all[i - 1]->key, all[i]->key) == 0)
            return bad(r, "duplicate object key");
    return KP_OK;
}

static enum kp_code read_members(struct reader *r, struct kp_tree *v, unsigned depth)
{
    struct kp_tree **end = &v->first, *last = NULL;
    if (follows(r, '}'))
        return KP_OK;
    do {
        uint32_t len;
        if (!follows(r, '"'))
            return bad(r, "string or '}' expected");
        const char *key = read_text(r, &len);
        if (!key)
            return r->err->code;
        if (v->n == KP_TREE_KEYS_MAX)
            return full(r, v, "an object with more keys than", KP_TREE_KEYS_MAX);
        if (!follows(r, ':'))
            return bad(r, "':' expected");
        if (read_value(r, v, key, len, depth, end))
            return r->err->code;
        v->n++;
        v->unsorted |= last && strcmp(last->key, key) > 0;
        last = *end;
        end = &last->next;
    } while (follows(r, ','));
    if (r->at == r->end || *r->at != '}')
        return bad(r, "'}' expected");
    if (refuse_twice(r, v))
        return r->err->code;
    r->at++;
    return KP_OK;
}

static enum kp_code read_items(struct reader *r, struct kp_tree *v, unsigned depth)
{
    struct kp_tree **end = &v->first;
    if (follows(r, ']'))
        return KP_OK;
    do {
        if (read_value(r, v, NULL, 0, depth, end))
            return r->err->code;
        v->n++;
        end = &(*end)->next;
    } while (follows(r, ','));
    return follows(r, ']') ? KP_OK : bad(r, "']' expected");
}

static enum kp_code read_word(struct reader *r, struct kp_tree *v)
{
    static const struct {
        const char *word;
        uint8_t len, type;
    } words[] = { { "true", 4, KP_TREE_TRUE },
                  { "false", 5, KP_TREE_FALSE },
                  { "null", 4, KP_TREE_NULL } };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if ((size_t)(r->end - r->at) >= words[i].len &&
            memcmp(r->at, words[i].word, words[i].len) == 0) {
            r->at += words[i].len;
            v->type = words[i].type;
            return KP_OK;
        }
    return bad(r, "invalid token");
}

static enum kp_code read_inside(struct reader *r, struct kp_tree *v, unsigned depth)
{
    char c = r->at < r->end ? *r->at : 0;
    if (c == '{' || c == '[') {
        r->at++;
        v->type = c == '{' ? KP_TREE_OBJECT : KP_TREE_LIST;
        return c == '{' ? read_members(r, v, depth + 1) : read_items(r, v, depth + 1);
    }
    if (c == '"') {
        r->at++;
        v->type = KP_TREE_TEXT;
        v->text = read_text(r, &v->n);
        return r->err->code;
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        v->type = KP_TREE_NUMBER;
        return read_number(r, &v->number);
    }
    return read_word(r, v);
}

static enum kp_code read_value(struct reader *r, struct kp_tree *parent, const char *key,
                               uint32_t key_len, unsigned depth, struct kp_tree **out)
{
    struct kp_tree *v = *out = kp_arena_alloc(r->arena, sizeof *v);
    if (!v)
        return kp_fail(r->err, KP_ENOMEM, "out of memory reading the document");
    v->key = key;
    v->key_len = key_len;
    v->parent = parent;
    v->order = r->values++;
    if (depth > KP_TREE_DEPTH_MAX)
        return full(r, v, "the document is nested deeper than", KP_TREE_DEPTH_MAX);
    if (r->values > KP_TREE_VALUES_MAX)
        return kp_fail(r->err, KP_EFULL, "the document has more than %d values",
                       KP_TREE_VALUES_MAX);
    skip(r);
    return read_inside(r, v, depth);
}

/* ---- the document ---- */
static enum kp_code find_bad_byte(struct reader *r)
{
    char why[60];
    for (; r->at < r->end && kp_utf8_valid(r->at, 1); r->at++)
        ; /* plain; the first of the others may be right, what follows is not */
    while (r->at < r->end) {
        size_t n = 1;
        while (n <= 4 && n <= (size_t)(r->end - r->at) && !kp_utf8_valid(r->at, n))
            n++;
        if (n > 4 || n > (size_t)(r->end - r->at))
            break;
        r->at += n;
    }
    snprintf(why, sizeof why, "unable to decode byte 0x%02x",
             r->at < r->end ? (unsigned char)*r->at : 0);
    return bad(r, why);
}

enum kp_code kp_tree_read(const char *text, size_t len, struct kp_arena *arena,
                          struct kp_tree **out, struct kp_err *err)
{
    size_t mark = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    struct reader r = { text + mark, text + mark, text + len, NULL, arena, err, 0 };
    *out = NULL;
    if (!kp_utf8_valid(r.begin, len - mark))
        return find_bad_byte(&r);
    if (!(r.text = kp_arena_alloc(arena, len + 1)))
        return kp_fail(err, KP_ENOMEM, "out of memory reading the document");
    skip(&r);
    if (r.at == r.end || (*r.at != '{' && *r.at != '['))
        return kp_fail(err, KP_EPARSE, "line 1: '[' or '{' expected");
    if (read_value(&r, NULL, NULL, 0, 1, out))
        return err->code;
    skip(&r);
    return r.at == r.end ? KP_OK : bad(&r, "end of file expected");
}
