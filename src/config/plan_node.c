/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes listed under a coupling: what it shall subscribe, and where that stands in the model. Signals are made
 * here and not by the machine's coupling, so that a machine that is off can be prepared too. */
#include "config/plan.h"

#include "couplings/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

/* The new nodes of one coupling, made in one crossing to the hub. */
struct kp_plan_nodes {
    struct kp_plan *plan;
    const struct kp_config_entry *coupling;
    uint16_t id;
    size_t n, capacity;
    struct new_node {
        const char *path;
        struct kp_catalogue_node seen; /* what the machine said of it, or empty */
        const char *source;
    } *list;
    struct kp_err *err;
};

/* ---- what is there ---- */
static int by_source(const void *a, const void *b)
{
    const struct kp_plan_signal *x = a, *y = b;
    int order = (x->coupling > y->coupling) - (x->coupling < y->coupling);
    return order ? order : strcmp(x->source, y->source);
}

static enum kp_code collect_signals(struct kp_plan *p)
{
    struct kp_model *m = kp_plan_model(p);
    size_t capacity = 0;
    struct kp_plan_signal *list = NULL;
    kp_model_lock(m);
    for (kp_signal s = 1; s < kp_model_signal_end(m) && !p->err->code; s++) {
        const struct kp_signal_info *info = kp_model_signal(m, s);
        if (!info || !info->source || !info->coupling)
            continue;
        const char *source = kp_arena_strdup(&p->arena, info->source);
        if (!source || !kp_grow(&list, &capacity, p->n_signals + 1, sizeof *list))
            kp_plan_no_memory(p);
        else
            list[p->n_signals++] = (struct kp_plan_signal){ info->coupling, source, s };
    }
    kp_model_unlock(m);
    if (p->n_signals) {
        qsort(list, p->n_signals, sizeof *list, by_source);
        p->signals = kp_arena_copy(&p->arena, list, p->n_signals * sizeof *list);
        if (!p->signals)
            kp_plan_no_memory(p);
    }
    kp_free(list);
    return p->err->code;
}

static kp_signal signal_of(const struct kp_plan *p, const struct kp_coupling_view *v, const char *source)
{
    const struct kp_plan_signal key = { v ? v->id : 0, source, 0 }, *found;
    if (!v || !p->n_signals)
        return 0;
    found = bsearch(&key, p->signals, p->n_signals, sizeof key, by_source);
    return found ? found->id : 0;
}

/* ---- what is wanted ---- */
static const char *at_of(const struct kp_config_entry *e)
{
    for (size_t i = 0; i < e->n; i++)
        if (strcmp(e->fields[i].f.key, "at") == 0 && *e->fields[i].f.value)
            return e->fields[i].f.value;
    return e->name;
}

static enum kp_code want(struct kp_plan *p, const struct kp_config_entry *e, const struct kp_config_node *n)
{
    char path[KP_PATH_MAX + 1];
    struct kp_plan_wanted *w = &p->wanted[p->n_wanted++];
    *w = (struct kp_plan_wanted){ .coupling = e, .node = n,
                                  .id = signal_of(p, kp_plan_coupling(p, e->name), n->source) };
    if (!n->path)
        return KP_OK;
    if (n->path[0] == '/')
        snprintf(path, sizeof path, "%s", n->path + 1);
    else
        snprintf(path, sizeof path, "%s/%s", at_of(e), n->path);
    if (!kp_path_valid(path) || !strchr(path, '/'))
        return kp_plan_fault(p, n->at, KP_EINVALID, "a signal's path must have an asset above it and be shorter than 1024 bytes");
    w->path = kp_arena_strdup(&p->arena, path);
    return w->path ? KP_OK : kp_plan_no_memory(p);
}

static int by_path(const void *a, const void *b)
{
    const struct kp_plan_wanted *x = a, *y = b;
    if (!x->path || !y->path)
        return !y->path - !x->path;
    return strcmp(x->path, y->path);
}

static enum kp_code collect_wanted(struct kp_plan *p)
{
    const struct kp_config_list *list = &p->config->list[KP_CONFIG_COUPLING];
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++)
        n += list->entries[i].n_nodes;
    p->wanted = kp_arena_alloc(&p->arena, (n + 1) * sizeof *p->wanted);
    if (!p->wanted)
        return kp_plan_no_memory(p);
    for (size_t i = 0; i < list->n; i++)
        for (size_t k = 0; k < list->entries[i].n_nodes; k++)
            if (want(p, &list->entries[i], &list->entries[i].nodes[k]))
                return p->err->code;
    qsort(p->wanted, n, sizeof *p->wanted, by_path);
    for (size_t i = 1; i < n; i++)
        if (p->wanted[i].path && p->wanted[i - 1].path && strcmp(p->wanted[i].path, p->wanted[i - 1].path) == 0)
            return kp_plan_fault(p, p->wanted[i].node->at, KP_EINVALID, "two nodes want the same path");
    return KP_OK;
}

/* ---- making new ones ---- */
static kp_asset holder(struct kp_model *m, const char *path, const char **name, struct kp_err *err)
{
    char above[KP_PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(above, sizeof above, "%.*s", (int)(slash - path), path);
    *name = slash + 1;
    return kp_model_make_path(m, above, KP_FOLDER, err);
}

static void make_one(struct kp_plan_nodes *g, struct kp_model *m, const struct new_node *n)
{
    const struct kp_catalogue_node *seen = &n->seen;
    kp_signal old = kp_model_find_signal(m, n->path);
    struct kp_signal_info info = { .stored = true, .unit_text = seen->unit, .description = seen->description,
                                   .role = seen->role };
    if (old) /* left by a coupling that is gone: its history goes on */
        info = *kp_model_signal(m, old);
    else
        info.asset = holder(m, n->path, &info.name, g->err);
    info.coupling = g->id;
    info.source = n->source;
    if (seen->type)
        kp_type_parse(seen->type, &info.type);
    if (!g->err->code)
        kp_model_put_signal(m, &info, g->err);
}

static void make_nodes(void *arg)
{
    struct kp_plan_nodes *g = arg;
    for (size_t i = 0; i < g->n && !g->err->code; i++)
        make_one(g, kp_plan_model(g->plan), &g->list[i]);
}

static enum kp_code run_nodes(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    struct kp_plan_nodes *g = s->nodes;
    g->plan = p;
    g->err = err;
    g->id = kp_node_coupling_id(p->node, g->coupling->name, err);
    if (!g->id)
        return err->code;
    if (kp_hub_call(kp_node_hub(p->node), make_nodes, g))
        return kp_fail(err, KP_ESTOPPED, "the node is stopping");
    if (err->code || kp_store_sync(kp_node_store(p->node), err))
        return err->code;
    return kp_node_reconnect(p->node, g->coupling->name, err);
}

/* "nsu=urn:x;s=Spindle.Speed" is named "Spindle.Speed" when nobody says better. */
static const char *path_of_source(struct kp_plan *p, const char *at, const char *source)
{
    char path[KP_PATH_MAX + KP_NAME_MAX], name[KP_NAME_MAX];
    const char *last = strrchr(source, '=');
    last = last && last[1] ? last + 1 : source;
    kp_name_clean(name, sizeof name, last, strlen(last));
    snprintf(path, sizeof path, "%s/%s", at, name);
    return kp_arena_strdup(&p->arena, path);
}

static enum kp_code look_up(struct kp_plan *p, const struct kp_plan_wanted *w, struct new_node *n)
{
    const struct kp_coupling_view *v = kp_plan_coupling(p, w->coupling->name);
    struct kp_err none = { 0 };
    char path[2 * KP_PATH_MAX];
    *n = (struct new_node){ .source = w->node->source, .path = w->path };
    if (v && kp_catalogue_get(kp_node_store(p->node), v->id, n->source, &p->arena, &n->seen, &none)) {
        if (none.code != KP_ENOTFOUND)
            return kp_fail(p->err, none.code, "%s", none.text);
        n->seen = (struct kp_catalogue_node){ 0 };
    }
    if (n->path)
        return KP_OK;
    if (n->seen.path) {
        snprintf(path, sizeof path, "%s/%s", at_of(w->coupling), n->seen.path);
        n->path = kp_arena_strdup(&p->arena, path);
    } else {
        n->path = path_of_source(p, at_of(w->coupling), n->source);
    }
    if (n->path && !kp_path_valid(n->path))
        return kp_plan_fault(p, w->node->at, KP_EINVALID, "this node needs a 'path': the machine's own is too long");
    return n->path ? KP_OK : kp_plan_no_memory(p);
}

/* Whether a new node may take the path: nothing there, or what another coupling left. */
static enum kp_code check_free(struct kp_plan *p, const struct kp_plan_wanted *w, const char *path)
{
    struct kp_model *m = kp_plan_model(p);
    bool taken = false;
    kp_model_lock(m);
    kp_signal s = kp_model_find_signal(m, path);
    if (s) {
        uint16_t owner = kp_model_signal(m, s)->coupling;
        for (size_t i = 0; i < p->n_couplings; i++)
            taken |= p->couplings[i].id == owner;
    }
    taken |= kp_model_find_asset(m, path) != 0;
    kp_model_unlock(m);
    return taken ? kp_plan_fault(p, w->node->at, KP_EEXISTS, "the path of this node is taken by another signal or asset")
                 : KP_OK;
}

static enum kp_code plan_new(struct kp_plan *p, const struct kp_plan_wanted *w, struct kp_plan_nodes **of)
{
    bool first = !*of;
    if (first)
        *of = kp_arena_alloc(&p->arena, sizeof **of);
    if (first && *of) {
        (*of)->coupling = w->coupling;
        (*of)->list = kp_arena_alloc(&p->arena, w->coupling->n_nodes * sizeof *(*of)->list);
    }
    if (!*of || !(*of)->list)
        return kp_plan_no_memory(p);
    struct new_node *n = &(*of)->list[(*of)->n++];
    if (look_up(p, w, n) || check_free(p, w, n->path))
        return p->err->code;
    struct kp_plan_step *s = kp_plan_add(p, "add", "node", n->path);
    if (!s)
        return p->err->code;
    s->detail = n->source;
    s->nodes = *of;
    s->run = first ? run_nodes : NULL;
    return KP_OK;
}

/* ---- moving and removing ---- */
static enum kp_code run_move(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    return kp_node_change_signal(p->node, s->name, s->fields, s->n, err);
}

static enum kp_code run_remove(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    return kp_node_remove_signal(p->node, s->name, err);
}

static void path_now(struct kp_plan *p, kp_signal id, char out[KP_PATH_MAX])
{
    struct kp_model *m = kp_plan_model(p);
    kp_model_lock(m);
    kp_model_signal_path(m, id, out, KP_PATH_MAX);
    kp_model_unlock(m);
}

static enum kp_code plan_move(struct kp_plan *p, const struct kp_plan_wanted *w)
{
    char now[KP_PATH_MAX];
    path_now(p, w->id, now);
    if (!w->path || strcmp(now, w->path) == 0)
        return KP_OK;
    if (check_free(p, w, w->path))
        return p->err->code;
    struct kp_plan_step *s = kp_plan_add(p, "change", "node", now);
    if (!s || kp_plan_field(p, s, "path", NULL, w->path, false))
        return p->err->code;
    s->run = run_move;
    return KP_OK;
}

static int by_node_source(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum kp_code plan_removals(struct kp_plan *p, const struct kp_config_entry *e, const struct kp_coupling_view *v)
{
    const char **sources = kp_arena_alloc(&p->arena, (e->n_nodes + 1) * sizeof *sources);
    if (!sources)
        return kp_plan_no_memory(p);
    for (size_t i = 0; i < e->n_nodes; i++)
        sources[i] = e->nodes[i].source;
    qsort(sources, e->n_nodes, sizeof *sources, by_node_source);
    for (size_t i = 0; i < p->n_signals && !p->err->code; i++) {
        const struct kp_plan_signal *signal = &p->signals[i];
        char path[KP_PATH_MAX];
        if (signal->coupling != v->id || bsearch(&signal->source, sources, e->n_nodes, sizeof *sources, by_node_source))
            continue;
        path_now(p, signal->id, path);
        struct kp_plan_step *s = kp_plan_add(p, "remove", "node", path);
        if (s)
            s->run = run_remove;
    }
    return p->err->code;
}

enum kp_code kp_plan_nodes(struct kp_plan *p)
{
    const struct kp_config_list *list = &p->config->list[KP_CONFIG_COUPLING];
    bool any = false;
    for (size_t i = 0; i < list->n; i++)
        any |= list->entries[i].lists_nodes;
    if (!any || collect_signals(p) || collect_wanted(p))
        return p->err->code;
    for (size_t i = 0; i < list->n && !p->err->code; i++) {
        const struct kp_config_entry *e = &list->entries[i];
        const struct kp_coupling_view *v = kp_plan_coupling(p, e->name);
        struct kp_plan_nodes *new = NULL;
        for (size_t k = 0; k < p->n_wanted && !p->err->code; k++)
            if (p->wanted[k].coupling == e)
                p->wanted[k].id ? plan_move(p, &p->wanted[k]) : plan_new(p, &p->wanted[k], &new);
        if (p->prune && e->lists_nodes && v && !p->err->code)
            plan_removals(p, e, v);
    }
    return p->err->code;
}
