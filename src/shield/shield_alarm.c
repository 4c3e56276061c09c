/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms that the shield tells: intervals, which the list of alarms takes up. */
#include "shield/keep.h"

#include "core/ban.h"

enum { ATTRIBUTES = 4096 };

struct telling {
    struct kp_model *model;
    struct kp_interval v;
    struct kp_err *err;
};

static void tell(void *arg)
{
    struct telling *t = arg;
    t->v.id = kp_model_put_interval(t->model, &t->v, t->err);
}

static bool find_open(void *arg, const struct kp_interval *v)
{
    struct telling *t = arg;
    if (v->id != t->v.id)
        return true;
    t->v.start = v->start;
    t->v.asset = v->asset;
    t->v.label = v->label;
    return false;
}

/* Whether it is open still; then it stays where it is, with its label. */
static bool is_open(struct telling *t)
{
    t->v.start = KP_NO_TIME;
    kp_model_lock(t->model);
    kp_model_open_intervals(t->model, 0, find_open, t);
    kp_model_unlock(t->model);
    return t->v.start != KP_NO_TIME;
}

bool shield_alarm_stands(struct kp_shield *s, int64_t interval)
{
    return interval && is_open(&(struct telling){ .model = s->model, .v = { .id = interval } });
}

enum kp_code shield_alarm(struct kp_shield *s, struct shield_alarm *a, struct kp_err *err)
{
    int64_t now = kp_utc(s->clock);
    struct telling t = { s->model,
                         { .id = a->interval,
                           .asset = a->asset,
                           .kind = KP_INTERVAL_ALARM,
                           .label = a->label,
                           .start = now,
                           .end = KP_FOREVER },
                         err };
    struct kp_buf attributes;
    if (a->interval && !is_open(&t))
        return KP_OK; /* it has gone with its asset */
    if (a->over)
        t.v.end = now > t.v.start ? now : t.v.start;
    kp_buf_init(&attributes, ATTRIBUTES);
    struct kp_json j = kp_json(&attributes);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "key", a->key);
    kp_json_put_text(&j, "by", "security");
    if (a->from)
        kp_json_put_text(&j, "coupling", a->from);
    kp_json_put_text(&j, "text", a->text);
    kp_json_put_int(&j, "severity", a->severity);
    kp_json_end(&j, '}');
    t.v.attributes = kp_buf_text(&attributes);
    if (kp_hub_call(s->hub, tell, &t))
        kp_fail(err, KP_ESTOPPED, "the node is stopping");
    a->interval = t.v.id;
    kp_buf_free(&attributes);
    return err->code;
}
