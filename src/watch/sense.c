/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/sense.h"

#include "core/text.h"

#include <math.h>

#include "core/ban.h"

enum {
    FEW = 32,      /* values before anything is known of a signal */
    INSIST = 20,   /* in a row are no accident */
    STUCK = 100,   /* equal values at least */
    STUCK_BY = 10, /* times as many as ever before */
    OFTEN = 10, /* one of so many values is a change: what moves less is not missed when it rests */
    GAP_BY = 20,   /* times the usual gap */
    SILENT_BY = 5, /* times the longest gap */
};
static const double beyond = 1000, /* times as far from the middle as ever before */
    farthest = 1e30,               /* no machine measures this */
    pace = 0.01;                   /* of the usual gap and of the middle, once settled */

/* Times may lie further apart than a number can tell. */
static int64_t between(int64_t from, int64_t to)
{
    int64_t gap;
    return __builtin_sub_overflow(to, from, &gap) ? INT64_MAX : gap;
}

static bool judge_clock(struct kp_sense *s, int64_t at, struct kp_sensed *out)
{
    if (at == KP_NO_TIME || !s->seen)
        return true;
    if (at > s->at) {
        s->backward = 0;
        out->gap = s->seen > FEW && (double)between(s->at, at) > GAP_BY * s->usual_gap;
        return true;
    }
    if (++s->backward >= INSIST) { /* it was set: what counts is how it goes on from here */
        s->backward = 0;
        s->at = at;
        out->gap = true;
    }
    out->trouble = KP_TROUBLE_CLOCK;
    return false;
}

static bool judge_range(struct kp_sense *s, double value, struct kp_sensed *out)
{
    double reach = s->reach > 0 ? s->reach : fabs(s->middle);
    bool far = fabs(value) > farthest ||
               (s->seen > FEW && reach > 0 && fabs(value - s->middle) > beyond * reach);
    s->wild = far ? s->wild + 1 : 0;
    out->anew = s->wild >= INSIST && fabs(value) <= farthest;
    if (far)
        out->trouble = KP_TROUBLE_RANGE;
    return !far;
}

static void judge_movement(struct kp_sense *s, double value, struct kp_sensed *out)
{
    bool same = s->seen && value == s->value;
    bool rests = value == 0 || s->changes < FEW || s->changes * OFTEN < s->seen - s->same;
    bool stuck = !rests && s->same >= STUCK && s->same / STUCK_BY >= s->longest_same;
    if (same) {
        s->same += s->same < UINT32_MAX;
        out->trouble = stuck ? KP_TROUBLE_STUCK : KP_TROUBLE_NONE;
        return;
    }
    s->changes++;
    s->longest_same = !stuck && s->same > s->longest_same ? s->same : s->longest_same;
    s->same = 0;
}

static void take_time(struct kp_sense *s, int64_t at)
{
    if (at == KP_NO_TIME)
        return;
    if (s->seen && at > s->at) {
        int64_t gap = between(s->at, at);
        s->longest_gap = gap > s->longest_gap ? gap : s->longest_gap;
        s->usual_gap += fmax(pace, 1. / (double)s->seen) * ((double)gap - s->usual_gap);
    }
    s->at = at;
}

static void take(struct kp_sense *s, int64_t at, double value)
{
    take_time(s, at);
    s->middle += fmax(pace, 1. / (double)(s->seen + 1)) * (value - s->middle);
    s->reach = fmax(s->reach, fabs(value - s->middle));
    s->value = value;
    s->seen++;
}

struct kp_sensed kp_sense_step(struct kp_sense *s, int64_t at, double value, bool good)
{
    struct kp_sensed out = { 0 };
    if (s->seen && at != KP_NO_TIME && at == s->at && value == s->value) {
        out.again = true;
    } else if (!good || !isfinite(value)) {
        out.trouble = KP_TROUBLE_BAD;
    } else if (judge_clock(s, at, &out) && judge_range(s, value, &out)) {
        judge_movement(s, value, &out);
        out.usable = out.trouble == KP_TROUBLE_NONE;
        take(s, at, value);
    }
    return out;
}

bool kp_sense_silent(const struct kp_sense *s, int64_t now)
{
    return s->seen > FEW && s->longest_gap > 0 && now > s->at &&
           between(s->at, now) / SILENT_BY > s->longest_gap;
}

void kp_sense_accept(struct kp_sense *s)
{
    s->longest_same = s->same > s->longest_same ? s->same : s->longest_same;
}

bool kp_sense_sound(const struct kp_sense *s)
{
    return s->longest_gap >= 0 && s->usual_gap >= 0 && isfinite(s->usual_gap) &&
           fabs(s->value) <= farthest && fabs(s->middle) <= farthest && s->reach >= 0 &&
           s->reach <= 2 * farthest && s->changes <= s->seen && s->same <= s->seen;
}
