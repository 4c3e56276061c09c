/* SPDX-License-Identifier: Apache-2.0 */
/* Energy of a day: from a counter of energy, else from power, which holds until its next value. */
#include "flex/private.h"

#include "core/ban.h"

enum { QUARTERS = 26 * 4 + 1 }; /* the longest day has 25 hours */
#define QUARTER (KP_QUARTER * KP_SECOND)
#define HOUR    (3600 * KP_SECOND)
static const double most_watts = 1e8; /* what draws more is a fault of its counter */

struct energy {
    struct day_sum *s;
    bool counter, begun;
    double factor, last;
    int64_t last_at;
    size_t stretch; /* the first that ends behind what was read */
    double quarters[QUARTERS];
};

/* How much of [from, to) the machine ran. */
static int64_t ran(struct energy *e, int64_t from, int64_t to)
{
    const struct day_sum *s = e->s;
    int64_t ns = 0;
    while (e->stretch < s->n_stretches && s->stretches[e->stretch].to <= from)
        e->stretch++;
    for (size_t i = e->stretch; i < s->n_stretches && s->stretches[i].from < to; i++) {
        const struct kp_stretch *v = &s->stretches[i];
        int64_t a = v->from > from ? v->from : from, b = v->to < to ? v->to : to;
        if (v->state == KP_STATE_RUNNING && b > a)
            ns += b - a;
    }
    return ns;
}

/* On the clock, of which all zones have the same quarters. */
static int64_t first_quarter(int64_t from)
{
    return from - from % QUARTER;
}

static void to_quarters(struct energy *e, int64_t from, int64_t to, double watts)
{
    const int64_t quarter = QUARTER, begin = first_quarter(e->s->q->from);
    while (from < to) {
        int64_t q = (from - begin) / quarter, end = begin + (q + 1) * quarter;
        end = end < to ? end : to;
        if (q < QUARTERS)
            e->quarters[q] += watts * (double)(end - from) / (double)KP_SECOND;
        from = end;
    }
}

/* Even power between two instants, as far as they lie in the day. */
static void draw(struct energy *e, int64_t from, int64_t to, double watts)
{
    struct kp_day *d = e->s->day;
    from = from < e->s->q->from ? e->s->q->from : from;
    to = to > e->s->end ? e->s->end : to;
    if (from >= to)
        return;
    to_quarters(e, from, to, watts);
    for (size_t i = piece_at(d, from); i < d->n && d->pieces[i].from < to; i++) {
        struct kp_piece *p = &d->pieces[i];
        int64_t a = p->from > from ? p->from : from, b = p->to < to ? p->to : to;
        if (b <= a)
            continue;
        p->joules += watts * (double)(b - a) / (double)KP_SECOND;
        p->idle_joules += watts * (double)(b - a - ran(e, a, b)) / (double)KP_SECOND;
    }
    d->metered = true;
}

static bool take(void *arg, const struct kp_sample *p)
{
    struct energy *e = arg;
    double now;
    if (!kp_value_number(&p->value, &now))
        return true;
    double seconds = (double)(p->at - e->last_at) / (double)KP_SECOND, watts = e->last * e->factor;
    if (e->counter && e->begun && seconds > 0)
        watts = (now - e->last) * e->factor / seconds;
    if (e->begun && seconds > 0 && watts >= 0 &&
        watts < most_watts) /* a counter that falls began anew */
        draw(e, e->last_at, p->at, watts);
    e->begun = true;
    e->last = now;
    e->last_at = p->at;
    return true;
}

/* The most that a whole quarter drew, noted in the piece in which it began. */
static void find_peaks(struct energy *e)
{
    struct kp_day *d = e->s->day;
    for (size_t q = 0; q < QUARTERS; q++) {
        int64_t at = first_quarter(d->from) + (int64_t)q * QUARTER;
        struct kp_piece *p = &d->pieces[piece_at(d, at)];
        double watts = e->quarters[q] / KP_QUARTER;
        if (at >= d->from && at + QUARTER <= e->s->end && watts > p->peak) {
            p->peak = watts;
            p->peak_at = at;
        }
    }
}

void day_energy(struct day_sum *s)
{
    const struct kp_sources *from = &s->q->sources;
    bool counter = from->of[KP_COUNT_ENERGY] != 0;
    enum kp_count count = counter ? KP_COUNT_ENERGY : KP_COUNT_POWER;
    struct energy e = { .s = s, .counter = counter, .factor = from->factor[count] };
    if (s->err->code || !from->of[count])
        return;
    /* the point behind the end says what was drawn up to it; a counter that is only read each day
     * is not spread */
    if (points_each(s->db, from->of[count], s->q->from, s->end, HOUR, take, &e, s->err) &&
        !counter && e.begun && e.last_at < s->end)
        draw(&e, e.last_at, s->end, e.last * e.factor);
    find_peaks(&e);
}
