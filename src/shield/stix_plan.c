/* SPDX-License-Identifier: Apache-2.0 */
/* The ways to fulfil a pattern, each a flat list of what is needed: OR makes several, REPEATS of
 * what has no bound in it multiplies, of what has one copies. */
#include "shield/stix_private.h"

#include <string.h>

#include "core/ban.h"

enum { NEED_MAX = 1000000000 };

struct planning {
    struct kp_arena *arena;
    struct kp_err *err;
    size_t made; /* plans, halfway ones too */
};

static enum kp_code too_much(struct planning *p, const char *what, int most)
{
    return kp_fail(p->err, KP_EFULL, "the pattern is too large: it stands for more than %d %s",
                   most, what);
}

static struct stix_plan *blank(struct planning *p, size_t slots, size_t bounds)
{
    if (slots > KP_STIX_LEAVES_MAX)
        too_much(p, "observations of different kinds in one match", KP_STIX_LEAVES_MAX);
    else if (bounds > KP_STIX_BOUNDS_MAX)
        too_much(p, "bounds in time (WITHIN, FOLLOWEDBY, and each repeated)", KP_STIX_BOUNDS_MAX);
    else if (p->made++ > KP_STIX_PLANS_MAX * 16)
        too_much(p, "ways to fulfil it", KP_STIX_PLANS_MAX);
    if (p->err->code)
        return NULL;
    struct stix_plan *n = kp_arena_alloc(p->arena, sizeof *n);
    if (n) {
        n->slot = kp_arena_alloc(p->arena, (slots + 1) * sizeof *n->slot);
        n->bound = kp_arena_alloc(p->arena, (bounds + 1) * sizeof *n->bound);
    }
    if (!n || !n->slot || !n->bound) {
        kp_fail(p->err, KP_ENOMEM, "out of memory reading the pattern");
        return NULL;
    }
    n->slots = slots;
    n->bounds = bounds;
    return n;
}

static uint64_t below(size_t n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/* Both, with what they need together. `then`: b ends behind the beginning of a. */
static struct stix_plan *join(struct planning *p, const struct stix_plan *a,
                              const struct stix_plan *b, bool then)
{
    struct stix_plan *n = blank(p, a->slots + b->slots, a->bounds + b->bounds + then);
    if (!n)
        return NULL;
    memcpy(n->slot, a->slot, a->slots * sizeof *a->slot);
    memcpy(n->slot + a->slots, b->slot, b->slots * sizeof *b->slot);
    memcpy(n->bound, a->bound, a->bounds * sizeof *a->bound);
    for (size_t i = 0; i < b->bounds; i++) {
        struct stix_bound *to = &n->bound[a->bounds + i];
        *to = b->bound[i];
        to->early <<= a->slots;
        to->late <<= a->slots;
    }
    if (then)
        n->bound[n->bounds - 1] =
            (struct stix_bound){ below(a->slots), below(b->slots) << a->slots, 0, 0 };
    return n;
}

static struct stix_plan *joined(struct planning *p, const struct stix_plan *as,
                                const struct stix_plan *bs, bool then)
{
    struct stix_plan *first = NULL, **at = &first;
    for (const struct stix_plan *a = as; a; a = a->next)
        for (const struct stix_plan *b = bs; b; b = b->next, at = &(*at)->next)
            if (!(*at = join(p, a, b, then)))
                return NULL;
    return first;
}

/* ---- REPEATS ---- */
/* One plan so many times. */
static struct stix_plan *times(struct planning *p, const struct stix_plan *a, int64_t n)
{
    struct stix_plan *out = blank(p, a->slots, a->bounds);
    if (!out)
        return NULL;
    memcpy(out->slot, a->slot, a->slots * sizeof *a->slot);
    memcpy(out->bound, a->bound, a->bounds * sizeof *a->bound);
    for (size_t i = 0; i < a->slots && !a->bounds; i++)
        out->slot[i].need = a->slot[i].need > NEED_MAX / n ? NEED_MAX : a->slot[i].need * n;
    for (int64_t i = 1; a->bounds && i < n && out; i++) {
        out = join(p, out, a, false);
        for (size_t j = out ? out->slots - a->slots : 0; out && j < out->slots; j++)
            out->slot[j].copy = true;
        if (out && i > 1) /* the first may have the newest observation, and another order */
            out->bound[out->bounds - a->bounds].back = (uint32_t)a->bounds;
    }
    return out;
}

/* Every way to take n out of these plans, any of them several times. */
static struct stix_plan *choices(struct planning *p, const struct stix_plan *as, int64_t n)
{
    struct stix_plan *first = NULL, **at = &first;
    if (!as->next)
        return times(p, as, n);
    for (int64_t k = n; k >= 0 && !p->err->code; k--) {
        struct stix_plan *some = k ? times(p, as, k) : NULL,
                         *rest = k < n ? choices(p, as->next, n - k) : NULL;
        *at = some && rest ? joined(p, some, rest, false) : some ? some : rest;
        while (*at)
            at = &(*at)->next;
    }
    return first;
}

/* ---- nodes ---- */
/* Alternatives that are one observation each are one slot. */
static void merge(struct stix_plan **first)
{
    struct stix_plan *to = NULL;
    for (struct stix_plan **at = first; *at;) {
        struct stix_plan *n = *at;
        bool simple = n->slots == 1 && !n->bounds && n->slot->need == 1;
        if (simple && to) {
            to->slot->leaves |= n->slot->leaves;
            *at = n->next;
            continue;
        }
        to = simple ? n : to;
        at = &n->next;
    }
}

static struct stix_plan *plan(struct planning *p, const struct stix_node *n);

static struct stix_plan *plan_or(struct planning *p, const struct stix_node *n)
{
    struct stix_plan *first = NULL, **at = &first;
    for (const struct stix_node *c = n->first; c && !p->err->code; c = c->next) {
        *at = plan(p, c);
        while (*at)
            at = &(*at)->next;
    }
    merge(&first);
    return first;
}

static struct stix_plan *plan(struct planning *p, const struct stix_node *n)
{
    struct stix_plan *first = NULL;
    if (n->kind == STIX_LEAF) {
        first = blank(p, 1, 0);
        if (first)
            *first->slot = (struct stix_slot){ .leaves = UINT64_C(1) << n->number, .need = 1 };
        return first;
    }
    if (n->kind == STIX_OR)
        return plan_or(p, n);
    first = plan(p, n->first);
    for (const struct stix_node *c = n->first->next; c && first; c = c->next) {
        struct stix_plan *more = plan(p, c);
        first = more ? joined(p, first, more, n->kind == STIX_THEN) : NULL;
    }
    if (first && n->kind == STIX_REPEATS)
        return choices(p, first, n->number);
    for (struct stix_plan **at = &first; *at && n->kind == STIX_WITHIN; at = &(*at)->next) {
        if ((*at)->slots == 1 && (*at)->slot->need == 1)
            continue; /* one observation is within any time */
        struct stix_plan *a = *at, *b = blank(p, a->slots, a->bounds + 1);
        if (!b)
            return NULL;
        memcpy(b->slot, a->slot, a->slots * sizeof *a->slot);
        memcpy(b->bound, a->bound, a->bounds * sizeof *a->bound);
        b->bound[a->bounds] = (struct stix_bound){ below(a->slots), below(a->slots), n->number, 0 };
        b->next = a->next;
        *at = b;
    }
    return first;
}

enum kp_code stix_plan(struct kp_stix_pattern *pattern, struct kp_err *err)
{
    struct planning p = { &pattern->arena, err, 0 };
    size_t n = 0;
    pattern->plan = plan(&p, pattern->root);
    pattern->single = true;
    for (const struct stix_plan *a = pattern->plan; a && !err->code; a = a->next) {
        pattern->single &= a->slots == 1 && a->slot->need == 1;
        if (++n > KP_STIX_PLANS_MAX)
            too_much(&p, "ways to fulfil it", KP_STIX_PLANS_MAX);
    }
    return err->code;
}
