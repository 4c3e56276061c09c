/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/outlook.h"

#include "core/mem.h"
#include "watch/matrix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum {
    REASONS = 7,    /* what may move the forecast away from the usual week */
    GROUPS = 24,    /* of times ahead, each 1.4 times further than the one before */
    ERRORS = 2048,  /* of earlier forecasts, a group */
    ORIGINS = 5,    /* earlier forecasts made a day, at all hours in turn */
    FEWEST = 5,     /* of them before the furthest time ahead has a band */
    BEGIN_DAYS = 2, /* nothing is said of what came before */
    SLOTS = 7 * KP_OUTLOOK_DAY,
};
static const double follow_week = 0.3, /* a week: how fast what is usual moves */
    follow_day = 0.15,                 /* the same of a day */
    odd = 6,                           /* spreads: what is further off counts as that far */
    wild = 24,                         /* the same for the spread itself */
    floor_share = 0.15, /* of the spread of all: that of a slot at least */
    doubt = 0.02, doubt_days = 3, /* of what a reason explains: how much it takes to be believed */
    forget = 0.985;               /* a day, of what was learnt of reasons */

struct usual { /* of a slot: a mean that follows */
    double mean, spread;
    uint32_t n;
};
/* What holds for a time ahead. */
struct group {
    double square[REASONS * REASONS], product[REASONS]; /* of reasons; of reasons and what came */
    double weight[REASONS];
    double first, middle;   /* of its steps ahead */
    double *error;          /* in spreads */
    size_t n_errors, every; /* kept; of so many steps ahead one is kept */
    double low, high;       /* its band, in spreads */
};
/* A forecast made in the past that waits for what came. */
struct past {
    bool open;
    size_t at; /* its first step */
    double *reasons, *base, *said, *spread;
};
struct maker {
    const struct kp_outlook_ask *ask;
    struct usual week[SLOTS], day[2 * KP_OUTLOOK_DAY], all;
    double last, of_day, of_week, before; /* how far off the usual; `before`: of_week a week ago */
    double *weeks;                        /* of_week at each step */
    struct group group[GROUPS];
    size_t groups, origins, pasts;
    struct past *past;
    double *room;
};

/* What is no number, and what would not be one any more in a square, counts as not known. */
static bool is_known(double value)
{
    return fabs(value) <= 1e100;
}

/* ---- what is usual ---- */
/* Working days are one kind, Saturday and Sunday the other. */
static struct usual *day_of(struct maker *m, size_t slot)
{
    size_t day = m->ask->day;
    return &m->day[(slot / day >= 5 ? day : 0) + slot % day];
}

static void take(struct usual *u, double value, double follow)
{
    double share = fmax(follow, 1.0 / ++u->n);
    double off = value - u->mean;
    if (u->n > 3)
        off = fmax(-odd * u->spread, fmin(odd * u->spread, off));
    u->mean += (u->n == 1 ? 1 : share) * off;
    double far = fabs(value - u->mean);
    if (u->n > 1)
        u->spread += (u->n == 2 ? 1 : share) * ((u->n > 3 ? fmin(far, wild * u->spread) : far) - u->spread);
}

/* The usual of this slot of the week, as far as it was seen often, else that of its day. */
static double usual(struct maker *m, size_t slot)
{
    const struct usual *week = &m->week[slot], *day = day_of(m, slot);
    double n = fmin(week->n, 6), by_day = day->n ? day->mean : m->all.mean;
    return (n * week->mean + by_day) / (n + 1);
}

static double spread(struct maker *m, size_t slot)
{
    size_t day = m->ask->day, kind = slot / day >= 5 ? day : 0, at = slot % day;
    double sum = 0, least = floor_share * m->all.spread + 1e-9 * fabs(m->all.mean) + 1e-12;
    unsigned n = 0;
    for (size_t i = at + day - 1; i <= at + day + 1; i++) {
        const struct usual *u = &m->day[kind + i % day];
        sum += u->n > 1 ? u->spread : 0;
        n += u->n > 1;
    }
    return least + (n ? sum / n : m->all.spread);
}

static void learn_step(struct maker *m, size_t t)
{
    double value = m->ask->known[t], day = (double)m->ask->day;
    size_t slot = m->ask->slot[t];
    if (is_known(value)) {
        double off = value - (m->all.n ? usual(m, slot) : value), wide = odd * spread(m, slot);
        off = m->all.n > day ? fmax(-wide, fmin(wide, off)) : off;
        m->last += 0.6 * (off - m->last);
        m->of_day += 2 / (day + 1) * (off - m->of_day);
        m->of_week += 2 / (7 * day + 1) * (off - m->of_week);
        take(&m->week[slot], value, follow_week);
        take(day_of(m, slot), value, follow_day);
        take(&m->all, value, 1 / (7 * day));
    }
    m->weeks[t] = m->of_week;
    m->before = t >= 7 * m->ask->day ? m->weeks[t - 7 * m->ask->day] : 0;
}

/* ---- a forecast ---- */
/* The newest known value before step `at` that lies whole periods before step t; else `other`. */
static double earlier(const struct maker *m, size_t at, size_t t, size_t period, double other)
{
    size_t back = (t - at) / period + 1;
    for (unsigned i = 0; i < 3 && back * period <= t; i++, back++)
        if (is_known(m->ask->known[t - back * period]))
            return m->ask->known[t - back * period];
    return other;
}

static void reasons(struct maker *m, size_t at, size_t t, double base, double x[REASONS])
{
    size_t slot = m->ask->slot[t], day = m->ask->day;
    const struct usual *u = day_of(m, slot);
    double ahead = (double)(t - at + 1) / (7 * (double)day);
    x[0] = u->n ? u->mean - base : 0;
    x[1] = earlier(m, at, t, 7 * day, base) - base;
    x[2] = earlier(m, at, t, day, base) - base;
    x[3] = m->last;
    x[4] = m->of_day;
    x[5] = m->of_week;
    x[6] = at >= 14 * day ? (m->of_week - m->before) * (0.5 + ahead) : 0;
}

static size_t group_of(const struct maker *m, size_t ahead)
{
    size_t g = 0;
    while (g + 1 < m->groups && (double)ahead >= m->group[g + 1].first)
        g++;
    return g;
}

/* Between the middles of a group and the next what holds is in between too: how much of the next. */
static double mix(const struct maker *m, size_t ahead, size_t *g)
{
    double steps = (double)ahead;
    for (*g = 0; *g + 1 < m->groups && steps >= m->group[*g + 1].middle;)
        ++*g;
    if (*g + 1 == m->groups || steps < m->group[*g].middle)
        return 0;
    double a = m->group[*g].middle, b = m->group[*g + 1].middle;
    return (steps - a) / (b - a);
}

static double moved(const struct maker *m, size_t ahead, const double x[REASONS])
{
    size_t g;
    double share = mix(m, ahead, &g), sum = 0;
    const struct group *a = &m->group[g], *b = g + 1 < m->groups ? a + 1 : a;
    for (int i = 0; i < REASONS; i++)
        sum += x[i] * ((1 - share) * a->weight[i] + share * b->weight[i]);
    return sum;
}

/* ---- learning from earlier forecasts ---- */
/* So that they are made at all hours in turn, it has no divisor in common with the day. */
static size_t stride_of(size_t day)
{
    size_t stride = day / ORIGINS + 1, a = stride, b = day;
    for (;; a = ++stride, b = day) {
        while (b) {
            size_t rest = a % b;
            a = b;
            b = rest;
        }
        if (a == 1)
            return stride;
    }
}

/* What a reason explains must stand out of chance: ridge regression. */
static void weigh(struct maker *m, struct group *g)
{
    double root[REASONS * REASONS], v[REASONS];
    double share = doubt + doubt_days * ORIGINS / ((double)m->origins + 1), sum = 0;
    memcpy(root, g->square, sizeof root);
    memcpy(v, g->product, sizeof v);
    for (int i = 0; i < REASONS; i++)
        sum += root[i * REASONS + i] / REASONS;
    for (int i = 0; i < REASONS; i++)
        root[i * REASONS + i] += share * root[i * REASONS + i] + 0.001 * sum + 1e-300;
    if (!(sum > 0) || !kp_matrix_factor(root, REASONS))
        return;
    kp_matrix_distance(root, v, REASONS);
    kp_matrix_finish(root, v, REASONS);
    memcpy(g->weight, v, sizeof v);
}

static void open_past(struct maker *m, size_t at)
{
    struct past *p = &m->past[m->origins++ % m->pasts];
    *p = (struct past){ true, at, p->reasons, p->base, p->said, p->spread };
    for (size_t i = 0; i < m->groups; i++) {
        struct group *g = &m->group[i];
        weigh(m, g);
        for (int k = 0; k < REASONS * REASONS; k++)
            g->square[k] *= pow(forget, 1.0 / ORIGINS);
        for (int k = 0; k < REASONS; k++)
            g->product[k] *= pow(forget, 1.0 / ORIGINS);
    }
    double sum = 0, wide = 0;
    for (size_t k = 0; k < m->ask->ahead && at + k < m->ask->n; k++) {
        size_t slot = m->ask->slot[at + k];
        double *x = p->reasons + k * REASONS;
        p->base[k] = usual(m, slot);
        reasons(m, at, at + k, p->base[k], x);
        sum += p->base[k] + moved(m, k + 1, x);
        wide += spread(m, slot);
        p->said[k] = m->ask->adds ? sum : p->base[k] + moved(m, k + 1, x);
        p->spread[k] = m->ask->adds ? wide : spread(m, slot);
    }
}

static void keep_error(struct group *g, double error)
{
    g->error[g->n_errors++ % ERRORS] = error;
}

static void score(struct maker *m, struct past *p, size_t t, const double *sum)
{
    size_t k = t - p->at, slot = m->ask->slot[t];
    struct group *g = &m->group[group_of(m, k + 1)];
    const double *x = p->reasons + k * REASONS;
    double own = spread(m, slot), off = m->ask->known[t] - p->base[k], v[REASONS];
    double came = m->ask->adds ? sum[t + 1] - sum[p->at] : m->ask->known[t];
    if (!is_known(m->ask->known[t]))
        return;
    off = fmax(-odd * own, fmin(odd * own, off)) / own;
    for (int i = 0; i < REASONS; i++) {
        v[i] = x[i] / own;
        g->product[i] += v[i] * off;
    }
    kp_matrix_add_products(g->square, v, 1, REASONS);
    if ((k + 1 - (size_t)g->first) % g->every == 0)
        keep_error(g, (came - p->said[k]) / p->spread[k]);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The value of rank share * (n + 1), which is what holds for one more. */
static double quantile(const double *sorted, size_t n, double share)
{
    double rank = fmax(0, fmin((double)n - 1, share * ((double)n + 1) - 1));
    size_t low = (size_t)rank, high = low + 1 < n ? low + 1 : low;
    return sorted[low] + (rank - (double)low) * (sorted[high] - sorted[low]);
}

static void make_band(struct maker *m, struct group *g)
{
    size_t n = g->n_errors < ERRORS ? g->n_errors : ERRORS;
    qsort(g->error, n, sizeof *g->error, ascending);
    if (n) {
        g->low = quantile(g->error, n, (1 - m->ask->share) / 2);
        g->high = quantile(g->error, n, (1 + m->ask->share) / 2);
    }
}

/* ---- all together ---- */
static void walk(struct maker *m, const double *sum)
{
    size_t begin = BEGIN_DAYS * m->ask->day, stride = stride_of(m->ask->day);
    for (size_t t = 0; t < m->ask->n; t++) {
        if (t >= begin && (t - begin) % stride == 0)
            open_past(m, t);
        for (struct past *p = m->past; p < m->past + m->pasts; p++)
            if (p->open && t - p->at < m->ask->ahead)
                score(m, p, t, sum);
        learn_step(m, t);
    }
}

static void say(struct maker *m, struct kp_outlook_step *out)
{
    const struct kp_outlook_ask *a = m->ask;
    double sum = 0, wide = 0, x[REASONS], least = INFINITY;
    for (size_t t = 0; t < a->n; t++)
        least = is_known(a->known[t]) ? fmin(least, a->known[t]) : least;
    for (size_t i = 0; i < m->groups; i++) {
        weigh(m, &m->group[i]);
        make_band(m, &m->group[i]);
    }
    for (size_t k = 0; k < a->ahead; k++) {
        size_t g, slot = a->slot[a->n + k];
        double share = mix(m, k + 1, &g), base = usual(m, slot);
        const struct group *from = &m->group[g], *to = g + 1 < m->groups ? from + 1 : from;
        reasons(m, a->n, a->n + k, base, x);
        double value = base + moved(m, k + 1, x);
        sum += value;
        wide = a->adds ? wide + spread(m, slot) : spread(m, slot);
        value = a->adds ? sum : value;
        out[k].value = value;
        out[k].low = value + wide * ((1 - share) * from->low + share * to->low);
        out[k].high = value + wide * ((1 - share) * from->high + share * to->high);
        if (least >= 0) { /* what never was negative will not be */
            out[k].value = fmax(0, out[k].value);
            out[k].low = fmax(0, out[k].low);
            out[k].high = fmax(0, out[k].high);
        }
        if (a->adds && k) { /* what adds never becomes less */
            out[k].value = fmax(out[k].value, out[k - 1].value);
            out[k].low = fmax(out[k].low, out[k - 1].low);
            out[k].high = fmax(out[k].high, out[k - 1].high);
        }
    }
}

size_t kp_outlook_needs(size_t day, size_t ahead)
{
    return BEGIN_DAYS * day + ahead + FEWEST * stride_of(day);
}

static enum kp_code check(const struct kp_outlook_ask *a, struct kp_err *err)
{
    size_t known = 0, needs;
    if (a->day < 4 || a->day > KP_OUTLOOK_DAY || a->ahead < 1 || a->ahead > KP_OUTLOOK_AHEAD ||
        a->n > KP_OUTLOOK_KNOWN || !(a->share >= 0.5 && a->share <= 0.98))
        return kp_fail(err, KP_EINVALID, "a forecast of %zu steps of %zu a day is out of range",
                       a->ahead, a->day);
    for (size_t i = 0; i < a->n + a->ahead; i++)
        if (a->slot[i] >= 7 * a->day)
            return kp_fail(err, KP_EINVALID, "step %u is of no week", a->slot[i]);
    for (size_t i = 0; i < a->n; i++)
        known += is_known(a->known[i]);
    needs = kp_outlook_needs(a->day, a->ahead);
    if (a->n < needs || known < needs / 2)
        return kp_fail(err, KP_ENOTFOUND, "so far ahead it takes %.1f days of history, there are %.1f",
                       (double)needs / (double)a->day, (double)known / (double)a->day);
    return KP_OK;
}

/* Groups of times ahead, each with its share of the room. */
static void make_groups(struct maker *m, double *room)
{
    size_t ahead = m->ask->ahead;
    for (double first = 1; first <= (double)ahead && m->groups < GROUPS; m->groups++) {
        struct group *g = &m->group[m->groups];
        double next = fmin(fmax(first + 1, floor(first * 1.4)), (double)ahead + 1);
        *g = (struct group){ .first = first, .error = room + m->groups * ERRORS };
        g->middle = (first + next - 1) / 2;
        g->every = 1 + (size_t)(next - first) / 5;
        first = next;
    }
}

static bool make_room(struct maker *m, double **sum)
{
    size_t ahead = m->ask->ahead, a_past = (REASONS + 3) * ahead, n = m->ask->n;
    m->pasts = ahead / stride_of(m->ask->day) + 2;
    m->past = kp_alloc(m->pasts * sizeof *m->past);
    m->room = kp_alloc((m->pasts * a_past + GROUPS * ERRORS + 2 * n + 1) * sizeof *m->room);
    if (!m->past || !m->room)
        return false;
    for (size_t i = 0; i < m->pasts; i++) {
        double *p = m->room + i * a_past;
        m->past[i] = (struct past){ .reasons = p, .base = p + REASONS * ahead,
                                    .said = p + (REASONS + 1) * ahead,
                                    .spread = p + (REASONS + 2) * ahead };
    }
    make_groups(m, m->room + m->pasts * a_past);
    m->weeks = m->room + m->pasts * a_past + GROUPS * ERRORS;
    *sum = m->weeks + n;
    for (size_t t = 0; t < n; t++)
        (*sum)[t + 1] = (*sum)[t] + (is_known(m->ask->known[t]) ? m->ask->known[t] : 0);
    return true;
}

enum kp_code kp_outlook_make(const struct kp_outlook_ask *a, struct kp_outlook_step *out,
                              struct kp_err *err)
{
    if (check(a, err))
        return err->code;
    struct maker *m = kp_alloc(sizeof *m);
    double *sum = NULL;
    bool made = m && (m->ask = a, make_room(m, &sum));
    if (made) {
        walk(m, sum);
        say(m, out);
    }
    if (m) {
        kp_free(m->past);
        kp_free(m->room);
    }
    kp_free(m);
    return made ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory");
}
