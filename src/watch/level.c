/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/level.h"

#include <math.h>

#include "core/ban.h"

enum { SETTLE = 100 };           /* values until the smoothed one is of use */
static const double smooth = 20, /* of the values to learn from make one of the level */
    outside = 1,                 /* of the range: that far is an alarm */
    reach = 0.5,                 /* of the range: so far it may follow on either side */
    wait = 4,                    /* learning times that it takes to follow */
    farthest = 1e30;

static void learn(struct kp_level *l)
{
    if (l->seen <= SETTLE || l->slow < l->low)
        l->low = l->slow;
    if (l->seen <= SETTLE || l->slow > l->high)
        l->high = l->slow;
    l->sure_low = l->low;
    l->sure_high = l->high;
    double far = reach * (l->high - l->low);
    l->least = l->low - far;
    l->most = l->high + far;
}

static void follow(struct kp_level *l)
{
    double part = 1 / (wait * (double)l->train);
    if (l->slow > l->high)
        l->high = fmin(l->most, l->high + part * (l->slow - l->high));
    if (l->slow < l->low)
        l->low = fmax(l->least, l->low + part * (l->slow - l->low));
}

/* Where it was furthest, for a person may speak of it when it is over. */
static void note(struct kp_level *l, bool out)
{
    bool further = l->odd > l->high ? l->slow > l->odd : l->slow < l->odd;
    if (out && (l->event < 2 || further))
        l->odd = l->slow;
    l->event = out ? 2 : l->event ? 1 : 0;
}

double kp_level_step(struct kp_level *l, double value)
{
    double rate = fmax(smooth / (double)l->train, 1. / (double)(l->seen + 1.));
    l->slow += rate * (fmax(-farthest, fmin(farthest, value)) - l->slow);
    if (l->seen < l->train || l->seen <= SETTLE) {
        l->seen++;
        learn(l);
        return 0;
    }
    double far = l->slow > l->high ? l->slow - l->high : l->slow < l->low ? l->low - l->slow : 0;
    double range = l->high - l->low + 1e-6 * (fabs(l->high) + fabs(l->low)) + 1e-30;
    note(l, far >= outside * range);
    follow(l);
    return far / (outside * range);
}

static void include(struct kp_level *l, double level)
{
    l->low = fmin(l->low, level);
    l->high = fmax(l->high, level);
}

void kp_level_accept(struct kp_level *l)
{
    include(l, l->slow);
    if (l->event)
        include(l, l->odd);
    l->event = 0;
    l->sure_low = fmin(l->sure_low, l->low);
    l->sure_high = fmax(l->sure_high, l->high);
    l->least = fmin(l->least, l->low);
    l->most = fmax(l->most, l->high);
}

void kp_level_reject(struct kp_level *l)
{
    if (l->event && l->odd > l->high)
        l->high = l->most = l->sure_high;
    else if (l->event && l->odd < l->low)
        l->low = l->least = l->sure_low;
}

double kp_level_edge(const struct kp_level *l)
{
    return fmax(l->low, fmin(l->high, l->slow));
}

bool kp_level_sound(const struct kp_level *l)
{
    return fabs(l->slow) <= farthest && fabs(l->low) <= farthest && fabs(l->high) <= farthest &&
           l->low <= l->high && fabs(l->sure_low) <= farthest && fabs(l->sure_high) <= farthest &&
           l->sure_low <= l->sure_high && fabs(l->odd) <= farthest && l->event <= 2 &&
           fabs(l->least) <= 4 * farthest && fabs(l->most) <= 4 * farthest &&
           l->train > 0;
}
