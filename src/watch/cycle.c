/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/cycle_private.h"

#include "core/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum {
    COURSE_ROWS = 2,   /* cycles that run differently make an alarm */
    DURATION_ROWS = 3  /* cycles of another length: a hold is usual, three in a row are not */
};
static const double least_duration = 0.01, /* of itself: its spread at least */
    least_energy = 0.03, /* the same; that much a tool takes more from day to day */
    flat = 0.02,         /* of the highest part: spread of a course at least */
    follow = 0.05,       /* a cycle, of what is usual */
    range = 0.15,      /* of itself: what is usual goes no further than this from what was learnt */
    long_pause = 1.5,  /* cycles: who stood so long begins anew */
    far = 6,           /* spreads that are not usual */
    apart = 8,         /* the same of the distance between courses */
    least_apart = 1.5, /* spreads of the course, at least */
    wild = 3,          /* limits of the course: once is enough */
    slack = 1,         /* spreads a cycle that creeping may have */
    overdue = 1.5,     /* of the longest that would still be usual */
    highest = 1e6;

/* ---- making ---- */
struct kp_cycles *kp_cycles_new(unsigned channels, struct kp_err *err)
{
    struct kp_cycles *c = NULL;
    if (channels < 1 || channels > KP_CYCLE_CHANNELS)
        kp_fail(err, KP_EINVALID, "%u channels: cycles have 1 to %d", channels, KP_CYCLE_CHANNELS);
    else if (!(c = kp_alloc(sizeof *c)) || !(c->channel = kp_alloc(channels * sizeof *c->channel)))
        kp_fail(err, KP_ENOMEM, "out of memory");
    else
        c->channels = channels;
    if (c)
        c->since = KP_NO_TIME;
    if (c && c->channels)
        return c;
    kp_cycles_free(c);
    return NULL;
}

void cycle_forget(struct kind *k)
{
    kp_free(k->lesson);
    kp_free(k->course);
    *k = (struct kind){ 0 };
}

void kp_cycles_free(struct kp_cycles *c)
{
    for (int i = 0; c && i < KINDS; i++)
        cycle_forget(&c->kind[i]);
    if (c)
        kp_free(c->channel);
    kp_free(c);
}

unsigned kp_cycles_channels(const struct kp_cycles *c)
{
    return c->channels;
}

const char *kp_cycle_word(enum kp_cycle_finding finding)
{
    static const char *const words[] = { "usual", "duration", "course", "duration-creeps",
                                         "energy-creeps" };
    return words[finding];
}

/* ---- the cycle that runs ---- */
size_t cycle_width(const struct kp_cycles *c)
{
    return 2 + (size_t)c->channels * PARTS;
}

/* The kind, or the one not seen for longest. */
struct kind *cycle_find(struct kp_cycles *c, uint64_t key)
{
    struct kind *oldest = c->kind;
    for (struct kind *k = c->kind; k < c->kind + KINDS; k++) {
        if (k->is.used && k->is.key == key)
            return k;
        oldest = k->is.used < oldest->is.used ? k : oldest;
    }
    return oldest;
}

/* NULL: out of memory, so that this cycle is not learnt. */
struct kind *cycle_meet(struct kp_cycles *c, uint64_t key)
{
    struct kind *k = cycle_find(c, key);
    if (k->is.used && k->is.key == key)
        return k;
    cycle_forget(k);
    k->lesson = kp_alloc(LEARN * cycle_width(c) * sizeof *k->lesson);
    k->course = kp_alloc(c->channels * sizeof *k->course);
    k->is.key = key;
    if (k->lesson && k->course)
        return k;
    cycle_forget(k);
    return NULL;
}

static double seconds(int64_t from, int64_t to)
{
    return ((double)to - (double)from) / (double)KP_SECOND;
}

static void begin(struct kp_cycles *c, uint64_t key, int64_t at)
{
    double pause = seconds(c->last_end, at);
    c->first = !c->clock || key != c->last_key || pause > long_pause * c->last_duration;
    c->runs = true;
    c->key = key;
    c->begin = at;
}

void kp_cycle_begin(struct kp_cycles *c, uint64_t key, int64_t at)
{
    begin(c, key, at);
    for (unsigned i = 0; i < c->channels; i++)
        c->channel[i].n = 0;
}

static void join(struct channel *ch)
{
    for (size_t i = 0; i < ch->n / 2; i++) {
        struct sample a = ch->sample[2 * i], b = ch->sample[2 * i + 1];
        ch->sample[i] = (struct sample){ a.at, (a.value + b.value) / 2 };
    }
    ch->n /= 2;
}

void kp_cycle_value(struct kp_cycles *c, unsigned channel, int64_t at, double value)
{
    struct channel *ch = &c->channel[channel < c->channels ? channel : 0];
    if (channel >= c->channels || !(fabs(value) <= CYCLE_FARTHEST) || (c->runs && at < c->begin) ||
        (ch->n && at <= ch->sample[ch->n - 1].at))
        return;
    if (!c->runs && c->since == KP_NO_TIME)
        c->since = at;
    if (ch->n == SAMPLES)
        join(ch);
    ch->sample[ch->n++] = (struct sample){ at, value };
}

/* Adds what holds from one moment to another to the parts it lies in. */
static void spread_out(double from, double to, double value, double duration, double *part,
                       double *weight)
{
    for (int p = 0; p < PARTS; p++) {
        double begin = fmax(from, duration * p / PARTS);
        double held = fmin(to, duration * (p + 1) / PARTS) - begin;
        part[p] += held > 0 ? value * held : 0;
        weight[p] += held > 0 ? held : 0;
    }
}

/* The mean of each part; a value holds until the next one, and backward from the first. */
static void cut(const struct channel *ch, int64_t begin, double duration, double *part)
{
    double weight[PARTS] = { 0 };
    memset(part, 0, PARTS * sizeof *part);
    for (size_t i = 0; i < ch->n; i++) {
        double from = i ? seconds(begin, ch->sample[i].at) : 0;
        double to = i + 1 < ch->n ? seconds(begin, ch->sample[i + 1].at) : duration;
        spread_out(from, to, ch->sample[i].value, duration, part, weight);
    }
    for (int p = 0; p < PARTS; p++)
        part[p] = weight[p] > 0 ? part[p] / weight[p] : 0;
}

/* ---- learning ---- */
static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v)
{
    qsort(v, LEARN, sizeof *v, ascending);
    return (v[LEARN / 2 - 1] + v[LEARN / 2]) / 2;
}

/* Of one column of what was learnt. Robust: half of it may be odd. */
static void centre(const double *column, size_t wide, double *middle, double *spread)
{
    double v[LEARN];
    for (int i = 0; i < LEARN; i++)
        v[i] = column[(size_t)i * wide];
    *middle = median(v);
    for (int i = 0; i < LEARN; i++)
        v[i] = fabs(v[i] - *middle);
    *spread = 1.4826 * median(v);
}

static void learn_measure(struct measure *m, const double *column, size_t wide, double least)
{
    double spread;
    centre(column, wide, &m->learnt, &spread);
    m->low = m->high = m->now = m->steady_low = m->steady_high = m->learnt;
    m->spread = fmax(least, spread);
}

/* At a step of the course a little time makes a large difference. */
static double step_at(const double *mean, int p)
{
    double before = p > 0 ? fabs(mean[p] - mean[p - 1]) : 0;
    double behind = p < PARTS - 1 ? fabs(mean[p] - mean[p + 1]) : 0;
    return fmax(before, behind) / 2;
}

static double distance(const struct course *k, const double *part, unsigned *worst)
{
    double sum = 0, most = -1, top = 0;
    for (int p = 0; p < PARTS; p++)
        top = fmax(top, fabs(k->mean[p]));
    for (int p = 0; p < PARTS; p++) {
        double spread = fmax(k->spread[p], k->allowed[p]) + flat * top + step_at(k->mean, p) + 1e-12;
        double off = fmin(fabs(part[p] - k->mean[p]) / spread, 1000);
        sum += off * off;
        if (off > most) {
            most = off;
            *worst = (unsigned)p;
        }
    }
    return sqrt(sum / PARTS);
}

static void learn_course(struct course *k, const double *lesson, size_t wide)
{
    double near[LEARN];
    unsigned worst;
    for (int p = 0; p < PARTS; p++)
        centre(lesson + p, wide, &k->mean[p], &k->spread[p]);
    for (size_t i = 0; i < LEARN; i++)
        near[i] = distance(k, lesson + i * wide, &worst);
    k->near = median(near);
    k->near_spread = fmax(0.15 * k->near, (near[3 * LEARN / 4] - near[LEARN / 4]) / 1.35);
}

/* row: duration, energy, the parts of each channel. */
static void learn(const struct kp_cycles *c, struct kind *k, const double *row)
{
    const size_t wide = cycle_width(c);
    memcpy(k->lesson + k->is.known * wide, row, wide * sizeof *row);
    if (k->is.known < LEARN - 1)
        return;
    learn_measure(&k->is.duration, k->lesson, wide, least_duration);
    learn_measure(&k->is.energy, k->lesson + 1, wide, least_energy);
    for (unsigned i = 0; i < c->channels; i++)
        learn_course(&k->course[i], k->lesson + 2 + i * PARTS, wide);
    kp_free(k->lesson);
    k->lesson = NULL;
}

/* ---- judging ---- */
/* How many spreads it is beyond the band; above it positive. */
static double beyond(const struct measure *m, double value)
{
    return (value > m->high ? value - m->high : value < m->low ? value - m->low : 0) / m->spread;
}

/* up, down: what it is called; what was a fault counts twice. What of it is past the limit goes to *what. */
static double creep(struct measure *m, double value, uint64_t up, uint64_t down, uint64_t faults, uint64_t *what)
{
    double off = fmax(-3, fmin(3, beyond(m, value)));
    m->up = fmin(2 * CYCLE_CREPT, fmax(0, m->up + off - slack));
    m->down = fmin(2 * CYCLE_CREPT, fmax(0, m->down - off - slack));
    double higher = m->up / CYCLE_CREPT * (faults & up ? 2 : 1);
    double lower = m->down / CYCLE_CREPT * (faults & down ? 2 : 1);
    *what |= (higher >= 1 ? up : 0) | (lower >= 1 ? down : 0);
    return fmax(higher, lower);
}

/* The band follows where it is, but not far from what was learnt. */
static void adapt_measure(struct measure *m, double value)
{
    double off = fmax(-3 * m->spread, fmin(3 * m->spread, value - m->now));
    m->now += 2 * follow * off;
    if (m->now <= m->high)
        m->steady_high = m->high;
    if (m->now >= m->low)
        m->steady_low = m->low;
    if (m->now > m->high)
        m->high = fmax(m->high, fmin(m->learnt + range, m->high + follow * (m->now - m->high)));
    if (m->now < m->low)
        m->low = fmin(m->low, fmax(m->learnt - range, m->low + follow * (m->now - m->low)));
}

static void adapt(const struct kp_cycles *c, struct kind *k, const double *row)
{
    adapt_measure(&k->is.duration, row[0]);
    adapt_measure(&k->is.energy, row[1]);
    row += 2;
    for (struct course *o = k->course; o < k->course + c->channels; o++, row += PARTS)
        for (int p = 0; p < PARTS; p++) {
            double off = row[p] - o->mean[p];
            o->mean[p] += follow * off;
            o->spread[p] += follow * (fabs(off) - o->spread[p]);
        }
}

/* What is furthest from usual gives its name. */
static void name(struct kp_cycle_judgement *j, double ratio, enum kp_cycle_finding finding,
                 double expected, double actual)
{
    if (!(ratio > j->score))
        return;
    j->score = fmin(ratio, highest);
    j->finding = finding;
    j->expected = expected;
    j->actual = actual;
}

static double judge_courses(const struct kp_cycles *c, const struct kind *k, const double *row,
                            struct kp_cycle_judgement *j, uint64_t *what)
{
    double most = 0;
    row += 2;
    for (unsigned i = 0; i < c->channels; i++, row += PARTS) {
        const struct course *o = &k->course[i];
        unsigned part = 0;
        double limit = fmax(least_apart, o->near + apart * o->near_spread);
        double ratio = distance(o, row, &part) / limit;
        *what |= ratio > 1 ? (uint64_t)FAULT_COURSE << i : 0;
        if (ratio > most) {
            most = ratio;
            j->channel = i;
            j->part = part;
        }
    }
    row = row - (size_t)(c->channels - j->channel) * PARTS;
    name(j, most, KP_CYCLE_COURSE, k->course[j->channel].mean[j->part], row[j->part]);
    return most;
}

static void judge(struct kp_cycles *c, struct kind *k, const double *row,
                  struct kp_cycle_judgement *j)
{
    struct head *is = &k->is;
    double off = beyond(&is->duration, row[0]) / far, wide = fabs(off);
    uint64_t what = off > 1 ? FAULT_LONGER : off < -1 ? FAULT_SHORTER : 0;
    double course = judge_courses(c, k, row, j, &what);
    double slow = creep(&is->duration, row[0], FAULT_SLOWER, FAULT_FASTER, is->faults, &what);
    double more = creep(&is->energy, row[1], FAULT_MORE, FAULT_LESS, is->faults, &what);
    uint64_t known = what & is->faults; /* of what a person called a fault, one cycle less is enough */
    name(j, wide, KP_CYCLE_DURATION, exp(is->duration.now), exp(row[0]));
    name(j, slow, KP_CYCLE_DURATION_CREEPS, exp(is->duration.learnt), exp(row[0]));
    name(j, more, KP_CYCLE_ENERGY_CREEPS, exp(is->energy.learnt), exp(row[1]));
    is->late = wide > 1 ? is->late + 1 : 0;
    is->odd = course > 1 && wide < 0.5 ? is->odd + (course > wild ? COURSE_ROWS : 1) : 0;
    is->usual = j->score < 1 ? is->usual + 1 : 0;
    if (is->odd + (known >= FAULT_COURSE) >= COURSE_ROWS || slow >= 1 || more >= 1 ||
        is->late + ((known & (FAULT_LONGER | FAULT_SHORTER)) > 0) >= DURATION_ROWS)
        is->alarm = 1;
    else if (is->usual >= CYCLE_USUAL_ROWS)
        is->alarm = 0;
    if (j->score < 1 && !is->alarm)
        adapt(c, k, row);
    cycle_note(c, k, row, what, j->score);
    j->score = j->score / (j->score + 1);
}

static void take(struct kp_cycles *c, struct kind *k, double duration, struct kp_cycle_judgement *j)
{
    double row[2 + KP_CYCLE_CHANNELS * PARTS], energy = 0;
    for (unsigned i = 0; i < c->channels; i++)
        cut(&c->channel[i], c->begin, duration, row + 2 + i * PARTS);
    for (int p = 0; p < PARTS; p++)
        energy += fabs(row[2 + p]) * duration / PARTS;
    row[0] = log(duration);
    row[1] = log(energy + 1e-30);
    if (k->is.known < LEARN)
        learn(c, k, row);
    else
        judge(c, k, row, j);
    k->is.known += k->is.known < UINT32_MAX;
}

/* What each channel showed last holds on. */
static void wait(struct kp_cycles *c, int64_t at)
{
    c->since = at;
    for (struct channel *ch = c->channel; ch < c->channel + c->channels; ch++) {
        if (ch->n)
            ch->sample[0] = ch->sample[ch->n - 1];
        ch->n = ch->n > 0;
    }
}

void kp_cycle_drop(struct kp_cycles *c, int64_t at)
{
    c->runs = false;
    wait(c, at);
}

bool kp_cycle_end(struct kp_cycles *c, int64_t at, struct kp_cycle_judgement *j)
{
    double duration = seconds(c->begin, at);
    struct kind *k = c->runs && duration > 0 ? cycle_meet(c, c->key) : NULL;
    *j = (struct kp_cycle_judgement){ .state = KP_WATCH_LEARNING };
    c->runs = false;
    j->known = k ? k->is.known : 0;
    if (k && !c->first)
        take(c, k, duration, j);
    wait(c, at);
    if (!k)
        return false;
    j->alarm = k->is.alarm;
    if (j->known >= LEARN)
        j->state = k->is.alarm ? KP_WATCH_FROZEN : KP_WATCH_ACTIVE;
    k->is.used = ++c->clock;
    c->last_key = c->key;
    c->last_end = at;
    c->last_duration = duration;
    return true;
}

static size_t first_at(const struct channel *ch, int64_t at)
{
    size_t i = 0;
    while (i < ch->n && ch->sample[i].at < at)
        i++;
    return i;
}

/* Leaves what lies within, as kp_cycle_begin and values would have made it, and behind it what came later: how much. */
static size_t narrow(struct channel *ch, int64_t from, int64_t to)
{
    size_t begin = first_at(ch, from), end = first_at(ch, to), later = ch->n - end;
    if (begin > 0 && begin < end && ch->sample[begin].at == from)
        ch->sample[begin].value = ch->sample[begin - 1].value;
    else if (begin > 0)
        ch->sample[--begin].at = from;
    memmove(ch->sample, ch->sample + begin, (ch->n - begin) * sizeof *ch->sample);
    ch->n = end - begin;
    return later;
}

bool kp_cycle_whole(struct kp_cycles *c, uint64_t key, int64_t from, int64_t to, struct kp_cycle_judgement *j)
{
    size_t later[KP_CYCLE_CHANNELS], inside[KP_CYCLE_CHANNELS];
    *j = (struct kp_cycle_judgement){ .state = KP_WATCH_LEARNING };
    if (c->runs || c->since == KP_NO_TIME || from < c->since || to <= from)
        return false;
    for (unsigned i = 0; i < c->channels; i++) {
        later[i] = narrow(&c->channel[i], from, to);
        inside[i] = c->channel[i].n;
    }
    begin(c, key, from);
    bool judged = kp_cycle_end(c, to, j);
    for (unsigned i = 0; i < c->channels; i++) {
        struct channel *ch = &c->channel[i];
        memmove(ch->sample + ch->n, ch->sample + inside[i], later[i] * sizeof *ch->sample);
        ch->n += later[i];
    }
    return judged;
}

bool kp_cycle_runs(const struct kp_cycles *c)
{
    return c->runs;
}

bool kp_cycle_overdue(const struct kp_cycles *c, int64_t lasted, double *usual)
{
    for (const struct kind *k = c->kind; c->runs && k < c->kind + KINDS; k++) {
        if (!k->is.used || k->is.key != c->key || k->lesson)
            continue;
        *usual = exp(k->is.duration.now);
        double most = k->is.faults & FAULT_LONGER ? 1 : overdue;
        return seconds(0, lasted) > most * exp(k->is.duration.high + far * k->is.duration.spread);
    }
    return false;
}
