/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/sparkplug/sparkplug_private.h"

#include "core/log.h"
#include "couplings/catalogue.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static bool device_key(char key[SP_KEY_MAX], const char *group, const char *node,
                       const char *device)
{
    int n = snprintf(key, SP_KEY_MAX, "%s/%s%s%s", group, node, *device ? "/" : "", device);
    return n > 0 && n < SP_KEY_MAX;
}

static bool metric_source(const struct sparkplug *h, int32_t device, const char *name,
                          char source[SP_KEY_MAX])
{
    const struct sp_device *d = &h->devices[device];
    const struct sp_node *node = &h->nodes[d->node];
    int n = snprintf(source, SP_KEY_MAX, "%s/%s%s%s#%s", node->group, node->name,
                     *d->name ? "/" : "", d->name, name);
    return n > 0 && n < SP_KEY_MAX;
}

static int32_t no_room(struct sparkplug *h, const char *what, const char *name)
{
    h->full = true;
    kp_warn("sparkplug", "left out: there are too many, or its name is too long",
            "coupling=%s %s=%s", kp_log_quote(kp_coupling_name(h->c)), what, kp_log_quote(name));
    return SP_NONE;
}

static int32_t no_memory(struct kp_err *err)
{
    kp_fail(err, KP_ENOMEM, "out of memory");
    return SP_NONE;
}

/* ---- nodes and devices ---- */
int32_t sp_find_device(const struct sparkplug *h, const char *group, const char *node,
                       const char *device)
{
    char key[SP_KEY_MAX];
    return device_key(key, group, node, device) ? kp_names_find(&h->devices_by_key, key) : SP_NONE;
}

static int32_t add_device(struct sparkplug *h, uint32_t node, const char *name, struct kp_err *err)
{
    char key[SP_KEY_MAX];
    if (h->n_devices >= SP_DEVICES_MAX ||
        !device_key(key, h->nodes[node].group, h->nodes[node].name, name))
        return no_room(h, "device", name);
    struct sp_device d = { .node = node,
                           .name = kp_arena_strdup(&h->text, name),
                           .first = SP_NONE };
    if (!d.name || !kp_grow(&h->devices, &h->devices_room, h->n_devices + 1, sizeof *h->devices) ||
        !kp_names_put(&h->devices_by_key, key, (int32_t)h->n_devices))
        return no_memory(err);
    h->devices[h->n_devices] = d;
    return (int32_t)h->n_devices++;
}

int32_t sp_node(struct sparkplug *h, const char *group, const char *name, struct kp_err *err)
{
    int32_t at = sp_find_device(h, group, name, "");
    if (at >= 0)
        return (int32_t)h->devices[at].node;
    if (h->n_nodes >= (size_t)h->set->nodes_max)
        return no_room(h, "node", name);
    struct sp_node node = { .group = kp_arena_strdup(&h->text, group),
                            .name = kp_arena_strdup(&h->text, name) };
    if (!node.group || !node.name ||
        !kp_grow(&h->nodes, &h->nodes_room, h->n_nodes + 1, sizeof *h->nodes))
        return no_memory(err);
    h->nodes[h->n_nodes] = node;
    if (add_device(h, (uint32_t)h->n_nodes, "", err) < 0)
        return SP_NONE;
    return (int32_t)h->n_nodes++;
}

int32_t sp_device(struct sparkplug *h, int32_t node, const char *name, struct kp_err *err)
{
    int32_t at = sp_find_device(h, h->nodes[node].group, h->nodes[node].name, name);
    return at >= 0 ? at : add_device(h, (uint32_t)node, name, err);
}

/* ---- metrics ---- */
int32_t sp_find_metric(const struct sparkplug *h, int32_t device, const char *name)
{
    char source[SP_KEY_MAX];
    return metric_source(h, device, name, source) ? kp_names_find(&h->metrics_by_source, source)
                                                  : SP_NONE;
}

/* GROUP/NODE/DEVICE/name/of/metric, each a valid name. */
static bool metric_path(const char *source, const char *name, char out[KP_PATH_MAX])
{
    char above[SP_KEY_MAX];
    size_t len = 0;
    snprintf(above, sizeof above, "%.*s/%s", (int)strcspn(source, "#"), source, name);
    for (const char *p = above;;) {
        char part[KP_NAME_MAX];
        size_t n = strcspn(p, "/");
        kp_name_clean(part, sizeof part, p, n);
        int wrote = snprintf(out + len, KP_PATH_MAX - len, "%s%s", len ? "/" : "", part);
        if (wrote < 0 || (size_t)wrote >= KP_PATH_MAX - len)
            return false;
        len += (size_t)wrote;
        if (!p[n])
            return kp_path_valid(out);
        p += n + 1;
    }
}

int32_t sp_metric(struct sparkplug *h, int32_t device, const char *name, struct kp_err *err)
{
    char source[SP_KEY_MAX], path[KP_PATH_MAX];
    struct sp_node *node = &h->nodes[h->devices[device].node];
    int32_t at = sp_find_metric(h, device, name);
    if (at >= 0)
        return at;
    if (h->n_metrics >= SP_METRICS_TOTAL || node->n_metrics >= h->set->metrics_max ||
        !metric_source(h, device, name, source) || !metric_path(source, name, path))
        return no_room(h, "metric", name);
    struct sp_metric m = { .device = (uint32_t)device,
                           .next = h->devices[device].first,
                           .path = kp_arena_strdup(&h->text, path) };
    m.source = kp_names_put(&h->metrics_by_source, source, (int32_t)h->n_metrics);
    if (!m.path || !m.source ||
        !kp_grow(&h->metrics, &h->metrics_room, h->n_metrics + 1, sizeof *h->metrics))
        return no_memory(err);
    m.name = strchr(m.source, '#') + 1;
    h->devices[device].first = (int32_t)h->n_metrics;
    h->metrics[h->n_metrics] = m;
    node->n_metrics++;
    return (int32_t)h->n_metrics++;
}

/* ---- aliases: unique in a node and its devices ---- */
static const char *alias_key(char key[48], uint32_t node, uint64_t alias)
{
    snprintf(key, 48, "%" PRIu32 ":%" PRIu64, node, alias);
    return key;
}

int32_t sp_find_alias(const struct sparkplug *h, uint32_t node, uint64_t alias)
{
    char key[48];
    int32_t at = kp_names_find(&h->aliases, alias_key(key, node, alias));
    const struct sp_metric *m = at >= 0 ? &h->metrics[at] : NULL;
    return m && m->present && m->has_alias && m->alias == alias ? at : SP_NONE;
}

static bool put_alias(struct sparkplug *h, int32_t metric)
{
    char key[48];
    const struct sp_metric *m = &h->metrics[metric];
    return kp_names_put(&h->aliases, alias_key(key, h->devices[m->device].node, m->alias), metric);
}

enum kp_code sp_set_alias(struct sparkplug *h, int32_t metric, uint64_t alias, struct kp_err *err)
{
    bool whole = true;
    h->metrics[metric].has_alias = true;
    h->metrics[metric].alias = alias;
    if (h->aliases.n > 2 * h->n_metrics + 10000) { /* those of former births are of no use */
        kp_names_free(&h->aliases);
        for (size_t i = 0; whole && i < h->n_metrics; i++)
            whole = !h->metrics[i].present || !h->metrics[i].has_alias || put_alias(h, (int32_t)i);
    }
    return whole && put_alias(h, metric) ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory");
}

/* ---- what is known from earlier ---- */
/* "GROUP/NODE/DEVICE#metric" */
static int32_t metric_of_source(struct sparkplug *h, const char *source, struct kp_err *err)
{
    char key[SP_KEY_MAX];
    char *hash;
    if (snprintf(key, sizeof key, "%s", source) >= (int)sizeof key || !(hash = strchr(key, '#')) ||
        !hash[1])
        return SP_NONE;
    *hash = 0;
    char *node = strchr(key, '/');
    if (!node || !node[1])
        return SP_NONE;
    *node++ = 0;
    char *device = strchr(node, '/');
    if (device)
        *device++ = 0;
    int32_t n = sp_node(h, key, node, err);
    int32_t d = n < 0 ? SP_NONE : sp_device(h, n, device ? device : "", err);
    return d < 0 ? SP_NONE : sp_metric(h, d, hash + 1, err);
}

struct loading {
    struct sparkplug *h;
    struct kp_err *err;
};

static bool load_one(void *arg, const struct kp_catalogue_node *node)
{
    struct loading *l = arg;
    int32_t at = metric_of_source(l->h, node->source, l->err);
    if (at >= 0) {
        struct sp_metric *m = &l->h->metrics[at];
        kp_type_parse(node->type, &m->kp_type);
        m->unit_text = node->unit ? kp_arena_strdup(&l->h->text, node->unit) : NULL;
        m->description = node->description ? kp_arena_strdup(&l->h->text, node->description) : NULL;
    }
    return !l->err->code;
}

enum kp_code sp_load(struct sparkplug *h, struct kp_err *err)
{
    struct loading l = { h, err };
    struct kp_arena arena = { 0 };
    struct kp_known *known;
    if (kp_catalogue_list(kp_coupling_context(h->c), kp_coupling_id(h->c), "", "", SIZE_MAX,
                          load_one, &l, err))
        return err->code;
    size_t n = err->code ? 0 : kp_coupling_signals(h->c, &arena, &known);
    if (!err->code && !known)
        kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < n && !err->code; i++) {
        int32_t at = metric_of_source(h, known[i].source, err);
        if (at >= 0)
            h->metrics[at].id = known[i].id;
    }
    h->subscribed = n;
    kp_arena_free(&arena);
    return err->code;
}

void sp_registry_free(struct sparkplug *h)
{
    kp_names_free(&h->devices_by_key);
    kp_names_free(&h->metrics_by_source);
    kp_names_free(&h->aliases);
    kp_free(h->nodes);
    kp_free(h->devices);
    kp_free(h->metrics);
    kp_arena_free(&h->text);
    h->nodes = NULL;
    h->devices = NULL;
    h->metrics = NULL;
    h->n_nodes = h->nodes_room = h->n_devices = h->devices_room = h->n_metrics = h->metrics_room =
        0;
    h->full = h->unlisted = false;
    h->list_at = h->not_before = 0;
}
