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

enum { SUSPECT = 1, FAULT }; /* of a value: of the newest alarm; of one that a person called a fault */

struct state { /* what is kept, with the ring */
    struct kp_tail tail;
    double centre, scale; /* of the values that were learnt */
    uint32_t n, next;     /* values in the ring; where the next one goes */
    uint64_t length;      /* of a stretch; 0 while it learns */
    uint32_t behind;      /* values whose stretches still reach into the alarm */
    uint32_t blamed;      /* the alarm that stands, or stood last, is a fault */
    uint8_t odd[PAST];    /* by place in the ring */
    float far[PAST];      /* the same: what the tail was given */
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
    s->is.odd[s->is.next] = 0;
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
        kp_tail_add(&s->is.tail, s->is.far[i] = (float)distance(s, s->ring[i]));
}

static uint32_t newest(const struct kp_watch_shape *s)
{
    return (s->is.next + PAST - 1) % PAST;
}

/* Of a fault neither the stretches nor how far out they were are what others are held against. */
static void call_fault(struct kp_watch_shape *s, uint32_t ago)
{
    uint32_t at = (newest(s) + PAST - ago) % PAST;
    if (s->is.odd[at] != FAULT)
        kp_tail_remove(&s->is.tail, (double)s->is.far[at]);
    s->is.odd[at] = FAULT;
    kp_discord_skip(s->discord, ago);
}

static void suspect(struct kp_watch_shape *s)
{
    if (s->is.blamed)
        call_fault(s, 0);
    else
        s->is.odd[newest(s)] = SUSPECT;
}

static void begin_doubt(struct kp_watch_shape *s)
{
    s->is.behind = 0;
    for (uint32_t i = 0; i < PAST; i++)
        s->is.odd[i] = s->is.odd[i] == SUSPECT ? 0 : s->is.odd[i];
}

/* The newest stretch is far more like one of a fault than like any other. */
static bool is_fault(const struct kp_watch_shape *s)
{
    const double near = (double)s->is.far[newest(s)] / 2;
    for (uint32_t ago = (uint32_t)s->is.length; ago < s->is.n; ago++)
        if (s->is.odd[(newest(s) + PAST - ago) % PAST] == FAULT && kp_discord_to(s->discord, ago) < near)
            return true;
    return false;
}

void kp_shape_doubt(struct kp_watch_shape *s, bool begins)
{
    if (begins) {
        begin_doubt(s);
        s->is.blamed = 0;
    }
    suspect(s);
    s->is.behind = (uint32_t)s->is.length;
    if (!s->is.blamed && is_fault(s))
        kp_shape_blame(s);
}

void kp_shape_blame(struct kp_watch_shape *s)
{
    uint64_t left = 0; /* of the stretch in front of one that is suspect */
    s->is.blamed = 1;
    for (uint32_t ago = 0; ago < s->is.n; ago++) {
        bool odd = s->is.odd[(newest(s) + PAST - ago) % PAST] == SUSPECT;
        left = odd ? s->is.length : left ? left - 1 : 0;
        if (left)
            call_fault(s, ago);
    }
}

void kp_shape_trust(struct kp_watch_shape *s)
{
    begin_doubt(s);
    for (uint32_t ago = 0; s->is.blamed && ago < s->is.n; ago++) {
        uint8_t *odd = &s->is.odd[(newest(s) + PAST - ago) % PAST];
        if (*odd == FAULT)
            kp_discord_count(s->discord, ago);
        *odd = 0;
    }
    s->is.blamed = 0;
}

double kp_shape_step(struct kp_watch_shape *s, double value)
{
    kp_shape_learn(s, value);
    double far = distance(s, value), ratio = kp_tail_ratio(&s->is.tail, far);
    float *given = &s->is.far[newest(s)];
    *given = (float)far;
    kp_tail_add(&s->is.tail, (double)*given);
    if (s->is.behind) {
        s->is.behind--;
        suspect(s);
    }
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
              s->is.scale <= most && s->is.length <= KP_DISCORD_LONGEST && s->is.behind <= KP_DISCORD_LONGEST &&
              (s->is.scale > 0 || !s->is.length);
    for (size_t i = 0; ok && i < s->is.n; i++)
        ok = fabs(s->ring[i]) <= most && s->is.odd[i] <= FAULT && s->is.far[i] >= 0 && isfinite(s->is.far[i]);
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
    if (s->is.length)
        kp_discord_begin(s->discord, s->is.length);
    for (uint32_t i = 0; s->is.length && i < s->is.n; i++) {
        uint32_t at = (s->is.next + PAST - s->is.n + i) % PAST;
        distance(s, s->ring[at]);
        if (s->is.odd[at] == FAULT)
            kp_discord_skip(s->discord, 0);
    }
    return s;
}
