/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes met on a look, found again by id (address spaces have loops) and by name below a parent
 * (so that every path is unique). About 100 bytes a node and its names. */
#include "couplings/opcua/opcua_private.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static uint32_t name_hash(uint32_t parent, const char *name)
{
    uint32_t h = 2166136261u ^ parent * 2654435761u;
    for (const char *p = name; *p; p++)
        h = (h ^ (unsigned char)*p) * 16777619u;
    return h;
}

/* The nearest node above whose name is part of paths. */
static uint32_t visible_parent(const struct opcua_tree *t, uint32_t parent)
{
    while (parent && t->list[parent].flags & OPCUA_HIDDEN)
        parent = t->list[parent].parent;
    return parent;
}

/* ---- the tables ---- */
static uint32_t *slot_of_id(const struct opcua_tree *t, const UA_NodeId *id)
{
    uint32_t i = UA_NodeId_hash(id) * 2654435761u & (t->slots - 1);
    while (t->by_id[i] && !UA_NodeId_equal(&t->list[t->by_id[i] - 1].id, id))
        i = (i + 1) & (t->slots - 1);
    return &t->by_id[i];
}

static uint32_t *slot_of_name(const struct opcua_tree *t, uint32_t parent, const char *name)
{
    uint32_t i = name_hash(parent, name) & (t->slots - 1);
    for (; t->by_name[i]; i = (i + 1) & (t->slots - 1)) {
        const struct opcua_node *node = &t->list[t->by_name[i] - 1];
        if (visible_parent(t, node->parent) == parent && strcmp(node->name, name) == 0)
            break;
    }
    return &t->by_name[i];
}

static bool room_for_one_more(struct opcua_tree *t)
{
    if (!kp_grow(&t->list, &t->capacity, t->n + 1, sizeof *t->list))
        return false;
    if (t->slots > 2 * (t->n + 1))
        return true;
    uint32_t slots = t->slots ? t->slots * 2 : 256;
    uint32_t *by_id = kp_alloc(slots * sizeof *by_id), *by_name = kp_alloc(slots * sizeof *by_name);
    if (!by_id || !by_name) {
        kp_free(by_id);
        kp_free(by_name);
        return false;
    }
    kp_free(t->by_id);
    kp_free(t->by_name);
    t->by_id = by_id;
    t->by_name = by_name;
    t->slots = slots;
    for (uint32_t i = 0; i < t->n; i++) {
        *slot_of_id(t, &t->list[i].id) = i + 1;
        *slot_of_name(t, visible_parent(t, t->list[i].parent), t->list[i].name) = i + 1;
    }
    return true;
}

/* ---- names ---- */
/* Brothers of one name get "_2", "_3" ..., many of them their number in the tree, lest a folder of
 * thousands takes for ever; returns the free name's slot. */
static uint32_t *free_name(const struct opcua_tree *t, uint32_t parent, char name[KP_NAME_MAX])
{
    uint32_t *slot = slot_of_name(t, parent, name);
    size_t len = strlen(name);
    for (size_t n = 2; *slot; n = n < 20 || n > t->n ? n + 1 : t->n) {
        char suffix[24];
        size_t more = (size_t)snprintf(suffix, sizeof suffix, "_%zu", n);
        size_t keep = len + more < KP_NAME_MAX ? len : KP_NAME_MAX - 1 - more;
        name[keep] = 0;
        kp_utf8_trim(name);
        memcpy(name + strlen(name), suffix, more + 1);
        slot = slot_of_name(t, parent, name);
    }
    return slot;
}

bool kp_tree_add(struct opcua_tree *t, UA_NodeId *id, uint32_t parent, const char *name, size_t len,
                 uint8_t class, uint8_t flags, long *index)
{
    char clean[KP_NAME_MAX];
    *index = OPCUA_NONE;
    if (!room_for_one_more(t))
        return false;
    uint32_t *slot = slot_of_id(t, id);
    if (*slot)
        return true;
    kp_name_clean(clean, sizeof clean, name, len);
    uint32_t *named = free_name(t, visible_parent(t, parent), clean);
    struct opcua_node node = {
        .id = *id, .parent = parent, .type = UINT32_MAX, .class = class, .flags = flags
    };
    node.name = kp_arena_strdup(&t->text, clean);
    if (!node.name)
        return false;
    if (t->n > 0)
        node.depth = (uint8_t)(t->list[parent].depth + !(flags & OPCUA_HIDDEN));
    UA_NodeId_init(id);
    t->list[t->n] = node;
    *slot = *named = (uint32_t)++t->n;
    *index = (long)t->n - 1;
    return true;
}

uint32_t kp_tree_find(const struct opcua_tree *t, const UA_NodeId *id)
{
    return t->slots ? *slot_of_id(t, id) - 1 : UINT32_MAX;
}

bool kp_tree_path(const struct opcua_tree *t, uint32_t node, char out[KP_PATH_MAX])
{
    char path[KP_PATH_MAX];
    size_t at = KP_PATH_MAX - 1, name_end = at;
    path[at] = 0;
    for (uint32_t i = node; i; i = t->list[i].parent) {
        size_t len = strlen(t->list[i].name);
        if (t->list[i].flags & OPCUA_HIDDEN)
            continue;
        if (at < len + 1)
            return false;
        if (path[at]) {
            bool part = t->list[i].class == OPCUA_VARIABLE;
            path[--at] = part ? '.' : '/';
            name_end = part ? name_end : at;
        }
        at -= len;
        memcpy(path + at, t->list[i].name, len);
        if (name_end - at >= KP_NAME_MAX)
            return false;
    }
    memcpy(out, path + at, KP_PATH_MAX - at);
    return true;
}

void kp_tree_free(struct opcua_tree *t)
{
    for (size_t i = 0; i < t->n; i++)
        UA_NodeId_clear(&t->list[i].id);
    kp_free(t->list);
    kp_free(t->by_id);
    kp_free(t->by_name);
    kp_arena_free(&t->text);
    *t = (struct opcua_tree){ 0 };
}
