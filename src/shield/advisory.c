/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/advisory.h"

#include "core/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

enum { DEEP = 8 }; /* relationships of relationships */

struct id_slot {
    uint64_t hash;
    const char *id;
    uint32_t index;
};
struct reading {
    struct kp_arena *arena;
    struct kp_err *err;
    const char *aliases;
    struct kp_advisory *a;
    size_t room;
    const struct kp_tree *tree;
    struct id_slot *ids, *groups; /* in order of hashes */
    size_t n_groups;
    const struct kp_tree **group;    /* their lists of product_ids */
    const struct kp_tree **relation; /* of each product; NULL: a branch or a name */
    size_t states;                   /* in all */
};

static enum kp_code starved(struct reading *g)
{
    return kp_fail(g->err, KP_ENOMEM, "out of memory reading the advisory");
}

static const char *text_or(const struct kp_tree *o, const char *key)
{
    const char *t = kp_tree_text(o, key);
    return t ? t : "";
}

/* ---- products ---- */
struct place { /* on the way down the branches */
    const char *vendor, *product, *family;
    char version[KP_RANGE_TEXT];
};

/* Where in "Controller X: all versions prior to 2.4" the versions begin; its length: nowhere. */
static size_t versions_begin(const char *t)
{
    static const char *const words[] = { "all versions", "versions ", "version ", "prior to " };
    for (size_t i = 0; t[i]; i++) {
        bool start = i == 0 || strchr(" :,", t[i - 1]);
        if (t[i] == '<' || t[i] == '>' || (t[i] == ':' && t[i + 1] == ' '))
            return i;
        for (size_t w = 0; start && i && w < sizeof words / sizeof *words; w++)
            if (strncasecmp(t + i, words[w], strlen(words[w])) == 0)
                return i;
    }
    return strlen(t);
}

static enum kp_code name_alone(struct reading *g, struct kp_advisory_product *p)
{
    size_t n = versions_begin(p->full);
    char *name = kp_arena_copy(g->arena, p->full, n + 1);
    if (!name)
        return starved(g);
    name[n] = 0;
    p->product = name;
    p->version = p->full + n + strspn(p->full + n, ": ");
    return KP_OK;
}

static enum kp_code add_helper(struct reading *g, struct kp_advisory_product *p,
                               enum kp_helper kind, const char *text)
{
    struct kp_product_helper *h = text && *text ? kp_arena_alloc(g->arena, sizeof *h) : NULL;
    if (!h)
        return text && *text ? starved(g) : KP_OK;
    *h = (struct kp_product_helper){ kind, text, p->helpers };
    p->helpers = h;
    return KP_OK;
}

static enum kp_code read_helpers(struct reading *g, const struct kp_tree *product,
                                 struct kp_advisory_product *p)
{
    static const struct {
        const char *key;
        enum kp_helper kind;
    } lists[] = { { "model_numbers", KP_HELPER_MODEL },
                  { "skus", KP_HELPER_SKU },
                  { "serial_numbers", KP_HELPER_SERIAL } };
    const struct kp_tree *h = kp_tree_get(product, "product_identification_helper");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (const struct kp_tree *one = kp_tree_list(h, lists[i].key); one; one = one->next)
            if (one->type == KP_TREE_TEXT && add_helper(g, p, lists[i].kind, one->text))
                return g->err->code;
    if (add_helper(g, p, KP_HELPER_CPE, kp_tree_text(h, "cpe")))
        return g->err->code;
    return add_helper(g, p, KP_HELPER_PURL, kp_tree_text(h, "purl"));
}

static enum kp_code add_product(struct reading *g, const struct kp_tree *product,
                                const struct place *at, const struct kp_tree *relation)
{
    const char *id = kp_tree_text(product, "product_id");
    struct kp_advisory *a = g->a;
    if (!id || a->n == g->room)
        return KP_OK;
    struct kp_advisory_product *p = &a->product[a->n];
    *p = (struct kp_advisory_product){ .id = id,
                                       .vendor = at && at->vendor ? at->vendor : "",
                                       .product = at && at->product ? at->product : "",
                                       .full = text_or(product, "name") };
    p->version = kp_arena_strdup(g->arena, at ? at->version : "");
    if (!p->version)
        return starved(g);
    if (!*p->product && at && at->family)
        p->product = at->family;
    if (read_helpers(g, product, p) || (!*p->product && name_alone(g, p)))
        return g->err->code;
    g->relation[a->n++] = relation;
    if (relation) /* what it is made of is looked at */
        return KP_OK;
    kp_vendor_keys(p->vendor, g->aliases, &p->vendors);
    kp_name_read(p->product, p->vendor, &p->name);
    return kp_range_read(p->version, g->arena, &p->range) ? KP_OK : starved(g);
}

static void join(char *version, size_t size, const char *more)
{
    size_t n = strlen(version);
    if (more && n < size)
        snprintf(version + n, size - n, "%s%s", n ? " " : "", more);
}

static enum kp_code take_branches(struct reading *g, const struct kp_tree *list,
                                  const struct place *above, unsigned depth)
{
    if (depth > KP_CSAF_BRANCHES_MAX)
        return kp_fail(g->err, KP_EFULL, "branches are nested deeper than %d",
                       KP_CSAF_BRANCHES_MAX);
    for (const struct kp_tree *b = list; b && !g->err->code; b = b->next) {
        const char *category = text_or(b, "category"), *name = kp_tree_text(b, "name");
        struct place at = *above;
        if (strcmp(category, "vendor") == 0)
            at.vendor = name;
        else if (strcmp(category, "product_name") == 0)
            at.product = name;
        else if (strcmp(category, "product_family") == 0)
            at.family = name;
        else if (strncmp(category, "product_version", 15) == 0 ||
                 strcmp(category, "service_pack") == 0 || strcmp(category, "patch_level") == 0)
            join(at.version, sizeof at.version, name);
        const struct kp_tree *product = kp_tree_get(b, "product");
        if (product && add_product(g, product, &at, NULL))
            break;
        take_branches(g, kp_tree_list(b, "branches"), &at, depth + 1);
    }
    return g->err->code;
}

static size_t count_products(const struct kp_tree *v)
{
    size_t n = 0;
    for (; v; v = v->next) { /* as deep as the tree may be */
        n += v->key && v->key_len == 10 && strcmp(v->key, "product_id") == 0;
        if (v->type == KP_TREE_OBJECT || v->type == KP_TREE_LIST)
            n += count_products(v->first);
    }
    return n;
}

static enum kp_code take_products(struct reading *g)
{
    struct place none = { 0 };
    g->room = count_products(g->tree ? g->tree->first : NULL);
    g->a->product = kp_arena_alloc(g->arena, (g->room + 1) * sizeof *g->a->product);
    g->relation = kp_arena_alloc(g->arena, (g->room + 1) * sizeof(void *));
    if (!g->a->product || !g->relation)
        return starved(g);
    if (take_branches(g, kp_tree_list(g->tree, "branches"), &none, 1))
        return g->err->code;
    for (const struct kp_tree *p = kp_tree_list(g->tree, "full_product_names"); p; p = p->next)
        if (add_product(g, p, NULL, NULL))
            return g->err->code;
    for (const struct kp_tree *r = kp_tree_list(g->tree, "relationships"); r; r = r->next)
        if (add_product(g, kp_tree_get(r, "full_product_name"), NULL, r))
            return g->err->code;
    return KP_OK;
}

/* ---- ids ---- */
static int by_hash(const void *a, const void *b)
{
    const struct id_slot *x = a, *y = b;
    return x->hash < y->hash ? -1 : x->hash > y->hash ? 1 : x->index < y->index ? -1 : 1;
}

static uint64_t hash_of(const char *id)
{
    return kp_hash(KP_HASH_START, id, strlen(id));
}

static struct id_slot *find(struct id_slot *slots, size_t n, const char *id)
{
    uint64_t hash = hash_of(id);
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (slots[mid].hash < hash)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < n && slots[low].hash == hash; low++)
        if (strcmp(slots[low].id, id) == 0)
            return &slots[low];
    return NULL;
}

static struct id_slot *find_product(struct reading *g, const char *id)
{
    return id ? find(g->ids, g->a->n, id) : NULL;
}

static enum kp_code index_ids(struct reading *g)
{
    struct kp_advisory *a = g->a;
    size_t n = 0;
    for (const struct kp_tree *p = kp_tree_list(g->tree, "product_groups"); p; p = p->next)
        n++;
    g->ids = kp_arena_alloc(g->arena, (a->n + 1) * sizeof *g->ids);
    g->groups = kp_arena_alloc(g->arena, (n + 1) * sizeof *g->groups);
    g->group = kp_arena_alloc(g->arena, (n + 1) * sizeof(void *));
    if (!g->ids || !g->groups || !g->group)
        return starved(g);
    for (uint32_t i = 0; i < a->n; i++)
        g->ids[i] = (struct id_slot){ hash_of(a->product[i].id), a->product[i].id, i };
    for (const struct kp_tree *p = kp_tree_list(g->tree, "product_groups"); p; p = p->next) {
        const char *id = text_or(p, "group_id");
        g->group[g->n_groups] = kp_tree_list(p, "product_ids");
        g->groups[g->n_groups] = (struct id_slot){ hash_of(id), id, (uint32_t)g->n_groups };
        g->n_groups++;
    }
    qsort(g->ids, a->n, sizeof *g->ids, by_hash);
    qsort(g->groups, g->n_groups, sizeof *g->groups, by_hash);
    return KP_OK;
}

/* ---- relationships ---- */
static void add_part(struct kp_advisory_product *p, uint32_t part, bool optional)
{
    if (p->parts == KP_ADVISORY_PARTS) {
        p->odd = true;
        return;
    }
    p->optional |= (uint8_t)(optional << p->parts);
    p->part[p->parts++] = part;
}

/* What it stands on comes first, then what is there beside it; a default component is always. */
static void resolve(struct reading *g, struct kp_advisory_product *p, uint32_t index, bool optional,
                    unsigned depth)
{
    const struct kp_tree *r = g->relation[index];
    if (!r || depth > DEEP) {
        if (r)
            p->odd = true;
        else
            add_part(p, index, optional);
        return;
    }
    struct id_slot *on = find_product(g, kp_tree_text(r, "relates_to_product_reference"));
    struct id_slot *what = find_product(g, kp_tree_text(r, "product_reference"));
    if (!on || !what || p->odd) {
        p->odd = true;
        return;
    }
    resolve(g, p, on->index, optional, depth + 1);
    if (strcmp(text_or(r, "category"), "default_component_of") != 0)
        resolve(g, p, what->index, true, depth + 1);
}

/* ---- vulnerabilities ---- */
typedef enum kp_code each_id(struct reading *, const char *id, void *);

static enum kp_code each_named(struct reading *g, const struct kp_tree *list, each_id *each,
                               void *arg)
{
    for (const struct kp_tree *id = list; id; id = id->next)
        if (id->type == KP_TREE_TEXT && each(g, id->text, arg))
            return g->err->code;
    return KP_OK;
}

static enum kp_code each_of(struct reading *g, const struct kp_tree *object, each_id *each,
                            void *arg)
{
    each_named(g, kp_tree_list(object, "product_ids"), each, arg);
    for (const struct kp_tree *id = kp_tree_list(object, "group_ids"); id && !g->err->code;
         id = id->next) {
        struct id_slot *s =
            id->type == KP_TREE_TEXT ? find(g->groups, g->n_groups, id->text) : NULL;
        if (s)
            each_named(g, g->group[s->index], each, arg);
    }
    return g->err->code;
}

struct states {
    struct kp_state_of *of;
    size_t n, room;
    uint8_t state;
};

static enum kp_code add_state(struct reading *g, const char *id, void *arg)
{
    struct states *s = arg;
    struct id_slot *slot = find_product(g, id);
    if (!slot)
        return KP_OK;
    if (++g->states > KP_ADVISORY_STATUS_MAX)
        return kp_fail(g->err, KP_EFULL, "more than %d products are named by vulnerabilities",
                       KP_ADVISORY_STATUS_MAX);
    if (!kp_grow(&s->of, &s->room, s->n + 1, sizeof *s->of))
        return starved(g);
    s->of[s->n++] = (struct kp_state_of){ slot->index, s->state };
    return KP_OK;
}

static enum kp_code take_states(struct reading *g, const struct kp_tree *v,
                                struct kp_advisory_hole *hole)
{
    static const struct {
        const char *key;
        enum kp_product_state state;
    } lists[] = {
        { "first_affected", KP_STATE_AFFECTED },
        { "known_affected", KP_STATE_AFFECTED },
        { "last_affected", KP_STATE_AFFECTED },
        { "under_investigation", KP_STATE_INVESTIGATED },
        { "first_fixed", KP_STATE_FIXED },
        { "fixed", KP_STATE_FIXED },
        { "known_not_affected", KP_STATE_NOT_AFFECTED },
    };
    const struct kp_tree *status = kp_tree_get(v, "product_status");
    struct states s = { 0 };
    for (size_t i = 0; i < sizeof lists / sizeof *lists && !g->err->code; i++) {
        s.state = lists[i].state;
        each_named(g, kp_tree_list(status, lists[i].key), add_state, &s);
    }
    if (!g->err->code &&
        !(hole->state = kp_arena_copy(g->arena, s.of ? (void *)s.of : "", s.n * sizeof *s.of)) &&
        s.n)
        starved(g);
    hole->n = (uint32_t)s.n;
    kp_free(s.of);
    return g->err->code;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static enum kp_code take_fix(struct reading *g, const struct kp_tree *r, struct kp_advisory_fix *f)
{
    struct states s = { 0 };
    f->category = text_or(r, "category");
    f->text = text_or(r, "details");
    f->url = text_or(r, "url");
    f->restart = text_or(kp_tree_get(r, "restart_required"), "category");
    each_of(g, r, add_state, &s);
    if (!g->err->code && !(f->product = kp_arena_alloc(g->arena, (s.n + 1) * sizeof *f->product)))
        starved(g);
    for (size_t i = 0; i < s.n && !g->err->code; i++)
        f->product[f->n++] = s.of[i].product;
    kp_free(s.of);
    if (f->n)
        qsort(f->product, f->n, sizeof *f->product, by_number);
    return g->err->code;
}

static enum kp_code take_fixes(struct reading *g, const struct kp_tree *v,
                               struct kp_advisory_hole *hole)
{
    struct kp_advisory_fix **end = &hole->fixes;
    for (const struct kp_tree *r = kp_tree_list(v, "remediations"); r; r = r->next) {
        struct kp_advisory_fix *f = kp_arena_alloc(g->arena, sizeof *f);
        if (!f)
            return starved(g);
        if (take_fix(g, r, f))
            return g->err->code;
        *end = f;
        end = &f->next;
    }
    return KP_OK;
}

static void take_score(const struct kp_tree *v, struct kp_advisory_hole *hole)
{
    static const char *const keys[] = { "cvss_v4", "cvss_v3", "cvss_v2" };
    hole->score = -1;
    hole->vector = "";
    for (const struct kp_tree *s = kp_tree_list(v, "scores"); s; s = s->next)
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
            const struct kp_tree *cvss = kp_tree_get(s, keys[i]);
            const struct kp_tree *base = kp_tree_get(cvss, "baseScore");
            if (!base || base->type != KP_TREE_NUMBER)
                continue;
            if (base->number > hole->score && base->number <= 10) {
                hole->score = base->number;
                hole->vector = text_or(cvss, "vectorString");
            }
            break;
        }
}

static enum kp_code take_holes(struct reading *g, const struct kp_tree *list)
{
    size_t n = 0;
    for (const struct kp_tree *v = list; v; v = v->next)
        n++;
    struct kp_advisory_hole *hole = g->a->hole = kp_arena_alloc(g->arena, (n + 1) * sizeof *hole);
    if (!hole)
        return starved(g);
    for (const struct kp_tree *v = list; v; v = v->next, hole++) {
        hole->cve = text_or(v, "cve");
        hole->title = text_or(v, "title");
        if (!*hole->cve)
            hole->cve = text_or(kp_tree_list(v, "ids"), "text");
        take_score(v, hole);
        if (take_states(g, v, hole) || take_fixes(g, v, hole))
            return g->err->code;
        g->a->holes++;
    }
    return KP_OK;
}

/* ---- the document ---- */
static const char *self_url(const struct kp_tree *document)
{
    const char *any = "";
    for (const struct kp_tree *r = kp_tree_list(document, "references"); r; r = r->next) {
        const char *url = text_or(r, "url");
        if (strcmp(text_or(r, "category"), "self") == 0)
            return url;
        any = *any ? any : url;
    }
    return any;
}

enum kp_code kp_advisory_read(const struct kp_tree *root, const char *aliases,
                              struct kp_arena *arena, struct kp_advisory *a, struct kp_err *err)
{
    const struct kp_tree *document = kp_tree_get(root, "document");
    const struct kp_tree *tracking = kp_tree_get(document, "tracking");
    *a = (struct kp_advisory){
        .id = text_or(tracking, "id"),
        .title = text_or(document, "title"),
        .version = text_or(tracking, "version"),
        .publisher = text_or(kp_tree_get(document, "publisher"), "name"),
        .changed = text_or(tracking, "current_release_date"),
        .tracking = text_or(tracking, "status"),
        .url = self_url(document),
        .tlp = text_or(kp_tree_get(kp_tree_get(document, "distribution"), "tlp"), "label")
    };
    struct reading g = { .arena = arena,
                         .err = err,
                         .aliases = aliases,
                         .a = a,
                         .tree = kp_tree_get(root, "product_tree") };
    if (!*a->id || strlen(a->id) > 120)
        return kp_fail(err, KP_EPARSE,
                       "/document/tracking/id: there is none, or it is too long; "
                       "is this a CSAF 2.0 document?");
    if (take_products(&g) || index_ids(&g))
        return err->code;
    for (uint32_t i = 0; i < a->n; i++)
        if (g.relation[i])
            resolve(&g, &a->product[i], i, false, 0);
    return take_holes(&g, kp_tree_list(root, "vulnerabilities"));
}

enum kp_code kp_advisory_load(const char *text, size_t len, const char *aliases,
                              struct kp_arena *arena, const struct kp_tree **root,
                              struct kp_advisory *a, struct kp_err *err)
{
    struct kp_tree *tree = NULL;
    if (len > KP_CSAF_BYTES_MAX)
        return kp_fail(err, KP_EFULL, "the document is larger than %d MiB",
                       KP_CSAF_BYTES_MAX >> 20);
    if (kp_tree_read(text, len, arena, &tree, err))
        return err->code;
    if (root)
        *root = tree;
    return kp_advisory_read(tree, aliases, arena, a, err);
}
