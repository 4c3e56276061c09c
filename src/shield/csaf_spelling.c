/* SPDX-License-Identifier: Apache-2.0 */
/* 6.3.8, spelling: a word that is one letter away from a word of advisories is told. That finds
 * slips in the words that matter ("vulnerabilty", "secruity") and leaves names alone, for which no
 * dictionary would have an entry. */
#include "shield/csaf_private.h"

#include <pthread.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

extern const unsigned char kp_words_list[];

enum {
    WORDS = 1024,
    WORD_LEAST = 7,
    WORD_MOST = 24,
    TABLE = 1 << 14, /* as many as place_of() gives */
    BASE = 1000003,
    RIGHT = 1024
};

/* Each word, and each with one letter left out, leads to the word: two words one letter apart meet
 * there. */
static struct {
    const char *text;
    uint8_t n;
} word[WORDS];
static uint16_t table[TABLE]; /* a word's number + 1; 0: none */
static pthread_once_t made = PTHREAD_ONCE_INIT;

/* Of the first 0, 1 ... n letters: polynomials, so that one of all but a letter needs no walk. */
static void heads(const char *text, size_t n, uint64_t head[])
{
    head[0] = 0;
    for (size_t i = 0; i < n; i++)
        head[i + 1] = head[i] * BASE + (unsigned char)text[i];
}

static size_t place_of(uint64_t hash)
{
    return (size_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> 50);
}

/* Of the n letters without each one, and out[n] of all. */
static void hashes(const uint64_t head[], size_t n, size_t out[])
{
    uint64_t power = 1;
    out[n] = place_of(head[n]);
    for (size_t i = n; i-- > 0; power *= BASE)
        out[i] = place_of(head[n] + (head[i] - head[i + 1]) * power);
}

static size_t entered;

static void enter(const char *text, size_t n, uint16_t number)
{
    uint64_t head[WORD_MOST + 1];
    size_t at[WORD_MOST + 1];
    heads(text, n, head);
    hashes(head, n, at);
    for (size_t i = 0; i <= n; i++, entered++) {
        while (table[at[i]])
            at[i] = (at[i] + 1) % TABLE;
        table[at[i]] = (uint16_t)(number + 1);
    }
}

static void make(void)
{
    uint16_t n = 0;
    for (const char *p = (const char *)kp_words_list; *p && n < WORDS && entered < TABLE / 2;) {
        size_t len = strcspn(p, " \n");
        if (len >= WORD_LEAST - 1 && len < WORD_MOST) {
            word[n].text = p;
            word[n].n = (uint8_t)len;
            enter(p, len, n++);
        }
        p += len + strspn(p + len, " \n");
    }
}

/* Where `a` and `b` differ first, when one letter is another, too many, missing, or has changed
 * places with the next; else n. */
static size_t slip(const char *a, size_t n, const char *b, size_t m)
{
    size_t i = 0;
    while (i < n && i < m && a[i] == b[i])
        i++;
    const char *x = a + i, *y = b + i;
    size_t p = n - i, q = m - i;
    bool other = p == q && p && memcmp(x + 1, y + 1, p - 1) == 0;
    bool more = p == q + 1 && memcmp(x + 1, y, q) == 0;
    bool less = p + 1 == q && memcmp(x, y + 1, p) == 0;
    bool turned =
        p == q && p > 1 && x[0] == y[1] && x[1] == y[0] && memcmp(x + 2, y + 2, p - 2) == 0;
    return other || more || less || turned ? i : n;
}

/* Endings differ by grammar, and British and American English in s for z or c and in -our. */
static bool is_slip(const char *a, size_t n, const char *b, size_t m)
{
    size_t at = slip(a, n, b, m);
    if (!at || at + 1 >= n || at + 1 >= m)
        return false;
    bool zed = n == m && strchr("szc", a[at]) && strchr("szc", b[at]);
    bool our = n != m && (n > m ? a : b)[at] == 'u' && a[at - 1] == 'o';
    return !zed && !our;
}

static bool is_word(const char *text, size_t n, size_t place)
{
    for (size_t at = place; table[at]; at = (at + 1) % TABLE) {
        const uint16_t k = (uint16_t)(table[at] - 1);
        if (word[k].n == n && memcmp(word[k].text, text, n) == 0)
            return true;
    }
    return false;
}

/* The word meant, or -1. A word that is in the list itself is right. Advisories have the same words
 * again and again: those found right stay known by their hashes, whose place is their own. */
static int meant(const char *text, size_t n)
{
    static _Thread_local uint64_t right[RIGHT];
    int found = -1;
    uint64_t head[WORD_MOST + 1];
    size_t place[WORD_MOST + 1];
    heads(text, n, head);
    uint64_t *known = &right[place_of(head[n]) % RIGHT];
    if (*known == head[n])
        return -1;
    hashes(head, n, place);
    bool is = is_word(text, n, place[n]);
    for (size_t i = n + 1; !is && i-- > 0;) {
        for (size_t at = place[i]; table[at]; at = (at + 1) % TABLE) {
            uint16_t k = (uint16_t)(table[at] - 1);
            if (word[k].n >= WORD_LEAST && is_slip(text, n, word[k].text, word[k].n))
                found = k;
        }
    }
    if (found < 0)
        *known = head[n];
    return found;
}

/* A word of letters in lower case but for the first, with neither digits, dots, slashes nor other
 * scripts around it. */
static bool is_plain(const char *text, const char *p, size_t n)
{
    static const char joins[] = "0123456789_/\\@.=&%#'-";
    for (size_t i = 1; i < n; i++)
        if (p[i] < 'a')
            return false;
    bool before = p > text && (strchr(joins, p[-1]) || (signed char)p[-1] < 0);
    bool dot = p[n] == '.' && !csaf_letter(p[n + 1]);
    return !before && (!p[n] || dot || (!strchr(joins, p[n]) && (signed char)p[n] > 0));
}

static void check_text(struct csaf_checking *c, const struct kp_tree *at)
{
    char lower[WORD_MOST];
    for (const char *p = at->text; *p;) {
        size_t n = 0;
        while (csaf_letter(p[n]))
            n++;
        if (n >= WORD_LEAST - 1 && n < WORD_MOST && is_plain(at->text, p, n)) {
            memcpy(lower, p, n);
            lower[0] = (char)(lower[0] | 0x20);
            int k = meant(lower, n);
            if (k >= 0) {
                csaf_found(c, "6.3.8", at, "'%.*s' is perhaps '%.*s'", (int)n, p, word[k].n,
                           word[k].text);
                return;
            }
        }
        p += n ? n : 1;
    }
}

/* Every text that people read; the paths of the standard have these names, and none besides. */
static void check_texts(struct csaf_checking *c, const struct kp_tree *v)
{
    static const char *const keys[] = {
        [4] = "text name", [5] = "title names",   [7] = "summary details",
        [8] = "audience",  [12] = "organization", [17] = "issuing_authority"
    };
    if (v->type == KP_TREE_TEXT) {
        const struct kp_tree *named = v->key || !v->parent ? v : v->parent;
        const char *of =
            named->key && named->key_len < sizeof keys / sizeof *keys ? keys[named->key_len] : NULL;
        if (of && csaf_is(named->key, of))
            check_text(c, v);
        return;
    }
    for (const struct kp_tree *m = v->first; m; m = m->next)
        if (!m->key || strcmp(m->key, "ids") != 0)
            check_texts(c, m);
}

void csaf_check_spelling(struct csaf_checking *c)
{
    const char *lang = kp_tree_text(c->document, "lang");
    if (!lang || c->mandatory_only)
        return;
    if (strncasecmp(lang, "en", 2) != 0 || csaf_letter(lang[2])) {
        csaf_found(c, "6.3.8", kp_tree_get(c->document, "lang"),
                   "spelling in '%.40s' cannot be looked at", lang);
        return;
    }
    pthread_once(&made, make);
    check_texts(c, c->root);
}
