/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/step.h"

#include <math.h>
#include <string.h>

#include "core/ban.h"

void step_open(struct step *s, int64_t at, int64_t every, int64_t lo, int64_t hi)
{
    int64_t into = at % every < 0 ? at % every + every : at % every;
    if (__builtin_sub_overflow(at, into, &s->from))
        s->from = INT64_MIN;
    if (__builtin_add_overflow(s->from, every, &s->to))
        s->to = INT64_MAX;
    s->from = s->from > lo ? s->from : lo;
    s->to = s->to < hi ? s->to : hi;
    s->open = true;
    s->doubt = false;
    s->n = s->numbers = 0;
    s->sum = s->carry = 0;
}

/* Neumaier's sum: what is lost of the smaller of the two is kept apart. */
static void add_number(struct step *s, double v)
{
    double sum = s->sum + v;
    s->carry += fabs(s->sum) >= fabs(v) ? s->sum - sum + v : v - sum + s->sum;
    s->sum = sum;
    s->min = s->numbers && s->min <= v ? s->min : v;
    s->max = s->numbers && s->max >= v ? s->max : v;
    s->numbers++;
}

/* Of equal times the one that came last. */
static bool keep_last(struct step *s, const struct kp_sample *sample)
{
    if (s->n && sample->at < s->last.at)
        return true;
    s->last = *sample;
    if (!kp_type_indirect(sample->value.type) || !sample->value.len)
        return true;
    if (!kp_grow(&s->text, &s->text_room, sample->value.len, 1))
        return false;
    memcpy(s->text, sample->value.data, sample->value.len);
    s->last.value.data = s->text;
    return true;
}

bool step_add(struct step *s, const struct kp_sample *sample)
{
    double v;
    bool bad = kp_status_severity(sample->status) >= 2 || sample->value.type == KP_NULL;
    if (!keep_last(s, sample))
        return false;
    s->n++;
    s->doubt |= bad || kp_status_severity(sample->status);
    if (!bad && kp_value_number(&sample->value, &v)) {
        if (isfinite(v))
            add_number(s, v);
        else
            s->doubt = true;
    }
    return true;
}

static struct kp_sample function_of(const struct step *s, unsigned function)
{
    struct kp_sample out = { .signal = s->signal, .at = s->from };
    if (function == KP_FN_LAST) {
        out.status = s->last.status;
        out.value = s->last.value;
    } else if (function == KP_FN_COUNT) {
        out.value = kp_int((int64_t)s->n);
    } else if (!s->numbers) {
        out.status = KP_BAD_NO_DATA;
    } else {
        double sum = isfinite(s->sum) ? s->sum + s->carry : s->sum;
        out.value = kp_double(function == KP_FN_MIN   ? s->min
                              : function == KP_FN_MAX ? s->max
                                                      : sum / (double)s->numbers);
        out.status = s->doubt ? KP_UNCERTAIN : KP_GOOD;
    }
    return out;
}

bool step_give(struct step *s, uint8_t functions, struct kp_batch *out)
{
    bool whole = true;
    for (unsigned f = 0; f < KP_FUNCTIONS; f++)
        if (functions & 1u << f) {
            struct kp_sample one = function_of(s, f);
            whole = whole && kp_batch_add(out, &one);
        }
    step_drop(s);
    return whole;
}

void step_drop(struct step *s)
{
    s->open = false;
    s->frozen = s->to;
}

void step_free(struct step *s)
{
    kp_free(s->text);
}
