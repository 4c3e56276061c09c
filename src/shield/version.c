/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/version.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

#define TAIL "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-+"

/* ---- one version ---- */
static const struct {
    const char *word;
    enum kp_version_mark mark;
} mark_words[] = {
    { "servicepack", KP_MARK_SERVICE_PACK },
    { "service pack", KP_MARK_SERVICE_PACK },
    { "sp", KP_MARK_SERVICE_PACK },
    { "featurepack", KP_MARK_FEATURE_PACK },
    { "feature pack", KP_MARK_FEATURE_PACK },
    { "fp", KP_MARK_FEATURE_PACK },
    { "service release", KP_MARK_SERVICE_RELEASE },
    { "sr", KP_MARK_SERVICE_RELEASE },
    { "rs", KP_MARK_SERVICE_RELEASE },
    { "mp", KP_MARK_SERVICE_RELEASE },
    { "update", KP_MARK_UPDATE },
    { "upd", KP_MARK_UPDATE },
    { "hotfix", KP_MARK_HOTFIX },
    { "hot fix", KP_MARK_HOTFIX },
    { "hf", KP_MARK_HOTFIX },
    { "patch", KP_MARK_PATCH },
    { "p", KP_MARK_PATCH },
    { "build", KP_MARK_BUILD },
    { "b", KP_MARK_BUILD },
};
static const char *const prefixes[] = { "versions", "version", "vers",     "ver", "revision",
                                        "release",  "rev",     "firmware", "fw",  "software",
                                        "sw",       "v",       "r" };
static const char *const early_words[] = { "alpha", "beta", "rc", "pre", "preview" };

static bool letter(char c)
{
    return isalpha((unsigned char)c);
}
static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The word stands here, whatever its case; how long it is. */
static size_t stands(const char *t, const char *word)
{
    size_t n = strlen(word);
    return strncasecmp(t, word, n) == 0 ? n : 0;
}

static const char *number(const char *t, uint64_t *out)
{
    *out = 0;
    for (; digit(*t); t++)
        *out = *out > UINT64_MAX / 16 ? *out : *out * 10 + (uint64_t)(*t - '0');
    return t;
}

static const char *skip(const char *t, const char *these)
{
    return t + strspn(t, these);
}

/* "V", "FW: V", "Rev. "; other letters in front of the first digit are the scheme. */
static const char *read_front(const char *t, struct kp_version *v)
{
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes && !more; i++) {
            size_t n = stands(t, prefixes[i]);
            const char *after = skip(t + n, " .:-_");
            if (n && !letter(t[n]) && (digit(*after) || letter(*after))) {
                t = after;
                more = true;
            } else if (n && (t[n] == 'v' || t[n] == 'V') && digit(t[n + 1])) { /* "FWV2" */
                t += n;
                more = true;
            }
        }
    }
    size_t n = 0;
    while (letter(t[n]))
        n++;
    const char *after = skip(t + n, "-_");
    if (!n || !digit(*after) || n >= sizeof v->scheme)
        return n ? NULL : t;
    for (size_t i = 0; i < n; i++)
        v->scheme[i] = (char)tolower((unsigned char)t[i]);
    return after;
}

static const char *read_groups(const char *t, struct kp_version *v)
{
    for (;;) {
        uint64_t value;
        t = number(t, &value);
        if (v->n < KP_VERSION_GROUPS)
            v->group[v->n++] = value;
        if (*t != '.')
            return t;
        if ((t[1] == 'x' || t[1] == 'X' || t[1] == '*') && !letter(t[2]) && !digit(t[2])) {
            v->open = true;
            return t + 2;
        }
        if (!digit(t[1]))
            return t;
        t++;
    }
}

static void set_mark(struct kp_version *v, enum kp_version_mark mark, uint64_t value)
{
    v->has |= (uint16_t)(1U << mark);
    v->mark[mark] = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

/* "SP1", "Update 3", "(build 12)", "HF-2"; NULL: none of these. */
static const char *read_mark(const char *t, struct kp_version *v)
{
    uint64_t value;
    for (size_t i = 0; i < sizeof mark_words / sizeof *mark_words; i++) {
        size_t n = stands(t, mark_words[i].word);
        const char *after = skip(t + n, " .#-_");
        if (!n || !digit(*after) || (v->has >> mark_words[i].mark & 1))
            continue;
        after = number(after, &value);
        set_mark(v, mark_words[i].mark, value);
        return after;
    }
    for (size_t i = 0; i < sizeof early_words / sizeof *early_words; i++) {
        size_t n = stands(t, early_words[i]);
        if (n && !letter(t[n])) {
            v->early = true;
            return number(skip(t + n, " .-_"), &value);
        }
    }
    return NULL;
}

/* What belongs to it and is not understood: letters and digits without a gap. */
static const char *read_tail(const char *t, struct kp_version *v)
{
    size_t n = strspn(t, TAIL), kept = 0;
    while (n && strchr(".-+", t[n - 1]))
        n--;
    for (size_t i = 0; i < n && kept + 1 < sizeof v->tail; i++)
        if (letter(t[i]) || digit(t[i]))
            v->tail[kept++] = (char)tolower((unsigned char)t[i]);
    return t + n;
}

static const char *read_one_more(const char *t, struct kp_version *v)
{
    uint64_t value;
    const char *after = skip(t, " ,.-_(");
    const char *mark = read_mark(after, v);
    if (mark)
        return *mark == ')' ? mark + 1 : mark;
    if (*t == '(' && digit(t[1]) && !(v->has >> KP_MARK_PAREN & 1)) {
        after = number(t + 1, &value);
        if (*after == ')') {
            set_mark(v, KP_MARK_PAREN, value);
            return after + 1;
        }
        return NULL;
    }
    if (*t == '-' && digit(t[1]) && !(v->has >> KP_MARK_DASH & 1)) {
        after = number(t + 1, &value);
        set_mark(v, KP_MARK_DASH, value);
        return after;
    }
    if (letter(*t) && !letter(t[1]) && !digit(t[1])) {
        set_mark(v, KP_MARK_LETTER, (uint64_t)(tolower((unsigned char)*t) - 'a' + 1));
        return t + 1;
    }
    if (letter(*t) || ((*t == '.' || *t == '-' || *t == '+') && (letter(t[1]) || digit(t[1])))) {
        after = read_tail(t, v);
        return after > t ? after : NULL;
    }
    return NULL;
}

bool kp_version_read(const char *text, struct kp_version *v)
{
    memset(v, 0, sizeof *v);
    const char *t = skip(text, " \t"), *first = t;
    if (strnlen(text, UINT16_MAX) == UINT16_MAX)
        return false; /* no version is as long */
    v->from = (uint16_t)(t - text);
    t = read_front(t, v);
    if (t && digit(*t) && !v->scheme[0])
        t = read_groups(t, v);
    else if ((t = read_mark(first, v)) == NULL) { /* "SP2", without numbers */
        if (!v->scheme[0])
            return false;
        t = read_groups(strpbrk(first, "0123456789"), v);
    } else
        v->scheme[0] = 0;
    while (!v->tail[0]) {
        const char *after = read_one_more(t, v);
        if (!after)
            break;
        t = after;
    }
    v->to = (uint16_t)(t - text);
    return true;
}

/* ---- the order ---- */
static struct kp_comparison no_order(const char *why)
{
    return (struct kp_comparison){ .order = KP_NO_ORDER, .why = why };
}

static struct kp_comparison compare_marks(const struct kp_version *a, const struct kp_version *b)
{
    struct kp_comparison c = { .order = KP_EQUAL };
    for (unsigned i = 0; i < KP_MARKS; i++) {
        bool mine = a->has >> i & 1, its = b->has >> i & 1;
        if (its && !mine)
            return c.beyond ? (struct kp_comparison){ .order = KP_GREATER, .beyond = true }
                            : no_order("the service pack, update or build is not known");
        if (mine && !its)
            c = (struct kp_comparison){ .order = KP_GREATER, .beyond = true };
        else if (mine && !c.beyond && a->mark[i] != b->mark[i])
            return (struct kp_comparison){ .order =
                                               a->mark[i] < b->mark[i] ? KP_LESS : KP_GREATER };
    }
    if (strcmp(a->tail, b->tail) != 0 || a->early != b->early)
        return no_order("what follows the numbers is of an unknown order");
    return c;
}

struct kp_comparison kp_version_compare(const struct kp_version *a, const struct kp_version *b)
{
    bool letters = b->has >> KP_MARK_LETTER & 1;
    if (!a->n || !b->n)
        return no_order("there are no numbers to compare");
    if (strcmp(a->scheme, b->scheme) != 0 || (letters && !(a->has >> KP_MARK_LETTER & 1)))
        return no_order("the versions are of different kinds");
    for (unsigned i = 0; i < a->n || i < b->n; i++) {
        uint64_t x = i < a->n ? a->group[i] : 0, y = i < b->n ? b->group[i] : 0;
        if (i >= b->n && b->open)
            return (struct kp_comparison){ .order = KP_EQUAL };
        if (x != y)
            return (struct kp_comparison){ .order = x < y ? KP_LESS : KP_GREATER,
                                           .short_of = i >= a->n };
    }
    return compare_marks(a, b);
}

/* ---- ranges: words ---- */
enum word {
    W_NOISE,
    W_LESS,
    W_LESS_IN,
    W_MORE,
    W_MORE_IN,
    W_BETWEEN,
    W_SO_LESS,
    W_SO_MORE,
    W_IN,
    W_OUT,
    W_SPLIT,
    W_EQUAL,
    W_EXCEPT
};
static const struct {
    const char *text;
    enum word word;
} words[] = {
    /* the longer one of two that begin alike stands first */
    { "<=", W_LESS_IN },
    { "=<", W_LESS_IN },
    { "\xe2\x89\xa4", W_LESS_IN },
    { ">=", W_MORE_IN },
    { "=>", W_MORE_IN },
    { "\xe2\x89\xa5", W_MORE_IN },
    { "!=", W_EXCEPT },
    { "==", W_EQUAL },
    { "=", W_EQUAL },
    { "<", W_LESS },
    { ">", W_MORE },
    { "|", W_SPLIT },
    { ",", W_SPLIT },
    { ";", W_SPLIT },
    { "&", W_SPLIT },
    { "up to and including", W_LESS_IN },
    { "up to, and including", W_LESS_IN },
    { "up to", W_LESS_IN },
    { "through", W_LESS_IN },
    { "until", W_LESS_IN },
    { "prior to", W_LESS },
    { "previous to", W_LESS },
    { "before", W_LESS },
    { "earlier than", W_LESS },
    { "lower than", W_LESS },
    { "older than", W_LESS },
    { "less than", W_LESS },
    { "later than", W_MORE },
    { "newer than", W_MORE },
    { "higher than", W_MORE },
    { "greater than", W_MORE },
    { "after", W_MORE },
    { "starting with", W_MORE_IN },
    { "starting from", W_MORE_IN },
    { "from", W_MORE_IN },
    { "since", W_MORE_IN },
    { "between", W_BETWEEN },
    { "and all prior versions", W_SO_LESS },
    { "and all previous versions", W_SO_LESS },
    { "and all earlier versions", W_SO_LESS },
    { "and prior", W_SO_LESS },
    { "and earlier", W_SO_LESS },
    { "and below", W_SO_LESS },
    { "and lower", W_SO_LESS },
    { "and older", W_SO_LESS },
    { "and previous", W_SO_LESS },
    { "or prior", W_SO_LESS },
    { "or earlier", W_SO_LESS },
    { "or below", W_SO_LESS },
    { "or lower", W_SO_LESS },
    { "or older", W_SO_LESS },
    { "and later", W_SO_MORE },
    { "and newer", W_SO_MORE },
    { "and above", W_SO_MORE },
    { "and higher", W_SO_MORE },
    { "or later", W_SO_MORE },
    { "or newer", W_SO_MORE },
    { "or above", W_SO_MORE },
    { "or higher", W_SO_MORE },
    { "(including)", W_IN },
    { "(included)", W_IN },
    { "(inclusive)", W_IN },
    { "(excluding)", W_OUT },
    { "(excluded)", W_OUT },
    { "(exclusive)", W_OUT },
    { "inclusive", W_IN },
    { "exclusive", W_OUT },
    { "and", W_SPLIT },
    { "or", W_SPLIT },
    { "all", W_NOISE },
    { "any", W_NOISE },
    { "the", W_NOISE },
    { "following", W_NOISE },
    { "versions", W_NOISE },
    { "version", W_NOISE },
    { "releases", W_NOISE },
    { "release", W_NOISE },
    { "firmware", W_NOISE },
    { "software", W_NOISE },
};

static size_t word_at(const char *t, enum word *w)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = stands(t, words[i].text);
        if (n && !(letter(t[n - 1]) && (letter(t[n]) || digit(t[n])))) {
            *w = words[i].word;
            return n;
        }
    }
    return 0;
}

/* ---- ranges: reading ---- */
struct reading {
    struct kp_range *r;
    enum word op;   /* W_NOISE: none is in force */
    bool between;   /* the next bound is the upper one */
    bool separated; /* something parts what comes from the bound before */
    bool words;     /* some that are not understood came, before any bound */
};

static struct kp_range_term *last_of(struct reading *g)
{
    return g->r->n ? &g->r->term[g->r->n - 1] : NULL;
}

/* An upper bound belongs to the lower one before it, when that is lower. */
static bool closes(const struct kp_range_term *t, const struct kp_version *high)
{
    return t && t->has_low && !t->has_high && !t->exact &&
           kp_version_compare(&t->low, high).order != KP_GREATER;
}

static void put_high(struct reading *g, const struct kp_version *v, bool in)
{
    struct kp_range_term *last = last_of(g);
    if (closes(last, v)) {
        g->r->joined |= !g->separated;
        last->has_high = true;
        last->high = *v;
        last->high_in = in;
        return;
    }
    g->r->term[g->r->n++] = (struct kp_range_term){ .high = *v, .has_high = true, .high_in = in };
}

static void put_version(struct reading *g, const struct kp_version *v)
{
    struct kp_range *r = g->r;
    if (r->n == KP_RANGE_TERMS) {
        r->odd = "it has too many bounds";
        return;
    }
    switch (g->op) {
    case W_LESS:
    case W_LESS_IN:
        put_high(g, v, g->op == W_LESS_IN);
        break;
    case W_MORE:
    case W_MORE_IN:
        r->term[r->n++] =
            (struct kp_range_term){ .low = *v, .has_low = true, .low_in = g->op == W_MORE_IN };
        break;
    default:
        if (r->n && !g->separated)
            r->odd = "several versions stand there without anything between them";
        r->term[r->n++] =
            (struct kp_range_term){ .low = *v, .exact = true, .except = g->op == W_EXCEPT };
    }
    g->op = W_NOISE;
    g->separated = false;
    if (g->between) {
        g->between = false;
        g->op = W_LESS_IN;
    }
}

/* "and prior": the single version before it was a bound. */
static void make_bound(struct reading *g, bool less)
{
    struct kp_range_term *t = last_of(g);
    if (!t || !t->exact || t->except) {
        g->r->condition = true;
        return;
    }
    struct kp_version v = t->low;
    *t = less ? (struct kp_range_term){ .high = v, .has_high = true, .high_in = true }
              : (struct kp_range_term){ .low = v, .has_low = true, .low_in = true };
}

static void set_in(struct reading *g, bool in)
{
    struct kp_range_term *t = last_of(g);
    if (!t || t->exact)
        g->r->condition = true;
    else if (t->has_high)
        t->high_in = in;
    else
        t->low_in = in;
}

static void take_word(struct reading *g, enum word w, bool spelt)
{
    switch (w) {
    case W_NOISE:
        break;
    case W_SPLIT:
        g->separated = true;
        break;
    case W_SO_LESS:
    case W_SO_MORE:
        make_bound(g, w == W_SO_LESS);
        break;
    case W_IN:
    case W_OUT:
        set_in(g, w == W_IN);
        break;
    case W_BETWEEN:
        g->op = W_MORE_IN;
        g->between = true;
        break;
    default:
        g->separated |= spelt; /* "> 2 up to 4" is read in one way only */
        g->op = w;
    }
}

static void take_unknown(struct reading *g, const char **t)
{
    if (g->r->n)
        g->r->condition = true;
    else
        g->words = true;
    size_t n = 0;
    while (letter((*t)[n]) || digit((*t)[n]))
        n++;
    *t += n ? n : 1;
}

static void read_terms(struct reading *g, const char *t)
{
    while (*t && !g->r->odd) {
        struct kp_version v;
        enum word w;
        size_t n;
        if (*t == ' ' || *t == '\t' || *t == '.') {
            t++;
        } else if ((n = word_at(t, &w)) > 0) {
            take_word(g, w, letter(*t));
            t += n;
        } else if (kp_version_read(t, &v) && (!v.scheme[0] || g->op != W_NOISE || !g->words)) {
            t += v.to;
            if (*t == ':' || *t == '/')
                g->r->odd = "it holds for a part of the versions only";
            else
                put_version(g, &v);
        } else {
            take_unknown(g, &t);
        }
    }
}

static const char *without_scheme(const char *t)
{
    if (strncasecmp(t, "vers:", 5) == 0 && strchr(t, '/'))
        return strchr(t, '/') + 1;
    return t;
}

static bool says_all(const char *t)
{
    static const char *const all[] = { "*",
                                       "all",
                                       "any",
                                       "all versions",
                                       "all firmware versions",
                                       "all software versions",
                                       "any version",
                                       "all version" };
    size_t n = strlen(t);
    while (n && strchr(" .", t[n - 1]))
        n--;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strlen(all[i]) == n && strncasecmp(t, all[i], n) == 0)
            return true;
    return n == 0;
}

bool kp_range_read(const char *text, struct kp_arena *arena, struct kp_range *r)
{
    char line[KP_RANGE_TEXT];
    struct kp_range_term term[KP_RANGE_TERMS];
    *r = (struct kp_range){ .text = kp_arena_strdup(arena, text ? text : "") };
    if (!r->text)
        return false;
    text = skip(without_scheme(skip(r->text, " \t")), " \t");
    if (strlen(text) >= sizeof line) {
        r->odd = "it is too long";
        return true;
    }
    snprintf(line, sizeof line, "%s", text);
    for (char *p = line; *p && !strchr(text, ' '); p++)
        *p = *p == '_' ? ' ' : *p;
    if ((r->all = says_all(line)))
        return true;
    r->term = term;
    struct reading g = { .r = r };
    read_terms(&g, line);
    r->term = kp_arena_copy(arena, term, (r->n ? r->n : 1) * sizeof *term);
    if (!r->n && !r->odd)
        r->odd = "there is no version in it";
    else if (g.words && !r->odd)
        r->odd = "words in front of it say something else";
    r->listed = r->n > 0;
    for (unsigned i = 0; r->term && i < r->n; i++)
        r->listed &= r->term[i].exact && !r->term[i].low.open && !r->term[i].except;
    return r->term;
}

/* ---- ranges: answers ---- */
static enum kp_holds below(const struct kp_version *v, const struct kp_version *high, bool in,
                           const char **why)
{
    struct kp_comparison c = kp_version_compare(v, high);
    if (c.order == KP_NO_ORDER || (c.beyond && in)) {
        *why = c.why ? c.why : "it is the bound and something more";
        return KP_UNSURE;
    }
    if (high->open && c.order == KP_EQUAL) {
        *why = "the bound stands for several versions";
        return KP_UNSURE;
    }
    return c.order == KP_LESS || (c.order == KP_EQUAL && in) ? KP_INSIDE : KP_OUTSIDE;
}

static enum kp_holds above(const struct kp_version *v, const struct kp_version *low, bool in,
                           const char **why)
{
    struct kp_comparison c = kp_version_compare(v, low);
    if (c.order == KP_NO_ORDER || (c.beyond && !in) || (c.order == KP_LESS && c.short_of)) {
        *why = c.why      ? c.why
               : c.beyond ? "it is the bound and something more"
                          : "the last numbers of the version are not known";
        return KP_UNSURE;
    }
    return c.order == KP_GREATER || (c.order == KP_EQUAL && in) ? KP_INSIDE : KP_OUTSIDE;
}

static enum kp_holds equals(const struct kp_version *v, const struct kp_version *one,
                            const char **why)
{
    struct kp_comparison c = kp_version_compare(v, one);
    if (c.order == KP_NO_ORDER || c.beyond) {
        *why = c.why ? c.why : "it is that version and something more";
        return KP_UNSURE;
    }
    return c.order == KP_EQUAL ? KP_INSIDE : KP_OUTSIDE;
}

static enum kp_holds term_holds(const struct kp_range_term *t, const struct kp_version *v,
                                const char **why)
{
    if (t->exact)
        return equals(v, &t->low, why);
    enum kp_holds low = t->has_low ? above(v, &t->low, t->low_in, why) : KP_INSIDE;
    enum kp_holds high = t->has_high ? below(v, &t->high, t->high_in, why) : KP_INSIDE;
    if (low == KP_OUTSIDE || high == KP_OUTSIDE)
        return KP_OUTSIDE;
    return low == KP_UNSURE || high == KP_UNSURE ? KP_UNSURE : KP_INSIDE;
}

/* In one of the terms, and in none that is excepted. */
static enum kp_holds terms_hold(const struct kp_range *r, const struct kp_version *v,
                                const char **why)
{
    enum kp_holds sum = KP_OUTSIDE, except = KP_OUTSIDE;
    bool any = false;
    for (unsigned i = 0; i < r->n; i++) {
        enum kp_holds one = term_holds(&r->term[i], v, why);
        enum kp_holds *into = r->term[i].except ? &except : &sum;
        any |= !r->term[i].except;
        *into = *into == KP_INSIDE || one == KP_INSIDE ? KP_INSIDE
                : *into == KP_UNSURE                   ? KP_UNSURE
                                                       : one;
    }
    if (!any)
        sum = KP_INSIDE;
    if (except == KP_INSIDE)
        return KP_OUTSIDE;
    return except == KP_UNSURE && sum == KP_INSIDE ? KP_UNSURE : sum;
}

enum kp_holds kp_range_holds(const struct kp_range *r, const struct kp_version *v,
                             char why[KP_VERSION_WHY])
{
    const char *doubt = NULL;
    enum kp_holds h = KP_UNSURE;
    if (r->all) {
        snprintf(why, KP_VERSION_WHY, "all versions");
        return KP_INSIDE;
    }
    if (r->odd)
        doubt = r->odd;
    else if (!v)
        doubt = "the version of the device is not known";
    else
        h = terms_hold(r, v, &doubt);
    if (h == KP_INSIDE && r->condition) {
        doubt = "it holds under a condition";
        h = KP_UNSURE;
    } else if (h == KP_OUTSIDE && r->listed) {
        doubt = "the advisory names single versions and says nothing of others";
        h = KP_UNSURE;
    } else if (h == KP_OUTSIDE && r->joined) {
        doubt = "it can be read in two ways";
        h = KP_UNSURE;
    }
    if (h == KP_UNSURE)
        snprintf(why, KP_VERSION_WHY, "'%.60s': %s", r->text, doubt);
    else
        snprintf(why, KP_VERSION_WHY, "%s '%.60s'", h == KP_INSIDE ? "inside" : "outside", r->text);
    return h;
}
