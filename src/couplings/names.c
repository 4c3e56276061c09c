/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/names.h"

#include "core/clock.h"

#include <string.h>

#include "core/ban.h"

struct kp_names_entry {
    const char *name;
    uint64_t hash;
    int32_t number;
};

static uint64_t hash_of(const struct kp_names *t, const char *name)
{
    uint64_t h = t->key ^ UINT64_C(0x9e3779b97f4a7c15);
    for (; *name; name++) {
        h = (h ^ (unsigned char)*name) * UINT64_C(0xff51afd7ed558ccd);
        h ^= h >> 32;
    }
    return h;
}

static struct kp_names_entry *slot_of(struct kp_names_entry *slots, size_t room, const char *name,
                                      uint64_t hash)
{
    size_t i = hash & (room - 1);
    while (slots[i].name && (slots[i].hash != hash || strcmp(slots[i].name, name) != 0))
        i = (i + 1) & (room - 1);
    return &slots[i];
}

static bool widen(struct kp_names *t)
{
    size_t room = t->room ? 2 * t->room : 64;
    struct kp_names_entry *slots = kp_alloc(room * sizeof *slots);
    if (!slots)
        return false;
    if (!t->room)
        kp_random(&t->key, sizeof t->key);
    for (size_t i = 0; i < t->room; i++)
        if (t->slots[i].name)
            *slot_of(slots, room, t->slots[i].name, t->slots[i].hash) = t->slots[i];
    kp_free(t->slots);
    t->slots = slots;
    t->room = room;
    return true;
}

int32_t kp_names_find(const struct kp_names *t, const char *name)
{
    if (!t->n)
        return KP_NAMES_NONE;
    const struct kp_names_entry *e = slot_of(t->slots, t->room, name, hash_of(t, name));
    return e->name ? e->number : KP_NAMES_NONE;
}

const char *kp_names_put(struct kp_names *t, const char *name, int32_t number)
{
    if (4 * (t->n + 1) > 3 * t->room && !widen(t))
        return NULL;
    uint64_t hash = hash_of(t, name);
    struct kp_names_entry *e = slot_of(t->slots, t->room, name, hash);
    if (!e->name) {
        const char *copy = kp_arena_strdup(&t->text, name);
        if (!copy)
            return NULL;
        *e = (struct kp_names_entry){ .name = copy, .hash = hash };
        t->n++;
    }
    e->number = number;
    return e->name;
}

void kp_names_free(struct kp_names *t)
{
    kp_arena_free(&t->text);
    kp_free(t->slots);
    *t = (struct kp_names){ 0 };
}
