/* SPDX-License-Identifier: Apache-2.0 */
/* Each value is a function of its signal's number and its time alone, and times are multiples of
 * `every`: so whoever has the values can tell whether they are all there, and right. */
#include "couplings/sim/sim.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

enum { SIGNALS_MAX = 10000, NAME = 24, WAIT_MS = 100, BEHIND_MAX = 100 };
#define PI 3.14159265358979323846

struct settings {
    char *shape;
    int64_t signals, every, period;
};

struct sim {
    kp_signal *ids;
    int64_t tick; /* the last one told */
};

#define SETTING(member) offsetof(struct settings, member)
static const struct kp_option options[] = {
    { .name = "signals",
      .type = KP_OPT_INT,
      .offset = SETTING(signals),
      .standard = "8",
      .min = 1,
      .max = SIGNALS_MAX,
      .help = "how many" },
    { .name = "every",
      .type = KP_OPT_DURATION,
      .offset = SETTING(every),
      .standard = "1s",
      .min = KP_MILLISECOND,
      .max = 3600 * KP_SECOND,
      .help = "time from value to value of each signal" },
    { .name = "shape",
      .type = KP_OPT_CHOICE,
      .offset = SETTING(shape),
      .standard = "mixed",
      .choices = "mixed,sine,step,noise,counter",
      .help = "what they do; mixed: each in turn" },
    { .name = "period",
      .type = KP_OPT_DURATION,
      .offset = SETTING(period),
      .standard = "60s",
      .min = 10 * KP_MILLISECOND,
      .max = 30 * 24 * 3600 * KP_SECOND,
      .help = "of a sine, and of four steps" },
    { 0 },
};

/* ---- values ---- */
static struct kp_value sine(int64_t i, int64_t at, const struct settings *set)
{
    double part = (double)(at % set->period) / (double)set->period + (double)i / 16;
    return kp_double(50 + 40 * sin(2 * PI * part));
}

static struct kp_value step_of(int64_t i, int64_t at, const struct settings *set)
{
    int64_t quarter = set->period / 4;
    return kp_int((at / quarter + i) % 4);
}

/* Spread evenly between 19 and 21: the mixer of splitmix64. */
static struct kp_value noise(int64_t i, int64_t at, const struct settings *set)
{
    uint64_t z = (uint64_t)(at / set->every) * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)i;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return kp_double(19 + 2 * (double)(z >> 11) / 9007199254740992.0);
}

static struct kp_value counter(int64_t i, int64_t at, const struct settings *set)
{
    (void)i;
    return kp_int(at / set->every);
}

static const struct shape {
    const char *name;
    uint8_t type;
    struct kp_value (*value)(int64_t i, int64_t at, const struct settings *);
} shapes[] = { { "sine", KP_DOUBLE, sine },
               { "step", KP_INT64, step_of },
               { "noise", KP_DOUBLE, noise },
               { "counter", KP_INT64, counter } };
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static const struct shape *shape_of(const struct settings *set, int64_t i)
{
    for (size_t k = 0; k < SHAPES; k++)
        if (strcmp(set->shape, shapes[k].name) == 0)
            return &shapes[k];
    return &shapes[i % SHAPES];
}

/* ---- open, step, close ---- */
static enum kp_code declare(struct kp_coupling *c, struct sim *s, const struct settings *set,
                            struct kp_err *err)
{
    size_t n = (size_t)set->signals;
    struct kp_declare *list = kp_alloc(n * sizeof *list);
    char(*names)[NAME] = kp_alloc(n * sizeof *names);
    for (size_t i = 0; list && names && i < n; i++) {
        const struct shape *shape = shape_of(set, (int64_t)i);
        snprintf(names[i], NAME, "%s-%zu", shape->name, i + 1);
        list[i] = (struct kp_declare){
            .path = names[i],
            .asset_kind = KP_MACHINE,
            .info = { .type = shape->type, .stored = true, .source = names[i] },
        };
    }
    if (!list || !names)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else if (!kp_coupling_declare(c, list, n, err))
        for (size_t i = 0; i < n; i++)
            s->ids[i] = list[i].id;
    kp_free(names);
    kp_free(list);
    return err->code;
}

static enum kp_code open_machine(struct kp_coupling *c, struct kp_err *err)
{
    struct sim *s = kp_coupling_state(c);
    const struct settings *set = kp_coupling_settings(c);
    s->ids = kp_alloc((size_t)set->signals * sizeof *s->ids);
    if (!s->ids)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (declare(c, s, set, err))
        return err->code;
    s->tick = kp_coupling_utc(c) / set->every;
    kp_coupling_count(c, (uint32_t)set->signals, (uint32_t)set->signals, 0);
    kp_coupling_online(c);
    return KP_OK;
}

static enum kp_code tell(struct kp_coupling *c, const struct sim *s, const struct settings *set,
                         struct kp_err *err)
{
    int64_t at = s->tick * set->every;
    for (int64_t i = 0; i < set->signals; i++) {
        struct kp_sample sample = { s->ids[i], KP_GOOD, at, shape_of(set, i)->value(i, at, set) };
        if (sample.signal && kp_coupling_report(c, &sample, err))
            return err->code;
    }
    return kp_coupling_flush(c, err);
}

/* What is too far behind is left out, and counted as lost; a clock set back far is followed. */
static enum kp_code step(struct kp_coupling *c, struct kp_err *err)
{
    struct sim *s = kp_coupling_state(c);
    const struct settings *set = kp_coupling_settings(c);
    int64_t now = kp_coupling_utc(c), newest = now / set->every;
    if (newest + BEHIND_MAX < s->tick)
        s->tick = newest;
    if (newest <= s->tick) {
        int64_t left = (s->tick + 1) * set->every - now, most = WAIT_MS * KP_MILLISECOND;
        struct timespec wait = { .tv_nsec = left < most ? left : most };
        nanosleep(&wait, NULL);
        return KP_OK;
    }
    if (newest - s->tick > BEHIND_MAX) {
        kp_coupling_lost(c, (uint64_t)(newest - s->tick - 1) * (uint64_t)set->signals);
        s->tick = newest - 1;
    }
    s->tick++;
    return tell(c, s, set, err);
}

static void close_machine(struct kp_coupling *c)
{
    struct sim *s = kp_coupling_state(c);
    kp_free(s->ids);
    s->ids = NULL;
}

const struct kp_coupling_class kp_sim = {
    .name = "sim",
    .schemes = "sim",
    .url_settings = true,
    .settings_size = sizeof(struct settings),
    .state_size = sizeof(struct sim),
    .options = options,
    .open = open_machine,
    .step = step,
    .close = close_machine,
};
