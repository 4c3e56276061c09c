/* SPDX-License-Identifier: Apache-2.0 */
/* Which neighbours are asked for at once. A gap between two of them is read along when that costs less
 * than another question; a device that knows no such place answers exception 2, and its read is parted. */
#include "couplings/modbus/modbus_private.h"

#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

static int by_place(const void *a, const void *b)
{
    const struct modbus_point *x = a, *y = b;
    if (x->unit != y->unit)
        return x->unit < y->unit ? -1 : 1;
    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    if (x->every != y->every)
        return x->every < y->every ? -1 : 1;
    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    return x->row->line < y->row->line ? -1 : x->row->line > y->row->line;
}

static bool joins(const struct modbus_read *r, const struct modbus_point *p, const struct modbus_settings *set)
{
    bool bits = p->table <= MODBUS_DISCRETE;
    unsigned most = bits ? MODBUS_BITS_MAX : (unsigned)set->registers_max;
    unsigned gap = (unsigned)set->gap * (bits ? 16 : 1), end = r->address + r->count;
    unsigned reach = p->address + p->count > end ? p->address + p->count : end;
    return r->unit == p->unit && r->table == p->table && r->every == p->every && p->address <= end + gap &&
           reach - r->address <= most;
}

static void join(struct modbus_read *r, const struct modbus_point *p)
{
    unsigned end = p->address + p->count;
    if (end > (unsigned)r->address + r->count)
        r->count = (uint16_t)(end - r->address);
    r->n++;
}

static struct modbus_read read_of(const struct modbus_point *p, uint32_t index)
{
    return (struct modbus_read){ .first = index, .n = 1, .unit = p->unit, .table = p->table, .address = p->address,
                                 .count = p->count, .every = p->every };
}

enum kp_code modbus_plan_make(struct modbus_plan *plan, struct modbus_point *points, size_t n,
                              const struct modbus_settings *set, struct kp_err *err)
{
    if (n)
        qsort(points, n, sizeof *points, by_place);
    plan->n = 0;
    for (size_t i = 0; i < n; i++) {
        if (plan->n && joins(&plan->list[plan->n - 1], &points[i], set)) {
            join(&plan->list[plan->n - 1], &points[i]);
            continue;
        }
        if (!kp_grow(&plan->list, &plan->room, plan->n + 1, sizeof *plan->list))
            return kp_fail(err, KP_ENOMEM, "out of memory");
        plan->list[plan->n++] = read_of(&points[i], (uint32_t)i);
    }
    return KP_OK;
}

/* The widest gap between two points parts them, else the middle. */
static uint32_t parting(const struct modbus_read *r, const struct modbus_point *points)
{
    uint32_t best = r->n / 2;
    unsigned widest = 0, end = 0;
    for (uint32_t i = 0; i < r->n; i++) {
        const struct modbus_point *p = &points[r->first + i];
        if (i && p->address > end && p->address - end > widest) {
            widest = p->address - end;
            best = i;
        }
        end = p->address + p->count > (int)end ? (unsigned)(p->address + p->count) : end;
    }
    return best;
}

bool modbus_plan_split(struct modbus_plan *plan, size_t i, const struct modbus_point *points, struct kp_err *err)
{
    if (plan->list[i].n < 2)
        return false;
    if (!kp_grow(&plan->list, &plan->room, plan->n + 1, sizeof *plan->list)) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return false;
    }
    struct modbus_read whole = plan->list[i];
    uint32_t at = parting(&whole, points);
    memmove(plan->list + i + 1, plan->list + i, (plan->n - i) * sizeof *plan->list);
    plan->n++;
    for (int half = 0; half < 2; half++) {
        uint32_t first = whole.first + (half ? at : 0), n = half ? whole.n - at : at;
        struct modbus_read *r = &plan->list[i + (size_t)half];
        *r = read_of(&points[first], first);
        r->due = whole.due;
        for (uint32_t k = 1; k < n; k++)
            join(r, &points[first + k]);
    }
    return true;
}

void modbus_plan_free(struct modbus_plan *plan)
{
    kp_free(plan->list);
    *plan = (struct modbus_plan){ 0 };
}
