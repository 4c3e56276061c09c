/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/signal.h"

#include "core/text.h"
#include "watch/shape.h"

#include <math.h>
#include <string.h>

#include "core/ban.h"

enum { CALM = 20 };            /* values in a row below the release that end an alarm */
static const double limit = 2, /* in what one of 200 values reached before */
    highest = 1000,            /* of one detector, so that none drowns the other */
    release = 0.75;            /* of the limit */

enum kp_code kp_watch_signal_init(struct kp_watch_signal *s, uint32_t train, bool shape,
                                  struct kp_err *err)
{
    memset(s, 0, sizeof *s);
    s->train = train;
    s->novelty.settle = train;
    if (train < KP_WATCH_TRAIN_LEAST || train > KP_WATCH_TRAIN_MAX)
        return kp_fail(err, KP_EINVALID, "%u values to learn from: it takes %d to %d", train,
                       KP_WATCH_TRAIN_LEAST, KP_WATCH_TRAIN_MAX);
    if (shape && !(s->shape = kp_shape_new(err)))
        return err->code;
    return KP_OK;
}

void kp_watch_signal_free(struct kp_watch_signal *s)
{
    kp_shape_free(s->shape);
    s->shape = NULL;
}

static double judge_novelty(struct kp_watch_signal *s, double value)
{
    double novelty = kp_novelty_step(&s->novelty, value);
    double ratio = kp_tail_ratio(&s->novelties, novelty);
    kp_tail_add(&s->novelties, novelty);
    return fmin(highest, ratio);
}

static void learn(struct kp_watch_signal *s, double value)
{
    judge_novelty(s, value);
    if (s->shape)
        kp_shape_learn(s->shape, value);
    if (++s->learnt == s->train && s->shape)
        kp_shape_begin(s->shape);
}

/* A point seen in an alarm keeps it alive; one that made it makes it again. */
static void judge(struct kp_watch_signal *s, double value)
{
    double novelty = judge_novelty(s, value);
    double shape = s->shape ? fmin(highest, kp_shape_step(s->shape, value)) : novelty;
    enum kp_doubt here = kp_novelty_here(&s->novelty);
    s->ratio = fmax((novelty + shape) / 2, here == KP_DOUBT_BEGINS ? limit : 0);
    bool high = s->ratio >= limit;
    enum kp_doubt doubt = high ? KP_DOUBT_BEGINS : s->alarm ? KP_DOUBT_LASTS : KP_DOUBT_NONE;
    kp_novelty_doubt(&s->novelty, doubt);
    s->calm = s->ratio < release * limit && !here ? s->calm + 1 : 0;
    s->alarm = high || (s->alarm && s->calm < CALM);
}

static struct kp_judgement tell(const struct kp_watch_signal *s, enum kp_watch_trouble trouble)
{
    struct kp_judgement out = { .trouble = trouble };
    bool learning = s->learnt < s->train;
    out.state = s->stale   ? KP_WATCH_STALE
                : learning ? KP_WATCH_LEARNING
                : s->alarm ? KP_WATCH_FROZEN
                           : KP_WATCH_ACTIVE;
    if (learning)
        return out;
    out.score = s->ratio / (s->ratio + limit);
    out.alarm = s->alarm;
    out.n_top = 1;
    out.top[0] = (struct kp_watch_reason){ 0, 1, s->sense.value, s->novelty.expected };
    return out;
}

static void begin_anew(struct kp_watch_signal *s)
{
    struct kp_watch_shape *shape = s->shape;
    uint32_t train = s->train;
    memset(s, 0, sizeof *s);
    s->train = train;
    s->shape = shape;
    s->novelty.settle = train;
    if (shape)
        kp_shape_forget(shape);
}

struct kp_judgement kp_watch_signal_step(struct kp_watch_signal *s, int64_t at, double value,
                                         bool good)
{
    struct kp_sensed sensed = kp_sense_step(&s->sense, at, value, good);
    if (sensed.anew)
        begin_anew(s);
    if (sensed.gap)
        kp_novelty_resume(&s->novelty);
    s->stale = s->stale && !sensed.usable;
    if (sensed.usable && s->learnt < s->train)
        learn(s, value);
    else if (sensed.usable)
        judge(s, value);
    return tell(s, sensed.trouble);
}

struct kp_judgement kp_watch_signal_look(struct kp_watch_signal *s, int64_t now)
{
    s->stale = kp_sense_silent(&s->sense, now);
    return tell(s, s->stale ? KP_TROUBLE_SILENT : KP_TROUBLE_NONE);
}
