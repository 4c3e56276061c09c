/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/signal.h"

#include "core/text.h"
#include "watch/shape.h"

#include <math.h>
#include <string.h>

#include "core/ban.h"

enum {
    CALM = 20,    /* values in a row below the release that end an alarm */
    LENIENT = 100 /* values that are learnt as normal after a person said they are */
};
static const double alone =
                        5, /* in what one of 200 values reached before: the limit of one judge */
    highest = 1000,        /* of one detector, so that none drowns the other */
    release = 0.75;        /* of the limit */

enum kp_code kp_watch_signal_init(struct kp_watch_signal *s, uint32_t train, bool shape,
                                  struct kp_err *err)
{
    memset(s, 0, sizeof *s);
    s->train = train;
    s->novelty.settle = s->level.train = train;
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

/* What one judge alone says loudly enough is an alarm when the other one sees what it usually does.
 */
static double limit(const struct kp_watch_signal *s)
{
    return s->shape ? (alone + 1) / 2 : alone;
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
    kp_level_step(&s->level, value);
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
    s->drift = kp_level_step(&s->level, value);
    enum kp_doubt here = kp_novelty_here(&s->novelty);
    if (s->lenient) {
        s->lenient--;
        kp_novelty_trust(&s->novelty);
        s->ratio = 0;
        return;
    }
    s->ratio = fmax((novelty + shape) / 2, here >= KP_DOUBT_BEGINS ? limit(s) : 0);
    bool high = s->ratio >= limit(s), begins = high && !s->alarm;
    if (begins)
        kp_novelty_begin(&s->novelty);
    enum kp_doubt doubt = high ? KP_DOUBT_BEGINS : s->alarm ? KP_DOUBT_LASTS : KP_DOUBT_NONE;
    kp_novelty_doubt(&s->novelty, doubt);
    s->calm = s->ratio < release * limit(s) && !here ? s->calm + 1 : 0;
    s->alarm = high || (s->alarm && s->calm < CALM);
    if (s->shape && s->alarm)
        kp_shape_doubt(s->shape, begins);
}

static struct kp_judgement tell(const struct kp_watch_signal *s, bool learning,
                                enum kp_watch_trouble trouble)
{
    struct kp_judgement out = { .trouble = trouble };
    out.state = s->stale                    ? KP_WATCH_STALE
                : learning                  ? KP_WATCH_LEARNING
                : s->alarm || s->drift >= 1 ? KP_WATCH_FROZEN
                                            : KP_WATCH_ACTIVE;
    if (learning)
        return out;
    out.score = s->ratio / (s->ratio + limit(s));
    out.drifts = s->drift >= 1;
    out.alarm = s->alarm || out.drifts;
    out.n_top = 1;
    out.top[0] =
        (struct kp_watch_reason){ 0, 1, s->sense.value,
                                  out.drifts ? kp_level_edge(&s->level) : s->novelty.expected };
    return out;
}

static void begin_anew(struct kp_watch_signal *s)
{
    struct kp_watch_shape *shape = s->shape;
    uint32_t train = s->train;
    memset(s, 0, sizeof *s);
    s->train = train;
    s->shape = shape;
    s->novelty.settle = s->level.train = train;
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
    bool learns = s->learnt < s->train;
    s->stale = s->stale && !sensed.usable;
    if (sensed.usable && learns)
        learn(s, value);
    else if (sensed.usable)
        judge(s, value);
    return tell(s, learns, sensed.trouble);
}

struct kp_judgement kp_watch_signal_look(struct kp_watch_signal *s, int64_t now)
{
    s->stale = kp_sense_silent(&s->sense, now);
    return tell(s, s->learnt < s->train, s->stale ? KP_TROUBLE_SILENT : KP_TROUBLE_NONE);
}

void kp_watch_signal_accept(struct kp_watch_signal *s)
{
    kp_novelty_trust(&s->novelty);
    kp_sense_accept(&s->sense);
    kp_level_accept(&s->level);
    if (s->shape)
        kp_shape_trust(s->shape);
    s->lenient = LENIENT;
    s->alarm = false;
    s->ratio = s->drift = 0;
}

void kp_watch_signal_reject(struct kp_watch_signal *s)
{
    kp_novelty_blame(&s->novelty);
    kp_level_reject(&s->level);
    if (s->shape)
        kp_shape_blame(s->shape);
}

/* ---- keeping ---- */
struct kept { /* what stands in front */
    uint32_t magic, version, size, shape;
};
enum { MAGIC = 0x6b505753, VERSION = 2 }; /* of another order of bytes, the magic is another */

void kp_watch_signal_save(const struct kp_watch_signal *s, struct kp_buf *out)
{
    struct kept head = { MAGIC, VERSION, sizeof *s, s->shape != NULL };
    struct kp_watch_signal copy;
    memcpy(&copy, s, sizeof copy);
    copy.shape = NULL;
    kp_buf_add(out, &head, sizeof head);
    kp_buf_add(out, &copy, sizeof copy);
    if (s->shape)
        kp_shape_save(s->shape, out);
}

static bool sound(const struct kp_watch_signal *s)
{
    return kp_novelty_sound(&s->novelty) && kp_tail_sound(&s->novelties) &&
           kp_level_sound(&s->level) && kp_sense_sound(&s->sense) && s->ratio >= 0 &&
           s->ratio <= highest && s->train >= KP_WATCH_TRAIN_LEAST &&
           s->train <= KP_WATCH_TRAIN_MAX && s->learnt <= s->train && s->alarm <= 1 &&
           s->stale <= 1;
}

enum kp_code kp_watch_signal_load(struct kp_watch_signal *s, const void *data, size_t size,
                                  struct kp_err *err)
{
    struct kept head = { 0 };
    const char *p = data;
    *s = (struct kp_watch_signal){ 0 };
    if (size >= sizeof head)
        memcpy(&head, p, sizeof head);
    if (head.magic != MAGIC || head.version != VERSION || head.size != sizeof *s ||
        size < sizeof head + sizeof *s)
        return kp_fail(err, KP_EPARSE, "what was kept of a signal is of another version");
    memcpy(s, p + sizeof head, sizeof *s);
    s->shape = NULL;
    if (!sound(s))
        return kp_fail(err, KP_EPARSE, "what was kept of a signal was changed");
    size_t rest = size - sizeof head - sizeof *s;
    if (head.shape && !(s->shape = kp_shape_load(p + size - rest, rest, err)))
        return err->code;
    return KP_OK;
}
