/* SPDX-License-Identifier: Apache-2.0 */
#include "store/summary.h"

#include <math.h>

#include "core/ban.h"

/* high + low + x, the rounding error of each addition kept in low. */
static void add(double *high, double *low, double x)
{
    double t = *high + x, part = t - *high;
    double lost = (*high - (t - part)) + (x - part);
    *high = t;
    if (isfinite(lost))
        *low += lost;
    else
        *low = 0; /* infinite from here on */
}

void kp_summary_clear(struct kp_summary *w)
{
    *w = (struct kp_summary){ .s = { .min = NAN,
                                     .max = NAN,
                                     .sum = NAN,
                                     .first = NAN,
                                     .last = NAN,
                                     .held = KP_HELD_OTHER } };
}

/* Times reach over 584 years, which is more than 63 bits hold. */
static void lengthen(int64_t *total, int64_t ns)
{
    if (__builtin_add_overflow(*total, ns, total))
        *total = INT64_MAX;
}

void kp_summary_hold(struct kp_summary *w, int64_t at)
{
    if (!w->s.n || at <= w->s.t1)
        return;
    uint64_t ns = (uint64_t)at - (uint64_t)w->s.t1;
    int64_t length = ns > INT64_MAX ? INT64_MAX : (int64_t)ns;
    if (w->s.held == KP_HELD_BAD) {
        lengthen(&w->s.bad_ns, length);
    } else {
        lengthen(&w->s.good_ns, length);
        if (w->s.held == KP_HELD_NUMBER)
            add(&w->s.area, &w->area_low, w->s.last * ((double)length / 1e9));
    }
    w->s.t1 = at;
}

static void add_numbers(struct kp_summary *w, const struct kp_chunk_summary *n)
{
    if (!w->s.good) {
        w->s.min = n->min;
        w->s.max = n->max;
        w->s.first = n->first;
        w->s.sum = 0;
        w->sum_low = 0;
    }
    w->s.min = n->min < w->s.min ? n->min : w->s.min;
    w->s.max = n->max > w->s.max ? n->max : w->s.max;
    w->s.last = n->last;
    add(&w->s.sum, &w->sum_low, n->sum);
    w->s.good += n->good;
}

void kp_summary_join(struct kp_summary *w, const struct kp_chunk_summary *n)
{
    if (!n->n)
        return;
    if (!w->s.n)
        w->s.t0 = w->s.t1 = n->t0;
    kp_summary_hold(w, n->t0);
    if (n->good)
        add_numbers(w, n);
    add(&w->s.area, &w->area_low, n->area);
    w->s.n += n->n;
    w->s.bad += n->bad;
    lengthen(&w->s.good_ns, n->good_ns);
    lengthen(&w->s.bad_ns, n->bad_ns);
    w->s.held = n->held;
    if (n->t1 > w->s.t1)
        w->s.t1 = n->t1;
}

void kp_summary_point(struct kp_summary *w, const struct kp_sample *p)
{
    struct kp_chunk_summary one = { .t0 = p->at, .t1 = p->at, .n = 1, .held = KP_HELD_OTHER };
    double v;
    bool number = kp_value_number(&p->value, &v);
    if (kp_status_severity(p->status) >= 2 || p->value.type == KP_NULL || (number && isnan(v))) {
        one.bad = 1;
        one.held = KP_HELD_BAD;
    } else if (number) {
        one.good = 1;
        one.min = one.max = one.sum = one.first = one.last = v;
        one.held = KP_HELD_NUMBER;
    }
    kp_summary_join(w, &one);
}

void kp_summary_round(struct kp_summary *w)
{
    if (w->s.good)
        w->s.sum += w->sum_low;
    w->s.area += w->area_low;
    w->sum_low = w->area_low = 0;
}

void kp_chunk_summarise(const struct kp_sample *points, size_t n, struct kp_chunk_summary *s)
{
    struct kp_summary w;
    kp_summary_clear(&w);
    for (size_t i = 0; i < n; i++)
        kp_summary_point(&w, &points[i]);
    kp_summary_round(&w);
    *s = w.s;
}
