/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/cycle.h"

#include "core/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum {
    PARTS = KP_CYCLE_PARTS,
    KINDS = KP_CYCLE_KINDS,
    LEARN = KP_CYCLE_LEARN,
    SAMPLES = 1024,    /* of a cycle; more are joined by two */
    LOAD_ROWS = 2,     /* cycles with another load that make an alarm */
    DURATION_ROWS = 3, /* cycles of another length: holds are usual, three in a row are not */
    USUAL_ROWS = 3     /* usual ones that end it */
};
static const double least = 0.01, /* of itself: spread of duration and energy at least */
    flat = 0.03,                  /* of the highest part: spread of the load at least */
    follow = 0.05,                /* a cycle, of what is usual */
    range = 0.15, /* of itself: what is usual goes no further than this from what was learnt */
    far = 6,      /* spreads that are not usual */
    apart = 8,    /* the same of the distance of the load */
    slack = 1,    /* spreads a cycle that creeping may have */
    crept = 12,   /* spreads in all that are not usual */
    farthest = 1e30;

/* A number of each cycle, by its logarithm: where it is usually, as a band, for tools wear and are
 * replaced, and how far it has crept out of that lately. */
struct measure {
    double learnt, low, high, spread, now, up, down;
};
struct kind {
    uint64_t key, used;
    uint32_t known, odd, late,
        usual; /* cycles learnt; in a row: of other load, other duration, usual */
    uint32_t alarm;
    struct measure duration, energy;
    double near, near_spread; /* the distance of the load, usually */
    double mean[PARTS], spread[PARTS];
    double lesson[LEARN][PARTS + 2]; /* of the first cycles; then duration and energy */
};
struct sample {
    double at, load; /* s since the begin */
};
struct kp_cycles {
    struct kind kind[KINDS];
    uint64_t clock, last_key;
    int64_t last_end;
    /* of the cycle that runs */
    bool runs, first;
    uint64_t key;
    int64_t begin;
    size_t n;
    struct sample sample[SAMPLES];
};

struct kp_cycles *kp_cycles_new(struct kp_err *err)
{
    struct kp_cycles *c = kp_alloc(sizeof *c);
    if (!c)
        kp_fail(err, KP_ENOMEM, "out of memory");
    return c;
}

void kp_cycles_free(struct kp_cycles *c)
{
    kp_free(c);
}

const char *kp_cycle_word(enum kp_cycle_finding finding)
{
    static const char *const words[] = { "usual", "duration", "load", "duration-creeps",
                                         "energy-creeps" };
    return words[finding];
}

/* ---- the cycle that runs ---- */
static struct kind *find(struct kp_cycles *c, uint64_t key)
{
    struct kind *oldest = c->kind;
    for (struct kind *k = c->kind; k < c->kind + KINDS; k++) {
        if (k->used && k->key == key)
            return k;
        oldest = k->used < oldest->used ? k : oldest;
    }
    *oldest = (struct kind){ .key = key };
    return oldest;
}

static double seconds(int64_t from, int64_t to)
{
    return ((double)to - (double)from) / (double)KP_SECOND;
}

void kp_cycle_begin(struct kp_cycles *c, uint64_t key, int64_t at)
{
    const struct kind *k = find(c, key);
    double usual = k->known >= LEARN ? exp(k->duration.learnt) : 0;
    c->first = !c->clock || key != c->last_key || seconds(c->last_end, at) > 1.5 * usual;
    c->runs = true;
    c->key = key;
    c->begin = at;
    c->n = 0;
}

/* Twice as long a cycle fits when two neighbours become one. */
static void join(struct kp_cycles *c)
{
    for (size_t i = 0; 2 * i + 1 < c->n; i++) {
        struct sample a = c->sample[2 * i], b = c->sample[2 * i + 1];
        c->sample[i] = (struct sample){ a.at, (a.load + b.load) / 2 };
    }
    c->n /= 2;
}

void kp_cycle_load(struct kp_cycles *c, int64_t at, double load)
{
    double since = seconds(c->begin, at);
    if (!c->runs || !(fabs(load) <= farthest) || since < 0 ||
        (c->n && since <= c->sample[c->n - 1].at))
        return;
    if (c->n == SAMPLES)
        join(c);
    c->sample[c->n++] = (struct sample){ since, load };
}

/* The mean load of each part; a value holds until the next one. What a part had none of, has that
 * of the part before. */
static void cut(const struct kp_cycles *c, double duration, double *part)
{
    double weight[PARTS] = { 0 }, before = c->n ? c->sample[0].load : 0;
    memset(part, 0, PARTS * sizeof *part);
    for (size_t i = 0; i < c->n; i++) {
        double from = c->sample[i].at, to = i + 1 < c->n ? c->sample[i + 1].at : duration;
        for (int p = 0; p < PARTS; p++) {
            double begin = fmax(from, duration * p / PARTS),
                   end = fmin(to, duration * (p + 1) / PARTS);
            if (end > begin) {
                part[p] += c->sample[i].load * (end - begin);
                weight[p] += end - begin;
            }
        }
    }
    for (int p = 0; p < PARTS; p++)
        before = part[p] = weight[p] > 0 ? part[p] / weight[p] : before;
}

/* ---- learning ---- */
static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Robust: half of what is learnt from may be odd. */
static double median_of(const struct kind *k, int column, double around, bool distances)
{
    double v[LEARN];
    for (int i = 0; i < LEARN; i++) {
        v[i] = k->lesson[i][column] - around;
        v[i] = distances ? fabs(v[i]) : v[i];
    }
    qsort(v, LEARN, sizeof *v, ascending);
    return (v[LEARN / 2 - 1] + v[LEARN / 2]) / 2;
}

static void learn_measure(const struct kind *k, int column, struct measure *m)
{
    m->learnt = m->low = m->high = m->now = median_of(k, column, 0, false);
    m->spread = fmax(least, 1.4826 * median_of(k, column, m->learnt, true));
    m->up = m->down = 0;
}

/* At a step of the load a little time is much load. */
static double step_at(const double *mean, int p)
{
    double before = p > 0 ? fabs(mean[p] - mean[p - 1]) : 0;
    double behind = p < PARTS - 1 ? fabs(mean[p] - mean[p + 1]) : 0;
    return fmax(before, behind) / 2;
}

static double distance(const struct kind *k, const double *part, unsigned *worst)
{
    double sum = 0, most = -1, highest = 0;
    for (int p = 0; p < PARTS; p++)
        highest = fmax(highest, fabs(k->mean[p]));
    for (int p = 0; p < PARTS; p++) {
        double spread = k->spread[p] + flat * highest + step_at(k->mean, p) + 1e-12;
        double off = fmin(fabs(part[p] - k->mean[p]) / spread, 1000);
        sum += off * off;
        if (off > most) {
            most = off;
            *worst = (unsigned)p;
        }
    }
    return sqrt(sum / PARTS);
}

static void learn(struct kind *k)
{
    double near[LEARN];
    unsigned worst;
    learn_measure(k, PARTS, &k->duration);
    learn_measure(k, PARTS + 1, &k->energy);
    for (int p = 0; p < PARTS; p++) {
        k->mean[p] = median_of(k, p, 0, false);
        k->spread[p] = 1.4826 * median_of(k, p, k->mean[p], true);
    }
    for (int i = 0; i < LEARN; i++)
        near[i] = distance(k, k->lesson[i], &worst);
    qsort(near, LEARN, sizeof *near, ascending);
    k->near = near[LEARN / 2];
    k->near_spread = fmax(0.15 * k->near, (near[3 * LEARN / 4] - near[LEARN / 4]) / 1.35);
}

/* ---- judging ---- */
/* How many spreads it is beyond the band; above it positive. */
static double beyond(const struct measure *m, double value)
{
    return (value > m->high ? value - m->high : value < m->low ? value - m->low : 0) / m->spread;
}

static double creep(struct measure *m, double value)
{
    double off = fmax(-3, fmin(3, beyond(m, value)));
    m->up = fmin(2 * crept, fmax(0, m->up + off - slack));
    m->down = fmin(2 * crept, fmax(0, m->down - off - slack));
    return fmax(m->up, m->down) / crept;
}

/* The band follows where it is, but not far from what was learnt. */
static void adapt_measure(struct measure *m, double value)
{
    double off = fmax(-3 * m->spread, fmin(3 * m->spread, value - m->now));
    m->now += 2 * follow * off;
    if (m->now > m->high)
        m->high = fmin(m->learnt + range, m->high + follow * (m->now - m->high));
    if (m->now < m->low)
        m->low = fmax(m->learnt - range, m->low + follow * (m->now - m->low));
}

static void adapt(struct kind *k, const double *part, double duration, double energy)
{
    adapt_measure(&k->duration, duration);
    adapt_measure(&k->energy, energy);
    for (int p = 0; p < PARTS; p++) {
        double off = part[p] - k->mean[p];
        k->mean[p] += follow * off;
        k->spread[p] += follow * (fabs(off) - k->spread[p]);
    }
}

static void name(struct kp_cycle_judgement *j, double *most, double ratio,
                 enum kp_cycle_finding finding, double expected, double actual)
{
    if (ratio <= *most)
        return;
    *most = ratio;
    j->finding = finding;
    j->expected = expected;
    j->actual = actual;
}

static void judge(struct kind *k, const double *part, double duration, double energy,
                  struct kp_cycle_judgement *j)
{
    double most = 0, wide = fabs(beyond(&k->duration, duration)) / far;
    double load = distance(k, part, &j->part) / (k->near + apart * k->near_spread);
    double slow = creep(&k->duration, duration), more = creep(&k->energy, energy);
    name(j, &most, wide, KP_CYCLE_DURATION, exp(k->duration.now), exp(duration));
    name(j, &most, load, KP_CYCLE_LOAD, k->mean[j->part], part[j->part]);
    name(j, &most, slow, KP_CYCLE_DURATION_CREEPS, exp(k->duration.learnt), exp(duration));
    name(j, &most, more, KP_CYCLE_ENERGY_CREEPS, exp(k->energy.learnt), exp(energy));
    k->late = wide > 1 ? k->late + 1 : 0;
    k->odd = load > 1 && wide < 0.5 ? k->odd + 1 : 0;
    k->usual = most < 1 ? k->usual + 1 : 0;
    if (k->odd >= LOAD_ROWS || k->late >= DURATION_ROWS || slow >= 1 || more >= 1)
        k->alarm = 1;
    else if (k->usual >= USUAL_ROWS)
        k->alarm = 0;
    j->score = most / (most + 1);
    if (most < 0.5)
        adapt(k, part, duration, energy);
}

static void take(struct kp_cycles *c, struct kind *k, double duration, struct kp_cycle_judgement *j)
{
    double part[PARTS], energy = 0;
    cut(c, duration, part);
    for (int p = 0; p < PARTS; p++)
        energy += fabs(part[p]) * duration / PARTS;
    duration = log(duration);
    energy = log(energy + 1e-300);
    if (k->known < LEARN) {
        memcpy(k->lesson[k->known], part, sizeof part);
        k->lesson[k->known][PARTS] = duration;
        k->lesson[k->known][PARTS + 1] = energy;
        if (k->known == LEARN - 1)
            learn(k);
    } else {
        judge(k, part, duration, energy, j);
    }
    k->known += k->known < UINT32_MAX;
}

bool kp_cycle_end(struct kp_cycles *c, int64_t at, struct kp_cycle_judgement *j)
{
    double duration = seconds(c->begin, at);
    *j = (struct kp_cycle_judgement){ .state = KP_WATCH_LEARNING };
    bool ran = c->runs && duration > 0;
    c->runs = false;
    if (!ran)
        return false;
    struct kind *k = find(c, c->key);
    j->known = k->known;
    if (!c->first)
        take(c, k, duration, j);
    j->alarm = k->alarm;
    if (j->known >= LEARN)
        j->state = k->alarm ? KP_WATCH_FROZEN : KP_WATCH_ACTIVE;
    k->used = ++c->clock;
    c->last_key = c->key;
    c->last_end = at;
    return true;
}

void kp_cycles_accept(struct kp_cycles *c)
{
    struct kind *k = find(c, c->last_key);
    uint64_t used = k->used;
    *k = (struct kind){ .key = c->last_key, .used = used };
}
