/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/terms.h"

#include <string.h>

#include "core/ban.h"

const char *const kp_function_words[] = { "min", "mean", "max", "last", "count", NULL };

bool kp_words_have(const struct kp_words *w, const char *word)
{
    size_t i = 0;
    while (i < w->n && strcmp(w->word[i], word) != 0)
        i++;
    return i < w->n;
}

struct kp_terms kp_terms_open(void)
{
    return (struct kp_terms){
        .from = KP_NO_TIME, .to = KP_FOREVER, .since = KP_NO_TIME, .until = KP_FOREVER
    };
}

void kp_terms_period(const struct kp_terms *t, int64_t *lo, int64_t *hi)
{
    *lo = t->from > t->since ? t->from : t->since;
    *hi = t->to < t->until ? t->to : t->until;
}

/* No words ask for nothing, so they are the widest set. */
static bool words_within(const struct kp_words *a, const struct kp_words *b)
{
    bool within = a->n || !b->n;
    for (size_t i = 0; i < a->n && b->n; i++)
        within &= kp_words_have(b, a->word[i]);
    return within;
}

/* Longer steps are sums of shorter ones, but for the mean, which needs to know of how many. */
static bool steps_within(const struct kp_terms *a, const struct kp_terms *b)
{
    const uint8_t mean = 1 << KP_FN_MEAN, count = 1 << KP_FN_COUNT;
    if (!b->every)
        return true;
    if (!a->every || a->every % b->every || a->functions & ~b->functions)
        return false;
    return a->every == b->every || !(a->functions & mean) || b->functions & count;
}

bool kp_terms_narrower(const struct kp_terms *a, const struct kp_terms *b)
{
    int64_t a_lo, a_hi, b_lo, b_hi;
    kp_terms_period(a, &a_lo, &a_hi);
    kp_terms_period(b, &b_lo, &b_hi);
    bool times = a->from >= b->from && a->to <= b->to && a_lo >= b_lo && a_hi <= b_hi;
    bool transfers = !b->count || (a->count && a->count <= b->count);
    return times && transfers && a->delay >= b->delay && a->distribution <= b->distribution &&
           steps_within(a, b) && words_within(&a->purpose, &b->purpose) &&
           words_within(&a->recipient, &b->recipient);
}
