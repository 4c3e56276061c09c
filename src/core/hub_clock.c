/* SPDX-License-Identifier: Apache-2.0 */
/* Samples whose time cannot be right, on their way through the hub; and what is told of such a machine. */
#include "core/hub_private.h"

#include "core/text.h"

#include <stdio.h>

#include "core/ban.h"

#define TELL_AGAIN (60 * KP_SECOND)
#define MOVED      (3600 * KP_SECOND)

/* ---- what is told ---- */
static void condition_key(const struct kp_coupling *c, char out[KP_NAME_MAX + 8])
{
    snprintf(out, KP_NAME_MAX + 8, "clock-%s", c->name);
}

static void tell(struct kp_hub *h, struct kp_coupling *c)
{
    char key[KP_NAME_MAX + 8], by[48], how[64], text[1024];
    kp_clock_offset_print(c->clock.offset, by, sizeof by);
    snprintf(how, sizeof how, c->clock.offset < 0 ? "%s behind" : "%s ahead", by);
    snprintf(text, sizeof text,
             "coupling %s: the machine's clock is %s; set it right. Until then its values have the time of their "
             "receipt: koppel quarantine --coupling %s. If its times are right: --set clock=source; if it has no clock: "
             "clock=receive",
             c->name, how, c->name);
    condition_key(c, key);
    kp_hub_condition(h, key, text);
    c->told_offset = c->clock.offset;
    c->told_at = kp_mono(h->clock);
}

/* Each text is an alarm of its own, so one that jumps about is not told at each jump. */
static bool moved(const struct kp_hub *h, const struct kp_coupling *c)
{
    int64_t by;
    bool far = __builtin_sub_overflow(c->clock.offset, c->told_offset, &by) || by > MOVED || by < -MOVED;
    return far && kp_mono(h->clock) - c->told_at >= TELL_AGAIN;
}

static void tell_changes(struct kp_hub *h, struct kp_coupling *c, bool before)
{
    char key[KP_NAME_MAX + 8];
    condition_key(c, key);
    if (c->clock.telling && (!before || moved(h, c)))
        tell(h, c);
    else if (before && !c->clock.telling)
        kp_hub_condition(h, key, NULL);
}

void clock_leave(struct kp_hub *h, struct kp_coupling *c)
{
    char key[KP_NAME_MAX + 8];
    condition_key(c, key);
    if (c->clock.telling)
        kp_hub_condition(h, key, NULL);
}

/* ---- what becomes of them ---- */
static void hold(struct far_off *f, const struct kp_batch *of, const struct kp_sample *s)
{
    if (!f->batch && (f->batch = kp_batch_new(of->coupling))) {
        f->batch->held = true;
        f->batch->historic = of->historic;
        f->batch->arrived = of->arrived;
    }
    if (f->batch && kp_batch_add(f->batch, s))
        f->held++;
    else
        f->lost++;
}

/* The latest value once more, as servers send it after a reconnect, however old it is by now. */
static bool is_known(const struct kp_model *m, const struct kp_sample *s)
{
    struct kp_now now = kp_model_now(m, s->signal);
    return now.known && now.sample.at == s->at && kp_value_equal(&now.sample.value, &s->value);
}

static void judge(struct kp_hub *h, struct kp_coupling *c, struct kp_batch *b, struct far_off *f)
{
    unsigned n = 0;
    for (unsigned i = 0; i < b->n; i++) {
        struct kp_sample *s = &b->s[i];
        const struct kp_signal_info *info = kp_model_signal(h->model, s->signal);
        enum kp_far_off far = KP_FAR_NOT;
        if (info) /* else the model counts it as unknown */
            far = kp_clock_judge(&c->clock, b, s, info->stored, !b->historic && is_known(h->model, s));
        f->n += far != KP_FAR_NOT;
        if (far == KP_FAR_HOLD)
            hold(f, b, s);
        else
            b->s[n++] = *s;
    }
    b->n = (uint16_t)n;
}

bool clock_look(struct kp_hub *h, struct kp_coupling *c, struct kp_batch *b, struct far_off *f)
{
    struct kp_time_window w = kp_time_window(c->clock.mode, b->historic, b->arrived);
    bool before = c->clock.telling, busy = !b->historic && kp_clock_watch_busy(&c->clock);
    unsigned out = 0;
    for (unsigned i = 0; i < b->n; i++)
        out += !kp_time_within(w, b->s[i].at);
    if (!out && !busy)
        return false;
    judge(h, c, b, f);
    tell_changes(h, c, before);
    return true;
}
