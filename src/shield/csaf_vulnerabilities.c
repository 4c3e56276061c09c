/* SPDX-License-Identifier: Apache-2.0 */
/* Vulnerabilities: 6.1.6, 6.1.11, 6.1.23, 6.1.24, 6.1.27.5 to
 * .10, 6.1.29, 6.1.32, 6.1.33, 6.2.2, 6.2.3, 6.2.7, 6.2.17, 6.3.3, 6.3.4. */
#include "shield/csaf_private.h"

#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

/* what is known of a product in one vulnerability */
enum {
    AFFECTED = 1,
    NOT_AFFECTED = 2,
    FIXED = 4,
    INVESTIGATED = 8,
    STATES = 15,
    REMEDY = 16,
    SCORE = 32,
    FLAG = 64,
    IMPACT = 128,
    CONTRADICTS = 256, /* told already */
};

static const struct state {
    const char *name;
    uint32_t mark;
} states[] = {
    { "first_affected", AFFECTED },
    { "known_affected", AFFECTED },
    { "last_affected", AFFECTED },
    { "known_not_affected", NOT_AFFECTED },
    { "first_fixed", FIXED },
    { "fixed", FIXED },
    { "under_investigation", INVESTIGATED },
};
enum { N_STATES = sizeof states / sizeof *states };

/* ---- each by itself ---- */
static void check_cwe(struct csaf_checking *c, const struct kp_tree *v)
{
    const struct kp_tree *cwe = kp_tree_get(v, "cwe");
    const char *id = kp_tree_text(cwe, "id"), *says = kp_tree_text(cwe, "name");
    char room[256];
    if (!cwe)
        csaf_found(c, "6.3.4", v, "there is no CWE");
    const char *name = id ? csaf_cwe_name(id, room) : NULL;
    if (id && !name)
        csaf_found(c, "6.1.11", kp_tree_get(cwe, "id"), "the catalogue has no weakness '%.40s'",
                   id);
    else if (name && says && strcmp(name, says) != 0)
        csaf_found(c, "6.1.11", kp_tree_get(cwe, "name"), "'%.120s': the name of %.12s is '%s'",
                   says, id, name);
}

static void check_ids(struct csaf_checking *c, const struct kp_tree *v)
{
    if (!kp_tree_get(v, "cve"))
        csaf_found(c, "6.3.3", v, "there is no CVE");
    for (const struct kp_tree *i = kp_tree_list(v, "ids"); i; i = i->next) {
        const char *text = kp_tree_text(i, "text");
        if (text && csaf_is_cve(text))
            csaf_found(c, "6.2.17", i, "%.40s is a CVE and belongs into cve", text);
    }
}

static bool names_products(const struct kp_tree *o)
{
    return kp_tree_get(o, "product_ids") || kp_tree_get(o, "group_ids");
}

static void check_references(struct csaf_checking *c, const struct kp_tree *v)
{
    for (const struct kp_tree *r = kp_tree_list(v, "remediations"); r; r = r->next)
        if (!names_products(r))
            csaf_found(c, "6.1.29", r,
                       "the remediation names no product: neither product_ids nor group_ids");
    for (const struct kp_tree *f = kp_tree_list(v, "flags"); f; f = f->next)
        if (!names_products(f))
            csaf_found(c, "6.1.32", f,
                       "the flag names no product: neither product_ids nor group_ids");
}

/* ---- who is involved ---- */
static bool same_date(const struct kp_tree *a, const struct kp_tree *b)
{
    const char *x = kp_tree_text(a, "date"), *y = kp_tree_text(b, "date");
    struct csaf_stamp s, t;
    if (!x || !y)
        return x == y;
    return csaf_stamp(x, &s) && csaf_stamp(y, &t) ? !csaf_stamp_compare(&s, &t) : !strcmp(x, y);
}

static void check_involvements(struct csaf_checking *c, const struct kp_tree *v)
{
    const struct kp_tree *first = kp_tree_list(v, "involvements");
    for (const struct kp_tree *i = first; i; i = i->next) {
        const char *party = kp_tree_text(i, "party");
        if (!kp_tree_get(i, "date"))
            csaf_found(c, "6.2.7", i, "the involvement has no date");
        for (const struct kp_tree *o = first; party && o != i && csaf_work(c, 1); o = o->next) {
            const char *other = kp_tree_text(o, "party");
            if (!other || strcmp(other, party) != 0 || !same_date(o, i))
                continue;
            csaf_found(c, "6.1.24", i, "party %.40s is involved twice at that date", party);
            break;
        }
    }
}

/* ---- states of products ---- */
static void set_states(struct csaf_checking *c, const struct kp_tree *v)
{
    const struct kp_tree *status = kp_tree_get(v, "product_status");
    for (size_t i = 0; i < N_STATES; i++)
        for (const struct kp_tree *id = kp_tree_list(status, states[i].name); id; id = id->next) {
            struct csaf_slot *s = csaf_product(c, id);
            uint32_t *marks = s ? csaf_marks(s, v) : NULL;
            if (!marks)
                continue;
            if (*marks & STATES & ~states[i].mark && !(*marks & CONTRADICTS)) {
                csaf_found(c, "6.1.6", id, "product '%.100s' has another state already, and is %s",
                           s->id, states[i].name);
                *marks |= CONTRADICTS;
            }
            *marks |= states[i].mark;
        }
}

static void flag(struct csaf_checking *c, struct csaf_slot *s, const struct kp_tree *v,
                 const struct kp_tree *at, uint32_t bit)
{
    (void)bit;
    uint32_t *marks = csaf_marks(s, v);
    /* a flag that names a product by itself and by a group is one flag */
    const struct kp_tree *of = at->parent->parent;
    if (*marks & FLAG && s->flag != of)
        csaf_found(c, "6.1.33", at, "product '%.100s' has another VEX justification already",
                   s->id);
    *marks |= FLAG;
    s->flag = of;
}

static void set_others(struct csaf_checking *c, const struct kp_tree *v)
{
    for (const struct kp_tree *f = kp_tree_list(v, "flags"); f; f = f->next)
        csaf_each_product(c, f, v, FLAG, flag);
    for (const struct kp_tree *r = kp_tree_list(v, "remediations"); r; r = r->next)
        csaf_each_product(c, r, v, REMEDY, csaf_mark);
    for (const struct kp_tree *t = kp_tree_list(v, "threats"); t; t = t->next)
        if (csaf_is(kp_tree_text(t, "category"), "impact"))
            csaf_each_product(c, t, v, IMPACT, csaf_mark);
    for (const struct kp_tree *s = kp_tree_list(v, "scores"); s; s = s->next)
        for (const struct kp_tree *id = kp_tree_list(s, "products"); id; id = id->next) {
            struct csaf_slot *p = csaf_product(c, id);
            if (p)
                *csaf_marks(p, v) |= SCORE;
        }
}

static void check_states(struct csaf_checking *c, const struct kp_tree *v)
{
    bool vex = strcmp(c->category, "csaf_vex") == 0;
    const struct kp_tree *status = kp_tree_get(v, "product_status");
    for (size_t i = 0; i < N_STATES; i++)
        for (const struct kp_tree *id = kp_tree_list(status, states[i].name); id; id = id->next) {
            struct csaf_slot *s = csaf_product(c, id);
            uint32_t marks = s ? *csaf_marks(s, v) : 0, state = states[i].mark;
            if (!s)
                continue;
            if (state & (AFFECTED | INVESTIGATED) && !(marks & REMEDY))
                csaf_found(c, "6.2.2", id, "product '%.100s' has no remediation", s->id);
            if (state == AFFECTED && !(marks & SCORE))
                csaf_found(c, "6.2.3", id, "product '%.100s' has no score", s->id);
            if (vex && state == NOT_AFFECTED && !(marks & (FLAG | IMPACT)))
                csaf_found(c, "6.1.27.9", id,
                           "product '%.100s' is not affected, but neither a flag nor a threat of "
                           "category impact says why",
                           s->id);
            if (vex && strcmp(states[i].name, "known_affected") == 0 && !(marks & REMEDY))
                csaf_found(c, "6.1.27.10", id,
                           "product '%.100s' is affected, but no remediation says what to do",
                           s->id);
        }
}

void csaf_check_status(struct csaf_checking *c)
{
    for (const struct kp_tree *v = c->vulnerabilities; v && !c->err->code; v = v->next) {
        set_states(c, v);
        set_others(c, v);
        check_states(c, v);
    }
}

/* ---- all of them ---- */
static int by_text(const void *a, const void *b)
{
    const struct kp_tree *x = *(const struct kp_tree *const *)a,
                         *y = *(const struct kp_tree *const *)b;
    int d = strcmp(x->text, y->text);
    return d ? d : x->order < y->order ? -1 : x->order > y->order;
}

static void check_cves(struct csaf_checking *c)
{
    const struct kp_tree *list = kp_tree_get(c->root, "vulnerabilities");
    const struct kp_tree **all =
        c->vulnerabilities ? kp_arena_alloc(c->arena, list->n * sizeof *all) : NULL;
    size_t n = 0;
    if (c->vulnerabilities && !all)
        csaf_starved(c);
    for (const struct kp_tree *v = all ? c->vulnerabilities : NULL; v; v = v->next)
        if (kp_tree_text(v, "cve"))
            all[n++] = kp_tree_get(v, "cve");
    if (n)
        qsort(all, n, sizeof *all, by_text);
    for (size_t i = 1; i < n; i++)
        if (strcmp(all[i]->text, all[i - 1]->text) == 0)
            csaf_found(c, "6.1.23", all[i], "%.40s stands in another vulnerability too",
                       all[i]->text);
}

void csaf_check_vulnerabilities(struct csaf_checking *c)
{
    for (const struct kp_tree *v = c->vulnerabilities; v && !c->err->code; v = v->next) {
        check_cwe(c, v);
        check_ids(c, v);
        check_references(c, v);
        check_involvements(c, v);
    }
    check_cves(c);
}
