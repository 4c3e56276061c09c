/* SPDX-License-Identifier: Apache-2.0 */
/* What people say of cycles. */
#include "watch/cycle_private.h"

#include "core/text.h"

#include <math.h>
#include <string.h>

#include "core/ban.h"

/* The kind, when it has learnt; NULL: it is not there any more. */
static struct kind *learnt(struct kp_cycles *c, uint64_t key)
{
    struct kind *k = cycle_find(c, key);
    return k->is.used && k->is.key == key && k->is.known >= LEARN ? k : NULL;
}

void cycle_note(struct kp_cycles *c, const struct kind *k, const double *row, uint64_t what, double ratio)
{
    struct odd_cycle *odd = &c->odd;
    bool same = odd->what && odd->key == k->is.key;
    if (same && k->is.usual >= CYCLE_USUAL_ROWS)
        odd->ratio = 0; /* over: the next one is another event */
    const struct kind *told = odd->what && !same ? learnt(c, odd->key) : NULL;
    if (!what || (told && told->is.alarm && !k->is.alarm)) /* of an alarm that stands people speak first */
        return;
    same &= odd->ratio > 0;
    odd->what = what | (same ? odd->what : 0);
    if (!same)
        memcpy(odd->band, (double[]){ k->is.duration.steady_low, k->is.duration.steady_high, k->is.energy.steady_low,
                                      k->is.energy.steady_high }, sizeof odd->band);
    if (same && ratio <= odd->ratio)
        return;
    odd->key = k->is.key;
    odd->ratio = ratio;
    memcpy(odd->row, row, cycle_width(c) * sizeof *row);
}

static void include(struct measure *m, double value)
{
    m->low = fmin(m->low, value);
    m->high = fmax(m->high, value);
    m->up = m->down = 0;
}

static void allow(const struct kp_cycles *c, struct kind *k, const double *row)
{
    include(&k->is.duration, row[0]);
    include(&k->is.energy, row[1]);
    row += 2;
    for (struct course *o = k->course; o < k->course + c->channels; o++, row += PARTS)
        for (int p = 0; p < PARTS; p++)
            o->allowed[p] = fmin(fmax(o->allowed[p], fabs(row[p] - o->mean[p])), CYCLE_FARTHEST);
}

void kp_cycles_accept(struct kp_cycles *c, int64_t lasted)
{
    struct kind *runs = c->runs && lasted > 0 ? learnt(c, c->key) : NULL, *k = learnt(c, c->odd.key);
    if (runs) {
        include(&runs->is.duration, log((double)lasted / (double)KP_SECOND));
        runs->is.faults &= ~(uint64_t)FAULT_LONGER;
    }
    if (!k || !c->odd.what || (runs && !k->is.alarm))
        return;
    allow(c, k, c->odd.row);
    k->is.faults &= ~c->odd.what;
    k->is.alarm = k->is.odd = k->is.late = 0;
    c->odd.what = 0;
}

/* The band gives back what it followed while it crept. */
static void take_back(struct measure *m, const double band[2], bool up, bool down)
{
    m->low = down ? fmin(m->high, fmax(m->low, band[0])) : m->low;
    m->high = up ? fmax(m->low, fmin(m->high, band[1])) : m->high;
}

void kp_cycles_reject(struct kp_cycles *c, bool overdue)
{
    struct kind *runs = c->runs && overdue ? learnt(c, c->key) : NULL, *k = learnt(c, c->odd.key);
    const uint64_t what = c->odd.what;
    if (runs)
        runs->is.faults |= FAULT_LONGER;
    if (!k || (runs && !k->is.alarm))
        return;
    k->is.faults |= what;
    take_back(&k->is.duration, c->odd.band, what & FAULT_SLOWER, what & FAULT_FASTER);
    take_back(&k->is.energy, c->odd.band + 2, what & FAULT_MORE, what & FAULT_LESS);
}
