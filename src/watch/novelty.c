/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/novelty.h"

#include <math.h>

#include "core/ban.h"

enum { SCALES = KP_NOVELTY_SCALES, KNOWN = KP_NOVELTY_KNOWN, SETTLE = 6, FEW = 100, FAULTS = 16 };
static const double radius = 0.7, /* a point further than this from all known ones is a new one */
    follow = 0.05,                /* a known point moves this far towards what it is met by */
    adapt = 0.0005,               /* of means and spreads, once there is enough of a past */
    wild = 100,                   /* spreads; what is further counts as that far for the spread */
    grain = 1e-6,                 /* of the height of the signal: movement below is none */
    farthest = 1e30, newest = 1e6;
static const float forget = 0.9999F; /* a step */

/* Where it is, as differences between ever slower averages, the slowest last. */
static void locate(struct kp_novelty *k, double value, double at[SCALES])
{
    double pace = 1;
    for (int i = 0; i < SCALES; i++, pace /= 2)
        k->slow[i] += (k->resume ? 1 : pace) * (value - k->slow[i]);
    for (int i = 0; i < SCALES; i++)
        at[i] = i < SCALES - 1 ? k->slow[i] - k->slow[i + 1] : k->slow[i];
    k->resume = 0;
}

/* One value that is beyond all measure must not make the next thousand look small. */
static void adapt_spread(struct kp_novelty *k, const double at[SCALES])
{
    double rate = fmax(adapt, 1. / (double)(k->seen + 1));
    for (int i = 0; i < SCALES; i++) {
        double off = at[i] - k->mean[i], square = off * off;
        k->mean[i] += rate * off;
        if (k->seen > FEW && k->spread[i] > 0)
            square = fmin(square, wild * wild * k->spread[i]);
        k->spread[i] += rate * (square - k->spread[i]);
    }
}

static void find_scale(const struct kp_novelty *k, float scale[SCALES])
{
    double height = grain * (fabs(k->origin) + fabs(k->mean[SCALES - 1]));
    for (int i = 0; i < SCALES; i++)
        scale[i] = (float)(1 / sqrt(k->spread[i] + height * height + 1e-60));
}

/* By scale, so that the compiler can do several points at a time. */
static unsigned nearest(const struct kp_novelty *k, const double at[SCALES], double *distance)
{
    float scale[SCALES], square[KNOWN] = { 0 };
    unsigned found = 0;
    find_scale(k, scale);
    for (int i = 0; i < SCALES; i++) {
        const float here = (float)at[i], *known = k->known[i];
        for (unsigned p = 0; p < KNOWN; p++) {
            float off = (known[p] - here) * scale[i];
            square[p] += off * off;
        }
    }
    for (unsigned p = 1; p < k->n; p++)
        found = square[p] < square[found] ? p : found;
    *distance = sqrt((double)square[found] / SCALES);
    return found;
}

static bool fault(const struct kp_novelty *k, unsigned p)
{
    return k->doubt[p] >= KP_DOUBT_FAULT;
}

/* A fault is remembered, though it is met seldom. */
static float weight(const struct kp_novelty *k, unsigned p)
{
    return fault(k, p) ? INFINITY : k->weight[p];
}

static unsigned keep(struct kp_novelty *k, const double at[SCALES])
{
    unsigned p = 0;
    if (k->n < KNOWN)
        p = k->n++;
    else
        for (unsigned i = 1; i < KNOWN; i++) /* in place of the one met least */
            p = weight(k, i) < weight(k, p) ? i : p;
    for (int i = 0; i < SCALES; i++)
        k->known[i][p] = (float)at[i];
    k->weight[p] = 1;
    k->doubt[p] = KP_DOUBT_NONE;
    return p;
}

static void meet(struct kp_novelty *k, unsigned p, const double at[SCALES])
{
    k->weight[p]++;
    if (fault(k, p))
        k->doubt[p] = KP_DOUBT_AGAIN;
    else if (k->weight[p] > (float)k->settle)
        k->doubt[p] = KP_DOUBT_NONE;
    double pull = fmax(follow, 1 / (double)k->weight[p]);
    for (int i = 0; i < SCALES; i++)
        k->known[i][p] += (float)(pull * (at[i] - (double)k->known[i][p]));
}

static void learn_point(struct kp_novelty *k, unsigned p, const double at[SCALES], double distance)
{
    bool new = !k->n || distance > radius;
    k->last = (uint8_t)p;
    k->kept = new ? (uint8_t)keep(k, at) : KNOWN;
    if (!new)
        meet(k, p, at);
    for (p = 0; p < KNOWN; p++)
        k->weight[p] *= forget;
}

double kp_novelty_step(struct kp_novelty *k, double value)
{
    double at[SCALES], distance;
    if (!k->seen)
        k->origin = value;
    locate(k, fmax(-farthest, fmin(farthest, value - k->origin)), at);
    adapt_spread(k, at);
    unsigned p = nearest(k, at, &distance);
    k->expected = k->origin;
    for (int i = 0; i < SCALES && k->n; i++)
        k->expected += (double)k->known[i][p];
    learn_point(k, p, at, distance);
    return ++k->seen <= SETTLE ? 0 : fmin(distance, newest); /* fmin also takes away a NaN */
}

void kp_novelty_doubt(struct kp_novelty *k, enum kp_doubt doubt)
{
    if (k->kept < KNOWN)
        k->doubt[k->kept] = (uint8_t)doubt;
}

enum kp_doubt kp_novelty_here(const struct kp_novelty *k)
{
    return k->kept < KNOWN ? KP_DOUBT_NONE : (enum kp_doubt)k->doubt[k->last];
}

void kp_novelty_begin(struct kp_novelty *k)
{
    for (unsigned p = 0; p < KNOWN; p++)
        if (k->doubt[p] == KP_DOUBT_AGAIN && p != k->last)
            k->doubt[p] = KP_DOUBT_FAULT;
}

void kp_novelty_trust(struct kp_novelty *k)
{
    for (unsigned p = 0; p < KNOWN; p++)
        if (k->doubt[p] != KP_DOUBT_FAULT)
            k->doubt[p] = KP_DOUBT_NONE;
}

void kp_novelty_blame(struct kp_novelty *k)
{
    unsigned faults = 0;
    for (unsigned p = 0; p < KNOWN; p++)
        faults += fault(k, p);
    for (unsigned p = 0; p < KNOWN && faults < FAULTS; p++)
        if (k->doubt[p] == KP_DOUBT_BEGINS) {
            k->doubt[p] = KP_DOUBT_FAULT;
            faults++;
        }
}

void kp_novelty_resume(struct kp_novelty *k)
{
    k->resume = 1;
}

static bool sound_scale(const struct kp_novelty *k, int i)
{
    bool ok = fabs(k->slow[i]) <= 2 * farthest && fabs(k->mean[i]) <= 2 * farthest &&
              k->spread[i] >= 0 && k->spread[i] <= 16 * farthest * farthest;
    for (unsigned p = 0; p < KNOWN; p++)
        ok &= fabs((double)k->known[i][p]) <= 2 * farthest;
    return ok;
}

bool kp_novelty_sound(const struct kp_novelty *k)
{
    bool ok = k->n <= KNOWN && k->last < KNOWN && k->kept <= KNOWN && isfinite(k->origin) &&
              isfinite(k->expected);
    for (unsigned p = 0; p < KNOWN; p++)
        ok &= k->weight[p] >= 0 && isfinite(k->weight[p]) && k->doubt[p] <= KP_DOUBT_AGAIN;
    for (int i = 0; i < SCALES; i++)
        ok &= sound_scale(k, i);
    return ok;
}
