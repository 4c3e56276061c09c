/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/sparkplug/nodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

bool sparkplug_topic_read(const char *topic, struct sparkplug_topic *t)
{
    static const char *const verbs[] = { "NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH" };
    char verb[16], *const parts[] = { NULL, t->group, verb, t->node, t->device };
    const size_t sizes[] = { 8, SPARKPLUG_ID_MAX, sizeof verb, SPARKPLUG_ID_MAX, SPARKPLUG_ID_MAX };
    size_t n = 0;
    *t = (struct sparkplug_topic){ 0 };
    for (const char *p = topic; n < 5; n++) {
        size_t len = strcspn(p, "/");
        if (!len || len >= sizes[n] || !kp_utf8_valid(p, len) || (n == 0 && (len != 7 || memcmp(p, "spBv1.0", 7) != 0)))
            return false;
        if (parts[n])
            snprintf(parts[n], sizes[n], "%.*s", (int)len, p);
        p += len;
        if (!*p++) {
            n++;
            break;
        }
        if (n == 4)
            return false;
    }
    for (unsigned v = 0; v < sizeof verbs / sizeof *verbs; v++)
        if (n >= 4 && strcmp(verbs[v], verb) == 0) {
            t->verb = v;
            return (v >= SPARKPLUG_DBIRTH) == (n == 5);
        }
    return false;
}

struct sparkplug_node *sparkplug_node_of(struct sparkplug_nodes *all, const char *group, const char *name)
{
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->list[i].name, name) == 0 && strcmp(all->list[i].group, group) == 0)
            return &all->list[i];
    if (all->n == SPARKPLUG_NODES_MAX || !kp_grow(&all->list, &all->room, all->n + 1, sizeof *all->list))
        return NULL;
    struct sparkplug_node *n = &all->list[all->n++];
    *n = (struct sparkplug_node){ 0 };
    snprintf(n->group, sizeof n->group, "%s", group);
    snprintf(n->name, sizeof n->name, "%s", name);
    return n;
}

struct sparkplug_device *sparkplug_device_of(struct sparkplug_node *node, const char *name, bool make)
{
    for (size_t i = 0; i < node->n; i++)
        if (strcmp(node->devices[i].name, name) == 0)
            return &node->devices[i];
    if (!make || node->n == SPARKPLUG_DEVICES_MAX || !kp_grow(&node->devices, &node->room, node->n + 1, sizeof *node->devices))
        return NULL;
    struct sparkplug_device *d = &node->devices[node->n++];
    *d = (struct sparkplug_device){ 0 };
    snprintf(d->name, sizeof d->name, "%s", name);
    return d;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct sparkplug_metric *)a)->name, ((const struct sparkplug_metric *)b)->name);
}

static void clear(struct sparkplug_device *d)
{
    for (size_t i = 0; i < d->n; i++)
        kp_free(d->list[i].name);
    kp_free(d->list);
    kp_free(d->aliased);
    d->list = NULL;
    d->aliased = NULL;
    d->n = d->n_aliased = 0;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = (*(struct sparkplug_metric *const *)a)->alias, y = (*(struct sparkplug_metric *const *)b)->alias;
    return x < y ? -1 : x > y;
}

bool sparkplug_device_set(struct sparkplug_device *d, struct sparkplug_metric *list, size_t n)
{
    clear(d);
    d->list = list;
    d->n = n;
    d->aliased = kp_alloc((n + 1) * sizeof *d->aliased);
    if (!d->aliased) {
        clear(d);
        return false;
    }
    if (n)
        qsort(list, n, sizeof *list, by_name);
    for (size_t i = 0; i < n; i++)
        if (list[i].has_alias)
            d->aliased[d->n_aliased++] = &list[i];
    if (d->n_aliased)
        qsort(d->aliased, d->n_aliased, sizeof *d->aliased, by_number);
    return true;
}

static struct sparkplug_metric *by_alias(struct sparkplug_device *d, uint64_t alias)
{
    struct sparkplug_metric key = { .alias = alias }, *wanted = &key, **hit = NULL;
    if (d && d->n_aliased)
        hit = bsearch(&wanted, d->aliased, d->n_aliased, sizeof *d->aliased, by_number);
    return hit ? *hit : NULL;
}

struct sparkplug_metric *sparkplug_metric_of(struct sparkplug_node *node, struct sparkplug_device *d, const char *name,
                                             bool has_alias, uint64_t alias)
{
    if (name && *name) {
        struct sparkplug_metric key = { .name = (char *)(uintptr_t)name }; /* it is only looked at */
        return d && d->n ? bsearch(&key, d->list, d->n, sizeof *d->list, by_name) : NULL;
    }
    struct sparkplug_metric *found = has_alias ? by_alias(d, alias) : NULL;
    for (size_t i = 0; has_alias && !found && i < node->n; i++)
        found = by_alias(&node->devices[i], alias);
    return found;
}

bool sparkplug_in_order(struct sparkplug_node *n, uint64_t seq)
{
    bool follows = seq <= UINT8_MAX && (uint8_t)(n->seq + 1) == seq;
    n->seq = (uint8_t)seq;
    return follows;
}

void sparkplug_nodes_free(struct sparkplug_nodes *all)
{
    for (size_t i = 0; i < all->n; i++) {
        for (size_t k = 0; k < all->list[i].n; k++)
            clear(&all->list[i].devices[k]);
        kp_free(all->list[i].devices);
    }
    kp_free(all->list);
    *all = (struct sparkplug_nodes){ 0 };
}
