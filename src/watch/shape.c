/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/shape.h"

#include "watch/discord.h"
#include "watch/tail.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "core/ban.h"

enum { PAST = KP_DISCORD_PAST };
static const double farthest = 1e9, /* in spreads; the discord's numbers bear no more */
    most = 1e30;                    /* no value is further from 0 */

struct state { /* what is kept, with the ring */
    struct kp_tail tail;
    double centre, scale; /* of the values that were learnt */
    uint32_t n, next;     /* values in the ring; where the next one goes */
    uint64_t length;      /* of a stretch; 0 while it learns */
};
struct kp_watch_shape {
    struct kp_discord *discord;
    struct state is;
    double ring[PAST]; /* the newest values */
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
    s->is = (struct state){ 0 };
}

void kp_shape_learn(struct kp_watch_shape *s, double value)
{
    s->ring[s->is.next] = value;
    s->is.next = (s->is.next + 1) % PAST;
    s->is.n += s->is.n < PAST;
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
static void unroll(struct kp_watch_shape *s)
{
    if (s->is.n < PAST)
        return;
    reverse(s->ring, s->ring + s->is.next);
    reverse(s->ring + s->is.next, s->ring + PAST);
    reverse(s->ring, s->ring + PAST);
    s->is.next = 0;
}

static double distance(struct kp_watch_shape *s, double value)
{
    double around = (value - s->is.centre) / s->is.scale;
    return kp_discord_step(s->discord, fmax(-farthest, fmin(farthest, around)));
}

void kp_shape_begin(struct kp_watch_shape *s)
{
    double squares = 0;
    const size_t n = s->is.n;
    unroll(s);
    s->is.centre = 0;
    for (size_t i = 0; i < n; i++)
        s->is.centre += s->ring[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (s->ring[i] - s->is.centre) * (s->ring[i] - s->is.centre) / (double)n;
    s->is.scale = sqrt(squares) + 1e-6 * fabs(s->is.centre) + 1e-12;
    kp_discord_begin(s->discord, kp_discord_length(s->ring, n));
    s->is.length = kp_discord_stretch(s->discord);
    for (size_t i = 0; i < n; i++)
        kp_tail_add(&s->is.tail, distance(s, s->ring[i]));
}

double kp_shape_step(struct kp_watch_shape *s, double value)
{
    kp_shape_learn(s, value);
    double far = distance(s, value), ratio = kp_tail_ratio(&s->is.tail, far);
    kp_tail_add(&s->is.tail, far);
    return ratio;
}

/* ---- keeping ---- */
void kp_shape_save(const struct kp_watch_shape *s, struct kp_buf *out)
{
    kp_buf_add(out, &s->is, sizeof s->is);
    kp_buf_add(out, s->ring, s->is.n * sizeof *s->ring);
}

static bool sound(const struct kp_watch_shape *s)
{
    bool ok = kp_tail_sound(&s->is.tail) && fabs(s->is.centre) <= most && s->is.scale >= 0 &&
              s->is.scale <= most && s->is.length <= KP_DISCORD_LONGEST &&
              (s->is.scale > 0 || !s->is.length);
    for (size_t i = 0; ok && i < s->is.n; i++)
        ok = fabs(s->ring[i]) <= most;
    return ok;
}

static bool restore(struct kp_watch_shape *s, const char *data, size_t size)
{
    if (size < sizeof s->is)
        return false;
    memcpy(&s->is, data, sizeof s->is);
    size -= sizeof s->is;
    if (s->is.n > PAST || s->is.next >= PAST || size != s->is.n * sizeof *s->ring)
        return false;
    memcpy(s->ring, data + sizeof s->is, size);
    return sound(s);
}

struct kp_watch_shape *kp_shape_load(const void *data, size_t size, struct kp_err *err)
{
    struct kp_watch_shape *s = kp_shape_new(err);
    if (!s)
        return NULL;
    if (!restore(s, data, size)) {
        kp_fail(err, KP_EPARSE, "what was kept of a signal's shapes was changed");
        kp_shape_free(s);
        return NULL;
    }
    unroll(s);
    if (s->is.length)
        kp_discord_begin(s->discord, s->is.length);
    for (size_t i = 0; s->is.length && i < s->is.n; i++)
        distance(s, s->ring[i]);
    return s;
}
