/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/tail.h"

#include <math.h>

#include "core/ban.h"

static const double per_octave = 6, lowest = -16, rare = 0.005, most = 0x1p22;

static int bin_of(double score)
{
    double bin = (log2(score + 0x1p-18) - lowest) * per_octave;
    return bin < 0 ? 0 : bin > KP_TAIL_BINS - 1 ? KP_TAIL_BINS - 1 : (int)bin;
}

double kp_tail_ratio(const struct kp_tail *t, double score)
{
    double beyond = 0;
    int i = KP_TAIL_BINS - 1;
    if (t->total < 1)
        return 0;
    while (i > 0 && beyond + (double)t->count[i] <= rare * t->total)
        beyond += (double)t->count[i--];
    return score / exp2((i + 1) / per_octave + lowest);
}

void kp_tail_add(struct kp_tail *t, double score)
{
    t->count[bin_of(score)]++;
    t->total++;
    if (t->total < most) /* well below where a float counts no further */
        return;
    for (int i = 0; i < KP_TAIL_BINS; i++)
        t->count[i] /= 2;
    t->total /= 2;
}

void kp_tail_remove(struct kp_tail *t, double score)
{
    float *count = &t->count[bin_of(score)];
    double taken = fmin(1, (double)*count); /* of what was halved less is left */
    *count -= (float)taken;
    t->total = fmax(0, t->total - taken);
}

bool kp_tail_sound(const struct kp_tail *t)
{
    double sum = 0;
    bool ok = true;
    for (int i = 0; i < KP_TAIL_BINS; i++) {
        ok &= t->count[i] >= 0 && (double)t->count[i] <= most;
        sum += (double)t->count[i];
    }
    return ok && fabs(sum - t->total) < 1; /* NaN is not */
}
