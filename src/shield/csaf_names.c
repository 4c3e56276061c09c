/* SPDX-License-Identifier: Apache-2.0 */
/* Products and groups of products by their ids: where each is defined and used. */
#include "shield/csaf_private.h"

#include "core/hash.h"

#include <string.h>

#include "core/ban.h"

enum { WORK_MAX = 20000000 };

bool csaf_work(struct csaf_checking *c, size_t steps)
{
    c->work += steps;
    if (c->work > WORK_MAX)
        kp_fail(c->err, KP_EFULL,
                "judging the document takes too many steps: its groups and lists are too long "
                "and refer to each other too often");
    return !c->err->code;
}

/* ---- names ---- */
static bool make_room(struct csaf_checking *c, struct csaf_names *names, size_t most)
{
    size_t buckets = 16;
    while (buckets < most)
        buckets *= 2;
    names->bucket = kp_arena_alloc(c->arena, buckets * sizeof *names->bucket);
    names->mask = buckets - 1;
    if (!names->bucket)
        csaf_starved(c);
    return names->bucket;
}

static struct csaf_slot *slot(struct csaf_checking *c, struct csaf_names *names,
                              const struct kp_tree *id)
{
    if (!id || id->type != KP_TREE_TEXT || !names->bucket)
        return NULL;
    /* the address makes it hard to choose ids that all fall into one bucket */
    uintptr_t salt = (uintptr_t)names->bucket;
    uint64_t hash = kp_hash(KP_HASH_START ^ salt, id->text, id->n);
    struct csaf_slot **at = &names->bucket[(hash ^ hash >> 32) & names->mask];
    for (struct csaf_slot *s = *at; s; s = s->next)
        if (strcmp(s->id, id->text) == 0)
            return s;
    struct csaf_slot *s = kp_arena_alloc(c->arena, sizeof *s);
    if (!s) {
        csaf_starved(c);
        return NULL;
    }
    *s = (struct csaf_slot){ .id = id->text, .next = *at };
    return *at = s;
}

struct csaf_slot *csaf_product(struct csaf_checking *c, const struct kp_tree *id)
{
    return slot(c, &c->products, id);
}

struct csaf_slot *csaf_group(struct csaf_checking *c, const struct kp_tree *id)
{
    return slot(c, &c->groups, id);
}

/* ---- definitions ---- */
static void define(struct csaf_checking *c, const struct kp_tree *product)
{
    const struct kp_tree *id = kp_tree_get(product, "product_id");
    struct csaf_slot *s = csaf_product(c, id);
    if (s && s->defined)
        csaf_found(c, "6.1.2", id, "product '%.100s' is defined twice", s->id);
    else if (s)
        s->defined = id;
}

static void define_branches(struct csaf_checking *c, const struct kp_tree *branch, unsigned depth)
{
    if (branch && depth > KP_CSAF_BRANCHES_MAX)
        kp_fail(c->err, KP_EFULL, "branches of products are nested more than %d deep",
                KP_CSAF_BRANCHES_MAX);
    for (; branch && !c->err->code; branch = branch->next) {
        define(c, kp_tree_get(branch, "product"));
        define_branches(c, kp_tree_list(branch, "branches"), depth + 1);
    }
}

static void define_groups(struct csaf_checking *c)
{
    for (const struct kp_tree *g = kp_tree_list(c->tree, "product_groups"); g; g = g->next) {
        const struct kp_tree *id = kp_tree_get(g, "group_id");
        struct csaf_slot *s = csaf_group(c, id);
        if (s && s->defined) {
            csaf_found(c, "6.1.5", id, "group '%.100s' is defined twice", s->id);
        } else if (s) {
            s->defined = id;
            s->products = kp_tree_list(g, "product_ids");
        }
    }
}

/* ---- uses ---- */
static void use(struct csaf_checking *c, const struct kp_tree *id)
{
    struct csaf_slot *s = csaf_product(c, id);
    if (s && !s->defined)
        csaf_found(c, "6.1.1", id, "product '%.100s' is not defined in the product tree", s->id);
    if (s && !s->used)
        s->used = id;
}

static void use_all(struct csaf_checking *c, const struct kp_tree *object, const char *list)
{
    for (const struct kp_tree *id = kp_tree_list(object, list); id; id = id->next)
        use(c, id);
}

static void use_groups(struct csaf_checking *c, const struct kp_tree *object)
{
    for (const struct kp_tree *id = kp_tree_list(object, "group_ids"); id; id = id->next) {
        struct csaf_slot *s = csaf_group(c, id);
        if (s && !s->defined)
            csaf_found(c, "6.1.4", id, "group '%.100s' is not defined in the product tree", s->id);
    }
}

static void use_in_tree(struct csaf_checking *c)
{
    for (const struct kp_tree *g = kp_tree_list(c->tree, "product_groups"); g; g = g->next)
        use_all(c, g, "product_ids");
    for (const struct kp_tree *r = kp_tree_list(c->tree, "relationships"); r; r = r->next) {
        use(c, kp_tree_get(r, "product_reference"));
        use(c, kp_tree_get(r, "relates_to_product_reference"));
    }
}

static void use_in_vulnerability(struct csaf_checking *c, const struct kp_tree *v)
{
    static const char *const lists[] = { "flags", "remediations", "threats" };
    static const char *const states[] = { "first_affected", "first_fixed",        "fixed",
                                          "known_affected", "known_not_affected", "last_affected",
                                          "recommended",    "under_investigation" };
    const struct kp_tree *status = kp_tree_get(v, "product_status");
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        use_all(c, status, states[i]);
    for (const struct kp_tree *s = kp_tree_list(v, "scores"); s; s = s->next)
        use_all(c, s, "products");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (const struct kp_tree *o = kp_tree_list(v, lists[i]); o; o = o->next) {
            use_all(c, o, "product_ids");
            use_groups(c, o);
        }
}

void csaf_index(struct csaf_checking *c)
{
    if (!make_room(c, &c->products, c->size / 48) || !make_room(c, &c->groups, c->size / 256))
        return;
    define_branches(c, kp_tree_list(c->tree, "branches"), 1);
    for (const struct kp_tree *p = kp_tree_list(c->tree, "full_product_names"); p; p = p->next)
        define(c, p);
    for (const struct kp_tree *r = kp_tree_list(c->tree, "relationships"); r; r = r->next)
        define(c, kp_tree_get(r, "full_product_name"));
    define_groups(c);
    use_in_tree(c);
    for (const struct kp_tree *v = c->vulnerabilities; v; v = v->next)
        use_in_vulnerability(c, v);
}

/* ---- for one vulnerability ---- */
uint32_t *csaf_marks(struct csaf_slot *s, const struct kp_tree *vulnerability)
{
    if (s->vulnerability != vulnerability) {
        s->vulnerability = vulnerability;
        s->marks = 0;
    }
    return &s->marks;
}

static void each_of_group(struct csaf_checking *c, struct csaf_slot *group,
                          const struct kp_tree *vulnerability, const struct kp_tree *at,
                          uint32_t mark, csaf_each *each)
{
    for (const struct kp_tree *id = group->products; id && csaf_work(c, 1); id = id->next) {
        struct csaf_slot *s = csaf_product(c, id);
        if (s)
            each(c, s, vulnerability, at, mark);
    }
}

void csaf_each_product(struct csaf_checking *c, const struct kp_tree *object,
                       const struct kp_tree *vulnerability, uint32_t mark, csaf_each *each)
{
    for (const struct kp_tree *id = kp_tree_list(object, "product_ids"); id; id = id->next) {
        struct csaf_slot *s = csaf_product(c, id);
        if (s)
            each(c, s, vulnerability, id, mark);
    }
    for (const struct kp_tree *id = kp_tree_list(object, "group_ids"); id; id = id->next) {
        struct csaf_slot *group = csaf_group(c, id);
        if (group)
            each_of_group(c, group, vulnerability, id, mark, each);
    }
}

void csaf_mark(struct csaf_checking *c, struct csaf_slot *s, const struct kp_tree *vulnerability,
               const struct kp_tree *at, uint32_t mark)
{
    (void)c, (void)at;
    *csaf_marks(s, vulnerability) |= mark;
}
