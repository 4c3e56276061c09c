/* SPDX-License-Identifier: Apache-2.0 */
/* What watches find, told from another thread than the hub's. */
#include "alarm/private.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

struct telling {
    struct kp_alarms *e;
    const struct kp_alarm_told *told;
    const char *key; /* of one that is over */
    int64_t at;
    struct kp_err *err;
};

static struct kp_alarm *active_one(struct kp_alarms *e, const char *key)
{
    struct kp_alarm *a = alarm_of(e, key);
    return a && a->active ? a : NULL;
}

/* ---- hub thread ---- */
static void say_more(struct kp_alarms *e, struct kp_alarm *a, const struct kp_alarm_told *t)
{
    char text[KP_ALARM_TEXT];
    snprintf(text, sizeof text, "%s", t->text);
    kp_utf8_trim(text);
    if (strcmp(text, a->text) == 0 && t->priority == a->priority && t->label <= a->label)
        return;
    pthread_mutex_lock(&e->lock);
    snprintf(a->text, sizeof a->text, "%s", text);
    a->priority = t->priority;
    a->label = t->label > a->label ? t->label : a->label;
    a->value = t->value;
    alarm_changed(e, a);
    pthread_mutex_unlock(&e->lock);
}

static void do_tell(void *arg)
{
    struct telling *t = arg;
    const struct kp_alarm_told *told = t->told;
    struct kp_alarm *a = active_one(t->e, told->key);
    struct raising r = { .asset = told->asset,
                         .source = KP_ALARM_WATCH,
                         .priority = told->priority,
                         .label = told->label,
                         .at = told->at,
                         .value = told->value,
                         .limit = told->limit,
                         .key = told->key,
                         .rule = told->watch,
                         .text = told->text };
    if (a)
        say_more(t->e, a, told);
    else if (!alarm_raise(t->e, &r))
        kp_fail(t->err, KP_EFULL, "the list of alarms is full");
}

static void do_untell(void *arg)
{
    struct telling *t = arg;
    struct kp_alarm *a = active_one(t->e, t->key);
    if (a)
        alarm_clear(t->e, a->id, t->at);
}

/* ---- any other ---- */
enum kp_code kp_alarms_tell(struct kp_alarms *e, const struct kp_alarm_told *told,
                            struct kp_err *err)
{
    struct telling t = { .e = e, .told = told, .err = err };
    if (kp_hub_call(e->hub, do_tell, &t) == KP_ESTOPPED)
        return kp_fail(err, KP_ESTOPPED, "the node is stopping");
    return err->code;
}

enum kp_code kp_alarms_untell(struct kp_alarms *e, const char *key, int64_t at, struct kp_err *err)
{
    struct telling t = { .e = e, .key = key, .at = at, .err = err };
    if (kp_hub_call(e->hub, do_untell, &t) == KP_ESTOPPED)
        return kp_fail(err, KP_ESTOPPED, "the node is stopping");
    return err->code;
}

char *kp_alarms_of_watches(struct kp_alarms *e)
{
    struct kp_buf keys;
    kp_buf_init(&keys, (size_t)KP_ALARM_LIVING_MAX * KP_ALARM_KEY);
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->n; i++)
        if (e->list[i].active && e->list[i].source == KP_ALARM_WATCH)
            kp_buf_add(&keys, e->list[i].key, strlen(e->list[i].key) + 1);
    pthread_mutex_unlock(&e->lock);
    kp_buf_add(&keys, "", 1);
    char *out = kp_buf_take(&keys);
    kp_buf_free(&keys);
    return out;
}

int64_t kp_alarms_find(struct kp_alarms *e, const char *key)
{
    pthread_mutex_lock(&e->lock);
    const struct kp_alarm *a = active_one(e, key);
    int64_t id = a ? a->id : 0;
    pthread_mutex_unlock(&e->lock);
    return id;
}
