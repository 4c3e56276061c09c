/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/levels.h"

#include "core/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { BINS = 256, MODES = BINS / 2 + 1 };
static const double least_known = 8 * 3600, /* s */
    least_level = 600,    /* s at a level, or it is none */
    least_share = 0.005,  /* of the time known, the same */
    bin = 0.04,           /* of the logarithm */
    zero = 0.002,         /* of what it draws at most: below that all is zero */
    valley = 0.25,        /* of the lower of two levels: how deep it is between them */
    apart = 0.25,         /* of the logarithm: between two levels at least */
    programs = 0.6,       /* the uppermost levels are joined first: running is many levels */
    nothing = 0.05,       /* of running: what draws less is off */
    little = 0.2,         /* the same where there is a level in between */
    edge = 0.005,         /* of the time at a level: beyond it are steps from one to another */
    rise = 0.6, fall = 0.4, /* where in the gap a state begins and ends */
    follow = 1.0 / 3;

struct spread { /* how long, by the logarithm of the value */
    double seconds[BINS], smooth[BINS], sum;
    double base;  /* added to each value */
    double least; /* the logarithm where the first bin begins */
};
struct mode {
    size_t peak, from, to; /* bins; to: the one behind it */
};

/* ---- how long each value stood ---- */
static double standing(const struct kp_level_time *t)
{
    return isfinite(t->value) && t->seconds > 0 && fabs(t->value) <= 1e100 ? t->seconds : 0;
}

static int by_value(const void *a, const void *b)
{
    const struct kp_level_time *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

/* What it draws at most, but for one percent of the time. Sorts. */
static double most(struct kp_level_time *t, size_t n, double sum)
{
    double seen = 0;
    qsort(t, n, sizeof *t, by_value);
    for (size_t i = 0; i < n; i++) {
        seen += standing(&t[i]);
        if (seen >= 0.99 * sum)
            return t[i].value;
    }
    return 0;
}

static bool spread_out(struct spread *s, const struct kp_level_time *t, size_t n, double top)
{
    *s = (struct spread){ .base = zero * top };
    s->least = log(s->base);
    for (size_t i = 0; i < n; i++) {
        double seconds = standing(&t[i]);
        double at = (log(fmax(0, seconds > 0 ? t[i].value : 0) + s->base) - s->least) / bin;
        s->seconds[(size_t)fmin(BINS - 1, at)] += seconds;
        s->sum += seconds;
    }
    for (int i = 0; i < BINS; i++)
        for (int k = -3; k <= 3; k++) /* a triangle */
            if (i + k >= 0 && i + k < BINS)
                s->smooth[i] += s->seconds[i + k] * (4 - abs(k)) / 16;
    return s->sum >= least_known;
}

static double value_at(const struct spread *s, double place)
{
    return fmax(0, exp(s->least + place * bin) - s->base);
}

/* ---- levels ---- */
static size_t lowest(const struct spread *s, size_t from, size_t to)
{
    size_t low = from, last = from;
    for (size_t i = from; i <= to; i++) {
        low = s->smooth[i] < s->smooth[low] ? i : low;
        last = s->smooth[i] <= s->smooth[low] ? i : last;
    }
    return (low + last) / 2; /* of a valley that is empty, the middle */
}

static size_t find_modes(const struct spread *s, struct mode *m)
{
    size_t n = 0;
    for (size_t i = 0; i < BINS; i++) {
        double before = i ? s->smooth[i - 1] : 0, after = i + 1 < BINS ? s->smooth[i + 1] : 0;
        if (s->smooth[i] > before && s->smooth[i] >= after && n < MODES)
            m[n++] = (struct mode){ .peak = i };
    }
    for (size_t i = 0; i < n; i++) {
        m[i].from = i ? m[i - 1].to : 0;
        m[i].to = i + 1 < n ? lowest(s, m[i].peak, m[i + 1].peak) : BINS;
    }
    return n;
}

/* m[i] and the one above it become one. */
static void join(const struct spread *s, struct mode *m, size_t *n, size_t i)
{
    size_t higher = s->smooth[m[i].peak] >= s->smooth[m[i + 1].peak] ? m[i].peak : m[i + 1].peak;
    m[i] = (struct mode){ higher, m[i].from, m[i + 1].to };
    memmove(m + i + 1, m + i + 2, (--*n - i - 1) * sizeof *m);
}

static double between(const struct spread *s, const struct mode *m)
{
    double low = s->smooth[lowest(s, m[0].peak, m[1].peak)];
    return low / fmin(s->smooth[m[0].peak], s->smooth[m[1].peak]);
}

static double gap(const struct mode *m, size_t n, size_t i)
{
    return (double)(m[i + 1].peak - m[i].peak) * bin * (i + 2 == n ? programs : 1);
}

static double time_at(const struct spread *s, const struct mode *m)
{
    double sum = 0;
    for (size_t i = m->from; i < m->to; i++)
        sum += s->seconds[i];
    return sum;
}

/* Joined are, first, what no valley parts; what was hardly ever drawn with its nearest; then the nearest, down to three. */
static void join_modes(const struct spread *s, struct mode *m, size_t *n)
{
    while (*n > 1) {
        size_t worst = 0;
        for (size_t i = 1; i + 1 < *n; i++)
            worst = between(s, &m[i]) > between(s, &m[worst]) ? i : worst;
        if (between(s, &m[worst]) <= valley)
            break;
        join(s, m, n, worst);
    }
    for (size_t i = 0; i < *n && *n > 1;) {
        if (time_at(s, &m[i]) >= fmax(least_level, least_share * s->sum)) {
            i++;
            continue;
        }
        bool down = i && (i + 1 == *n || m[i].peak - m[i - 1].peak < m[i + 1].peak - m[i].peak);
        join(s, m, n, down ? i - 1 : i);
        i = 0;
    }
    while (*n > 1) {
        size_t near = 0;
        for (size_t i = 0; i + 1 < *n; i++)
            near = gap(m, *n, i) < gap(m, *n, near) ? i : near;
        if (*n <= 3 && (double)(m[near + 1].peak - m[near].peak) * bin >= apart)
            break;
        join(s, m, n, near);
    }
}

/* Where a level begins (share of its time) or ends, as a place among the bins. */
static double place_of(const struct spread *s, const struct mode *m, double share)
{
    double want = share * time_at(s, m), seen = 0;
    for (size_t i = m->from; i < m->to; i++) {
        if (seen + s->seconds[i] >= want && s->seconds[i] > 0)
            return (double)i + (want - seen) / s->seconds[i];
        seen += s->seconds[i];
    }
    return (double)m->to;
}

static void limits(const struct spread *s, const struct mode *m, double *begins, double *ends)
{
    double low = place_of(s, &m[0], 1 - edge), high = place_of(s, &m[1], edge);
    if (high < low + 1) { /* they touch */
        low = (double)m[0].to - 0.5;
        high = low + 1;
    }
    *begins = value_at(s, low + rise * (high - low));
    *ends = value_at(s, low + fall * (high - low));
}

struct kp_levels kp_levels_learn(const struct kp_level_time *times, size_t n, bool draws)
{
    struct kp_levels l = { 0 };
    struct spread s;
    struct mode m[MODES];
    double sum = 0;
    struct kp_level_time *sorted = n ? kp_alloc(n * sizeof *sorted) : NULL;
    if (!sorted)
        return l;
    memcpy(sorted, times, n * sizeof *sorted);
    for (size_t i = 0; i < n; i++)
        sum += standing(&times[i]);
    double top = most(sorted, n, sum);
    kp_free(sorted);
    if (!(top > 0) || !spread_out(&s, times, n, top))
        return l;
    size_t modes = find_modes(&s, m);
    join_modes(&s, m, &modes);
    if (modes < 2)
        return l;
    double low = value_at(&s, (double)m[0].peak + 0.5);
    if (modes == 3 && low > little * value_at(&s, (double)m[2].peak)) /* the machine is never off */
        join(&s, m, &modes, 1);
    l.found = true;
    l.off = draws && (modes == 3 || low <= nothing * value_at(&s, (double)m[1].peak));
    l.idle = modes == 3 || !l.off;
    limits(&s, &m[modes - 2], &l.run, &l.run_ends);
    if (modes == 3)
        limits(&s, &m[0], &l.stand, &l.stand_ends);
    l.off = l.off || modes == 3;
    return l;
}

/* ---- later, and as a rule ---- */
static void move(double *limit, double to)
{
    *limit += follow * (to - *limit);
}

struct kp_levels kp_levels_follow(const struct kp_levels *old, const struct kp_levels *now)
{
    struct kp_levels l = *old;
    if (!now->found || !old->found || (now->idle && now->off && !(old->idle && old->off)))
        return now->found ? *now : *old;
    if (now->idle != old->idle || now->off != old->off) /* it was not at all of its levels lately */
        return l;
    move(&l.run, now->run);
    move(&l.run_ends, now->run_ends);
    move(&l.stand, now->stand);
    move(&l.stand_ends, now->stand_ends);
    return l;
}

/* "running>=1500,1200; ", to four digits, as a person would write them. */
static int limit_text(char *out, size_t size, const char *state, double begins, double ends)
{
    int digits = begins > 0 ? (int)fmax(0, fmin(15, 3 - floor(log10(begins)))) : 0;
    if (begins >= 1e15 || begins < 1e-12)
        return snprintf(out, size, "%s>=%.4g,%.4g; ", state, begins, ends);
    return snprintf(out, size, "%s>=%.*f,%.*f; ", state, digits, begins, digits, ends);
}

void kp_levels_rule(const struct kp_levels *l, char out[KP_LEVELS_TEXT])
{
    int n = snprintf(out, KP_LEVELS_TEXT, "learn; ");
    n += limit_text(out + n, KP_LEVELS_TEXT - (size_t)n, "running", l->run, l->run_ends);
    if (l->idle && l->off)
        n += limit_text(out + n, KP_LEVELS_TEXT - (size_t)n, "idle", l->stand, l->stand_ends);
    snprintf(out + n, KP_LEVELS_TEXT - (size_t)n, "%s; hold 10s", l->off ? "off" : "idle");
}

struct kp_levels kp_levels_read(const char *rule)
{
    struct kp_levels l = { 0 };
    char last[16] = "";
    int all = sscanf(rule, "learn; running>=%lf,%lf; idle>=%lf,%lf; %15[a-z]", &l.run, &l.run_ends, &l.stand, &l.stand_ends, last);
    if (all == 2)
        sscanf(rule, "learn; running>=%*f,%*f; %15[a-z]", last);
    l.found = *last;
    l.off = strcmp(last, "off") == 0;
    l.idle = all == 5 || strcmp(last, "idle") == 0;
    return l.found ? l : (struct kp_levels){ 0 };
}
