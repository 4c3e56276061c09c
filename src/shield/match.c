/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/match.h"

#include "core/hash.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { PREFIX = 5 }; /* characters of an order code by which those with wildcards are looked up */
enum { WORK_MAX = 200000000 }; /* vulnerabilities times what they name */

/* What a device can be found by. */
enum key_kind {
    KEY_CODE,
    KEY_PREFIX,
    KEY_SERIAL,
    KEY_IDENTIFIER,
    KEY_PLAIN,
    KEY_NO_LINE,
    KEY_WORD,
    KEY_RAREST
};

struct key {
    uint64_t hash;
    uint32_t device;
};
struct device {
    struct kp_vendors vendors;
    struct kp_name name;
    struct kp_version version;
    char code[2][KP_CODE_MAX]; /* whole, and up to a "/" or blank; "" */
    char serial[KP_CODE_MAX];
    uint64_t identifier[2]; /* CPE, purl; 0: none */
    uint32_t host;
    bool versioned;
};
struct kp_devices {
    struct device *of;
    size_t n;
    struct key *keys; /* in order */
    size_t n_keys, room;
    bool failed;
    uint32_t *mark; /* of each device: the product that looked at it last */
    uint32_t round;
    uint32_t *member, *members_from; /* devices of the same host, one after another */
};

const char *kp_verdict_word(enum kp_verdict_of v)
{
    static const char *const words[] = { "not_affected", "review", "affected" };
    return words[v];
}

const char *kp_match_rule_text(enum kp_match_rule r)
{
    static const char *const texts[] = {
        "the serial number is named",
        "the order code is named",
        "the order code stands in the product's name",
        "CPE or package URL agree",
        "maker and product name agree",
        "maker and product name agree but for what stands in brackets or a line of versions",
        "one of the product names is a part of the other",
    };
    return texts[r];
}

/* ---- the index ---- */
static uint64_t key_of(enum key_kind kind, const void *data, size_t n)
{
    unsigned char k = (unsigned char)kind;
    return kp_hash(kp_hash(KP_HASH_START, &k, 1), data, n);
}

static void add_key(struct kp_devices *d, uint32_t device, enum key_kind kind, const void *data,
                    size_t n)
{
    if (!kp_grow(&d->keys, &d->room, d->n_keys + 1, sizeof *d->keys)) {
        d->failed = true;
        return;
    }
    d->keys[d->n_keys++] = (struct key){ key_of(kind, data, n), device };
}

static int by_key(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->device < y->device ? -1 : x->device > y->device;
}

static const struct key *look_up(const struct kp_devices *d, enum key_kind kind, const void *data,
                                 size_t n, size_t *count)
{
    uint64_t hash = key_of(kind, data, n);
    size_t low = 0, high = d->n_keys, end;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (d->keys[mid].hash < hash)
            low = mid + 1;
        else
            high = mid;
    }
    for (end = low; end < d->n_keys && d->keys[end].hash == hash; end++)
        ;
    *count = end - low;
    return d->keys + low;
}

/* ---- devices ---- */
static uint64_t identifier_hash(const char *text, bool cpe)
{
    struct kp_identifier id;
    struct kp_vendors v;
    if (!text || !*text || !(cpe ? kp_cpe_read(text, &id) : kp_purl_read(text, &id)))
        return 0;
    struct kp_name name;
    kp_name_read(id.product, "", &name);
    kp_vendor_keys(id.vendor, NULL, &v);
    uint64_t h = kp_hash(name.whole, cpe ? "c" : "p", 1);
    return v.n ? kp_hash(h, v.key[0], strlen(v.key[0])) : h;
}

static bool looks_mlfb(const char *code)
{
    return strlen(code) >= 12 && code[0] >= '1' && code[0] <= '9' &&
           isalpha((unsigned char)code[1]);
}

static void read_codes(const struct kp_device *in, struct device *out)
{
    const char *code = in->order_code ? in->order_code : "";
    if (!kp_code_form(code, strlen(code), out->code[0]))
        out->code[0][0] = 0;
    if (looks_mlfb(out->code[0]) && strlen(out->code[0]) > 16)
        out->code[0][16] = 0; /* "-Z" and what follows are options */
    size_t n = strcspn(code, "/ ,;");
    if (code[n] && !looks_mlfb(out->code[0]) && n >= PREFIX)
        kp_code_form(code, n, out->code[1]);
    if (!out->code[0][0] && out->name.code[0])
        memcpy(out->code[0], out->name.code, sizeof out->code[0]);
}

static void read_version(const struct kp_device *in, struct device *out)
{
    struct kp_identifier id;
    const char *text = in->firmware;
    if ((!text || !*text) && in->cpe && kp_cpe_read(in->cpe, &id))
        text = id.version;
    if ((!text || !*text) && in->purl && kp_purl_read(in->purl, &id))
        text = id.version;
    char line[128];
    snprintf(line, sizeof line, "%s", text ? text : "");
    for (char *p = line; *p; p++)
        *p = *p == '_' ? ' ' : *p;
    out->versioned = *line && kp_version_read(line, &out->version);
    size_t more = out->versioned ? strspn(line + out->version.to, " .,;)") : 0;
    if (out->versioned && line[out->version.to + more] && !out->version.tail[0])
        snprintf(out->version.tail, sizeof out->version.tail, "?"); /* words nobody knows */
}

static void read_device(const struct kp_device *in, const char *aliases, struct device *out)
{
    kp_vendor_keys(in->manufacturer, aliases, &out->vendors);
    kp_name_read(in->product, in->manufacturer, &out->name);
    read_codes(in, out);
    const char *serial = in->serial ? in->serial : "";
    if (!kp_code_form(serial, strlen(serial), out->serial))
        out->serial[0] = 0;
    read_version(in, out);
    out->identifier[0] = identifier_hash(in->cpe, true);
    out->identifier[1] = identifier_hash(in->purl, false);
    out->host = in->host;
}

static void add_keys(struct kp_devices *d, uint32_t i)
{
    const struct device *v = &d->of[i];
    for (unsigned c = 0; c < 2; c++) {
        size_t n = strlen(v->code[c]);
        if (n)
            add_key(d, i, KEY_CODE, v->code[c], n);
        if (n >= PREFIX)
            add_key(d, i, KEY_PREFIX, v->code[c], PREFIX);
        if (v->identifier[c])
            add_key(d, i, KEY_IDENTIFIER, &v->identifier[c], sizeof v->identifier[c]);
    }
    if (v->serial[0])
        add_key(d, i, KEY_SERIAL, v->serial, strlen(v->serial));
    if (!v->name.n)
        return;
    add_key(d, i, KEY_PLAIN, &v->name.plain, sizeof v->name.plain);
    if (v->name.whole != v->name.plain)
        add_key(d, i, KEY_PLAIN, &v->name.whole, sizeof v->name.whole);
    if (v->name.line[0])
        add_key(d, i, KEY_NO_LINE, &v->name.without_line, sizeof v->name.without_line);
    for (unsigned w = 0; w < v->name.n; w++)
        if (!v->name.word[w].inside)
            add_key(d, i, KEY_WORD, &v->name.word[w].hash, sizeof v->name.word[w].hash);
}

/* The word of a name that the fewest devices have. */
static const struct kp_word_form *rarest(const struct kp_devices *d, const struct kp_name *name,
                                         size_t *least)
{
    const struct kp_word_form *best = NULL;
    *least = SIZE_MAX;
    for (unsigned w = 0; w < name->n; w++) {
        size_t n;
        if (name->word[w].inside)
            continue;
        look_up(d, KEY_WORD, &name->word[w].hash, sizeof name->word[w].hash, &n);
        if (n < *least) {
            *least = n;
            best = &name->word[w];
        }
    }
    return best;
}

static void sort_keys(struct kp_devices *d)
{
    if (d->n_keys)
        qsort(d->keys, d->n_keys, sizeof *d->keys, by_key);
}

static void group_hosts(struct kp_devices *d)
{
    for (size_t i = 0; i < d->n; i++) /* counted, then dealt out */
        d->members_from[d->of[i].host + 1]++;
    for (size_t i = 0; i < d->n; i++)
        d->members_from[i + 1] += d->members_from[i];
    for (size_t i = d->n; i-- > 0;)
        d->mark[i] = d->members_from[i];
    for (size_t i = 0; i < d->n; i++)
        d->member[d->mark[d->of[i].host]++] = (uint32_t)i;
    memset(d->mark, 0, d->n * sizeof *d->mark);
}

struct kp_devices *kp_devices_new(const struct kp_device *in, size_t n, const char *aliases)
{
    struct kp_devices *d = kp_alloc(sizeof *d);
    if (!d)
        return NULL;
    d->of = kp_alloc((n + 1) * sizeof *d->of);
    d->mark = kp_alloc((n + 1) * sizeof *d->mark);
    d->member = kp_alloc((n + 1) * sizeof *d->member);
    d->members_from = kp_alloc((n + 2) * sizeof *d->members_from);
    d->failed = !d->of || !d->mark || !d->member || !d->members_from;
    for (; d->n < n && !d->failed; d->n++) {
        read_device(&in[d->n], aliases, &d->of[d->n]);
        if (d->of[d->n].host >= n)
            d->of[d->n].host = (uint32_t)d->n;
        add_keys(d, (uint32_t)d->n);
    }
    sort_keys(d);
    size_t words = d->n_keys, least;
    for (uint32_t i = 0; i < d->n && !d->failed; i++) {
        d->n_keys = words; /* the new ones are not in order yet */
        const struct kp_word_form *w = rarest(d, &d->of[i].name, &least);
        d->n_keys = words + i;
        if (w)
            add_key(d, i, KEY_RAREST, &w->hash, sizeof w->hash);
        else
            add_key(d, i, KEY_RAREST, "", 0);
    }
    if (d->failed) {
        kp_devices_free(d);
        return NULL;
    }
    sort_keys(d);
    group_hosts(d);
    return d;
}

void kp_devices_free(struct kp_devices *d)
{
    if (!d)
        return;
    kp_free(d->of);
    kp_free(d->keys);
    kp_free(d->mark);
    kp_free(d->member);
    kp_free(d->members_from);
    kp_free(d);
}

/* ---- products and devices ---- */
struct hit {
    uint32_t device, product;
    uint8_t rule, holds;
};
struct matching {
    struct kp_devices *d;
    const struct kp_advisory *a;
    struct kp_err *err;
    struct hit *hits;
    size_t n, room;
    uint32_t product;
    bool codes; /* the product says its order code or serial numbers */
    char why[KP_VERSION_WHY];
};

static enum kp_holds version_holds(const struct kp_advisory_product *p, const struct device *v,
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
        enum kp_holds h = version_holds(&m->a->product[m->product], &d->of[device], m->why);
        m->hits[m->n++] = (struct hit){ device, m->product, (uint8_t)rule, (uint8_t)h };
    }
}

static void by_code(struct matching *m, const char *form, enum kp_match_rule rule)
{
    size_t n, len = strlen(form);
    bool wild = strpbrk(form, "?*");
    const struct key *k = look_up(m->d, KEY_CODE, form, len, &n);
    for (size_t i = 0; i < n; i++)
        add_hit(m, k[i].device, rule);
    bool part = looks_mlfb(form) && (len == 12 || len == 11);
    if (len < PREFIX || (!wild && !part) || memchr(form, '?', PREFIX) || memchr(form, '*', PREFIX))
        return;
    k = look_up(m->d, KEY_PREFIX, form, PREFIX, &n);
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
            h->kind >= KP_HELPER_CPE ? identifier_hash(h->text, h->kind == KP_HELPER_CPE) : 0;
        const struct key *k = NULL;
        if (id)
            k = look_up(m->d, KEY_IDENTIFIER, &id, sizeof id, &n);
        for (size_t i = 0; i < n; i++)
            add_hit(m, k[i].device, KP_BY_IDENTIFIER);
        if (h->kind >= KP_HELPER_CPE || !kp_code_form(h->text, strlen(h->text), form))
            continue;
        m->codes = true;
        if (h->kind != KP_HELPER_SERIAL) {
            by_code(m, form, KP_BY_ORDER_CODE);
            continue;
        }
        k = look_up(m->d, KEY_SERIAL, form, strlen(form), &n);
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
    const struct key *k = look_up(m->d, kind, &hash, sizeof hash, &n);
    for (size_t i = 0; i < n && !m->err->code; i++)
        try_name(m, k[i].device, p);
}

static void by_names(struct matching *m, const struct kp_advisory_product *p)
{
    size_t least;
    const struct kp_word_form *w = rarest(m->d, &p->name, &least);
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
    return version_holds(part, &d->of[device], m->why);
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

/* ---- from hits to a finding ---- */
static int by_device(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return x->product < y->product ? -1 : x->product > y->product;
}

/* Codes and identifiers are worth more than names, names more than families. */
static int tier(const struct hit *h)
{
    return h->rule <= KP_BY_IDENTIFIER ? 0 : h->rule < KP_BY_FAMILY ? 1 : 2;
}

/* Keeps the hits of the best kind; how many. */
static size_t keep_best(struct hit *h, size_t n)
{
    int best = 2;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        best = tier(&h[i]) < best ? tier(&h[i]) : best;
    for (size_t i = 0; i < n; i++)
        if (tier(&h[i]) == best)
            h[kept++] = h[i];
    return kept;
}

struct judging {
    struct matching *m;
    uint8_t *state;    /* of each product, for one vulnerability */
    uint8_t *rows;     /* of each device that was hit, a verdict for each vulnerability */
    uint32_t *decided; /* of each device: the hit that decided */
    size_t work;
};

/* It runs what a fixed one runs, or what came after. */
static bool since_fixed(struct judging *j, const struct hit *h)
{
    const struct kp_range *r = &j->m->a->product[h->product].range;
    const struct device *v = &j->m->d->of[h->device];
    if (h->holds == KP_INSIDE)
        return true;
    if (!v->versioned || r->n != 1 || !r->term[0].exact || r->odd)
        return false;
    return v->version.group[0] == r->term[0].low.group[0] &&
           kp_version_compare(&v->version, &r->term[0].low).order == KP_GREATER;
}

struct verdict {
    enum kp_verdict_of verdict;
    const struct hit *by;
};

static void weigh(struct verdict *v, enum kp_verdict_of as, const struct hit *by)
{
    if (!v->by || as > v->verdict)
        *v = (struct verdict){ as, by };
}

static enum kp_verdict_of hit_verdict(const struct hit *h)
{
    if (h->holds == KP_OUTSIDE)
        return KP_CLEAR;
    return h->holds == KP_INSIDE && h->rule != KP_BY_FAMILY ? KP_AFFECTED : KP_REVIEW;
}

/* Variants whose brackets the device does not tell: they must agree. */
static bool variants_differ(const struct judging *j, const struct hit *h, size_t n)
{
    bool affected = false, clear = false, certain = false;
    for (size_t i = 0; i < n; i++) {
        if (j->state[h[i].product] != KP_STATE_AFFECTED)
            continue;
        certain |= h[i].rule != KP_BY_NAME_ALIKE;
        affected |= hit_verdict(&h[i]) == KP_AFFECTED;
        bool other =
            j->m->a->product[h[i].product].name.whole != j->m->a->product[h[0].product].name.whole;
        clear |= hit_verdict(&h[i]) == KP_CLEAR && other;
    }
    return !certain && affected && clear;
}

static struct verdict judge(struct judging *j, const struct hit *h, size_t n)
{
    struct verdict v = { 0 };
    const struct hit *clear = NULL, *since = NULL;
    bool all = true; /* what is affected is so in all versions */
    for (size_t i = 0; i < n; i++) {
        uint8_t state = j->state[h[i].product];
        if (state == KP_STATE_AFFECTED) {
            weigh(&v, hit_verdict(&h[i]), &h[i]);
            all &= j->m->a->product[h[i].product].range.all || hit_verdict(&h[i]) == KP_CLEAR;
        } else if (state == KP_STATE_INVESTIGATED && hit_verdict(&h[i]) != KP_CLEAR) {
            weigh(&v, KP_REVIEW, &h[i]);
        } else if (state == KP_STATE_NOT_AFFECTED && hit_verdict(&h[i]) == KP_AFFECTED) {
            clear = &h[i];
        } else if (state == KP_STATE_FIXED && h[i].rule != KP_BY_FAMILY) {
            clear = hit_verdict(&h[i]) == KP_AFFECTED ? &h[i] : clear;
            since = since_fixed(j, &h[i]) ? &h[i] : since;
        }
    }
    if (v.verdict == KP_AFFECTED && variants_differ(j, h, n))
        v.verdict = KP_REVIEW;
    if (clear || (since && (v.verdict == KP_REVIEW || all)))
        return (struct verdict){ KP_CLEAR, clear ? clear : since };
    return v;
}

static void judge_hole(struct judging *j, uint32_t hole, struct hit **groups, const size_t *sizes,
                       size_t n)
{
    const struct kp_advisory_hole *o = &j->m->a->hole[hole];
    for (uint32_t i = 0; i < o->n; i++) {
        uint8_t *s = &j->state[o->state[i].product];
        *s = *s == KP_STATE_NOT_AFFECTED ? *s : o->state[i].state;
    }
    for (size_t g = 0; g < n; g++) {
        struct verdict v = judge(j, groups[g], sizes[g]);
        uint8_t *row = j->rows + g * j->m->a->holes;
        row[hole] = (uint8_t)v.verdict;
        j->work += sizes[g];
        const struct hit *old = j->decided[g] ? &groups[g][j->decided[g] - 1] : NULL;
        bool better = v.by && (!old || v.verdict > row[0]);
        for (uint32_t k = 0; k < hole && better && old; k++)
            better = row[k] < v.verdict;
        if (better)
            j->decided[g] = (uint32_t)(v.by - groups[g]) + 1;
    }
    for (uint32_t i = 0; i < o->n; i++)
        j->state[o->state[i].product] = KP_STATE_NONE;
    j->work += o->n;
}

static void tell(struct judging *j, size_t g, const struct hit *group,
                 void (*found)(void *, const struct kp_finding *), void *arg)
{
    const struct kp_advisory *a = j->m->a;
    if (!j->decided[g])
        return; /* only what it says nothing of */
    const struct hit *h = &group[j->decided[g] - 1];
    struct kp_finding f = { .device = h->device,
                            .of = j->rows + g * a->holes,
                            .score = -1,
                            .product = h->product,
                            .rule = (enum kp_match_rule)h->rule };
    for (uint32_t i = 0; i < a->holes; i++) {
        f.verdict = f.of[i] > f.verdict ? (enum kp_verdict_of)f.of[i] : f.verdict;
        if (f.of[i] != KP_CLEAR && a->hole[i].score > f.score)
            f.score = a->hole[i].score;
    }
    const struct kp_advisory_product *p = &a->product[h->product];
    if (p->parts)
        snprintf(f.why, sizeof f.why, "%s",
                 h->holds == KP_UNSURE ? "whether all that the entry names is there, in these "
                                         "versions, is not known"
                                       : "all parts of the entry are looked at");
    else
        version_holds(p, &j->m->d->of[h->device], f.why);
    found(arg, &f);
}

static enum kp_code judge_all(struct matching *m, void (*found)(void *, const struct kp_finding *),
                              void *arg)
{
    struct kp_arena arena = { 0 };
    struct judging j = { .m = m };
    size_t groups = 0, i = 0, holes = m->a->holes ? m->a->holes : 1;
    for (size_t k = 0; k < m->n; k++)
        groups += !k || m->hits[k].device != m->hits[k - 1].device;
    struct hit **group = kp_arena_alloc(&arena, (groups + 1) * sizeof *group);
    size_t *size = kp_arena_alloc(&arena, (groups + 1) * sizeof *size);
    j.state = kp_arena_alloc(&arena, m->a->n + 1);
    j.decided = kp_arena_alloc(&arena, (groups + 1) * sizeof *j.decided);
    if (groups > WORK_MAX / holes)
        kp_fail(m->err, KP_EFULL, "it is about too many devices and vulnerabilities");
    else if (!group || !size || !j.state || !j.decided ||
             !(j.rows = kp_arena_alloc(&arena, groups * holes + 1)))
        kp_fail(m->err, KP_ENOMEM, "out of memory matching %.60s", m->a->id);
    for (size_t g = 0; g < groups && !m->err->code; g++) {
        size_t from = i;
        while (i < m->n && m->hits[i].device == m->hits[from].device)
            i++;
        group[g] = m->hits + from;
        size[g] = keep_best(group[g], i - from);
    }
    for (uint32_t h = 0; h < m->a->holes && !m->err->code; h++) {
        judge_hole(&j, h, group, size, groups);
        if (j.work > WORK_MAX)
            kp_fail(m->err, KP_EFULL, "its vulnerabilities name too many products");
    }
    for (size_t g = 0; g < groups && !m->err->code; g++)
        tell(&j, g, group[g], found, arg);
    kp_arena_free(&arena);
    return m->err->code;
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
        judge_all(&m, found, arg);
    kp_free(m.hits);
    return err->code;
}

bool kp_fix_is_for(const struct kp_advisory_fix *f, uint32_t product)
{
    size_t low = 0, high = f->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (f->product[mid] < product)
            low = mid + 1;
        else
            high = mid;
    }
    return !f->n || (low < f->n && f->product[low] == product);
}
