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
    SAMPLES = 1024,    /* of a channel in a cycle; when there are more, neighbours become one */
    COURSE_ROWS = 2,   /* cycles that run differently make an alarm */
    DURATION_ROWS = 3, /* cycles of another length: a hold is usual, three in a row are not */
    USUAL_ROWS = 3     /* usual ones end it */
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
    crept = 12,        /* spreads in all that are not usual */
    overdue = 1.5,     /* of the longest that would still be usual */
    highest = 1e6, farthest = 1e30;

/* A number of each cycle, by its logarithm: where it is usually, as a band, for tools wear and are
 * replaced, and how far it has crept out of that lately. */
struct measure {
    double learnt, low, high, spread, now, up, down;
};
struct course {               /* of a channel */
    double near, near_spread; /* the distance to the mean, usually */
    double mean[PARTS], spread[PARTS];
};
struct head {           /* of a kind */
    uint64_t key, used; /* used: by the count of cycles; 0: none is kept here */
    uint32_t known, odd, late,
        usual; /* cycles learnt; in a row: run differently, of other length */
    uint64_t alarm;
    struct measure duration, energy;
};
struct kind {
    struct head is;
    double *lesson; /* LEARN rows while it learns: duration, energy, the parts of each channel */
    struct course *course;
};
struct sample {
    double at, value; /* s since the begin */
};
struct channel { /* of the cycle that runs */
    size_t n;
    struct sample sample[SAMPLES];
};
struct kp_cycles {
    unsigned channels;
    uint64_t clock, last_key;
    int64_t last_end;
    double last_duration; /* s */
    bool runs, first;
    uint64_t key;
    int64_t begin;
    struct channel *channel;
    struct kind kind[KINDS];
};

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
    if (c && c->channels)
        return c;
    kp_cycles_free(c);
    return NULL;
}

static void forget(struct kind *k)
{
    kp_free(k->lesson);
    kp_free(k->course);
    *k = (struct kind){ 0 };
}

void kp_cycles_free(struct kp_cycles *c)
{
    for (int i = 0; c && i < KINDS; i++)
        forget(&c->kind[i]);
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
static size_t width(const struct kp_cycles *c)
{
    return 2 + (size_t)c->channels * PARTS;
}

/* The kind, or the one not seen for longest. */
static struct kind *find(struct kp_cycles *c, uint64_t key)
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
static struct kind *meet(struct kp_cycles *c, uint64_t key)
{
    struct kind *k = find(c, key);
    if (k->is.used && k->is.key == key)
        return k;
    forget(k);
    k->lesson = kp_alloc(LEARN * width(c) * sizeof *k->lesson);
    k->course = kp_alloc(c->channels * sizeof *k->course);
    k->is.key = key;
    if (k->lesson && k->course)
        return k;
    forget(k);
    return NULL;
}

static double seconds(int64_t from, int64_t to)
{
    return ((double)to - (double)from) / (double)KP_SECOND;
}

void kp_cycle_begin(struct kp_cycles *c, uint64_t key, int64_t at)
{
    double pause = seconds(c->last_end, at);
    c->first = !c->clock || key != c->last_key || pause > long_pause * c->last_duration;
    c->runs = true;
    c->key = key;
    c->begin = at;
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
    double since = seconds(c->begin, at);
    struct channel *ch = &c->channel[channel < c->channels ? channel : 0];
    if (!c->runs || channel >= c->channels || !(fabs(value) <= farthest) || since < 0 ||
        (ch->n && since <= ch->sample[ch->n - 1].at))
        return;
    if (ch->n == SAMPLES)
        join(ch);
    ch->sample[ch->n++] = (struct sample){ since, value };
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
static void cut(const struct channel *ch, double duration, double *part)
{
    double weight[PARTS] = { 0 };
    memset(part, 0, PARTS * sizeof *part);
    for (size_t i = 0; i < ch->n; i++) {
        double from = i ? ch->sample[i].at : 0;
        double to = i + 1 < ch->n ? ch->sample[i + 1].at : duration;
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
    m->low = m->high = m->now = m->learnt;
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
        double spread = k->spread[p] + flat * top + step_at(k->mean, p) + 1e-12;
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
    const size_t wide = width(c);
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
                            struct kp_cycle_judgement *j)
{
    double most = 0;
    row += 2;
    for (unsigned i = 0; i < c->channels; i++, row += PARTS) {
        const struct course *o = &k->course[i];
        unsigned part = 0;
        double limit = fmax(least_apart, o->near + apart * o->near_spread);
        double ratio = distance(o, row, &part) / limit;
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

static void judge(const struct kp_cycles *c, struct kind *k, const double *row,
                  struct kp_cycle_judgement *j)
{
    struct head *is = &k->is;
    double wide = fabs(beyond(&is->duration, row[0])) / far;
    double course = judge_courses(c, k, row, j);
    double slow = creep(&is->duration, row[0]), more = creep(&is->energy, row[1]);
    name(j, wide, KP_CYCLE_DURATION, exp(is->duration.now), exp(row[0]));
    name(j, slow, KP_CYCLE_DURATION_CREEPS, exp(is->duration.learnt), exp(row[0]));
    name(j, more, KP_CYCLE_ENERGY_CREEPS, exp(is->energy.learnt), exp(row[1]));
    is->late = wide > 1 ? is->late + 1 : 0;
    is->odd = course > 1 && wide < 0.5 ? is->odd + (course > wild ? COURSE_ROWS : 1) : 0;
    is->usual = j->score < 1 ? is->usual + 1 : 0;
    if (is->odd >= COURSE_ROWS || is->late >= DURATION_ROWS || slow >= 1 || more >= 1)
        is->alarm = 1;
    else if (is->usual >= USUAL_ROWS)
        is->alarm = 0;
    if (j->score < 1 && !is->alarm)
        adapt(c, k, row);
    j->score = j->score / (j->score + 1);
}

static void take(struct kp_cycles *c, struct kind *k, double duration, struct kp_cycle_judgement *j)
{
    double row[2 + KP_CYCLE_CHANNELS * PARTS], energy = 0;
    for (unsigned i = 0; i < c->channels; i++)
        cut(&c->channel[i], duration, row + 2 + i * PARTS);
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

bool kp_cycle_end(struct kp_cycles *c, int64_t at, struct kp_cycle_judgement *j)
{
    double duration = seconds(c->begin, at);
    struct kind *k = c->runs && duration > 0 ? meet(c, c->key) : NULL;
    *j = (struct kp_cycle_judgement){ .state = KP_WATCH_LEARNING };
    c->runs = false;
    if (!k)
        return false;
    j->known = k->is.known;
    if (!c->first)
        take(c, k, duration, j);
    j->alarm = k->is.alarm;
    if (j->known >= LEARN)
        j->state = k->is.alarm ? KP_WATCH_FROZEN : KP_WATCH_ACTIVE;
    k->is.used = ++c->clock;
    c->last_key = c->key;
    c->last_end = at;
    c->last_duration = duration;
    return true;
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
        return seconds(0, lasted) > overdue * exp(k->is.duration.high + far * k->is.duration.spread);
    }
    return false;
}

void kp_cycles_accept(struct kp_cycles *c)
{
    struct kind *k = find(c, c->last_key);
    if (k->is.used && k->is.key == c->last_key)
        forget(k);
}

/* ---- keeping ---- */
struct kept { /* what stands in front; then each kind: its head, then lesson or courses */
    uint32_t magic, version, channels, kinds;
    uint64_t clock, last_key;
    int64_t last_end;
    double last_duration;
};
enum { MAGIC = 0x6b705743, VERSION = 1 }; /* of another order of bytes, the magic is another */

/* What of a kind stands behind its head: rows learnt so far, or courses. */
static size_t body(const struct kp_cycles *c, const struct head *is, bool *learns)
{
    *learns = is->known < LEARN;
    return *learns ? is->known * width(c) * sizeof(double) : c->channels * sizeof(struct course);
}

void kp_cycles_save(const struct kp_cycles *c, struct kp_buf *out)
{
    struct kept head = { MAGIC,    VERSION,     c->channels, 0,
                         c->clock, c->last_key, c->last_end, c->last_duration };
    for (int i = 0; i < KINDS; i++)
        head.kinds += c->kind[i].is.used > 0;
    kp_buf_add(out, &head, sizeof head);
    for (const struct kind *k = c->kind; k < c->kind + KINDS; k++) {
        bool learns;
        size_t n = body(c, &k->is, &learns);
        if (!k->is.used)
            continue;
        kp_buf_add(out, &k->is, sizeof k->is);
        kp_buf_add(out, learns ? (const void *)k->lesson : k->course, n);
    }
}

static bool sound_measure(const struct measure *m)
{
    return fabs(m->learnt) <= 1000 && fabs(m->low) <= 1000 && fabs(m->high) <= 1000 &&
           m->low <= m->high && fabs(m->now) <= 1000 && m->spread > 0 && m->spread <= 1000 &&
           m->up >= 0 && m->up <= 2 * crept && m->down >= 0 && m->down <= 2 * crept;
}

/* In both there are only doubles that are finite. */
static bool sound_numbers(const void *data, size_t size)
{
    const double *v = data;
    bool ok = true;
    for (size_t i = 0; i < size / sizeof *v; i++)
        ok &= fabs(v[i]) <= farthest;
    return ok;
}

static bool sound_course(const struct course *o)
{
    bool ok = sound_numbers(o, sizeof *o) && o->near >= 0 && o->near_spread >= 0;
    for (int p = 0; p < PARTS; p++)
        ok &= o->spread[p] >= 0;
    return ok;
}

/* A kind from *data on, which is moved behind it. */
static bool restore(struct kp_cycles *c, const char **data, size_t *size, struct kp_err *err)
{
    struct head is;
    bool learns, ok = *size >= sizeof is;
    if (ok)
        memcpy(&is, *data, sizeof is);
    if (!ok || !is.used || is.used > c->clock || is.alarm > 1 || find(c, is.key)->is.used)
        return kp_fail(err, KP_EPARSE, "what was kept of cycles was changed"), false;
    size_t n = body(c, &is, &learns);
    if (*size - sizeof is < n)
        return kp_fail(err, KP_EPARSE, "what was kept of cycles is cut off"), false;
    struct kind *k = meet(c, is.key);
    if (!k)
        return kp_fail(err, KP_ENOMEM, "out of memory"), false;
    memcpy(learns ? (void *)k->lesson : k->course, *data + sizeof is, n);
    k->is = is;
    if (!learns) {
        kp_free(k->lesson);
        k->lesson = NULL;
    }
    *data += sizeof is + n;
    *size -= sizeof is + n;
    ok = learns ? sound_numbers(k->lesson, n)
                : sound_measure(&is.duration) && sound_measure(&is.energy);
    for (unsigned i = 0; i < c->channels && !learns; i++)
        ok &= sound_course(&k->course[i]);
    return ok || (kp_fail(err, KP_EPARSE, "what was kept of cycles was changed"), false);
}

struct kp_cycles *kp_cycles_load(const void *data, size_t size, struct kp_err *err)
{
    struct kept head = { 0 };
    const char *p = data;
    if (size >= sizeof head)
        memcpy(&head, p, sizeof head);
    if (head.magic != MAGIC || head.version != VERSION || head.kinds > KINDS ||
        !(fabs(head.last_duration) <= farthest)) {
        kp_fail(err, KP_EPARSE, "what was kept of cycles is of another version");
        return NULL;
    }
    struct kp_cycles *c = kp_cycles_new(head.channels, err);
    if (!c)
        return NULL;
    c->clock = head.clock;
    c->last_key = head.last_key;
    c->last_end = head.last_end;
    c->last_duration = head.last_duration;
    p += sizeof head;
    size -= sizeof head;
    for (uint32_t i = 0; i < head.kinds && !err->code; i++)
        restore(c, &p, &size, err);
    if (!err->code)
        return c;
    kp_cycles_free(c);
    return NULL;
}
