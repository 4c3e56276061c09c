/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/shape.h"

#include "core/mem.h"
#include "watch/discord.h"
#include "watch/tail.h"

#include <math.h>

#include "core/ban.h"

enum { PAST = KP_DISCORD_PAST };
static const double farthest = 1e9; /* in spreads; the discord's numbers bear no more */

struct kp_watch_shape {
    struct kp_discord *discord;
    struct kp_tail tail;
    double centre, scale;
    size_t learnt;
    double ring[PAST]; /* while it learns */
};

struct kp_watch_shape *kp_shape_new(struct kp_err *err)
{
    struct kp_watch_shape *s = kp_alloc(sizeof *s);
    if (s && (s->discord = kp_discord_new(err)))
        return s;
    kp_free(s);
    kp_fail(err, KP_ENOMEM, "out of memory");
    return NULL;
}

void kp_shape_free(struct kp_watch_shape *s)
{
    if (s)
        kp_discord_free(s->discord);
    kp_free(s);
}

void kp_shape_forget(struct kp_watch_shape *s)
{
    s->learnt = 0;
    s->tail = (struct kp_tail){ 0 };
}

void kp_shape_learn(struct kp_watch_shape *s, double value)
{
    s->ring[s->learnt++ % PAST] = value;
}

static void reverse(double *from, double *to)
{
    for (; from < to; from++) {
        double kept = *from;
        *from = *--to;
        *to = kept;
    }
}

/* The oldest first, by turning the parts and then the whole. */
static size_t unroll(struct kp_watch_shape *s)
{
    size_t begin = s->learnt % PAST;
    if (s->learnt <= PAST)
        return s->learnt;
    reverse(s->ring, s->ring + begin);
    reverse(s->ring + begin, s->ring + PAST);
    reverse(s->ring, s->ring + PAST);
    return PAST;
}

void kp_shape_begin(struct kp_watch_shape *s)
{
    double squares = 0;
    size_t n = unroll(s);
    s->centre = 0;
    for (size_t i = 0; i < n; i++)
        s->centre += s->ring[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (s->ring[i] - s->centre) * (s->ring[i] - s->centre) / (double)n;
    s->scale = sqrt(squares) + 1e-6 * fabs(s->centre) + 1e-12;
    kp_discord_begin(s->discord, kp_discord_length(s->ring, n));
    for (size_t i = 0; i < n; i++)
        kp_shape_step(s, s->ring[i]);
}

double kp_shape_step(struct kp_watch_shape *s, double value)
{
    double around = (value - s->centre) / s->scale;
    double far = kp_discord_step(s->discord, fmax(-farthest, fmin(farthest, around)));
    double ratio = kp_tail_ratio(&s->tail, far);
    kp_tail_add(&s->tail, far);
    return ratio;
}
