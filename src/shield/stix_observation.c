/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/stix_private.h"

#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

struct gathering {
    struct kp_arena *arena;
    struct kp_err *err;
    struct kp_stix_object *all; /* in the order of their ids */
    size_t n, capacity;
    const struct kp_tree **data; /* each observed-data, as they stand */
    size_t n_data, data_capacity;
};

static int by_id(const void *a, const void *b)
{
    const struct kp_stix_object *x = a, *y = b;
    int c = strcmp(x->id, y->id);
    return c ? c : (x->tree->order > y->tree->order) - (x->tree->order < y->tree->order);
}

/* Keeps the last of each id. */
static size_t sort(struct kp_stix_object *object, size_t n)
{
    size_t kept = 0;
    if (n)
        qsort(object, n, sizeof *object, by_id);
    for (size_t i = 0; i < n; i++)
        if (i + 1 == n || strcmp(object[i].id, object[i + 1].id) != 0)
            object[kept++] = object[i];
    return kept;
}

static const struct kp_stix_object *find(const struct kp_stix_object *object, size_t n,
                                         const char *id)
{
    size_t from = 0;
    while (from < n) {
        size_t middle = from + (n - from) / 2;
        int c = strcmp(object[middle].id, id);
        if (c == 0)
            return &object[middle];
        if (c < 0)
            from = middle + 1;
        else
            n = middle;
    }
    return NULL;
}

const struct kp_stix_object *kp_stix_object(const struct kp_stix_observation *o, const char *id)
{
    return find(o->object, o->n, id);
}

static bool take_object(const struct kp_tree *v, const char *id, struct kp_stix_object *out)
{
    const struct kp_tree *type = kp_tree_get(v, "type");
    if (!id || !type || type->type != KP_TREE_TEXT)
        return false;
    *out = (struct kp_stix_object){ id, type->text, type->n, v };
    return true;
}

/* ---- all that is there ---- */
static enum kp_code gather(struct gathering *g, const struct kp_tree *v, unsigned depth)
{
    struct kp_stix_object o;
    const struct kp_tree *list = v->type == KP_TREE_LIST ? v->first : NULL;
    if (take_object(v, kp_tree_text(v, "id"), &o) && strcmp(o.type, "bundle") == 0)
        list = kp_tree_list(v, "objects");
    else if (v->type == KP_TREE_OBJECT && kp_tree_text(v, "type") &&
             strcmp(kp_tree_text(v, "type"), "observed-data") == 0) {
        if (!kp_grow(&g->data, &g->data_capacity, g->n_data + 1, sizeof *g->data))
            return kp_fail(g->err, KP_ENOMEM, "out of memory reading observations");
        g->data[g->n_data++] = v;
    } else if (take_object(v, kp_tree_text(v, "id"), &o)) {
        if (!kp_grow(&g->all, &g->capacity, g->n + 1, sizeof *g->all))
            return kp_fail(g->err, KP_ENOMEM, "out of memory reading observations");
        g->all[g->n++] = o;
    }
    for (; list && depth && !g->err->code; list = list->next)
        gather(g, list, depth - 1);
    return g->err->code;
}

/* ---- one of them ---- */
static bool time_of(const struct kp_tree *v, const char *key, int64_t *out)
{
    struct csaf_stamp at;
    const char *text = kp_tree_text(v, key);
    if (!text || !stix_time(text, &at))
        return false;
    *out = stix_microseconds(&at);
    return true;
}

static size_t take_refs(const struct gathering *g, const struct kp_tree *ref,
                        struct kp_stix_object *to)
{
    size_t n = 0;
    for (; ref; ref = ref->next) {
        const struct kp_stix_object *o =
            ref->type == KP_TREE_TEXT ? find(g->all, g->n, ref->text) : NULL;
        if (o)
            to[n++] = *o;
    }
    return n;
}

static enum kp_code observe(struct gathering *g, const struct kp_tree *v, struct kp_arena *arena,
                            struct kp_stix_observation *o)
{
    const struct kp_tree *number = kp_tree_get(v, "number_observed"),
                         *refs = kp_tree_get(v, "object_refs"), *inside = kp_tree_get(v, "objects");
    o->name = kp_tree_text(v, "id");
    const char *name = o->name ? o->name : "an observed-data without id";
    if (!time_of(v, "first_observed", &o->first) || !time_of(v, "last_observed", &o->last) ||
        o->last < o->first)
        return kp_fail(g->err, KP_EPARSE,
                       "%.100s: first_observed and last_observed are no times in this order", name);
    if (!number || number->type != KP_TREE_NUMBER || !(number->number >= 1))
        return kp_fail(g->err, KP_EPARSE, "%.100s: number_observed is not 1 or more", name);
    o->count = number->number < 1e9 ? (int64_t)number->number : (int64_t)1e9;
    bool referring = refs && refs->type == KP_TREE_LIST;
    size_t most = referring ? refs->n : inside && inside->type == KP_TREE_OBJECT ? inside->n : 0;
    struct kp_stix_object *object = kp_arena_alloc(arena, (most + 1) * sizeof *object);
    if (!object)
        return kp_fail(g->err, KP_ENOMEM, "out of memory reading observations");
    if (referring)
        o->n = take_refs(g, refs->first, object);
    else if (most)
        for (const struct kp_tree *m = inside->first; m; m = m->next)
            o->n += take_object(m, m->key, &object[o->n]);
    o->n = sort(object, o->n);
    o->object = object;
    return KP_OK;
}

enum kp_code kp_stix_observations(const struct kp_tree *tree, struct kp_arena *arena,
                                  bool (*each)(void *, const struct kp_stix_observation *),
                                  void *arg, struct kp_err *err)
{
    struct gathering g = { .arena = arena, .err = err };
    if (!gather(&g, tree, 3))
        g.n = sort(g.all, g.n);
    for (size_t i = 0; i < g.n_data && !err->code; i++) {
        struct kp_stix_observation o = { .id = i };
        if (observe(&g, g.data[i], arena, &o) || !each(arg, &o))
            break;
    }
    kp_free(g.all);
    kp_free(g.data);
    return err->code;
}
