/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/distance.h"

#include "watch/matrix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum {
    PACES = 3,
    BLOCKS = 4,
    BEGINNING = 20, /* rows: where the smoothing begins */
    SETTLE = 10,    /* that end an event */
    FAULTS = 2      /* of a pace that are remembered, the newest ones */
};
static const double paces[PACES] = { 0.5, 0.15, 0.05 }, /* of the smoothing */
    shrinkage = 0.1,                                    /* of the covariance towards a round one */
    often = 0.99,   /* of the rows that were learnt from stay below the raw limit */
    margin = 3.7,   /* above it, in standard deviations of a chi-square of so many signals */
    adapt = 0.0015, /* of what is usual, a row, while nothing is unusual */
    settled = 0.7,  /* an event is over below this multiple of the limit */
    calm = 0.5,     /* below this multiple of the limit */
    clip = 30,      /* standard deviations that a single signal can be off */
    allowed = 0.4,  /* multiple of the limit that is left of what a person said is normal */
    alike = 0.9,    /* cosine of what goes the way of a fault; it counts */
    twice = 2,
    beyond = 1000,  /* ranges of nearly all values: further out is no measurement */
    highest = 1e6, farthest = 1e30;

struct model {                /* of one pace */
    double limit, seen, over; /* seen: it was past the limit; rows since then that are well below */
    double most;               /* multiple of the limit that the newest event reached; 0: none, or it was spoken of */
    double *mean, *now, *root; /* root: of the covariance */
    double *odd, *fault;       /* off the mean: at `most`; the ways that faults went, in units of root, 0: none */
};

/* All numbers stand in one piece, which is what is saved. */
struct kp_distance {
    size_t signals, worst; /* worst: the pace that the last step found */
    double *centre, *scale, *row, *work;
    struct model pace[PACES];
    double all[];
};

static size_t doubles(size_t signals)
{
    return 4 * signals + PACES * (3 + FAULTS + signals) * signals;
}

static double *lay_out(double **part, double *at, size_t n)
{
    *part = at;
    return at + n;
}

static struct kp_distance *make(size_t signals)
{
    struct kp_distance *g = kp_alloc(sizeof *g + doubles(signals) * sizeof *g->all);
    if (!g)
        return NULL;
    double *at = g->all;
    g->signals = signals;
    at = lay_out(&g->centre, at, signals);
    at = lay_out(&g->scale, at, signals);
    at = lay_out(&g->row, at, signals);
    at = lay_out(&g->work, at, signals);
    for (struct model *m = g->pace; m < g->pace + PACES; m++) {
        at = lay_out(&m->mean, at, signals);
        at = lay_out(&m->now, at, signals);
        at = lay_out(&m->root, at, signals * signals);
        at = lay_out(&m->odd, at, signals);
        at = lay_out(&m->fault, at, FAULTS * signals);
    }
    return g;
}

void kp_distance_free(struct kp_distance *g)
{
    kp_free(g);
}

static double distance(const struct kp_distance *g, const struct model *m, const double *at)
{
    for (size_t i = 0; i < g->signals; i++)
        g->work[i] = at[i] - m->mean[i];
    return kp_matrix_distance(m->root, g->work, g->signals) / (double)g->signals;
}

/* ---- learning ---- */
/* What is learnt from: smoothed rows, with room for as many again. */
struct lesson {
    size_t n;
    double *rows, *smoothed, *work;
};

static void sum_up(struct model *m, const double *rows, size_t n, size_t d)
{
    for (size_t r = 0; r < n; r++)
        for (size_t i = 0; i < d; i++)
            m->mean[i] += rows[r * d + i];
}

/* Mean and shrunk covariance of the rows but those in [from, to). */
static bool fit(struct model *m, const struct lesson *l, size_t from, size_t to, size_t d)
{
    double trace = 0, used = (double)(l->n - (to - from));
    memset(m->mean, 0, d * sizeof *m->mean);
    memset(m->root, 0, d * d * sizeof *m->root);
    sum_up(m, l->smoothed, from, d);
    sum_up(m, l->smoothed + to * d, l->n - to, d);
    for (size_t i = 0; i < d; i++)
        m->mean[i] /= used;
    for (size_t i = 0; i < l->n * d; i++)
        l->work[i] = l->smoothed[i] - m->mean[i % d];
    kp_matrix_add_products(m->root, l->work, from, d);
    kp_matrix_add_products(m->root, l->work + to * d, l->n - to, d);
    for (size_t i = 0; i < d; i++)
        trace += m->root[i * d + i] / (used - 1);
    for (size_t i = 0; i < d * d; i++)
        m->root[i] *= (1 - shrinkage) / (used - 1);
    for (size_t i = 0; i < d; i++)
        m->root[i * d + i] += shrinkage * trace / (double)d + 1e-12;
    return kp_matrix_factor(m->root, d);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, size_t n, double part)
{
    double at = part * (double)(n - 1);
    size_t i = (size_t)at, next = i + 1 < n ? i + 1 : i;
    return sorted[i] + (at - (double)i) * (sorted[next] - sorted[i]);
}

/* What nearly all rows stay below, when each block is judged by the others. */
static bool calibrate(const struct kp_distance *g, struct model *m, const struct lesson *l,
                      double *found)
{
    const size_t d = g->signals;
    for (size_t b = 0; b < BLOCKS; b++) {
        size_t from = l->n * b / BLOCKS, to = l->n * (b + 1) / BLOCKS;
        if (!fit(m, l, from, to, d))
            return false;
        for (size_t r = from; r < to; r++)
            found[r] = distance(g, m, l->smoothed + r * d);
    }
    qsort(found, l->n, sizeof *found, ascending);
    m->limit = fmax(quantile(found, l->n, often), 1e-9) * (1 + margin * sqrt(2 / (double)d));
    return true;
}

static void standardise(const struct kp_distance *g, const double *in, double *out)
{
    for (size_t i = 0; i < g->signals; i++)
        out[i] = fmax(-clip, fmin(clip, (in[i] - g->centre[i]) / g->scale[i]));
}

/* The values of one signal in order, those that are none left out; how many. */
static size_t sort_signal(const struct lesson *l, size_t signal, size_t d, double *out)
{
    size_t n = 0;
    for (size_t r = 0; r < l->n; r++)
        if (fabs(l->rows[r * d + signal]) <= farthest)
            out[n++] = l->rows[r * d + signal];
    qsort(out, n, sizeof *out, ascending);
    return n;
}

/* A broken value must not hide all that comes after it by the spread it brings. */
static void clean_signal(struct lesson *l, size_t signal, size_t d)
{
    size_t n = sort_signal(l, signal, d, l->work);
    double middle = n ? quantile(l->work, n, 0.5) : 0, last = middle;
    double range = n ? quantile(l->work, n, 0.95) - quantile(l->work, n, 0.05) : 0;
    double reach = range > 0 ? beyond * range : middle != 0 ? beyond * fabs(middle) : farthest;
    for (size_t r = 0; r < l->n; r++) {
        double *v = &l->rows[r * d + signal];
        if (!(fabs(*v) <= farthest && fabs(*v - middle) <= reach))
            *v = last;
        last = *v;
    }
}

static void learn_scale(struct kp_distance *g, const struct lesson *l, size_t signal)
{
    const double *v = l->rows + signal;
    const size_t d = g->signals;
    double low = *v, high = *v, mean = 0, squares = 0;
    for (size_t r = 0; r < l->n; r++) {
        low = fmin(low, v[r * d]);
        high = fmax(high, v[r * d]);
        mean += v[r * d] / (double)l->n;
    }
    for (size_t r = 0; r < l->n; r++)
        squares += (v[r * d] - mean) * (v[r * d] - mean) / (double)l->n;
    g->centre[signal] = mean;
    g->scale[signal] = fmax(sqrt(squares), 1e-3 * (high - low));
    if (!(g->scale[signal] > 1e-9 * fabs(mean))) /* it never moved */
        g->scale[signal] = fmax(1e-3 * fabs(mean), 1e-9);
}

/* The rows as this pace sees them. */
static void smooth(const struct kp_distance *g, struct model *m, double pace, struct lesson *l)
{
    const size_t d = g->signals;
    double *out = l->smoothed;
    memset(m->now, 0, d * sizeof *m->now);
    for (size_t r = 0; r < l->n; r++) {
        standardise(g, l->rows + r * d, out + r * d);
        for (size_t i = 0; i < d && r < BEGINNING; i++)
            m->now[i] += out[r * d + i] / BEGINNING;
    }
    for (size_t r = 0; r < l->n; r++)
        for (size_t i = 0; i < d; i++)
            out[r * d + i] = m->now[i] += pace * (out[r * d + i] - m->now[i]);
}

static bool learn(struct kp_distance *g, struct lesson *l, double *found)
{
    bool ok = true;
    for (size_t i = 0; i < g->signals; i++) {
        clean_signal(l, i, g->signals);
        learn_scale(g, l, i);
    }
    for (size_t p = 0; ok && p < PACES; p++) {
        smooth(g, &g->pace[p], paces[p], l);
        ok = calibrate(g, &g->pace[p], l, found) && fit(&g->pace[p], l, 0, 0, g->signals);
    }
    return ok;
}

struct kp_distance *kp_distance_new(const double *rows, size_t n, size_t d, struct kp_err *err)
{
    struct kp_distance *g = make(d);
    double *room = kp_alloc((3 * d + 1) * n * sizeof *room);
    if (!g || !room) {
        kp_fail(err, KP_ENOMEM, "out of memory");
    } else {
        struct lesson l = { n, room, room + n * d, room + 2 * n * d };
        memcpy(l.rows, rows, n * d * sizeof *rows);
        if (!learn(g, &l, room + 3 * n * d))
            kp_fail(err, KP_EINVALID, "these rows have no spread that can be measured");
    }
    kp_free(room);
    if (g && room && !err->code)
        return g;
    kp_free(g);
    return NULL;
}

/* ---- watching ---- */
/* What was seen at a pace is over when that pace sees nothing any more; slower ones would only
 * remember it. */
static void settle(struct kp_distance *g, size_t pace, double ratio)
{
    struct model *m = &g->pace[pace];
    if (ratio > 1)
        m->seen = 1;
    m->over = m->seen > 0 && ratio < settled ? m->over + 1 : 0;
    if (m->over < SETTLE)
        return;
    m->seen = 0;
    for (size_t p = pace + 1; p < PACES; p++)
        memcpy(g->pace[p].now, m->now, g->signals * sizeof *m->now);
}

static double along(const struct kp_distance *g, const double *way)
{
    double sum = 0;
    for (size_t i = 0; i < g->signals; i++)
        sum += way[i] * g->work[i];
    return sum;
}

/* The place of the fault that went the way of g->work, so long; FAULTS: none did. */
static size_t find_fault(const struct kp_distance *g, const struct model *m, double size)
{
    size_t n = 0;
    for (const double *f = m->fault; n < FAULTS; n++, f += g->signals)
        if (along(g, f) > alike * size)
            break;
    return n;
}

/* What goes the way that a fault went is told from half the limit on, and is not learnt below it. */
static double weigh(const struct kp_distance *g, const struct model *m, double far)
{
    return find_fault(g, m, sqrt(far * (double)g->signals)) < FAULTS ? twice : 1;
}

static bool any_seen(const struct kp_distance *g)
{
    bool any = false;
    for (size_t p = 0; p < PACES; p++)
        any |= g->pace[p].seen > 0;
    return any;
}

/* Where the event was furthest, for a person may speak of it when it is over. */
static void note(struct kp_distance *g, struct model *m, double ratio)
{
    if (ratio <= (m->seen > 0 ? m->most : 1))
        return;
    if (!any_seen(g)) /* a new one begins: of those before nobody speaks any more */
        for (size_t p = 0; p < PACES; p++)
            g->pace[p].most = 0;
    m->most = ratio;
    for (size_t i = 0; i < g->signals; i++)
        m->odd[i] = m->now[i] - m->mean[i];
}

double kp_distance_step(struct kp_distance *g, const double *row)
{
    double most = -1;
    standardise(g, row, g->row);
    for (size_t p = 0; p < PACES; p++) {
        struct model *m = &g->pace[p];
        for (size_t i = 0; i < g->signals; i++)
            m->now[i] += paces[p] * (g->row[i] - m->now[i]);
        double far = distance(g, m, m->now);
        double ratio = fmin(weigh(g, m, far) * far / m->limit, highest); /* also of no number */
        note(g, m, ratio);
        for (size_t i = 0; i < g->signals && ratio < calm; i++)
            m->mean[i] += adapt * (g->row[i] - m->mean[i]);
        settle(g, p, ratio);
        if (ratio > most) {
            most = ratio;
            g->worst = p;
        }
    }
    return most;
}

/* share = off (C^-1 off) / distance, for each signal. */
void kp_distance_explain(struct kp_distance *g, struct kp_distance_share *out)
{
    const struct model *m = &g->pace[g->worst];
    double whole = fmax(distance(g, m, m->now) * (double)g->signals, 1e-300);
    kp_matrix_finish(m->root, g->work, g->signals);
    for (size_t i = 0; i < g->signals; i++) {
        out[i].share = (m->now[i] - m->mean[i]) * g->work[i] / whole;
        out[i].expected = g->centre[i] + m->mean[i] * g->scale[i];
    }
}

/* ---- what people say ---- */
/* g->work: what is that far off the mean, in units of root; its distance. */
static double measure(const struct kp_distance *g, const struct model *m, const double *off)
{
    memcpy(g->work, off, g->signals * sizeof *off);
    return kp_matrix_distance(m->root, g->work, g->signals);
}

/* The measure grows that way, so that what is so far off is well within the limit; what was usual stays it. */
static void allow(struct kp_distance *g, struct model *m, const double *off)
{
    double square = measure(g, m, off), wanted = allowed * m->limit * (double)g->signals;
    size_t fault = find_fault(g, m, sqrt(square));
    if (fault < FAULTS)
        memset(m->fault + fault * g->signals, 0, g->signals * sizeof *m->fault);
    if (!(square > wanted))
        return;
    double by = sqrt(1 / wanted - 1 / square);
    for (size_t i = 0; i < g->signals; i++)
        g->work[i] = by * off[i];
    kp_matrix_add_to_factor(m->root, g->work, g->signals);
}

void kp_distance_accept(struct kp_distance *g)
{
    for (struct model *m = g->pace; m < g->pace + PACES; m++) {
        if (m->most > 0)
            allow(g, m, m->odd);
        for (size_t i = 0; i < g->signals; i++)
            m->odd[i] = m->now[i] - m->mean[i];
        allow(g, m, m->odd);
        m->most = m->seen = m->over = 0;
    }
}

void kp_distance_reject(struct kp_distance *g)
{
    const size_t d = g->signals;
    for (struct model *m = g->pace; m < g->pace + PACES; m++) {
        if (!(m->most > 0))
            continue;
        double size = sqrt(measure(g, m, m->odd));
        size_t instead = find_fault(g, m, size); /* the same again, or the oldest */
        instead = instead < FAULTS ? instead : FAULTS - 1;
        memmove(m->fault + d, m->fault, instead * d * sizeof *m->fault);
        for (size_t i = 0; i < d; i++)
            m->fault[i] = g->work[i] / fmax(size, 1e-300);
    }
}

/* ---- keeping ---- */
enum { STATE = 4 }; /* numbers of a pace that are not in `all` */

void kp_distance_save(const struct kp_distance *g, struct kp_buf *out)
{
    for (size_t p = 0; p < PACES; p++) {
        double state[STATE] = { g->pace[p].limit, g->pace[p].seen, g->pace[p].over, g->pace[p].most };
        kp_buf_add(out, state, sizeof state);
    }
    kp_buf_add(out, g->all, doubles(g->signals) * sizeof *g->all);
}

static void restore(struct kp_distance *g, const char *data)
{
    double state[STATE];
    for (struct model *m = g->pace; m < g->pace + PACES; m++, data += sizeof state) {
        memcpy(state, data, sizeof state);
        m->limit = state[0];
        m->seen = state[1];
        m->over = state[2];
        m->most = state[3];
    }
    memcpy(g->all, data, doubles(g->signals) * sizeof *g->all);
}

/* What comes from a disk may be anything, but it must not make the answers no numbers. */
static bool sound(const struct kp_distance *g)
{
    bool ok = true;
    for (size_t i = 0; i < doubles(g->signals); i++)
        ok &= fabs(g->all[i]) <= farthest;
    for (size_t i = 0; i < g->signals; i++)
        ok &= g->scale[i] > 0;
    for (const struct model *m = g->pace; m < g->pace + PACES; m++) {
        ok &= m->limit > 0 && m->over >= 0 && m->over <= SETTLE && m->most >= 0 && m->most <= highest;
        for (size_t i = 0; i < g->signals; i++)
            ok &= m->root[i * (g->signals + 1)] > 0;
    }
    return ok;
}

struct kp_distance *kp_distance_load(const void *data, size_t size, size_t d, struct kp_err *err)
{
    struct kp_distance *g = NULL;
    if (size != (PACES * STATE + doubles(d)) * sizeof(double))
        kp_fail(err, KP_EPARSE, "what was kept of a group is not as long as that of %zu signals",
                d);
    else if (!(g = make(d)))
        kp_fail(err, KP_ENOMEM, "out of memory");
    if (!g)
        return NULL;
    restore(g, data);
    if (sound(g))
        return g;
    kp_fail(err, KP_EPARSE, "what was kept of a group was changed");
    kp_distance_free(g);
    return NULL;
}
