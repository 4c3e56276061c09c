/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked for together. */
#include "couplings/s7/s7_private.h"

#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

static int by_place(const void *a, const void *b)
{
    const struct s7_point *x = a, *y = b;
    if (x->area != y->area)
        return x->area < y->area ? -1 : 1;
    if (x->block != y->block)
        return x->block < y->block ? -1 : 1;
    if (x->byte != y->byte)
        return x->byte < y->byte ? -1 : 1;
    return x->row->line < y->row->line ? -1 : x->row->line > y->row->line;
}

static bool add_block(struct s7_plan *plan, const struct s7_point *points, size_t at, size_t first,
                      size_t n)
{
    if (!kp_grow(&plan->blocks, &plan->room, plan->n + 1, sizeof *plan->blocks))
        return false;
    memmove(plan->blocks + at + 1, plan->blocks + at, (plan->n++ - at) * sizeof *plan->blocks);
    const struct s7_point *p = &points[first];
    struct s7_block b = { first, n, { .area = p->area, .block = p->block, .byte = p->byte }, 0 };
    uint32_t end = 0;
    for (size_t i = first; i < first + n; i++)
        end = points[i].byte + points[i].size > end ? points[i].byte + points[i].size : end;
    b.item.size = (uint16_t)(end - p->byte);
    plan->blocks[at] = b;
    return true;
}

bool s7_plan_make(struct s7_plan *plan, struct s7_point *points, size_t n, uint32_t gap)
{
    uint32_t end = 0;
    size_t first = 0;
    if (n)
        qsort(points, n, sizeof *points, by_place);
    for (size_t i = 0; i <= n && n; i++) {
        const struct s7_point *p = i < n ? &points[i] : NULL, *f = &points[first];
        uint32_t reach = p && p->byte + p->size > end ? p->byte + p->size : end;
        bool joins = p && i > first && p->area == f->area && p->block == f->block &&
                     p->byte <= end + gap && reach - f->byte <= S7_BLOCK_MAX;
        if (i > first && !joins) {
            if (!add_block(plan, points, plan->n, first, i - first))
                return false;
            first = i;
            reach = p ? p->byte + p->size : 0;
        }
        end = reach;
    }
    return true;
}

bool s7_plan_part(struct s7_plan *plan, const struct s7_point *points, size_t block)
{
    struct s7_block whole = plan->blocks[block];
    if (!kp_grow(&plan->blocks, &plan->room, plan->n + whole.n, sizeof *plan->blocks))
        return false;
    memmove(plan->blocks + block, plan->blocks + block + 1,
            (--plan->n - block) * sizeof *plan->blocks);
    for (size_t k = 0; k < whole.n; k++)
        add_block(plan, points, block + k, whole.first + k, 1); /* there is room */
    return true;
}
