/* SPDX-License-Identifier: Apache-2.0 */
/* Whether each element stands where, as often and with such a text as UBL 2.1 wants. */
#include "core/text.h"
#include "flex/ubl_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

#define RULE "UBL 2.1"
enum { DEPTH_MAX = 40 };
static const char values_ns[] =
    "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
                  groups_ns[] =
                      "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
                  extensions_ns[] =
                      "urn:oasis:names:specification:ubl:schema:xsd:CommonExtensionComponents-2";

/* ---- the words of a type ---- */
struct word {
    char kind; /* '-', '^' or 0 */
    char card; /* '?', '*', '+' or 0 */
    const char *name, *type;
    size_t len, type_len;
};

static bool next_word(const char **p, struct word *w)
{
    *p += strspn(*p, " ");
    if (!**p)
        return false;
    *w = (struct word){ .kind = **p == '-' || **p == '^' ? *(*p)++ : 0, .name = *p };
    w->len = strcspn(*p, "?*+= ");
    *p += w->len;
    w->type = w->name;
    w->type_len = w->len;
    if (**p && strchr("?*+", **p))
        w->card = *(*p)++;
    if (**p == '=') {
        w->type = ++*p;
        w->type_len = strcspn(*p, " ");
        *p += w->type_len;
    }
    return true;
}

static bool is_word(const struct word *w, const xmlNode *n)
{
    const char *ns = n->ns && n->ns->href ? (const char *)n->ns->href : "";
    const char *wanted = w->kind == '-' ? values_ns : w->kind == '^' ? extensions_ns : groups_ns;
    return strncmp(ubl_name(n), w->name, w->len) == 0 && !ubl_name(n)[w->len] &&
           strcmp(ns, wanted) == 0;
}

/* ---- texts of values, by how their names end ---- */
/* xs:time: seconds are told, an offset may be. */
static bool is_time(const char *text)
{
    char whole[UBL_TEXT + 16];
    int64_t at;
    if (strlen(text) < 8 || text[5] != ':')
        return false;
    snprintf(whole, sizeof whole, "1970-01-02T%s", text);
    if (kp_time_parse(whole, &at))
        return true;
    snprintf(whole, sizeof whole, "1970-01-02T%sZ", text);
    return kp_time_parse(whole, &at);
}

static bool is_date(const char *text)
{
    char day[11], midnight[UBL_TEXT + 8];
    int64_t at;
    snprintf(day, sizeof day, "%s", text);
    if (strlen(text) < 10 || !kp_time_parse(day, &at))
        return false;
    snprintf(midnight, sizeof midnight, "00:00:00%s", text + 10);
    return is_time(midnight);
}

static bool ends(const struct word *w, const char *with)
{
    size_t n = strlen(with);
    return w->len >= n && strncmp(w->name + w->len - n, with, n) == 0;
}

static bool is_number(const struct word *w)
{
    static const char *const endings[] = { "Amount",  "Quantity", "Percent",
                                           "Numeric", "Rate",     "Measure" };
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (ends(w, endings[i]))
            return true;
    return false;
}

static void check_value(struct ubl_checking *c, const xmlNode *n, const struct word *w)
{
    char text[UBL_TEXT], currency[UBL_TEXT];
    double number;
    ubl_text(n, text);
    if (xmlFirstElementChild((xmlNode *)(uintptr_t)n))
        ubl_fault(c, n, RULE, "%s holds a text, no elements", ubl_name(n));
    else if (ends(w, "Date") && !is_date(text))
        ubl_fault(c, n, RULE, "%s: '%.40s' is not a date such as 2026-11-24", ubl_name(n), text);
    else if (ends(w, "Time") && !is_time(text))
        ubl_fault(c, n, RULE, "%s: '%.40s' is not a time such as 09:00:00Z", ubl_name(n), text);
    else if (is_number(w) && !ubl_number(n, &number))
        ubl_fault(c, n, RULE, "%s: '%.40s' is not a number such as 12.50", ubl_name(n), text);
    else if (ends(w, "Indicator") && strcmp(text, "true") != 0 && strcmp(text, "false") != 0 &&
             strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
        ubl_fault(c, n, RULE, "%s: '%.40s' is neither true nor false", ubl_name(n), text);
    else if (ends(w, "Amount") && !*ubl_attribute(n, "currencyID", currency))
        ubl_fault(c, n, RULE, "%s has no currencyID, such as EUR", ubl_name(n));
}

/* ---- the order of elements ---- */
static void check_type(struct ubl_checking *c, const xmlNode *parent, const struct ubl_type *t,
                       unsigned depth);

static void check_child(struct ubl_checking *c, const xmlNode *n, const struct word *w,
                        unsigned depth)
{
    const struct ubl_type *type =
        w->kind || !w->type_len ? NULL : ubl_type_named(w->type, w->type_len);
    if (w->kind == '-')
        check_value(c, n, w);
    else if (type && depth < DEPTH_MAX)
        check_type(c, n, type, depth + 1);
    else if (type)
        ubl_fault(c, n, RULE, "%s is nested too deep", ubl_name(n));
}

/* An element that does not come next. `before`: the word of the one in front of it. */
static void misplaced(struct ubl_checking *c, const xmlNode *n, const struct ubl_type *t,
                      const struct word *before)
{
    struct word w;
    const char *p = t->children;
    while (next_word(&p, &w))
        if (is_word(&w, n)) {
            if (w.name == before->name)
                ubl_fault(c, n, RULE, "%s stands here once only", ubl_name(n));
            else
                ubl_fault(c, n, RULE, "%s must stand before %.*s", ubl_name(n), (int)before->len,
                          before->name);
            return;
        }
    ubl_fault(c, n, RULE, "%s is no element of %s", ubl_name(n), t->name);
}

/* Nothing stands where the word must be; `instead`: what does, or NULL. */
static void missing(struct ubl_checking *c, const xmlNode *parent, const struct word *w,
                    const xmlNode *instead)
{
    const xmlNode *n = instead;
    while (n && !(n->type == XML_ELEMENT_NODE && is_word(w, n)))
        n = n->next;
    if (n)
        ubl_fault(c, n, RULE, "%s must stand before %s", ubl_name(n), ubl_name(instead));
    else
        ubl_fault(c, parent, RULE, "%s has no %.*s", ubl_name(parent), (int)w->len, w->name);
}

static bool is_ahead(const char *words, const xmlNode *n)
{
    struct word w;
    while (next_word(&words, &w))
        if (is_word(&w, n))
            return true;
    return false;
}

/* Where a walk through a parent's children is. */
struct walk {
    const char *rest; /* the words behind this one */
    struct word w;
    unsigned n; /* elements of this word so far */
};

static bool must_be(const struct walk *k)
{
    return !k->n && (!k->w.card || k->w.card == '+');
}

static bool step(struct walk *k)
{
    k->n = 0;
    return next_word(&k->rest, &k->w);
}

/* To the word of this element; false: a fault was told. */
static bool go_to(struct ubl_checking *c, const xmlNode *parent, const xmlNode *n,
                  const struct ubl_type *t, struct walk *k)
{
    if (!is_word(&k->w, n) && !is_ahead(k->rest, n)) {
        misplaced(c, n, t, &k->w);
        return false;
    }
    while (!is_word(&k->w, n)) {
        if (must_be(k)) {
            missing(c, parent, &k->w, n);
            return false;
        }
        step(k);
    }
    if (k->n++ && (!k->w.card || k->w.card == '?')) {
        misplaced(c, n, t, &k->w);
        return false;
    }
    return true;
}

/* Elements and words are walked together. The first fault of a parent ends its check: what follows
 * would be told in error. */
static void check_type(struct ubl_checking *c, const xmlNode *parent, const struct ubl_type *t,
                       unsigned depth)
{
    struct walk k = { .rest = t->children };
    bool more = step(&k);
    for (const xmlNode *n = parent->children; n; n = n->next) {
        if (n->type != XML_ELEMENT_NODE)
            continue;
        if (!go_to(c, parent, n, t, &k))
            return;
        check_child(c, n, &k.w, depth);
    }
    for (; more; more = step(&k))
        if (must_be(&k)) {
            missing(c, parent, &k.w, NULL);
            return;
        }
}

void ubl_check_structure(struct ubl_checking *c, const xmlNode *root)
{
    check_type(c, root, ubl_type_named(ubl_name(root), strlen(ubl_name(root))), 0);
}
