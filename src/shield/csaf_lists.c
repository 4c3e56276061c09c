/* SPDX-License-Identifier: Apache-2.0 */
/* What is looked up in lists: language tags (BCP 47) and weaknesses (CWE). tools/shield-lists makes
 * them. */
#define _GNU_SOURCE /* memmem */
#include "shield/csaf_private.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

extern const unsigned char kp_cwe_list[], kp_language_list[];
extern const size_t kp_cwe_list_len, kp_language_list_len;

/* ---- weaknesses: a line each, "79\tname", by number, behind a line about the list ---- */
const char *csaf_cwe_name(const char *id, char room[256])
{
    const char *list = (const char *)kp_cwe_list, *low = list, *high = list + kp_cwe_list_len;
    char *rest = NULL;
    unsigned long wanted = strncmp(id, "CWE-", 4) == 0 ? strtoul(id + 4, &rest, 10) : 0;
    while (low < high && rest && !*rest) {
        const char *line = low + (high - low) / 2;
        while (line > low && line[-1] != '\n')
            line--;
        unsigned long n = line == list ? 0 : strtoul(line, NULL, 10);
        const char *end = line + strcspn(line, "\n");
        const char *name = line + strcspn(line, "\t\n") + 1;
        if (n == wanted && n) {
            snprintf(room, 256, "%.*s", (int)(end - name), name);
            return room;
        }
        if (n < wanted)
            low = end + 1;
        else
            high = line;
    }
    return NULL;
}

/* ---- language tags ---- */
/* A line for each kind: "script adlm afak ... ", lower case. Returns what stands behind the subtag.
 */
static const char *listed(const char *kind, const char *subtag, char behind)
{
    const char *list = (const char *)kp_language_list;
    char line[32], word[40];
    snprintf(line, sizeof line, "\n%s ", kind);
    snprintf(word, sizeof word, " %s%c", subtag, behind);
    const char *from = strstr(list, line);
    size_t n = from ? strcspn(from + 1, "\n") + 1 : 0;
    const char *at = n ? memmem(from, n, word, strlen(word)) : NULL;
    return at ? at + strlen(word) : NULL;
}

enum { SUBTAGS = 32, SUBTAG = 9 };
struct tag {
    size_t n, at;                 /* at: the one looked at */
    char subtag[SUBTAGS][SUBTAG]; /* lower case */
};

static bool split(const char *text, struct tag *t)
{
    *t = (struct tag){ 0 };
    for (;;) {
        size_t len = strcspn(text, "-");
        if (!len || len >= SUBTAG || t->n == SUBTAGS)
            return false;
        for (size_t i = 0; i < len; i++) {
            if ((signed char)text[i] < 0 || !isalnum((unsigned char)text[i]))
                return false;
            t->subtag[t->n][i] = (char)tolower((unsigned char)text[i]);
        }
        t->n++;
        if (!text[len])
            return true;
        text += len + 1;
    }
}

static bool letters(const char *s)
{
    return strspn(s, "abcdefghijklmnopqrstuvwxyz") == strlen(s);
}

static bool is_region(const char *s)
{
    return (strlen(s) == 2 && letters(s)) || (strlen(s) == 3 && strspn(s, "0123456789") == 3);
}

static bool is_variant(const char *s)
{
    size_t n = strlen(s);
    return (n >= 5 && n <= 8) || (n == 4 && s[0] >= '0' && s[0] <= '9');
}

static const char *here(const struct tag *t)
{
    return t->at < t->n ? t->subtag[t->at] : "";
}

/* Calls `see` with each subtag and its kind, in the order of RFC 5646, 2.1; false: none such tag.
 */
static bool walk(struct tag *t, void (*see)(void *, const char *kind, const char *subtag),
                 void *arg)
{
    size_t n = strlen(here(t));
    if (n >= 2 && letters(here(t))) {
        see(arg, "language", t->subtag[t->at++]);
        for (int i = 0; i < 3 && n <= 3 && strlen(here(t)) == 3 && letters(here(t)); i++)
            see(arg, "extlang", t->subtag[t->at++]);
        if (strlen(here(t)) == 4 && letters(here(t)))
            see(arg, "script", t->subtag[t->at++]);
        if (is_region(here(t)))
            see(arg, "region", t->subtag[t->at++]);
        while (is_variant(here(t)))
            see(arg, "variant", t->subtag[t->at++]);
    } else if (strcmp(here(t), "x") != 0) {
        return false;
    }
    while (strlen(here(t)) == 1) {
        bool private = *here(t) == 'x';
        see(arg, "extension", t->subtag[t->at++]);
        size_t first = t->at;
        while (strlen(here(t)) >= (private ? 1U : 2U))
            t->at++;
        if (t->at == first)
            return false;
    }
    return t->at == t->n;
}

static void see_nothing(void *arg, const char *kind, const char *subtag)
{
    (void)arg, (void)kind, (void)subtag;
}

bool csaf_is_language(const char *text)
{
    struct tag t;
    return split(text, &t) && (strcasecmp(text, "i-default") == 0 ||
                               strcasecmp(text, "i-mingo") == 0 || walk(&t, see_nothing, NULL));
}

struct judging {
    char *fault; /* "" while there is none */
    char language[SUBTAG], seen[SUBTAGS][SUBTAG];
    size_t n_seen;
};

static void blame(struct judging *j, const char *what, const char *subtag)
{
    if (!*j->fault)
        snprintf(j->fault, 64, "%s '%s'", what, subtag);
}

/* Variants and the letters of extensions stand once each (RFC 5646, 2.2.9). */
static void see_once(struct judging *j, const char *kind, const char *subtag)
{
    for (size_t i = 0; i < j->n_seen; i++)
        if (strcmp(j->seen[i], subtag) == 0)
            blame(j, "twice the subtag", subtag);
    if (strcmp(kind, "variant") == 0 || strcmp(kind, "extension") == 0)
        snprintf(j->seen[j->n_seen++], SUBTAG, "%s", subtag);
}

static void judge(void *arg, const char *kind, const char *subtag)
{
    struct judging *j = arg;
    size_t n = strlen(j->language);
    if (strcmp(kind, "language") == 0)
        snprintf(j->language, sizeof j->language, "%s", subtag);
    if (strcmp(kind, "extlang") == 0) {
        const char *prefix = listed(kind, subtag, ':');
        if (!prefix || strncmp(prefix, j->language, n) != 0 || prefix[n] != ' ')
            blame(j, "no such extended language", subtag);
    } else if (strcmp(kind, "extension") != 0 && !listed(kind, subtag, ' ')) {
        char what[32];
        snprintf(what, sizeof what, "no such %s", kind);
        blame(j, what, subtag);
    }
    see_once(j, kind, subtag);
}

const char *csaf_language_fault(const char *text, char room[64])
{
    struct tag t;
    struct judging j = { .fault = room };
    char lower[40];
    size_t i = 0;
    for (; text[i] && i + 1 < sizeof lower; i++)
        lower[i] = (char)tolower((unsigned char)text[i]);
    lower[i] = 0;
    *room = 0;
    if (i && !text[i] && !strpbrk(lower, " :") && listed("grandfathered", lower, ' '))
        return NULL;
    if (!split(text, &t) || !walk(&t, judge, &j))
        snprintf(room, 64, "it is not of the form of RFC 5646");
    return *room ? room : NULL;
}

static void see_private(void *arg, const char *kind, const char *subtag)
{
    bool *found = arg, language = strcmp(kind, "language") == 0,
         region = strcmp(kind, "region") == 0;
    size_t n = strlen(subtag);
    if (language && n == 3)
        *found |= strcmp(subtag, "qaa") >= 0 && strcmp(subtag, "qtz") <= 0;
    if (strcmp(kind, "script") == 0)
        *found |= strcmp(subtag, "qaaa") >= 0 && strcmp(subtag, "qabx") <= 0;
    if (region && n == 2)
        *found |= strcmp(subtag, "aa") == 0 || strcmp(subtag, "zz") == 0 || subtag[0] == 'x' ||
                  (subtag[0] == 'q' && subtag[1] >= 'm');
    *found |= strcmp(kind, "extension") == 0 && *subtag == 'x';
}

bool csaf_language_private(const char *text)
{
    struct tag t;
    bool found = false;
    if (split(text, &t))
        walk(&t, see_private, &found);
    return found;
}
