/* SPDX-License-Identifier: Apache-2.0 */
/* The time a part should take: as it was set, else the best a machine has shown, which is the
 * median of what the 5th percentile was on each day. */
#include "flex/oee.h"

#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

struct shown {
    const char *program;
    int64_t ns;
};
struct learning {
    struct kp_arena arena;
    struct shown *of;
    size_t n, room;
};

struct learning *learning_new(void)
{
    return kp_alloc(sizeof(struct learning));
}

bool learning_day(struct learning *l, const struct kp_day *d)
{
    for (size_t i = 0; i < d->n_paces; i++) {
        const char *copy = kp_arena_strdup(&l->arena, d->paces[i].program);
        if (!copy || !kp_grow(&l->of, &l->room, l->n + 1, sizeof *l->of))
            return false;
        l->of[l->n++] = (struct shown){ copy, d->paces[i].ns };
    }
    return true;
}

void learning_free(struct learning *l)
{
    if (!l)
        return;
    kp_arena_free(&l->arena);
    kp_free(l->of);
    kp_free(l);
}

static int by_length(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* 0: it was never shown; -1: out of memory. */
static int64_t best_shown(const struct learning *l, const char *program)
{
    int64_t *all = kp_alloc((l->n + 1) * sizeof *all);
    size_t n = 0;
    if (!all)
        return -1;
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->of[i].program, program) == 0)
            all[n++] = l->of[i].ns;
    qsort(all, n, sizeof *all, by_length);
    int64_t median = n ? all[n / 2] : 0;
    kp_free(all);
    return median;
}

const struct pri *pris_of(struct pris *p, const struct learning *l,
                          const struct kp_machine_rule *rule, const char *program)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->of[i].program, program) == 0)
            return &p->of[i];
    int64_t set = kp_machine_rule_cycle(rule, program), ns = set ? set : best_shown(l, program);
    const char *copy = kp_arena_strdup(&p->arena, program);
    if (ns < 0 || !copy || !kp_grow(&p->of, &p->room, p->n + 1, sizeof *p->of))
        return NULL;
    p->of[p->n] = (struct pri){ copy, set ? "set" : ns ? "best" : NULL, ns };
    return &p->of[p->n++];
}

void pris_free(struct pris *p)
{
    kp_arena_free(&p->arena);
    kp_free(p->of);
    *p = (struct pris){ 0 };
}
