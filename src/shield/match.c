/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/match_private.h"

#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

/* ---- products and devices ---- */
enum kp_holds match_version_holds(const struct kp_advisory_product *p, const struct device *v,
                                  char why[KP_VERSION_WHY])
{
    return kp_range_holds(&p->range, v->versioned ? &v->version : NULL, why);
}

static void add_hit(struct matching *m, uint32_t device, enum kp_match_rule rule)
{
    struct kp_devices *d = m->d;
    if (d->mark[device] == d->round || m->err->code)
        return;
    d->mark[device] = d->round;
    if (m->n == KP_HITS_MAX) {
        kp_fail(m->err, KP_EFULL, "more than %d pairs of a device and a product", KP_HITS_MAX);
    } else if (!kp_grow(&m->hits, &m->room, m->n + 1, sizeof *m->hits)) {
        kp_fail(m->err, KP_ENOMEM, "out of memory matching %.60s", m->a->id);
    } else {
        enum kp_holds h = match_version_holds(&m->a->product[m->product], &d->of[device], m->why);
        m->hits[m->n++] = (struct hit){ device, m->product, (uint8_t)rule, (uint8_t)h };
    }
}

static void by_code(struct matching *m, const char *form, enum kp_match_rule rule)
{
    size_t n, len = strlen(form);
    bool wild = strpbrk(form, "?*");
    const struct key *k = devices_look_up(m->d, KEY_CODE, form, len, &n);
    for (size_t i = 0; i < n; i++)
        add_hit(m, k[i].device, rule);
    bool part = match_looks_mlfb(form) && (len == 12 || len == 11);
    if (len < PREFIX || (!wild && !part) || memchr(form, '?', PREFIX) || memchr(form, '*', PREFIX))
        return;
    k = devices_look_up(m->d, KEY_PREFIX, form, PREFIX, &n);
    for (size_t i = 0; i < n; i++)
        for (unsigned c = 0; c < 2; c++)
            if (m->d->of[k[i].device].code[c][0] &&
                kp_code_covers(form, m->d->of[k[i].device].code[c]))
                add_hit(m, k[i].device, rule);
}

static void by_helpers(struct matching *m, const struct kp_advisory_product *p)
{
    char form[KP_CODE_MAX];
    for (const struct kp_product_helper *h = p->helpers; h; h = h->next) {
        size_t n = 0;
        uint64_t id =
            h->kind >= KP_HELPER_CPE ? match_identifier(h->text, h->kind == KP_HELPER_CPE) : 0;
        const struct key *k = NULL;
        if (id)
            k = devices_look_up(m->d, KEY_IDENTIFIER, &id, sizeof id, &n);
        for (size_t i = 0; i < n; i++)
            add_hit(m, k[i].device, KP_BY_IDENTIFIER);
        if (h->kind >= KP_HELPER_CPE || !kp_code_form(h->text, strlen(h->text), form))
            continue;
        m->codes = true;
        if (h->kind != KP_HELPER_SERIAL) {
            by_code(m, form, KP_BY_ORDER_CODE);
            continue;
        }
        k = devices_look_up(m->d, KEY_SERIAL, form, strlen(form), &n);
        for (size_t i = 0; i < n; i++)
            add_hit(m, k[i].device, KP_BY_SERIAL);
    }
}

/* Words of the name that may be order codes: five characters or more, digits among them. */
static void by_name_codes(struct matching *m, const struct kp_advisory_product *p)
{
    char form[KP_CODE_MAX];
    if (p->name.code[0]) {
        m->codes = true;
        by_code(m, p->name.code, KP_BY_CODE_IN_NAME);
    }
    for (const char *t = p->product; *t;) {
        size_t n = strcspn(t, " (),;:"), digits = 0;
        for (size_t i = 0; i < n; i++)
            digits += t[i] >= '0' && t[i] <= '9';
        if (n >= PREFIX && digits && kp_code_form(t, n, form) && strlen(form) >= PREFIX)
            by_code(m, form, KP_BY_CODE_IN_NAME);
        t += n + (t[n] != 0);
    }
}

/* The device's version is of the line the name ends with: "V9.1" and 9.1.2. */
static int in_line(const struct device *v, const char *line)
{
    struct kp_version want;
    if (!v->versioned || !kp_version_read(line, &want))
        return -1;
    for (unsigned i = 0; i < want.n; i++)
        if (i >= v->version.n || v->version.group[i] != want.group[i])
            return 0;
    return 1;
}

static bool has_word(const struct kp_name *name, const struct kp_word_form *w)
{
    for (unsigned i = 0; i < name->n; i++)
        if (name->word[i].hash == w->hash)
            return true;
    return false;
}

static bool all_words(const struct kp_name *small, const struct kp_name *large)
{
    for (unsigned i = 0; i < small->n; i++)
        if (!has_word(large, &small->word[i]))
            return false;
    return true;
}

/* All words of one name, outside of brackets, stand in the other: with a type among them, or two
 * words, or one that the maker's device is called by. */
static bool within(const struct kp_name *small, const struct kp_name *large, unsigned least)
{
    unsigned n = 0;
    bool long_one = false;
    for (unsigned i = 0; i < small->n; i++) {
        if (small->word[i].inside)
            continue;
        if (!has_word(large, &small->word[i]))
            return false;
        n++;
        long_one |= small->word[i].len > 4;
    }
    return n && (small->telling || (n >= least && long_one));
}

static bool same_name(const struct kp_name *a, const struct kp_name *b)
{
    return a->n && b->n && a->whole == b->whole;
}

/* Whether names agree, and how; KP_MATCH_RULES: they do not. */
static enum kp_match_rule names_agree(const struct device *v, const struct kp_name *p)
{
    const struct kp_name *a = &v->name;
    if (same_name(a, p))
        return KP_BY_NAME;
    if (a->plain == p->plain && a->brackets != p->brackets)
        return KP_BY_NAME_ALIKE;
    if (p->line[0] && a->plain == p->without_line) {
        int in = in_line(v, p->line);
        return in > 0 ? KP_BY_NAME_ALIKE : in < 0 ? KP_BY_FAMILY : KP_MATCH_RULES;
    }
    if (a->line[0] && !p->line[0] && a->without_line == p->plain)
        return KP_BY_NAME_ALIKE;
    if (a->brackets && p->brackets && a->plain == p->plain) /* "(US)" and "(EU)" are two */
        return all_words(a, p) || all_words(p, a) ? KP_BY_NAME_ALIKE : KP_MATCH_RULES;
    if (a->whole == p->plain || a->plain == p->whole)
        return KP_BY_NAME_ALIKE;
    return within(p, a, 1) || within(a, p, 2) ? KP_BY_FAMILY : KP_MATCH_RULES;
}

/* Two order codes that differ are two products, whatever their names. */
static bool codes_differ(const struct matching *m, const struct device *v)
{
    return m->codes && v->code[0][0];
}

static void try_name(struct matching *m, uint32_t device, const struct kp_advisory_product *p)
{
    const struct device *v = &m->d->of[device];
    if (m->d->mark[device] == m->d->round || codes_differ(m, v))
        return;
    if (v->vendors.n && p->vendors.n && !kp_vendors_meet(&v->vendors, &p->vendors))
        return;
    enum kp_match_rule rule = names_agree(v, &p->name);
    if (rule < KP_BY_FAMILY && (!v->vendors.n || !p->vendors.n) && !v->name.telling)
        rule = KP_BY_FAMILY; /* nobody says whose "Controller" it is */
    if (rule != KP_MATCH_RULES)
        add_hit(m, device, rule);
}

static void try_names(struct matching *m, const struct kp_advisory_product *p, enum key_kind kind,
                      uint64_t hash)
{
    size_t n;
    const struct key *k = devices_look_up(m->d, kind, &hash, sizeof hash, &n);
    for (size_t i = 0; i < n && !m->err->code; i++)
        try_name(m, k[i].device, p);
}

static void by_names(struct matching *m, const struct kp_advisory_product *p)
{
    size_t least;
    const struct kp_word_form *w = devices_rarest(m->d, &p->name, &least);
    if (!p->name.n)
        return;
    try_names(m, p, KEY_PLAIN, p->name.plain);
    try_names(m, p, KEY_PLAIN, p->name.whole);
    try_names(m, p, KEY_NO_LINE, p->name.plain);
    if (p->name.line[0])
        try_names(m, p, KEY_PLAIN, p->name.without_line);
    if (w && least)
        try_names(m, p, KEY_WORD, w->hash);
    for (unsigned i = 0; i < p->name.n; i++)
        try_names(m, p, KEY_RAREST, p->name.word[i].hash);
}

static void next_round(struct kp_devices *d)
{
    if (++d->round == 0) {
        memset(d->mark, 0, d->n * sizeof *d->mark);
        d->round = 1;
    }
}

static void find_product(struct matching *m, uint32_t product)
{
    const struct kp_advisory_product *p = &m->a->product[product];
    m->product = product;
    m->codes = false;
    next_round(m->d);
    by_helpers(m, p);
    by_name_codes(m, p);
    by_names(m, p);
}

/* ---- products made of others ---- */
struct span {
    size_t from, to; /* of the hits, by product */
};

static const struct hit *hit_of(const struct matching *m, struct span s, uint32_t device)
{
    for (size_t i = s.from; i < s.to; i++)
        if (m->hits[i].device == device)
            return &m->hits[i];
    return NULL;
}

/* A part without a name of its own device: "... Firmware" of what it stands on. */
static bool is_firmware(const struct kp_advisory_product *part,
                        const struct kp_advisory_product *on)
{
    return all_words(&part->name, &on->name);
}

/* Whether the device has the other part too, and in a version that counts. */
static enum kp_holds part_holds(struct matching *m, const struct span *spans,
                                const struct kp_advisory_product *whole, unsigned i,
                                uint32_t device)
{
    const struct kp_advisory_product *part = &m->a->product[whole->part[i]];
    const struct kp_devices *d = m->d;
    uint32_t host = d->of[device].host;
    for (uint32_t k = d->members_from[host]; k < d->members_from[host + 1]; k++) {
        const struct hit *h = hit_of(m, spans[whole->part[i]], d->member[k]);
        if (h)
            return h->rule == KP_BY_FAMILY && h->holds == KP_INSIDE ? KP_UNSURE : h->holds;
    }
    if (!is_firmware(part, &m->a->product[whole->part[0]]))
        return KP_UNSURE;
    return match_version_holds(part, &d->of[device], m->why);
}

static enum kp_holds both(enum kp_holds a, enum kp_holds b)
{
    if (a == KP_OUTSIDE || b == KP_OUTSIDE)
        return KP_OUTSIDE;
    return a == KP_UNSURE || b == KP_UNSURE ? KP_UNSURE : KP_INSIDE;
}

static void find_made(struct matching *m, const struct span *spans, uint32_t product)
{
    const struct kp_advisory_product *p = &m->a->product[product];
    struct span s = spans[p->part[0]];
    next_round(m->d);
    m->product = product;
    for (size_t i = s.from; i < s.to && !m->err->code; i++) {
        struct hit on = m->hits[i]; /* the list may move */
        enum kp_holds h = p->odd ? KP_UNSURE : on.holds;
        for (unsigned k = 1; k < p->parts && h != KP_OUTSIDE; k++)
            h = both(h, part_holds(m, spans, p, k, on.device));
        size_t before = m->n;
        add_hit(m, on.device, on.rule);
        if (m->n > before)
            m->hits[before].holds = (uint8_t)h;
    }
}

static void find_all(struct matching *m)
{
    const struct kp_advisory *a = m->a;
    struct span *spans = kp_alloc((a->n + 1) * sizeof *spans);
    if (!spans) {
        kp_fail(m->err, KP_ENOMEM, "out of memory matching %.60s", a->id);
        return;
    }
    for (uint32_t i = 0; i < a->n && !m->err->code; i++) {
        spans[i].from = m->n;
        if (!a->product[i].parts && !a->product[i].odd)
            find_product(m, i);
        spans[i].to = m->n;
    }
    for (uint32_t i = 0; i < a->n && !m->err->code; i++)
        if (a->product[i].parts)
            find_made(m, spans, i);
    kp_free(spans);
}

/* ---- all of it ---- */
static int by_device(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return x->product < y->product ? -1 : x->product > y->product;
}

enum kp_code kp_devices_match(struct kp_devices *d, const struct kp_advisory *a,
                              void (*found)(void *, const struct kp_finding *), void *arg,
                              struct kp_err *err)
{
    struct matching m = { .d = d, .a = a, .err = err };
    find_all(&m);
    if (m.n)
        qsort(m.hits, m.n, sizeof *m.hits, by_device);
    if (m.n && !err->code)
        match_judge(&m, found, arg);
    kp_free(m.hits);
    return err->code;
}
