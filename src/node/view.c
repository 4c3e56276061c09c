/* SPDX-License-Identifier: Apache-2.0 */
/* Couplings seen from outside: state, address space, certificates. */
#include "node/private.h"

#include "couplings/catalogue.h"
#include "store/trust.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static char *copy(struct kp_arena *arena, const char *text, bool *whole)
{
    char *p = text ? kp_arena_strdup(arena, text) : NULL;
    *whole &= p || !text;
    return p;
}

static const struct kp_option *option_of(const struct kp_coupling_class *class, const char *key)
{
    for (const struct kp_option *o = class->options; o && o->name; o++)
        if (strcmp(o->name, key) == 0)
            return o;
    return NULL;
}

static bool view_fill(struct kp_node *node, const struct coupling *c, struct kp_arena *arena,
                      struct kp_coupling_view *v)
{
    bool whole = true;
    struct kp_field on = { "enabled", field_find(c->fields, c->n, "enabled") };
    *v = (struct kp_coupling_view){
        .id = c->id,
        .name = copy(arena, field_find(c->fields, c->n, "name"), &whole),
        .url = copy(arena, field_find(c->fields, c->n, "url"), &whole),
        .at = copy(arena, field_find(c->fields, c->n, "at"), &whole),
        .include = copy(arena, field_find(c->fields, c->n, "include"), &whole),
        .exclude = copy(arena, field_find(c->fields, c->n, "exclude"), &whole),
        .every = copy(arena, field_find(c->fields, c->n, "every"), &whole),
        .deadband = copy(arena, field_find(c->fields, c->n, "deadband"), &whole),
        .clock = copy(arena, field_find(c->fields, c->n, "clock"), &whole),
        .protocol = c->class->name,
        .options = c->class->options,
        .enabled = true,
        .settings = kp_arena_alloc(arena, (c->n + 1) * sizeof *v->settings),
    };
    if (on.value)
        field_bool(&on, &v->enabled, NULL);
    for (size_t i = 0; i < c->n && v->settings; i++) {
        const struct kp_option *o = option_of(c->class, c->fields[i].key);
        if (o)
            v->settings[v->n++] = (struct kp_field){
                o->name, o->type == KP_OPT_SECRET ? "***" : copy(arena, c->fields[i].value, &whole)
            };
    }
    kp_hub_coupling_status(node->hub, c->id, &v->status);
    return whole && v->settings;
}

enum kp_code kp_node_couplings(struct kp_node *node, const char *name, struct kp_arena *arena,
                               struct kp_coupling_view **out, size_t *n, struct kp_err *err)
{
    pthread_mutex_lock(&node->changing);
    struct coupling *one = name ? coupling_find(node, name, err) : NULL;
    *n = name ? 1 : node->n;
    *out = err->code ? NULL : kp_arena_alloc(arena, (*n + 1) * sizeof **out);
    bool whole = *out;
    for (size_t i = 0; i < *n && whole; i++)
        whole = view_fill(node, one ? one : node->couplings[i], arena, &(*out)[i]);
    if (!whole)
        kp_fail(err, KP_ENOMEM, "out of memory");
    pthread_mutex_unlock(&node->changing);
    return err->code;
}

enum kp_code kp_node_trust(struct kp_node *node, const char *name, const char *fingerprint,
                           struct kp_err *err)
{
    uint16_t id = kp_node_coupling_id(node, name, err);
    int n = 0;
    if (!id || kp_trust_set(node->store, name, fingerprint, true, &n, err))
        return err->code;
    return kp_hub_reconnect(node->hub, id, err);
}

static void ask_browse(struct kp_coupling *c, void *class)
{
    ((const struct kp_coupling_class *)class)->browse(c);
}

enum kp_code kp_node_browse(struct kp_node *node, const char *name, struct kp_err *err)
{
    pthread_mutex_lock(&node->changing);
    struct coupling *c = coupling_find(node, name, err);
    const struct kp_coupling_class *class = c ? c->class : NULL;
    uint16_t id = c ? c->id : 0;
    pthread_mutex_unlock(&node->changing);
    if (!id)
        return err->code;
    if (!class->browse)
        return kp_fail(err, KP_EINVALID, "%s: protocol %s has no address space to look at", name,
                       class->name);
    union {
        const void *in;
        void *out;
    } arg = { class };
    return kp_hub_ask(node->hub, id, ask_browse, arg.out, err);
}

/* ---- choosing what to subscribe ---- */
struct choosing {
    struct kp_node *node;
    uint16_t coupling;
    const struct kp_choice *choices;
    size_t n, budget;
    struct kp_arena arena;
    struct kp_declare *list;
    size_t count, capacity;
    struct kp_err *err;
};

static bool choose_node(void *arg, const struct kp_catalogue_node *node)
{
    struct choosing *g = arg;
    if (node->subscribed)
        return true;
    if (g->budget && g->count == g->budget) {
        kp_fail(g->err, KP_EFULL,
                "the server's budget leaves room for %zu more signals; choose fewer, or raise "
                "items-max if the machine can bear it",
                g->budget);
        return false;
    }
    if (!kp_grow(&g->list, &g->capacity, g->count + 1, sizeof *g->list)) {
        kp_fail(g->err, KP_ENOMEM, "out of memory");
        return false;
    }
    bool whole = true;
    struct kp_declare *d = &g->list[g->count++];
    *d = (struct kp_declare){ .path = copy(&g->arena, node->path, &whole) };
    d->info.source = copy(&g->arena, node->source, &whole);
    d->info.unit_text = copy(&g->arena, node->unit, &whole);
    d->info.description = copy(&g->arena, node->description, &whole);
    d->info.role = copy(&g->arena, node->role, &whole);
    d->info.stored = true;
    if (node->type)
        kp_type_parse(node->type, &d->info.type);
    if (!whole)
        kp_fail(g->err, KP_ENOMEM, "out of memory");
    return whole;
}

/* A source typed by hand, known to the catalogue or not. */
static void choose_source(struct choosing *g, const struct kp_choice *c)
{
    struct kp_catalogue_node node;
    struct kp_err none = { 0 };
    char name[KP_NAME_MAX];
    if (kp_catalogue_get(g->node->store, g->coupling, c->source, &g->arena, &node, &none)) {
        if (none.code != KP_ENOTFOUND) {
            kp_fail(g->err, none.code, "%s", none.text);
            return;
        }
        const char *last = strrchr(c->source, '=');
        last = last ? last + 1 : c->source;
        kp_name_clean(name, sizeof name, last, strlen(last));
        node = (struct kp_catalogue_node){ .source = c->source, .path = name };
    }
    if (c->path)
        node.path = c->path;
    if (!kp_path_valid(node.path))
        kp_fail(g->err, KP_EINVALID, "%.80s: '%.80s' is not a path", c->source, node.path);
    else
        choose_node(g, &node);
}

static void ask_declare(struct kp_coupling *c, void *arg)
{
    struct choosing *g = arg;
    kp_coupling_declare(c, g->list, g->count, g->err);
}

static enum kp_code choose(struct choosing *g, struct kp_err *err)
{
    for (size_t i = 0; i < g->n && !err->code; i++) {
        size_t before = g->count;
        if (g->choices[i].source)
            choose_source(g, &g->choices[i]);
        else
            kp_catalogue_list(g->node->store, g->coupling, g->choices[i].pattern, "", SIZE_MAX,
                              choose_node, g, err);
        if (!err->code && g->count == before && g->choices[i].pattern)
            kp_fail(err, KP_ENOTFOUND,
                    "nothing new matches '%.80s'; see koppel couplings NAME --nodes",
                    g->choices[i].pattern);
    }
    if (err->code || !g->count || kp_hub_ask(g->node->hub, g->coupling, ask_declare, g, err))
        return err->code;
    for (size_t i = 0; i < g->count && !err->code; i++)
        if (!g->list[i].id)
            kp_fail(err, KP_EINVALID,
                    "'%.120s' is kept out by the coupling's filter (include, exclude)",
                    g->list[i].path);
    return err->code ? err->code : kp_hub_reconnect(g->node->hub, g->coupling, err);
}

enum kp_code kp_node_choose(struct kp_node *node, const char *coupling,
                            const struct kp_choice *choices, size_t n, size_t *added,
                            struct kp_err *err)
{
    struct choosing g = { .node = node, .choices = choices, .n = n, .err = err };
    struct kp_coupling_status status = { 0 };
    *added = 0;
    g.coupling = kp_node_coupling_id(node, coupling, err);
    if (!g.coupling)
        return err->code;
    kp_hub_coupling_status(node->hub, g.coupling, &status);
    if (status.items_max)
        g.budget = status.items_max > status.items ? status.items_max - status.items : 0;
    if (status.items_max && !g.budget)
        return kp_fail(err, KP_EFULL, "%s: the server's budget of %u items is used up", coupling,
                       status.items_max);
    if (choose(&g, err))
        kp_context(err, "%s", coupling);
    else
        *added = g.count;
    kp_arena_free(&g.arena);
    kp_free(g.list);
    return err->code;
}
